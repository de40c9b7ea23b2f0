package bayeux

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// DEL-15 c, A7: that the peer has ended the connection is known before anybody has read so from it: its next connect may be here first.
func TestConnectionEndedByPeer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.TCPConn) error{
		"closed": (*net.TCPConn).Close,
		"reset": func(c *net.TCPConn) error {
			must(t, c.SetLinger(0))
			return c.Close()
		},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		peer, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		own, err := ln.Accept()
		must(t, err)
		for _, shared := range []bool{false, true} {
			if (&trackedConn{raw: rawConn(own)}).mark(shared).lost() {
				t.Errorf("%s, shared %v: lost before it was", name, shared)
			}
		}
		must(t, end(peer.(*net.TCPConn)))
		for _, shared := range []bool{false, true} {
			e := (&trackedConn{raw: rawConn(own)}).mark(shared)
			for over := time.Now().Add(5 * time.Second); !e.lost(); {
				if time.Now().After(over) {
					t.Fatalf("%s, shared %v: not noticed", name, shared)
				}
			}
			if !e.final() {
				t.Errorf("%s, shared %v: more is waited for", name, shared)
			}
		}
		must(t, own.Close())
		must(t, ln.Close())
	}
}

// DEL-15 c: net/http closes a connection before it says so, and the next connect may come in between.
func TestConnectionClosedHere(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	defer peer.Close()
	own, err := ln.Accept()
	must(t, err)
	e := (&trackedConn{raw: rawConn(own)}).mark(false)
	must(t, own.Close())
	if !e.lost() || !e.final() {
		t.Error("a reply on a connection that is closed counts as read")
	}
}

// DEL-8, DEL-15: what waits is not given to a connect whose client has gone before the answer, as one has that comes after its successor.
func TestNothingForWhoHasGone(t *testing.T) {
	t.Parallel()
	restsOrNot(t, "connect", func(t *testing.T, setup func(*bench)) {
		requests := make(chan *http.Request)
		gate := func(b *bench) {
			inner := b.http.Handler
			b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Late") != "" {
					requests <- r
					c := b.srv.trackedConnOf(r.Context())
					eventually(t, "the end of the connection", c.gone)
				}
				inner.ServeHTTP(w, r)
			})
		}
		b := start(t, Options{}, setup, gate)
		c := b.polling()
		handshake(t, c, "") // it hurries after failures
		subscribe(t, c, "/s")
		conn, _ := b.atRest(c)
		_, err := io.WriteString(conn, strings.Replace(c.text(connectMessage("1", "")), "Host:", "X-Late: 1\r\nHost:", 1))
		must(t, err)
		<-requests
		b.publish("/s", "1")
		must(t, conn.Close())
		eventually(t, "the late answer", func() bool {
			s := b.session(c)
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.connects == 2 && s.answering == nil
		})
		if got := data(c.ask(connectMessage("2", ""))); got != "1" {
			t.Errorf("got %q", got)
		}
	})
}
