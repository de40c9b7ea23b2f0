package bayeux

import (
	"bytes"
	"net"
	"testing"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// FuzzFrames sends arbitrary bytes after the upgrade, in each state of a
// connection: nobody, just shaken hands, with a held connect, disconnected (A12).
func FuzzFrames(f *testing.F) {
	frame := func(op ws.OpCode, fin bool, text string) []byte {
		var buf bytes.Buffer
		fr := ws.NewFrame(op, fin, []byte(text))
		_ = ws.WriteFrame(&buf, ws.MaskFrame(fr))
		return buf.Bytes()
	}
	for state := range byte(4) {
		for _, b := range [][]byte{
			frame(ws.OpText, true, `[{"channel":"/meta/handshake"}]`),
			frame(ws.OpText, true, `[]`),
			frame(ws.OpText, false, `[{"channel":`),
			frame(ws.OpContinuation, true, `"/a"}]`),
			frame(ws.OpBinary, true, "\x00"),
			frame(ws.OpPing, true, "p"),
			frame(ws.OpPong, true, "\x00\x00\x00\x00\x00\x00\x00\x01"),
			frame(ws.OpClose, true, "\x03\xe8bye"),
			{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
			{0xc1, 0x80, 0, 0, 0, 0},
			{0x81, 0x02, '[', ']'},
		} {
			f.Add(state, b)
		}
	}
	f.Fuzz(func(t *testing.T, state byte, b []byte) {
		bench := start(t, Options{MaxMessageRate: Unlimited, WS: WSOptions{ConfirmByPing: true, PingInterval: Never}})
		c, err := bench.tryWebsocket(nil, ws.Dialer{Extensions: []httphead.Option{wsflate.DefaultParameters.Option()}})
		must(t, err)
		if state%4 > 0 {
			handshake(t, c, "")
			subscribe(t, c, "/a")
		}
		switch state % 4 {
		case 2:
			c.send(connectMessage("1", ""))
			bench.held(1)
		case 3:
			c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		}
		c.wmu.Lock()
		_, _ = c.conn.Write(b)
		c.wmu.Unlock()
		_ = c.conn.(*net.TCPConn).CloseWrite()
		c.closed() // the server ends the connection, whatever it was
		eventually(t, "the end of the socket", func() bool { return bench.srv.Stats().Sockets == 0 })
	})
}
