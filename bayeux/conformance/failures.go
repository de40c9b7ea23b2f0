package conformance

import (
	"net/http"
	"strings"
	"time"
)

// failureChecks are about refusals, failures and ends: 48 to 53, 58.
func failureChecks() []Check {
	both := []Transport{L, W}
	const inactive = "--extensions ack,timesync,activity --max-inactivity 1000"
	return []Check{
		{N: 48, Title: "who only connects is disconnected", Rules: []string{"AC-1", "AC-2", "AC-3"}, On: both, Mark: R, Options: inactive, Run: func(l *Line) {
			earliest := time.Now() // the handshake, the last activity, is between the two
			c := l.Connected()
			latest := time.Now()
			a := c.Do(Connect(l.On).with(M{"advice": M{"timeout": 0}}))
			for a.Reply().Successful() {
				l.Pause(100 * time.Millisecond)
				a = c.Do(Connect(l.On).with(M{"advice": M{"timeout": 0}}))
			}
			l.Within("until the end", time.Since(earliest), time.Second, 1200*time.Millisecond+latest.Sub(earliest))
			l.JSON("the messages", a.Events(), `[{"channel":"/meta/disconnect","successful":true}]`)
			l.Has("the reply", a.Reply(), `{"successful":false,"error":"402::session_unknown"}`)
			l.Has("the advice", a.Reply().Advice(), `{"reconnect":"none","interval":0}`)
		}},
		{N: 48, Title: "who publishes is not", Rules: []string{"AC-2"}, On: both, Mark: R, Options: inactive, Run: func(l *Line) {
			c, began := l.Connected(), time.Now()
			for time.Since(began) < 1800*time.Millisecond {
				last := time.Now()
				c.Publish(l.Channel("/a"), 1)
				l.notInactive(c.Do(Connect(l.On).with(M{"advice": M{"timeout": 300}})), last)
			}
		}},
		{N: 48, Title: "who is sent messages is not, in mode client_server", Rules: []string{"AC-2"}, On: both, Mark: R, Options: inactive + " --activity-mode client_server", Run: func(l *Line) {
			last := time.Now()
			a, b := l.Connected(), l.Connected()
			a.Subscribe(l.Channel("/a"))
			for began := time.Now(); time.Since(began) < 1800*time.Millisecond; {
				now := time.Now()
				b.Publish(l.Channel("/a"), 1)
				l.Pause(200 * time.Millisecond)
				events := l.notInactive(a.Do(Connect(l.On).with(M{"advice": M{"timeout": 0}})), last)
				Is(l, "the number of events", len(events), 1)
				last = now
			}
		}},

		{
			N: 49, Title: "a queue that is full ends its session and no other", Rules: []string{"DEL-11", "AK-12", "WS-22"}, On: both, Mark: D, Options: "--max-queue 10",
			Run: func(l *Line) {
				full, other := overflow(l)
				if l.On == W { // removed as if it had expired (WS-22)
					full.Socket.Closed("its socket", 1000, patience)
					full.reopen()
				}
				r := full.Do(Connect(l.On).with(ack(1))).Reply()
				l.Has("the reply", r, `{"successful":false,"error":"402::session_unknown"}`)
				l.Has("the advice", r.Advice(), `{"reconnect":"handshake"}`)
				other.Publish(l.Channel("/b"), 1)
			},
			Reference: func(l *Line) {
				full, _ := overflow(l)
				Is(l, "the number of messages", len(full.Connect(ack(1)).Events()), 12)
			},
		},

		{
			N: 50, Title: "a listener and a service that fail", Rules: []string{"ER-1"}, On: both, Mark: D,
			Run:       func(l *Line) { Same(l, "the errors", amongFailures(l), []string{"", internal, "", internal, ""}) },
			Reference: func(l *Line) { Same(l, "the errors", amongFailures(l), []string{"", "", "", "", ""}) }, // CometD 8 goes on as if they were not there
		},
		{
			N: 50, Title: "an extension that fails", Rules: []string{"ER-1"}, On: both, Mark: D,
			Run: func(l *Line) {
				c := l.Connected()
				a := c.Do(Publish(l.Channel("/a"), 1), Publish(l.Channel("/a"), 2).with(M{"ext": M{"fail": true}}), Publish(l.Channel("/a"), 3))
				Same(l, "the errors", errorsOf(a.Replies()), []string{"", internal, ""})
				c.Connect(M{"advice": M{"timeout": 0}})
			},
		},
		{
			N: 50, Title: "a policy that fails", Rules: []string{"ER-1"}, On: both, Mark: D,
			Run: func(l *Line) {
				c := l.Connected()
				a := c.Do(Subscribe(l.Channel("/a")), Subscribe("/failsub"+l.Channel("/a")), Subscribe(l.Channel("/b")))
				Same(l, "the errors", errorsOf(a.Replies()), []string{"", internal, ""})
				c.Connect(M{"advice": M{"timeout": 0}})
			},
			Reference: func(l *Line) {
				c := l.Connected()
				body := array(c.fill([]M{Subscribe(l.Channel("/a")), Subscribe("/failsub" + l.Channel("/a"))}))
				if l.On == L {
					Is(l, "the status", c.Browser.Post(body).Status, http.StatusInternalServerError)
					return
				}
				c.Socket.Send(body)
				c.Socket.Closed("after it", 1011, patience)
			},
		},

		{N: 51, Title: "authorisers grant, deny, ignore", Rules: []string{"AZ-3", "AZ-4"}, On: both, Mark: R, Run: func(l *Line) {
			authorised(l, map[string]string{"/authz/ok": "", "/authz/deny": "403:not_here:", "/authz/ignore": "403:denied_by_not_granting:"})
		}},
		{N: 51, Title: "authorisers of two patterns", Rules: []string{"AZ-3", "AZ-4"}, On: both, Mark: R, Run: func(l *Line) {
			authorised(l, map[string]string{"/authz/union/yes": "", "/authz/union/no": "403:not_here:", "/authz/union/maybe": "403:denied_by_not_granting:"})
		}},

		{
			N: 52, Title: "a client id is good for one user only", Rules: []string{"SS-10", "WS-28"}, On: both, Mark: D,
			Run: func(l *Line) {
				r := stolen(l).Do(Connect(l.On).with(M{"advice": M{"timeout": 0}})).Reply()
				l.Has("the reply", r, `{"successful":false,"error":"402::session_unknown"}`)
			},
			Reference: func(l *Line) { stolen(l).Connect(M{"advice": M{"timeout": 0}}) },
		},

		{
			N: 53, Title: "shutdown answers held connects, and new requests with 503", Rules: []string{"11.3"}, On: []Transport{L}, Mark: D, Alone: true,
			Run: func(l *Line) {
				var held []*Held
				for range 5 {
					c := l.Connected()
					held = append(held, c.HoldConnect())
				}
				held[0].Quiet("a connect", 300*time.Millisecond)
				terminate(l)
				refused(l)
				for _, h := range held {
					l.Has("the reply to a held connect", h.Wait().Reply(), `{"successful":true}`)
				}
			},
		},
		{
			N: 53, Title: "shutdown closes sockets with 1001", Rules: []string{"WS-23"}, On: []Transport{W}, Mark: D, Alone: true,
			Run: func(l *Line) {
				var clients []*Client
				for range 5 {
					c := l.Connected()
					c.HoldConnect()
					clients = append(clients, c)
				}
				idle := l.Browser().Dial()
				clients[0].Publish(l.Channel("/a"), 1) // so that the server has read all before it
				terminate(l)
				refused(l)
				for _, c := range clients {
					c.Socket.Closed("a socket with a session", 1001, patience)
				}
				idle.Closed("a socket without a session", 1001, patience)
			},
		},

		{N: 58, Title: "revocation answers a held connect and sends its client to the handshake", Rules: []string{"DC-7", "WS-6", "CN-12"}, On: both, Mark: O, Run: func(l *Line) {
			a, b, other := l.user("ann").connected(), l.user("ann").connected(), l.user("bob").connected()
			h := a.HoldConnect()
			h.Quiet("the connect", 200*time.Millisecond)
			l.user("ann").connected().revoke()
			r := h.Wait().Reply(h.ID)
			l.Has("the reply", r, `{"successful":false,"error":"402::session_unknown"}`)
			l.Has("the advice", r.Advice(), `{"reconnect":"handshake"}`)
			if l.On == W {
				a.Socket.Closed("the socket of the held connect", 1008, patience)
				b.Socket.Closed("another socket of the user", 1008, patience)
			} else {
				l.Has("the other session of the user", b.Do(Connect(l.On)).Reply(), `{"successful":false,"error":"402::session_unknown"}`)
			}
			other.Connect(M{"advice": M{"timeout": 0}})
		}},
	}
}

