package conformance

import (
	"net/http"
	"time"
)

// resumeChecks are about sessions that change connections and transports: 39 to 44.
func resumeChecks() []Check {
	return []Check{
		{N: 39, Title: "a session goes on on a new socket", Rules: []string{"WS-25", "CN-6"}, On: []Transport{W}, Mark: R, Run: func(l *Line) {
			a, b := l.Connected(), l.Connected()
			a.Subscribe(l.Channel("/a"))
			old := a.Socket
			a.reopen()
			r := a.FirstConnect()
			l.Has("advice of the first connect there", r.Advice(), `{"reconnect":"retry"}`)
			b.Publish(l.Channel("/a"), 1)
			Same(l, "the messages", Datas(a.Receive(1)), []string{"1"})
			for {
				f, err := old.Frame(300 * time.Millisecond)
				if err != nil || f.Op.IsControl() {
					break
				}
				l.Errorf("the old socket got %q", short(f.Payload))
			}
		}},
		{
			N: 39, Title: "the old socket is closed with 1000", Rules: []string{"WS-25"}, On: []Transport{W}, Mark: D,
			Run:       func(l *Line) { left(l).Closed("the old socket", 1000, patience) },
			Reference: func(l *Line) { left(l).Quiet("the old socket", time.Second) },
		},
		{
			N: 39, Title: "what was queued comes before the replies to the first frame", Rules: []string{"WS-26"}, On: []Transport{W}, Mark: D,
			Run: func(l *Line) {
				answer := returned(l)
				Is(l, "messages and reply, in that order", kinds(answer.Messages), "eeer")
				Same(l, "the messages", Datas(answer.Events()), []string{"0", "1", "2"})
			},
			Reference: func(l *Line) {
				if got := Datas(returned(l).Events()); len(got) >= 3 {
					l.Errorf("a message should be lost on the socket that was cut, got %v", got)
				}
			},
		},
		{
			N: 40, Title: "requireHandshakePerConnection", Rules: []string{"WS-27"}, On: []Transport{W}, Mark: R, Options: "--ws-require-handshake-per-connection",
			Run: func(l *Line) {
				a := l.Connected()
				a.reopen()
				r := a.Do(Connect(W)).Reply()
				l.Has("the reply", r, `{"successful":false,"error":"402::session_unknown"}`)
				l.Has("the advice", r.Advice(), `{"reconnect":"handshake"}`)
			},
		},
		{N: 41, Title: "after a handshake on the same socket the old id is unknown", Rules: []string{"SS-12", "SS-13", "WS-10"}, On: []Transport{W}, Mark: R, Run: func(l *Line) {
			a := l.Connected()
			a.Subscribe(l.Channel("/a"))
			old := a.ID
			a.Handshake(M{"clientId": old})
			if a.ID == old {
				l.Errorf("the new session has the old id")
			}
			a.FirstConnect()
			r := a.Do(Publish(l.Channel("/a"), 1).with(M{"clientId": old})).Reply()
			Is(l, "the error for the old id", r.ErrorText(), "402::session_unknown")
			if !a.Call(Publish(l.Channel("/b"), 1)).Successful() {
				l.Errorf("the new id is refused")
			}
		}},
		{
			N: 41, Title: "after a handshake on the same socket the old session is silent", Rules: []string{"SS-13", "SS-15"}, On: []Transport{W}, Mark: D,
			Run: func(l *Line) {
				rehandshaken(l).Nothing("for the old session", 500*time.Millisecond)
			},
			Reference: func(l *Line) {
				Same(l, "the messages for the old session", Datas(rehandshaken(l).Receive(1)), []string{"1"})
			},
		},

		{N: 42, Title: "long-polling to websocket", Rules: []string{"16", "XT-2", "XT-3"}, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			a, b := l.Connected(), l.Connected()
			a.Subscribe(l.Channel("/a"))
			w := a.to(W)
			r := w.Connect(M{"advice": M{"timeout": 0}}).Reply()
			l.Has("the advice", r.Advice(), `{"reconnect":"retry"}`)
			b.Publish(l.Channel("/a"), 1)
			Same(l, "the messages", Datas(w.Receive(1)), []string{"1"})
		}},
		{N: 42, Title: "handshake by POST, the rest on a socket, as Faye does", Rules: []string{"16"}, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			a := l.Client()
			a.Handshake()
			w := a.to(W)
			w.FirstConnect()
			w.Subscribe(l.Channel("/a"))
			w.Publish(l.Channel("/a"), 1)
			Same(l, "the messages", Datas(w.Receive(1)), []string{"1"})
		}},
		{N: 42, Title: "long-polling to websocket leaves a held connect behind", Rules: []string{"XT-1", "CN-10"}, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			a := l.Connected()
			h := a.HoldConnect()
			h.Quiet("the connect by POST", 200*time.Millisecond)
			w := a.to(W)
			w.HoldConnect().Quiet("the connect on the socket", 300*time.Millisecond)
			r := h.Response()
			l.Need("the connect by POST", r.Err)
			Is(l, "its status", r.Status, http.StatusInternalServerError)
		}},
		{
			N: 42, Title: "long-polling to websocket with a foreign cookie", Rules: []string{"16", "CK-5"}, On: []Transport{L}, Mark: D,
			Run:       func(l *Line) { Is(l, "the error", foreignCookie(l).ErrorText(), "402::session_unknown") },
			Reference: func(l *Line) { l.Has("the reply", foreignCookie(l), `{"successful":true}`) },
		},
		{
			N: 42, Title: "websocket to long-polling", Rules: []string{"16", "WS-5", "XT-3"}, On: []Transport{W}, Mark: D,
			Run: func(l *Line) {
				a, b := l.Connected(), l.Connected()
				a.Subscribe(l.Channel("/a"))
				p := a.to(L)
				r := p.Connect(M{"advice": M{"timeout": 0}}).Reply()
				l.Has("the advice", r.Advice(), `{"reconnect":"retry"}`)
				h := p.HoldConnect()
				h.Quiet("the connect by POST", 200*time.Millisecond)
				b.Publish(l.Channel("/a"), 1)
				Same(l, "the messages", Datas(h.Wait().Events()), []string{"1"})
			},
			Reference: func(l *Line) { unknownOn(l, L) },
		},
		{
			N: 42, Title: "websocket to long-polling leaves a held connect behind", Rules: []string{"XT-1", "CN-10"}, On: []Transport{W}, Mark: D,
			Run: func(l *Line) {
				a := l.Connected()
				h := a.HoldConnect(M{"advice": M{"timeout": 1200}})
				h.Quiet("the connect on the socket", 200*time.Millisecond)
				a.to(L).FirstConnect()
				for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
					if err := a.frame(time.Until(end)); err != nil { // closed, or quiet: both are right
						break
					}
				}
				if h.reply != nil {
					l.Errorf("the connect on the socket is answered: %s", h.reply)
				}
			},
			Reference: func(l *Line) { unknownOn(l, L) },
		},
		{
			N: 42, Title: "websocket to long-polling without a cookie", Rules: []string{"16"}, On: []Transport{W}, Mark: R, Options: "--ws-bind-browser-cookie=false",
			Run: func(l *Line) { unknownOn(l, L) },
		},
		{N: 42, Title: "long-polling to callback-polling", Rules: []string{"16", "LP-8"}, On: []Transport{L}, Mark: R, Run: func(l *Line) { unknownOn(l, J) }},
		{N: 42, Title: "callback-polling to long-polling", Rules: []string{"16", "LP-8"}, On: []Transport{J}, Mark: R, Run: func(l *Line) { unknownOn(l, L) }},

		{
			N: 43, Title: "a poll aborted by the client loses nothing", Rules: []string{"SS-11", "DEL-8"}, On: []Transport{L}, Mark: D,
			Run: func(l *Line) {
				answer := afterAborted(l)
				l.AtOnce("the next connect", answer.Took)
				Same(l, "the messages", Datas(answer.Events()), []string{"1"})
			},
			Reference: func(l *Line) { Same(l, "the messages", Datas(afterAborted(l).Events()), nil) },
		},
		{
			N: 43, Title: "the time of a session runs from the end of an aborted poll", Rules: []string{"SS-11", "SS-2"}, On: []Transport{L}, Mark: D, Options: "--max-interval 1000",
			Run: func(l *Line) {
				Is(l, "the error after maxInterval and more", longAfterAborted(l).ErrorText(), "402::session_unknown")
			},
			Reference: func(l *Line) {
				l.Has("the reply after maxInterval and more", longAfterAborted(l), `{"successful":true}`)
			},
		},
		{N: 44, Title: "a socket that was cut loses nothing once the server knows", Rules: []string{"DEL-9", "WS-21"}, On: []Transport{W}, Mark: R, Run: func(l *Line) {
			a, b := l.Connected(), l.Connected()
			a.Subscribe(l.Channel("/a"))
			a.HoldConnect()
			a.Socket.Cut()
			l.Pause(noticed)
			b.Publish(l.Channel("/a"), 1)
			b.Publish(l.Channel("/a"), 2)
			a.reopen()
			answer := a.Connect(M{"advice": M{"timeout": 0}})
			Same(l, "the messages", Datas(answer.Events()), []string{"1", "2"})
			b.Publish(l.Channel("/a"), 3)
			Same(l, "the messages after it", Datas(a.Receive(1)), []string{"3"})
		}},
	}
}

