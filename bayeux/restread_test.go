package bayeux

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Only what can be read in one way is plain: the rest is net/http's to judge.
func TestPlainRequest(t *testing.T) {
	t.Parallel()
	const host = "Host: desk.example\r\n"
	for name, tc := range map[string]struct {
		text string
		want plainness
	}{
		"post":                   {"POST /c HTTP/1.1\r\n" + host + "content-LENGTH: 2\r\nCookie: a=b; c=\"d\"\r\n\r\n[]", simple},
		"get":                    {"GET /c?jsonp=a&message=%5B%5D HTTP/1.1\r\n" + host + "\r\n", simple},
		"keep-alive":             {"POST /c HTTP/1.1\r\n" + host + "Connection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", simple},
		"followed by more":       {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n[]POST /c", simple},
		"half a head":            {"POST /c HTTP/1.1\r\n" + host, partial},
		"half a body":            {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\n[]", partial},
		"nothing":                {"", partial},
		"other method":           {"PUT /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"other path":             {"POST /d HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"path below":             {"POST /c/d HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"absolute target":        {"POST http://desk.example/c HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"space in target":        {"POST /c?a b HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"older":                  {"POST /c HTTP/1.0\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"no version":             {"POST /c\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"no length":              {"POST /c HTTP/1.1\r\n" + host + "\r\n", unusual},
		"two lengths":            {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]", unusual},
		"list of lengths":        {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2, 2\r\n\r\n[]", unusual},
		"signed length":          {"POST /c HTTP/1.1\r\n" + host + "Content-Length: +2\r\n\r\n[]", unusual},
		"large":                  {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 4096\r\n\r\n", unusual},
		"huge":                   {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999999999\r\n\r\n", unusual},
		"get with a body":        {"GET /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"chunked":                {"POST /c HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", unusual},
		"chunked and length":     {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n[]", unusual},
		"chunked, spaced":        {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nTransfer-Encoding : chunked\r\n\r\n[]", unusual},
		"chunked, folded":        {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\n[]", unusual},
		"chunked after bare LF":  {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n[]", unusual},
		"chunked after bare CR":  {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n[]", unusual},
		"bare LFs":               {"POST /c HTTP/1.1\n" + "Host: x\nContent-Length: 2\r\n\r\n[]", unusual},
		"expects":                {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n[]", unusual},
		"upgrade":                {"GET /c HTTP/1.1\r\n" + host + "Upgrade: websocket\r\n\r\n", unusual},
		"trailer":                {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nTrailer: A\r\n\r\n[]", unusual},
		"close":                  {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\r\nConnection: close\r\n\r\n[]", unusual},
		"no host":                {"POST /c HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]", unusual},
		"two hosts":              {"POST /c HTTP/1.1\r\n" + host + host + "Content-Length: 2\r\n\r\n[]", unusual},
		"strange host":           {"POST /c HTTP/1.1\r\nHost: a/b\r\nContent-Length: 2\r\n\r\n[]", unusual},
		"no name":                {"POST /c HTTP/1.1\r\n" + host + ": a\r\nContent-Length: 2\r\n\r\n[]", unusual},
		"no colon":               {"POST /c HTTP/1.1\r\n" + host + "a\r\nContent-Length: 2\r\n\r\n[]", unusual},
		"control in a value":     {"POST /c HTTP/1.1\r\n" + host + "A: \x00\r\nContent-Length: 2\r\n\r\n[]", unusual},
		"not ASCII":              {"POST /c HTTP/1.1\r\n" + host + "A: \xc3\xa9\r\nContent-Length: 2\r\n\r\n[]", unusual},
		"control before the end": {"POST /c HTTP/1.1\r\n" + host + "Content-Length: 2\x0b\r\n\r\n[]", unusual},
	} {
		if _, _, got := plainRequest([]byte(tc.text), "/c"); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// Whatever is plain, net/http reads in the same way, to the byte.
func FuzzPlainRequest(f *testing.F) {
	f.Add([]byte("POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nCookie: a=b\r\ncookie: c\r\nPragma: no-cache\r\n\r\n[]more"))
	f.Add([]byte("GET /c?a=%5B HTTP/1.1\r\nHost: [::1]:80\r\nx_y:\t z \r\n\r\n"))
	f.Add([]byte("POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n[]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, length, p := plainRequest(b, "/c")
		if p != simple {
			return
		}
		all := bytes.NewReader(b)
		br := bufio.NewReader(all)
		want, err := http.ReadRequest(br)
		got, refused := parsePlain(string(b[:head+length]), head)
		if refused != nil {
			return // net/http is asked
		}
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		wantBody, err := io.ReadAll(want.Body)
		gotBody, _ := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(wantBody, gotBody) || br.Buffered()+all.Len() != len(b)-head-length {
			t.Fatalf("%q: body %q, want %q; %v", b, gotBody, wantBody, err)
		}
		for _, r := range []*http.Request{want, got} {
			r.Body = nil
		}
		if want.Close || len(want.TransferEncoding) > 0 || !maps.EqualFunc(want.Header, got.Header, func(a, b []string) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("%q: %v, want %v", b, got, want)
		}
		if want.Header, got.Header = nil, nil; fmt.Sprintf("%+v %+v", want, want.URL) != fmt.Sprintf("%+v %+v", got, got.URL) {
			t.Fatalf("%q: %+v, want %+v", b, got, want)
		}
	})
}

// atRest returns a connection that has been taken from net/http.
func (b *bench) atRest(c *pollingClient) (net.Conn, *bufio.Reader) {
	b.t.Helper()
	conn, err := b.dial()
	must(b.t, err)
	b.t.Cleanup(func() { _ = conn.Close() })
	br := bufio.NewReader(conn)
	for range 2 {
		go func() { _, _ = io.WriteString(conn, c.text(`[{"channel":"/x","clientId":"<A>"}]`)) }()
		if resp, body := readResponse(b.t, br); resp.StatusCode != http.StatusOK {
			b.t.Fatalf("%s %s", resp.Status, body)
		}
	}
	return conn, br
}

func readResponse(t testing.TB, br *bufio.Reader) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(br, nil)
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp, string(body)
}

// LP-9, LP-13, 11.3: a connection taken from net/http serves polls however they are cut, and returns with what is not plain.
func TestRequestsAtRest(t *testing.T) {
	t.Parallel()
	const publish = `[{"channel":"/x","clientId":"<A>","id":"7"}]`
	cut := func(text string) []string { return []string{text[:20], text[20 : len(text)-5], text[len(text)-5:]} }
	for name, tc := range map[string]struct {
		request func(c *pollingClient) []string // with pauses between
		pause   time.Duration
		status  int
		returns int32
	}{
		"in one piece":       {func(c *pollingClient) []string { return []string{c.text(publish)} }, 0, 200, 0},
		"in pieces":          {func(c *pollingClient) []string { return cut(c.text(publish)) }, 100 * time.Millisecond, 200, 0},
		"after a line break": {func(c *pollingClient) []string { return []string{"\r\n" + c.text(publish)} }, 0, 200, 0},
		"slowly":             {func(c *pollingClient) []string { return cut(c.text(publish)) }, 3 * time.Second, 200, 1},
		"too slowly":         {func(c *pollingClient) []string { return cut(c.text(publish)) }, 40 * time.Second, 400, 1},
		"large": {func(c *pollingClient) []string {
			return []string{c.text(`[{"channel":"/x","clientId":"<A>","id":"7","data":"` + strings.Repeat("a", 5000) + `"}]`)}
		}, 0, 200, 1},
		"malformed": {func(c *pollingClient) []string { return []string{c.text("[")} }, 0, 400, 0},
		"no host":   {func(c *pollingClient) []string { return []string{strings.Replace(c.text(publish), "Host: ", "X: ", 1)} }, 0, 400, 1},
		"two lengths": {func(c *pollingClient) []string {
			return []string{strings.Replace(c.text(publish), "Host: ", "Content-Length: 1\r\nHost: ", 1)}
		}, 0, 400, 1},
		"chunked": {func(c *pollingClient) []string {
			head, body, _ := strings.Cut(c.text(publish), "\r\n\r\n")
			head = head[:strings.Index(head, "Content-Length")]
			return []string{fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(body), body)}
		}, 0, 200, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				begun := new(atomic.Int32)
				b := startInMemory(t, Options{MaxInterval: time.Hour}, func(b *bench) {
					inner := b.http.ConnState
					b.http.ReadHeaderTimeout = 30 * time.Second
					b.http.ConnState = func(c net.Conn, s http.ConnState) {
						if s == http.StateNew {
							begun.Add(1)
						}
						inner(c, s)
					}
				})
				c := b.polling()
				handshake(t, c, "")
				conn, br := b.atRest(c)
				before := begun.Load()
				written := make(chan struct{})
				go func() {
					defer close(written)
					for i, part := range tc.request(c) {
						if i > 0 {
							pass(tc.pause)
						}
						_, _ = io.WriteString(conn, part)
					}
				}()
				resp, body := readResponse(t, br)
				if resp.StatusCode != tc.status || tc.status == 200 && !strings.Contains(body, `"id":"7"`) {
					t.Errorf("%s %s", resp.Status, body)
				}
				if n := begun.Load() - before; n != tc.returns {
					t.Errorf("it returned %d times", n)
				}
				<-written
			})
		})
	}
}

// Middleware finds outside of net/http what it finds there.
func TestHandlersAtRest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		handle http.HandlerFunc
		status int
		body   string
		header string // Content-Type
		ends   bool
	}{
		"refusal":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }, 401, "no\n", "text/plain; charset=utf-8", false},
		"no content":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 204, "", "", false},
		"said nothing": {func(http.ResponseWriter, *http.Request) {}, 200, "", "", false},
		"sniffed":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, 200, "<html>", "text/html; charset=utf-8", false},
		"flushed in between": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "b")
		}, 202, "ab", "text/plain; charset=utf-8", false},
		"more than announced": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1")
			_, _ = io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			if _, err := io.WriteString(w, "b"); !errors.Is(err, http.ErrContentLength) {
				panic(err)
			}
		}, 200, "a", "text/plain; charset=utf-8", false},
		"header of two lines": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "a\r\nX: y") }, 200, "", "a  X: y", false},
		"closes":              {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "Close") }, 200, "", "", true},
		"nobody reads":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, 0, "", "", true},
		"panics":              {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "", "", true},
		"hijacks": {func(w http.ResponseWriter, r *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if _, again := w.Write(nil); err != nil || !errors.Is(again, http.ErrHijacked) {
				panic(again)
			}
			defer conn.Close()
			next, _ := rw.ReadString('!')
			_, _ = fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(next), next)
			_ = rw.Flush()
		}, 200, "next!", "", true},
		"request": {func(w http.ResponseWriter, r *http.Request) {
			_, local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
			_, server := r.Context().Value(http.ServerContextKey).(*http.Server)
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprint(w, local, server, r.RemoteAddr == "pipe", r.Host, r.RequestURI, r.Proto, len(body) == int(r.ContentLength))
		}, 200, "true true truedesk.example/cometdHTTP/1.1true", "text/plain; charset=utf-8", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				var handler atomic.Pointer[http.HandlerFunc]
				b := startInMemory(t, Options{}, func(b *bench) {
					inner := b.http.Handler
					b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if h := handler.Load(); h != nil {
							(*h)(w, r)
							return
						}
						inner.ServeHTTP(w, r)
					})
				})
				c := b.polling()
				handshake(t, c, "")
				conn, br := b.atRest(c)
				handler.Store(&tc.handle)
				go func() {
					text := c.text("[]")
					if name == "hijacks" {
						text += "next!"
					}
					_, _ = io.WriteString(conn, text)
				}()
				if name == "nobody reads" {
					pass(b.srv.opt.LongPolling.WriteTimeout + time.Second)
				}
				if tc.status == 0 {
					if _, err := br.ReadByte(); err == nil {
						t.Error("it was answered")
					}
				} else if resp, body := readResponse(t, br); resp.StatusCode != tc.status || body != tc.body || resp.Header.Get("Content-Type") != tc.header {
					t.Errorf("%s %v %q", resp.Status, resp.Header, body)
				}
				synctest.Wait()
				left := 2 // the other one is the polling client's
				if tc.ends {
					left = 1
				}
				if n := len(b.srv.rests.list()); n != left {
					t.Errorf("%d connections rest, want %d", n, left)
				}
			})
		})
	}
}
