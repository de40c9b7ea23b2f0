package conformance

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// handshakeChecks are those of /meta/handshake.
func handshakeChecks() []Check {
	return []Check{
		{
			N: 1, Title: "handshake reply has all fields, advice full, cookie set once", Mark: R, On: []Transport{L, J},
			Rules: []string{"HS-3", "HS-9", "CK-1", "CK-2", "SS-9", "MSG-6"}, Run: handshakeReply,
		},
		{
			N: 1, Title: "transports are listed as configured, whatever the client lists", Mark: R, On: []Transport{L, W},
			Rules: []string{"HS-2"}, Options: "--transports long-polling,websocket", Run: func(l *Line) {
				for _, types := range []any{Without, []string{"websocket"}, []string{"pigeon"}} {
					r := l.Client().Handshake(M{"supportedConnectionTypes": types})
					l.JSON("supportedConnectionTypes", r["supportedConnectionTypes"], `["long-polling","websocket"]`)
				}
			},
		},
		{
			N: 2, Title: "handshake without version and types succeeds", Mark: R, On: []Transport{L, W},
			Rules: []string{"HS-1", "HS-4", "HS-5"}, Run: func(l *Line) {
				l.Has("the reply", l.Client().Do(M{"channel": "/meta/handshake"}).Reply(), `{"successful":true,"version":"1.0","minimumVersion":"1.0"}`)
				odd := M{"version": "0.1", "minimumVersion": "7", "supportedConnectionTypes": []string{"pigeon"}, "clientId": "old", "advice": M{"timeout": 1, "interval": 99}}
				r := l.Client().Handshake(odd)
				if r.Text("clientId") == "old" {
					l.Errorf("the client id of the request was taken: %s", r)
				}
				plain := l.Client().Handshake()
				l.JSON("the advice after advice of the client", r["advice"], plain["advice"])
			},
		},
		{
			N: 3, Title: "denied handshake: 200, 403, reconnect none, no cookie, no session", Mark: R, On: []Transport{L, W},
			Rules: []string{"HS-6", "HS-7"}, Run: deniedHandshake,
		},
		{
			N: 4, Title: "handshake in an array with others, first and last", Mark: D, On: []Transport{L, W},
			Rules: []string{"HS-8"}, Run: handshakeAmongOthers, Reference: func(l *Line) {
				breaks(l, array([]M{Handshake(l.On).with(M{"id": "1"}), {"id": "2", "channel": l.Channel("/a"), "data": 1}}))
				breaks(l, array([]M{{"id": "1", "channel": l.Channel("/a"), "data": 1}, Handshake(l.On).with(M{"id": "2"})}))
			},
		},
	}
}

// breaks demands of the reference that it does not answer a text, but breaks off.
func breaks(l *Line, body string) { l.Client().breaks(body) }

// breaks demands that the server breaks off at a text: status 500 or 400, close code 1011.
func (c *Client) breaks(body string) {
	if c.On == W {
		c.Open().Send(body)
		c.Socket.Closed(short(body), 1011, patience)
		return
	}
	if r := c.http(c.l.ctx, body); r.Err != nil || r.Status != http.StatusInternalServerError && r.Status != http.StatusBadRequest {
		c.l.Errorf("%s: status 500 or 400 is expected, got %d, %q, %v", short(body), r.Status, short(r.Body), r.Err)
	}
}

