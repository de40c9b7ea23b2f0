package probe

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var settings = Settings{URL: "http://desk.example", Timeout: 30_000, PingInterval: 25_000, MaxBody: 1000, WebSocket: true}

func newHandler(t *testing.T) *Handler {
	t.Helper()
	h := New(settings, func(*http.Request) (string, bool) { return "192.0.2.9", true })
	t.Cleanup(h.Close)
	return h
}

// ask sends a request to a handler without a network in between.
func ask(h http.Handler, method, url, body string, header ...string) (*httptest.ResponseRecorder, Answer) {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a Answer
	_ = json.Unmarshal(w.Body.Bytes(), &a) // an error has none
	return w, a
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestAnswerTellsOfTheRequest(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	w, a := ask(h, http.MethodPost, "http://desk.example"+Path+"?claim=192.0.2.9", "[]", "Connection", "Upgrade, "+Marker, "Upgrade", "websocket",
		"Cookie", "JSESSIONID=secret; BAYEUX_BROWSER=secret", "X-Forwarded-For", "192.0.2.9, 10.1.2.3", "X-Forwarded-For", "10.1.2.4")
	if w.Code != http.StatusOK || !a.Halley || a.Method != http.MethodPost || a.Proto != "HTTP/1.1" || a.Host != "desk.example" || !a.Direct || !a.Upgrade || a.Body != 2 {
		t.Errorf("status %d, %+v", w.Code, a)
	}
	if got := fmt.Sprint(a.Cookies); got != "[JSESSIONID BAYEUX_BROWSER]" {
		t.Errorf("cookies %s", got)
	}
	if want := (Forwarded{Hops: 3, Believed: true, Claimed: true}); a.Forwarded != want || a.Settings != settings {
		t.Errorf("%+v, %+v", a.Forwarded, a.Settings)
	}
	for _, secret := range []string{"secret", "192.0.2", "10.1.2"} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("the answer gives %q away: %s", secret, w.Body)
		}
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %s", got)
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Name != Cookie || c[0].MaxAge >= 0 {
		t.Errorf("cookies are set that a browser keeps: %v", c)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPut, Path, "", http.StatusMethodNotAllowed},
		{http.MethodPost, Socket, "", http.StatusMethodNotAllowed},
		{http.MethodPost, Stream, "", http.StatusMethodNotAllowed},
		{http.MethodGet, Path + "/else", "", http.StatusNotFound},
		{http.MethodGet, Socket, "", http.StatusUpgradeRequired},
		{http.MethodPost, Path, strings.Repeat("x", 1001), http.StatusRequestEntityTooLarge},
		{http.MethodGet, Fail + "?status=503", "", http.StatusServiceUnavailable},
		{http.MethodGet, Fail + "?status=200", "", http.StatusBadRequest}, // a recorder's connection cannot be cut
	} {
		if w, _ := ask(h, tc.method, tc.path, tc.body); w.Code != tc.status {
			t.Errorf("%s %s: status %d, want %d", tc.method, tc.path, w.Code, tc.status)
		}
	}
}

// Whoever floods the probes gets 429, and failures, which may make a proxy think ill of the server, are rarer still.
func TestRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for path, most := range map[string]int{Path: atOnce, Fail + "?status=503": failuresAtOnce} {
			h := newHandler(t)
			passed := 0
			for range 2 * atOnce {
				if w, _ := ask(h, http.MethodGet, path, ""); w.Code != http.StatusTooManyRequests {
					passed++
				} else if w.Header().Get("Retry-After") == "" {
					t.Fatal("429 without Retry-After")
				}
			}
			if passed != most {
				t.Errorf("%d of %s passed at once, want %d", passed, path, most)
			}
			pass(10 * time.Second)
			if w, _ := ask(h, http.MethodGet, path, ""); w.Code == http.StatusTooManyRequests {
				t.Errorf("%s is still refused after 10 s", path)
			}
		}
	})
}

// Requests are counted by their ids, of which so many are remembered.
func TestCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t)
		count := func(id string) int {
			pass(time.Second) // the rate is not what is tested
			_, a := ask(h, http.MethodGet, Path+"?id="+id, "")
			return a.Count
		}
		if a, b, c := count("a"), count("a"), count("b"); a != 1 || b != 2 || c != 1 {
			t.Errorf("counted %d, %d, %d", a, b, c)
		}
		for i := range 2 * maxIDs {
			count(fmt.Sprint(i))
		}
		if n := h.asked.Len(); n != maxIDs || count("a") != 1 {
			t.Errorf("%d ids are remembered, want %d", n, maxIDs)
		}
		if got := count(strings.Repeat("x", MaxID+1)); got != 0 {
			t.Errorf("an id that is too long is counted: %d", got)
		}
	})
}

func TestHold(t *testing.T) {
	t.Parallel()
	long := settings.Timeout.Duration() + Longer
	for name, tc := range map[string]struct {
		query      string
		leave      time.Duration // 0: the client waits
		close      time.Duration // 0: the server goes on
		takes      time.Duration
		body, left bool
	}{
		"as asked":         {"?for=35s", 0, 0, 35 * time.Second, true, false},
		"no more than so":  {"?for=9000h", 0, 0, long, true, false},
		"nonsense":         {"?for=x", 0, 0, 0, true, false},
		"the client goes":  {"?for=35s&id=a", time.Second, 0, time.Second, false, true},
		"the server stops": {"?for=35s", 0, 2 * time.Second, 2 * time.Second, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHandler(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.leave > 0 {
					time.AfterFunc(tc.leave, cancel)
				}
				if tc.close > 0 {
					time.AfterFunc(tc.close, h.Close)
				}
				start, w := time.Now(), httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, Hold+tc.query, strings.NewReader("[]")))
				if took := time.Since(start); took != tc.takes || (w.Body.Len() > 0) != tc.body {
					t.Errorf("took %v, want %v; the answer is %s", took, tc.takes, w.Body)
				}
				if _, a := ask(h, http.MethodGet, Path+"?id=a", ""); a.Left != tc.left {
					t.Errorf("left: %v", a.Left)
				}
			})
		})
	}
}

