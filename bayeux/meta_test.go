package bayeux

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const fullAdvice = `"advice":{"reconnect":"retry","interval":0,"timeout":30000}`

// Line 1: HS-2, HS-3, HS-7, HS-9, CK-1, CK-4, SS-9, MSG-1, LP-9, LP-10.
func TestHandshakeReply(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	resp, body, err := c.post(`[{"id":"1","channel":"/meta/handshake","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["websocket"],"advice":{"timeout":60000,"interval":0}}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"channel":"/meta/handshake","id":"1","successful":true,"clientId":"<A>","version":"1.0","minimumVersion":"1.0",` +
		`"supportedConnectionTypes":["websocket","long-polling","callback-polling"],` + fullAdvice + `}]`
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if len(c.id()) < 25 || !validID(c.id()) {
		t.Errorf("client id %q is guessable or odd (SS-9)", c.id())
	}
	cookies := resp.Cookies()
	if len(cookies) != 1 || cookies[0].Name != "BAYEUX_BROWSER" || cookies[0].Path != "/" || !cookies[0].HttpOnly || len(cookies[0].Value) < 25 {
		t.Errorf("cookies %v", cookies)
	}
	for k, v := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := resp.Header.Get(k); got != v {
			t.Errorf("%s: %q, want %q", k, got, v)
		}
	}
	first := c.id()
	resp, _, err = c.post(`[{"channel":"/meta/handshake"}]`)
	if err != nil || len(resp.Cookies()) != 0 { // CK-2
		t.Errorf("a second handshake with the cookie set %v (%v)", resp.Cookies(), err)
	}
	if c.id() == first {
		t.Error("SS-12: a handshake did not make a new session")
	}
}

// Line 2 (HS-1, HS-4, HS-5, MSG-1, MSG-5).
func TestHandshakeAcceptsAnything(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		got := c.ask(`{"channel":"/meta/handshake","clientId":"nonsense","version":7,"supportedConnectionTypes":"x","advice":[1]}`)
		if len(got) != 1 || !strings.Contains(got[0], `"successful":true`) || strings.Contains(got[0], `"id"`) {
			t.Error(got)
		}
	})
}

// Line 3: HS-6, HS-7, HS-14, ER-2, CK-1.
func TestHandshakeDenied(t *testing.T) {
	t.Parallel()
	p := &testPolicy{handshake: func(p Peer, m *Message) error {
		switch {
		case strings.Contains(string(m.Ext), "tired"):
			return &Refusal{Text: "401::token_expired", Advice: &Advice{Reconnect: ReconnectHandshake, Interval: 5 * time.Second}, Ext: value(`{"why":"tired"}`)}
		case p.Header == nil || p.URL.Path != "/cometd" || p.RemoteAddr == "":
			t.Errorf("HS-14: the policy sees %+v", p)
		}
		return &Refusal{}
	}}
	both(t, Options{Policy: p}, func(t *testing.T, b *bench, c client) {
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"1"}]`),
			`{"channel":"/meta/handshake","id":"1","error":"403::handshake_denied","successful":false,"advice":{"reconnect":"none","interval":0,"timeout":30000}}`)
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"2","ext":{"token":"tired"}}]`),
			`{"channel":"/meta/handshake","id":"2","error":"401::token_expired","successful":false,"advice":{"reconnect":"handshake","interval":5000,"timeout":30000},"ext":{"why":"tired"}}`)
		if n := b.srv.Stats().Sessions; n != 0 {
			t.Errorf("%d sessions", n)
		}
		if p, ok := c.(*pollingClient); ok {
			resp, _, _ := p.post(`[{"channel":"/meta/handshake"}]`)
			if len(resp.Cookies()) != 0 {
				t.Error("a denied handshake set a cookie")
			}
		}
	})
}

