package bayeux

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"
)

// Line 14: CH-4, CH-6, CH-8, CH-9, CH-10, SUB-7, PUB-1.
func TestMatchingAndSingleCopy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		subscriptions string
		got           string // channels received, of all those published
	}{
		{`"/a/b"`, "/a/b"},
		{`"/a/*"`, "/a/b /a/x*"},
		{`"/a/**"`, "/a/b /a/b/c /a/x*"},
		{`"/*"`, "/a /metadata"},
		{`"/**"`, "/a /a/b /a/b/c /a/x* /metadata /services/x"},
		{`"/a/x*"`, "/a/x*"},
		{`"/a/b/"`, "/a/b"},
		{`["/a/b","/a/*","/a/**","/**"]`, "/a /a/b /a/b/c /a/x* /metadata /services/x"}, // CH-8
	} {
		t.Run(tc.subscriptions, func(t *testing.T) {
			t.Parallel()
			both(t, Options{}, func(t *testing.T, b *bench, c client) {
				handshake(t, c, "")
				got := c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":` + tc.subscriptions + `}]`)
				if !strings.Contains(got[0], `"successful":true`) {
					t.Fatal(got)
				}
				var received []string
				for _, ch := range []string{"/a", "/a/b", "/a/b/c", "/a/x*", "/metadata", "/services/x"} {
					for _, o := range c.ask(`[{"channel":"` + ch + `","clientId":"<A>","data":1}]`) {
						if !isReply(o) {
							received = append(received, ch)
						}
					}
				}
				if s := strings.Join(received, " "); s != tc.got {
					t.Errorf("got %s, want %s", s, tc.got)
				}
			})
		})
	}
}

// Line 17: PUB-1 to PUB-4, PUB-7, MSG-6, MSG-9, MSG-12, PR-2.
func TestPublishedCopies(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/s")
		same(t, c.ask(`[{"channel":"/s","id":"5","clientId":"<A>","data":{"text":"hello"},"ext":{"k":[1]},"extra":"x","successful":true,"error":"e","advice":{"reconnect":"none"},"other":1,"other":2,"nil":null}]`),
			`{"channel":"/s","data":{"text":"hello"},"ext":{"k":[1]},"extra":"x","other":2}`,
			`{"channel":"/s","id":"5","successful":true}`)
		same(t, c.ask(`[{"channel":"/s","clientId":"<A>","data":1,"ext":"odd"}]`), // MSG-12
			`{"channel":"/s","data":1,"ext":"odd"}`, `{"channel":"/s","successful":true}`)
		same(t, c.ask(`[{"channel":"/nobody","clientId":"<A>","id":"6","data":1}]`), `{"channel":"/nobody","id":"6","successful":true}`)
	})
}

