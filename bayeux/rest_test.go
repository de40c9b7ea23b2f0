package bayeux

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inHandlers has polls served by net/http alone: a middleware's writer lets nobody take the connection.
func inHandlers(b *bench) {
	inner := b.http.Handler
	b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !wantsUpgrade(r) {
			w = writer{w, func() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errors.New("no") }}
		}
		inner.ServeHTTP(w, r)
	})
}

// restsOrNot runs a test with connects that rest, and with such that are held in their handlers.
func restsOrNot(t *testing.T, name string, f func(t *testing.T, setup func(*bench))) {
	t.Helper()
	for how, setup := range map[string]func(*bench){"": func(*bench) {}, " in handlers": inHandlers} {
		t.Run(name+how, func(t *testing.T) {
			t.Parallel()
			f(t, setup)
		})
	}
}

// counted has the connections counted that clients open from now on.
func (b *bench) counted() *atomic.Int32 {
	n, dial := new(atomic.Int32), b.dial
	b.dial = func() (net.Conn, error) { n.Add(1); return dial() }
	return n
}

// resting waits until n connects rest.
func (b *bench) resting(n int) {
	b.t.Helper()
	synctest.Wait()
	if got := len(b.srv.rests.list()); got != n || b.srv.Stats().Held != n {
		b.t.Fatalf("%d connects rest, %d are held; want %d", got, b.srv.Stats().Held, n)
	}
}

// CN-2, CN-8, CN-10, DC-2, DC-7, 11.3: a connect at rest is answered as one in its handler, and the connection goes on.
func TestRest(t *testing.T) {
	t.Parallel()
	const retry = `"successful":true}`
	for name, tc := range map[string]struct {
		release func(t *testing.T, b *bench, c *pollingClient)
		want    string // the end of the answer
		closing bool
	}{
		"message":    {func(_ *testing.T, b *bench, _ *pollingClient) { b.publish("/s", "1") }, `[{"channel":"/s","data":1},{"channel":"/meta/connect","id":"1",` + retry + `]`, false},
		"time-out":   {func(*testing.T, *bench, *pollingClient) { pass(30 * time.Second) }, `[{"channel":"/meta/connect","id":"1",` + retry + `]`, false},
		"disconnect": {func(_ *testing.T, b *bench, c *pollingClient) { b.session(c).Disconnect() }, `"advice":{"reconnect":"none","interval":0,"timeout":30000}}]`, false},
		"revoked": {func(_ *testing.T, b *bench, _ *pollingClient) {
			b.srv.Revoke(func(Principal) bool { return true })
		}, `"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}]`, false},
		"newer connect": {func(_ *testing.T, _ *bench, c *pollingClient) { c.ask(connectMessage("2", `,"advice":{"timeout":0}`)) }, "", false},
		"drain":         {func(t *testing.T, b *bench, _ *pollingClient) { must(t, b.srv.Shutdown(context.Background())) }, `"timeout":30000}}]`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyPoll(t, func(t *testing.T, b *bench, c *pollingClient) {
				handshake(t, c, "")
				subscribe(t, c, "/s")
				opened := b.counted()
				type result struct {
					resp *http.Response
					body string
					err  error
				}
				results := make(chan result, 1)
				go func() {
					resp, body, err := c.post(connectMessage("1", ""))
					results <- result{resp, body, err}
				}()
				b.resting(1)
				tc.release(t, b, c)
				r := <-results
				must(t, r.err)
				body := strings.TrimSuffix(strings.TrimPrefix(r.body, "/**/"+c.callback+"("), ")")
				status := http.StatusOK
				if tc.want == "" {
					status = http.StatusInternalServerError
				}
				if r.resp.StatusCode != status || !strings.HasSuffix(body, tc.want) || tc.want == "" && body != "" {
					t.Errorf("%s %s", r.resp.Status, r.body)
				}
				if h := r.resp.Header; h.Get("Date") == "" || r.resp.Close != tc.closing || r.resp.ContentLength != int64(len(r.body)) || len(body) > 0 && h.Get("Cache-Control") != "no-store" {
					t.Errorf("%v, close %v", h, r.resp.Close)
				}
				synctest.Wait()
				if st := b.srv.Stats(); st.Held != 0 {
					t.Errorf("%+v", st)
				}
				if tc.closing {
					return
				}
				before := opened.Load()
				if resp, _, err := c.do(t.Context(), http.MethodPost, strings.NewReader(`[{"channel":"/x"}]`)); err != nil || resp.StatusCode != 200 || opened.Load() != before {
					t.Errorf("the next request: %v, %d connections", err, opened.Load()-before)
				}
			})
		})
	}
}