// Line 4: HS-8.
func TestHandshakeAmongOthers(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		got := c.ask(`[{"channel":"/meta/subscribe","id":"1","subscription":"/a"},{"channel":"/meta/handshake","id":"2"},{"channel":"/a","id":"3","data":1},{"channel":"/meta/handshake","id":"4"}]`)
		if len(got) != 4 || !strings.Contains(got[0], `"clientId":"<A>"`) {
			t.Fatal(got)
		}
		same(t, got[1:],
			`{"channel":"/meta/subscribe","id":"1","subscription":"/a","error":"402::session_unknown","successful":false}`,
			`{"channel":"/a","id":"3","error":"402::session_unknown","successful":false}`,
			`{"channel":"/meta/handshake","id":"4","error":"403::handshake_failed","successful":false}`)
		if n := b.srv.Stats().Sessions; n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

// HS-13.
func TestHandshakeReconnect(t *testing.T) {
	t.Parallel()
	both(t, Options{HandshakeReconnect: true}, func(t *testing.T, b *bench, c client) {
		got := c.ask(`[{"channel":"/meta/handshake"}]`)
		if !strings.Contains(got[0], `"advice":{"reconnect":"retry","interval":0,"timeout":30000,"maxInterval":10000}`) {
			t.Error(got)
		}
	})
}

// Lines 5 and 7: CN-1, CN-2, CN-3, CN-6, CN-9, CN-11, AD-1, AD-2, AD-3, JP-6.
func TestConnectIsHeld(t *testing.T) {
	t.Parallel()
	for _, advice := range []string{"", `,"advice":{"timeout":0}`} {
		everywhereInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
			shake(t, c, "")
			begin := time.Now()
			same(t, c.ask(connectMessage("1", advice)), `{"channel":"/meta/connect","id":"1","successful":true,`+fullAdvice+`}`)
			if took := time.Since(begin); took != 0 {
				t.Errorf("CN-1: the first connect took %v", took)
			}
			same(t, c.ask(connectMessage("2", "")), `{"channel":"/meta/connect","id":"2","successful":true}`)
			if took := time.Since(begin); took != 30*time.Second {
				t.Errorf("CN-3: the second was held for %v", took)
			}
		})
	}
}

// Line 6: CN-3, CN-5, CN-7, CN-8.
func TestConnectAdvice(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{MaxTimeout: 100 * time.Second}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		timed := func(advice string) (string, time.Duration) {
			begin := time.Now()
			got := c.ask(connectMessage("1", `,"advice":`+advice))
			return strings.Join(got, ""), time.Since(begin)
		}
		for _, tc := range []struct {
			advice string
			held   time.Duration
			want   string
		}{
			{`{"timeout":500,"interval":2000}`, 500 * time.Millisecond, `,"advice":{"reconnect":"retry","interval":2000,"timeout":30000}`},
			{`{"timeout":"abc"}`, 30 * time.Second, "," + fullAdvice},
			{`{"timeout":-5,"interval":-1}`, 30 * time.Second, "," + fullAdvice},
			{`{"timeout":null,"interval":{}}`, 30 * time.Second, "," + fullAdvice},
			{`{"timeout":1e9}`, 100 * time.Second, "," + fullAdvice},
			{`7`, 30 * time.Second, ""},
			{`null`, 30 * time.Second, ""},
		} {
			got, held := timed(tc.advice)
			if want := `{"channel":"/meta/connect","id":"1","successful":true` + tc.want + `}`; got != want || held != tc.held {
				t.Errorf("%s: %s after %v, want %s after %v", tc.advice, got, held, want, tc.held)
			}
		}
	})
}

// Line 8, A5: CN-10.
func TestNewerConnectOverHTTP(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) { testNewerConnect(t, (*bench).polling) })
	bubble(t, func(t *testing.T) { testNewerConnect(t, (*bench).script) }) // JP-6
}

