package telemetry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// D6: what clients send cannot forge a line of the log, nor colour a terminal.
func TestTheLogCannotBeForged(t *testing.T) {
	t.Parallel()
	const hostile = "dana\r\ntime=2026 level=ERROR msg=forged \x1b[31mred\x1b[0m \u202e \x00 \u2028"
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := NewLogger(&out, "info", format)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("refused", "user", hostile, hostile, "key")
		log.Info(hostile)
		log.Info("error", "error", fmt.Errorf("wrapped: %s", hostile))
		if lines := strings.Count(out.String(), "\n"); lines != 3 {
			t.Errorf("%s: %d lines, want 3:\n%q", format, lines, out.String())
		}
		if strings.ContainsAny(out.String(), "\r\x1b\x00") {
			t.Errorf("%s: control characters in %q", format, out.String())
		}
	}
}

func TestLevelsAndFormats(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := NewLogger(&out, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("unseen")
	log.Warn("seen")
	if !strings.Contains(out.String(), `"msg":"seen"`) || strings.Contains(out.String(), "unseen") {
		t.Errorf("log %q", out.String())
	}
	for _, wrong := range [][2]string{{"loud", "text"}, {"info", "xml"}} {
		if _, err := NewLogger(io.Discard, wrong[0], wrong[1]); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	m := NewMetrics(Build{Version: "1.2.3", Commit: "abc", Go: "go1"})
	h := m.HTTP(silent(), "/api", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusOK) // the first counts
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	for _, target := range []struct{ method, path string }{{"GET", "/"}, {"GET", "/missing"}, {"POST", "/missing"}, {"BREW", "/early"}, {"WHATEVER", "/early"}} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(target.method, target.path, nil))
	}
	got := scrape(t, m)
	for _, want := range []string{
		`halley_http_requests_total{code="200",method="GET",route="/api"} 1`,
		`halley_http_requests_total{code="404",method="GET",route="/api"} 1`,
		`halley_http_requests_total{code="404",method="POST",route="/api"} 1`,
		`halley_http_requests_total{code="418",method="other",route="/api"} 2`,
		`halley_http_request_seconds_count{route="/api"} 5`,
		`halley_http_requests_in_flight 0`,
		`halley_build_info{commit="abc",go="go1",version="1.2.3"} 1`,
		"go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

// Two servers in one process do not get into each other's way.
func TestMetricsShareNothing(t *testing.T) {
	t.Parallel()
	a, b := NewMetrics(Build{}), NewMetrics(Build{})
	a.HTTP(silent(), "/", http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if strings.Contains(scrape(t, b), `halley_http_requests_total{`) {
		t.Error("a request to one server is counted by the other")
	}
}

// A fault of ours is a plain answer for the client and a stack in the log.
func TestPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := NewMetrics(Build{})
	w := httptest.NewRecorder()
	m.HTTP(slog.New(slog.NewTextHandler(&log, nil)), "/api", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "half=done")
		panic("secret inside")
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusInternalServerError || w.Body.String() != internalError || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if !strings.Contains(log.String(), "secret inside") || !strings.Contains(log.String(), "telemetry_test.go") {
		t.Errorf("log %q", log.String())
	}
	if got := scrape(t, m); !strings.Contains(got, "halley_http_panics_total 1") || !strings.Contains(got, `code="500"`) {
		t.Error("the panic is not counted")
	}
}

// Once an answer has begun, a fault cuts the connection: half an answer must not look whole. The same for a handler that cuts it on purpose.
func TestPanicsInTheMiddleOfAnAnswer(t *testing.T) {
	t.Parallel()
	m := NewMetrics(Build{})
	for name, fault := range map[string]any{"fault": "boom", "on purpose": http.ErrAbortHandler} {
		hs := httptest.NewServer(m.HTTP(silent(), "/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(fault)
		})))
		resp, err := hs.Client().Get(hs.URL)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: the answer %q looks whole", name, body)
		}
		_ = resp.Body.Close()
		hs.Close()
	}
	if got := scrape(t, m); !strings.Contains(got, "halley_http_panics_total 1") {
		t.Error("panics are miscounted")
	}
}

// A websocket takes the connection over, and so does a held poll, which is no upgrade.
func TestHijack(t *testing.T) {
	t.Parallel()
	for header, code := range map[string]string{"Upgrade: websocket\r\n": "101", "": "200"} {
		m := NewMetrics(Build{})
		hs := httptest.NewServer(m.HTTP(silent(), "/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			h, ok := w.(http.Hijacker)
			if !ok {
				t.Error("not a Hijacker")
				return
			}
			c, _, err := h.Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\nmine")
			_ = c.Close()
			panic("after the hijack")
		})))
		c, err := net.Dial("tcp", hs.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n"+header+"\r\n")
		all, err := io.ReadAll(bufio.NewReader(c))
		if err != nil || !strings.HasSuffix(string(all), "mine") {
			t.Errorf("%q, %v", all, err)
		}
		if got := scrape(t, m); !strings.Contains(got, `code="`+code+`"`) {
			t.Errorf("with %q it is not counted as %s", header, code)
		}
		_ = c.Close()
		hs.Close()
	}
}

// stuck is a connection that takes nothing.
type stuck struct{ http.ResponseWriter }

func (stuck) FlushError() error { return net.ErrClosed }

// Handlers learn that an answer did not leave.
func TestFlushFails(t *testing.T) {
	t.Parallel()
	h := NewMetrics(Build{}).HTTP(silent(), "/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the error is %v", err)
		}
	}))
	h.ServeHTTP(stuck{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))
}
