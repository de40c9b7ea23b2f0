package bayeux

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// PR-1: of all that is wrong with a message, the first step that fails is reported.
// Each case mends what the one before failed at.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	p := &testPolicy{
		create:  func(ch string) error { return deny(strings.Contains(ch, "/nocreate")) },
		publish: func(ch string) error { return deny(strings.Contains(ch, "/nopub")) },
	}
	both(t, Options{Policy: p}, func(t *testing.T, b *bench, c client) {
		b.srv.Extend(Extension{Incoming: func(_ context.Context, _ *Session, m *Message) (func(*ReplyExt), error) {
			if m.Ext != nil {
				return nil, &Refusal{Text: "404::by_extension"}
			}
			return nil, nil
		}})
		must(t, b.srv.Listen("/**", func(_ context.Context, _ *Session, m *Message) error {
			if string(m.Data) == "1" {
				return &Refusal{Text: "404::by_listener"}
			}
			return nil
		}))
		must(t, b.srv.Authorise("/nocreate/nopub/**", func(context.Context, Operation, string, *Session, *Message) Verdict { return Deny("authoriser") }))
		must(t, b.srv.Authorise("/auth/**", func(context.Context, Operation, string, *Session, *Message) Verdict { return Deny("authoriser") }))
		handshake(t, c, "")
		for _, tt := range []struct{ message, want string }{
			{`{"id":"-","clientId":"x","ext":{},"data":1}`, "400::channel_missing"},
			{`{"id":"-","channel":"/nocreate//","clientId":"x","ext":{},"data":1}`, "405::channel_invalid"},
			{`{"id":"-","channel":"/nocreate/nopub/a","clientId":"x","ext":{},"data":1}`, "405::message_id_invalid"},
			{`{"id":"1","channel":"/nocreate/nopub/a","clientId":"x","ext":{},"data":1}`, "404::by_extension"},
			{`{"id":"1","channel":"/nocreate/nopub/a","clientId":"x","data":1}`, "402::session_unknown"},
			{`{"id":"1","channel":"/nocreate/nopub/a","clientId":"<A>","data":1}`, "403:denied_by_security_policy:channel_create_denied"},
			{`{"id":"1","channel":"/auth/nopub","clientId":"<A>","data":1}`, "403:authoriser:channel_create_denied"},
			{`{"id":"1","channel":"/nopub","clientId":"<A>","data":1}`, "403:denied_by_security_policy:publish_denied"},
			{`{"id":"1","channel":"/free","clientId":"<A>","data":1}`, "404::by_listener"},
		} {
			if got := strings.Join(c.ask("["+tt.message+"]"), ""); !strings.Contains(got, `"error":"`+tt.want+`"`) {
				t.Errorf("%s: got %s, want %s", tt.message, got, tt.want)
			}
		}
		same(t, c.ask(`[{"id":"1","channel":"/free","clientId":"<A>","data":2}]`), `{"channel":"/free","id":"1","successful":true}`)
	})
}

// AZ-1, MSG-2: a policy that takes its time keeps nobody waiting but who asked.
func TestSlowPolicy(t *testing.T) {
	t.Parallel()
	p := &testPolicy{subscribe: func(ch string) error {
		if ch == "/slow" {
			<-time.After(5 * time.Second)
		}
		return nil
	}}
	bothInTime(t, Options{Policy: p}, func(t *testing.T, b *bench, c client) {
		other := b.another(c)
		handshake(t, c, "")
		handshake(t, other, "")
		subscribe(t, c, "/news")
		begin := time.Now()
		slow := c.begin(`[{"channel":"/meta/subscribe","id":"1","clientId":"<A>","subscription":"/slow"},{"channel":"/x","id":"2","clientId":"<A>"}]`)
		synctest.Wait()
		subscribe(t, other, "/slower", "/news")
		same(t, other.ask(`[{"channel":"/news","id":"1","clientId":"<A>","data":1}]`), `{"channel":"/news","data":1}`, `{"channel":"/news","id":"1","successful":true}`)
		if c.transport() == LongPolling { // nor other requests of the same client
			if got := c.ask(connectMessage("3", "")); data(withoutReplies(got)) != "1" {
				t.Error(got)
			}
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("others waited for %v", d)
		}
		got := slow.wait()
		if d := time.Since(begin); d != 5*time.Second {
			t.Errorf("the answer came after %v", d)
		}
		if want := `{"channel":"/meta/subscribe","id":"1","subscription":"/slow","successful":true}`; !strings.Contains(strings.Join(got, ""), want) {
			t.Errorf("%q lacks %s", got, want)
		}
	})
}

// AZ-6: a line tells who was refused what, and not how to be her.
func TestRefusalLog(t *testing.T) {
	t.Parallel()
	p := &testPolicy{publish: func(string) error { return &Refusal{Reason: "not_now"} }}
	overBoth(t, func() Options { return Options{Policy: p} }, func(t *testing.T, b *bench, open func(string) client) {
		c := open("dana")
		handshake(t, c, "")
		ask := func() {
			c.ask(`[{"channel":"/a","clientId":"<A>","data":"secret"},{"channel":"/b","clientId":"<A>","data":"secret"}]`)
		}
		ask()
		ask()
		pass(time.Second)
		ask()
		logs := b.logs.String()
		lines := regexp.MustCompile(`msg=refused user=dana session=\w{6} channel=/a error=403:not_now:publish_denied\n`).FindAllString(logs, -1)
		if len(lines) != 2 || strings.Count(logs, "\n") != 2 {
			t.Errorf("once a second:\n%s", logs)
		}
		if strings.Contains(logs, c.id()) || strings.Contains(logs, "secret") {
			t.Errorf("too much:\n%s", logs)
		}
		if n := b.srv.Stats().Refusals; n != 6 {
			t.Errorf("%d refusals counted", n)
		}
	})
}

// ER-2, AD-1: server code chooses error texts on handshake, connect, subscribe and
// publish, and advice where replies have some.
func TestOwnErrorTexts(t *testing.T) {
	t.Parallel()
	expired := &Refusal{Text: "401::token_expired", Advice: &Advice{Reconnect: ReconnectHandshake}}
	p := &testPolicy{
		handshake: func(_ Peer, m *Message) error {
			if m.Ext != nil {
				return expired
			}
			return nil
		},
		subscribe: func(string) error { return expired },
		publish:   func(string) error { return expired },
	}
	both(t, Options{Policy: p}, func(t *testing.T, b *bench, c client) {
		b.srv.Extend(Extension{Incoming: func(_ context.Context, s *Session, m *Message) (func(*ReplyExt), error) {
			if s != nil && m.Channel == "/meta/connect" && m.ID == "2" {
				return nil, expired
			}
			return nil, nil
		}})
		const err, advice = `"error":"401::token_expired","successful":false`, `"advice":{"reconnect":"handshake","interval":0,"timeout":30000}`
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"1","ext":{"token":"old"}}]`), `{"channel":"/meta/handshake","id":"1",`+err+`,`+advice+`}`)
		handshake(t, c, "")
		same(t, c.ask(connectMessage("2", "")), `{"channel":"/meta/connect","id":"2",`+err+`,`+advice+`}`)
		same(t, c.ask(`[{"channel":"/meta/subscribe","id":"3","clientId":"<A>","subscription":"/a"}]`), `{"channel":"/meta/subscribe","id":"3","subscription":"/a",`+err+`}`)
		same(t, c.ask(`[{"channel":"/a","id":"4","clientId":"<A>","data":1}]`), `{"channel":"/a","id":"4",`+err+`}`)
	})
}