func testNewerConnect(t *testing.T, client func(*bench) *pollingClient) {
	b := startInMemory(t, Options{DuplicateMetaConnectHTTPResponseCode: 408})
	c := client(b)
	handshake(t, c, "")
	type result struct {
		status int
		body   string
	}
	older := make(chan result, 1)
	go func() {
		resp, body, err := c.post(connectMessage("1", ""))
		if err != nil {
			t.Error(err)
		}
		older <- result{resp.StatusCode, body}
	}()
	synctest.Wait()
	newer := c.begin(connectMessage("2", ""))
	if r := <-older; r.status != 408 || r.body != "" {
		t.Errorf("the older one got %+v", r)
	}
	synctest.Wait()
	if newer.isDone() {
		t.Error("the newer one is not held")
	}
	same(t, newer.wait(), `{"channel":"/meta/connect","id":"2","successful":true}`)
}

func TestNewerConnectOverWebsocket(t *testing.T) { // CN-10
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.websocket(nil)
		handshake(t, c, "")
		c.send(connectMessage("1", ""))
		c.send(connectMessage("2", ""))
		if got := c.receive(); got != `[{"channel":"/meta/connect","id":"2","successful":true}]` {
			t.Error(got)
		}
	})
}

// Line 9: CN-4, DEL-3; trace 22.3.
func TestBatchedConnectIsNotHeld(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	handshake(t, c, "")
	same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","id":"104","subscription":"/b2"},{"channel":"/b2","clientId":"<A>","id":"105","data":"x"},{"channel":"/meta/connect","clientId":"<A>","id":"106"}]`),
		`{"channel":"/b2","data":"x"}`,
		`{"channel":"/meta/subscribe","id":"104","subscription":"/b2","successful":true}`,
		`{"channel":"/b2","id":"105","successful":true}`,
		`{"channel":"/meta/connect","id":"106","successful":true}`)
}

