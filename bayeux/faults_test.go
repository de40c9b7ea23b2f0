package bayeux

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// A1, 11.3: a body that comes byte by byte, or not at all, ends the request and its
// connection after ReadTimeout; it holds nobody else up, and no shutdown.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"half":     "Content-Length: 100\r\n\r\n[{",
		"nothing":  "Content-Length: 100\r\n\r\n",
		"chunked":  "Transfer-Encoding: chunked\r\n\r\n2\r\n[{\r\n",
		"gzip":     "Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n",
		"too long": "Content-Length: 2000000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{})
				conn, err := b.dial()
				must(t, err)
				defer conn.Close()
				begin := time.Now()
				_, err = io.WriteString(conn, "POST /cometd HTTP/1.1\r\nHost: desk.example\r\n"+head)
				must(t, err)
				handshake(t, b.polling(), "")
				if took := time.Since(begin); took != 0 {
					t.Errorf("another client waits %v", took)
				}
				br := bufio.NewReader(conn)
				resp, err := http.ReadResponse(br, nil)
				must(t, err)
				want, wait := http.StatusRequestTimeout, 30*time.Second
				if name == "too long" {
					want, wait = http.StatusRequestEntityTooLarge, 0
				}
				if took := time.Since(begin); resp.StatusCode != want || !resp.Close || took != wait {
					t.Errorf("%s after %v, closing %v", resp.Status, took, resp.Close)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				if _, err := br.ReadByte(); err == nil {
					t.Error("the connection goes on")
				}
			})
		})
	}
}

// A17, DEL-8: a client that does not read its answer is given up after WriteTimeout,
// and what it did not read waits for it.
func TestSlowReaderOfResponses(t *testing.T) {
	t.Parallel()
	restsOrNot(t, "", func(t *testing.T, setup func(*bench)) {
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, Options{MaxInterval: time.Minute}, setup)
			c := b.polling()
			handshake(t, c, "")
			subscribe(t, c, "/s")
			u, _ := url.Parse("http://desk.example/")
			body := strings.ReplaceAll(connectMessage("1", ""), "<A>", c.id())
			conn, err := b.dial()
			must(t, err)
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: desk.example\r\nCookie: %s\r\nContent-Length: %d\r\n\r\n%s", c.hc.Jar.Cookies(u)[0], len(body), body)
			must(t, err)
			synctest.Wait()
			large := `"` + strings.Repeat("x", 100<<10) + `"`
			b.publish("/s", large)
			pass(30*time.Second + 1)
			if st := b.srv.Stats(); st.Held != 0 || st.Sessions != 1 {
				t.Errorf("%+v", st)
			}
			if got := c.ask(connectMessage("2", "")); len(got) != 2 || data(got) != large {
				t.Errorf("%d objects", len(got))
			}
		})
	})
}

// SS-3: the deadline for a body does not end a hold.
func TestHoldOutlastsReadTimeout(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{LongPolling: HTTPOptions{ReadTimeout: time.Second}})
		c := b.polling()
		handshake(t, c, "")
		begin := time.Now()
		same(t, c.ask(connectMessage("1", "")), `{"channel":"/meta/connect","id":"1","successful":true}`)
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("held for %v", took)
		}
	})
}

// A12, WS-20: a frame that never ends does not keep its connection for ever.
func TestSlowFrame(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		r := b.raw()
		go func() { _, _ = io.Copy(io.Discard, r.br) }()
		h := ws.Header{Fin: true, OpCode: ws.OpText, Masked: true, Length: 60000}
		must(t, ws.WriteHeader(r.conn, h))
		for range 100 { // one byte a second
			pass(time.Second)
			if _, err := r.conn.Write([]byte("x")); err != nil {
				break
			}
		}
		if n := b.srv.Stats().Sockets; n != 0 {
			t.Errorf("%d sockets", n)
		}
	})
}

// A14, A6, A7: what proxies do to a held connect loses and doubles nothing.
func TestProxies(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{19 * time.Second, 20*time.Second - 1, 20*time.Second + 1, 21 * time.Second} {
		t.Run(fmt.Sprint("cut at 20s, message at ", at), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{})
				c := b.polling()
				handshake(t, c, "")
				subscribe(t, c, "/s")
				time.AfterFunc(at, func() { b.publish("/s", "1") })
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				var got []string
				if _, body, err := c.do(ctx, http.MethodPost, strings.NewReader(strings.ReplaceAll(connectMessage("1", ""), "<A>", c.id()))); err == nil {
					got, err = objects([]byte(body))
					must(t, err)
				} else {
					pass(2 * time.Second)                                       // the client backs off
					got = c.ask(connectMessage("2", `,"advice":{"timeout":0}`)) // and asks what is left
				}
				got = append(got, c.ask(connectMessage("3", ""))...)
				if n := data(got); n != "1" {
					t.Errorf("delivered %q", n)
				}
			})
		})
	}
	t.Run("repeats the request", func(t *testing.T) { // while the first is held, and after its answer was lost
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, Options{})
			c := b.polling()
			handshake(t, c, "")
			subscribe(t, c, "/s")
			older := newPending(t, func() ([]string, error) {
				resp, body, err := c.post(connectMessage("1", ""))
				if err == nil && (resp.StatusCode != 500 || body != "") {
					t.Errorf("the older one got %d %s", resp.StatusCode, body)
				}
				return nil, err
			})
			synctest.Wait()
			newer := c.begin(connectMessage("1", ""))
			older.wait()
			b.publish("/s", "1")
			if got := data(newer.wait()); got != "1" {
				t.Error(got)
			}
			if got := data(c.ask(connectMessage("1", ""))); got != "1" { // the same id: the answer did not arrive
				t.Error(got)
			}
			if got := data(c.ask(connectMessage("2", `,"advice":{"timeout":0}`))); got != "" && got != "1" {
				t.Error(got)
			}
		})
	})
}

