package bayeux

import (
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"
)

// DEL-15 (b), A6, A7: of replies that are lost one after the other behind a proxy, which ends its connections late, each comes again; a client that polls in short
// intervals is left alone, and one that changes to that does not get the same for ever.
func TestLostConnectRepliesInARow(t *testing.T) {
	t.Parallel()
	const hurry = `,"advice":{"timeout":0}`
	b := start(t, Options{Timeout: 50 * ms})
	c := b.polling()
	elsewhere := func() { // another connection, while the one before stays open
		c.tr = c.tr.Clone()
		c.hc.Transport = c.tr
		t.Cleanup(c.tr.CloseIdleConnections)
	}
	next := 1
	ask := func(advice, want string) {
		t.Helper()
		next++
		if got := data(c.ask(connectMessage(strconv.Itoa(next), advice))); got != want {
			t.Errorf("connect %d got %q, want %q", next, got, want)
		}
	}
	shake(t, c, "")
	ask(hurry, "")
	subscribe(t, c, "/s")
	b.publish("/s", "1")
	ask(hurry, "1")
	b.publish("/s", "2")
	elsewhere()
	ask(hurry, "2") // nothing but short polls so far
	b.publish("/s", "3")
	ask("", "3")
	for i := range maxFailures {
		if i == 1 {
			b.publish("/s", "4")
		}
		elsewhere()
		ask(hurry, []string{"3", "3 4"}[min(i, 1)])
	}
	ask(hurry, "") // by the same connection: it was read
	b.publish("/s", "5")
	ask(hurry, "5")
	elsewhere()
	ask(hurry, "")
}

// DEL-13, WS-23: who answers the close frame of a server that stops has got what left before it, also what no ping has asked about yet. A close of the client's
// own shows nothing.
func TestCloseAnswered(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		own  bool
		want string
	}{"the server's close is answered": {false, "3"}, "the client closes": {true, "1 2 3"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				l := startLasting(t, Options{WS: WSOptions{ConfirmByPing: true}})
				r := l.newReader(WebSocket, false, "/n")
				c := r.c.(*socketClient)
				c.hush()
				l.tell("/n", "1")
				if got := r.next(1); got != "1" { // its ping is not answered
					t.Fatal(got)
				}
				l.tell("/n", "2")
				if got := r.next(1); got != "2" {
					t.Fatal(got)
				}
				if tt.own {
					must(t, c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))))
					synctest.Wait()
				}
				l.stop()
				l.begin()
				r.again()
				l.tell("/n", "3")
				if got, _ := r.connect(`,"advice":{"timeout":100}`); got != tt.want {
					t.Errorf("after the restart: %q, want %q", got, tt.want)
				}
			})
		})
	}
}
