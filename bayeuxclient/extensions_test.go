package bayeuxclient

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// TS-2, TS-4: what an answer tells, and the mean of the last ones.
func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testClock)
}

func testClock(t *testing.T) {
	var c Client
	now := time.Now().UnixMilli()
	for _, odd := range []string{
		``, `null`, `{}`, `{"timesync":null}`, `{"timesync":{}}`, `{"timesync":{"tc":1}}`, `{"timesync":{"ts":1}}`, `{"timesync":{"tc":"1","ts":1}}`,
		fmt.Sprintf(`{"timesync":{"tc":%d,"ts":1}}`, now+time.Hour.Milliseconds()), // from the future
		`{"timesync":{"tc":1,"ts":1}}`,                                             // from long ago
		fmt.Sprintf(`{"timesync":{"tc":%d,"ts":9223372036854775807}}`, now),
	} {
		if c.clock.learn(jsontext.Value(odd)); len(c.clock.samples) != 0 {
			t.Errorf("%s was believed", odd)
		}
	}
	if _, _, ok := c.Clock(); ok {
		t.Error("a clock out of nothing")
	}
	for range 2 * samplesKept {
		sent := time.Now().UnixMilli() - 500 // held for 300 ms: 100 ms each way
		c.clock.learn(jsontext.Value(fmt.Sprintf(`{"timesync":{"tc":%d,"ts":%d,"p":300,"a":0}}`, sent, sent+100+7000)))
	}
	offset, lag, ok := c.Clock()
	if !ok || offset != 7*time.Second || lag != 100*time.Millisecond {
		t.Errorf("offset %v, lag %v, %v", offset, lag, ok)
	}
	if n := len(c.clock.samples); n != samplesKept {
		t.Errorf("%d samples are kept", n)
	}
}

// RP-2, RP-3: where a subscription goes on, and which messages it had.
func TestPositions(t *testing.T) {
	t.Parallel()
	var p positions
	ask := func(channel, want string) {
		t.Helper()
		if got := string(p.ext(channel)["replay"]); got != want {
			t.Errorf("%s asks %s, want %s", channel, got, want)
		}
	}
	reached := func(channel string, id int64, stale string, old bool) {
		t.Helper()
		if s, o := p.reached(channel, id); fmt.Sprint(s) != stale || o != old {
			t.Errorf("%s %d: %v %v", channel, id, s, o)
		}
	}
	ask("/a", "")
	p.begin("/a/", FromNow)
	p.begin("/a", 5) // it has begun
	p.begin("/*", FromOldest)
	p.begin("/b", 10)
	ask("/a", `{"/a":-1}`)
	ask("/b", `{"/b":10}`)
	p.subscribed("/a", jsontext.Value(`{"streamPosition":7}`))
	p.subscribed("/*", jsontext.Value(`{"streamPosition":7}`))
	p.subscribed("/b", jsontext.Value(`{"streamPosition":"7"}`))
	ask("/a", `{"/a":7}`)
	ask("/*", `{"/*":-2}`)
	reached("/b", 8, "[/b]", false) // new to /* only
	ask("/*", `{"/*":8}`)
	reached("/b", 8, "[/* /b]", true)
	reached("/b", 11, "[]", false)
	reached("/c/d", 1, "[]", false) // nobody's, as far as is known
	if !p.restart("/b") || p.restart("/b") || p.restart("/c") {
		t.Error("a subscription restarts once")
	}
	ask("/b", `{"/b":-2}`)
	reached("/b", 3, "[/*]", false)
	p.end("/b")
	ask("/b", "")
}

// RP-3, RP-1, TS-2: whatever a server sends in these fields is understood or passed over.
func FuzzExtensions(f *testing.F) {
	f.Add(`{"event":{"replayId":12}}`, `{"timesync":{"tc":1,"ts":2,"p":3},"replay":true,"streamPosition":4}`)
	f.Add(`{"event":{"replayId":1e400}}`, `{"replay":1}`)
	f.Add(`[]`, `[]`)
	f.Fuzz(func(t *testing.T, data, ext string) {
		m := incoming{Data: jsontext.Value(data), Ext: jsontext.Value(ext)}
		var p positions
		p.begin("/a", FromNow)
		p.subscribed("/a", m.Ext)
		if id := m.replayID(); id != 0 {
			p.reached("/a", id)
			if _, old := p.reached("/a", id); !old {
				t.Fatalf("%d is new again", id)
			}
		}
		if got := p.ext("/a")["replay"]; !got.IsValid() {
			t.Fatalf("asks %s", got)
		}
		m.agrees("replay")
		var c Client
		c.clock.learn(m.Ext)
		if _, lag, ok := c.Clock(); ok && lag < 0 {
			t.Fatalf("a lag of %v", lag)
		}
		_, _ = m.message().Binary()
	})
}
