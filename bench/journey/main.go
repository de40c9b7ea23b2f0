// Journey measures how long a customer's words take: from the moment her POST is sent to the moment the notification is in the hands of the
// agent's CometD client, through the real server, with every message on disk before it is answered.
//
//	go run ./bench/journey --binary bin/halley
//
// It measures an idle server first (one message at a time), then a constant rate. Messages are sent when their time has come, whether or
// not earlier ones were answered; the clock of a message starts when it should have been sent, so a server that stalls is charged for it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/process"
)

func main() {
	binary := flag.String("binary", "bin/halley", "the server")
	idle := flag.Int("idle", 300, "messages to an idle server")
	rate := flag.Int("rate", 500, "messages per second in the second part")
	duration := flag.Duration("duration", 20*time.Second, "length of the second part")
	transport := flag.String("transport", bayeuxclient.WebSocket, "websocket or long-polling")
	flag.Parse()
	if err := run(*binary, *transport, *idle, *rate, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "journey:", err)
		os.Exit(1)
	}
}

func run(binary, transport string, idle, rate int, duration time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	server, err := process.Start(ctx, process.Options{Binary: binary})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	b := &bench{server: server.URL, arrived: map[string]time.Time{}, some: make(chan struct{}, 1)}
	for _, name := range []string{"dana", "omar", "lena"} {
		leave, err := b.agent(ctx, name, transport)
		if err != nil {
			return fmt.Errorf("agent %s: %w", name, err)
		}
		defer leave()
	}
	var chats []customer
	for i := range 9 { // three agents with room for three each
		c, err := b.customer("Pat " + strconv.Itoa(i))
		if err != nil {
			return err
		}
		chats = append(chats, c)
	}
	if err := b.await(ctx, func() bool { return b.accepted == len(chats) }); err != nil {
		return fmt.Errorf("%d of %d chats were accepted: %w", b.accepted, len(chats), err)
	}

	fmt.Println(process.Machine())
	fmt.Printf("agents over %s; every message on disk before its answer\n", transport)
	one, err := b.measure(ctx, chats[:1], idle, 0)
	if err != nil {
		return err
	}
	fmt.Printf("idle, one message at a time: %s (goal p50 5 ms)\n", one)
	before, _ := server.CPU()
	many, err := b.measure(ctx, chats, rate*int(duration/time.Second), rate)
	if err != nil {
		return err
	}
	after, _ := server.CPU()
	fmt.Printf("%d messages/s for %v:        %s; server %.0f %% of one core\n", rate, duration, many, 100*float64(after-before)/float64(duration))
	return nil
}

type bench struct {
	server string

	mu       sync.Mutex
	arrived  map[string]time.Time // by text, when an agent's client had it
	accepted int
	repeated int
	some     chan struct{}
}

type customer struct{ url, key string }

// figures are the latencies of one part.
type figures []time.Duration