// No more than so many are held at a time.
func TestHeldAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t)
		for range maxHeld {
			go ask(h, http.MethodGet, Hold+"?for=1m", "")
		}
		synctest.Wait()
		if w, _ := ask(h, http.MethodGet, Hold+"?for=1m", ""); w.Code != http.StatusTooManyRequests {
			t.Errorf("one more is held: status %d", w.Code)
		}
		h.Close()
		if w, _ := ask(h, http.MethodGet, Path, ""); w.Code != http.StatusServiceUnavailable {
			t.Errorf("after the end: status %d", w.Code)
		}
	})
}

// A stream's last byte comes when the time is over, and a request that fails gets no answer at all.
func TestStreamAndFail(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(newHandler(t))
	defer srv.Close()
	start := time.Now()
	resp, err := srv.Client().Get(srv.URL + Stream + "?for=200ms")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a Answer
	if err := json.UnmarshalRead(resp.Body, &a); err != nil || !a.Halley || time.Since(start) < 200*time.Millisecond {
		t.Errorf("%+v, %v, after %v", a, err, time.Since(start))
	}
	if resp, err := srv.Client().Post(srv.URL+Fail, "text/plain", nil); err == nil {
		resp.Body.Close()
		t.Errorf("the connection is not cut: status %d", resp.StatusCode)
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	h := newHandler(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	dial := func() *wsConn {
		conn, _, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http")+Socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return &wsConn{t, conn}
	}
	c := dial()
	for _, size := range []int{0, 5, MaxFrame} {
		message := bytes.Repeat([]byte("x"), size)
		c.send(ws.NewBinaryFrame(message))
		if f, err := ws.ReadFrame(c); err != nil || !bytes.Equal(f.Payload, message) {
			t.Fatalf("of %d bytes came back %d, %v", size, len(f.Payload), err)
		}
	}
	for what, f := range map[string]ws.Frame{
		"too large": ws.NewBinaryFrame(make([]byte, MaxFrame+1)), "text": ws.NewTextFrame([]byte("x")), "part": {Header: ws.Header{OpCode: ws.OpBinary}},
	} {
		c := dial()
		c.send(f)
		if f, err := ws.ReadFrame(c); err == nil {
			t.Errorf("a frame that is %s is answered with %+v", what, f.Header)
		}
	}
	for range maxFrames - 3 {
		c.send(ws.NewBinaryFrame(nil))
		if _, err := ws.ReadFrame(c); err != nil {
			t.Fatal(err)
		}
	}
	if f, err := ws.ReadFrame(c); err == nil {
		t.Errorf("after %d frames the socket is still open: %+v", maxFrames, f.Header)
	}
	open := dial()
	h.Close() // waits for it
	if f, err := ws.ReadFrame(open); err == nil {
		t.Errorf("after the end there is %+v", f.Header)
	}
}

// What cannot become a websocket is told so on a connection that serves the next request too, or says that it does not: a proxy keeps it.
func TestSocketRefused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(newHandler(t))
	defer srv.Close()
	const full = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for what, request := range map[string]string{
		"HTTP/1.0":            "HTTP/1.0\r\n" + full,
		"kept, over HTTP/1.0": "HTTP/1.0\r\n" + strings.Replace(full, "Upgrade", "Keep-Alive, Upgrade", 1),
		"another version":     "HTTP/1.1\r\n" + strings.Replace(full, "13", "8", 1),
		"a short key":         "HTTP/1.1\r\n" + strings.Replace(full, "dGhl", "", 1),
		"no host":             "HTTP/1.1\r\n" + strings.Replace(full, "Host: x", "Host:", 1),
		"two lists":           "HTTP/1.1\r\nConnection: Keep-Alive\r\n" + full,
	} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		br := bufio.NewReader(conn)
		for range 2 {
			if _, err = io.WriteString(conn, "GET "+Socket+" "+request+"\r\n"); err != nil {
				t.Fatal(what, err)
			}
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			_, _ = io.Copy(io.Discard, resp.Body) // an error shows at the next request
			if resp.StatusCode != http.StatusUpgradeRequired {
				t.Errorf("%s: status %d", what, resp.StatusCode)
			}
			if resp.Close {
				break
			}
		}
	}
}

// wsConn is a client's websocket.
type wsConn struct {
	t *testing.T
	io.ReadWriter
}

func (c *wsConn) send(f ws.Frame) {
	c.t.Helper()
	if err := ws.WriteFrame(c, ws.MaskFrame(f)); err != nil {
		c.t.Log(err) // the other side may have closed
	}
}

// Whatever a client sends, no more comes back than it sent.
func FuzzFrames(f *testing.F) {
	for _, frame := range []ws.Frame{ws.NewBinaryFrame([]byte("abc")), ws.NewTextFrame(nil), ws.NewCloseFrame(nil)} {
		f.Add(ws.MustCompileFrame(ws.MaskFrame(frame)))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		from, to, buffer := bytes.NewReader(sent), &bytes.Buffer{}, make([]byte, MaxFrame)
		for echoFrame(from, to, buffer) {
		}
		if to.Len() > len(sent) {
			t.Errorf("%d bytes came back for %d", to.Len(), len(sent))
		}
	})
}
