package conformance

import (
	"time"
)

// lifetimeChecks are those of how sessions end.
func lifetimeChecks() []Check {
	return []Check{
		{
			N: 24, Title: "client disconnect releases the connect", Mark: R, On: []Transport{L, W},
			Rules: []string{"DC-1", "DC-2", "DC-4", "CN-13"}, Run: func(l *Line) { clientDisconnect(l) },
		},
		{
			N: 24, Title: "client disconnect: its reply precedes that of the held connect", Mark: D, On: []Transport{W}, Rules: []string{"DC-2"},
			Run: func(l *Line) {
				if all := clientDisconnect(l); all[0].ID() != "d" {
					l.Errorf("the disconnect's reply comes first, then the connect's: %s", Texts(all))
				}
			},
			Reference: func(l *Line) { clientDisconnect(l) }, // in either order
		},
		{
			N: 25, Title: "server disconnect with a held connect", Mark: R, On: []Transport{L, W}, Rules: []string{"DC-5", "CN-13"}, Run: serverDisconnect,
		},
		{
			N: 25, Title: "server disconnect without a held connect", Mark: R, On: []Transport{L, W}, Rules: []string{"DC-5", "CN-14"}, Run: serverDisconnectNotHeld,
		},
		{
			N: 25, Title: "server closes the websocket that its disconnect left open", Mark: D, On: []Transport{W}, Rules: []string{"DC-6"},
			Run: func(l *Line) {
				c := l.Connected()
				c.Socket.Send(array(c.fill([]M{Publish("/service/bye", 0)})))
				c.Socket.Closed("after the disconnect", 1000, 8*time.Second)
			},
			Reference: func(l *Line) {
				c := l.Connected()
				c.Do(Publish("/service/bye", 0))
				c.Socket.Quiet("after the disconnect", 8*time.Second)
			},
		},
		{
			N: 26, Title: "expiry: not before interval + maxInterval, at most a second after; life signs and held connects keep", Mark: R, On: []Transport{L, W},
			Rules: []string{"SS-1", "SS-2", "SS-3", "SS-4", "SS-5", "SS-6", "SS-7"}, Options: expiring, Run: expiry,
		},
		{
			N: 26, Title: "expiry closes the websocket", Mark: D, On: []Transport{W}, Rules: []string{"SS-5", "WS-22"}, Options: expiring,
			Run: func(l *Line) {
				l.Connected().Socket.Closed("after the session expired", 1000, expiringAfter+time.Second+l.Slack)
			},
			Reference: func(l *Line) { // it forgets the session and leaves the connection open
				c := l.Connected()
				c.Socket.Quiet("after the session expired", expiringAfter+2*time.Second)
				l.Has("a publish", c.Do(Publish(l.Channel("/nobody"), 1)).Reply(), `{"successful":false,"error":"402::session_unknown"}`)
			},
		},
	}
}

const (
	expiring      = "--timeout 1000 --max-interval 2000"
	expiringAfter = 2 * time.Second
)

const disconnected = `{"channel":"/meta/disconnect","successful":true}`

// clientDisconnect ends a session whose connect is held, and returns both replies as they came.
func clientDisconnect(l *Line) []Message {
	c := l.Connected()
	held := c.HoldConnect(M{"id": "c"})
	held.Quiet("the connect", 200*time.Millisecond)
	began := time.Now()
	a := c.Do(Disconnect().with(M{"id": "d"}))
	l.JSON("the reply to the disconnect", a.Reply("d"), `{"channel":"/meta/disconnect","id":"d","successful":true}`)
	all := append(a.Messages, held.Wait().Messages...)
	l.AtOnce("the held connect", time.Since(began))
	for _, m := range all {
		if m.ID() == "c" {
			l.Has("the held connect", m, `{"channel":"/meta/connect","successful":true}`)
			Is(l, "its advice", m.Advice().Text("reconnect"), "none")
		}
	}
	Is(l, "the number of messages", len(all), 2)
	r := c.Do(Connect(l.On)).Reply() // also over websocket: the server leaves the connection open
	l.Has("a connect after it", r, `{"successful":false,"error":"402::session_unknown"}`)
	return all
}