// noticed is the time in which a server hears of a connection's end.
const noticed = 300 * time.Millisecond

// reopen lets the client make a new socket for what it sends next. What came on the old one is forgotten.
func (c *Client) reopen() { c.Socket, c.backlog, c.held = nil, nil, nil }

// to returns a client with the same session and browser on another transport.
func (c *Client) to(on Transport) *Client {
	other := c.l.ClientOn(on, c.Browser)
	other.ID, other.sent = c.ID, c.sent+100
	return other
}

// left returns the socket that a session, whose connect was held on it, has left for a new one.
func left(l *Line) *Socket {
	a := l.Connected()
	a.HoldConnect()
	old := a.Socket
	a.reopen()
	a.FirstConnect()
	return old
}

// returned returns what a publish brings that is the first frame on a new socket, after the old one was cut and three messages came.
func returned(l *Line) Answer {
	a, b := l.Connected(), l.Connected()
	a.Subscribe(l.Channel("/a"))
	a.Socket.Cut()
	l.Pause(noticed)
	a.reopen()
	for i := range 3 {
		b.Publish(l.Channel("/a"), i)
	}
	return a.Do(Publish(l.Channel("/b"), 1)) // not a connect
}

// foreignCookie returns the reply to a connect on a socket whose upgrade had another browser's cookie.
func foreignCookie(l *Line) Message {
	a, other := l.Connected(), l.Connected()
	w := l.ClientOn(W, other.Browser)
	w.ID = a.ID
	return w.Do(Connect(W).with(M{"advice": M{"timeout": 0}})).Reply()
}

