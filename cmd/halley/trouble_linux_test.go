package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/disk"
)

// troubled is a server on a disk with trouble: a customer, the agent who has her chat, and two desktops of the agent.
type troubled struct {
	*fragile
	ctx      context.Context
	pat      *crashChat
	answered []string // texts of all sends that were answered with statusCode 0, in order
	desktops []*desktop
}

// desktop is a CometD client of dana's.
type desktop struct {
	*bayeuxclient.Client
	mu    sync.Mutex
	texts []string
	more  chan struct{}
	id    string
}

func openDesktop(ctx context.Context, t *testing.T, server, transport string) *desktop {
	t.Helper()
	web := &http.Transport{}
	t.Cleanup(web.CloseIdleConnections)
	client := &http.Client{Jar: logIn(ctx, t, server), Transport: web}
	var err error
	d := &desktop{more: make(chan struct{}, 1)}
	d.Client, err = bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: server + "/api/v2/notifications", HTTP: client, Transports: []string{transport},
		Backoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(ctx)) }) // the server may be gone
	if _, err := d.Subscribe(ctx, "/v2/me/chats", d.take); err != nil {
		t.Fatal(err)
	}
	d.id = d.ID()
	return d
}

func (d *desktop) heard(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.texts, text)
}

func (d *desktop) take(m bayeuxclient.Message) {
	var n struct {
		Messages []struct{ Type, Text string }
	}
	if err := json.Unmarshal(m.Data, &n, json.MatchCaseInsensitiveNames(true)); err != nil {
		n.Messages = append(n.Messages, struct{ Type, Text string }{"Text", err.Error()})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, msg := range n.Messages {
		if msg.Text != "" {
			d.texts = append(d.texts, msg.Text)
		}
	}
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// envelope is an answer of the customer API.
type envelope struct {
	http       int
	took       time.Duration
	StatusCode int
	ChatEnded  bool
	Messages   []struct{ Type, Text string }
	Errors     []struct {
		Code   int
		Advice string
	}
}

func (tr *troubled) customer(operation string, form url.Values) (e envelope) {
	tr.t.Helper()
	form.Set("secureKey", tr.pat.key)
	began := time.Now()
	res, err := http.PostForm(tr.pat.url+"/"+operation, form)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer res.Body.Close()
	e.StatusCode = -1
	if err := json.UnmarshalRead(res.Body, &e, json.MatchCaseInsensitiveNames(true)); err != nil {
		tr.t.Fatalf("%s: HTTP %d without JSON: %v", operation, res.StatusCode, err)
	}
	e.http, e.took = res.StatusCode, time.Since(began)
	return e
}

// agent does a request of dana's, and returns status, statusCode and statusMessage.
func (tr *troubled) agent(method, path, body string) (res *http.Response, code int, text string) {
	tr.t.Helper()
	req, err := http.NewRequestWithContext(tr.ctx, method, tr.server.URL+path, strings.NewReader(body))
	if err != nil {
		tr.t.Fatal(err)
	}
	req.SetBasicAuth("dana", config.DemoPassword)
	req.Header.Set("Content-Type", "application/json")
	if res, err = http.DefaultClient.Do(req); err != nil {
		tr.t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		tr.t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/api") {
		return res, 0, string(all)
	}
	var e struct {
		StatusCode    int    `json:"statusCode"`
		StatusMessage string `json:"statusMessage"`
	}
	if err := json.Unmarshal(all, &e); err != nil {
		tr.t.Fatalf("%s: HTTP %d without JSON: %v", path, res.StatusCode, err)
	}
	return res, e.StatusCode, e.StatusMessage
}

// says has the customer and the agent write, each with success.
func (tr *troubled) says(text string) {
	tr.t.Helper()
	if e := tr.customer("send", url.Values{"message": {"pat: " + text}}); e.StatusCode != 0 {
		tr.t.Fatalf("%s: the customer's message: %+v", text, e)
	}
	if res, code, said := tr.agent(http.MethodPost, "/api/v2/me/chats/"+tr.pat.id, `{"operationName":"SendMessage","text":"dana: `+text+`"}`); code != 0 {
		tr.t.Fatalf("%s: the agent's message: HTTP %d, %s", text, res.StatusCode, said)
	}
	tr.answered = append(tr.answered, "pat: "+text, "dana: "+text)
}

// refused wants clear errors from both APIs, red health, and reads that go on.
func (tr *troubled) refused(trouble string) {
	tr.t.Helper()
	if e := tr.customer("send", url.Values{"message": {"lost: " + trouble}}); e.http != http.StatusOK || e.StatusCode != 1 || e.ChatEnded {
		tr.t.Errorf("%s: the customer's message: HTTP %d, %+v", trouble, e.http, e)
	}
	res, code, text := tr.agent(http.MethodPost, "/api/v2/me/chats/"+tr.pat.id, `{"operationName":"SendMessage","text":"lost: `+trouble+`"}`)
	if res.StatusCode != http.StatusServiceUnavailable || code == 0 || !strings.Contains(text, "try again") || res.Header.Get("Retry-After") == "" {
		tr.t.Errorf("%s: the agent's message: HTTP %d, statusCode %d, %q", trouble, res.StatusCode, code, text)
	}
	if res, _, text := tr.agent(http.MethodGet, "/readyz", ""); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "the store cannot be used") {
		tr.t.Errorf("%s: readyz: HTTP %d, %q", trouble, res.StatusCode, text)
	}
	if _, _, text := tr.agent(http.MethodGet, "/metrics", ""); !strings.Contains(text, "\nhalley_store_failing 1\n") {
		tr.t.Errorf("%s: the metrics do not tell", trouble)
	}
	if res, _, _ := tr.agent(http.MethodGet, "/healthz", ""); res.StatusCode != http.StatusOK {
		tr.t.Errorf("%s: healthz: HTTP %d; the process is well", trouble, res.StatusCode)
	}
	tr.reads(trouble)
}

// reads wants the transcript to be what was answered, and the agent's API to answer.
func (tr *troubled) reads(trouble string) {
	tr.t.Helper()
	e := tr.customer("refresh", url.Values{"transcriptPosition": {"1"}})
	var texts []string
	for _, m := range e.Messages {
		if m.Type == "Message" {
			texts = append(texts, m.Text)
		}
	}
	if e.StatusCode != 0 || !slices.Equal(texts, tr.answered) {
		tr.t.Errorf("%s: HTTP %d, the transcript is %q, want %q", trouble, e.http, texts, tr.answered)
	}
	if res, code, text := tr.agent(http.MethodGet, "/api/v2/me/chats?fields=*", ""); code != 0 {
		tr.t.Errorf("%s: the agent's chats: HTTP %d, %s", trouble, res.StatusCode, text)
	}
}

// recovers waits until the server says that it is well.
func (tr *troubled) recovers(trouble string) {
	tr.t.Helper()
	for began := time.Now(); ; wait(tr.ctx, 20*time.Millisecond) {
		if res, _, _ := tr.agent(http.MethodGet, "/readyz", ""); res.StatusCode == http.StatusOK {
			return
		}
		if time.Since(began) > 20*time.Second {
			tr.t.Fatalf("%s: not ready 20 s after the trouble's end", trouble)
		}
	}
}

// told waits until the desktops were told everything that was answered, and nothing else, over the sessions that they had.
func (tr *troubled) told(trouble string) {
	tr.t.Helper()
	for i, d := range tr.desktops {
		for timeout := time.After(20 * time.Second); ; {
			d.mu.Lock()
			texts := slices.Clone(d.texts)
			d.mu.Unlock()
			if slices.Equal(texts, tr.answered) {
				break
			}
			select {
			case <-d.more:
				continue
			case <-timeout:
				tr.t.Fatalf("%s: desktop %d was told %q, want %q", trouble, i, texts, tr.answered)
			}
		}
		if id := d.ID(); id != d.id {
			tr.t.Errorf("%s: desktop %d has session %s, it had %s", trouble, i, id, d.id)
		}
	}
}

// TestDiskTrouble (I3): a full or read-only disk, and one that fails in writing or in fsync: what cannot be done is refused with clear errors on both APIs
// and is not there afterwards, reads go on, health says so, CometD sessions stay, and all recovers by itself.
func TestDiskTrouble(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tr := &troubled{fragile: startFragile(ctx, t), ctx: ctx}
	defer func() { tr.server.Kill(); tr.disk.Wait() }()
	tr.pat = startCrashChat(t, tr.server.URL, 0)
	takeAll(ctx, t, tr.server.URL, "dana", 1)
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		tr.desktops = append(tr.desktops, openDesktop(ctx, t, tr.server.URL, transport))
	}
	tr.says("at first")
	for _, trouble := range []struct {
		name   string
		faults disk.Faults
	}{
		{"full", disk.Faults{Grow: syscall.ENOSPC}},
		{"read-only", disk.Faults{Write: syscall.EROFS}},
		{"write errors", disk.Faults{Write: syscall.EIO}},
		{"fsync errors", disk.Faults{Sync: syscall.EIO}},
	} {
		tr.disk.Set(trouble.faults)
		for i := range 2 { // also when it stays
			tr.refused(fmt.Sprint(trouble.name, i))
		}
		tr.disk.Set(disk.Faults{})
		tr.recovers(trouble.name)
		tr.says("after " + trouble.name)
		tr.reads("after " + trouble.name)
		tr.told(trouble.name)
	}
	tr.slow()
	for _, d := range tr.desktops {
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := tr.server.Stop(); err != nil {
		t.Error(err)
	}
	if err := unsound(ctx, tr.data()); err != nil {
		t.Error(err)
	}
}

// slow (I3): while fsync takes two seconds, what changes the data waits for it, and nothing else does.
func (tr *troubled) slow() {
	const delay = 2 * time.Second
	tr.disk.Set(disk.Faults{SyncDelay: delay})
	sent := make(chan envelope, 1)
	go func() { sent <- tr.customer("send", url.Values{"message": {"slowly"}}) }()
	reads := 0
	for {
		select {
		case e := <-sent:
			if e.StatusCode != 0 || e.took < delay {
				tr.t.Errorf("the message: %+v", e)
			}
			if reads < 5 {
				tr.t.Errorf("%d reads got through meanwhile", reads)
			}
			tr.disk.Set(disk.Faults{})
			tr.answered = append(tr.answered, "slowly")
			tr.told("slow fsync")
			return
		default:
		}
		began := time.Now()
		if e := tr.customer("refresh", url.Values{"transcriptPosition": {"1"}}); e.StatusCode != 0 {
			tr.t.Errorf("a read: %+v", e)
		}
		if res, _, text := tr.agent(http.MethodGet, "/readyz", ""); res.StatusCode != http.StatusOK {
			tr.t.Errorf("readyz: HTTP %d, %s", res.StatusCode, text)
		}
		if took := time.Since(began); took > delay/2 {
			tr.t.Errorf("two reads took %v", took)
		}
		reads++
		wait(tr.ctx, 20*time.Millisecond)
	}
}
