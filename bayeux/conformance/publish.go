package conformance

import (
	"encoding/json"
	"slices"
	"time"
)

// publishChecks are those of publishing and services.
func publishChecks() []Check {
	return []Check{
		{
			N: 17, Title: "publish: own copy, order, extra fields, ext, no id or clientId in copies", Mark: R, On: []Transport{L, W, J},
			Rules: []string{"PUB-2", "PUB-3", "PUB-4", "PUB-7", "PUB-13", "MSG-9", "DEL-1", "DEL-3", "JP-5"}, Run: ownCopy,
		},
		{
			N: 19, Title: "publish without data, with null", Mark: D, On: []Transport{L, W}, Rules: []string{"PUB-5"},
			Run: func(l *Line) {
				c := l.Connected()
				c.Subscribe(l.Channel("/a"))
				for _, m := range []M{{"channel": l.Channel("/a")}, Publish(l.Channel("/a"), nil)} {
					Is(l, "successful", c.Call(m).Successful(), true)
					l.JSON("what is delivered", c.Receive(1)[0], `{"channel":"`+l.Channel("/a")+`","data":null}`)
				}
			},
			Reference: func(l *Line) {
				c := l.Connected()
				c.Subscribe(l.Channel("/a"))
				Is(l, "successful", c.Call(M{"channel": l.Channel("/a")}).Successful(), true)
				l.JSON("what is delivered", c.Receive(1)[0], `{"channel":"`+l.Channel("/a")+`"}`)
			},
		},
		{
			N: 19, Title: "publish to a wildcard is refused", Mark: D, On: []Transport{L, W}, Rules: []string{"PUB-6"},
			Run: func(l *Line) {
				c := l.Connected()
				c.Subscribe(l.Channel("/a/*"))
				for _, ch := range []string{l.Channel("/a/*"), l.Channel("/a/**"), "/**"} {
					l.Has("the reply", c.Call(Publish(ch, 1)), `{"successful":false,"error":"405::channel_invalid"}`)
				}
				c.Nothing("a refused publish", 300*time.Millisecond)
			},
			Reference: func(l *Line) {
				c := l.Connected()
				c.Subscribe(l.Channel("/a/*"))
				Is(l, "successful", c.Call(Publish(l.Channel("/a/*"), 1)).Successful(), true)
				Is(l, "the channel delivered", c.Receive(1)[0].Channel(), l.Channel("/a/*"))
			},
		},
		{
			N: 20, Title: "service echo in the same response, before the reply; a service without a handler", Mark: R, On: []Transport{L, W},
			Rules: []string{"PUB-8", "PUB-9", "PUB-10"}, Run: func(l *Line) {
				c := l.Connected()
				a := c.Do(Publish("/service/echo", M{"q": 1}).with(M{"id": "x"}))
				l.JSON("the answer", a.Messages, `[{"channel":"/service/echo","data":{"q":1}},{"channel":"/service/echo","id":"x","successful":true}]`)
				nobody := "/service" + l.Channel("/nobody")
				l.JSON("the answer of nobody", c.Do(Publish(nobody, 1).with(M{"id": "x"})).Messages, `[{"channel":"`+nobody+`","id":"x","successful":true}]`)
			},
		},
		{
			N: 20, Title: "remote call answered by id, also its failure", Mark: R, On: []Transport{L, W}, Rules: []string{"PUB-11", "MSG-9"}, Run: remoteCall,
		},
	}
}

func ownCopy(l *Line) {
	c, other := l.Connected(), l.Connected()
	ch := l.Channel("/a")
	c.Subscribe(ch)
	other.Subscribe(l.Channel("/*"))

	m := Publish(ch, M{"n": 0}).with(M{"id": "x", "ext": M{"e": 1}, "extra": "field", "more": []int{1}})
	want := `{"channel":"` + ch + `","data":{"n":0},"ext":{"e":1},"extra":"field","more":[1]}`
	reply := `{"channel":"` + ch + `","id":"x","successful":true}`
	a := c.Do(m)
	if l.On == J {
		l.JSON("the answer", a.Messages, `[`+reply+`]`)
		l.JSON("the own copy, with a connect", c.Receive(1), `[`+want+`]`)
	} else {
		l.JSON("the answer", a.Messages, `[`+want+`,`+reply+`]`)
	}
	l.JSON("the copy of another", other.Receive(1), `[`+want+`]`)

	var batch []M
	for n := range 5 {
		batch = append(batch, Publish(ch, n))
	}
	refused := append(slices.Clone(batch[:2:2]), Publish("/nopub/a", 9))
	a = c.Do(append(refused, batch[2:]...)...)
	c.keep(a.Events())
	var successful []bool
	for _, r := range a.Replies() {
		successful = append(successful, r.Successful())
	}
	if !slices.Equal(successful, []bool{true, true, false, true, true, true}) {
		l.Errorf("the replies to a batch are %s, want the third to fail", Texts(a.Replies()))
	}
	l.Has("the refusal", a.Replies()[2], `{"channel":"/nopub/a","error":"403:denied_by_security_policy:publish_denied"}`)
	order := []string{"0", "1", "2", "3", "4"}
	Same(l, "the own copies", Datas(c.Receive(5)), order)
	Same(l, "the copies of another", Datas(other.Receive(5)), order)
	l.JSON("a publish nobody listens to", c.Do(Publish(l.Channel("/nobody/here"), 1).with(M{"id": "x"})).Messages,
		`[{"channel":"`+l.Channel("/nobody/here")+`","id":"x","successful":true}]`)
	l.Has("a veto", c.Do(Publish("/vetoed", 1)).Reply(), `{"successful":false,"error":"404::message_deleted"}`)
}

func remoteCall(l *Line) {
	c := l.Connected()
	for _, call := range []struct{ data, want string }{
		{`{"q":[1,2]}`, `"successful":true`},
		{`{"fail":true}`, `"successful":false`},
	} {
		a := c.Do(Publish("/service/call", json.RawMessage(call.data)).with(M{"id": "7a"}))
		events := a.Events()
		if len(events) == 0 {
			events = c.Receive(1)
		}
		if len(events) != 1 {
			l.Fatalf("one answer to the call is expected: %s", Texts(a.Messages))
		}
		l.Has("the answer to the call", events[0], `{"channel":"/service/call","id":"7a",`+call.want+`}`)
		if call.want == `"successful":true` {
			l.JSON("its data", events[0].Data(), call.data)
		}
		l.Has("the reply to the publish", a.Reply(), `{"channel":"/service/call","id":"7a","successful":true}`)
		l.Lacks("the reply to the publish", a.Reply(), "data")
	}
}
