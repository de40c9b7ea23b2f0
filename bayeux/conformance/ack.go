package conformance

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// ackChecks are about acknowledged messages: 45.
func ackChecks() []Check {
	both := []Transport{L, W}
	return []Check{
		{N: 45, Title: "the example of 17.1", Rules: []string{"AK-1", "AK-2", "AK-3", "AK-4", "AK-5", "AK-9"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, 0)
			b.Publish(l.Channel("/k"), "m1")
			batch(l, a, 1, 2, `"m1"`)
			b.Publish(l.Channel("/k"), "m2")
			batch(l, a, 1, 3, `"m1"`, `"m2"`) // the answer before was lost
			answer := a.Connect(ack(2))       // without advice: the reference holds it for as long as that says
			l.AtOnce("a connect with what was not acknowledged", answer.Took)
			Same(l, "the messages of the batch", Datas(answer.Events()), []string{`"m2"`})
			l.JSON("ext of the connect reply", answer.Reply().Object("ext"), `{"ack":4}`)
			if answer.Reply().Advice() == nil {
				l.Errorf("a connect that is not held for this reason has advice: %s", answer.Reply())
			}
			l.Took("a connect with all acknowledged", batch(l, a, 4, 5).Took, hold)
		}},
		{N: 45, Title: "a first connect with -1", Rules: []string{"AK-3"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, -1)
			b.Publish(l.Channel("/k"), "m1")
			batch(l, a, 1, 2, `"m1"`)
		}},
		{N: 45, Title: "a publish waits for the next connect, its reply does not", Rules: []string{"AK-9", "DEL-6"}, On: both, Mark: R, Run: func(l *Line) {
			a, _ := acknowledging(l, 0)
			answer := a.Do(Publish(l.Channel("/k"), "m1"))
			Is(l, "the answer", kinds(answer.Messages), "r")
			l.Lacks("the reply", answer.Reply(), "ext")
			batch(l, a, 1, 2, `"m1"`)
		}},
		{N: 45, Title: "a message releases the connect", Rules: []string{"AK-9", "WS-12"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, 0)
			h := a.HoldConnect(ack(1))
			h.Quiet("the connect", 200*time.Millisecond)
			b.Publish(l.Channel("/k"), "m1")
			answer := h.Wait()
			Is(l, "message and reply, in that order", kinds(answer.Messages), "er")
			l.Has("the reply", answer.Reply(), `{"successful":true,"ext":{"ack":2}}`)
			l.Took("the next connect", batch(l, a, 2, 3).Took, hold)
		}},
		{N: 45, Title: "a number from the future acknowledges everything", Rules: []string{"AK-6"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, 0)
			b.Publish(l.Channel("/k"), "m1")
			batch(l, a, 1, 2, `"m1"`)
			l.Took("the next connect", batch(l, a, 99, 3).Took, hold)
		}},
		{N: 45, Title: "no number acknowledges nothing", Rules: []string{"AK-7"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, 0)
			b.Publish(l.Channel("/k"), "m1")
			batch(l, a, 1, 2, `"m1"`)
			answer := a.Connect(M{"advice": M{"timeout": hold.Milliseconds()}})
			Same(l, "the messages", Datas(answer.Events()), []string{`"m1"`})
		}},
		{N: 45, Title: "a number of the wrong type acknowledges nothing", Rules: []string{"AK-11"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, 0)
			b.Publish(l.Channel("/k"), "m1")
			batch(l, a, 1, 2, `"m1"`)
			for i, odd := range []string{`"2"`, `{}`, `true`, `[2]`} {
				batch(l, a, json.RawMessage(odd), 3+i, `"m1"`)
			}
		}},
		{N: 45, Title: "an older number brings back nothing", Rules: []string{"AK-4", "AK-13"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, 0)
			b.Publish(l.Channel("/k"), "m1")
			batch(l, a, 1, 2, `"m1"`)
			b.Publish(l.Channel("/k"), "m2")
			batch(l, a, 2, 3, `"m2"`)
			batch(l, a, 1, 4, `"m2"`)
		}},
		{N: 45, Title: "of two connects with the same number the newer gets the messages, once", Rules: []string{"AK-13", "CN-10"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := acknowledging(l, 0)
			older := a.HoldConnect(ack(1))
			older.Quiet("the first connect", 200*time.Millisecond)
			newer := a.HoldConnect(ack(1))
			newer.Quiet("the second connect", 200*time.Millisecond)
			b.Publish(l.Channel("/k"), "m1")
			answer := newer.Wait()
			Same(l, "the messages", Datas(answer.Events()), []string{`"m1"`})
			if l.On == L {
				Is(l, "the status of the first connect", older.Response().Status, http.StatusInternalServerError)
			} else if older.reply != nil {
				l.Errorf("the first connect is answered: %s", older.reply)
			}
			next := a.Connect(ack(answer.Reply(newer.ID).Object("ext")["ack"]), M{"advice": M{"timeout": hold.Milliseconds()}})
			Same(l, "the messages after it", Datas(next.Events()), nil)
		}},
		{N: 45, Title: "racing connects lose and repeat nothing", Rules: []string{"AK-4", "AK-13"}, On: both, Mark: R, Run: racingConnects},
		{
			N: 45, Title: "a batch and its number leave in one frame", Rules: []string{"AK-15"}, On: []Transport{W}, Mark: D,
			Run:       func(l *Line) { Same(l, "the messages per frame", framesOfBatch(l), []int{3}) },
			Reference: func(l *Line) { Same(l, "the messages per frame", framesOfBatch(l), []int{1, 1, 1}) },
		},
		{N: 45, Title: "nothing is said of ack where it is off", Rules: []string{"AK-1"}, On: both, Mark: R, Options: "--extensions timesync", Run: func(l *Line) {
			c := l.Client()
			if ext := c.Handshake(M{"ext": M{"ack": true}}).Object("ext"); ext.Has("ack") {
				l.Errorf("the reply has ext %s", ext)
			}
			c.FirstConnect(ack(0))
			c.Subscribe(l.Channel("/k"))
			c.Publish(l.Channel("/k"), 1)
			Same(l, "the messages", Datas(c.Receive(1)), []string{"1"})
		}},
		{N: 45, Title: "nothing is said of ack to who did not ask", Rules: []string{"AK-1", "17"}, On: both, Mark: R, Run: func(l *Line) {
			c := l.Client()
			if ext := c.Handshake().Object("ext"); ext.Has("ack") {
				l.Errorf("the handshake reply has ext %s", ext)
			}
			if ext := c.FirstConnect().Object("ext"); ext.Has("ack") {
				l.Errorf("the connect reply has ext %s", ext)
			}
		}},
	}
}