// Line 10, A3, A9: CN-12, CN-14, DC-3, MSG-12.
func TestUnknownSession(t *testing.T) {
	t.Parallel()
	everywhere(t, Options{}, func(t *testing.T, b *bench, c client) {
		for _, id := range []string{`,"clientId":"stranger"`, ``, `,"clientId":""`, `,"clientId":7`, `,"clientId":null`} {
			same(t, c.ask(`[{"channel":"/meta/connect","id":"1"`+id+`}]`),
				`{"channel":"/meta/connect","id":"1","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
			same(t, c.ask(`[{"channel":"/meta/disconnect","id":"2"`+id+`}]`),
				`{"channel":"/meta/disconnect","id":"2","error":"402::session_unknown","successful":false}`)
			same(t, c.ask(`[{"channel":"/meta/subscribe","subscription":"/x"`+id+`}]`),
				`{"channel":"/meta/subscribe","subscription":"/x","error":"402::session_unknown","successful":false}`)
		}
	})
}

// Line 11: MSG-6, MSG-7, MSG-8, MSG-10, MSG-11, MSG-12.
func TestMessageID(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		for id, want := range map[string]string{
			``:            `{"channel":"/foo","successful":true}`,
			`"id":null,`:  `{"channel":"/foo","successful":true}`,
			`"id":77,`:    `{"channel":"/foo","id":"77","successful":true}`,
			`"id":"a1Z",`: `{"channel":"/foo","id":"a1Z","successful":true}`,
			`"id":"a-b",`: `{"channel":"/foo","id":"a-b","error":"405::message_id_invalid","successful":false}`,
			`"id":1.5,`:   `{"channel":"/foo","id":"1.5","error":"405::message_id_invalid","successful":false}`,
			`"id":"",`:    `{"channel":"/foo","id":"","error":"405::message_id_invalid","successful":false}`,
			`"id":true,`:  `{"channel":"/foo","error":"405::message_id_invalid","successful":false}`,
			`"id":{},`:    `{"channel":"/foo","error":"405::message_id_invalid","successful":false}`,
		} {
			same(t, c.ask(`[{`+id+`"channel":"/foo","clientId":"<A>","data":1}]`), want)
		}
	})
}

// Line 12: CH-1 to CH-5, PUB-6, MSG-12, PR-1.
func TestChannelErrors(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		same(t, c.ask(`[{"id":"1","clientId":"<A>","data":1}]`), `{"id":"1","error":"400::channel_missing","successful":false}`)
		same(t, c.ask(`[{"id":"1","channel":7,"clientId":"<A>"}]`), `{"id":"1","error":"405::channel_invalid","successful":false}`)
		same(t, c.ask(`{}`), `{"error":"400::channel_missing","successful":false}`)
		for _, ch := range []string{"foo", "/", "", "//", "/a//b", "/a/*/b", "/**/b", "/a?b", "/é", "/a/*", "/a/**", "/" + strings.Repeat("x", 10<<10)} {
			same(t, c.ask(`[{"id":"1","channel":"`+ch+`","clientId":"<A>"}]`),
				`{"channel":"`+ch+`","id":"1","error":"405::channel_invalid","successful":false}`)
		}
		same(t, c.ask(`[{"id":"a-b","channel":"bad","clientId":"x"}]`), // the first failing step is reported
			`{"channel":"bad","id":"a-b","error":"405::channel_invalid","successful":false}`)
		subscribe(t, c, "/t")
		got := c.ask(`[{"id":"1","channel":"/t/","clientId":"<A>","data":1}]`) // CH-2
		same(t, got, `{"channel":"/t/","data":1}`, `{"channel":"/t/","id":"1","successful":true}`)
	})
}

// Line 13, A9: SUB-1 to SUB-6, SUB-11, SUB-12, CN-16.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	policy := &testPolicy{
		create:    func(ch string) error { return deny(strings.HasPrefix(ch, "/nocreate")) },
		subscribe: func(ch string) error { return deny(strings.HasPrefix(ch, "/nosub")) },
	}
	both(t, Options{Policy: policy, MaxSubscriptionsPerSession: 5}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		for _, tc := range []struct{ subscription, outcome string }{
			{`"subscription":["/foo","/bar/*","/baz/**"]`, `"successful":true`},
			{`"subscription":"/foo"`, `"successful":true`}, // SUB-6
			{`"subscription":[]`, `"successful":true`},     // SUB-12
			{`"subscription":42`, `"error":"403::subscription_invalid","successful":false`},
			{`"subscription":["/x",7]`, `"error":"403::subscription_invalid","successful":false`},
			{`"subscription":["/x","/a/*/b"]`, `"error":"403::subscription_invalid","successful":false`}, // SUB-3
			{`"subscription":["/x","/a//b"]`, `"error":"403::subscription_invalid","successful":false`},
			{`"subscription":"` + strings.Repeat("/n", 5<<10) + `"`, `"error":"403::subscription_invalid","successful":false`},
			{`"subscription":["/ok","/nosub/x","/ok2"]`, `"error":"403:denied_by_security_policy:subscribe_denied","successful":false`}, // SUB-5
			{`"subscription":"/nocreate/x"`, `"error":"403:denied_by_security_policy:create_denied","successful":false`},
			{`"subscription":["/5th","/6th"]`, `"error":"403:too_many_subscriptions:subscribe_denied","successful":false`}, // SUB-11
		} {
			same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","id":"1",`+tc.subscription+`}]`),
				`{"channel":"/meta/subscribe","id":"1",`+tc.subscription+`,`+tc.outcome+`}`)
		}
		for _, missing := range []string{``, `,"subscription":null`} { // SUB-2
			same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","id":"1"`+missing+`}]`),
				`{"channel":"/meta/subscribe","id":"1","error":"403::subscription_missing","successful":false}`)
		}
		s := b.srv.sessions.find(c.id())
		for ch, want := range map[string]bool{"/foo": true, "/bar/1": true, "/baz/1/2": true, "/ok": true, "/5th": true, "/ok2": false, "/x": false, "/6th": false, "/nosub/x": false} {
			if s.Subscribed(ch) != want {
				t.Errorf("subscribed to %s: %v", ch, !want)
			}
		}
	})
}

