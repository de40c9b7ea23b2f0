package bayeuxclient

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"
)

// WS-7, WS-20, DEL-13: fragments, controls between them, frames that carry nothing, and pings, which are answered after the messages
// before them were taken.
func TestFrames(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		opt := p.options()
		opt.OnMessage = got.on
		c, s, _ := p.socketed(opt)
		write := func(f ws.Frame) {
			if err := ws.WriteFrame(s.conn, f); err != nil {
				t.Fatal(err)
			}
		}
		part := func(op ws.OpCode, fin bool, text string) ws.Frame { return ws.NewFrame(op, fin, []byte(text)) }
		write(ws.NewPingFrame([]byte("1")))
		write(part(ws.OpText, false, `[{"channel":"/k",`))
		write(ws.NewPingFrame([]byte("2")))
		write(part(ws.OpContinuation, false, `"data"`))
		write(part(ws.OpContinuation, true, `:1}]`))
		write(ws.NewPingFrame([]byte("3")))
		write(ws.NewPongFrame([]byte("unasked")))
		write(ws.NewBinaryFrame([]byte{1, 2, 3}))
		write(ws.NewTextFrame(nil))
		write(ws.NewTextFrame([]byte("[]"))) // a keep-alive [WS-8]
		s.write(`[{"channel":"/k","data":2}]`)
		write(ws.NewPingFrame(nil))
		for _, want := range []string{"1", "2", "3", ""} {
			if got := <-s.pong; got != want {
				t.Errorf("pong %q, want %q", got, want)
			}
		}
		if got := got.all(); got != "/k 1, /k 2" {
			t.Errorf("got %s", got)
		}
		p.end(c)
	})
}

// A12, WS-17, WS-18: what breaks a websocket, and that the client comes back from it.
func TestBadFrames(t *testing.T) {
	for name, test := range map[string]struct {
		frame func(*socket) error
		want  string
	}{
		"too large": {func(s *socket) error {
			return ws.WriteHeader(s.conn, ws.Header{Fin: true, OpCode: ws.OpText, Length: 1 << 40})
		}, "too large"},
		"too large in all": {func(s *socket) error {
			for range 3 {
				if err := ws.WriteFrame(s.conn, ws.NewFrame(ws.OpText, false, make([]byte, 400))); err != nil {
					return err
				}
			}
			return nil
		}, "read from websocket"},
		"masked": {func(s *socket) error {
			return ws.WriteFrame(s.conn, ws.MaskFrame(ws.NewTextFrame([]byte("[]"))))
		}, "read from websocket"},
		"not JSON": {func(s *socket) error { return ws.WriteFrame(s.conn, ws.NewTextFrame([]byte("{"))) }, "not an array"},
		"closed": {func(s *socket) error {
			return ws.WriteFrame(s.conn, ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "bye")))
		}, "1001 bye"},
		"reserved": {func(s *socket) error {
			return ws.WriteHeader(s.conn, ws.Header{Fin: true, OpCode: 5})
		}, "read from websocket"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *peer) {
				var told states
				opt := p.options()
				opt.OnState, opt.MaxResponse = told.on, 1000
				c, s, _ := p.socketed(opt)
				if err := test.frame(s); err != nil {
					t.Log(err) // the client may be quicker
				}
				p.gone(s)
				up := p.next("upgrade")
				if err := told.last().Err; err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("told %v", err)
				}
				up.accept()
				p.expect("frame", "/meta/connect").reply(advisedReply)
				p.expect("frame", "/meta/connect")
				p.end(c)
			})
		})
	}
}

// A server that takes nothing any more is given up after MaxNetworkDelay, writer and all.
func TestWriteNotTaken(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		conns := make(chan *socket, 1)
		opt := p.options()
		d := p.dial(opt)
		up := p.next("upgrade")
		s := up.accept()
		conns <- s
		p.expect("frame", "/meta/handshake").reply(shakeReply)
		p.expect("frame", "/meta/connect").reply(advisedReply)
		c := d.wait(t)
		// The held connect and this publish fill what the peer is willing to read: nobody takes the arrivals.
		publish := do(func() error { return c.Publish(t.Context(), "/a", 1) })
		another := do(func() error { return c.Publish(t.Context(), "/a", 2) })
		if err := publish(); err == nil {
			t.Error("publish 1 did not fail")
		}
		if err := another(); err == nil {
			t.Error("publish 2 did not fail")
		}
		synctest.Wait()
		p.next("frame")
		p.end(c)
	})
}
