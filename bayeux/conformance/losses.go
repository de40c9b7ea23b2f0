package conformance

import (
	"strings"
	"time"
)

// lossChecks are about messages whose arrival is in doubt, and sessions that come back late: 56, 57, 61.
func lossChecks() []Check {
	both := []Transport{L, W}
	const parking = "--max-interval 1000 --resume-window 3000"
	return []Check{
		{N: 56, Title: "a parked session goes on with what was queued", Rules: []string{"DEL-14"}, On: both, Mark: O, Options: parking, Run: func(l *Line) {
			a := parked(l, l.Client())
			b := l.Connected()
			b.Publish(l.Channel("/a"), 1)
			b.Publish(l.Channel("/a"), 2)
			answer := a.Connect(M{"advice": M{"timeout": 0}})
			Same(l, "the messages", Datas(answer.Events()), []string{"1", "2"})
			h := a.HoldConnect()
			b.Publish(l.Channel("/a"), 3)
			if l.On == W {
				Same(l, "the messages", Datas(a.Receive(1)), []string{"3"})
			} else {
				Same(l, "the messages", Datas(h.Wait().Events()), []string{"3"})
			}
		}},
		{N: 56, Title: "after the window a session is unknown", Rules: []string{"DEL-14", "SS-5", "CN-12"}, On: both, Mark: O, Options: parking, Run: func(l *Line) {
			a := parked(l, l.Client())
			l.Pause(3500 * time.Millisecond)
			r := a.Do(Connect(l.On)).Reply()
			l.Has("the reply", r, `{"successful":false,"error":"402::session_unknown"}`)
			l.Has("the advice", r.Advice(), `{"reconnect":"handshake"}`)
		}},
		{N: 56, Title: "a parked session is its user's", Rules: []string{"DEL-14", "SS-10"}, On: both, Mark: O, Options: parking, Run: func(l *Line) {
			a := parked(l, l.user("ann").Client())
			thief := l.user("bob").Client()
			thief.Browser.SetCookie(cookieName, a.Browser.Cookie(cookieName))
			thief.ID = a.ID
			Is(l, "the error", thief.Do(Connect(l.On)).Reply().ErrorText(), "402::session_unknown")
			a.Connect(M{"advice": M{"timeout": 0}})
		}},

		{
			N: 57, Title: "what no pong confirmed comes again on resume", Rules: []string{"DEL-13", "DEL-8"}, On: []Transport{W}, Mark: O, Options: "--ws-confirm-by-ping",
			Run: func(l *Line) {
				a, b := l.Connected(), l.Connected()
				a.Subscribe(l.Channel("/a"))
				a.Socket.Mute()
				for i := range 3 {
					b.Publish(l.Channel("/a"), i)
				}
				Same(l, "the messages", Datas(a.Receive(3)), []string{"0", "1", "2"})
				a.Socket.Cut()
				l.Pause(noticed)
				a.reopen()
				Same(l, "the messages again", Datas(a.Connect(M{"advice": M{"timeout": 0}}).Events()), []string{"0", "1", "2"})
			},
		},
		{
			N: 57, Title: "what a pong confirmed does not", Rules: []string{"DEL-13"}, On: []Transport{W}, Mark: O, Options: "--ws-confirm-by-ping",
			Run: func(l *Line) {
				a, b := l.Connected(), l.Connected()
				a.Subscribe(l.Channel("/a"))
				b.Publish(l.Channel("/a"), 1)
				Same(l, "the messages", Datas(a.Receive(1)), []string{"1"})
				for {
					f, err := a.Socket.Frame(patience)
					l.Need("await the ping after the message", err)
					if f.Op.IsControl() {
						break
					}
				}
				a.Do(Publish(l.Channel("/b"), 1)) // frames are ordered: the pong was read before it
				a.Socket.Cut()
				l.Pause(noticed)
				a.reopen()
				Same(l, "the messages again", Datas(a.Connect(M{"advice": M{"timeout": 0}}).Events()), nil)
			},
		},

		{
			N: 61, Title: "the same connect again brings the same messages", Rules: []string{"DEL-15"}, On: []Transport{L}, Mark: D,
			Run:       func(l *Line) { Same(l, "the messages of the repetition", repeated(l), []string{"1", "2"}) },
			Reference: func(l *Line) { Same(l, "the messages of the repetition", repeated(l), []string{"2"}) },
		},
		{
			N: 61, Title: "a connect of a client that starts anew brings the messages of the last", Rules: []string{"DEL-15"}, On: []Transport{L}, Mark: D,
			Run:       func(l *Line) { Same(l, "the messages again", anew(l), []string{"1"}) },
			Reference: func(l *Line) { Same(l, "the messages again", anew(l), nil) },
		},
		{
			N: 61, Title: "a connection that was lost with the answer", Rules: []string{"DEL-15"}, On: []Transport{L}, Mark: D,
			Run:       func(l *Line) { Same(l, "the messages of the next", afterLost(l), []string{"1", "2"}) },
			Reference: func(l *Line) { Same(l, "the messages of the next", afterLost(l), []string{"2"}) },
		},
		{N: 61, Title: "ordinary connects, each message once", Rules: []string{"DEL-15"}, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			a := l.Connected()
			once(l, a, func() []Message { return a.Connect().Events() })
		}},
		{N: 61, Title: "short polling, each message once", Rules: []string{"DEL-15"}, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			a := l.Connected()
			once(l, a, func() []Message { return a.Connect(M{"advice": M{"timeout": 0}}).Events() })
		}},
		{N: 61, Title: "pooled connections, each message once", Rules: []string{"DEL-15"}, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			a := l.Connected()
			pool, next := []*Wire{a.Browser.Wire(), a.Browser.Wire(), a.Browser.Wire()}, 0
			once(l, a, func() []Message {
				w := pool[next%len(pool)]
				next++
				w.Write(array(a.fill([]M{Connect(L)})))
				ms, err := w.Read().messages(L)
				l.Need("the answer", err)
				return Events(ms)
			})
		}},
	}
}

