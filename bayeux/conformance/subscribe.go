package conformance

import (
	"slices"
	"strings"
	"time"
)

// subscribeChecks are those of subscriptions and of what they match.
func subscribeChecks() []Check {
	return []Check{
		{
			N: 13, Title: "subscribe: string, array, partial failure, wrong type, missing, twice", Mark: R, On: []Transport{L, W},
			Rules: []string{"SUB-1", "SUB-2", "SUB-4", "SUB-5", "SUB-6", "SUB-10", "MSG-6", "UN-1"}, Run: subscriptions,
		},
		{
			N: 13, Title: "subscribe to an empty array succeeds", Mark: D, On: []Transport{L, W}, Rules: []string{"SUB-12"},
			Run: func(l *Line) {
				r := l.Connected().Do(Subscribe([]string{}).with(M{"id": "x"})).Reply()
				l.JSON("the reply", r, `{"channel":"/meta/subscribe","id":"x","subscription":[],"successful":true}`)
			},
			Reference: func(l *Line) {
				c := l.Connected()
				if l.On == W {
					c.Open().Send(array(c.fill([]M{Subscribe([]string{})})))
					l.Lacks("the reply", c.Socket.NextMessages(patience)[0], "successful")
					return
				}
				l.Lacks("the reply", c.Do(Subscribe([]string{})).Messages[0], "successful")
			},
		},
		{
			N: 14, Title: "the matching table, a single copy, the channel published to", Mark: R, On: []Transport{L, W},
			Rules: []string{"CH-4", "CH-8", "CH-9", "SUB-7"}, Run: matching,
		},
		{
			N: 15, Title: "meta and service subscriptions, unknown meta channels", Mark: R, On: []Transport{L, W},
			Rules: []string{"SUB-8", "SUB-9", "MT-1", "PUB-8"}, Run: metaAndService,
		},
		{
			N: 16, Title: "unsubscribe existing, absent, unknown channel", Mark: R, On: []Transport{L, W},
			Rules: []string{"UN-1", "UN-2", "UN-3", "UN-5"}, Run: unsubscriptions,
		},
	}
}

func subscriptions(l *Line) {
	c := l.Connected()
	one, two, three := l.Channel("/one"), l.Channel("/two/*"), l.Channel("/three/**")
	l.JSON("the reply to a string", c.Do(Subscribe(one).with(M{"id": "x"})).Reply(), `{"channel":"/meta/subscribe","id":"x","subscription":"`+one+`","successful":true}`)
	l.JSON("the reply to an array", c.Do(Subscribe([]string{two, three}).with(M{"id": "x"})).Reply(),
		`{"channel":"/meta/subscribe","id":"x","subscription":["`+two+`","`+three+`"],"successful":true}`)
	l.Has("the reply to a repetition", c.Do(Subscribe(one)).Reply(), `{"successful":true}`)

	const denied = `"successful":false,"error":"403:denied_by_security_policy:subscribe_denied"`
	ok, after := l.Channel("/ok"), l.Channel("/after")
	l.JSON("the reply to a partial failure", c.Do(Subscribe([]string{ok, "/nosub/x", after}).with(M{"id": "x"})).Reply(),
		`{"channel":"/meta/subscribe","id":"x","subscription":["`+ok+`","/nosub/x","`+after+`"],`+denied+`}`)
	never := l.Channel("/never")
	for _, odd := range []any{42, true, M{"a": never}, []any{never, 1}, []any{never, "bad"}, []any{never, nil}} {
		for _, m := range []M{Subscribe(odd), Unsubscribe(odd)} {
			l.JSON("the reply to "+m.JSON(), c.Do(m.with(M{"id": "x"})).Reply(), m.with(M{"id": "x", "successful": false, "error": "403::subscription_invalid"}).JSON())
		}
	}
	for _, m := range []M{Subscribe(Without), Unsubscribe(Without), Subscribe(nil)} {
		want := `{"channel":"` + m["channel"].(string) + `","id":"x","successful":false,"error":"403::subscription_missing"}`
		l.JSON("the reply to "+m.JSON(), c.Do(m.with(M{"id": "x"})).Reply(), want)
	}
	l.Has("create refused", c.Do(Subscribe("/nocreate/"+l.prefix[1:])).Reply(), `{"successful":false,"error":"403:denied_by_security_policy:create_denied"}`)

	p := l.Connected()
	for i, ch := range []string{never, after, one, l.Channel("/two/b"), l.Channel("/three/b/c"), ok} {
		p.Publish(ch, i)
	}
	Same(l, "the messages that arrive", Datas(c.Receive(4)), []string{"2", "3", "4", "5"})
}

