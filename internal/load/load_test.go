package load_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/load"
	"github.com/halley-chat/halley/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// supervisors of every server.
const supervisors = 2

// options are those of a short load with users of the server's.
func options(server string, agents int) load.Options {
	o := load.Options{
		Server: server, Service: "support", Agents: agents, Supervisors: supervisors, Customers: 2 * agents, Rate: 100, Window: 8, Duration: 2 * time.Second,
		WebSocket: 0.5, Ack: 0.5, Replies: 0.3, Typing: 0.2, Transfers: 0.1, Requeues: 0.2, Meetings: 0.3, Asks: 0.5, Joins: 0.5, Removals: 0.5, Texts: 3, Poll: 200 * time.Millisecond,
		Patience: servertest.Patience, Stopping: load.ByBoth, Seed: 1,
	}
	for i := range agents {
		o.Users = append(o.Users, load.User{Name: fmt.Sprintf("agent-%d", i), Password: config.DemoPassword})
	}
	for i := range supervisors {
		o.Users = append(o.Users, load.User{Name: fmt.Sprintf("supervisor-%d", i), Password: config.DemoPassword})
	}
	return o
}

// start starts a server with so many agents.
func start(t *testing.T, agents int) *servertest.Server {
	t.Helper()
	return servertest.Start(t, func(c *config.Config) {
		hash, room := c.Users[0].PasswordHash, 6
		c.Users, c.Groups = nil, nil
		for i := range agents {
			c.Users = append(c.Users, config.User{Name: fmt.Sprintf("agent-%d", i), Queues: []string{"support"}, Capacity: &room, PasswordHash: hash})
		}
		for i := range supervisors {
			c.Users = append(c.Users, config.User{Name: fmt.Sprintf("supervisor-%d", i), Roles: []string{"supervisor"}, PasswordHash: hash})
		}
	})
}

func run(t *testing.T, o load.Options, stop <-chan struct{}) *load.Report {
	t.Helper()
	report, err := load.Run(t.Context(), o, stop)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	return report
}

func TestPromisesAreKept(t *testing.T) {
	for name, change := range map[string]func(*load.Options){
		"at a rate":           func(*load.Options) {},
		"as fast as it goes":  func(o *load.Options) { o.Rate = 0 },
		"connections cut":     func(o *load.Options) { o.Cut = 10 },
		"readers that pause":  func(o *load.Options) { o.Pause = 500 * time.Millisecond },
		"customers who write": func(o *load.Options) { o.Replies = 0; o.WebSocket, o.Ack = 1, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			const agents = 4
			srv := start(t, agents)
			o := options(srv.URL, agents)
			change(&o)
			report := run(t, o, nil)
			if !report.Kept() {
				t.Error("a promise was broken")
			}
			// How much happens depends on the machine, but not that something does.
			if report.Answered == 0 || report.Delivery.Notifications < report.Answered || report.Step("send").Count == 0 || report.Step("notify").Count == 0 {
				t.Errorf("hardly anything happened: %+v", report)
			}
			if c := report.Chats; c.Transfers+c.Requeues+c.Conferences+c.Consultations == 0 || c.Supervised == 0 {
				t.Errorf("no chat was handed on, no colleague asked, or nobody supervised: %+v", c)
			}
			if o.Cut > 0 && (report.Faults.Cuts == 0 || report.Faults.Breaks == 0) || o.Pause > 0 && report.Faults.Pauses == 0 {
				t.Errorf("there were no faults: %+v", report.Faults)
			}
			if raw, err := json.Marshal(report); err != nil || !strings.Contains(string(raw), `"lost":0`) {
				t.Errorf("as JSON: %s, %v", raw, err)
			}
		})
	}
}

// A load leaves a server as it was: the next one finds agents without chats. Agents who have some are refused.
func TestLoadAfterLoad(t *testing.T) {
	srv := start(t, 2)
	o := options(srv.URL, 2)
	for range 2 {
		if !run(t, o, nil).Kept() {
			t.Error("a promise was broken")
		}
	}
	busy := srv.Agent(t, "agent-1")
	srv.Customer(t, "support")
	busy.Accept()
	if _, err := load.Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "agent-1 has 1 chats") {
		t.Errorf("with an agent who is in a chat: %v", err)
	}
}

// A load ends early when it is told to, and has its report.
func TestStoppedEarly(t *testing.T) {
	srv := start(t, 1)
	o := options(srv.URL, 1)
	o.Duration = time.Hour
	stop := make(chan struct{})
	time.AfterFunc(2*time.Second, func() { close(stop) })
	if report := run(t, o, stop); !report.Kept() || report.Seconds > 60 {
		t.Errorf("%+v", report)
	}
}

// A broken promise is found and named, whichever it is: the notifications of one agent go through somebody who tampers with one of them.
func TestBrokenPromisesAreFound(t *testing.T) {
	type array = []json.RawMessage
	for name, tc := range map[string]struct {
		ack    bool
		tamper func(texts array) array // of at least two notifications of texts that follow each other
		want   func(*load.Report) bool
		says   string
	}{
		"lost":         {false, func(m array) array { return m[1:] }, func(r *load.Report) bool { return r.Delivery.Lost == 1 }, "1 lost"},
		"lost, ack":    {true, func(m array) array { return m[1:] }, func(r *load.Report) bool { return r.Delivery.Lost == 1 }, "1 lost"},
		"out of order": {false, func(m array) array { return array{m[1], m[0]} }, func(r *load.Report) bool { return r.Delivery.OutOfOrder == 1 }, "1 out of order"},
		"repeated": {true, func(m array) array { return array{m[0], m[0], m[1]} }, func(r *load.Report) bool {
			return r.Delivery.Unexcused == 1 && r.Delivery.Lost == 0
		}, "1 repeated"},
		"changed": {false, func(m array) array {
			return array{m[0], json.RawMessage(strings.Replace(string(m[1]), "due", "duh", 1))}
		}, func(r *load.Report) bool { return r.Delivery.Foreign == 1 && r.Delivery.Lost == 1 }, "1 not in her feed"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, 1)
			done := make(chan struct{})
			proxy := httptest.NewServer(&tamperer{to: srv.URL, tamper: tc.tamper, done: done})
			t.Cleanup(proxy.Close)
			o := options(proxy.URL, 1)
			o.Supervisors = 0
			o.WebSocket, o.Meetings, o.Requeues, o.Transfers, o.Customers, o.Replies, o.Typing, o.Texts = 0, 0, 0, 0, 1, 0, 0, 500
			o.Ack = 0
			if tc.ack {
				o.Ack = 1
			}
			o.Duration = servertest.Patience
			report := run(t, o, done)
			if report.Kept() || !tc.want(report) {
				t.Errorf("it was not found: %+v", report.Delivery)
			}
			if !strings.Contains(strings.Join(report.Broken, "\n"), tc.says) {
				t.Errorf("it is not named: %q", report.Broken)
			}
		})
	}
}
