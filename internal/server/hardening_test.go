package server

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/telemetry"
)

// wire is a raw connection: what a client that means no good can say.
type wire struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, to net.Addr) *wire {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, c, bufio.NewReader(c)}
}

func (w *wire) say(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// hear returns the status line of the next answer, or "" if the connection was closed without one.
func (w *wire) hear() string {
	line, err := w.r.ReadString('\n')
	if err != nil {
		return ""
	}
	return line
}

// all returns everything that comes until the connection is closed.
func (w *wire) all() string {
	w.t.Helper()
	b, err := io.ReadAll(w.r)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		w.t.Fatalf("the connection stays open: %v", err)
	}
	return string(b)
}

// B15: requests that proxies and servers could read differently, and other oddities of HTTP.
func TestHTTPOddities(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t), Options{})
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tc := range map[string]struct {
		request string
		want    string // begins the answer
		once    bool   // exactly one answer comes: nothing was smuggled
	}{
		// net/http goes by the chunks, as RFC 9112 6.1 wants it: what follows them is a request of its own, seen and answered as such.
		"length and chunked": {
			"POST /genesys/2/chat/support HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "HTTP/1.1 400", false,
		},
		"two lengths":          {"POST /genesys/2/chat/support HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n" + smuggled, "HTTP/1.1 400", true},
		"odd encoding":         {"POST /genesys/2/chat/support HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + smuggled, "HTTP/1.1 501", true},
		"blank before colon":   {"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400", true},
		"negative length":      {"POST /api/v2/me HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400", true},
		"no host":              {"GET /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 400", true},
		"two hosts":            {"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "HTTP/1.1 400", true},
		"100 KB header":        {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "HTTP/1.1 431", true},
		"100 KB path":          {"GET /" + strings.Repeat("x", 100<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 431", true},
		"TRACE of an API":      {"TRACE /api/v2/me HTTP/1.1\r\nHost: x\r\nX-Secret: 4711\r\nConnection: close\r\n\r\n", "HTTP/1.1 4", true},
		"TRACE of the page":    {"TRACE / HTTP/1.1\r\nHost: x\r\nX-Secret: 4711\r\nConnection: close\r\n\r\n", "HTTP/1.1 405", true},
		"CONNECT":              {"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n", "HTTP/1.1 404", true},
		"absolute form":        {"GET http://example.com/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200", true},
		"method override":      {"POST /healthz HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "HTTP/1.1 405", true},
		"not HTTP":             {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", "HTTP/1.1 400", true},
		"NUL in a header":      {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", "HTTP/1.1 400", true},
		"pipelined, no tricks": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, srv.Listen)
			// The server may answer and close before it has read all; what it said is what counts.
			_, _ = io.WriteString(w, tc.request)
			_ = w.Conn.(*net.TCPConn).CloseWrite()
			answer := w.all()
			if !strings.HasPrefix(answer, tc.want) {
				t.Fatalf("answer %.200q, want %s…", answer, tc.want)
			}
			if n := strings.Count(answer, "HTTP/1.1 "); tc.once && n != 1 {
				t.Errorf("%d answers: %.500q", n, answer)
			}
			if strings.Contains(answer, "4711") {
				t.Errorf("the request's headers are in the answer: %q", answer)
			}
		})
	}
}

// J1: a body that comes byte by byte, or not at all, ends the request after ReadTimeout.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t, func(c *config.Config) { c.ReadTimeout = time.Second }), Options{})
	w := dial(t, srv.Listen)
	w.say("POST /genesys/2/chat/support HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nnick")
	if answer := w.all(); strings.HasPrefix(answer, "HTTP/1.1 2") {
		t.Errorf("half a body was accepted: %q", answer)
	}
}

// A poll may be held for longer than ReadTimeout: the deadline is for the body.
func TestTheDeadlineEndsWithTheBody(t *testing.T) {
	t.Parallel()
	s := &Server{cfg: config.Config{ReadTimeout: 50 * time.Millisecond}}
	hs := httptest.NewServer(s.readInTime(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the request was cut off")
		case <-time.After(4 * s.cfg.ReadTimeout):
		}
	})))
	defer hs.Close()
	resp, err := hs.Client().Post(hs.URL, "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// J1: a client that does not read its answer is cut; one that waits long for it is not, and the next answer on the connection has a time of its own.
func TestAnAnswerIsTakenInTime(t *testing.T) {
	t.Parallel()
	const within = 100 * time.Millisecond
	cut := make(chan error, 1)
	hs := httptest.NewServer(answerInTime(within, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			<-time.After(3 * within)
			_, _ = io.WriteString(w, "held")
			return
		}
		_, err := w.Write(make([]byte, 64<<20)) // more than the system takes off our hands
		cut <- err
	})))
	defer hs.Close()
	w := dial(t, hs.Listener.Addr())
	for range 2 {
		w.say("GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(w.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); string(body) != "held" {
			t.Fatalf("the held answer is %q, error %v", body, err)
		}
	}
	w.say("GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-cut:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the answer nobody reads ended with %v", err)
		}
	case <-time.After(patience):
		_ = w.Close()
		t.Error("an answer that nobody reads holds its connection")
	}
}

