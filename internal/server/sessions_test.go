package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// A desktop goes on with its session when the server was restarted (DEL-14): the same client id, no second handshake, nothing lost and nothing out of
// order. If it acknowledges nothing comes twice, and else neither, unless the server was in a hurry and cut it off.
func TestSessionsOutliveTheServer(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ack %t", transport, ack), func(t *testing.T) {
				t.Parallel()
				outlive(t, transport, ack)
			})
		}
	}
}

func outlive(t *testing.T, transport string, ack bool) {
	t.Helper()
	srv := servertest.Start(t)
	dana := srv.Agent(t, "dana", func(o *servertest.AgentOptions) { o.Transport, o.Ack = transport, ack })
	pat := srv.Customer(t, "support")
	dana.Accept()
	id := dana.CometD.ID()
	var want []string
	hurried := map[string]bool{}
	say := func(text string) {
		t.Helper()
		want = append(want, text)
		pat.Say(text)
	}
	for round, restart := range []func(){
		func() { srv.Stop(t); srv.StartAgain(t) },
		func() { srv.Restart(t) }, // in a hurry
		func() { srv.Stop(t); srv.StartAgain(t) },
	} {
		for i := range 3 {
			say(fmt.Sprintf("%d before restart %d", i, round))
		}
		for _, text := range want[len(want)-3:] {
			hurried[text] = round == 1
		}
		restart()
		for i := range 3 {
			say(fmt.Sprintf("%d after restart %d", i, round))
		}
		dana.WaitText(want[len(want)-1])
		if now := dana.CometD.ID(); now != id {
			t.Fatalf("after restart %d she had to shake hands anew", round)
		}
		waitMetric(t, srv.URL, "halley_cometd_resumed_total 1")
		waitMetric(t, srv.URL, "halley_cometd_handshakes_total 0")
	}
	var got []string
	for _, n := range dana.Notices() {
		for _, m := range n.Messages {
			if again := len(got) > 0 && slices.Contains(got, m.Text) && hurried[m.Text] && !ack; strings.Contains(m.Text, "restart") && !again {
				got = append(got, m.Text)
			}
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("she got\n%s\nwant\n%s", g, w)
	}
}

// Past the window the old id is worth nothing: a client is told so, begins anew, and reads its state over REST. Nothing that happened before comes to
// it (A16). Time in which no server runs does not count.
func TestPastTheWindow(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"the server ran all the time": false, "the server was restarted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := servertest.Start(t, func(c *config.Config) { c.Agent.MaxInterval, c.Agent.ResumeWindow = time.Second, time.Second })
			dana := srv.Agent(t, "dana")
			pat := srv.Customer(t, "support")
			dana.Accept()
			p := newPoller(t, srv, dana)
			if _, reply := p.poll(0, false); !reply.Successful {
				t.Fatalf("%+v", reply)
			}
			if restart {
				srv.Stop(t)
				<-time.After(3 * time.Second) // without a server
				srv.StartAgain(t)
				if _, reply := p.poll(0, false); !reply.Successful {
					t.Fatalf("within its window, but for time without a server: %+v", reply)
				}
				srv.Stop(t)
				srv.StartAgain(t)
			}
			pat.Say("too early")
			<-time.After(3 * time.Second)
			if pushed, reply := p.poll(0, false); reply.Successful || !strings.HasPrefix(reply.Error, "402") || reply.Advice.Reconnect != "handshake" || len(pushed) > 0 {
				t.Fatalf("%+v, %+v", reply, pushed)
			}
			p.handshake()
			if a := dana.Do(http.MethodGet, "/me/chats?fields=*", nil); !strings.Contains(string(a.Body), pat.ChatID()) {
				t.Errorf("her chat is not in %s", a.Body)
			}
			pat.Say("in time")
			var pushed []message
			for end := time.Now().Add(servertest.Patience); len(pushed) == 0 && time.Now().Before(end); {
				pushed, _ = p.poll(1000, false)
			}
			if len(pushed) != 1 || !strings.Contains(string(pushed[0].Data), "in time") {
				t.Errorf("pushed was %+v", pushed)
			}
		})
	}
}