// Line 15: SUB-7, SUB-8, SUB-9, MT-1.
func TestMetaAndServiceSubscriptions(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		for ch, outcome := range map[string]string{
			"/meta/connect": `"error":"403:denied_by_security_policy:subscribe_denied","successful":false`,
			"/meta/**":      `"error":"403:denied_by_security_policy:create_denied","successful":false`,
			"/meta/foo":     `"error":"403:denied_by_security_policy:create_denied","successful":false`,
			"/service/x":    `"successful":true`,
			"/**":           `"successful":true`,
			"/a/*":          `"successful":true`,
		} {
			same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"`+ch+`"}]`),
				`{"channel":"/meta/subscribe","subscription":"`+ch+`",`+outcome+`}`)
		}
		same(t, c.ask(`[{"channel":"/meta/foo","clientId":"<A>","id":"126"}]`),
			`{"channel":"/meta/foo","id":"126","error":"403:denied_by_security_policy:channel_create_denied","successful":false}`)
		same(t, c.ask(`[{"channel":"/service/x","clientId":"<A>","id":"1","data":1}]`), // PUB-9, and /** does not see it
			`{"channel":"/service/x","id":"1","successful":true}`)
	})
}

// Line 16: UN-1, UN-2, UN-3, UN-5.
func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/a", "/b")
		unsub := func(subscription string) string {
			return strings.Join(c.ask(`[{"channel":"/meta/unsubscribe","clientId":"<A>","subscription":`+subscription+`}]`), "")
		}
		for subscription, outcome := range map[string]string{
			`"/a"`:                `"successful":true`,
			`["/b","/none","/a"]`: `"error":"400::channel_missing","successful":false`,
			`"/never/seen"`:       `"error":"400::channel_missing","successful":false`,
			`42`:                  `"error":"403::subscription_invalid","successful":false`,
			`"/meta/handshake"`:   `"successful":true`,
		} {
			if got, want := unsub(subscription), `{"channel":"/meta/unsubscribe","subscription":`+subscription+`,`+outcome+`}`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		same(t, c.ask(`[{"channel":"/a","clientId":"<A>","data":1},{"channel":"/b","clientId":"<A>","data":1}]`),
			`{"channel":"/a","successful":true}`, `{"channel":"/b","successful":true}`)
		if got := unsub(`"/a"`); !strings.Contains(got, `"successful":true`) { // UN-2
			t.Error(got)
		}
	})
}

// Line 24: DC-1, DC-2, DC-4, CN-13, CN-14.
func TestDisconnectReleasesTheConnect(t *testing.T) {
	t.Parallel()
	none := `{"channel":"/meta/connect","id":"1","successful":true,"advice":{"reconnect":"none","interval":0,"timeout":30000}}`
	bye := `{"channel":"/meta/disconnect","id":"9","successful":true}`
	t.Run("L", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{})
		c := b.polling()
		handshake(t, c, "")
		held := c.begin(connectMessage("1", ""))
		b.held(1)
		same(t, c.ask(`[{"channel":"/meta/disconnect","id":"9","clientId":"<A>"}]`), bye)
		same(t, held.wait(), none)
		same(t, c.ask(connectMessage("2", "")),
			`{"channel":"/meta/connect","id":"2","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
	})
	t.Run("W", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{})
		c := b.websocket(nil)
		handshake(t, c, "")
		c.send(connectMessage("1", ""))
		c.send(`[{"channel":"/meta/disconnect","id":"9","clientId":"<A>"},{"channel":"/a","id":"10","clientId":"<A>"}]`)
		for _, want := range []string{"[" + bye + `,{"channel":"/a","id":"10","error":"402::session_unknown","successful":false}]`, "[" + none + "]"} {
			if got := c.receive(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		c.send(`[]`) // the connection is still open (DC-4)
		if got := c.receive(); got != "[]" {
			t.Error(got)
		}
	})
}

