package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/customer"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// agent-api 2.6: while everybody works, a desktop reads its state, subscribes from the position that came with it, and applies what comes. Each notification
// comes exactly once, and at each further position the outcome is the state that is read there.
func TestStateAndPosition(t *testing.T) {
	t.Parallel()
	const rounds, looks = 8, 3
	srv := servertest.Start(t, func(c *config.Config) {
		for i := range c.Users {
			c.Users[i].Capacity = new(4)
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer stop()
	agents := map[string]*servertest.Agent{}
	for _, name := range []string{"dana", "omar", "lena"} {
		agents[name] = srv.Agent(t, name)
	}
	for i, name := range []string{"dana", "omar", "lena"} {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		busy.Go(func() { work(ctx, t, srv.URL+"/api/v2", agents[name], random) })
	}
	for i := range 8 {
		random := rand.New(rand.NewPCG(2, uint64(i)))
		busy.Go(func() { visit(ctx, t, srv.URL, random) })
	}

	applied, random := 0, rand.New(rand.NewPCG(3, 0))
	for round := range rounds {
		d := readDesktop(t, agents["dana"], "/me?subresources=*")
		d.subscribe(t, srv.URL, [][]string{{"/v2/me/**"}, {"/v2/me/chats", "/v2/me/channels"}, {"/**"}}[round%3]...)
		for look := range looks {
			d.poll(t, d.last+int64(random.IntN(12)))
			now := readDesktop(t, agents["dana"], []string{"/me?subresources=channels,chats", "/me/chats?fields=*"}[(round+look)%2])
			applied += d.catchUp(t, now.position)
			if diff := cmp.Diff(now.chats, d.chats); diff != "" {
				t.Fatalf("round %d, at %d: read (-), told (+):\n%s", round, now.position, diff)
			}
			if now.channel != "" && now.channel != d.channel {
				t.Fatalf("round %d, at %d: the channel is %s, told was %s", round, now.position, now.channel, d.channel)
			}
		}
		d.must(`{"channel":"/meta/disconnect","clientId":` + d.client + `}`)
	}
	if applied < 10*rounds {
		t.Errorf("only %d notifications came: the test has not tested much", applied)
	}
	t.Logf("%d notifications came, each once", applied)
}

// desktop is what an agent's client knows: her chats and her chat channel, as of a position in her feed.
type desktop struct {
	agent    *servertest.Agent
	line     *http.Client // no others' requests come between its own
	url      string
	client   string // its id, as JSON
	position int64
	chats    map[string]string
	channel  string
	ahead    []servertest.Notice // came, but not applied yet
	numbers  []int64             // theirs
	last     int64               // that came
	t        *testing.T
}

// readDesktop reads the state over REST.
func readDesktop(t *testing.T, a *servertest.Agent, path string) *desktop {
	t.Helper()
	answer := a.Do(http.MethodGet, path, nil)
	var body struct {
		StreamPosition int64            `json:"streamPosition"`
		Chats          []jsontext.Value `json:"chats"`
		User           struct {
			Chats    []jsontext.Value `json:"chats"`
			Channels []jsontext.Value `json:"channels"`
		} `json:"user"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil || answer.StatusCode != 0 || body.StreamPosition == 0 {
		t.Fatalf("%s: %v: %s", path, err, answer.Body)
	}
	d := &desktop{agent: a, position: body.StreamPosition, last: body.StreamPosition, chats: map[string]string{}, t: t}
	for _, raw := range append(body.Chats, body.User.Chats...) {
		d.chats[idOf(t, raw)] = canonical(t, raw)
	}
	if len(body.User.Channels) > 0 {
		d.channel = canonical(t, body.User.Channels[0])
	}
	return d
}

func idOf(t *testing.T, raw jsontext.Value) string {
	t.Helper()
	var resource struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw, &resource); err != nil || resource.ID == "" {
		t.Fatalf("a chat without an id: %v: %s", err, raw)
	}
	return resource.ID
}

// canonical makes equal values equal texts.
func canonical(t *testing.T, raw jsontext.Value) string {
	t.Helper()
	raw = raw.Clone()
	if err := raw.Canonicalize(); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return string(raw)
}

// must sends CometD messages and returns what came back, all of it successful.
func (d *desktop) must(messages ...string) []jsontext.Value {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), servertest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, strings.NewReader("["+strings.Join(messages, ",")+"]"))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.line.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	var came []jsontext.Value
	if err = errors.Join(err, json.Unmarshal(raw, &came)); err != nil || bytes.Contains(raw, []byte(`"successful":false`)) {
		d.t.Fatalf("%v: %s", err, raw)
	}
	return came
}

// subscribe opens a CometD session whose subscriptions all begin where the state was read.
func (d *desktop) subscribe(t *testing.T, server string, channels ...string) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	d.url, d.line = server+"/api/v2/notifications", &http.Client{Jar: d.agent.HTTP.Jar, Transport: transport}
	reply := d.must(`{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"replay":true}}`)[0]
	var shaken struct {
		ClientID jsontext.Value `json:"clientId"`
	}
	if err := json.Unmarshal(reply, &shaken); err != nil {
		t.Fatal(err)
	}
	d.client = string(shaken.ClientID)
	var subscribes []string
	for _, c := range channels {
		subscribes = append(subscribes, fmt.Sprintf(`{"channel":"/meta/subscribe","clientId":%s,"subscription":%q,"ext":{"replay":{%q:%d}}}`, d.client, c, c, d.position))
	}
	d.must(subscribes...)
}

// catchUp polls until all up to a position has come, applies that, and returns how many these were.
func (d *desktop) catchUp(t *testing.T, position int64) (applied int) {
	t.Helper()
	d.poll(t, position)
	for len(d.ahead) > 0 && d.numbers[0] <= position {
		d.apply(t, d.ahead[0])
		d.ahead, d.numbers = d.ahead[1:], d.numbers[1:]
		applied++
	}
	d.position = position
	return applied
}

// poll connects until all up to a position has come.
func (d *desktop) poll(t *testing.T, position int64) {
	t.Helper()
	for d.last < position {
		for _, m := range d.must(`{"channel":"/meta/connect","connectionType":"long-polling","advice":{"timeout":2000},"clientId":` + d.client + `}`) {
			d.take(t, m)
		}
	}
}

// take keeps a notification. Her feed has no gaps, so the next one has the next number.
func (d *desktop) take(t *testing.T, raw jsontext.Value) {
	t.Helper()
	var m struct {
		Channel string         `json:"channel"`
		Data    jsontext.Value `json:"data"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(m.Channel, "/meta/") {
		return
	}
	n := servertest.Notice{Data: m.Data}
	var event struct {
		Event struct {
			ReplayID int64 `json:"replayId"`
		} `json:"event"`
	}
	if err := errors.Join(json.Unmarshal(m.Data, &n), json.Unmarshal(m.Data, &event)); err != nil {
		t.Fatalf("%v: %s", err, m.Data)
	}
	if event.Event.ReplayID != d.last+1 {
		t.Fatalf("notification %d came after %d: %s", event.Event.ReplayID, d.last, m.Data)
	}
	d.last++
	d.ahead, d.numbers = append(d.ahead, n), append(d.numbers, d.last)
}

// apply does what a desktop does with a notification.
func (d *desktop) apply(t *testing.T, n servertest.Notice) {
	t.Helper()
	var raw struct {
		Chat     jsontext.Value   `json:"chat"`
		Channels []jsontext.Value `json:"channels"`
	}
	if err := json.Unmarshal(n.Data, &raw); err != nil {
		t.Fatal(err)
	}
	switch {
	case n.MessageType == "ChannelStateChangeMessageV2":
		d.channel = canonical(t, raw.Channels[0])
	case n.MessageType != "ChatStateChangeMessage":
	case n.Chat.State == "Completed" || n.Chat.State == "Revoked":
		delete(d.chats, n.Chat.ID)
	default:
		d.chats[n.Chat.ID] = canonical(t, raw.Chat)
	}
}

// work does whatever an agent may do, at random, until ctx ends.
func work(ctx context.Context, t *testing.T, api string, a *servertest.Agent, random *rand.Rand) {
	for ctx.Err() == nil {
		if random.IntN(10) == 0 {
			ask(ctx, t, a.HTTP, http.MethodPost, api+"/me/channels/chat", map[string]any{"operationName": []string{"Ready", "Ready", "Ready", "NotReady"}[random.IntN(4)]})
		}
		var mine struct {
			Chats []struct {
				ID           string   `json:"id"`
				Capabilities []string `json:"capabilities"`
			} `json:"chats"`
		}
		if raw := ask(ctx, t, a.HTTP, http.MethodGet, api+"/me/chats?fields=*", nil); json.Unmarshal(raw, &mine) != nil {
			return
		}
		for _, c := range mine.Chats {
			if len(c.Capabilities) == 0 {
				continue
			}
			operation := c.Capabilities[random.IntN(len(c.Capabilities))]
			if ends := slices.Contains([]string{"Complete", "Leave", "Reject"}, operation); ends && random.IntN(4) > 0 {
				continue
			}
			key := fmt.Sprint("k", random.IntN(5))
			// Some are refused, since others are at work on the chat too: that is part of it.
			ask(ctx, t, a.HTTP, http.MethodPost, api+"/me/chats/"+c.ID, map[string]any{
				"operationName": operation, "text": "hm", "url": "https://example.com", "noticeText": "n", "disposition": "refunded",
				"targetPath": "/users/" + colleagues[random.IntN(len(colleagues))], "userData": map[string]any{key: random.IntN(100)}, "keys": []string{key},
			})
		}
	}
}

// ask sends a request to the agent API and returns the answer's body; nil: there was none, as ctx has ended.
func ask(ctx context.Context, t *testing.T, client *http.Client, method, url string, body map[string]any) []byte {
	raw, err := json.Marshal(body)
	if err != nil {
		t.Error(err)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(raw))
	if err != nil {
		t.Error(err)
		return nil
	}
	resp, err := client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		raw, err = io.ReadAll(resp.Body)
	}
	if err != nil {
		if ctx.Err() == nil {
			t.Errorf("%s %s: %v", method, url, err)
		}
		return nil
	}
	return raw
}

// visit is one customer after the other.
func visit(ctx context.Context, t *testing.T, server string, random *rand.Rand) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for ctx.Err() == nil {
		c := &customer.Client{Server: server, Service: "support", HTTP: &http.Client{Transport: transport}}
		_, err := c.Start(ctx, customer.Param{Name: "nickname", Value: "Pat"})
		if err != nil && ctx.Err() == nil {
			t.Errorf("a customer cannot begin: %v", err)
		}
		for i := 0; err == nil && i < 50; i++ { // an agent may end the chat before
			if _, err = c.Send(ctx, "Where is my parcel?"); err == nil {
				_, err = c.UpdateData(ctx, customer.Data(fmt.Sprint("k", random.IntN(5)), fmt.Sprint(random.IntN(100))))
			}
		}
		_, _ = c.Disconnect(ctx)
	}
}

var colleagues = []string{directory.UserID("dana"), directory.UserID("omar"), directory.UserID("lena")}
