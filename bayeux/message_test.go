package bayeux

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

var update = flag.Bool("update", false, "write the golden files")

var roomy = limits{depth: 64, messages: 1000}

// golden compares got with a file below testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", path, got, want)
	}
}

// The wire form of everything the server says (chapters 2, 6, 9, 10).
func TestWireForms(t *testing.T) {
	t.Parallel()
	m := &Message{Channel: "/meta/subscribe", channel: present, ID: "3", id: present, Subscription: value(`["/a","/b/*"]`)}
	handshake := replyTo(&Message{Channel: "/meta/handshake", channel: present})
	handshake.clientID, handshake.types = "abc", []Transport{WebSocket, LongPolling}
	handshake.advice = &Advice{Interval: time.Second, Timeout: 30 * time.Second, MaxInterval: 10 * time.Second}
	handshake.ext.set("ack", []byte("true"))
	handshake.ext.merge(value(`{"a":{"b":1},"c":"\u00e9"}`))
	crowded := replyTo(&Message{Channel: "/meta/connect", channel: present, ID: "é\"", id: present})
	crowded.advice = &Advice{Reconnect: ReconnectNone, MultipleClients: true, Timeout: 1500 * time.Microsecond}
	crowded.err = "403::x"
	served, err := newEvent(Outgoing{Channel: "/a/", Data: value(`{"n":1e400}`), Ext: value(`{"k":1}`)}, "")
	must(t, err)
	published := broadcastEvent(&Message{
		Channel: "/p", Data: value(`"x"`), rawExt: value(`7`), extra: []field{{value(`"a\u0062"`), value(`[1]`)}},
	}, "")
	call := &Message{Channel: "/service/x", ID: "7", id: present}
	subscribed := replyTo(m)
	var out bytes.Buffer
	for _, r := range []reply{handshake, crowded, subscribed} {
		fmt.Fprintf(&out, "%s\n", encode(nil, nil, []reply{r}))
	}
	for _, ev := range []*event{served, published, answerEvent(call, nil, false, true, ""), answerEvent(call, value("1"), true, true, ""), answerEvent(call, value("2"), true, false, ""), disconnectEvent("")} {
		fmt.Fprintf(&out, "%s\n", ev.array)
	}
	fmt.Fprintf(&out, "%s\n", encode([]*event{served}, []item{{ev: published}}, []reply{subscribed, handshake})) // DEL-3
	for line := range strings.Lines(out.String()) {
		if !jsontext.Value(strings.TrimSpace(line)).IsValid() {
			t.Errorf("not JSON: %s", line)
		}
	}
	golden(t, "wire.txt", out.Bytes())
}

func TestParse(t *testing.T) { // MSG-1, MSG-4, MSG-7, MSG-11, MSG-12, CN-8
	t.Parallel()
	msgs, err := parse([]byte(`[ {"channel":"/\u0061","id":12,"clientId":"c","data":{"a":[1,2]},"ext":{"x":1},"advice":{"timeout":1.5e3,"interval":"no"},"e1":1,"e2":null,"e1":2,"channel":"/b"} , {} ]`), roomy)
	must(t, err)
	m := msgs[0]
	if len(msgs) != 2 || m.Channel != "/b" || m.ID != "12" || m.ClientID != "c" || string(m.Data) != `{"a":[1,2]}` || string(m.Ext) != `{"x":1}` {
		t.Errorf("%+v", m)
	}
	if m.advice != (requestAdvice{given: true, timeout: 1500 * time.Millisecond, interval: -1}) {
		t.Errorf("%+v", m.advice)
	}
	if len(m.extra) != 1 || string(m.extra[0].value) != "2" {
		t.Errorf("%v", m.extra)
	}
	if e := msgs[1]; e.channel != absent || e.id != absent || e.Data != nil {
		t.Errorf("%+v", e)
	}
	var many strings.Builder
	for i := range 3000 { // many fields cost no more than few
		fmt.Fprintf(&many, `"f%d":%d,`, i%1500, i)
	}
	msgs, err = parse([]byte(`{`+many.String()+`"channel":"/x"}`), roomy)
	must(t, err)
	if len(msgs[0].extra) != 1500 || string(msgs[0].extra[7].value) != "1507" {
		t.Errorf("%d extra fields", len(msgs[0].extra))
	}
}