// Line 25: DC-5, DC-6.
func TestServerDisconnect(t *testing.T) {
	t.Parallel()
	const bye, m1 = `{"channel":"/meta/disconnect","successful":true}`, `{"channel":"/x","data":1}`
	none := `{"channel":"/meta/connect","id":"1","successful":true,"advice":{"reconnect":"none","interval":0,"timeout":30000}}`
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		held := newPending(t, func() ([]string, error) { return nil, nil })
		if p, ok := c.(*pollingClient); ok {
			held = p.begin(connectMessage("1", ""))
		} else {
			c.(*socketClient).send(connectMessage("1", ""))
		}
		synctest.Wait()
		s := b.srv.sessions.find(c.id())
		s.Group(func() {
			_ = s.Deliver("/x", value("1"))
			s.Disconnect()
		})
		if w, ok := c.(*socketClient); ok {
			for _, want := range []string{m1, bye, none} {
				if got := w.receive(); got != "["+want+"]" {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			begin := time.Now()
			if code := w.closed(); code != 1000 || time.Since(begin) != 5*time.Second {
				t.Errorf("closed with %d after %v (DC-6)", code, time.Since(begin))
			}
			return
		}
		same(t, held.wait(), m1, bye, none)
	})
	t.Run("without a connect", func(t *testing.T) {
		t.Parallel()
		both(t, Options{}, func(t *testing.T, b *bench, c client) {
			handshake(t, c, "")
			b.srv.sessions.find(c.id()).Disconnect()
			if w, ok := c.(*socketClient); ok {
				if got := w.receive(); got != "["+bye+"]" {
					t.Error(got)
				}
			}
			same(t, c.ask(connectMessage("1", "")),
				`{"channel":"/meta/connect","id":"1","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
		})
	})
}

// Line 26, A3: SS-1 to SS-7, CN-14.
func TestExpiry(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{Interval: 2 * time.Second, WS: WSOptions{PingInterval: Never, IdleTimeout: Never}}, func(t *testing.T, b *bench, c client) {
		alive := func() bool { return b.srv.sessions.find(c.id()) != nil }
		after := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		shake(t, c, "")
		after(10*time.Second - 1) // SS-1
		if !alive() {
			t.Fatal("expired before maxInterval")
		}
		c.ask(connectMessage("1", ""))
		after(12*time.Second - 1) // SS-2: interval + maxInterval
		if !alive() {
			t.Fatal("expired before interval + maxInterval")
		}
		c.ask(`[{"channel":"/a","clientId":"<A>","data":1}]`) // SS-4
		after(10*time.Second - 1)
		if !alive() {
			t.Fatal("expired although it publishes")
		}
		begin := time.Now()
		c.ask(connectMessage("2", `,"advice":{"timeout":300000}`)) // SS-3
		if time.Since(begin) != 300*time.Second {
			t.Fatalf("held for %v", time.Since(begin))
		}
		c.ask(connectMessage("3", `,"advice":{"timeout":0,"interval":20000}`)) // CN-5 in SS-2
		after(30*time.Second - 1)
		if !alive() {
			t.Fatal("expired before the interval of its request was over")
		}
		after(time.Second) // SS-7
		if alive() {
			t.Fatal("not expired")
		}
		if got := b.srv.Stats(); got.Expired != 1 || got.Sessions != 0 {
			t.Errorf("%+v", got)
		}
		if w, ok := c.(*socketClient); ok {
			if code := w.closed(); code != 1000 { // SS-5, WS-22
				t.Errorf("closed with %d", code)
			}
			return
		}
		same(t, c.ask(connectMessage("4", "")), // SS-6
			`{"channel":"/meta/connect","id":"4","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
	})
}

// SUB-10: what is published after the reply is delivered.
func TestSubscriptionIsInForce(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		for i := range 50 {
			channel := "/s/" + strings.Repeat("x", i+1)
			subscribe(t, c, channel)
			b.publish(channel, "1")
			if got := data(c.ask(`[{"channel":"/service/x","clientId":"<A>"}]`)); got != "1" {
				t.Fatalf("%d: %q", i, got)
			}
		}
	})
}

// AD-4: values of the transport win.
func TestAdvicePerTransport(t *testing.T) {
	t.Parallel()
	opt := Options{
		Timeout: 9 * time.Second, Interval: time.Second, LongPolling: HTTPOptions{Timeout: 5 * time.Second},
		WS: WSOptions{Timeout: 7 * time.Second, Interval: Never},
	}
	bothInTime(t, opt, func(t *testing.T, b *bench, c client) {
		want, held := `"advice":{"reconnect":"retry","interval":1000,"timeout":5000}`, 5*time.Second
		if c.transport() == WebSocket {
			want, held = `"advice":{"reconnect":"retry","interval":0,"timeout":7000}`, 7*time.Second
		}
		if got := c.ask(`[{"channel":"/meta/handshake"}]`); !strings.Contains(got[0], want) {
			t.Error(got)
		}
		same(t, c.ask(connectMessage("1", "")), `{"channel":"/meta/connect","id":"1","successful":true,`+want+`}`)
		begin := time.Now()
		c.ask(connectMessage("2", ""))
		if time.Since(begin) != held {
			t.Errorf("held for %v", time.Since(begin))
		}
	})
}

// RL-1: the page was reloaded and goes on with the id of before.
func TestReload(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/s")
		reloaded := b.another(c)
		reloaded.setID(c.id())
		if p, ok := c.(*pollingClient); ok {
			reloaded.(*pollingClient).hc.Jar = p.hc.Jar
			go func() { _, _, _ = p.post(connectMessage("1", "")) }()
		} else {
			c.(*socketClient).send(connectMessage("1", ""))
		}
		synctest.Wait()
		b.publish("/x", "0")
		if got := reloaded.ask(connectMessage("1", `,"advice":{"timeout":0}`)); !strings.Contains(got[0], `"id":"1","successful":true`) {
			t.Error(got)
		}
		subscribe(t, reloaded, "/s")
		b.publish("/s", "1")
		if got := data(reloaded.ask(`[{"channel":"/service/x","clientId":"<A>"}]`)); got != "1" {
			t.Error(got)
		}
	})
}

