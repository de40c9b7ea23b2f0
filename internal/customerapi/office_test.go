package customerapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/agentapi"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/described"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is the API over a running desk with a real store. Services: support, and strict, which requires everything and is open to one origin.
type office struct {
	t       *testing.T
	api     *API
	handler http.Handler
	desk    *desk.Desk
	log     *journal
	grown   chan struct{} // holds a wish: an agent was told something

	closeStore func() error
}

// journal is a log that may be read while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

const (
	support = "/genesys/2/chat/support"
	strict  = "/genesys/2/chat/strict"
)

var dana, omar = directory.UserID("dana"), directory.UserID("omar")

func open(t *testing.T, tune ...func(*Settings)) *office {
	t.Helper()
	queue := &directory.Queue{ID: directory.ResourceID("queue", "support"), Name: "support"}
	dir, err := directory.New(directory.Directory{
		Queues: []*directory.Queue{queue},
		Users: []*directory.User{
			{ID: dana, Name: "dana", Roles: []directory.Role{directory.AgentRole}, Queues: []string{queue.ID}, Capacity: 100},
			{ID: omar, Name: "omar", Roles: []directory.Role{directory.AgentRole}, Queues: []string{queue.ID}, Capacity: 100},
		},
		Services: []*directory.Service{
			{
				Name: "support", Queue: queue.ID, TypingPreview: true,
				EndedRetention: 10 * time.Minute, ClientTimeoutREST: 45 * time.Second,
			},
			{
				Name: "strict", Queue: queue.ID, EndedRetention: 10 * time.Minute, ClientTimeoutREST: 45 * time.Second,
				RequiredFields: []string{"firstName", "lastName", "subject", "emailAddress"}, AllowedOrigins: []string{"https://shop.example.org"},
			},
			{Name: "Ümläut/desk", Queue: queue.ID, EndedRetention: 10 * time.Minute},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, log: &journal{}, grown: make(chan struct{}, 1), closeStore: sync.OnceValue(db.Close)}
	logger := slog.New(slog.NewTextHandler(io.MultiWriter(o.log, t.Output()), &slog.HandlerOptions{Level: slog.LevelDebug}))
	local := bus.NewLocal()
	o.desk, err = desk.New(desk.Config{
		Node:  "1",
		Store: described.Store(t, db), Bus: local, Directory: dir, Settings: desk.DefaultSettings(), Logger: logger,
		Encoder: agentapi.NewEncoder("http://chat.example.com/api/v2", false, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.desk.Watch(func(string, int64) {
		select {
		case o.grown <- struct{}{}:
		default:
		}
	})
	if err := o.desk.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.desk.Stop()
		if err := errors.Join(local.Close(), o.closeStore()); err != nil {
			t.Error(err)
		}
	})
	// Tests are one address in a hurry; those of the rates set them.
	settings := DefaultSettings()
	settings.StartsPerMinute, settings.OperationsPerSecond = 0, 0
	for _, f := range tune {
		f(&settings)
	}
	o.api = New(Config{Desk: o.desk, Directory: dir, Settings: settings, Logger: logger})
	o.handler = described.Handler(t, o.api.Handler())
	return o
}

// answer is what came back, read by the strictest of clients.
type answer struct {
	status int
	header http.Header
	raw    string
	envelopeRead
}

// do sends a request as it is.
func (o *office) do(r *http.Request) answer {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), raw: w.Body.String()}
	if r.Method != http.MethodOptions {
		a.envelopeRead = readStrictly(o.t, a.status, w.Header(), w.Body.Bytes())
	}
	return a
}

// post sends parameters in pairs of name and value.
func (o *office) post(path string, pairs ...string) answer {
	o.t.Helper()
	return o.do(formRequest(path, pairs...))
}

func formRequest(path string, pairs ...string) *http.Request {
	var body strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			body.WriteByte('&')
		}
		body.WriteString(url.QueryEscape(pairs[i]) + "=" + url.QueryEscape(pairs[i+1]))
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body.String()))
	r.Header.Set("Content-Type", formEncoded)
	return r
}

// pat is a customer in her chat.
type pat struct {
	o       *office
	service string
	id, key string
}

// pat starts a chat.
func (o *office) pat(pairs ...string) *pat {
	o.t.Helper()
	a := o.post(support, append([]string{"nickname", "Pat Lowe"}, pairs...)...)
	if a.status != http.StatusOK || a.StatusCode != 0 {
		o.t.Fatalf("request chat: %d %s", a.status, a.raw)
	}
	return &pat{o: o, service: support, id: a.ChatID, key: a.SecureKey}
}

func (p *pat) url(operation string) string { return p.service + "/" + p.id + "/" + operation }

func (p *pat) do(operation string, pairs ...string) answer {
	p.o.t.Helper()
	return p.o.post(p.url(operation), append([]string{"secureKey", p.key}, pairs...)...)
}

// must is do for what has to succeed.
func (p *pat) must(operation string, pairs ...string) answer {
	p.o.t.Helper()
	a := p.do(operation, pairs...)
	if a.status != http.StatusOK || a.StatusCode != 0 {
		p.o.t.Fatalf("%s: %d %s", operation, a.status, a.raw)
	}
	return a
}

// ready logs dana in.
func (o *office) ready() {
	o.t.Helper()
	ctx := o.t.Context()
	if _, err := o.desk.LogIn(ctx, dana, []string{agent.Chat}, nil); err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.desk.SetState(ctx, dana, agent.Chat, agent.OpReady, nil); err != nil {
		o.t.Fatal(err)
	}
}

// joined has dana take the chat as soon as it is offered to her.
func (o *office) joined(p *pat) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 20*time.Second)
	defer cancel()
	for {
		if v, err := o.desk.View(ctx, dana, p.id); err == nil && v.State == chat.Invited {
			o.agent(p, chat.Accept{Nickname: "Dana"})
			return
		}
		select {
		case <-ctx.Done():
			o.t.Fatal("the chat was not offered")
		case <-o.grown:
		}
	}
}

// agent has dana do something in the chat.
func (o *office) agent(p *pat, a chat.Action) {
	o.t.Helper()
	o.as(dana, p, a)
}

func (o *office) as(userID string, p *pat, a chat.Action) {
	o.t.Helper()
	if _, err := o.desk.Operate(o.t.Context(), userID, p.id, a, nil); err != nil {
		o.t.Fatalf("%s: %v", a.Operation(), err)
	}
}

// consulted has omar listen in, unseen by the customer.
func (o *office) consulted(p *pat) {
	o.t.Helper()
	if _, err := o.desk.LogIn(o.t.Context(), omar, []string{agent.Chat}, nil); err != nil {
		o.t.Fatal(err)
	}
	o.agent(p, chat.Consult{UserID: omar})
	o.as(omar, p, chat.Accept{Nickname: "Omar"})
}

// codes are the codes of the errors of an answer.
func (a answer) codes() []int {
	var list []int
	for _, p := range a.Errors {
		list = append(list, p.Code)
	}
	return list
}

// seen lists what the customer sees: "2 ParticipantJoined Dana", "3 Message Dana: Hello".
func (a answer) seen() []string {
	var list []string
	for _, m := range a.Messages {
		list = append(list, m.String())
	}
	return list
}

// pass lets the bubble's clock run on, and whatever is due then come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
