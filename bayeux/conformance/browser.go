package conformance

import (
	"fmt"
	"time"
)

const cookieName = "BAYEUX_BROWSER"

// browserChecks are those of the browser cookie and of several sessions that share it.
func browserChecks() []Check {
	return []Check{
		{
			N: 27, Title: "cookie missing, wrong, foreign", Mark: R, On: []Transport{L, J}, Rules: []string{"CK-5", "LP-7"}, Run: wrongCookies,
		},
		{
			N: 27, Title: "trustClientSession: no cookie is needed", Mark: R, On: []Transport{L, J}, Rules: []string{"CK-6"},
			Options: "--trust-client-session=true", Run: func(l *Line) {
				c := l.Connected()
				for _, value := range []string{"", "wrong"} {
					c.Browser.SetCookie(cookieName, value)
					c.Publish(l.Channel("/a"), 1)
				}
			},
		},
		{
			N: 27, Title: "a cookie of odd characters or length is replaced", Mark: D, On: []Transport{L, J}, Rules: []string{"CK-2"},
			Run:       func(l *Line) { oddCookies(l, false) },
			Reference: func(l *Line) { oddCookies(l, true) },
		},
		{
			N: 28, Title: "second session of a browser: advice; held again after release", Mark: R, On: []Transport{L},
			Rules: []string{"CK-7", "CK-8", "CK-10", "CK-2"}, Options: shortHold, Run: secondSession,
		},
		{
			N: 28, Title: "sessions per browser without limit", Mark: R, On: []Transport{L}, Rules: []string{"CK-7"},
			Options: shortHold + " --max-sessions-per-browser -1", Run: func(l *Line) { heldTogether(l, l.Browser(), 5, 5) },
		},
		{
			N: 28, Title: "no held connect at all", Mark: R, On: []Transport{L}, Rules: []string{"CK-7", "CK-8"},
			Options: shortHold + " --max-sessions-per-browser 0", Run: func(l *Line) { heldTogether(l, l.Browser(), 1, 0) },
		},
		{
			N: 28, Title: "three held connects of a browser", Mark: R, On: []Transport{L}, Rules: []string{"CK-7", "CK-8"},
			Options: shortHold + " --max-sessions-per-browser 3", Run: func(l *Line) { heldTogether(l, l.Browser(), 4, 3) },
		},
		{
			N: 28, Title: "second session is told to stop when there is no interval", Mark: R, On: []Transport{L}, Rules: []string{"CK-9"},
			Options: shortHold + " --multi-session-interval 0", Run: func(l *Line) {
				b := l.Browser()
				one, two := l.connectedOf(b), l.connectedOf(b)
				held := one.HoldConnect()
				held.Quiet("the first session's connect", 200*time.Millisecond)
				a := two.Do(Connect(l.On))
				l.AtOnce("the second session's connect", a.Took)
				l.Has("it", a.Reply(), `{"channel":"/meta/connect","successful":false}`)
				Is(l, "its advice", a.Reply().Advice().Text("reconnect"), "none")
				Is(l, "the first session's connect", held.Wait().Reply().Successful(), true)
			},
		},
		{
			N: 29, Title: "HTTP/2: several held connects for one cookie", Mark: R, On: []Transport{L}, Rules: []string{"CK-7", "LP-13"},
			Options: shortHold, Run: func(l *Line) { heldTogether(l, l.BrowserHTTP2(), 5, 5) },
		},
		{
			N: 29, Title: "HTTP/2: a limit of its own", Mark: R, On: []Transport{L}, Rules: []string{"CK-7", "CK-8"},
			Options: shortHold + " --http2-max-sessions-per-browser 2", Run: func(l *Line) { heldTogether(l, l.BrowserHTTP2(), 3, 2) },
		},
		{
			N: 30, Title: "two sessions in one request: the first counts", Mark: R, On: []Transport{L}, Rules: []string{"LP-6"}, Run: func(l *Line) {
				b := l.Browser()
				one, two := l.connectedOf(b), l.connectedOf(b)
				a := one.Do(Publish(l.Channel("/a"), 1), Publish(l.Channel("/a"), 2).with(M{"clientId": two.ID}), Publish(l.Channel("/a"), 3))
				want := []string{"", "402::session_unknown", ""}
				for i, r := range a.Replies() {
					Is(l, fmt.Sprintf("the error of message %d", i+1), r.ErrorText(), want[i])
				}
				Is(l, "the number of replies", len(a.Replies()), len(want))
				two.Publish(l.Channel("/a"), 4) // it is unharmed
			},
		},
	}
}