func (f figures) String() string {
	q := func(p float64) time.Duration {
		return f[min(int(p*float64(len(f))), len(f)-1)].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, worst %v of %d", q(0.50), q(0.99), q(0.999), f[len(f)-1].Round(10*time.Microsecond), len(f))
}

// measure sends n messages, at a rate or (0) each when the one before has arrived, and returns their sorted latencies. A message that does
// not arrive, or arrives twice, is an error: a fast server that loses things is not fast.
func (b *bench) measure(ctx context.Context, chats []customer, n, rate int) (figures, error) {
	due := make(map[string]time.Time, n)
	var sending sync.WaitGroup
	var mu sync.Mutex
	var failed error
	began := time.Now()
	for i := range n {
		text := fmt.Sprintf("message %d of the part at %d/s", i, rate)
		at := time.Now()
		if rate > 0 {
			at = began.Add(time.Duration(i) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(at))
		}
		due[text] = at
		sending.Go(func() {
			if err := chats[i%len(chats)].send(text); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
		if rate == 0 {
			if err := b.await(ctx, func() bool { return !b.arrived[text].IsZero() }); err != nil {
				return nil, fmt.Errorf("message %d did not arrive: %w", i, err)
			}
		}
	}
	sending.Wait()
	if failed != nil {
		return nil, failed
	}
	var f figures
	if err := b.await(ctx, func() bool {
		f = f[:0]
		for text, at := range due {
			if got := b.arrived[text]; !got.IsZero() {
				f = append(f, got.Sub(at))
			}
		}
		return len(f) == n
	}); err != nil {
		return nil, fmt.Errorf("%d of %d messages arrived: %w", len(f), n, err)
	}
	if b.repeated > 0 {
		return nil, fmt.Errorf("%d messages arrived twice", b.repeated)
	}
	slices.Sort(f)
	return f, nil
}

// await waits until cond, called under the lock, holds.
func (b *bench) await(ctx context.Context, cond func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		b.mu.Lock()
		ok := cond()
		b.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-b.some:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// agent logs in, becomes ready and accepts what she is offered.
func (b *bench) agent(ctx context.Context, name, transport string) (leave func(), err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	web := &http.Client{Jar: jar}
	header := http.Header{}
	request, err := http.NewRequest(http.MethodGet, b.server, nil)
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(name, "demo")
	header.Set("Authorization", request.Header.Get("Authorization"))
	post := func(path string, body map[string]any) error {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.server+"/api/v2"+path, bytes.NewReader(raw))
		if err != nil {
			return err
		}
		req.Header = header.Clone()
		req.Header.Set("Content-Type", "application/json")
		return do(web, req)
	}
	client, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: b.server + "/api/v2/notifications", HTTP: web, Header: header, Transports: []string{transport},
	})
	if err != nil {
		return nil, err
	}
	accept := func(id string) {
		if err := post("/me/chats/"+id, map[string]any{"operationName": "Accept", "nickname": name}); err != nil {
			fmt.Fprintln(os.Stderr, "journey: accept:", err)
		}
	}
	if _, err := client.Subscribe(ctx, "/v2/me/chats", func(m bayeuxclient.Message) { b.note(m, accept) }); err != nil {
		return nil, err
	}
	if err := post("/me", map[string]any{"operationName": "StartContactCenterSession", "channels": []string{"chat"}}); err != nil {
		return nil, err
	}
	if err := post("/me/channels/chat", map[string]any{"operationName": "Ready"}); err != nil {
		return nil, err
	}
	return func() { client.Close(ctx) }, nil
}

func (b *bench) note(m bayeuxclient.Message, accept func(chatID string)) {
	at := time.Now()
	var n struct {
		Chat     struct{ ID, State string }
		Messages []struct{ Type, Text string }
	}
	if err := json.Unmarshal(m.Data, &n); err != nil {
		fmt.Fprintln(os.Stderr, "journey: a notification that is not JSON:", err)
		return
	}
	if n.Chat.State == "Invited" {
		go accept(n.Chat.ID)
	}
	b.mu.Lock()
	for _, msg := range n.Messages {
		switch {
		case msg.Type == "Text" && !b.arrived[msg.Text].IsZero():
			b.repeated++
		case msg.Type == "Text":
			b.arrived[msg.Text] = at
		}
	}
	if len(n.Messages) > 0 && n.Messages[0].Type == "ParticipantJoined" {
		b.accepted++ // the history of a chat that was accepted
	}
	b.mu.Unlock()
	select {
	case b.some <- struct{}{}:
	default:
	}
}

// web carries the customers' requests, with a connection for each that is under way.
var web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 30 * time.Second}

func (b *bench) customer(nickname string) (customer, error) {
	res, err := web.PostForm(b.server+"/genesys/2/chat/support", url.Values{"nickname": {nickname}})
	if err != nil {
		return customer{}, err
	}
	defer res.Body.Close()
	var e struct{ ChatID, SecureKey string }
	if err := json.NewDecoder(res.Body).Decode(&e); err != nil {
		return customer{}, err
	}
	if e.ChatID == "" {
		return customer{}, fmt.Errorf("request chat: HTTP %d", res.StatusCode)
	}
	return customer{url: b.server + "/genesys/2/chat/support/" + e.ChatID, key: e.SecureKey}, nil
}

func (c customer) send(text string) error {
	form := url.Values{"secureKey": {c.key}, "message": {text}}
	req, err := http.NewRequest(http.MethodPost, c.url+"/send", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(web, req)
}

// do sends a request and requires the answer to say that all is well.
func do(client *http.Client, req *http.Request) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var a struct {
		StatusCode    int
		StatusMessage string
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return fmt.Errorf("%s: HTTP %d: %w", req.URL.Path, res.StatusCode, err)
	}
	if a.StatusCode != 0 {
		return fmt.Errorf("%s: HTTP %d, statusCode %d %s", req.URL.Path, res.StatusCode, a.StatusCode, a.StatusMessage)
	}
	return nil
}