// everyPoll runs a test over both kinds of polling, in virtual time.
func everyPoll(t *testing.T, f func(t *testing.T, b *bench, c *pollingClient)) {
	t.Helper()
	for name, client := range map[string]func(*bench) *pollingClient{"L": (*bench).polling, "J": (*bench).script} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { b := startInMemory(t, Options{}); f(t, b, client(b)) })
		})
	}
}

// SS-11, DEL-8: a client that goes while its connect rests loses nothing, and the deadline runs.
func TestGoneWhileResting(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.polling()
		handshake(t, c, "")
		subscribe(t, c, "/s")
		ctx, abort := context.WithCancel(t.Context())
		defer abort()
		over := make(chan error, 1)
		go func() {
			_, _, err := c.do(ctx, "POST", strings.NewReader(strings.ReplaceAll(connectMessage("1", ""), "<A>", c.id())))
			over <- err
		}()
		b.resting(1)
		abort()
		if err := <-over; err == nil {
			t.Error("it was answered")
		}
		synctest.Wait()
		if len(b.srv.rests.list()) != 0 || b.srv.Stats().Held != 0 {
			t.Error("SS-11: still held")
		}
		b.publish("/s", "1")
		s := b.session(c)
		s.mu.Lock()
		if len(s.out.waiting) != 1 {
			t.Error("the message does not wait")
		}
		s.mu.Unlock()
		pass(10 * time.Second)
		if b.session(c) != nil {
			t.Error("SS-11: the deadline does not run")
		}
	})
}

// request is the text of a POST.
func (c *pollingClient) text(messages string) string {
	u, _ := url.Parse("http://desk.example/")
	messages = strings.ReplaceAll(messages, "<A>", c.id())
	return fmt.Sprintf("POST /cometd HTTP/1.1\r\nHost: desk.example\r\nCookie: %s\r\nContent-Length: %d\r\n\r\n%s", c.hc.Jar.Cookies(u)[0], len(messages), messages)
}

// A request that comes before the answer to the connect at rest waits for its turn: whole, in part, and however often.
func TestPipelinedWhileResting(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]time.Duration{"together": 0, "while it rests": 200 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{})
				c := b.polling()
				handshake(t, c, "")
				conn, err := b.dial()
				must(t, err)
				defer conn.Close()
				go func() {
					next := c.text(`[{"channel":"/x","clientId":"<A>","id":"next"}]`)
					first := c.text(connectMessage("1", ""))
					if when == 0 {
						_, _ = io.WriteString(conn, first+next+next)
						return
					}
					_, _ = io.WriteString(conn, first)
					pass(when)
					_, _ = io.WriteString(conn, next+next)
				}()
				pass(5 * time.Second)
				must(t, b.session(c).Deliver("/y", value("1")))
				br := bufio.NewReader(conn)
				for _, want := range []string{`"id":"1"`, `"id":"next"`, `"id":"next"`} {
					resp, err := http.ReadResponse(br, nil)
					must(t, err)
					body, err := io.ReadAll(resp.Body)
					if err != nil || !strings.Contains(string(body), want) {
						t.Errorf("%s, error %v", body, err)
					}
				}
			})
		})
	}
}

