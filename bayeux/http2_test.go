package bayeux

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
)

// streams is a browser that speaks HTTP/2: one connection, one cookie.
type streams struct {
	*bench
	client *http.Client
	url    string
	cookie *http.Cookie
}

// overHTTP2 runs a test over TLS and, as behind a proxy, without it (h2c).
func overHTTP2(t *testing.T, opt Options, f func(t *testing.T, c *streams)) {
	t.Helper()
	for _, tls := range []bool{true, false} {
		t.Run(map[bool]string{true: "h2", false: "h2c"}[tls], func(t *testing.T) {
			t.Parallel()
			srv, err := New(opt)
			must(t, err)
			hs := httptest.NewUnstartedServer(srv)
			srv.Track(hs.Config)
			c := &streams{bench: &bench{t: t, srv: srv}}
			if tls {
				hs.EnableHTTP2 = true
				hs.StartTLS()
				c.client = hs.Client()
			} else {
				plain := new(http.Protocols)
				plain.SetUnencryptedHTTP2(true)
				hs.Config.Protocols = plain
				hs.Start()
				tr := &http.Transport{Protocols: plain}
				c.client = &http.Client{Transport: tr}
				defer tr.CloseIdleConnections()
			}
			defer hs.Close()
			defer func() { must(t, srv.Shutdown(context.Background())) }()
			c.url = hs.URL
			f(t, c)
		})
	}
}

func (c *streams) post(ctx context.Context, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	if c.cookie != nil {
		req.AddCookie(c.cookie)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if len(resp.Cookies()) > 0 {
		c.cookie = resp.Cookies()[0]
	}
	if err == nil && (resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK) {
		err = fmt.Errorf("%s %s", resp.Proto, resp.Status)
	}
	return string(text), err
}

func (c *streams) ask(body string) string {
	c.t.Helper()
	text, err := c.post(c.t.Context(), body)
	must(c.t, err)
	return text
}

// open makes a session that has a subscription to /s and its first connect behind it.
func (c *streams) open() (id string) {
	c.t.Helper()
	id = clientIDs.FindStringSubmatch(c.ask(`[{"channel":"/meta/handshake"}]`))[1]
	c.ask(`[{"channel":"/meta/connect","clientId":"` + id + `"},{"channel":"/meta/subscribe","clientId":"` + id + `","subscription":"/s"}]`)
	return id
}

func connectOf(id, n string) string {
	return `[{"channel":"/meta/connect","id":"` + n + `","clientId":"` + id + `"}]`
}

// Line 29: CK-7, LP-13: the connects of several sessions of a browser are held on
// one connection, and hold up nothing else.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	overHTTP2(t, Options{}, func(t *testing.T, c *streams) {
		const n = 20
		done := make(chan string, n)
		for range n {
			id := c.open()
			go func() {
				text, err := c.post(t.Context(), connectOf(id, "1"))
				done <- fmt.Sprint(text, err)
			}()
		}
		c.held(n)
		c.publish("/s", "1")
		for range n {
			if got := <-done; got != `[{"channel":"/s","data":1},{"channel":"/meta/connect","id":"1","successful":true}]<nil>` {
				t.Error(got)
			}
		}
	})
}

// SS-11, DEL-8, DEL-9: a stream that is reset stops being held, at once, and
// nothing is taken from the queue for it.
func TestHTTP2StreamReset(t *testing.T) {
	t.Parallel()
	overHTTP2(t, Options{}, func(t *testing.T, c *streams) {
		id, other := c.open(), c.open()
		ctx, reset := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := c.post(ctx, connectOf(id, "1"))
			gone <- err
		}()
		kept := make(chan string, 1)
		go func() {
			text, err := c.post(t.Context(), connectOf(other, "1"))
			kept <- fmt.Sprint(text, err)
		}()
		c.held(2)
		reset()
		if err := <-gone; err == nil {
			t.Error("the stream was not reset")
		}
		c.held(1) // the connection goes on
		c.publish("/s", "1")
		const want = `[{"channel":"/s","data":1},{"channel":"/meta/connect","id":"%s","successful":true}]`
		if got := <-kept; got != fmt.Sprintf(want, "1")+"<nil>" {
			t.Error(got)
		}
		if got := c.ask(connectOf(id, "2")); got != fmt.Sprintf(want, "2") {
			t.Error(got)
		}
	})
}

// CK-7, CK-8: HTTP2MaxSessionsPerBrowser is a limit of its own.
func TestHTTP2SessionsPerBrowser(t *testing.T) {
	t.Parallel()
	for limit, held := range map[int]int{2: 2, NeverHold: 0} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			overHTTP2(t, Options{HTTP2MaxSessionsPerBrowser: limit}, func(t *testing.T, c *streams) {
				for range held {
					id := c.open()
					go func() { _, _ = c.post(t.Context(), connectOf(id, "1")) }()
				}
				c.held(held)
				if got := c.ask(connectOf(c.open(), "1")); !strings.Contains(got, `"multiple-clients":true`) || !strings.Contains(got, `"successful":true`) {
					t.Error(got)
				}
			})
		})
	}
}

// 11.3 over HTTP/2: a body that is too large ends its stream, not the connection of the others.
func TestHTTP2TooLarge(t *testing.T) {
	t.Parallel()
	overHTTP2(t, Options{LongPolling: HTTPOptions{MaxMessageSize: 1000}}, func(t *testing.T, c *streams) {
		if _, err := c.post(t.Context(), strings.Repeat(" ", 2000)); err == nil || !strings.Contains(err.Error(), "413") {
			t.Fatal(err)
		}
		reused := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		if _, err := c.post(ctx, `[{"channel":"/meta/handshake"}]`); err != nil || !reused {
			t.Errorf("%v; the connection goes on: %v", err, reused)
		}
	})
}
