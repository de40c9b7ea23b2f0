package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A Browser sends HTTP requests: it keeps cookies and connections as one user agent does. Its methods may be called by several goroutines.
type Browser struct {
	l      *Line
	Base   string      // the mount
	Header http.Header // of each request
	proto  string      // such as HTTP/1.1
	client *http.Client

	mu      sync.Mutex
	cookies map[string]string
}

// Browser returns a new one, without cookies, that speaks HTTP/1.1.
func (l *Line) Browser() *Browser {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return l.browser("HTTP/1.1", p)
}

// BrowserHTTP2 returns a new one that speaks HTTP/2, also without TLS.
func (l *Line) BrowserHTTP2() *Browser {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return l.browser("HTTP/2.0", p)
}

func (l *Line) browser(proto string, p *http.Protocols) *Browser {
	t := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16, Protocols: p}
	l.Cleanup(t.CloseIdleConnections)
	return &Browser{
		l: l, proto: proto, Base: l.URL, Header: http.Header{}, cookies: map[string]string{},
		client: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// Cookie returns the value of a cookie; the empty string if there is none.
func (b *Browser) Cookie(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cookies[name]
}

// SetCookie sets a cookie, or forgets it where value is empty.
func (b *Browser) SetCookie(name, value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if value == "" {
		delete(b.cookies, name)
		return
	}
	b.cookies[name] = value
}

// cookieHeader is the value of the header Cookie.
func (b *Browser) cookieHeader() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var pairs []string
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}

func (b *Browser) learn(set []*http.Cookie) {
	for _, c := range set {
		b.SetCookie(c.Name, c.Value)
	}
}

// Response is what came back for one request, or the error why nothing did.
type Response struct {
	Status int
	Header http.Header
	Proto  string
	Body   []byte
	Took   time.Duration
	Err    error
}

// Fields are headers of a request, added to those of the browser; an empty value takes a header away.
type Fields map[string]string

// maxBody bounds what is read of a response.
const maxBody = 64 << 20

// Request sends a request to the mount and what follows it (such as "/connect" or "?jsonp=cb"), and returns the response; a connection that fails ends the check.
func (b *Browser) Request(method, suffix, body string, fields Fields) Response {
	r := b.request(b.l.ctx, method, suffix, body, fields)
	b.l.Need(method+" "+suffix, r.Err)
	return r
}

// Post posts a body to the mount.
func (b *Browser) Post(body string) Response {
	return b.Request(http.MethodPost, "", body, Fields{"Content-Type": "application/json"})
}

// Get sends messages by callback-polling, with the callback cb.
func (b *Browser) Get(messages string) Response {
	return b.Request(http.MethodGet, callback(messages), "", nil)
}

func callback(messages string) string { return "?jsonp=cb&message=" + url.QueryEscape(messages) }

// dress sets the fields that the browser sends with every request, its cookies, and others; an empty one is left out.
func (b *Browser) dress(h http.Header, fields Fields) {
	for name, values := range b.Header {
		h[name] = values
	}
	if c := b.cookieHeader(); c != "" {
		h.Set("Cookie", c)
	}
	for name, value := range fields {
		h.Set(name, value)
		if value == "" {
			h.Del(name)
		}
	}
}

func (b *Browser) request(ctx context.Context, method, suffix, body string, fields Fields) (r Response) {
	began := time.Now()
	defer func() { r.Took = time.Since(began) }()
	var payload io.Reader
	if body != "" || method == http.MethodPost {
		payload = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, b.Base+suffix, payload)
	if err != nil {
		return Response{Err: err}
	}
	b.dress(req.Header, fields)
	resp, err := b.client.Do(req)
	if err != nil {
		return Response{Err: err}
	}
	defer resp.Body.Close()
	r = Response{Status: resp.StatusCode, Header: resp.Header, Proto: resp.Proto}
	r.Body, r.Err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	b.learn(resp.Cookies())
	return r
}

// messages are those of a response with status 200, by the rules of the transport.
func (r Response) messages(on Transport) ([]Message, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	if r.Status != http.StatusOK {
		return nil, fmt.Errorf("status %d, %q", r.Status, short(r.Body))
	}
	body := string(r.Body)
	if on == J {
		var ok bool
		body, ok = strings.CutPrefix(strings.TrimPrefix(body, "/**/"), "cb(")
		if !ok {
			return nil, fmt.Errorf("the callback is not called: %q", short(r.Body))
		}
		body = strings.TrimSuffix(strings.TrimRight(body, ";\r\n"), ")")
	}
	return ParseMessages([]byte(body))
}