// connectedOf is [Line.Connected] for a browser that others share.
func (l *Line) connectedOf(b *Browser) *Client {
	c := l.ClientOn(l.On, b)
	c.Handshake()
	c.FirstConnect()
	return c
}

func wrongCookies(l *Line) {
	c, foreign := l.Connected(), l.Connected()
	mine := c.Browser.Cookie(cookieName)
	for what, value := range map[string]string{"no cookie": "", "a wrong cookie": "wrong", "a cookie of another browser": foreign.Browser.Cookie(cookieName)} {
		c.Browser.SetCookie(cookieName, value)
		l.Has("a publish with "+what, c.Do(Publish(l.Channel("/a"), 1)).Reply(), `{"successful":false,"error":"402::session_unknown"}`)
		r := c.Do(Connect(l.On)).Reply()
		l.Has("a connect with "+what, r, `{"successful":false,"error":"402::session_unknown"}`)
		Is(l, "its advice", r.Advice().Text("reconnect"), "handshake")
	}
	c.Browser.SetCookie(cookieName, mine)
	c.Publish(l.Channel("/a"), 1)
}

func oddCookies(l *Line, kept bool) {
	for _, value := range []string{fmt.Sprintf("%0200d", 1), "a<b"} {
		c := l.Client()
		c.Browser.SetCookie(cookieName, value)
		c.Handshake()
		Is(l, "that the cookie "+value+" is kept", c.Browser.Cookie(cookieName) == value, kept)
		c.FirstConnect()
	}
}

func secondSession(l *Line) {
	b := l.Browser()
	one, two := l.connectedOf(b), l.connectedOf(b)
	held := one.HoldConnect()
	held.Quiet("the first session's connect", 200*time.Millisecond)
	a := two.Connect()
	l.AtOnce("the second session's connect", a.Took)
	l.Has("its advice", a.Reply().Advice(), `{"multiple-clients":true,"interval":2000,"reconnect":"retry"}`)
	two.Publish(l.Channel("/a"), 1) // only connects are limited
	Is(l, "the first session's connect", held.Wait().Reply().Successful(), true)

	again := two.HoldConnect()
	again.Quiet("the second session's connect, alone now", shortHoldTime/2)
	a = again.Wait()
	l.Took("it", a.Took, shortHoldTime)
	if advice := a.Reply().Advice(); advice.Has("multiple-clients") && string(advice["multiple-clients"]) != "false" {
		l.Errorf("the advice of a browser with one held connect: %s", a.Reply())
	}
}

// heldTogether lets n sessions of a browser connect at the same time, of which so many are to be held.
func heldTogether(l *Line, b *Browser, n, held int) {
	var clients []*Client
	for range n {
		clients = append(clients, l.connectedOf(b))
	}
	var waiting []*Held
	for _, c := range clients[:held] {
		waiting = append(waiting, c.HoldConnect())
	}
	for i, h := range waiting {
		h.Quiet(fmt.Sprintf("connect %d", i+1), 200*time.Millisecond)
	}
	for _, c := range clients[held:] {
		a := c.Connect()
		l.AtOnce("a connect above the limit", a.Took)
		l.Has("its advice", a.Reply().Advice(), `{"multiple-clients":true,"interval":2000,"reconnect":"retry"}`)
	}
	for _, h := range waiting {
		a := h.Wait()
		l.Took("a held connect", a.Took, shortHoldTime)
		Is(l, "the protocol", a.Proto, b.proto)
	}
}