// afterAborted returns the answer to the connect after one that was aborted and a message.
func afterAborted(l *Line) Answer {
	a, b := l.Connected(), l.Connected()
	a.Subscribe(l.Channel("/a"))
	h := a.HoldConnect()
	h.Quiet("the connect", 300*time.Millisecond)
	h.Cancel()
	l.Pause(noticed)
	b.Publish(l.Channel("/a"), 1)
	return a.Connect(M{"advice": M{"timeout": 700}})
}

// longAfterAborted returns the reply to a publish when a session has been without a connect for 2.5 seconds.
func longAfterAborted(l *Line) Message {
	a := l.Connected()
	h := a.HoldConnect()
	h.Quiet("the connect", 300*time.Millisecond)
	h.Cancel()
	l.Pause(2500 * time.Millisecond)
	return a.Do(Publish(l.Channel("/a"), 1)).Reply()
}

// rehandshaken returns a client whose former session, made on the same socket, has just been sent a message.
func rehandshaken(l *Line) *Client {
	a, b := l.Connected(), l.Connected()
	a.Subscribe(l.Channel("/a"))
	a.Handshake()
	a.FirstConnect()
	b.Publish(l.Channel("/a"), 1)
	return a
}

// unknownOn demands that a session made on the line's transport is unknown on another.
func unknownOn(l *Line, other Transport) {
	c := l.Connected().to(other)
	r := c.Do(Connect(other).with(M{"advice": M{"timeout": 0}})).Reply()
	Is(l, "the error", r.ErrorText(), "402::session_unknown")
	l.Has("the advice", r.Advice(), `{"reconnect":"handshake"}`)
}
