package customerapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// The table of 1.8: which error is which answer.
func TestRefusalOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err        error
		http       int
		statusCode int
		ended      bool
		code       int // 0: no errors
	}{
		{chat.ErrNotFound, 200, 2, true, 249},
		{chat.ErrEnded, 200, 2, true, 249},
		{invalid{newProblem(161, "x")}, 400, 2, false, 161},
		{chat.ErrMissing, 400, 2, false, 182},
		{chat.ErrTooLong, 400, 2, false, 204},
		{chat.ErrInvalid, 400, 2, false, 249},
		{chat.ErrState, 400, 2, false, 249},
		{chat.ErrNotAllowed, 400, 2, false, 249},
		{store.ErrKeyReused, 400, 2, false, 249},
		{errBody, 400, 2, false, 249},
		{errService, 404, 2, false, 306},
		{errOperation, 404, 2, false, 249},
		{errNotServed, 404, 2, false, 249},
		{errMethod, 405, 2, false, 249},
		{errTooLarge, 413, 2, false, 249},
		{errContentType, 415, 2, false, 249},
		{tooFast{wait: time.Second, code: 240}, 429, 1, false, 240},
		{store.ErrConflict, 200, 1, false, 249},
		{store.ErrUnavailable, 200, 1, false, 249},
		{context.DeadlineExceeded, 200, 1, false, 249},
		{context.Canceled, 200, 1, false, 249},
		{store.ErrClosed, 503, 1, false, 249},
		{errBug, 500, 2, false, 0},
		{errors.New("something"), 500, 2, false, 0},
	} {
		f := refusalOf(fmt.Errorf("while trying: %w", tt.err))
		b := f.body(target{chatID: "C1"})
		code := 0
		if len(b.Errors) > 0 {
			code = b.Errors[0].Code
		}
		if f.http != tt.http || b.StatusCode != tt.statusCode || b.ChatEnded != tt.ended || code != tt.code || b.ChatID != "C1" || b.Alias != "1" {
			t.Errorf("%v: %d %+v", tt.err, f.http, b)
		}
	}
}

