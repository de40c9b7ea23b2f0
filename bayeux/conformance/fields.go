package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
)

// fieldChecks are those of ids, channels and values.
func fieldChecks() []Check {
	return []Check{
		{
			N: 6, Title: "wrong types elsewhere get an ordinary answer", Mark: D, On: []Transport{L, W},
			Rules: []string{"MSG-12"}, Run: wrongTypes, Reference: func(l *Line) {
				l.Connected().breaks(`[{"channel":42,"id":"1"}]`)
			},
		},
		{
			N: 11, Title: "id missing, numeric, invalid", Mark: R, On: []Transport{L, W},
			Rules: []string{"MSG-7", "MSG-8", "MSG-11"}, Run: ids,
		},
		{
			N: 12, Title: "channel missing, invalid, with odd characters, with a trailing slash", Mark: R, On: []Transport{L, W},
			Rules: []string{"CH-1", "CH-2", "CH-4", "CH-6"}, Run: channels,
		},
		{
			N: 12, Title: "empty segment and middle wildcard are refused like other channels", Mark: D, On: []Transport{L, W},
			Rules: []string{"CH-3", "CH-5", "SUB-3"}, Run: func(l *Line) {
				c := l.Connected()
				for _, odd := range []string{"//a", "/a//b", "/a/*/b", "/a/**/b", "/*/b"} {
					l.Has("a publish to "+odd, c.Do(Publish(odd, 1)).Reply(), `{"successful":false,"error":"405::channel_invalid"}`)
					for _, m := range []M{Subscribe(odd), Unsubscribe(odd)} {
						l.Has("a subscription to "+odd, c.Do(m).Reply(), `{"successful":false,"error":"403::subscription_invalid"}`)
					}
				}
				Is(l, "a good publish after them", c.Do(Publish(l.Channel("/a"), 1)).Reply().Successful(), true)
			}, Reference: func(l *Line) {
				for _, odd := range []string{"/a//b", "/a/*/b"} {
					c := l.Connected()
					c.breaks(array(c.fill([]M{Publish(odd, 1)})))
				}
			},
		},
		{
			N: 18, Title: "strings, nulls and nesting pass through", Mark: R, On: []Transport{L, W}, Rules: []string{"MSG-3", "MSG-11"}, Run: func(l *Line) {
				const data = `{"s":"é\u2028\ud83d\ude00 \"q\" \\ \/ \u0007","n":{"a":null},"list":[null,true,1,-2,{}],"deep":{"list":[0]},"":"","__proto__":0}`
				passThrough(l, func(l *Line, got Message) { l.JSON("the data", got.Data(), data) }, data)
			},
		},
		{
			N: 18, Title: "big integers, exponents and escapes pass through byte for byte", Mark: D, On: []Transport{L, W}, Rules: []string{"MSG-3"},
			Run: func(l *Line) {
				passThrough(l, func(l *Line, got Message) {
					Is(l, "the data", got.Data(), exact)
					Is(l, "an extra field", string(got["extra"]), exact)
					Is(l, "ext", string(got["ext"]), exact)
				}, exact)
			},
			Reference: func(l *Line) {
				passThrough(l, func(l *Line, got Message) {
					if d := got.Data(); strings.Contains(d, "12345678901234567890") || !strings.Contains(d, "1000.0") {
						l.Errorf("numbers should be changed: %s", d)
					}
				}, exact)
			},
		},
	}
}

// exact is JSON that a server can only keep by keeping the bytes.
const exact = `{"big":12345678901234567890,"neg":-0,"e":1e3,"E":1E+2,"f":1.10,"tiny":1e-400,"u":"\u00e9\u2028\uD83D\ude00\/","n":{"a":null},"z":[null, 1 ]}`

func passThrough(l *Line, look func(*Line, Message), data string) {
	c := l.Connected()
	c.Subscribe(l.Channel("/a"))
	raw := json.RawMessage(data)
	Is(l, "successful", c.Call(Publish(l.Channel("/a"), raw).with(M{"extra": raw, "ext": raw})).Successful(), true)
	look(l, c.Receive(1)[0])
}