func handshakeReply(l *Line) {
	c := l.Client()
	a := c.Do(Handshake(l.On).with(M{"id": "17", "supportedConnectionTypes": []string{"websocket", "long-polling", "callback-polling"}}))
	if len(a.Messages) != 1 {
		l.Fatalf("exactly one message is expected: %s", Texts(a.Messages))
	}
	r := a.Reply()
	l.Has("the reply", r, `{"channel":"/meta/handshake","id":"17","successful":true,"version":"1.0","minimumVersion":"1.0"}`)
	l.Lacks("the reply", r, "error", "data", "subscription")
	if !regexp.MustCompile(`^[A-Za-z0-9]{22,}$`).MatchString(r.Text("clientId")) {
		l.Errorf("clientId %s is none of 128 random bits in letters and digits", r["clientId"])
	}
	if types := string(r["supportedConnectionTypes"]); strings.Count(types, `"`+string(l.On)+`"`) != 1 {
		l.Errorf("supportedConnectionTypes %s do not list %s once", types, l.On)
	}
	Is(l, "advice.reconnect", r.Advice().Text("reconnect"), "retry")
	for _, name := range []string{"interval", "timeout"} {
		if !regexp.MustCompile(`^[0-9]+$`).Match(r.Advice()[name]) {
			l.Errorf("advice.%s is %q, want an integer", name, r.Advice()[name])
		}
	}

	set := a.Header.Values("Set-Cookie")
	if len(set) != 1 {
		l.Fatalf("one cookie is expected, got %q", set)
	}
	parts := strings.Split(strings.ToLower(set[0]), ";")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if name, value, _ := strings.Cut(set[0], "="); name != "BAYEUX_BROWSER" || len(strings.Split(value, ";")[0]) < 16 {
		l.Errorf("a cookie BAYEUX_BROWSER of some length is expected, got %q", set[0])
	}
	if !slices.Contains(parts, "path=/") || !slices.Contains(parts, "httponly") {
		l.Errorf("Path=/ and HttpOnly are expected: %q", set[0])
	}

	second := l.ClientOn(l.On, c.Browser)
	again := second.Do(Handshake(l.On))
	if more := again.Header.Values("Set-Cookie"); len(more) > 0 {
		l.Errorf("a browser with a cookie gets another: %q", more)
	}
	if id := again.Reply().Text("clientId"); id == r.Text("clientId") || id == "" {
		l.Errorf("the second handshake makes no session of its own: %q", id)
	}
	any := l.Client()
	any.Browser.SetCookie("BAYEUX_BROWSER", "whatever")
	if set := any.Do(Handshake(l.On)).Header.Values("Set-Cookie"); len(set) > 0 {
		l.Errorf("a cookie with a value of the client's own is not kept: %q", set)
	}
}

func deniedHandshake(l *Line) {
	c := l.Client()
	a := c.Do(Handshake(l.On).with(M{"ext": M{"auth": "bad"}}))
	r := a.Reply()
	l.Has("the reply", r, `{"channel":"/meta/handshake","id":"1","successful":false,"error":"403::handshake_denied"}`)
	Is(l, "advice.reconnect", r.Advice().Text("reconnect"), "none")
	l.Lacks("the reply", r, "clientId")
	if set := a.Header.Values("Set-Cookie"); len(set) > 0 {
		l.Errorf("a cookie is set: %q", set)
	}
	Is(l, "the error of a publish after it", c.Do(Publish(l.Channel("/a"), 1)).Reply().ErrorText(), "402::session_unknown")
	c.Handshake() // the browser, or the connection, is not spoilt
	c.FirstConnect()
}

func handshakeAmongOthers(l *Line) {
	stranger := M{"clientId": Without}
	first := l.Client()
	a := first.Do(Handshake(l.On), Publish(l.Channel("/a"), 1).with(stranger), Handshake(l.On))
	if l.On == L {
		Is(l, "the status", a.Status, http.StatusOK)
	}
	l.Has("the handshake", a.Reply("1"), `{"channel":"/meta/handshake","successful":true}`)
	l.JSON("the publish", a.Reply("2"), `{"channel":"`+l.Channel("/a")+`","id":"2","successful":false,"error":"402::session_unknown"}`)
	l.Has("the second handshake", a.Reply("3"), `{"channel":"/meta/handshake","successful":false,"error":"403::handshake_failed"}`)
	first.ID = a.Reply("1").Text("clientId")
	first.FirstConnect()

	last := l.Client()
	a = last.Do(Subscribe(l.Channel("/a")).with(stranger), Handshake(l.On))
	Is(l, "the error of the subscribe", a.Reply("1").ErrorText(), "402::session_unknown")
	l.Has("the handshake at the end", a.Reply("2"), `{"channel":"/meta/handshake","successful":true}`)
	last.ID = a.Reply("2").Text("clientId")
	last.FirstConnect()
}