// The HTTP side of 1.8: methods, URLs, bodies, content types; none of them HTML, none a redirect. [1.2, 2.0] Fault B15.
func TestNotARequest(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	request := func(method, url, contentType, body string) *http.Request {
		r := httptest.NewRequest(method, url, strings.NewReader(body))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		return r
	}
	key := "secureKey=" + p.key
	for _, tt := range []struct {
		name  string
		r     *http.Request
		http  int
		codes []int
	}{
		{"GET", request("GET", support, "", ""), 405, []int{249}},
		{"HEAD", request("HEAD", support, "", ""), 405, []int{249}},
		{"TRACE", request("TRACE", p.url("send"), "", ""), 405, []int{249}},
		{"DELETE", request("DELETE", p.url("send"), "", ""), 405, []int{249}},
		{"a method by header", func() *http.Request {
			r := request("GET", p.url("refresh")+"?"+key, "", "")
			r.Header.Set("X-HTTP-Method-Override", "POST")
			return r
		}(), 405, []int{249}},
		{"GET of an unknown service: the method comes first", request("GET", "/genesys/2/chat/nobody", "", ""), 405, []int{249}},
		{"unknown service", request("POST", "/genesys/2/chat/nobody", "application/json", "{}"), 404, []int{306}},
		{"unknown service with a chat", request("POST", "/genesys/2/chat/nobody/"+p.id+"/send", formEncoded, key), 404, []int{306}},
		{"service in capitals", request("POST", "/genesys/2/chat/Support", formEncoded, "nickname=Pat"), 404, []int{306}},
		{"unknown operation", request("POST", p.url("dance"), formEncoded, key), 404, []int{249}},
		{"operation in capitals", request("POST", p.url("Send"), formEncoded, key), 404, []int{249}},
		{"no operation", request("POST", support+"/"+p.id, formEncoded, key), 404, []int{249}},
		{"something below an operation", request("POST", p.url("send/now"), formEncoded, key), 404, []int{249}},
		{"pushUrl", request("POST", p.url("pushUrl"), formEncoded, key), 404, []int{249}},
		{"customNotice", request("POST", p.url("customNotice"), formEncoded, key), 404, []int{249}},
		{"updateNickname", request("POST", p.url("updateNickname"), formEncoded, key), 404, []int{249}},
		{"readReceipt", request("POST", p.url("readReceipt"), formEncoded, key), 404, []int{249}},
		{"file limits", request("POST", p.url("file/limits"), formEncoded, key), 404, []int{249}},
		{"download", request("POST", p.url("file/a61f/download"), formEncoded, key), 404, []int{249}},
		{"version 1", request("POST", "/genesys/1/service/x/ixn/chat", formEncoded, ""), 404, []int{249}},
		{"CometD", request("POST", "/genesys/cometd/handshake", "application/json", "[]"), 404, []int{249}},
		{"files of CometD", request("POST", "/genesys/2/chat-ntf", formEncoded, ""), 404, []int{249}},
		{"the root", request("GET", "/genesys/", "", ""), 404, []int{249}},
		{"JSON", request("POST", support, "application/json", `{"nickname":"Pat"}`), 415, []int{249}},
		{"JSON to a chat, before the key is looked at", request("POST", p.url("send"), "application/json", "{}"), 415, []int{249}},
		{"no content type", request("POST", p.url("send"), "", key), 415, []int{249}},
		{"too large, as it says", request("POST", p.url("send"), formEncoded, strings.Repeat("x", 256<<10+1)), 413, []int{249}},
		{"too large, without a length", func() *http.Request {
			r := request("POST", support, formEncoded, "")
			r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("nickname=Pat&message="), strings.NewReader(strings.Repeat("x", 300_000)))), -1
			return r
		}(), 413, []int{249}},
		{"cut off", func() *http.Request {
			r := request("POST", p.url("send"), formEncoded, "")
			r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(key), iotest.ErrReader(io.ErrUnexpectedEOF))), -1
			return r
		}(), 400, []int{249}},
		{"broken multipart", request("POST", support, "multipart/form-data; boundary=x", "nonsense"), 400, []int{249}},
	} {
		a := o.do(tt.r)
		if a.status != tt.http || !slices.Equal(a.codes(), tt.codes) || a.StatusCode != 2 || a.ChatEnded {
			t.Errorf("%s: %d %s", tt.name, a.status, a.raw)
		}
		if allow := a.header.Get("Allow"); (allow == "POST, OPTIONS") != (tt.http == 405) {
			t.Errorf("%s: Allow %q", tt.name, allow)
		}
		if strings.Contains(tt.r.URL.Path, p.id) && !strings.Contains(tt.r.URL.Path, "nobody/") && a.ChatID != p.id {
			t.Errorf("%s: the widget would forget its chat: %s", tt.name, a.raw)
		}
	}
	if a := p.must("refresh"); a.NextPosition != 2 {
		t.Errorf("one of them did something: %s", a.raw)
	}
}

// A double slash between service and chat, trailing slashes, and parameters in the query are fine. [1.2, 1.3]
func TestTolerance(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	for i, r := range []*http.Request{
		formRequest(support+"//"+p.id+"/send", "secureKey", p.key, "message", "x"),
		formRequest(p.url("send/"), "secureKey", p.key, "message", "x", "userId", "somebody", "alias", "99"),
		formRequest(p.url("send")+"?secureKey="+p.key+"&message=y", "message", "x"),
		httptest.NewRequest(http.MethodPost, p.url("send")+"?message=x&secureKey="+p.key, nil),
	} {
		if a := o.do(r); a.StatusCode != 0 || a.NextPosition != int64(i+3) {
			t.Errorf("%s: %s", r.URL.Path, a.raw)
		}
	}
}