func wrongTypes(l *Line) {
	c := l.Connected()
	c.Subscribe(l.Channel("/a"))
	l.Has("channel 42", c.Do(M{"channel": 42, "id": "x"}).Reply(), `{"id":"x","successful":false,"error":"405::channel_invalid"}`)
	for _, id := range []any{1, true, M{}, []string{"a"}} {
		l.Has(fmt.Sprintf("clientId %v", id), c.Do(Publish(l.Channel("/a"), 1).with(M{"clientId": id})).Reply(), `{"successful":false,"error":"402::session_unknown"}`)
	}
	for _, id := range []any{true, M{}, []string{"a"}} {
		r := c.Do(Publish(l.Channel("/b"), 1).with(M{"id": id})).Reply()
		l.Has(fmt.Sprintf("id %v", id), r, `{"successful":false,"error":"405::message_id_invalid"}`)
		l.Lacks(fmt.Sprintf("the reply to id %v", id), r, "id")
	}
	for _, ext := range []any{"text", 7, []int{1}} {
		Is(l, "successful with an odd ext", c.Call(Publish(l.Channel("/a"), 1).with(M{"ext": ext})).Successful(), true)
		want, _ := json.Marshal(ext)
		l.JSON("ext as it was", c.Receive(1)[0]["ext"], want)
		r := c.Connect(M{"ext": ext, "advice": M{"timeout": 0}}).Reply()
		Is(l, "successful of a connect with an odd ext", r.Successful(), true)
	}
	l.Has("a handshake with odd ext and advice", l.Client().Handshake(M{"ext": "x", "advice": "y"}), `{"successful":true}`)
}

func ids(l *Line) {
	c := l.Connected()
	ch := l.Channel("/a")
	l.JSON("the reply to no id", c.Do(Publish(ch, 1).with(M{"id": Without})).Reply(), `{"channel":"`+ch+`","successful":true}`)
	l.JSON("the reply to a null id", c.Do(Publish(ch, 1).with(M{"id": nil})).Reply(), `{"channel":"`+ch+`","successful":true}`)
	for _, id := range []any{77, "77"} {
		l.JSON(fmt.Sprintf("the reply to id %v", id), c.Do(Publish(ch, 1).with(M{"id": id})).Reply(), `{"channel":"`+ch+`","id":"77","successful":true}`)
	}
	for _, id := range []string{"a", "Zz09", strings.Repeat("x", 100)} {
		l.Has("a good id", c.Do(Publish(ch, 1).with(M{"id": id})).Reply(), `{"successful":true,"id":"`+id+`"}`)
	}
	for _, id := range []string{"a-b", "a b", "ä", "", "a_b", "1.5"} {
		r := c.Do(Publish(ch, 1).with(M{"id": id})).Reply()
		l.Has(fmt.Sprintf("the reply to id %q", id), r, `{"channel":"`+ch+`","successful":false,"error":"405::message_id_invalid"}`)
	}
	r := c.Do(Publish(ch, 1).with(M{"id": Without}), Publish(ch, 2).with(M{"id": "same"}), Publish(ch, 3).with(M{"id": "same"}))
	Is(l, "the number of replies to three", len(r.Replies()), 3)
}

func channels(l *Line) {
	c := l.Connected()
	l.JSON("the reply to no channel", c.Do(M{"id": "x"}).Reply(), `{"id":"x","successful":false,"error":"400::channel_missing"}`)
	for _, odd := range []string{"foo", "/", "/a?b", "/a&b", "/a%20", "/a:b", "/a,b", "/a'b", `/a"b`, "/ä", "/a\u0007", "/a\\b", "/a^b", "/a|b"} {
		r := c.Do(Publish(odd, 1)).Reply()
		Is(l, fmt.Sprintf("the error of a publish to %q", odd), r.ErrorText(), "405::channel_invalid")
		l.Has("a subscription to it", c.Do(Subscribe(odd)).Reply(), `{"successful":false,"error":"403::subscription_invalid"}`)
	}
	for _, good := range []string{l.Channel("/x y!#$()*+-.@_{~}Zz09"), l.Channel("/a/b*"), l.Channel("/a/**b"), "/metadata" + l.Channel("/a"), "/services" + l.Channel("/x")} {
		c.Subscribe(good)
		c.Publish(good, "here")
		got := c.Receive(1)[0]
		Is(l, "the channel of what is delivered", got.Channel(), good)
		Is(l, "successful of an unsubscribe", c.Call(Unsubscribe(good)).Successful(), true)
	}
	c.Subscribe(l.Channel("/t"), l.Channel("/s/"))
	c.Publish(l.Channel("/t/"), 1)
	c.Publish(l.Channel("/s"), 2)
	got := c.Receive(2)
	Same(l, "the channels delivered with and without a slash at the end", []string{got[0].Channel(), got[1].Channel()}, []string{l.Channel("/t/"), l.Channel("/s")})
}