func TestBroadcastToPublisherOff(t *testing.T) { // PUB-4
	t.Parallel()
	both(t, Options{BroadcastToPublisher: Off}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/s", "/**")
		same(t, c.ask(`[{"channel":"/s","clientId":"<A>","data":1}]`), `{"channel":"/s","successful":true}`)
	})
}

// Line 18: MSG-2, MSG-3, MSG-4, B7.
func TestDataPassesUnchanged(t *testing.T) {
	t.Parallel()
	for i, data := range []string{
		`12345678901234567890`, `1e3`, `-0`, `1.0`, `"\u00e9\ud83d\ude00\/"`, `"\ud800"`, `{"a":null,"b":[{"c":null}]}`,
		`{ "a" : 1 , "a" : 2 }`, `"` + strings.Repeat("é\u202e", 1000) + `"`, `""`, `[]`,
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			both(t, Options{}, func(t *testing.T, b *bench, c client) {
				handshake(t, c, "")
				subscribe(t, c, "/s")
				same(t, c.ask(`[{"channel":"/s","clientId":"<A>","data":`+data+`}]`),
					`{"channel":"/s","data":`+data+`}`, `{"channel":"/s","successful":true}`)
			})
		})
	}
}

// Line 19: PUB-5, PUB-6.
func TestPublishWithoutData(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/s")
		for _, data := range []string{``, `,"data":null`} {
			same(t, c.ask(`[{"channel":"/s","clientId":"<A>"`+data+`}]`), `{"channel":"/s","data":null}`, `{"channel":"/s","successful":true}`)
		}
	})
	both(t, Options{AllowWildcardPublish: true}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/a/*", "/a/**")
		same(t, c.ask(`[{"channel":"/a/*","clientId":"<A>","data":1}]`), `{"channel":"/a/*","data":1}`, `{"channel":"/a/*","successful":true}`)
	})
}

// Line 20: PUB-8, PUB-9, PUB-10, PUB-11, PUB-12, PUB-13, ER-1.
func TestServiceChannels(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		must(t, b.srv.Service("/service/echo", func(_ context.Context, from *Session, m *Message) (jsontext.Value, error) {
			if m.Data == nil {
				return nil, ErrVeto
			}
			return m.Data, nil
		}))
		must(t, b.srv.Service("/service/desk/**", func(_ context.Context, from *Session, m *Message) (jsontext.Value, error) {
			switch string(m.Data) {
			case `"fail"`:
				return nil, errors.New("no database")
			case `"no"`:
				return nil, &Refusal{Reason: "not:now"}
			case `"bad"`:
				return value(`{`), nil
			}
			return nil, from.Deliver("/other", m.Data)
		}))
		must(t, b.srv.Call("/service/call", func(_ context.Context, _ *Session, m *Message) (jsontext.Value, error) {
			switch string(m.Data) {
			case "0":
				return nil, &CallFailure{Data: value(`{"why":"zero"}`)}
			case "1":
				return nil, nil
			}
			return m.Data, nil
		}))
		handshake(t, c, "")
		for _, tc := range []struct {
			channel, data string
			want          []string
		}{
			{"/service/echo", `,"data":{"q":1}`, []string{`{"channel":"/service/echo","data":{"q":1}}`, `{"channel":"/service/echo","id":"7","successful":true}`}},
			{"/service/echo", ``, []string{`{"channel":"/service/echo","id":"7","error":"404::message_deleted","successful":false}`}},
			{"/service/desk/a/b", `,"data":2`, []string{`{"channel":"/other","data":2}`, `{"channel":"/service/desk/a/b","id":"7","successful":true}`}},
			{"/service/desk/a", `,"data":"fail"`, []string{`{"channel":"/service/desk/a","id":"7","error":"500::internal_error","successful":false}`}},
			{"/service/desk/a", `,"data":"bad"`, []string{`{"channel":"/service/desk/a","id":"7","error":"500::internal_error","successful":false}`}},
			{"/service/desk/a", `,"data":"no"`, []string{`{"channel":"/service/desk/a","id":"7","error":"403:not_now:publish_denied","successful":false}`}},
			{"/service/none", `,"data":1`, []string{`{"channel":"/service/none","id":"7","successful":true}`}},
			{"/service/call", `,"data":5`, []string{`{"channel":"/service/call","data":5,"id":"7","successful":true}`, `{"channel":"/service/call","id":"7","successful":true}`}},
			{"/service/call", `,"data":1`, []string{`{"channel":"/service/call","data":null,"id":"7","successful":true}`, `{"channel":"/service/call","id":"7","successful":true}`}},
			{"/service/call", `,"data":0`, []string{`{"channel":"/service/call","data":{"why":"zero"},"id":"7","successful":false}`, `{"channel":"/service/call","id":"7","successful":true}`}},
		} {
			messages := `[{"channel":"` + tc.channel + `","id":"7","clientId":"<A>"` + tc.data + `}]`
			if w, ok := c.(*socketClient); ok && strings.HasPrefix(tc.channel, "/service/call") {
				w.send(messages) // the answer has "successful" too
				got, err := w.collect(2)
				must(t, err)
				same(t, got, tc.want...)
				continue
			}
			same(t, c.ask(messages), tc.want...)
		}
		if !strings.Contains(b.logs.String(), "no database") {
			t.Error("the failure was not logged")
		}
	})
}

// PUB-12, PUB-13, ER-1, and the order of listeners (chapter 5, step 7).
func TestListeners(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		var mu sync.Mutex
		var seen []string
		for _, ch := range []string{"/a/b", "/a/*", "/**", "/a/**"} {
			must(t, b.srv.Listen(ch, func(_ context.Context, from *Session, m *Message) error {
				mu.Lock()
				defer mu.Unlock()
				if from.ID() != c.id() {
					t.Errorf("from %s", from.ID())
				}
				seen = append(seen, ch)
				return nil
			}))
		}
		must(t, b.srv.Listen("/vetoed", func(context.Context, *Session, *Message) error { return fmt.Errorf("spam: %w", ErrVeto) }))
		must(t, b.srv.Listen("/panics", func(context.Context, *Session, *Message) error { panic("oops") }))
		must(t, b.srv.Listen("/refused", func(context.Context, *Session, *Message) error { return &Refusal{Text: "403::quota_used_up"} }))
		handshake(t, c, "")
		same(t, c.ask(`[{"channel":"/vetoed","id":"1","clientId":"<A>","data":1},{"channel":"/panics","id":"2","clientId":"<A>","data":1},{"channel":"/refused","id":"3","clientId":"<A>","data":1},{"channel":"/a/b","id":"4","clientId":"<A>","data":1}]`),
			`{"channel":"/vetoed","id":"1","error":"404::message_deleted","successful":false}`,
			`{"channel":"/panics","id":"2","error":"500::internal_error","successful":false}`,
			`{"channel":"/refused","id":"3","error":"403::quota_used_up","successful":false}`,
			`{"channel":"/a/b","id":"4","successful":true}`)
		if got := strings.Join(seen, " "); !strings.HasSuffix(got, "/** /a/** /a/* /a/b") {
			t.Errorf("listeners were called in the order %s", got)
		}
	})
}

// Line 50: ER-1, AZ-1: policies and extensions that fail cost one message.
func TestFailingServerCode(t *testing.T) {
	t.Parallel()
	p := &testPolicy{
		publish: func(ch string) error {
			if ch == "/panic" {
				panic("policy")
			}
			return fail(ch == "/broken")
		},
		subscribe: func(ch string) error { return fail(ch == "/broken") },
		handshake: func(_ Peer, m *Message) error { return fail(m.ID == "broken") },
		mayRead:   func(*Session, string) bool { panic("mayRead") },
	}
	both(t, Options{Policy: p}, func(t *testing.T, b *bench, c client) {
		b.srv.Extend(Extension{Incoming: failingExtension})
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"broken"}]`),
			`{"channel":"/meta/handshake","id":"broken","error":"500::internal_error","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
		handshake(t, c, "")
		subscribe(t, c, "/fine")
		subscribe(t, c, "/*")
		same(t, c.ask(`[{"channel":"/panic","id":"1","clientId":"<A>"},{"channel":"/broken","id":"2","clientId":"<A>"},{"channel":"/meta/subscribe","subscription":"/broken","clientId":"<A>"},{"channel":"/ext/panic","id":"3","clientId":"<A>"},{"channel":"/ext/veto","id":"4","clientId":"<A>"},{"channel":"/unreadable","clientId":"<A>","data":0},{"channel":"/fine","id":"5","clientId":"<A>","data":5}]`),
			`{"channel":"/fine","data":5}`,
			`{"channel":"/panic","id":"1","error":"500::internal_error","successful":false}`,
			`{"channel":"/broken","id":"2","error":"500::internal_error","successful":false}`,
			`{"channel":"/meta/subscribe","subscription":"/broken","error":"500::internal_error","successful":false}`,
			`{"channel":"/ext/panic","id":"3","error":"500::internal_error","successful":false}`,
			`{"channel":"/ext/veto","id":"4","error":"404::message_deleted","successful":false}`,
			`{"channel":"/unreadable","successful":true}`,
			`{"channel":"/fine","id":"5","successful":true,"ext":{"seen":true}}`)
	})
}

func fail(yes bool) error {
	if yes {
		return errors.New("broken")
	}
	return nil
}

func failingExtension(_ context.Context, _ *Session, m *Message) (func(*ReplyExt), error) {
	switch m.Channel {
	case "/ext/panic":
		panic("extension")
	case "/ext/veto":
		return nil, ErrVeto
	case "/fine":
		return func(ext *ReplyExt) { ext.Set("seen", value("true")) }, nil
	}
	return nil, nil
}

// Line 51: AZ-3, AZ-4.
func TestAuthorisers(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		verdict := func(v Verdict) Authoriser {
			return func(context.Context, Operation, string, *Session, *Message) Verdict { return v }
		}
		must(t, b.srv.Authorise("/authz/ign", verdict(Ignore())))
		must(t, b.srv.Authorise("/authz/**", verdict(Ignore())))
		must(t, b.srv.Authorise("/authz/yes", verdict(Grant())))
		must(t, b.srv.Authorise("/authz/no", verdict(Deny("because: so"))))
		must(t, b.srv.Authorise("/authz/no", verdict(Grant())))
		must(t, b.srv.Authorise("/read/**", func(_ context.Context, op Operation, _ string, _ *Session, _ *Message) Verdict {
			if op == Subscribe {
				return Grant()
			}
			return Ignore()
		}))
		handshake(t, c, "")
		ignoring, denying := `"error":"403:denied_by_not_granting:`, `"error":"403:because_ so:`
		for ch, want := range map[string][2]string{ // subscribe, publish
			"/authz/ign": {ignoring + "subscribe_denied", ignoring + "publish_denied"},
			"/authz/new": {ignoring + "create_denied", ignoring + "channel_create_denied"},
			"/authz/yes": {`"successful":true`, `"successful":true`},
			"/authz/no":  {denying + "subscribe_denied", denying + "publish_denied"},
			"/read/**":   {`"successful":true`, ""},
			"/read/a":    {ignoring + "create_denied", ignoring + "channel_create_denied"}, // AZ-4
			"/free":      {`"successful":true`, `"successful":true`},
		} {
			got := strings.Join(c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"`+ch+`"}]`), "")
			if !strings.Contains(got, want[0]) {
				t.Errorf("subscribe: %s, want %s", got, want[0])
			}
			if want[1] == "" {
				continue
			}
			got = strings.Join(c.ask(`[{"channel":"`+ch+`","clientId":"<A>","data":1}]`), "")
			if !strings.Contains(got, want[1]) {
				t.Errorf("publish: %s, want %s", got, want[1])
			}
		}
	})
}

// AZ-1, AZ-2, AZ-6: refusals by policy on the wire and in the log.
func TestPolicyRefusals(t *testing.T) {
	t.Parallel()
	p := &testPolicy{
		create:  func(ch string) error { return deny(strings.HasPrefix(ch, "/nocreate")) },
		publish: func(ch string) error { return deny(strings.HasPrefix(ch, "/nopub")) },
	}
	both(t, Options{Policy: p}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		for range 50 {
			same(t, c.ask(`[{"channel":"/nopub/a","id":"109","clientId":"<A>"},{"channel":"/nocreate/b","id":"110","clientId":"<A>"}]`),
				`{"channel":"/nopub/a","id":"109","error":"403:denied_by_security_policy:publish_denied","successful":false}`,
				`{"channel":"/nocreate/b","id":"110","error":"403:denied_by_security_policy:channel_create_denied","successful":false}`)
		}
		if n := strings.Count(b.logs.String(), "refused"); n < 1 || n > 5 { // AZ-6: once a second
			t.Errorf("%d refusals in the log", n)
		}
		if strings.Contains(b.logs.String(), c.id()) {
			t.Error("the log gives a client id away")
		}
		if n := b.srv.Stats().Refusals; n != 100 {
			t.Errorf("%d refusals counted", n)
		}
	})
}

// AZ-5, line 55: what a pattern yields is decided at delivery.
func TestMayRead(t *testing.T) {
	t.Parallel()
	p := &testPolicy{mayRead: func(s *Session, ch string) bool { return !strings.HasPrefix(ch, "/secret") }}
	both(t, Options{Policy: p}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/**", "/secret/mine")
		same(t, c.ask(`[{"channel":"/secret/a","clientId":"<A>","data":1},{"channel":"/secret/mine","clientId":"<A>","data":2},{"channel":"/open","clientId":"<A>","data":3}]`),
			`{"channel":"/secret/mine","data":2}`, `{"channel":"/open","data":3}`,
			`{"channel":"/secret/a","successful":true}`, `{"channel":"/secret/mine","successful":true}`, `{"channel":"/open","successful":true}`)
	})
}

// 9.2: the texts of the three styles.
func TestErrorStyles(t *testing.T) {
	t.Parallel()
	for style, want := range map[ErrorStyle][]string{
		ErrorStyleDefault: {"405::channel_invalid", "402::session_unknown", "400::channel_missing", "405::message_id_invalid", "403::handshake_denied"},
		ErrorStyleV4:      {"405::invalid_channel", "402::unknown_session", "400::channel_missing", "405::invalid_id", "403::handshake_denied"},
		ErrorStyleV3:      {"405::channel_invalid", "402::Unknown client", "400::channel missing", "405::message_id_invalid", "403::Handshake denied"},
	} {
		p := &testPolicy{handshake: func(Peer, *Message) error { return &Refusal{} }}
		b := start(t, Options{ErrorStyle: style, Policy: p})
		got := b.polling().ask(`[{"channel":"x"},{"channel":"/x"},{},{"channel":"/x","id":"-"},{"channel":"/meta/handshake"}]`)
		for i, w := range want {
			if n := (i + 1) % len(got); !strings.Contains(strings.Join(got, "\n"), `"error":"`+w+`"`) {
				t.Errorf("style %d: no %s in %s", style, w, got[n])
			}
		}
	}
	for n := channelMissing; n <= internalError; n++ {
		for _, style := range []ErrorStyle{ErrorStyleDefault, ErrorStyleV3, ErrorStyleV4} {
			if code, text := n.text(style); !validErrorText(code + "::" + text) {
				t.Errorf("9.1: %s::%s", code, text)
			}
		}
	}
}

// CH-10, CH-11.
func TestUnusedChannelsAreForgotten(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		c.ask(`[{"channel":"/once","clientId":"<A>","data":1}]`)
		subscribe(t, c, "/kept")
		held := c.begin(connectMessage("1", ""))
		known := func(name string) bool {
			b.srv.channels.mu.RLock()
			defer b.srv.channels.mu.RUnlock()
			return b.srv.channels.byName[name] != nil
		}
		pass(2900 * ms)
		if !known("/once") {
			t.Error("forgotten early")
		}
		pass(1100 * ms)
		if known("/once") || !known("/kept") {
			t.Error("CH-11")
		}
		held.wait()
		same(t, c.ask(`[{"channel":"/meta/unsubscribe","clientId":"<A>","subscription":"/kept"}]`),
			`{"channel":"/meta/unsubscribe","subscription":"/kept","successful":true}`)
		pass(4000 * ms)
		if n := b.srv.Stats().Channels; n != 0 {
			t.Errorf("%d channels", n)
		}
	})
}

// The arguments of server code are checked.
func TestServerSideArguments(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	ctx := context.Background()
	for what, err := range map[string]error{
		"pattern":  b.srv.Publish(ctx, "/a/*", nil),
		"meta":     b.srv.Publish(ctx, "/meta/connect", nil),
		"service":  b.srv.Publish(ctx, "/service/x", nil),
		"grammar":  b.srv.Publish(ctx, "a", nil),
		"data":     b.srv.PublishUser(ctx, "u", "/a", value(`{`)),
		"listen":   b.srv.Listen("x", nil),
		"handler":  b.srv.Service("/x", nil),
		"authoris": b.srv.Authorise("/a//b", nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	h := func(context.Context, *Session, *Message) (jsontext.Value, error) { return nil, nil }
	must(t, b.srv.Service("/service/a", h))
	if b.srv.Call("/service/a", h) == nil {
		t.Error("two handlers for one channel")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// DEL-1, DEL-4, PUB-10: what a request makes for its own session rides on its response, while a connect is held; what comes
// later releases that.
func TestOwnMessagesStayTogether(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		must(t, b.srv.Service("/service/echo", func(_ context.Context, from *Session, m *Message) (jsontext.Value, error) {
			return m.Data, from.Deliver("/told", m.Data)
		}))
		c := b.polling()
		handshake(t, c, "")
		subscribe(t, c, "/s")
		held := c.begin(connectMessage("1", ""))
		synctest.Wait()
		same(t, c.ask(`[{"channel":"/s","id":"2","clientId":"<A>","data":1},{"channel":"/s","id":"3","clientId":"<A>","data":2},{"channel":"/s","id":"4","clientId":"<A>","data":3}]`),
			`{"channel":"/s","data":1}`, `{"channel":"/s","data":2}`, `{"channel":"/s","data":3}`,
			`{"channel":"/s","id":"2","successful":true}`, `{"channel":"/s","id":"3","successful":true}`, `{"channel":"/s","id":"4","successful":true}`)
		same(t, c.ask(`[{"channel":"/service/echo","id":"5","clientId":"<A>","data":[1]}]`),
			`{"channel":"/told","data":[1]}`, `{"channel":"/service/echo","data":[1]}`, `{"channel":"/service/echo","id":"5","successful":true}`)
		synctest.Wait()
		if held.isDone() {
			t.Fatal("the held connect was answered")
		}
		b.publish("/s", "4")
		same(t, held.wait(), `{"channel":"/s","data":4}`, `{"channel":"/meta/connect","id":"1","successful":true}`)
	})
}
