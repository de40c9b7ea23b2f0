package bayeux

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// manyNames is an array of n channels.
func manyNames(prefix string, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(`"%s%d"`, prefix, i)
	}
	return "[" + strings.Join(names, ",") + "]"
}

// A9, SUB-11: a message that names more channels than a session may subscribe to ends at that number, also where nothing is recorded (SUB-9).
func TestSubscribeToManyNames(t *testing.T) {
	t.Parallel()
	both(t, Options{MaxSubscriptionsPerSession: 5}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		for _, names := range []string{manyNames("/service/s", 6), `["/a","/a","/a","/a","/a","/a"]`} {
			same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","id":"1","subscription":`+names+`}]`),
				`{"channel":"/meta/subscribe","id":"1","subscription":`+names+`,"error":"403:too_many_subscriptions:subscribe_denied","successful":false}`)
		}
		if n := b.srv.Stats().Channels; n != 6 {
			t.Errorf("%d channels came into being, want 5 and /a", n)
		}
		if !b.session(c).Subscribed("/a") {
			t.Error("what came before the sixth name is not in force (SUB-5)")
		}
	})
}

// A9: each name in a subscription counts against MaxMessageRate, as a message of its own would.
func TestMessageRateOfNames(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{MaxMessageRate: 10}, func(t *testing.T, _ *bench, c client) {
		begin := time.Now()
		handshake(t, c, "")
		for _, verb := range []string{"subscribe", "unsubscribe"} {
			c.ask(`[{"channel":"/meta/` + verb + `","clientId":"<A>","id":"1","subscription":` + manyNames("/a", 20) + `}]`)
		}
		c.ask(`[{"channel":"/b","clientId":"<A>","id":"2"}]`)
		if took := time.Since(begin); took < 3*time.Second {
			t.Errorf("40 names at 10 a second took %v", took)
		}
	})
}

// A9: who has many subscriptions changes one as fast as who has few.
func TestSubscriptionsAreNotCopied(t *testing.T) {
	b := start(t, Options{})
	s := &Session{srv: b.srv, id: newID()}
	toggle := func() {
		b.srv.channels.subscribe("/x", s, 0)
		b.srv.channels.unsubscribe("/x", s)
	}
	few := testing.AllocsPerRun(10, toggle)
	for i := range 900 {
		b.srv.channels.subscribe(fmt.Sprint("/c", i), s, 0)
	}
	if many := testing.AllocsPerRun(10, toggle); many > few+2 {
		t.Errorf("%v allocations with many subscriptions, %v with none", many, few)
	}
	before := s.lend()
	toggle()
	b.srv.channels.unsubscribe("/c1", s)
	if _, there := before["/c1"]; !there || s.Subscribed("/c1") {
		t.Error("what was lent has changed")
	}
}

// A9: times that nothing could be done within are refused, and those that overflow.
func TestImpossibleTimes(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"long-polling.json.writeTimeout":  {LongPolling: HTTPOptions{WriteTimeout: Never}},
		"long-polling.jsonp.writeTimeout": {JSONP: HTTPOptions{WriteTimeout: Never}},
		"ws.writeTimeout":                 {WS: WSOptions{WriteTimeout: Never}},
		"ws.confirmTimeout":               {WS: WSOptions{ConfirmTimeout: Never}},
		"sweepPeriod":                     {SweepPeriod: Never},
		"ws.interval":                     {WS: WSOptions{Interval: longestTime + 1}},
		"ws.maxInterval":                  {WS: WSOptions{MaxInterval: longestTime + 1}},
		"resumeWindow":                    {ResumeWindow: longestTime + 1},
	} {
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), want+": ") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// SS-1, SS-2: no time makes a session end before its time.
func TestLongestTimes(t *testing.T) {
	t.Parallel()
	long := Times{Timeout: math.MaxInt64, Interval: math.MaxInt64, MaxInterval: math.MaxInt64}
	o := Options{ResumeWindow: longestTime, HandshakeReconnect: true, OnSession: func(s *Session) { s.SetTimes(long) }}
	bothInTime(t, o, func(t *testing.T, _ *bench, c client) {
		handshake(t, c, "")
		pass(time.Hour)
		same(t, c.ask(`[{"channel":"/meta/connect","clientId":"<A>","id":"1","advice":{"timeout":0}}]`),
			`{"channel":"/meta/connect","id":"1","successful":true,"advice":{"reconnect":"retry","interval":31536000000,"timeout":31536000000}}`)
		pass(time.Hour)
		subscribe(t, c, "/a")
	})
}

// WS-16, WS-8: the client's next frame ends the silence after its handshake, also when it is but a sign of life.
func TestKeepAliveEndsSilence(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{OnSession: func(s *Session) { _ = s.Deliver("/welcome", value("1")) }})
		c := b.raw()
		c.text(`{"channel":"/meta/handshake"}`)
		for _, want := range []string{`"successful":true`, `[]`, `/welcome`} {
			if want == `[]` {
				c.text(`[]`)
			}
			f, err := c.read()
			must(t, err)
			if !strings.Contains(string(f.Payload), want) {
				t.Errorf("got %s, want %s", f.Payload, want)
			}
		}
	})
}
