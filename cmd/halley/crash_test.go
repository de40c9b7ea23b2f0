package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/process"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

const (
	kills      = 20
	sendsASec  = 200
	crashChats = 9 // three agents with room for three each
)

// The server is killed with SIGKILL at random moments while customers send 200 messages a second. Every message whose send was answered
// with statusCode 0 is in the transcript afterwards, indices have no gap and no repeat, and the agent's feed has a notice for each (I1).
func TestKill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	binary := build(t)
	data := filepath.Join(t.TempDir(), "data")
	server, err := process.Start(ctx, process.Options{Binary: binary, Data: data, Listen: freePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	listen := strings.TrimPrefix(server.URL, "http://")

	chats := startCrashChats(ctx, t, server.URL)
	sending, stop := context.WithCancel(ctx)
	var senders sync.WaitGroup
	for _, c := range chats {
		senders.Go(func() { c.send(sending, sendsASec/crashChats) })
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for i := range kills {
		wait(ctx, time.Duration(200+random.IntN(600))*time.Millisecond)
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if server, err = process.Start(ctx, process.Options{Binary: binary, Data: data, Listen: listen}); err != nil {
			t.Fatalf("restart %d: %v", i+1, err)
		}
	}
	wait(ctx, 300*time.Millisecond)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	stop()
	senders.Wait()

	if err := broken(ctx, data, chats); err != nil {
		t.Error(err)
	}
	answered := 0
	for _, c := range chats {
		answered += len(c.answered)
	}
	if answered < 50*kills {
		t.Errorf("only %d messages were answered: the test has not tested much", answered)
	}
	t.Logf("%d kills; %d messages answered, none lost", kills, answered)
}

// crashChat is a customer who counts what she was promised.
type crashChat struct {
	id, key, url string
	sent         int      // how many messages were tried
	answered     []string // texts whose send was answered with statusCode 0
	failed       atomic.Int64
}

// startCrashChats starts chats that agents take.
func startCrashChats(ctx context.Context, t *testing.T, server string) (chats []*crashChat) {
	t.Helper()
	for i := range crashChats {
		chats = append(chats, startCrashChat(t, server, i))
	}
	for _, name := range []string{"dana", "omar", "lena"} {
		takeAll(ctx, t, server, name, crashChats/3)
	}
	return chats
}

func startCrashChat(t *testing.T, server string, i int) *crashChat {
	t.Helper()
	var e struct{ ChatID, SecureKey string }
	res, err := http.PostForm(server+"/genesys/2/chat/support", url.Values{"nickname": {fmt.Sprintf("Pat %d", i)}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.UnmarshalRead(res.Body, &e, json.MatchCaseInsensitiveNames(true)); err != nil || e.ChatID == "" {
		t.Fatalf("request chat: HTTP %d, %v", res.StatusCode, err)
	}
	return &crashChat{id: e.ChatID, key: e.SecureKey, url: server + "/genesys/2/chat/support/" + e.ChatID}
}

// send writes numbered messages at a rate. One that fails is not repeated: whether it was written is not known, and nothing was promised.
func (c *crashChat) send(ctx context.Context, rate int) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ; ; c.sent++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		text := fmt.Sprintf("message %d", c.sent)
		if c.sendOne(ctx, client, text) {
			c.answered = append(c.answered, text)
		} else {
			c.failed.Add(1)
		}
	}
}

func (c *crashChat) sendOne(ctx context.Context, client *http.Client, text string) bool {
	form := url.Values{"secureKey": {c.key}, "message": {text}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/send", strings.NewReader(form))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var e struct{ StatusCode int }
	e.StatusCode = -1
	return json.UnmarshalRead(res.Body, &e, json.MatchCaseInsensitiveNames(true)) == nil && e.StatusCode == 0
}

// broken holds what is on disk against what was promised to all customers, and against the rules for logs and feeds.
func broken(ctx context.Context, data string, chats []*crashChat) error {
	db, err := sqlite.Open(ctx, data, sqlite.Options{})
	if err != nil {
		return err
	}
	told, err := noticesByIndex(ctx, db)
	for _, c := range chats {
		err = errors.Join(err, c.broken(ctx, db, told[c.id]))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return unsound(ctx, data)
}

// unsound is what the check of the data finds.
func unsound(ctx context.Context, data string) error {
	found, err := sqlite.Check(ctx, data)
	for _, f := range found {
		err = errors.Join(err, fmt.Errorf("%s: %s", f.Where, f.What))
	}
	return err
}

// broken holds what is on disk against what was promised.
func (c *crashChat) broken(ctx context.Context, db store.Store, told map[int64]int) (err error) {
	fault := func(format string, args ...any) {
		err = errors.Join(err, fmt.Errorf("chat "+c.id+": "+format, args...))
	}
	events, readErr := db.Events(ctx, c.id, 0, 0)
	if readErr != nil {
		return readErr
	}
	written := map[string]int{}
	var index int64
	joined := int64(0)
	for i, e := range events {
		if e.Seq != int64(i+1) {
			fault("event %d has seq %d", i+1, e.Seq)
		}
		if e.Index == 0 {
			continue
		}
		if index++; e.Index != index {
			fault("index %d follows %d", e.Index, index-1)
		}
		m, ok := chat.MessageOf(e)
		if !ok {
			continue
		}
		if m.Type == chat.ParticipantJoined && m.From.Type == chat.Agent {
			joined = e.Index
		}
		if m.Type == chat.TextMessage {
			written[m.Text]++
			if joined > 0 && told[e.Index] != 1 {
				fault("the agent's feed has %d notices of message %d", told[e.Index], e.Index)
			}
		}
	}
	for _, text := range c.answered {
		if written[text] != 1 {
			fault("%q was answered and is there %d times", text, written[text])
		}
	}
	return err
}

// noticesByIndex counts, by chat and index, the messages in the agents' feeds, and checks that the feeds have no gap.
func noticesByIndex(ctx context.Context, db store.Store) (map[string]map[int64]int, error) {
	told := map[string]map[int64]int{}
	for _, name := range []string{"dana", "omar", "lena"} {
		feed, err := db.Feed(ctx, "agent:"+directory.UserID(name), 0, 0)
		if err != nil {
			return nil, err
		}
		for i, row := range feed {
			if row.N != feed[0].N+int64(i) {
				return nil, fmt.Errorf("%s's feed: %d follows %d", name, row.N, feed[i-1].N)
			}
			var n struct {
				ChatPath string `json:"chatPath"`
				Messages []struct {
					Index int64  `json:"index"`
					Type  string `json:"type"`
				} `json:"messages"`
			}
			if err := json.Unmarshal(row.Data, &n); err != nil {
				return nil, err
			}
			id := strings.TrimPrefix(n.ChatPath, "/chats/")
			if told[id] == nil {
				told[id] = map[int64]int{}
			}
			for _, m := range n.Messages {
				if m.Type == string(chat.TextMessage) {
					told[id][m.Index]++
				}
			}
		}
	}
	return told, nil
}

// takeAll logs an agent in and accepts what she is offered until she has n chats.
func takeAll(ctx context.Context, t *testing.T, server, name string, n int) {
	t.Helper()
	post := func(path, body string) {
		t.Helper()
		if code := call(ctx, t, http.MethodPost, server+"/api/v2"+path, name, body, nil); code != 0 {
			t.Fatalf("%s %s: statusCode %d", path, body, code)
		}
	}
	post("/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	post("/me/channels/chat", `{"operationName":"Ready"}`)
	for taken := map[string]bool{}; len(taken) < n; {
		var list struct {
			Chats []struct {
				ID    string `json:"id"`
				State string `json:"state"`
			} `json:"chats"`
		}
		if code := call(ctx, t, http.MethodGet, server+"/api/v2/me/chats?fields=*", name, "", &list); code != 0 {
			t.Fatalf("read chats: statusCode %d", code)
		}
		for _, c := range list.Chats {
			if c.State == "Invited" && !taken[c.ID] {
				post("/me/chats/"+c.ID, `{"operationName":"Accept"}`)
				taken[c.ID] = true
			}
		}
		wait(ctx, 20*time.Millisecond)
		if ctx.Err() != nil {
			t.Fatalf("%s was offered %d of %d chats", name, len(taken), n)
		}
	}
}

// call does one request to the agent API and returns its statusCode.
func call(ctx context.Context, t *testing.T, method, url, user, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, "demo")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var raw map[string]any
	if into != nil {
		if err := json.UnmarshalRead(res.Body, into); err != nil {
			t.Fatal(err)
		}
		return 0
	}
	if err := json.UnmarshalRead(res.Body, &raw); err != nil {
		t.Fatalf("%s: HTTP %d: %v", url, res.StatusCode, err)
	}
	return int(raw["statusCode"].(float64))
}

// build makes the real binary.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "halley")
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// freePort finds an address that stays the same over restarts.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// wait lets real time pass: the moment of a kill is a moment of the clock.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
