package conformance

import (
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// websocketChecks are about what only websocket has: 35 to 38.
func websocketChecks() []Check {
	on := []Transport{W}
	return []Check{
		{N: 35, Title: "no subprotocol offered, none answered", Rules: []string{"WS-3"}, On: on, Mark: R, Run: func(l *Line) {
			Is(l, "the subprotocol", l.Browser().Dial().Upgrade.Header.Get("Sec-WebSocket-Protocol"), "")
		}},
		{
			N: 35, Title: "the first of the subprotocols offered is answered", Rules: []string{"WS-3"}, On: on, Mark: D,
			Run:       func(l *Line) { subprotocols(l, map[string]string{"bayeux": "bayeux", "odd, bayeux": "odd"}) },
			Reference: func(l *Line) { subprotocols(l, map[string]string{"bayeux": "", "odd, bayeux": ""}) },
		},
		{
			N: 35, Title: "a configured subprotocol is answered, also among others", Rules: []string{"WS-3"}, On: on, Mark: D, Options: "--ws-protocol bayeux",
			Run:       func(l *Line) { subprotocols(l, map[string]string{"bayeux": "bayeux", "odd, bayeux": "bayeux"}) },
			Reference: func(l *Line) { subprotocols(l, map[string]string{"bayeux": "", "odd, bayeux": ""}) },
		},
		{
			N: 35, Title: "a configured subprotocol must be offered", Rules: []string{"WS-3"}, On: on, Mark: D, Options: "--ws-protocol bayeux",
			Run: func(l *Line) {
				for _, offer := range []string{"", "odd", "Bayeux"} {
					s, err := l.Browser().TryDial("", Fields{"Sec-WebSocket-Protocol": offer})
					l.Need("offer "+offer, err)
					Is(l, "the status for offer "+offer, s.Upgrade.Status, http.StatusForbidden)
				}
			},
			// CometD 8 on Jetty's own API reads the option and does nothing with it.
			Reference: func(l *Line) { subprotocols(l, map[string]string{"": "", "odd": ""}) },
		},

		{N: 36, Title: "a single object is an array of one", Rules: []string{"WS-7", "MSG-1"}, On: on, Mark: R, Run: func(l *Line) {
			r := l.Client().Raw(`{"channel":"/meta/handshake","id":"1"}`, 1).Reply()
			l.Has("the reply", r, `{"id":"1","successful":true}`)
		}},
		{N: 36, Title: "binary frames are ignored", Rules: []string{"WS-7"}, On: on, Mark: R, Run: func(l *Line) {
			ignored(l, ws.OpBinary, `[{"channel":"/meta/handshake","id":"1"}]`)
		}},
		{
			N: 36, Title: "empty text frames are ignored", Rules: []string{"WS-7"}, On: on, Mark: D,
			Run: func(l *Line) { ignored(l, ws.OpText, "") },
			Reference: func(l *Line) {
				s := l.Browser().Dial()
				s.Send("")
				s.Closed("after an empty frame", 1011, patience)
			},
		},
		{
			N: 36, Title: "an empty array is a keep-alive", Rules: []string{"WS-8"}, On: on, Mark: D,
			Run: func(l *Line) {
				c := l.Connected()
				for range 2 {
					c.Socket.Send(`[]`)
					Is(l, "the answer", string(c.Socket.Next(patience).Payload), `[]`)
				}
				c.Publish(l.Channel("/a"), 1)
			},
			Reference: func(l *Line) {
				c := l.Connected()
				c.Socket.Send(`[]`)
				c.Socket.Closed("after an empty array", 1011, patience)
			},
		},
		{N: 36, Title: "malformed JSON closes with 1011", Rules: []string{"WS-17"}, On: on, Mark: R, Run: func(l *Line) {
			for _, text := range []string{`[{"channel":`, `]`} {
				s := l.Browser().Dial()
				s.Send(text)
				s.Closed("after "+text, 1011, patience)
			}
		}},
		{N: 36, Title: "invalid UTF-8 closes with 1007", Rules: []string{"WS-17", "MSG-4"}, On: on, Mark: R, Run: func(l *Line) {
			s := l.Browser().Dial()
			s.Send("[{\"channel\":\"/foo\",\"id\":\"1\",\"data\":\"\xff\"}]")
			s.Closed("after a byte ff", 1007, patience)
		}},
		{N: 36, Title: "a message that is too large closes with 1009", Rules: []string{"WS-18"}, On: on, Mark: R, Run: func(l *Line) {
			c := l.Connected()
			c.Publish(l.Channel("/a"), strings.Repeat("x", 60<<10))
			c.Socket.Send(array(c.fill([]M{Publish(l.Channel("/a"), strings.Repeat("x", 64<<10))})))
			c.Socket.Closed("after 64 KiB and some more", 1009, patience)
		}},
		{N: 36, Title: "a fragmented message that is too large closes with 1009", Rules: []string{"WS-18"}, On: on, Mark: R, Run: func(l *Line) {
			s := l.Browser().Dial()
			text := []byte(strings.Repeat(" ", 40<<10))
			l.Need("write a frame", s.WriteRaw(ws.MaskFrame(ws.NewFrame(ws.OpText, false, text))))
			l.Need("write a frame", s.WriteRaw(ws.MaskFrame(ws.NewFrame(ws.OpContinuation, false, text))))
			s.Closed("after 80 KiB", 1009, patience)
		}},

		{N: 37, Title: "messages do not release the connect", Rules: []string{"WS-12"}, On: on, Mark: R, Run: func(l *Line) {
			a, b := l.Connected(), l.Connected()
			a.Subscribe(l.Channel("/a"))
			h := a.HoldConnect(M{"advice": M{"timeout": 1500}})
			for i := range 3 {
				b.Publish(l.Channel("/a"), i)
			}
			Same(l, "the messages", Datas(a.Receive(3)), []string{"0", "1", "2"})
			if h.reply != nil {
				l.Errorf("the connect is answered: %s", h.reply)
			}
			l.Took("the connect", h.Wait().Took, 1500*time.Millisecond)
		}},
		{
			N: 37, Title: "messages release the connect with metaConnectDeliverOnly", Rules: []string{"WS-12", "DEL-6"}, On: on, Mark: R,
			Options: "--meta-connect-deliver-only",
			Run: func(l *Line) {
				a, b := l.Connected(), l.Connected()
				a.Subscribe(l.Channel("/a"))
				b.Publish(l.Channel("/a"), 1)
				a.Nothing("without a connect", 300*time.Millisecond)
				answer := a.Connect()
				l.AtOnce("the connect", answer.Took)
				Is(l, "messages and reply, in that order", kinds(answer.Messages), "er")
				h := a.HoldConnect()
				h.Quiet("a connect without messages", 300*time.Millisecond)
				b.Publish(l.Channel("/a"), 2)
				Is(l, "messages and reply, in that order", kinds(h.Wait().Messages), "er")
			},
		},
		{
			N: 38, Title: "replies do not wait for a connect of their array", Rules: []string{"WS-13", "CN-16"}, On: on, Mark: D,
			Run: func(l *Line) {
				for _, first := range []bool{true, false} {
					publish, connect := besideConnect(l, first)
					l.AtOnce("the reply to the publish", publish)
					l.Took("the reply to the connect", connect, 700*time.Millisecond)
				}
			},
			Reference: func(l *Line) {
				publish, connect := besideConnect(l, true)
				l.Took("the reply to the publish", publish, 700*time.Millisecond)
				l.Took("the reply to the connect", connect, 700*time.Millisecond)
			},
		},
	}
}

func subprotocols(l *Line, offers map[string]string) {
	for offer, want := range offers {
		s, err := l.Browser().TryDial("", Fields{"Sec-WebSocket-Protocol": offer})
		l.Need("offer "+offer, err)
		Is(l, "the status for offer "+offer, s.Upgrade.Status, http.StatusSwitchingProtocols)
		Is(l, "the answer to offer "+offer, s.Upgrade.Header.Get("Sec-WebSocket-Protocol"), want)
	}
}

// ignored demands that a frame changes nothing.
func ignored(l *Line, op ws.OpCode, payload string) {
	s := l.Browser().Dial()
	l.Need("write a frame", s.Write(op, []byte(payload)))
	s.Send(`[{"channel":"/meta/handshake","id":"2"}]`)
	Is(l, "the id of the first reply", s.NextMessages(patience)[0].ID(), "2")
	s.Quiet("after it", 200*time.Millisecond)
}

// besideConnect sends a publish and a connect that is held for 700 ms in one frame, and returns how long each was without a reply.
func besideConnect(l *Line, publishFirst bool) (publish, connect time.Duration) {
	c := l.Connected()
	ms := c.fill([]M{Publish(l.Channel("/a"), 1), Connect(W).with(M{"advice": M{"timeout": 700}})})
	if !publishFirst {
		ms[0], ms[1] = ms[1], ms[0]
	}
	began := time.Now()
	c.Socket.Send(array(ms))
	for publish == 0 || connect == 0 {
		for _, m := range c.Socket.NextMessages(patience) {
			if took := time.Since(began); m.Channel() == "/meta/connect" {
				connect = took
			} else {
				publish = took
			}
		}
	}
	return publish, connect
}

// kinds writes e for each event and r for each reply.
func kinds(ms []Message) string {
	b := make([]byte, len(ms))
	for i, m := range ms {
		b[i] = 'e'
		if m.IsReply() {
			b[i] = 'r'
		}
	}
	return string(b)
}
