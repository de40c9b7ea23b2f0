package bayeuxclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// LP-1, HS-14, CN-1, CK-5: what goes over the wire until a client is connected by long-polling.
func TestDialLongPolling(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.Transports = []string{LongPolling}
		opt.Header = http.Header{"Authorization": {"Basic ZGFuYTpkZW1v"}}
		opt.Ext = map[string]jsontext.Value{"auth": jsontext.Value(`{"token":"t"}`)}
		d := p.dial(opt)

		shake := p.expect("post", "/meta/handshake")
		if shake.path != "/cometd/handshake" {
			t.Errorf("handshake posted to %s", shake.path)
		}
		if got := shake.header.Get("Authorization"); got != "Basic ZGFuYTpkZW1v" {
			t.Errorf("Authorization: %q", got)
		}
		if got := shake.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
			t.Errorf("Content-Type: %q", got)
		}
		if got, want := string(shake.msgs[0].Rest), `{"version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}`; got != want {
			t.Errorf("handshake has %s, want %s", got, want)
		}
		if got := string(shake.msgs[0].Ext["auth"]); got != `{"token":"t"}` {
			t.Errorf("ext.auth: %s", got)
		}
		shake.respond <- func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "BAYEUX_BROWSER", Value: "b1", Path: "/", HttpOnly: true})
			_, _ = w.Write([]byte(strings.Replace("["+shakeReply+"]", "#0", shake.msgs[0].ID, 1)))
		}

		first := p.expect("post", "/meta/connect")
		if first.path != "/cometd/connect" || first.msgs[0].ClientID != "A" || first.msgs[0].ConnectionType != "long-polling" {
			t.Errorf("first connect: %s %+v", first.path, first.msgs[0])
		}
		if got := string(first.msgs[0].Advice); got != `{"timeout":0}` {
			t.Errorf("advice of the first connect: %s", got)
		}
		if got := first.header.Get("Cookie"); got != "BAYEUX_BROWSER=b1" {
			t.Errorf("Cookie: %q", got)
		}
		first.reply(advisedReply)

		c := d.wait(t)
		if c.ID() != "A" {
			t.Errorf("ID: %s", c.ID())
		}
		second := p.expect("post", "/meta/connect")
		if second.msgs[0].Advice != nil {
			t.Errorf("advice of the second connect: %s", second.msgs[0].Advice)
		}
		publish := do(func() error { return c.Publish(t.Context(), "/desk/news", map[string]int{"n": 1}) })
		a := p.expect("post", "/desk/news")
		if a.path != "/cometd/" || string(a.msgs[0].Data) != `{"n":1}` {
			t.Errorf("publish: %s %s", a.path, a.msgs[0].Data)
		}
		a.reply(`{"channel":"/desk/news","id":"#0","successful":true}`)
		if err := publish(); err != nil {
			t.Error(err)
		}
		p.end(c)
	})
}

// A first connect that fails ends the Dial.
func TestDialConnectRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.Transports = []string{LongPolling}
		d := p.dial(opt)
		p.expect("post", "/meta/handshake").reply(shakeReply)
		p.expect("post", "/meta/connect").reply(unknownReply)
		<-d.done
		if refused, ok := errors.AsType[*ReplyError](d.err); !ok || refused.Code() != 402 {
			t.Errorf("got %v", d.err)
		}
		d = p.dial(opt)
		p.expect("post", "/meta/handshake").reply(shakeReply)
		p.expect("post", "/meta/connect").status(502)
		<-d.done
		if status, ok := errors.AsType[*StatusError](d.err); !ok || status.Status != 502 {
			t.Errorf("got %v", d.err)
		}
	})
}

// sealed is a RoundTripper, such as some instruments are, that keeps upgraded connections to itself.
type sealed struct{ http.RoundTripper }

func (s sealed) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct{ io.ReadCloser }{resp.Body}
	}
	return resp, err
}