// parked lets a client's session, which subscribes to /a, pass its deadline. Over websocket its connection is closed by that.
func parked(l *Line, c *Client) *Client {
	c.Handshake()
	c.FirstConnect()
	c.Subscribe(l.Channel("/a"))
	if l.On == W {
		c.Socket.Closed("the socket of a session that is parked", 1000, patience)
		c.reopen()
		return c
	}
	l.Pause(1500 * time.Millisecond)
	return c
}

// repeated returns the messages that the repetition of a connect brings, whose answer had message 1; message 2 came meanwhile.
func repeated(l *Line) []string {
	a, b := l.Connected(), l.Connected()
	a.Subscribe(l.Channel("/a"))
	b.Publish(l.Channel("/a"), 1)
	connect := a.fill([]M{Connect(L)})
	Same(l, "the messages", Datas(a.Raw(array(connect), 1).Events()), []string{"1"})
	b.Publish(l.Channel("/a"), 2)
	got := Datas(a.Raw(array(connect), 1).Events())
	Same(l, "the messages of the next", Datas(a.Connect(M{"advice": M{"timeout": 300}}).Events()), nil)
	return got
}

// anew returns the messages that a connect with advice.timeout 0 brings, after one without it brought message 1.
func anew(l *Line) []string {
	a, b := l.Connected(), l.Connected()
	a.Subscribe(l.Channel("/a"))
	b.Publish(l.Channel("/a"), 1)
	Same(l, "the messages", Datas(a.Connect().Events()), []string{"1"})
	return Datas(a.Connect(M{"advice": M{"timeout": 0}}).Events())
}

// afterLost returns the messages that a connect brings, after the answer with message 1 was lost with its connection; message 2 came meanwhile.
func afterLost(l *Line) []string {
	a, b := l.Client(), l.Connected()
	a.Handshake()
	a.Connect() // without advice: this client would not say that it starts anew
	a.Subscribe(l.Channel("/a"))
	b.Publish(l.Channel("/a"), 1)
	w := a.Browser.Wire()
	w.Write(array(a.fill([]M{Connect(L)})))
	w.Arrived() // and is never read
	w.Cut()
	l.Pause(noticed)
	b.Publish(l.Channel("/a"), 2)
	got := Datas(a.Connect().Events())
	Same(l, "the messages after it", Datas(a.Connect(M{"advice": M{"timeout": 300}}).Events()), nil)
	return got
}

// once publishes messages one by one and demands that poll brings each of them once.
func once(l *Line, a *Client, poll func() []Message) {
	b := l.Connected()
	a.Subscribe(l.Channel("/a"))
	var got, want []string
	for i := range 10 {
		b.Publish(l.Channel("/a"), i)
		want = append(want, text(i))
		got = append(got, Datas(poll())...)
	}
	Is(l, "the messages", strings.Join(got, " "), strings.Join(want, " "))
}
