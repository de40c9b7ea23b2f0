package bayeux

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a server under test behind a real http.Server, on TCP or, inside a
// synctest bubble, on pipes in memory.
type bench struct {
	t    testing.TB
	srv  *Server
	http *http.Server
	dial func() (net.Conn, error)
	logs *logBuffer
	path string // of upgrades; default /cometd
}

// start serves opt over TCP on the loopback address, after setup.
func start(t testing.TB, opt Options, setup ...func(*bench)) *bench {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, opt, ln, func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }, setup)
}

// startInMemory is start for a synctest bubble.
func startInMemory(t testing.TB, opt Options, setup ...func(*bench)) *bench {
	t.Helper()
	ln := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	return serveOn(t, opt, ln, ln.dial, setup)
}

func serveOn(t testing.TB, opt Options, ln net.Listener, dial func() (net.Conn, error), setup []func(*bench)) *bench {
	t.Helper()
	b := &bench{t: t, dial: dial, logs: new(logBuffer)}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.NewTextHandler(b.logs, nil))
	}
	var err error
	if b.srv, err = New(opt); err != nil {
		t.Fatal(err)
	}
	b.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Tests name the user in a header.
			p := Principal{User: r.Header.Get("X-User"), Login: r.Header.Get("X-Login")}
			b.srv.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), p)))
		}),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	b.srv.Track(b.http)
	for _, f := range setup {
		f(b)
	}
	served := make(chan error, 1)
	go func() { served <- b.http.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if err := b.srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		b.srv.writers.mu.Lock()
		defer b.srv.writers.mu.Unlock()
		if n := b.srv.writers.running; n != 0 {
			t.Errorf("shutdown: %d writers are left", n)
		}
		_ = b.http.Close()
		<-served
	})
	return b
}

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// client is a raw client over one of the transports. Messages are written as JSON
// text in which <A> stands for its own client id.
type client interface {
	// ask sends an array and returns all objects received up to the last of its
	// replies, each as text, with the client id replaced by <A>.
	ask(messages string) []string
	// begin sends an array whose answer may take its time.
	begin(messages string) *pending
	id() string
	setID(string)
	transport() Transport
}

// pending is an answer that has not come yet.
type pending struct {
	t    testing.TB
	done chan struct{}
	got  []string
	err  error
}

func newPending(t testing.TB, f func() ([]string, error)) *pending {
	p := &pending{t: t, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.got, p.err = f()
	}()
	return p
}

func (p *pending) wait() []string {
	p.t.Helper()
	<-p.done
	if p.err != nil {
		p.t.Fatal(p.err)
	}
	return p.got
}

func (p *pending) isDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// both runs a test over long-polling and over websocket, as the conformance list
// marks it (L, W).
func both(t *testing.T, opt Options, f func(t *testing.T, b *bench, c client)) {
	t.Helper()
	t.Run("L", func(t *testing.T) {
		t.Parallel()
		b := start(t, opt)
		f(t, b, b.polling())
	})
	t.Run("L in handlers", func(t *testing.T) {
		t.Parallel()
		b := start(t, opt, inHandlers)
		f(t, b, b.polling())
	})
	t.Run("W", func(t *testing.T) {
		t.Parallel()
		b := start(t, opt)
		f(t, b, b.websocket(nil))
	})
}

// everywhereInTime is everywhere in virtual time.
func everywhereInTime(t *testing.T, opt Options, f func(t *testing.T, b *bench, c client)) {
	t.Helper()
	bothInTime(t, opt, f)
	t.Run("J", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) { b := startInMemory(t, opt); f(t, b, b.script()) })
	})
}

// bothInTime is both in virtual time.
func bothInTime(t *testing.T, opt Options, f func(t *testing.T, b *bench, c client)) {
	t.Helper()
	t.Run("L", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) { b := startInMemory(t, opt); f(t, b, b.polling()) })
	})
	t.Run("L in handlers", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) { b := startInMemory(t, opt, inHandlers); f(t, b, b.polling()) })
	})
	t.Run("W", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) { b := startInMemory(t, opt); f(t, b, b.websocket(nil)) })
	})
}

// everywhere is both, and callback-polling (J).
func everywhere(t *testing.T, opt Options, f func(t *testing.T, b *bench, c client)) {
	t.Helper()
	both(t, opt, f)
	t.Run("J", func(t *testing.T) {
		t.Parallel()
		b := start(t, opt)
		f(t, b, b.script())
	})
}

// another returns one more client of the same kind.
func (b *bench) another(c client) client {
	switch c.transport() {
	case WebSocket:
		return b.websocket(nil)
	case CallbackPolling:
		return b.script()
	}
	return b.polling()
}

var clientIDs = regexp.MustCompile(`"clientId":"([a-z0-9]+)"`)

