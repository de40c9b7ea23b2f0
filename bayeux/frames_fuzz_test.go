package bayeux

import (
	"bytes"
	"net"
	"testing"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// The states of a connection in which FuzzFrames sends.
const (
	unbound = iota
	handshaken
	connected
	holding
	disconnected
	closing
	states
)

// FuzzFrames sends arbitrary bytes after the upgrade, in each state of a
// connection (A12). Whatever they are, the connection ends when the client ends it,
// and the server goes on.
func FuzzFrames(f *testing.F) {
	frame := func(op ws.OpCode, fin bool, text string) []byte {
		var buf bytes.Buffer
		fr := ws.NewFrame(op, fin, []byte(text))
		_ = ws.WriteFrame(&buf, ws.MaskFrame(fr))
		return buf.Bytes()
	}
	var p packers
	p.init()
	packed := ws.MaskFrame(ws.NewTextFrame(p.deflate([]byte(`[{"channel":"/a"}]`))))
	packed.Header.Rsv = ws.Rsv(true, false, false)
	var deflated bytes.Buffer
	_ = ws.WriteFrame(&deflated, packed)
	for state := range byte(states) {
		for _, b := range [][]byte{
			frame(ws.OpText, true, `[{"channel":"/meta/handshake"}]`),
			frame(ws.OpText, true, `[{"channel":"/meta/handshake"},{"channel":"/meta/handshake"}]`),
			frame(ws.OpText, true, `[]`),
			frame(ws.OpText, false, `[{"channel":`),
			frame(ws.OpContinuation, true, `"/a"}]`),
			append(frame(ws.OpText, false, `[{"channel":`), frame(ws.OpContinuation, true, `"/a"}]`)...),
			frame(ws.OpBinary, true, "\x00"),
			frame(ws.OpPing, true, "p"),
			frame(ws.OpPong, true, "\x00\x00\x00\x00\x00\x00\x00\x01"),
			frame(ws.OpClose, true, "\x03\xe8bye"),
			append(frame(ws.OpClose, true, ""), frame(ws.OpText, true, `[{}]`)...),
			deflated.Bytes(),
			{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
			{0xc1, 0x80, 0, 0, 0, 0},
			{0x81, 0x02, '[', ']'},
		} {
			f.Add(state, b)
		}
	}
	shared := start(f, Options{MaxMessageRate: Unlimited, WS: WSOptions{ConfirmByPing: true, PingInterval: Never}})
	f.Fuzz(func(t *testing.T, state byte, b []byte) {
		bench := *shared
		bench.t = t
		c, err := bench.tryWebsocket(nil, ws.Dialer{Extensions: []httphead.Option{wsflate.DefaultParameters.Option()}})
		must(t, err)
		state %= states
		switch {
		case state == handshaken:
			shake(t, c, "")
		case state >= connected:
			handshake(t, c, "")
			subscribe(t, c, "/a")
		}
		switch state {
		case holding:
			c.send(connectMessage("1", ""))
			bench.held(1)
		case disconnected:
			c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		case closing:
			for _, k := range bench.srv.sockets.list() {
				k.setClosing(ws.StatusNormalClosure) // the close frame is still to be written
			}
		}
		c.wmu.Lock()
		_, _ = c.conn.Write(b)
		c.wmu.Unlock()
		_ = c.conn.(*net.TCPConn).CloseWrite()
		c.closed() // the server ends the connection, whatever it was
		eventually(t, "the end of the socket", func() bool { return bench.srv.Stats().Sockets == 0 })
		if s := bench.session(c); s != nil {
			s.Disconnect()
		}
	})
}
