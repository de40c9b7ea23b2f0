package bayeux

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/gobwas/ws"
)

// rawSocket gives a test every byte of a websocket.
type rawSocket struct {
	t    testing.TB
	conn net.Conn
	br   *bufio.Reader
}

func (b *bench) raw(headers ...string) *rawSocket {
	b.t.Helper()
	conn, err := b.dial()
	must(b.t, err)
	b.t.Cleanup(func() { _ = conn.Close() })
	r := &rawSocket{t: b.t, conn: conn}
	r.upgrade(headers...)
	return r
}

func (r *rawSocket) upgrade(headers ...string) *http.Response {
	r.t.Helper()
	var req bytes.Buffer
	req.WriteString("GET /cometd/ HTTP/1.1\r\nHost: desk.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	for _, h := range headers {
		req.WriteString(h + "\r\n")
	}
	req.WriteString("\r\n")
	_, err := r.conn.Write(req.Bytes())
	must(r.t, err)
	r.br = bufio.NewReader(r.conn)
	resp, err := http.ReadResponse(r.br, nil)
	must(r.t, err)
	return resp
}

func (r *rawSocket) frame(h ws.Header, payload []byte) {
	r.t.Helper()
	var buf bytes.Buffer
	h.Length = int64(len(payload))
	if h.Masked {
		h.Mask = [4]byte{1, 2, 3, 4}
		payload = bytes.Clone(payload)
		ws.Cipher(payload, h.Mask, 0)
	}
	must(r.t, ws.WriteHeader(&buf, h))
	buf.Write(payload)
	_, _ = r.conn.Write(buf.Bytes()) // the server may have closed already
}

func (r *rawSocket) text(s string) {
	r.t.Helper()
	r.frame(ws.Header{Fin: true, OpCode: ws.OpText, Masked: true}, []byte(s))
}

func (r *rawSocket) read() (ws.Frame, error) { return ws.ReadFrame(r.br) }

func (r *rawSocket) readText() string {
	r.t.Helper()
	f, err := r.read()
	must(r.t, err)
	return string(f.Payload)
}

// outcome reads until a close frame and returns its code, or the error.
func (r *rawSocket) outcome() string {
	for {
		f, err := r.read()
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return "eof"
		}
		if err != nil {
			return err.Error()
		}
		if f.Header.OpCode == ws.OpClose {
			if len(f.Payload) < 2 {
				return "close"
			}
			return fmt.Sprint(int(f.Payload[0])<<8 | int(f.Payload[1]))
		}
	}
}
