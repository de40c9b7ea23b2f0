package conformance

import (
	"encoding/json"
	"math"
	"time"
)

// extensionChecks are about the extensions besides ack: 46 to 48.
func extensionChecks() []Check {
	both := []Transport{L, W}
	return []Check{
		{N: 46, Title: "the numbers of timesync", Rules: []string{"TS-1", "TS-2"}, On: both, Mark: R, Run: func(l *Line) {
			c := l.Client()
			before := now()
			tc := before - 12345
			sync := timesync(l, c.Handshake(M{"ext": M{"timesync": M{"tc": tc, "l": 3, "o": 20}}}))
			after := now()
			Is(l, "tc", sync.Number("tc"), float64(tc))
			Is(l, "a", sync.Number("a"), float64(tc)+20+3-sync.Number("ts"))
			if p := sync.Number("p"); p < 0 || p > float64(after-before)+1 {
				l.Errorf("p is %v, the handshake took %d ms", p, after-before)
			}
			sync = timesync(l, c.FirstConnect(M{"ext": M{"timesync": M{"tc": tc, "l": 0, "o": 0}}}))
			Is(l, "a", sync.Number("a"), float64(tc)-sync.Number("ts"))
		}},
		{N: 46, Title: "p includes the hold", Rules: []string{"TS-2", "TS-4"}, On: both, Mark: R, Run: func(l *Line) {
			c := l.Connected()
			answer := c.Connect(M{"advice": M{"timeout": 400}, "ext": M{"timesync": M{"tc": 5, "l": 0, "o": 0}}})
			l.Took("p", time.Duration(timesync(l, answer.Reply()).Number("p"))*time.Millisecond, 400*time.Millisecond)
		}},
		{N: 46, Title: "left out when the client is accurate", Rules: []string{"TS-3"}, On: both, Mark: R, Run: func(l *Line) {
			c := l.Connected()
			var offset int64
			for best, i := math.Inf(1), 0; i < 5; i++ { // the quickest of some is the most exact
				tc := now()
				sync := timesync(l, c.Connect(M{"advice": M{"timeout": 0}, "ext": M{"timesync": M{"tc": tc, "l": 0, "o": 0}}}).Reply())
				if lag := (float64(now()-tc) - sync.Number("p")) / 2; lag < best {
					best, offset = lag, int64(sync.Number("ts")-float64(tc)-lag)
				}
			}
			send := func(l, o int64) Message {
				return c.Connect(M{"advice": M{"timeout": 0}, "ext": M{"timesync": M{"tc": now(), "l": l, "o": o}}}).Reply()
			}
			omitted := 0
			for range 5 {
				r := send(1, offset)
				if sync := r.Object("ext").Object("timesync"); sync == nil {
					omitted++
				} else if math.Abs(sync.Number("a")) < 25 { // on a busy machine it may be more
					l.Errorf("lag known and accurate: %s", r)
				}
			}
			if omitted == 0 {
				l.Errorf("lag known and offset right: it is never left out")
			}
			timesync(l, send(0, offset))     // the lag is not known
			timesync(l, send(1, offset-500)) // half a second wrong
			timesync(l, send(1, offset+500))
		}},
		{N: 46, Title: "nothing is said of the time to who did not ask", Rules: []string{"TS-1", "17"}, On: both, Mark: R, Run: func(l *Line) {
			c := l.Client()
			for _, r := range []Message{c.Handshake(), c.FirstConnect()} {
				if r.Object("ext").Has("timesync") {
					l.Errorf("not asked for: %s", r)
				}
			}
		}},

		{N: 47, Title: "binary messages are relayed untouched", Rules: []string{"BI-1", "BI-2", "BI-5"}, On: both, Mark: R, Run: func(l *Line) {
			a, b := l.Connected(), l.Connected()
			a.Subscribe(l.Channel("/b"))
			for bytes, z85 := range z85Vectors {
				data, _ := json.Marshal(M{"data": z85, "last": true, "meta": M{"hex": bytes}})
				r := b.Call(M{"channel": l.Channel("/b"), "ext": M{"binary": M{}}, "data": json.RawMessage(data)})
				l.Has("the reply", r, `{"successful":true}`)
				got := a.Receive(1)[0]
				l.JSON("the message", got, M{"channel": l.Channel("/b"), "ext": M{"binary": M{}}, "data": json.RawMessage(data)}.JSON())
			}
		}},
		{N: 47, Title: "server code reads and writes bytes", Rules: []string{"BI-2", "BI-3", "BI-4"}, On: both, Mark: O, Run: func(l *Line) {
			c := l.Connected()
			for bytes, z85 := range z85Vectors {
				a := c.Do(Publish("/service/bytes", M{"data": z85, "last": true}).with(M{"ext": M{"binary": M{}}}))
				l.JSON("the bytes of "+z85, a.Events()[0].Data(), M{"hex": bytes}.JSON())
				a = c.Do(Publish("/service/bytes", M{"hex": bytes}))
				l.JSON("the text of "+bytes, a.Events()[0].Data(), M{"data": z85, "last": true}.JSON())
			}
		}},
	}
}

// z85Vectors are those of 17.5: bytes in hexadecimal, and their text.
var z85Vectors = map[string]string{
	"": "", "01": "0r", "0102": "0rJ", "010203": "0rJu", "01020304": "0rJua", "0102030405": "0rJua1P", "0102030405060708": "0rJua1Qkhq",
	"00000000": "00000", "ff": "@@", "ffffffff": "%nSc0", "864fd26fb559f75b": "HelloWorld",
}

func now() int64 { return time.Now().UnixMilli() }

// timesync is the field of a reply's ext, which must be there.
func timesync(l *Line, r Message) Message {
	sync := r.Object("ext").Object("timesync")
	if sync == nil {
		l.Fatalf("a timesync is expected in %s", r)
	}
	return sync
}