func TestHTTPClientWithoutUpgrades(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.HTTP = &http.Client{Transport: sealed{p.roundTripper()}}
		d := p.dial(opt)
		s := p.next("upgrade").accept()
		p.gone(s)
		p.expect("post", "/meta/handshake").reply(shakeReply)
		p.expect("post", "/meta/connect").reply(advisedReply)
		c := d.wait(t)
		p.expect("post", "/meta/connect")
		p.end(c)
	})
}

// LP-1: a URL with a query, and one that is to be left alone.
func TestPostURL(t *testing.T) {
	t.Parallel()
	handshake, publish := []outgoing{{Channel: metaHandshake}}, []outgoing{{Channel: "/a"}}
	both := []outgoing{{Channel: metaConnect}, {Channel: "/a"}}
	for _, test := range []struct {
		url   string
		plain bool
		msgs  []outgoing
		want  string
	}{
		{"http://h/cometd", false, handshake, "http://h/cometd/handshake"},
		{"http://h/cometd/", false, handshake, "http://h/cometd/handshake"},
		{"http://h/cometd", false, publish, "http://h/cometd/"},
		{"http://h/cometd", false, both, "http://h/cometd/"},
		{"http://h/cometd?x=1", false, handshake, "http://h/cometd?x=1"},
		{"http://h/cometd", true, handshake, "http://h/cometd"},
	} {
		c := &Client{opt: Options{URL: test.url, PlainURL: test.plain}}
		if got := c.postURL(test.msgs); got != test.want {
			t.Errorf("%s, plain %v, %v: %s, want %s", test.url, test.plain, test.msgs[0].Channel, got, test.want)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for _, opt := range []Options{
		{},
		{URL: "desk.example"},
		{URL: "ws://desk.example/"},
		{URL: "http:///x"},
		{URL: "http://h/%zz"},
		{URL: "http://h/", Transports: []string{"carrier-pigeon"}},
		{URL: "http://h/", Transports: []string{}},
	} {
		if _, err := Dial(t.Context(), opt); err == nil {
			t.Errorf("%+v accepted", opt)
		}
	}
}

// HS-6, HS-7: a refused handshake carries the server's reasons.
func TestDialRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.Transports = []string{LongPolling}
		d := p.dial(opt)
		p.expect("post", "/meta/handshake").reply(
			`{"channel":"/meta/handshake","id":"#0","successful":false,"error":"403::handshake_denied","ext":{"why":"late"},"advice":{"reconnect":"none","interval":0,"timeout":30000}}`)
		<-d.done
		refused, ok := errors.AsType[*RefusedError](d.err)
		if !ok || refused.Text != "403::handshake_denied" || refused.Advice.Reconnect != "none" || string(refused.Ext) != `{"why":"late"}` {
			t.Fatalf("got %v", d.err)
		}
	})
}

// 11.3: no Bayeux, just a status.
func TestDialStatus(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		d := p.dial(opt)
		p.next("upgrade").status(401)
		p.expect("post", "/meta/handshake").status(401, "Retry-After", "7")
		<-d.done
		status, ok := errors.AsType[*StatusError](d.err)
		if !ok || status.Status != 401 || status.RetryAfter != 7*time.Second {
			t.Fatalf("got %v", d.err)
		}
	})
}

// Nothing listens: that is no reason to try the next transport.
func TestDialNobody(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		p.server.Close()
		if _, err := Dial(t.Context(), p.options()); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Fatalf("got %v", err)
		}
	})
}

// A Dial ends with its context, whatever the server does.
func TestDialCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		wait := do(func() error { _, err := Dial(ctx, p.options()); return err })
		p.next("upgrade").accept()
		p.expect("frame", "/meta/handshake")
		if err := wait(); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Fatalf("got %v after %v", err, time.Since(start))
		}
		p.next("gone")
	})
}