// deadlines is a connection that notes its write deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// J1: every route has the deadline, from when its answer begins, unless it has its own, as held polls have.
func TestEveryAnswerHasOneDeadline(t *testing.T) {
	t.Parallel()
	own := time.Now().Add(time.Hour)
	s := &Server{log: slog.New(slog.DiscardHandler), metrics: telemetry.NewMetrics(telemetry.Build{})}
	h := s.handler([]route{
		{"/own", false, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(own)
			_, _ = io.WriteString(w, "own")
		})},
		{"/rest", false, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "rest")
		})},
	})
	for path, want := range map[string]time.Time{"/own": own, "/rest": time.Now().Add(answerTimeout)} {
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(d, httptest.NewRequest(http.MethodGet, path, nil))
		if len(d.set) != 1 || d.set[0].Sub(want).Abs() > patience {
			t.Errorf("%s: deadlines %v, want %v", path, d.set, want)
		}
	}
}

// J1: connections are capped, in total and per address, and closing one makes room.
func TestConnectionsAreCapped(t *testing.T) {
	t.Parallel()
	a, b := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	lo := netip.MustParseAddr("127.0.0.1")
	l := &cappedListener{total: 4, perAddress: 2, free: netip.Addr.IsLoopback, open: map[netip.Addr]int{}}
	for i, step := range []struct {
		address netip.Addr
		want    bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {lo, true}, {lo, false}, {b, false}} {
		if got := l.enter(step.address); got != step.want {
			t.Fatalf("step %d: %t", i, got)
		}
	}
	l.leave(a)
	if !l.enter(lo) {
		t.Error("loopback has no cap of its own")
	}
	l.leave(lo)
	l.leave(lo)
	l.leave(a)
	l.leave(b)
	if open, refused := l.figures(); open != 0 || refused != 3 || len(l.open) != 0 {
		t.Errorf("%d open, %d refused, %v", open, refused, l.open)
	}
}

// bayeux may read and write past what counts the connections, and only closing is ours.
func TestCappedConnectionIsPlain(t *testing.T) {
	t.Parallel()
	srv, err := New(testConfig(t, func(c *config.Config) { c.MaxConnections = 10 }), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	dial(t, srv.listener.Addr())
	c, err := srv.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	plain, ok := c.(interface{ PlainConn() net.Conn })
	if !ok {
		t.Fatalf("a %T has no PlainConn", c)
	}
	if _, ok := plain.PlainConn().(*net.TCPConn); !ok {
		t.Errorf("below it is a %T", plain.PlainConn())
	}
	_ = c.Close()
	_ = c.Close()
	if open, _ := srv.listener.figures(); open != 0 {
		t.Errorf("%d are open", open)
	}
}

func TestTooManyConnectionsAreClosedAtOnce(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t, func(c *config.Config) { c.MaxConnections = 10 }), Options{})
	var conns []*wire
	for range 10 {
		w := dial(t, srv.Listen)
		w.say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if !strings.HasPrefix(w.hear(), "HTTP/1.1 200") {
			t.Fatal("no answer within the limit")
		}
		conns = append(conns, w)
	}
	w := dial(t, srv.Listen)
	_, _ = io.WriteString(w, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer := w.all(); answer != "" {
		t.Errorf("one too many was answered: %q", answer)
	}
	_ = conns[0].Close()
	for timeout := time.After(patience); ; {
		w := dial(t, srv.Listen)
		_, _ = io.WriteString(w, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		if strings.HasPrefix(w.hear(), "HTTP/1.1 200") {
			break
		}
		select {
		case <-timeout:
			t.Fatal("closing a connection made no room")
		default:
		}
	}
}

func TestClientOf(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for name, tc := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"not from a proxy":         {"203.0.113.9:5", []string{"198.51.100.1"}, "203.0.113.9:5"},
		"from a proxy, no header":  {"10.1.1.1:5", nil, "10.1.1.1:5"},
		"from a proxy":             {"10.1.1.1:5", []string{"198.51.100.1"}, "198.51.100.1:0"},
		"from an IPv6 proxy":       {"[::1]:5", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		"mapped proxy":             {"[::ffff:10.1.1.1]:5", []string{"198.51.100.1"}, "198.51.100.1:0"},
		"two proxies":              {"10.1.1.1:5", []string{"198.51.100.1, 10.2.2.2"}, "198.51.100.1:0"},
		"two headers":              {"10.1.1.1:5", []string{"198.51.100.1", "10.2.2.2"}, "198.51.100.1:0"},
		"the client lies":          {"10.1.1.1:5", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1:0"},
		"the client lies in words": {"10.1.1.1:5", []string{"unknown, 198.51.100.1"}, "198.51.100.1:0"},
		"only proxies":             {"10.1.1.1:5", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3:0"},
		"garbage":                  {"10.1.1.1:5", []string{"<script>"}, "10.1.1.1:5"},
		"not an address":           {"@", []string{"198.51.100.1"}, "@"},
	} {
		r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{"X-Forwarded-For": tc.forwarded}}
		if got := clientOf(r, proxies); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}