// notInactive demands that a connect succeeds whose session was active at that time or later, and returns the events that came with its reply.
func (l *Line) notInactive(a Answer, last time.Time) []Message {
	if r := a.Reply(); !r.Successful() {
		if time.Since(last) >= time.Second {
			l.Again("no sign of life within maxInactivity")
		}
		l.Fatalf("the connect failed: %s", r)
	}
	return a.Events()
}

// internal is the error of a message on which code of the server failed.
const internal = "500::internal_error"

// amongFailures returns the errors of five publishes, of which the second meets a listener that fails, the fourth a service.
func amongFailures(l *Line) []string {
	c := l.Connected()
	a := c.Do(
		Publish(l.Channel("/a"), 1), Publish("/fail", 2), Publish(l.Channel("/a"), 3), Publish("/service/fail", 4), Publish(l.Channel("/a"), 5))
	c.Connect(M{"advice": M{"timeout": 0}})
	return errorsOf(a.Replies())
}

// revoke asks the server to revoke all sessions of the user, the client's among them: over websocket that ends the connection.
func (c *Client) revoke() {
	if c.On != W {
		c.Do(Publish("/service/revoke", nil))
		return
	}
	c.Socket.Send(array(c.fill([]M{Publish("/service/revoke", nil)})))
}

// overflow returns a client for which twelve messages were published, and one that has taken each of them at once.
func overflow(l *Line) (full, other *Client) {
	full, publisher := acknowledging(l, 0)
	other = l.Connected()
	other.Subscribe(l.Channel("/k"))
	for i := range 12 {
		publisher.Publish(l.Channel("/k"), i)
		Same(l, "the messages of the other", Datas(other.Receive(1)), []string{text(i)})
	}
	return full, other
}