// Fault C5: ten chats a minute from one address, and then Retry-After. [5.2]
func TestStartRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := open(t, func(s *Settings) { s.StartsPerMinute = 10 })
		from := func(addr string) answer {
			r := formRequest(support, "nickname", "Pat")
			r.RemoteAddr = addr
			return o.do(r)
		}
		for range 10 {
			if a := from("203.0.113.7:1"); a.StatusCode != 0 {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		}
		a := from("203.0.113.7:2")
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "6" || !slices.Equal(a.codes(), []int{240}) || a.StatusCode != 1 {
			t.Errorf("the eleventh: %d, Retry-After %q, %s", a.status, a.header.Get("Retry-After"), a.raw)
		}
		if a := from("203.0.113.8:1"); a.StatusCode != 0 {
			t.Errorf("another address: %s", a.raw)
		}
		if a := from("[2001:db8::1]:1"); a.StatusCode != 0 {
			t.Errorf("an IPv6 address: %s", a.raw)
		}
		pass(6 * time.Second)
		if a := from("203.0.113.7:3"); a.StatusCode != 0 {
			t.Errorf("six seconds later: %s", a.raw)
		}
		if a := from("127.0.0.1:3"); a.StatusCode != 0 {
			t.Errorf("loopback is an address like any: %s", a.raw)
		}
	})
}

// 5.2: twenty operations a second and chat, counted for the holder of the key only.
func TestOperationRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := open(t, func(s *Settings) { s.OperationsPerSecond = 20 })
		p, q := o.pat(), o.pat()
		for range 100 {
			if a := o.post(p.url("send"), "secureKey", q.key, "message", "x"); a.status != http.StatusOK {
				t.Fatalf("a stranger: %d %s", a.status, a.raw)
			}
		}
		for i := range 20 {
			p.must([]string{"refresh", "send", "startTyping", "stopTyping"}[i%4], "message", "x")
		}
		a := p.do("send", "message", "too much")
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" || a.StatusCode != 1 || a.ChatEnded || a.ChatID != p.id || !slices.Equal(a.codes(), []int{249}) {
			t.Errorf("the twenty-first: %d, Retry-After %q, %s", a.status, a.header.Get("Retry-After"), a.raw)
		}
		q.must("send", "message", "another chat")
		pass(time.Second)
		p.must("send", "message", "later")
		// Polling every 500 ms, typing and writing pass.
		for range 60 {
			pass(500 * time.Millisecond)
			p.must("refresh")
			p.must("startTyping")
			p.must("send", "message", "x")
		}
	})
}

// For a demo the rates do not count on loopback addresses, and for others they do.
func TestFreeLoopback(t *testing.T) {
	t.Parallel()
	o := open(t, func(s *Settings) { s.StartsPerMinute, s.OperationsPerSecond, s.FreeLoopback = 1, 1, true })
	for _, addr := range []string{"127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"} {
		for range 3 {
			r := formRequest(support, "nickname", "Pat")
			r.RemoteAddr = addr
			a := o.do(r)
			for range 3 {
				r := formRequest(support+"/"+a.ChatID+"/refresh", "secureKey", a.SecureKey)
				r.RemoteAddr = addr
				if a := o.do(r); a.status != http.StatusOK {
					t.Errorf("%s: %d %s", addr, a.status, a.raw)
				}
			}
		}
	}
	o.post(support, "nickname", "Pat")
	if a := o.post(support, "nickname", "Pat"); a.status != http.StatusTooManyRequests {
		t.Errorf("another address: %d", a.status)
	}
}

// When the store is closed the server is going: 503, and the chat is not called over. A bug is 500 without errors. Both can be read across sites. 6.6 test 10.
func TestTrouble(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	if err := o.closeStore(); err != nil {
		t.Fatal(err)
	}
	r := formRequest(p.url("send"), "secureKey", p.key, "message", "x")
	r.Header.Set("Origin", "https://shop.example.org")
	a := o.do(r)
	if a.status != http.StatusServiceUnavailable || a.StatusCode != 1 || a.ChatEnded || a.header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%d %s", a.status, a.raw)
	}

	broken := New(Config{Directory: o.api.directory, Settings: DefaultSettings(), Logger: slog.New(slog.DiscardHandler)})
	w := httptest.NewRecorder()
	r = formRequest(p.url("send"), "secureKey", p.key, "message", "x")
	r.Header.Set("Origin", "https://shop.example.org")
	broken.Handler().ServeHTTP(w, r)
	e := readStrictly(t, w.Code, w.Header(), w.Body.Bytes())
	if w.Code != http.StatusInternalServerError || e.StatusCode != 2 || e.Errors != nil || w.Header().Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "goroutine") || strings.Contains(w.Body.String(), "nil pointer") {
		t.Errorf("the answer tells about our insides: %s", w.Body)
	}
}
