package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// deliveries is the answer of GET /api/admin/agents/{id}/deliveries.
type deliveries struct {
	StatusCode    int
	Notifications []struct {
		Number        int64
		Topic, ChatID string
		MessageType   string
		Queued        time.Time
		Sessions      []delivered
		Before        int64
	}
}

type delivered struct {
	Session, State, Transport      string
	Pushes                         int
	Pushed, Lost, Confirmed, Ended time.Time
}

// askDeliveries asks for the newest notification of a chat, as the administrator.
func askDeliveries(t *testing.T, srv *servertest.Server, query string) (d deliveries, raw string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/admin/agents/dana/deliveries"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", config.DemoPassword)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &d, json.MatchCaseInsensitiveNames(true)); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", res.Status, err, body)
	}
	return d, string(body)
}

// "Did the desktop get it?" has an answer for each notification and session: one over a websocket, one that polls and loses a reply, and one that never
// comes for what waits for it.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	srv := servertest.Start(t, func(c *config.Config) { c.Agent.MaxInterval, c.Agent.ResumeWindow = 4*time.Second, 2*time.Second })
	dana := srv.Agent(t, "dana", func(o *servertest.AgentOptions) { o.Transport = bayeuxclient.WebSocket })
	polling := newPoller(t, srv, dana)
	silent := newPoller(t, srv, dana)
	pat := srv.Customer(t, "support")
	dana.Accept()
	begun := time.Now()
	pat.Say("a secret")
	dana.WaitText("a secret")

	until := func(what string, again bool) {
		t.Helper()
		for end := time.Now().Add(servertest.Patience); time.Now().Before(end); again = false {
			pushed, reply := polling.poll(1000, again)
			for _, m := range pushed {
				if strings.Contains(string(m.Data), what) {
					return
				}
			}
			if !reply.Successful {
				t.Fatalf("%+v", reply)
			}
		}
		t.Fatalf("%s was never pushed", what)
	}
	until("a secret", false)
	until("a secret", true) // its connect comes again: the reply was lost (DEL-15)
	polling.poll(10, false) // not 0, which would ask for it once more

	query := "?limit=1&chatId=" + pat.ChatID()
	wait := func(what string, fits func(ws, lp, none delivered) bool) {
		t.Helper()
		var last string
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(servertest.Patience); time.Now().Before(end); <-tick.C {
			d, raw := askDeliveries(t, srv, query)
			if last = raw; strings.Contains(raw, "secret") {
				t.Fatalf("what was said is told: %s", raw)
			}
			if len(d.Notifications) != 1 || len(d.Notifications[0].Sessions) != 3 {
				continue
			}
			n := d.Notifications[0]
			if n.ChatID != pat.ChatID() || n.MessageType != "MessageLogUpdated" || n.Topic != "/v2/me/chats" || n.Queued.Before(begun) {
				t.Fatalf("%s", raw)
			}
			if fits(n.Sessions[0], n.Sessions[1], n.Sessions[2]) {
				return
			}
		}
		t.Fatalf("waited for: %s; the record is %s", what, last)
	}
	in := func(times ...time.Time) bool { // in the order in which it happens
		for i, at := range times {
			if at.Before(begun) || i > 0 && at.Before(times[i-1]) {
				return false
			}
		}
		return true
	}
	wait("what became of it", func(ws, lp, none delivered) bool {
		return ws.State == "confirmed" && ws.Transport == "websocket" && ws.Pushes == 1 && ws.Lost.IsZero() && in(ws.Pushed, ws.Confirmed) &&
			lp.State == "confirmed" && lp.Transport == "long-polling" && lp.Pushes == 2 && in(lp.Pushed, lp.Lost, lp.Confirmed) &&
			(none.State == "pending" || none.State == "missed") && none.Pushes == 0
	})
	srv.Stop(t) // the record is on disk
	srv.StartAgain(t)
	wait("it never came for it", func(ws, lp, none delivered) bool {
		return ws.State == "confirmed" && lp.State == "confirmed" && none.State == "missed" && none.Pushes == 0 && in(none.Ended)
	})
	if _, reply := silent.poll(0, false); !strings.HasPrefix(reply.Error, "402") {
		t.Errorf("it ended, yet it goes on: %+v", reply)
	}
}