// testPolicy answers with functions; a missing one says yes outside of /meta.
type testPolicy struct {
	DefaultPolicy
	handshake         func(Peer, *Message) error
	create, subscribe func(string) error
	publish           func(string) error
	mayRead           func(*Session, string) bool
}

func deny(no bool) error {
	if no {
		return &Refusal{}
	}
	return nil
}

func (p *testPolicy) CanHandshake(_ context.Context, peer Peer, m *Message) error {
	if p.handshake != nil {
		return p.handshake(peer, m)
	}
	return nil
}

func (p *testPolicy) CanCreate(ctx context.Context, s *Session, ch string, m *Message) error {
	if p.create != nil {
		if err := p.create(ch); err != nil {
			return err
		}
	}
	return p.DefaultPolicy.CanCreate(ctx, s, ch, m)
}

func (p *testPolicy) CanSubscribe(ctx context.Context, s *Session, ch string, m *Message) error {
	if p.subscribe != nil {
		if err := p.subscribe(ch); err != nil {
			return err
		}
	}
	return p.DefaultPolicy.CanSubscribe(ctx, s, ch, m)
}

func (p *testPolicy) CanPublish(ctx context.Context, s *Session, ch string, m *Message) error {
	if p.publish != nil {
		if err := p.publish(ch); err != nil {
			return err
		}
	}
	return p.DefaultPolicy.CanPublish(ctx, s, ch, m)
}

func (p *testPolicy) MayRead(s *Session, ch string) bool { return p.mayRead == nil || p.mayRead(s, ch) }