// A connection that waits for its next request after a rest is closed when net/http would close it, and goes on in net/http at a drain.
func TestIdleAfterRest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{MaxInterval: time.Hour}, func(b *bench) { b.http.IdleTimeout = 20 * time.Second })
		c := b.polling()
		handshake(t, c, "")
		var conns []net.Conn
		for i := range 2 {
			conn, err := b.dial()
			must(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, c.text(connectMessage(fmt.Sprint(i), "")))
			must(t, err)
			pass(2 * time.Second)
			must(t, b.session(c).Deliver("/y", value("1")))
			_, err = http.ReadResponse(bufio.NewReader(conn), nil)
			must(t, err)
			pass(15 * time.Second)
			conns = append(conns, conn)
		}
		if _, err := conns[0].Write([]byte("P")); err == nil {
			t.Error("an idle connection stays for ever")
		}
		must(t, b.srv.Shutdown(context.Background()))
		go func() { _, _ = io.WriteString(conns[1], c.text(connectMessage("9", ""))) }()
		if resp, err := http.ReadResponse(bufio.NewReader(conns[1]), nil); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("after the drain: %v, error %v", resp, err)
		}
	})
}

// Track: hooks and handlers see one connection, with the context that it got at first; so do TLS and the upgrade to a websocket.
func TestConnectionReturns(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			t.Parallel()
			srv, err := New(Options{})
			must(t, err)
			type number struct{}
			var mu sync.Mutex
			var states []http.ConnState
			var seen []any
			conns := map[net.Conn]bool{}
			hs := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				seen = append(seen, r.Context().Value(number{}), r.TLS != nil)
				mu.Unlock()
				w.Header().Set("X-Before", "kept")
				srv.ServeHTTP(w, r)
			}))
			hs.Config.BaseContext = func(l net.Listener) context.Context {
				if _, ok := l.Addr().(*net.TCPAddr); !ok {
					t.Errorf("the hooks saw a listener on %T", l.Addr())
				}
				return context.Background()
			}
			hs.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
				mu.Lock()
				defer mu.Unlock()
				conns[c] = true
				return context.WithValue(ctx, number{}, len(conns))
			}
			hs.Config.ConnState = func(c net.Conn, s http.ConnState) {
				mu.Lock()
				defer mu.Unlock()
				states = append(states, s)
				conns[c] = true
			}
			srv.Track(hs.Config)
			if secure {
				hs.StartTLS()
			} else {
				hs.Start()
			}
			defer hs.Close()
			defer func() { must(t, srv.Shutdown(context.Background())) }()
			b := &bench{t: t, srv: srv}
			c := b.polling()
			c.tr.TLSClientConfig = hs.Client().Transport.(*http.Transport).TLSClientConfig
			ask := func(messages string) (*http.Response, string) {
				req, err := http.NewRequest(http.MethodPost, hs.URL, strings.NewReader(strings.ReplaceAll(messages, "<A>", c.id())))
				must(t, err)
				resp, err := c.hc.Do(req)
				must(t, err)
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				must(t, err)
				if m := clientIDs.FindSubmatch(body); m != nil {
					c.setID(string(m[1]))
				}
				return resp, string(body)
			}
			b.dial = func() (net.Conn, error) { return net.Dial("tcp", hs.Listener.Addr().String()) }
			ask(`[{"channel":"/meta/handshake"}]`)
			ask(connectMessage("0", ""))
			for i := range 3 {
				go func() {
					eventually(t, "the rest", func() bool { return len(srv.rests.list()) == 1 && srv.Stats().Held == 1 })
					if srv.sessions.find(c.id()).Deliver("/y", value("1")) != nil {
						t.Error("not delivered")
					}
				}()
				resp, body := ask(connectMessage(fmt.Sprint(i+1), ""))
				if !strings.Contains(body, `"data":1`) || resp.Header.Get("X-Before") != "kept" {
					t.Errorf("%v %s", resp.Header, body)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if len(conns) != 1 {
				t.Errorf("the hooks saw %d connections", len(conns))
			}
			for i := 0; i < len(seen); i += 2 {
				if seen[i] != 1 || seen[i+1] != secure {
					t.Errorf("a handler saw connection %v, TLS %v", seen[i], seen[i+1])
				}
			}
			once := []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateActive, http.StateHijacked}
			if !slices.Equal(states, once) {
				t.Errorf("states %v", states)
			}
		})
	}
}