func serverDisconnect(l *Line) {
	c := l.Connected()
	held := c.HoldConnect(M{"id": "c"})
	held.Quiet("the connect", 200*time.Millisecond)
	began := time.Now()
	if l.On == W {
		c.Socket.Send(array(c.fill([]M{Publish("/service/bye", 0)})))
	} else {
		c.http(l.ctx, array(c.fill([]M{Publish("/service/bye", 0)})))
	}
	a := held.Wait()
	l.AtOnce("the held connect", time.Since(began))
	l.Has("the held connect", a.Reply("c"), `{"channel":"/meta/connect","successful":true}`)
	Is(l, "its advice", a.Reply("c").Advice().Text("reconnect"), "none")
	if events := a.Events(); len(events) != 1 {
		l.Errorf("a disconnect is expected before the reply: %s", Texts(a.Messages))
	} else {
		l.JSON("the message", events[0], disconnected)
	}
	for i, m := range a.Messages {
		if m.ID() == "c" && i == 0 {
			l.Errorf("the disconnect comes before the connect's reply: %s", Texts(a.Messages))
		}
	}
}

func serverDisconnectNotHeld(l *Line) {
	c := l.Connected()
	if l.On == W {
		c.Open().Send(array(c.fill([]M{Publish("/service/bye", 0)})))
		c.pump(patience, "the disconnect", func() bool { return len(Events(c.backlog)) > 0 })
		l.JSON("the message", Events(c.backlog)[0], disconnected)
		return
	}
	c.http(l.ctx, array(c.fill([]M{Publish("/service/bye", 0)})))
	r := c.Do(Connect(l.On)).Reply()
	l.Has("the next connect", r, `{"channel":"/meta/connect","successful":false,"error":"402::session_unknown"}`)
	Is(l, "its advice", r.Advice().Text("reconnect"), "handshake")
}

func expiry(l *Line) {
	const keep, sweep = expiringAfter, time.Second
	// alive demands that a session is there whose last sign of life was given at that time; it is one itself.
	alive := func(c *Client, what string, last time.Time, keep time.Duration) time.Time {
		now := time.Now()
		if r := c.Do(Publish(l.Channel("/nobody"), 1)).Reply(); !r.Successful() {
			if time.Since(last) >= keep {
				l.Again(what)
			}
			l.Errorf("%s: the session is gone: %s", what, r)
		}
		return now
	}
	gone := func(c *Client, what string) {
		l.Pause(keep + sweep + l.Slack)
		c.Socket = nil // over websocket: the old connection may be closed, and a new one does not know the session either
		l.Has(what, c.Do(Publish(l.Channel("/nobody"), 1)).Reply(), `{"successful":false,"error":"402::session_unknown"}`)
	}
	const shortly = keep - 300*time.Millisecond
	l.Together(func() {
		c := l.Client()
		c.Handshake()
		gone(c, "no connect after the handshake")
	}, func() {
		c, last := l.Client(), time.Now()
		c.Handshake()
		l.Pause(shortly)
		alive(c, "shortly before its time, no connect yet", last, keep)
	}, func() {
		c := l.Connected()
		gone(c, "no connect after the first")
	}, func() {
		last, c := time.Now(), l.Connected()
		l.Pause(shortly)
		last = alive(c, "shortly before its time", last, keep)
		l.Pause(shortly)
		alive(c, "after a life sign", last, keep)
		gone(c, "after the last life sign")
	}, func() {
		const interval = 1500 * time.Millisecond
		c := l.Connected()
		last := time.Now()
		c.Connect(M{"advice": M{"timeout": 0, "interval": interval.Milliseconds()}})
		l.Pause(interval + shortly)
		alive(c, "within interval + maxInterval", last, interval+keep)
	}, func() {
		last, c := time.Now(), l.Connected()
		for range 5 {
			l.Pause(keep / 2)
			last = alive(c, "a client that only publishes", last, keep)
		}
	}, func() {
		c := l.Connected()
		a := c.Connect(M{"advice": M{"timeout": 5000}})
		answered := time.Now()
		l.Took("a connect held for longer than maxInterval", a.Took, 5*time.Second)
		alive(c, "after a long connect", answered, keep-l.Slack)
	})
}
