package customer

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/agentapi"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/customerapi"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is the real customer API over a real desk and store, with dana at the other end.
type stage struct {
	t       *testing.T
	desk    *desk.Desk
	handler http.Handler
	grown   chan struct{} // holds a wish: dana was told something
}

var dana = directory.UserID("dana")

func newStage(t *testing.T) *stage {
	t.Helper()
	queue := &directory.Queue{ID: directory.ResourceID("queue", "support"), Name: "support"}
	dir, err := directory.New(directory.Directory{
		Queues: []*directory.Queue{queue},
		Users: []*directory.User{{
			ID: dana, Name: "dana", Roles: []directory.Role{directory.AgentRole}, Queues: []string{queue.ID}, Capacity: 100,
		}},
		Services: []*directory.Service{{
			Name: "support", Queue: queue.ID, TypingPreview: true, EndedRetention: 10 * time.Minute, ClientTimeoutREST: 45 * time.Second,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	local := bus.NewLocal()
	d, err := desk.New(desk.Config{
		Node:  "1",
		Store: db, Bus: local, Directory: dir, Settings: desk.DefaultSettings(), Logger: logger,
		Encoder: agentapi.NewEncoder("http://chat.example.com/api/v2", false, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, desk: d, grown: make(chan struct{}, 1)}
	d.Watch(func(string, int64) {
		select {
		case s.grown <- struct{}{}:
		default:
		}
	})
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Stop()
		if err := errors.Join(local.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	settings := customerapi.DefaultSettings()
	settings.StartsPerMinute = 0
	s.handler = customerapi.New(customerapi.Config{Desk: d, Directory: dir, Settings: settings, Logger: logger}).Handler()
	return s
}

// RoundTrip hands a request to the server without a network, so that time may stand still meanwhile.
func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI = "203.0.113.7:4711", r.URL.RequestURI()
	s.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

func (s *stage) client() *Client {
	return &Client{Server: "http://chat.example.com", Service: "support", HTTP: &http.Client{Transport: s}}
}

// ready logs dana in.
func (s *stage) ready() {
	s.t.Helper()
	if _, err := s.desk.LogIn(s.t.Context(), dana, []string{agent.Chat}, nil); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.desk.SetState(s.t.Context(), dana, agent.Chat, agent.OpReady, nil); err != nil {
		s.t.Fatal(err)
	}
}

// attend has dana take every chat and react to each message of a customer: react returns what she does. It ends with ctx.
func (s *stage) attend(ctx context.Context, react func(said string) []chat.Action) {
	heard := map[string]int64{} // highest index by chat
	for {
		views, err := s.desk.Views(ctx, dana)
		if err != nil && ctx.Err() == nil {
			s.t.Error(err)
		}
		for _, v := range views {
			switch v.State {
			case chat.Invited:
				s.do(ctx, v.ID, chat.Accept{Nickname: "Dana"})
			case chat.Chatting:
				messages, err := s.desk.Messages(ctx, dana, v.ID, heard[v.ID]+1, 1000)
				if err != nil && ctx.Err() == nil {
					s.t.Error(err)
				}
				for _, m := range messages {
					heard[v.ID] = m.Index
					if m.Type == chat.TextMessage && m.From.Type == chat.Customer {
						for _, a := range react(m.Text) {
							s.do(ctx, v.ID, a)
						}
					}
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.grown:
		}
	}
}

// do ignores that the customer was faster.
func (s *stage) do(ctx context.Context, chatID string, a chat.Action) {
	_, err := s.desk.Operate(ctx, dana, chatID, a, nil)
	if err != nil && ctx.Err() == nil && !errors.Is(err, chat.ErrState) && !errors.Is(err, chat.ErrEnded) && !errors.Is(err, chat.ErrNotFound) {
		s.t.Errorf("%s: %v", a.Operation(), err)
	}
}

func saying(text string) []chat.Action { return []chat.Action{chat.SendMessage{Text: text}} }

// transcript is what the customer of a chat can read, "Pat Lowe: Hello" and so on.
func (s *stage) transcript(c *Client) (lines []string, ended bool) {
	s.t.Helper()
	e, err := c.Refresh(s.t.Context(), From(1))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range e.Messages {
		if m.Type == "Message" {
			lines = append(lines, m.From.Nickname+": "+m.Text)
		}
	}
	return lines, e.ChatEnded
}

// page is a writer that may be read while it is written.
type page struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *page) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSuffix(p.buf.String(), "\n"), "\n")
}