// authorised demands that publishing and subscribing is refused with the code and the reason given, or granted where there are none.
func authorised(l *Line, channels map[string]string) {
	c := l.Connected()
	for channel, refusal := range channels {
		publish, subscribe := "", ""
		if refusal != "" { // creation is asked first
			publish, subscribe = refusal+"channel_create_denied", refusal+"create_denied"
		}
		Is(l, "the error of a subscribe to "+channel, c.Do(Subscribe(channel)).Reply().ErrorText(), subscribe)
		Is(l, "the error of a publish on "+channel, c.Call(Publish(channel, 1)).ErrorText(), publish)
	}
}

// stolen returns a client with the id and the cookie of another user's session.
func stolen(l *Line) *Client {
	victim := l.user("ann").connected()
	thief := l.user("bob").Client()
	thief.Browser.SetCookie(cookieName, victim.Browser.Cookie(cookieName))
	thief.ID = victim.ID
	return thief
}

// user is somebody who sends her name with each request.
type user struct {
	l    *Line
	name string
}

// user returns one whom no other line knows.
func (l *Line) user(name string) user { return user{l, name + strings.TrimPrefix(l.prefix, "/")} }

// Client returns a client of hers, with a browser of its own.
func (u user) Client() *Client {
	c := u.l.Client()
	r := http.Request{Header: c.Browser.Header}
	r.SetBasicAuth(u.name, "any")
	return c
}

func (u user) connected() *Client {
	c := u.Client()
	c.Handshake()
	c.FirstConnect()
	return c
}

// terminate asks the server to shut down.
func terminate(l *Line) {
	if l.Server().PID() == 0 {
		l.NotApplicable("needs a server that may be stopped")
	}
	l.Need("ask the server to end", l.Server().Terminate())
}

// refused demands that the server, which is about to end, answers a request with 503 once.
func refused(l *Line) {
	for {
		r := l.Browser().Post(`[{"channel":"/meta/handshake","id":"1"}]`)
		if r.Status == http.StatusServiceUnavailable {
			if r.Header.Get("Retry-After") == "" {
				l.Errorf("the answer has no header Retry-After")
			}
			return
		}
	}
}