// handshake shakes hands and does the first connect, which is answered at once.
func handshake(t testing.TB, c client, ext string) {
	t.Helper()
	shake(t, c, ext)
	connect := `[{"channel":"/meta/connect","id":"0","clientId":"<A>","connectionType":"x","advice":{"timeout":0}}]`
	if ext != "" {
		connect = strings.Replace(connect, `}}]`, `},"ext":{"ack":0}}]`, 1)
	}
	got := c.ask(connect)
	if len(got) != 1 || !strings.Contains(got[0], `"successful":true`) {
		t.Fatalf("first connect: %q", got)
	}
}

func shake(t testing.TB, c client, ext string) {
	t.Helper()
	m := `[{"channel":"/meta/handshake","id":"h","version":"1.0"}]`
	if ext != "" {
		m = `[{"channel":"/meta/handshake","id":"h","version":"1.0","ext":` + ext + `}]`
	}
	got := c.ask(m)
	if len(got) != 1 || c.id() == "" {
		t.Fatalf("handshake: %q", got)
	}
}

func subscribe(t testing.TB, c client, channels ...string) {
	t.Helper()
	for _, ch := range channels {
		got := c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"` + ch + `"}]`)
		if len(got) == 0 || !strings.Contains(got[len(got)-1], `"successful":true`) {
			t.Fatalf("subscribe %s: %q", ch, got)
		}
	}
}

func connectMessage(id, more string) string {
	return `[{"channel":"/meta/connect","id":"` + id + `","clientId":"<A>","connectionType":"x"` + more + `}]`
}

func same(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func objects(text []byte) ([]string, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '[' {
		return nil, fmt.Errorf("not an array: %q", text)
	}
	var all []string
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("%w in %q", err, text)
		}
		all = append(all, string(v))
	}
	return all, nil
}

func isReply(object string) bool { return strings.Contains(object, `"successful":`) }

// pollingClient speaks long-polling, or callback-polling when it has a callback,
// with a cookie jar, like a browser.
type pollingClient struct {
	b        *bench
	hc       *http.Client
	tr       *http.Transport
	header   http.Header
	path     string
	callback string
	mu       sync.Mutex
	cid      string
}

func (b *bench) polling() *pollingClient {
	jar, _ := cookiejar.New(nil)
	c := &pollingClient{b: b, header: http.Header{}, path: "/cometd"}
	c.tr = &http.Transport{
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return b.dial() },
		MaxIdleConnsPerHost: 10, DisableCompression: true,
	}
	c.hc = &http.Client{Transport: c.tr, Jar: jar}
	b.t.Cleanup(c.tr.CloseIdleConnections)
	return c
}

// script returns a client that speaks callback-polling.
func (b *bench) script() *pollingClient {
	c := b.polling()
	c.callback = "cometd.on_1"
	return c
}

func (c *pollingClient) transport() Transport {
	if c.callback != "" {
		return CallbackPolling
	}
	return LongPolling
}

func (c *pollingClient) id() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cid
}

func (c *pollingClient) setID(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cid = id
}

// post sends messages and returns what came back, ids replaced.
func (c *pollingClient) post(messages string) (*http.Response, string, error) {
	messages = strings.ReplaceAll(messages, "<A>", c.id())
	if c.callback == "" {
		return c.do(context.Background(), http.MethodPost, strings.NewReader(messages))
	}
	return c.send(context.Background(), http.MethodGet, c.path+"?jsonp="+c.callback+"&message="+url.QueryEscape(messages), nil)
}

func (c *pollingClient) do(ctx context.Context, method string, body io.Reader) (*http.Response, string, error) {
	return c.send(ctx, method, c.path, body)
}

func (c *pollingClient) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://desk.example"+path, body)
	if err != nil {
		return nil, "", err
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	resp, err := c.hc.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if m := clientIDs.FindSubmatch(b); m != nil {
		c.setID(string(m[1]))
	}
	return resp, c.hide(string(b)), err
}

func (c *pollingClient) hide(s string) string {
	if id := c.id(); id != "" {
		s = strings.ReplaceAll(s, id, "<A>")
	}
	return s
}

func (c *pollingClient) exchange(messages string) ([]string, error) {
	resp, body, err := c.post(messages)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %q", resp.StatusCode, body)
	}
	if c.callback != "" {
		inner, found := strings.CutPrefix(body, "/**/"+c.callback+"(")
		if !found || !strings.HasSuffix(inner, ")") {
			return nil, fmt.Errorf("not a call: %q", body)
		}
		body = strings.TrimSuffix(inner, ")")
	}
	return objects([]byte(body))
}

func (c *pollingClient) ask(messages string) []string {
	c.b.t.Helper()
	got, err := c.exchange(messages)
	if err != nil {
		c.b.t.Fatal(err)
	}
	return got
}

func (c *pollingClient) begin(messages string) *pending {
	return newPending(c.b.t, func() ([]string, error) { return c.exchange(messages) })
}

// socketClient speaks websocket. A goroutine reads frames into a channel.
type socketClient struct {
	b      *bench
	conn   net.Conn
	hs     ws.Handshake
	frames chan string
	code   ws.StatusCode // of the close frame, once frames is closed
	quiet  bool          // pings are not answered
	pings  chan []byte   // pings of the server, when quiet
	cid    string
	wmu    sync.Mutex
}

func (b *bench) websocket(header http.Header) *socketClient {
	b.t.Helper()
	c, err := b.tryWebsocket(header, ws.Dialer{})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) tryWebsocket(header http.Header, d ws.Dialer) (*socketClient, error) {
	conn, err := b.dial()
	if err != nil {
		return nil, err
	}
	if header != nil {
		d.Header = ws.HandshakeHeaderHTTP(header)
	}
	u, _ := url.Parse("ws://desk.example" + cmp.Or(b.path, "/cometd"))
	br, hs, err := d.Upgrade(conn, u)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	c := &socketClient{b: b, conn: conn, hs: hs, frames: make(chan string, 10000), pings: make(chan []byte, 1000)}
	var src io.Reader = conn
	if br != nil {
		src = io.MultiReader(bytes.NewReader(peekAll(br)), conn)
	}
	done := make(chan struct{})
	go func() { defer close(done); c.read(src) }()
	b.t.Cleanup(func() { _ = conn.Close(); <-done })
	return c, nil
}

func peekAll(br *bufio.Reader) []byte {
	p, _ := br.Peek(br.Buffered())
	return bytes.Clone(p)
}

func (c *socketClient) read(src io.Reader) {
	defer close(c.frames)
	var pongs sync.WaitGroup
	defer pongs.Wait()
	defer c.conn.Close()
	for {
		f, err := ws.ReadFrame(src)
		if err != nil {
			return
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			c.wmu.Lock()
			quiet := c.quiet
			c.wmu.Unlock()
			if quiet {
				c.pings <- f.Payload
			} else {
				// Not from here: a pipe has no buffer, and the server may be writing too.
				pongs.Go(func() { _ = c.write(ws.NewPongFrame(f.Payload)) })
			}
		case ws.OpClose:
			if len(f.Payload) >= 2 {
				c.code = ws.StatusCode(uint16(f.Payload[0])<<8 | uint16(f.Payload[1]))
			}
			_ = c.write(ws.NewCloseFrame(f.Payload))
			_ = c.conn.Close()
			return
		case ws.OpText:
			if f.Header.Rsv != 0 {
				var p packers
				p.init()
				if f.Payload, err = p.inflate(f.Payload, 1<<20); err != nil {
					return
				}
			}
			c.frames <- string(f.Payload)
		}
	}
}

func (c *socketClient) hush() { c.wmu.Lock(); c.quiet = true; c.wmu.Unlock() }

func (c *socketClient) write(f ws.Frame) error {
	var buf bytes.Buffer
	_ = ws.WriteFrame(&buf, ws.MaskFrame(f))
	c.wmu.Lock()
	defer c.wmu.Unlock()
	_, err := c.conn.Write(buf.Bytes())
	return err
}

func (c *socketClient) transport() Transport { return WebSocket }
func (c *socketClient) id() string           { return c.cid }
func (c *socketClient) setID(id string)      { c.cid = id }

func (c *socketClient) send(messages string) {
	c.b.t.Helper()
	if err := c.write(ws.NewTextFrame([]byte(strings.ReplaceAll(messages, "<A>", c.cid)))); err != nil {
		c.b.t.Fatal(err)
	}
}

// receive returns the next frame, ids replaced; "" when the connection has ended.
func (c *socketClient) receive() string {
	f := <-c.frames
	if m := clientIDs.FindStringSubmatch(f); m != nil {
		c.cid = m[1]
	}
	if c.cid != "" {
		f = strings.ReplaceAll(f, c.cid, "<A>")
	}
	return f
}

// closed waits for the end of the connection and returns the close code.
func (c *socketClient) closed() ws.StatusCode {
	for range c.frames {
	}
	return c.code
}

// collect receives frames until n replies have come.
func (c *socketClient) collect(n int) ([]string, error) {
	var all []string
	for n > 0 {
		f := c.receive()
		if f == "" {
			return all, errors.New("the connection has ended")
		}
		objs, err := objects([]byte(f))
		if err != nil {
			return all, err
		}
		for _, o := range objs {
			if isReply(o) {
				n--
			}
		}
		all = append(all, objs...)
	}
	return all, nil
}

func (c *socketClient) ask(messages string) []string {
	c.b.t.Helper()
	n := 1
	if objs, err := objects([]byte(messages)); err == nil {
		n = len(objs)
	}
	c.send(messages)
	got, err := c.collect(n)
	if err != nil {
		c.b.t.Fatal(err)
	}
	return got
}

func (c *socketClient) begin(messages string) *pending {
	c.send(messages)
	return newPending(c.b.t, func() ([]string, error) { return c.collect(1) })
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
		wait := time.NewTimer(time.Millisecond)
		<-wait.C
	}
}

// held waits until the server holds n connects.
func (b *bench) held(n int) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("%d held connects", n), func() bool { return b.srv.Stats().Held == n })
}

func value(s string) jsontext.Value { return jsontext.Value(s) }