// hold is how long connects are held that have nothing to wait for.
const hold = 400 * time.Millisecond

func ack(n any) M { return M{"ext": M{"ack": n}} }

// acknowledging returns a client with the extension, subscribed to /k, whose first connect had the number given and got batch 1; and another client.
func acknowledging(l *Line, first int) (a, b *Client) {
	a, b = l.Client(), l.Connected()
	r := a.Handshake(M{"ext": M{"ack": true}})
	l.JSON("ext.ack of the handshake reply", string(r.Object("ext")["ack"]), `true`)
	l.JSON("ext.ack of the first connect reply", string(a.FirstConnect(ack(first)).Object("ext")["ack"]), `1`)
	a.Subscribe(l.Channel("/k"))
	return a, b
}

// batch sends a connect that acknowledges one batch and demands the next.
func batch(l *Line, c *Client, acknowledged any, number int, datas ...string) Answer {
	answer := c.Connect(ack(acknowledged), M{"advice": M{"timeout": hold.Milliseconds()}})
	l.JSON("ext.ack of the connect reply", string(answer.Reply().Object("ext")["ack"]), number)
	Same(l, "the messages of the batch", Datas(answer.Events()), datas)
	return answer
}

// racingConnects sends connects that overtake one another, each with the last number that the client has seen, while messages arrive.
func racingConnects(l *Line) {
	const n = 30
	a, b := acknowledging(l, 0)
	var got []string
	var seen any = 1
	learn := func(answer Answer) {
		for _, m := range answer.Messages {
			if m.Channel() == "/meta/connect" {
				seen = m.Object("ext")["ack"]
			} else if !slices.Contains(got, m.Data()) {
				got = append(got, m.Data()) // a batch whose answer was overtaken comes again
			}
		}
	}
	for i := range n {
		h := a.HoldConnect(ack(seen))
		b.Publish(l.Channel("/k"), i)
		if i%3 != 0 {
			learn(h.Wait())
			continue
		}
		older := h // given up before the answer is read
		if h = a.HoldConnect(ack(seen)); l.On == L && h.Response().Status != http.StatusOK {
			h, older = older, h // it came to the server after it
		}
		learn(h.Wait())
		for l.On == L && !older.over() { // which may come only now, and must not meet the next one
			a.HoldConnect(ack(seen), M{"advice": M{"timeout": 0}}).Response()
		}
	}
	for len(got) < n {
		before := len(got)
		if learn(a.Connect(ack(seen), M{"advice": M{"timeout": hold.Milliseconds()}})); len(got) == before {
			l.Fatalf("of %d messages these came: %v", n, got)
		}
	}
	for i := range got {
		if got[i] != text(i) {
			l.Fatalf("the order is not kept: %v", got)
		}
	}
	Same(l, "the messages when all is acknowledged", Datas(a.Connect(ack(seen), M{"advice": M{"timeout": hold.Milliseconds()}}).Events()), nil)
}

// framesOfBatch returns how many messages each frame had that a connect with two waiting messages brought.
func framesOfBatch(l *Line) (sizes []int) {
	a, b := acknowledging(l, 0)
	b.Publish(l.Channel("/k"), 1)
	b.Publish(l.Channel("/k"), 2)
	a.Socket.Send(array(a.fill([]M{Connect(W).with(ack(1))})))
	for {
		ms := a.Socket.NextMessages(patience)
		sizes = append(sizes, len(ms))
		if ms[len(ms)-1].Channel() == "/meta/connect" {
			return sizes
		}
	}
}