// WS-1, 22.5: what goes over a websocket, and that the client says goodbye on it.
func TestDialWebSocket(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.Header = http.Header{"Authorization": {"Basic ZGFuYTpkZW1v"}}
		var told states
		opt.OnState = told.on
		d := p.dial(opt)
		up := p.next("upgrade")
		if up.path != "/cometd" || up.header.Get("Authorization") == "" || up.header.Get("Sec-Websocket-Protocol") != "" {
			t.Errorf("upgrade: %s %v", up.path, up.header)
		}
		s := up.accept("Set-Cookie", "BAYEUX_BROWSER=b2; Path=/")
		p.expect("frame", "/meta/handshake").reply(shakeReply)
		p.expect("frame", "/meta/connect").reply(advisedReply)
		c := d.wait(t)
		p.expect("frame", "/meta/connect")
		if got := told.phases(); got != "handshaken connected" {
			t.Errorf("states: %s", got)
		}
		if last := told.last(); last.ID != "A" || last.Transport != WebSocket {
			t.Errorf("state: %+v", last)
		}
		closed := do(func() error { return c.Close(t.Context()) })
		p.expect("frame", "/meta/disconnect").reply(goodbyeReply)
		p.gone(s)
		if err := closed(); err != nil || c.Err() != nil {
			t.Errorf("close: %v, %v", err, c.Err())
		}
		if got := told.phases(); got != "handshaken connected closed" {
			t.Errorf("states: %s", got)
		}
	})
}

// HS-1: a websocket that is refused, or that nobody answers, gives way to long-polling.
func TestFallBackAtHandshake(t *testing.T) {
	for name, deny := range map[string]func(*arrival) time.Duration{
		"switched off": func(a *arrival) time.Duration { a.status(400); return 0 },
		"swallowed":    func(a *arrival) time.Duration { return DefaultMaxNetworkDelay },
		"cut":          func(a *arrival) time.Duration { a.cut(""); return 0 },
		"not understood": func(a *arrival) time.Duration {
			a.status(101, "Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Accept", "no")
			return 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *peer) {
				start := time.Now()
				d := p.dial(p.options())
				takes := deny(p.next("upgrade"))
				shake := p.expect("post", "/meta/handshake")
				if got := time.Since(start); got != takes {
					t.Errorf("after %v, want %v", got, takes)
				}
				shake.reply(shakeReply)
				p.expect("post", "/meta/connect").reply(advisedReply)
				c := d.wait(t)
				p.expect("post", "/meta/connect")
				p.end(c)
			})
		})
	}
}

// HS-1, HS-2: the client goes on with the first of its transports that the server lists.
func TestNegotiation(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		d := p.dial(p.options())
		s := p.next("upgrade").accept()
		p.expect("frame", "/meta/handshake").reply(strings.Replace(shakeReply, `"websocket",`, "", 1))
		p.gone(s)
		p.expect("post", "/meta/connect").reply(advisedReply)
		c := d.wait(t)
		p.expect("post", "/meta/connect")
		p.end(c)
	})
}

func TestNothingInCommon(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.Transports = []string{LongPolling}
		d := p.dial(opt)
		p.expect("post", "/meta/handshake").reply(strings.Replace(shakeReply, `,"long-polling"`, "", 1))
		<-d.done
		if d.err == nil || !strings.Contains(d.err.Error(), "offers none") {
			t.Fatalf("got %v", d.err)
		}
	})
}

// A response that is no array of messages is a failed request [LP-9], and a large one is not read to its end.
func TestDialNotBayeux(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"html":       {"<html>", "not an array"},
		"null":       {"null", "not an array"},
		"empty":      {"", "not an array"},
		"no replies": {"[]", "empty response"},
		"large":      {"[" + strings.Repeat(" ", 2000) + "]", "larger than MaxResponse"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *peer) {
				opt := p.options()
				opt.Transports = []string{LongPolling}
				opt.MaxResponse = 1000
				d := p.dial(opt)
				a := p.expect("post", "/meta/handshake")
				a.respond <- func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(test.body)) }
				<-d.done
				if d.err == nil || !strings.Contains(d.err.Error(), test.want) {
					t.Fatalf("got %v", d.err)
				}
			})
		})
	}
}