func TestParseErrors(t *testing.T) { // MSG-4, A1
	t.Parallel()
	for body, want := range map[string]error{
		"":                      errMalformed,
		"nul":                   errMalformed,
		"[{}":                   errMalformed,
		"[{}]]":                 errMalformed,
		"[{},]":                 errMalformed,
		`[{"a":01}]`:            errMalformed,
		`[{"a":"\x"}]`:          errMalformed,
		"[{\"a\":\"\n\"}]":      errMalformed,
		strings.Repeat("[", 65): errMalformed,
		`[{"a":` + strings.Repeat(`{"a":`, 63) + "1": errMalformed,
		"\xff":          errInvalidUTF8,
		"[{},{},{},{}]": errTooMany,
		"[" + strings.Repeat("{},", 9999) + "{}]": errTooMany,
	} {
		if _, err := parse([]byte(body), limits{64, 3}); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", body, err, want)
		}
	}
	if deeper([]byte(`["[[[[\"[[[[", "\\"]`), 1) {
		t.Error("brackets in strings count")
	}
}

func TestSubscriptions(t *testing.T) { // SUB-1, SUB-2
	t.Parallel()
	for raw, want := range map[string]string{`"/a"`: "/a", `["/a","/\u0062"]`: "/a /b", `[]`: ""} {
		names, ok := (&Message{Subscription: value(raw)}).subscriptions()
		if got := strings.Join(names, " "); !ok || got != want {
			t.Errorf("%s: %q %v", raw, got, ok)
		}
	}
	for _, raw := range []string{`7`, `{}`, `true`, `["/a",7]`, `[["/a"]]`, `[null]`} {
		if _, ok := (&Message{Subscription: value(raw)}).subscriptions(); ok {
			t.Errorf("%s is accepted", raw)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`[{"channel":"/meta/handshake","version":"1.0","id":"1","ext":{"ack":true},"advice":{"timeout":0}}]`,
		`{"channel":"/a","data":{"n":12345678901234567890}}`, `[]`, `[{}]`, `[{"channel":1,"id":{},"clientId":[],"ext":7,"advice":null,"subscription":["/a",2]}]`,
		`[{"id":1e5,"data":"\ud800"}]`, "\xff", `[[[[`, `[{"a":1,"a":2,"\u0061":3}]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		msgs, err := parse(b, roomy)
		if err != nil {
			return
		}
		for i := range msgs {
			m := &msgs[i]
			m.subscriptions()
			_, _ = ackNumber(m.Ext)
			if !validChannel(m.Channel, false) {
				continue
			}
			// What is passed on must be valid for the strictest reader but for what the
			// sender put inside of a value.
			if ev := broadcastEvent(m, "").array; !jsontext.Value(ev).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
				t.Fatalf("%q became %q", b, ev)
			}
			r := replyTo(m)
			if out := encode(nil, nil, []reply{r}); !jsontext.Value(out).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
				t.Fatalf("%q was answered with %q", b, out)
			}
		}
	})
}

func FuzzForm(f *testing.F) { // LP-3
	for _, s := range []string{"message=" + url.QueryEscape(`[{"channel":"/a"}]`), "message=%zz", "a=b&message={}&message=[]", "message", "&&=", ` [{}]`, strings.Repeat("message={}&", 11)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		msgs, err := parseForm(b, limits{64, 10})
		if err == nil && len(msgs) > 10 {
			t.Fatalf("%d messages", len(msgs))
		}
	})
}