// WS-1: a connection whose connects have rested may become a websocket, as good as any.
func TestUpgradeAfterRest(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	handshake(t, c, "")
	r := &rawSocket{t: t}
	var err error
	r.conn, err = b.dial()
	must(t, err)
	defer r.conn.Close()
	_, err = io.WriteString(r.conn, c.text(connectMessage("1", "")))
	must(t, err)
	eventually(t, "the rest", func() bool { return len(b.srv.rests.list()) == 1 })
	must(t, b.session(c).Deliver("/y", value("1")))
	resp, err := http.ReadResponse(bufio.NewReader(r.conn), nil)
	must(t, err)
	must(t, resp.Body.Close())
	if resp := r.upgrade(); resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	eventually(t, "the socket", func() bool { return b.srv.Stats().Sockets == 1 })
	k := b.srv.sockets.list()[0]
	if _, plain := k.conn.(*net.TCPConn); !plain || k.raw == nil {
		t.Errorf("its connection is a %T", k.conn)
	}
	r.text(`[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["websocket"]}]`)
	if answer := r.readText(); !strings.Contains(answer, `"successful":true`) {
		t.Error(answer)
	}
}

// plainConn is a listener's own connection that leaves bytes alone.
type plainConn struct {
	net.Conn
	below net.Conn
}

func (c plainConn) PlainConn() net.Conn { return c.below }

// Track: what a connection's own type may do to bytes is not passed by, unless the type says that it does nothing.
func TestPlainConn(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	tcp, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	defer tcp.Close()
	secure := tls.Client(tcp, &tls.Config{ServerName: "desk.example"})
	for i, tc := range []struct {
		conn net.Conn
		past bool
	}{
		{tcp, true},
		{plainConn{tcp, tcp}, true},
		{struct{ net.Conn }{tcp}, false},
		{secure, false},
		{plainConn{tcp, nil}, false},
		{plainConn{tcp, secure}, false},
		{plainConn{tcp, plainConn{tcp, tcp}}, false},
	} {
		if past := pastMethods(tc.conn) != nil; past != (tc.past && rawIO) {
			t.Errorf("%d, a %T: %v", i, tc.conn, past)
		}
	}
}

// writer is a ResponseWriter of some middleware.
type writer struct {
	http.ResponseWriter
	hijack func() (net.Conn, *bufio.ReadWriter, error)
}

func (w writer) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
func (w writer) Unwrap() http.ResponseWriter                  { return w.ResponseWriter }

// A connect does not rest where something is missing, and is answered all the same.
func TestNoRest(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"no hijacker": func(w http.ResponseWriter) http.ResponseWriter { return struct{ http.ResponseWriter }{w} },
		"refuses": func(w http.ResponseWriter) http.ResponseWriter {
			return writer{w, func() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errors.New("no") }}
		},
		"a connection of its own": func(w http.ResponseWriter) http.ResponseWriter {
			return writer{w, func() (net.Conn, *bufio.ReadWriter, error) {
				c, rw, err := http.NewResponseController(w).Hijack()
				return struct{ net.Conn }{c}, rw, err
			}}
		},
		"packs": func(w http.ResponseWriter) http.ResponseWriter {
			w.Header().Set("Content-Encoding", "identity")
			return writer{w, http.NewResponseController(w).Hijack}
		},
		"tracked twice": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{}, func(b *bench) {
					if inner := b.http.Handler; wrap == nil {
						other, err := New(Options{})
						must(t, err)
						other.Track(b.http)
					} else {
						b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(wrap(w), r) })
					}
				})
				c := b.polling()
				handshake(t, c, "")
				for i := range 3 {
					p := c.begin(connectMessage(fmt.Sprint(i+1), ""))
					synctest.Wait()
					if n := len(b.srv.rests.list()); n != 0 {
						t.Errorf("%d rest", n)
					}
					must(t, b.session(c).Deliver("/y", value("1")))
					if got := data(p.wait()); got != "1" {
						t.Errorf("delivered %q", got)
					}
				}
			})
		})
	}
}