func matching(l *Line) {
	patterns := []string{"/a/b", "/a/*", "/a/**", "/*", "/**", "/c", "/c/b*"}
	published := []string{"/a", "/a/b", "/a/b/c", "/a/*b", "/c", "/c/b*", "/c/bc"}
	want := map[string][]string{
		"/a/b": {"/a/b"}, "/a/*": {"/a/b", "/a/*b"}, "/a/**": {"/a/b", "/a/b/c", "/a/*b"}, "/*": {"/a", "/c"}, "/**": published, "/c": {"/c"}, "/c/b*": {"/c/b*"},
	}
	type subscriber struct {
		*Client
		what string
		want []string
	}
	var subscribers []subscriber
	for _, p := range patterns {
		c := l.Connected()
		c.Subscribe(l.Channel("/end"), l.Channel(p))
		subscribers = append(subscribers, subscriber{c, p, want[p]})
	}
	all := l.Connected()
	for _, p := range patterns {
		all.Subscribe(l.Channel(p))
	}
	all.Subscribe("/**", l.Channel("/end"))
	world := l.Connected()
	world.Subscribe("/**", l.Channel("/end"))
	subscribers = append(subscribers, subscriber{all, "all of them", published}, subscriber{world, "/**", published})

	publisher := l.Connected()
	publisher.Publish("/service/echo", "for the sender only")
	for _, ch := range published {
		publisher.Publish(l.Channel(ch), 1)
	}
	publisher.Publish(l.Channel("/end"), "end")
	var runs []func()
	for _, s := range subscribers {
		runs = append(runs, func() {
			var got []string
			for {
				m := s.Receive(1)[0]
				if m.Channel() == l.Channel("/end") {
					break
				}
				if name, mine := strings.CutPrefix(m.Channel(), l.prefix); mine {
					got = append(got, name)
				} else if strings.HasPrefix(m.Channel(), "/service/") || strings.HasPrefix(m.Channel(), "/meta/") {
					l.Errorf("a subscription to %s brings %s", s.what, m)
				}
			}
			Same(l, "what a subscription to "+s.what+" brings", got, s.want)
		})
	}
	l.Together(runs...)
}

func metaAndService(l *Line) {
	c := l.Connected()
	for channel, text := range map[string]string{
		"/meta/connect": "subscribe_denied", "/meta/handshake": "subscribe_denied", "/meta/**": "create_denied", "/meta/*": "create_denied", "/meta/foo": "create_denied",
	} {
		l.JSON("a subscription to "+channel, c.Do(Subscribe(channel).with(M{"id": "x"})).Reply(),
			`{"channel":"/meta/subscribe","id":"x","subscription":"`+channel+`","successful":false,"error":"403:denied_by_security_policy:`+text+`"}`)
	}
	l.JSON("a publish to /meta/foo", c.Do(Publish("/meta/foo", 1).with(M{"id": "x"})).Reply(),
		`{"channel":"/meta/foo","id":"x","successful":false,"error":"403:denied_by_security_policy:channel_create_denied"}`)
	mine := "/service" + l.Channel("/x")
	for _, channel := range []string{"/service/echo", "/service/**", mine} {
		l.JSON("a subscription to "+channel, c.Do(Subscribe(channel).with(M{"id": "x"})).Reply(),
			`{"channel":"/meta/subscribe","id":"x","subscription":"`+channel+`","successful":true}`)
	}
	other := l.Connected()
	other.Publish("/service/echo", "for the sender only")
	other.Publish(mine, "for nobody")
	c.Nothing("a service subscription", 500*time.Millisecond)
}

func unsubscriptions(l *Line) {
	c, other := l.Connected(), l.Connected()
	existing, absent, second := l.Channel("/existing"), l.Channel("/absent"), l.Channel("/second")
	unknown := l.Channel("/unknown")
	c.Subscribe(existing, second)
	other.Subscribe(existing, absent, second)
	l.JSON("the reply for a subscription", c.Do(Unsubscribe(existing).with(M{"id": "x"})).Reply(),
		`{"channel":"/meta/unsubscribe","id":"x","subscription":"`+existing+`","successful":true}`)
	l.Has("the reply for none on an existing channel", c.Do(Unsubscribe(absent)).Reply(), `{"successful":true}`)
	l.JSON("the reply for an unknown channel", c.Do(Unsubscribe(unknown).with(M{"id": "x"})).Reply(),
		`{"channel":"/meta/unsubscribe","id":"x","subscription":"`+unknown+`","successful":false,"error":"400::channel_missing"}`)
	l.Has("the reply for an array", c.Do(Unsubscribe([]string{existing, unknown, second})).Reply(), `{"successful":false,"error":"400::channel_missing"}`)

	other.Publish(existing, 1)
	other.Publish(second, 2) // which was not tried: still subscribed
	got := c.Receive(1)
	Same(l, "what arrives after the unsubscriptions", Datas(got), []string{"2"})

	other.Publish(second, 3)
	a := c.Do(Unsubscribe(second))
	events := slices.Concat(a.Events(), c.events)
	if len(events) == 0 {
		events = c.Receive(1)
	}
	Same(l, "what was queued before the unsubscription", Datas(events), []string{"3"})
}
