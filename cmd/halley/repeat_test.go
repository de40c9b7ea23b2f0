package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/process"
)

// A customer and an agent repeat under its key whatever has got no clear answer, while the server is killed again and again. Everything is done exactly once,
// and a repetition of anything, late and after restarts, gets the first answer byte for byte (agent-api 1.4, customer-api 2.0, B5, C8).
func TestKillAndRepeat(t *testing.T) {
	const kills = 6
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	binary := build(t)
	data := filepath.Join(t.TempDir(), "data")
	server, err := process.Start(ctx, process.Options{Binary: binary, Data: data, Listen: freePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	listen := strings.TrimPrefix(server.URL, "http://")
	c := startCrashChat(t, server.URL, 1)
	takeAll(ctx, t, server.URL, "dana", 1)
	pat, dana := newKeeper(), newKeeper()
	danas := server.URL + "/api/v2/me/chats/" + c.id

	sending, stop := context.WithCancel(ctx)
	var senders sync.WaitGroup
	senders.Go(func() {
		for i := 0; sending.Err() == nil; i++ {
			text := fmt.Sprintf("pat %d", i)
			form := url.Values{"secureKey": {c.key}, "message": {text}, "clientMessageId": {text[4:]}}.Encode()
			pat.insist(sending, keyed{text, c.url + "/send", "application/x-www-form-urlencoded", form, ""})
		}
	})
	senders.Go(func() {
		for i := 0; sending.Err() == nil; i++ {
			text, body := fmt.Sprintf("dana %d", i), `{"operationName":"SendMessage","text":"dana %d"}`
			if i%4 == 3 {
				text, body = "", `{"operationName":"AttachUserData","userData":{"n":%d}}`
			}
			dana.insist(sending, keyed{text, danas, "application/json", fmt.Sprintf(body, i), fmt.Sprint("key-", i)})
		}
	})
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	for i := range kills {
		wait(ctx, time.Duration(100+random.IntN(400))*time.Millisecond)
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if server, err = process.Start(ctx, process.Options{Binary: binary, Data: data, Listen: listen}); err != nil {
			t.Fatalf("restart %d: %v", i+1, err)
		}
	}
	stop()
	senders.Wait()
	for _, k := range []*keeper{pat, dana} {
		// The last ones of these had no answer when time was up.
		for _, r := range k.sent {
			k.insist(ctx, r)
		}
		for _, fault := range k.faults {
			t.Error(fault)
		}
		for _, r := range k.sent {
			if r.text != "" {
				c.answered = append(c.answered, r.text)
			}
		}
		k.client.CloseIdleConnections()
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := broken(ctx, data, []*crashChat{c}); err != nil {
		t.Error(err)
	}
	if pat.again+dana.again < kills || len(c.answered) < 20*kills {
		t.Errorf("%d requests, %d of them repeated: the test has not tested much", len(c.answered), pat.again+dana.again)
	}
	t.Logf("%d kills; %d messages, each once; %d requests without a clear answer", kills, len(c.answered), pat.again+dana.again)
}

// keyed is a request that may be repeated.
type keyed struct {
	text      string // that it writes into the chat; "": none
	url, kind string
	body, key string
}

// keeper does requests until they are answered, and keeps the answers.
type keeper struct {
	client  *http.Client
	sent    []keyed
	answers map[string]string // by body, which is of one request only
	again   int               // how many got no clear answer at first
	faults  []string
}

func newKeeper() *keeper {
	return &keeper{client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}, answers: map[string]string{}}
}

// insist does a request until it has a clear answer, which must be the same each time.
func (k *keeper) insist(ctx context.Context, r keyed) {
	first, known := k.answers[r.body]
	if !known {
		k.sent = append(k.sent, r)
		k.answers[r.body] = ""
	}
	for try := 0; ; try++ {
		status, answer, err := k.do(r)
		switch {
		case err == nil && status == http.StatusOK && first == "":
			k.answers[r.body] = answer
			return
		case err == nil && status == http.StatusOK && answer == first:
			return
		case err == nil && status < http.StatusInternalServerError:
			k.faults = append(k.faults, fmt.Sprintf("%s %s: %d %s; the first answer was %s", r.url, r.body, status, answer, first))
			return
		case ctx.Err() != nil:
			return
		case try == 0:
			k.again++
		}
		wait(ctx, 10*time.Millisecond)
	}
}

func (k *keeper) do(r keyed) (status int, answer string, err error) {
	req, err := http.NewRequest(http.MethodPost, r.url, strings.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", r.kind)
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
		req.SetBasicAuth("dana", "demo")
	}
	res, err := k.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, string(raw), err
}
