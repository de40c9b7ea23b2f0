package conformance

import (
	"time"
)

// deliveryChecks are those of how messages reach a session: riding, in bursts, lazily.
func deliveryChecks() []Check {
	return []Check{
		{
			N: 21, Title: "three-message burst against a held connect: none lost, order kept", Mark: R, On: []Transport{L},
			Rules: []string{"DEL-5", "DEL-1", "DEL-3", "CN-2"}, Run: burst,
		},
		{
			N: 22, Title: "queue rides on a publish response", Mark: R, On: []Transport{L}, Rules: []string{"DEL-4", "DEL-3"},
			Run: func(l *Line) {
				c, other := l.Connected(), l.Connected()
				c.Subscribe(l.Channel("/a"))
				other.Publish(l.Channel("/a"), 1)
				other.Publish(l.Channel("/a"), 2)
				a := c.Do(Publish(l.Channel("/b"), 3).with(M{"id": "x"}))
				reply := `{"channel":"` + l.Channel("/b") + `","id":"x","successful":true}`
				l.JSON("the answer to a publish", a.Messages, `[`+l.event("/a", "1")+`,`+l.event("/a", "2")+`,`+reply+`]`)
			},
		},
		{
			N: 22, Title: "queue waits for the connect with metaConnectDeliverOnly", Mark: R, On: []Transport{L}, Rules: []string{"DEL-6"},
			Options: shortHold + " --meta-connect-deliver-only=true", Run: func(l *Line) {
				c, other := l.Connected(), l.Connected()
				c.Subscribe(l.Channel("/a"))
				other.Publish(l.Channel("/a"), 1)
				reply := `{"channel":"` + l.Channel("/a") + `","id":"x","successful":true}`
				l.JSON("the answer to a publish", c.Do(Publish(l.Channel("/a"), 2).with(M{"id": "x"})).Messages, `[`+reply+`]`)
				a := c.Connect()
				l.AtOnce("the connect", a.Took)
				Same(l, "what comes with the connect", Datas(a.Events()), []string{"1", "2"})
			},
		},
		{
			N: 22, Title: "messages release the connect with metaConnectDeliverOnly", Mark: R, On: []Transport{W}, Rules: []string{"DEL-6", "WS-12"},
			Options: shortHold + " --meta-connect-deliver-only=true", Run: func(l *Line) {
				c := l.Connected()
				c.Subscribe(l.Channel("/a"))
				c.Publish(l.Channel("/a"), 1)
				c.Publish(l.Channel("/a"), 2)
				Is(l, "the number of events before the connect", len(Events(c.backlog)), 0)
				a := c.Connect()
				l.AtOnce("the connect", a.Took)
				Same(l, "what comes before its reply", Datas(a.Events()), []string{"1", "2"})
				Is(l, "what comes last", a.Messages[len(a.Messages)-1].Channel(), "/meta/connect")
			},
		},
		{
			N: 23, Title: "lazy: waits for its own time-out, rides along, keeps its order", Mark: R, On: []Transport{L, W},
			Rules: []string{"LZ-1", "LZ-2", "LZ-3"}, Options: "--timeout 4000 --max-interval 6000", Alone: true, Run: lazy,
		},
		{
			N: 23, Title: "lazy: leaves with the connect time-out", Mark: R, On: []Transport{L, W},
			Rules: []string{"LZ-2"}, Options: "--timeout 700 --max-interval 6000", Alone: true, Run: func(l *Line) {
				c, other := l.Connected(), l.Connected()
				c.Subscribe("/lazy")
				held := c.HoldConnect()
				other.Publish("/lazy", 1)
				a := held.Wait()
				l.Took("the connect", a.Took, 700*time.Millisecond)
				Same(l, "what comes with it", Datas(a.Events()), []string{"1"})
			},
		},
	}
}

// event is a message without more than a channel of the line's own and data.
func (l *Line) event(channel, data string) string {
	return `{"channel":"` + l.Channel(channel) + `","data":` + data + `}`
}

func burst(l *Line) {
	c, other := l.Connected(), l.Connected()
	c.Subscribe(l.Channel("/a"), "/burst")
	for range 5 {
		held := c.HoldConnect()
		held.Quiet("the connect", 100*time.Millisecond)
		other.Do(Publish(l.Channel("/a"), 1), Publish(l.Channel("/a"), 2), Publish(l.Channel("/a"), 3))
		first := held.Wait()
		events := first.Events()
		if len(events) == 0 || first.Messages[len(first.Messages)-1].Channel() != "/meta/connect" {
			l.Errorf("messages and then the reply are expected: %s", Texts(first.Messages))
		}
		for len(events) < 3 {
			next := c.Connect()
			l.AtOnce("a connect while messages wait", next.Took)
			events = append(events, next.Events()...)
		}
		Same(l, "the burst", Datas(events), []string{"1", "2", "3"})
	}

	// What the session's own requests make for itself rides on their responses; the connect stays held.
	held := c.HoldConnect()
	held.Quiet("the connect", 100*time.Millisecond)
	Same(l, "the burst of a service", Datas(c.Do(Publish("/service/burst", 0)).Events()), []string{`{"n":0}`, `{"n":1}`, `{"n":2}`})
	own := c.Do(Publish(l.Channel("/a"), 1), Publish(l.Channel("/a"), 2), Publish(l.Channel("/a"), 3))
	Same(l, "the messages of a request to its own session", Datas(own.Events()), []string{"1", "2", "3"})
	held.Quiet("the connect", 100*time.Millisecond)
}

func lazy(l *Line) {
	const own = 1500 * time.Millisecond // of /lazy
	c, other := l.Connected(), l.Connected()
	c.Subscribe("/lazy", l.Channel("/a"))

	held := c.HoldConnect()
	held.Quiet("the connect", 200*time.Millisecond)
	began := time.Now()
	other.Publish("/lazy", 1)
	l.Pause(200 * time.Millisecond)
	other.Publish("/lazy", 2)
	if l.On == W {
		Same(l, "the lazy messages", Datas(c.Receive(2)), []string{"1", "2"})
		l.Took("the lazy time-out", time.Since(began), own)
		held.Wait()
	} else {
		Same(l, "the lazy messages", Datas(held.Wait().Events()), []string{"1", "2"})
		l.Took("the lazy time-out", time.Since(began), own)
	}

	held = c.HoldConnect()
	held.Quiet("the connect", 200*time.Millisecond)
	began = time.Now()
	other.Do(Publish("/lazy", 3), Publish(l.Channel("/a"), 4))
	var got []Message
	if l.On == W {
		got = c.Receive(2)
	} else if got = held.Wait().Events(); len(got) < 2 {
		got = append(got, c.Connect().Events()...)
	}
	Same(l, "a lazy message and one that is not", Datas(got), []string{"3", "4"})
	l.AtOnce("their delivery", time.Since(began))
	if l.On == W {
		held.Wait()
		return
	}
	other.Publish("/lazy", 5)
	Same(l, "what rides on a publish response", Datas(c.Do(Publish(l.Channel("/b"), 0)).Events()), []string{"5"})
}
