package bayeux

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// A12, WS-11: who sends faster than MaxMessageRate is read later, whatever the
// frames are. Nothing is lost or refused, and others do not wait.
func TestMessageRateOverWebsocket(t *testing.T) {
	t.Parallel()
	masked := func(op ws.OpCode, fin bool) ws.Header { return ws.Header{Fin: fin, OpCode: op, Masked: true} }
	for name, tc := range map[string]struct {
		flood func(*rawSocket) // sends 31 messages or frames
		want  time.Duration    // until what follows is answered
	}{
		"frames": {func(r *rawSocket) {
			for range 31 {
				r.text(``)
			}
		}, 2100 * time.Millisecond},
		"one array": {func(r *rawSocket) { r.text("[" + strings.Repeat("{},", 30) + "{}]") }, 2100 * time.Millisecond},
		"pings": {func(r *rawSocket) {
			for range 31 {
				r.frame(masked(ws.OpPing, true), []byte("x"))
			}
		}, 2100 * time.Millisecond},
		"pongs and binary": {func(r *rawSocket) {
			for range 15 {
				r.frame(masked(ws.OpPong, true), nil)
				r.frame(masked(ws.OpBinary, true), []byte("x"))
			}
			r.frame(masked(ws.OpPong, true), nil)
		}, 2100 * time.Millisecond},
		"fragments": {func(r *rawSocket) {
			r.frame(masked(ws.OpText, false), []byte("["))
			for range 29 {
				r.frame(masked(ws.OpContinuation, false), []byte(" "))
			}
			r.frame(masked(ws.OpContinuation, true), []byte("{}]"))
		}, 2100 * time.Millisecond},
		"large": {func(r *rawSocket) {
			r.text(`{"data":"` + strings.Repeat("x", 60<<10) + `"}`) // 16
			r.text(`{"data":"` + strings.Repeat("x", 56<<10) + `"}`) // 15
		}, 2100 * time.Millisecond},
		"large when unpacked": {func(r *rawSocket) {
			var p packers
			p.init()
			h := masked(ws.OpText, true)
			h.Rsv = ws.Rsv(true, false, false)
			for range 2 {
				r.frame(h, p.deflate([]byte(`{"data":"`+strings.Repeat("x", 60<<10)+`"}`))) // 15
			}
			r.text(``)
		}, 2100 * time.Millisecond},
		"within the burst":   {func(r *rawSocket) { r.text(``) }, 0},
		"a pause is bounded": {func(r *rawSocket) { r.text("[" + strings.Repeat("{},", 99) + "{}]") }, longestPause},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{MaxMessageRate: 10})
				r, other := b.raw("Sec-WebSocket-Extensions: permessage-deflate"), b.websocket(nil)
				begin := time.Now()
				go func() {
					tc.flood(r)
					r.text(`{"channel":"/last"}`)
				}()
				handshake(t, other, "")
				if took := time.Since(begin); took != 0 {
					t.Errorf("others wait %v", took)
				}
				for {
					f, err := r.read()
					must(t, err)
					if strings.Contains(string(f.Payload), "/last") {
						break
					}
				}
				if took := time.Since(begin); took != tc.want {
					t.Errorf("took %v, want %v", took, tc.want)
				}
			})
		})
	}
}

// A pause does not outlast its socket, nor the patience with a pong (DEL-13).
func TestMessageRateAndEnds(t *testing.T) {
	t.Parallel()
	flood := "[" + strings.Repeat("{},", 99) + "{}]"
	bubble(t, func(t *testing.T) { // the server shuts down
		b := startInMemory(t, Options{MaxMessageRate: 1})
		c := b.websocket(nil)
		c.ask(flood)
		synctest.Wait()
		begin := time.Now()
		must(t, b.srv.Shutdown(context.Background()))
		if took := time.Since(begin); took != 0 || c.closed() != 1001 {
			t.Errorf("closed with %d after %v", c.code, took)
		}
	})
	// The pong is behind the flood.
	b := start(t, Options{MaxMessageRate: 100, WS: WSOptions{ConfirmByPing: true, ConfirmTimeout: time.Second, PingInterval: Never}})
	c := b.websocket(nil)
	handshake(t, c, "")
	subscribe(t, c, "/s")
	c.ask("[" + strings.Repeat("{},", 249) + "{}]")
	b.publish("/s", "1")
	c.ask(`[{"channel":"/x","clientId":"<A>"}]`)
	if n := b.srv.Stats().Sockets; n != 1 {
		t.Error("the socket was dropped")
	}
}

// A12: one connection does not fill the server with sessions.
func TestHandshakeRate(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{MaxInterval: time.Hour}, func(t *testing.T, b *bench, c client) {
		begin := time.Now()
		for range 151 {
			shake(t, c, "")
		}
		want := 150*(time.Second/50+time.Millisecond) - time.Second
		if took := time.Since(begin); took < want || took > want+100*time.Millisecond {
			t.Errorf("took %v, want %v", took, want)
		}
	})
}

func TestMessageRateOverHTTP(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{10, Unlimited} {
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, Options{MaxMessageRate: rate})
			c, other := b.polling(), b.polling()
			begin := time.Now()
			for range 20 { // one connection, since they come in turn
				c.ask(`[{"channel":"/x"}]`)
			}
			c.ask(`[{},{},{},{},{"data":"` + strings.Repeat("x", 20<<10) + `"}]`)
			resp, _, err := c.do(t.Context(), http.MethodPost, strings.NewReader(`nonsense`))
			must(t, err)
			if resp.StatusCode != 400 {
				t.Error(resp.Status)
			}
			if took, want := time.Since(begin), 2100*time.Millisecond; (took == want) != (rate == 10) || took > want {
				t.Errorf("took %v, want %v", took, want)
			}
			begin = time.Now()
			handshake(t, other, "")
			if took := time.Since(begin); took != 0 {
				t.Errorf("another connection waits %v", took)
			}
		})
	}
}

// Shutdown ends the wait of a request for its turn.
func TestMessageRateAndShutdown(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{MaxMessageRate: 1})
		conn, err := b.dial()
		must(t, err)
		const request = "POST / HTTP/1.1\r\nHost: desk.example\r\nContent-Length: 32\r\n\r\n[{},{},{},{},{},{},{},{},{},{}]\n"
		go func() { _, _ = io.WriteString(conn, request+request) }()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		_ = resp.Body.Close()
		synctest.Wait()
		begin := time.Now()
		go func() { _, _ = io.Copy(io.Discard, conn) }()
		must(t, b.srv.Shutdown(t.Context()))
		if took := time.Since(begin); took != 0 {
			t.Errorf("waited %v", took)
		}
		_ = conn.Close()
	})
}