// A20, line 53: many held connects leave evenly over two thirds of the
// time, with what waits for them, and come back at another server at moments that
// differ.
func TestDrainOfManyHeldConnects(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		const n = 200
		old, next := startInMemory(t, Options{}), startInMemory(t, Options{})
		var mu sync.Mutex
		left, intervals := map[time.Duration]int{}, map[string]int{}
		var clients sync.WaitGroup
		begin := time.Now()
		for range n {
			c := old.polling()
			handshake(t, c, "")
			subscribe(t, c, "/s")
			clients.Go(func() {
				got, err := c.exchange(connectMessage("1", ""))
				if err != nil {
					t.Error(err)
					return
				}
				at := time.Since(begin)
				again := next.polling()
				again.setID(c.id())
				refused, err := again.exchange(connectMessage("2", ""))
				if err != nil || !strings.Contains(refused[0], `"reconnect":"handshake"`) {
					t.Error(refused, err)
				}
				handshake(t, again, "")
				mu.Lock()
				defer mu.Unlock()
				left[at.Truncate(time.Second)]++
				_, interval, _ := strings.Cut(got[len(got)-1], `"interval":`)
				intervals[interval]++
			})
		}
		synctest.Wait()
		if held := old.srv.Stats().Held; held != n {
			t.Fatalf("%d held", held)
		}
		begin = time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		must(t, old.srv.Shutdown(ctx))
		clients.Wait()
		if came := next.srv.Stats().Handshakes; came != n || old.srv.Stats().Sessions != 0 {
			t.Errorf("%d came back", came)
		}
		for second := range 20 {
			if k := left[time.Duration(second)*time.Second]; k < n/20-1 || k > n/20+1 {
				t.Errorf("%d left in second %d", k, second)
			}
		}
		if len(intervals) < n/4 { // of 5,000 milliseconds
			t.Errorf("only %d different intervals", len(intervals))
		}
	})
}

// A drain takes no time for sessions that have nothing open.
func TestDrainOfIdleSessions(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		for range 20 {
			handshake(t, b.polling(), "")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		begin := time.Now()
		must(t, b.srv.Shutdown(ctx))
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// 11.3, WS-23: while the server shuts down, nothing begins on any transport.
func TestNothingBeginsAtShutdown(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AllowedOrigins: []string{"https://app.example"}})
	must(t, b.srv.Shutdown(context.Background()))
	for name, tc := range map[string]struct {
		method, path string
		header       []string
		want         int
	}{
		"long-polling":     {"POST", "/cometd", nil, 503},
		"callback-polling": {"GET", "/cometd?jsonp=a" + oneMessage, nil, 503},
		"websocket":        {"GET", "/cometd", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, 503},
		"preflight":        {"OPTIONS", "/cometd", []string{"Origin", "https://app.example"}, 204},
		"foreign":          {"POST", "/cometd", []string{"Origin", "https://evil.example"}, 403},
	} {
		resp, _ := b.request(tc.method, tc.path, `[{"channel":"/meta/handshake"}]`, tc.header...)
		if resp.StatusCode != tc.want || (resp.Header.Get("Retry-After") != "") != (tc.want == 503) {
			t.Errorf("%s: %s %v", name, resp.Status, resp.Header)
		}
	}
}

// A session whose handshake is under way while the server shuts down ends with it, and server code hears so.
func TestHandshakeAtShutdown(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{LongPolling, WebSocket} {
		bubble(t, func(t *testing.T) {
			var living atomic.Int64
			p := slowPolicy{goOn: make(chan struct{})}
			b := startInMemory(t, Options{
				Policy: p, OnSession: func(*Session) { living.Add(1) },
				OnEnd: func(_ *Session, why EndReason) {
					if why == EndShutdown {
						living.Add(-1)
					}
				},
			})
			var c client = b.polling()
			if transport == WebSocket {
				c = b.websocket(nil)
			}
			asked := c.begin(`[{"channel":"/meta/handshake"}]`)
			synctest.Wait()
			down := make(chan error, 1)
			go func() { down <- b.srv.Shutdown(context.Background()) }()
			synctest.Wait()
			close(p.goOn)
			<-asked.done
			must(t, <-down)
			if n := b.srv.Stats().Sessions; n != 0 || living.Load() != 0 {
				t.Errorf("%s: %d sessions, %d that server code believes in", transport, n, living.Load())
			}
		})
	}
}

// slowPolicy lets clients shake hands when goOn is closed.
type slowPolicy struct {
	DefaultPolicy
	goOn chan struct{}
}

func (p slowPolicy) CanHandshake(context.Context, Peer, *Message) error {
	<-p.goOn
	return nil
}
