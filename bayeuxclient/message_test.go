package bayeuxclient

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// Chapter 10, CN-8: fields that are missing or make no sense keep the last value.
func TestAdvice(t *testing.T) {
	t.Parallel()
	last := Advice{Reconnect: "retry", Interval: time.Second, Timeout: 30 * time.Second}
	for raw, want := range map[string]Advice{
		``:                          last,
		`null`:                      last,
		`"none"`:                    last,
		`{}`:                        last,
		`{"reconnect":"handshake"}`: {"handshake", time.Second, 30 * time.Second, false},
		`{"interval":0,"timeout":4000,"reconnect":"retry"}`:        {"retry", 0, 4 * time.Second, false},
		`{"multiple-clients":true,"interval":2000}`:                {"retry", 2 * time.Second, 30 * time.Second, true},
		`{"interval":-1,"timeout":1e30}`:                           {"retry", 0, maxAdvised, false},
		`{"interval":1.5,"hosts":["a"],"x":{}}`:                    {"retry", 1500 * time.Microsecond, 30 * time.Second, false},
		`{"timeout":"abc","reconnect":"none"}`:                     last,
		`{"reconnect":"none","reconnect":"handshake","timeout":1}`: {"handshake", time.Second, time.Millisecond, false},
	} {
		if got := (incoming{RawAdvice: jsontext.Value(raw)}).advice(last); got != want {
			t.Errorf("%s: %+v, want %+v", raw, got, want)
		}
	}
}

// AK-1, AK-2, AK-10, AK-11, AK-14.
func TestAckNumber(t *testing.T) {
	t.Parallel()
	for ext, want := range map[string]struct {
		n  int64
		ok bool
	}{
		``: {}, `null`: {}, `[]`: {}, `{}`: {}, `{"ack":"3"}`: {}, `{"ack":null}`: {}, `{"ack":false}`: {}, `{"ack":{"enabled":false,"batch":1}}`: {},
		`{"ack":true}`:                       {0, true},
		`{"ack":3,"timesync":{}}`:            {3, true},
		`{"ack":-1}`:                         {-1, true},
		`{"ack":9007199254740991}`:           {1<<53 - 1, true},
		`{"ack":{"enabled":true,"batch":1}}`: {1, true},
		`{"ack":99999999999999999999}`:       {},
	} {
		n, ok := incoming{Ext: jsontext.Value(ext)}.ackNumber()
		if ok != want.ok || ok && n != want.n {
			t.Errorf("%s: %d, %v, want %+v", ext, n, ok, want)
		}
	}
}

// MSG-7: ids are text; a number is read all the same.
func TestID(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{``: "", `"77"`: "77", `77`: "77", `"\u0061"`: "a"} {
		if got := (incoming{RawID: jsontext.Value(raw)}).id(); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

// FuzzDecode: whatever a server sends, decoding it does not fail badly, and what is taken apart is sound.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[{}]`, `null`, `{}`, `[null]`, `[{"channel":"/a","data":null}]`, "[" + shakeReply + "]", "[" + connectReply + "]",
		`[{"channel":"/k","data":12345678901234567890,"ext":{"ack":1}}]`, `[{"channel":1}]`, `[{"id":{}}]`, `[{"advice":[]}]`,
		`[{"data":{"a":1,"a":2}}]`, "\xff", `[{"id":"\ud800"}]`, strings.Repeat("[", 100), `[{"ext":{"ack":{"enabled":true,"batch":1}}}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		msgs, err := decode(body)
		if err != nil {
			return
		}
		for _, m := range msgs {
			m.id()
			m.ackNumber()
			if m.size() <= 0 {
				t.Errorf("%q has size %d", body, m.size())
			}
			a := m.advice(Advice{Reconnect: "retry"})
			if a.Interval < 0 || a.Timeout < 0 || a.Interval > maxAdvised || a.Timeout > maxAdvised || a.Reconnect == "" {
				t.Errorf("%q advises %+v", body, a)
			}
			if m.Data != nil && !m.Data.IsValid(jsontext.AllowDuplicateNames(true)) {
				t.Errorf("%q has data %q", body, m.Data)
			}
		}
	})
}

// naive is 3.2 word by word.
func naive(pattern, channel string) bool {
	switch {
	case strings.HasSuffix(pattern, "/**"):
		return strings.HasPrefix(channel, strings.TrimSuffix(pattern, "**"))
	case strings.HasSuffix(pattern, "/*"):
		rest, ok := strings.CutPrefix(channel, strings.TrimSuffix(pattern, "*"))
		return ok && !strings.Contains(rest, "/")
	}
	return pattern == channel
}

// 3.2, CH-2.
func TestMatching(t *testing.T) {
	t.Parallel()
	list := func(channel string) (all []string) {
		matching(channel, func(p string) { all = append(all, p) })
		return all
	}
	for channel, want := range map[string][]string{
		"/a/b":  {"/**", "/a/**", "/a/*", "/a/b"},
		"/a/b/": {"/**", "/a/**", "/a/*", "/a/b"},
		"/a":    {"/**", "/*", "/a"},
		"/":     {"/**", "/*", "/"},
		"":      {""},
	} {
		if got := list(channel); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", channel, got, want)
		}
	}
	segment := rapid.SampledFrom([]string{"a", "b", "c", "*", "**", "a b"})
	channel := rapid.Custom(func(rt *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(rt, "segments"), "/")
	})
	rapid.Check(t, func(rt *rapid.T) {
		pattern, name := channel.Draw(rt, "pattern"), channel.Draw(rt, "channel")
		if strings.Contains(name, "*") || strings.Contains(strings.TrimRight(pattern, "*"), "*") {
			return // neither published to [PUB-6] nor subscribed to [CH-5]
		}
		if got, want := slices.Contains(list(name), pattern), naive(pattern, name); got != want {
			rt.Errorf("%s matches %s: %v, want %v", pattern, name, got, want)
		}
	})
}

// The pauses: at random in the upper half of a bound that doubles, and never above the largest.
func TestBackoff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		first := time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(rt, "first"))
		most := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(rt, "most"))
		b := backoff{first: first, most: most}
		for i := range rapid.IntRange(1, 70).Draw(rt, "failures") {
			bound := min(float64(first)*float64(int64(1)<<min(i, 50)), float64(most))
			if d := float64(b.pause(nil)); d < bound/2-1 || d > bound {
				rt.Fatalf("pause %d: %v, bound %v", i, d, bound)
			}
		}
		b.reset()
		if d := b.pause(nil); d > min(first, most) {
			rt.Fatalf("first pause after success: %v", d)
		}
	})
}
