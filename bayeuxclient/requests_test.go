package bayeuxclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const subscribedReply = `{"channel":"/meta/subscribe","id":"#0","subscription":"x","successful":true}`

// subscribe subscribes and plays the server's part.
func subscribe(p *peer, c *Client, what, channel string, handle func(Message)) *Subscription {
	p.t.Helper()
	var sub *Subscription
	wait := do(func() (err error) { sub, err = c.Subscribe(p.t.Context(), channel, handle); return err })
	a := p.expect(what, "/meta/subscribe")
	if got := a.msgs[0].Subscription; got != channel {
		p.t.Errorf("subscribed to %s", got)
	}
	a.reply(subscribedReply)
	if err := wait(); err != nil {
		p.t.Fatal(err)
	}
	return sub
}

// CH-8, CH-9, 3.2: a message goes to every handler whose pattern matches, once to each, the widest first, and to OnMessage if there is
// none.
func TestDispatch(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got, rest heard
		opt := p.options()
		opt.OnMessage = rest.on
		c, s, _ := p.socketed(opt)
		as := func(name string) func(Message) {
			return func(m Message) { m.Channel = name + ":" + m.Channel; got.on(m) }
		}
		subscribe(p, c, "frame", "/a/b", as("exact"))
		subscribe(p, c, "frame", "/a/*", as("star"))
		subscribe(p, c, "frame", "/a/**", as("deep"))
		subscribe(p, c, "frame", "/a/b", as("exact2"))
		c.Listen("/service/echo", as("echo"))
		s.write(`[{"channel":"/a/b","data":1},{"channel":"/a/b/c","data":2},{"channel":"/a","data":3}]`)
		s.write(`[{"channel":"/service/echo","data":4},{"channel":"/a/b/","data":5},{"channel":"/b","data":null,"ext":{"x":1}}]`)
		want := "deep:/a/b 1, star:/a/b 1, exact:/a/b 1, exact2:/a/b 1, deep:/a/b/c 2, echo:/service/echo 4, " +
			"deep:/a/b/ 5, star:/a/b/ 5, exact:/a/b/ 5, exact2:/a/b/ 5"
		if got := got.all(); got != want {
			t.Errorf("handlers got\n%s, want\n%s", got, want)
		}
		if got := rest.all(); got != "/a 3, /b null" {
			t.Errorf("OnMessage got %s", got)
		}
		p.end(c)
	})
}

// MSG-3: numbers and unknown things in data reach the handler as they are.
func TestDataUnchanged(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		opt := p.options()
		opt.OnMessage = got.on
		c, s, _ := p.socketed(opt)
		const data = `{"big":12345678901234567890,"e":1e3,"u":"\u00e9\ud83d\ude00","same":1,"same":2,"deep":[null,[{}]]}`
		s.write(`[{"channel":"/k","data":` + data + `,"more":{"a":[1]}}]`)
		if got := got.all(); got != "/k "+data {
			t.Errorf("got %s", got)
		}
		sent := do(func() error { return c.Publish(t.Context(), "/k", jsontext.Value(data)) })
		a := p.expect("frame", "/k")
		if string(a.msgs[0].Data) != data {
			t.Errorf("sent %s", a.msgs[0].Data)
		}
		a.reply(`{"channel":"/k","id":"#0","successful":true}`)
		if err := sent(); err != nil {
			t.Error(err)
		}
		p.end(c)
	})
}

// DEL-3: messages may come ahead of the reply that confirms their subscription, and on the response of any request [DEL-4].
func TestMessagesAheadOfReply(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		c, _ := p.polling(p.options())
		wait := do(func() error { _, err := c.Subscribe(t.Context(), "/a", got.on); return err })
		p.expect("post", "/meta/subscribe").reply(`{"channel":"/a","data":1}`, subscribedReply)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		wait = do(func() error { return c.Publish(t.Context(), "/a", 2) })
		p.expect("post", "/a").reply(`{"channel":"/a","data":2}`, `{"channel":"/a","id":"#0","successful":true}`)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if got := got.all(); got != "/a 1, /a 2" {
			t.Errorf("got %s", got)
		}
		p.end(c)
	})
}

// Chapter 9: the server's verdict.
func TestRefusals(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		c, _ := p.polling(p.options())
		wait := do(func() error { return c.Publish(t.Context(), "/nopub/a", 1) })
		p.expect("post", "/nopub/a").reply(`{"channel":"/nopub/a","id":"#0","successful":false,"error":"403:denied_by_security_policy:publish_denied"}`)
		refused, ok := errors.AsType[*ReplyError](wait())
		if !ok || refused.Code() != 403 || refused.Channel != "/nopub/a" {
			t.Errorf("publish: %v", refused)
		}
		wait = do(func() error { _, err := c.Subscribe(t.Context(), "/nosub", got.on); return err })
		p.expect("post", "/meta/subscribe").reply(`{"channel":"/meta/subscribe","id":"#0","subscription":"/nosub","successful":false,"error":"403:denied_by_security_policy:subscribe_denied"}`)
		refused, ok = errors.AsType[*ReplyError](wait())
		if !ok || refused.Code() != 403 || refused.Channel != "/nosub" {
			t.Errorf("subscribe: %v", refused)
		}
		if c.listeners.wanted("/nosub") {
			t.Error("the refused subscription stays")
		}
		wait = do(func() error { return c.Publish(t.Context(), "/a", make(chan int)) })
		if err := wait(); err == nil || !strings.Contains(err.Error(), "encode data") {
			t.Errorf("publish of a channel: %v", err)
		}
		p.end(c)
	})
}

func TestReplyErrorCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"402::Unknown client": 402, "404:/x:Unknown channel": 404, "": 0, "no": 0, "bad things": 0, "-12": 0} {
		if got := (&ReplyError{Text: text}).Code(); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// PUB-11: the answer to a call is told from its reply and from other messages on the same channel, whatever order they come in.
func TestCall(t *testing.T) {
	const accepted = `{"channel":"/service/sum","id":"#0","successful":true}`
	const answer = `{"channel":"/service/sum","id":"#0","data":{"sum":3},"successful":true}`
	const other = `{"channel":"/service/sum","data":"news"}`
	call := func(t *testing.T, p *peer, c *Client) (a *arrival, wait func() (Message, error)) {
		var m Message
		done := do(func() (err error) { m, err = c.Call(t.Context(), "/service/sum", []int{1, 2}); return err })
		return p.expect("frame", "/service/sum"), func() (Message, error) { err := done(); return m, err }
	}
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		opt := p.options()
		opt.OnMessage = got.on
		c, s, _ := p.socketed(opt)
		for _, order := range [][]string{{answer, accepted}, {accepted, answer}, {other, accepted, answer}, {answer, other, answer, accepted}} {
			a, wait := call(t, p, c)
			a.reply(order...)
			if m, err := wait(); err != nil || string(m.Data) != `{"sum":3}` || m.ID != a.msgs[0].ID {
				t.Errorf("%v: %v, %v", order, m, err)
			}
		}
		if got := got.all(); !strings.HasPrefix(got, `/service/sum "news", /service/sum "news"`) {
			t.Errorf("other messages: %s", got)
		}

		a, wait := call(t, p, c)
		a.reply(accepted)
		p.quiet(time.Minute - 40*time.Second) // the answer may take as long as it likes
		a.reply(answer)
		if _, err := wait(); err != nil {
			t.Error(err)
		}

		a, wait = call(t, p, c)
		a.reply(`{"channel":"/service/sum","id":"#0","successful":false,"error":"403:denied_by_security_policy:publish_denied"}`)
		_, err := wait()
		if refused, ok := errors.AsType[*ReplyError](err); !ok || refused.Code() != 403 {
			t.Errorf("refused call: %v", err)
		}
		a, wait = call(t, p, c)
		a.reply(`{"channel":"/service/sum","id":"#0","successful":false,"data":{"why":"overflow"}}`, accepted)
		m, err := wait()
		if failed, ok := errors.AsType[*ReplyError](err); !ok || string(failed.Data) != `{"why":"overflow"}` || string(m.Data) != string(failed.Data) {
			t.Errorf("failed call: %v", err)
		}

		// A call that was accepted is answered in spite of a break; one that was not is not known to have arrived.
		a, wait = call(t, p, c)
		_, wait2 := call(t, p, c)
		a.reply(accepted)
		synctest.Wait()
		s.cut()
		if _, err := wait2(); err == nil {
			t.Error("a call that may be lost did not fail")
		}
		s = p.next("upgrade").accept()
		p.expect("frame", "/meta/connect").reply(advisedReply)
		held := p.expect("frame", "/meta/connect")
		s.write("[" + strings.ReplaceAll(answer, "#0", a.msgs[0].ID) + "]")
		if _, err := wait(); err != nil {
			t.Error(err)
		}

		// A session takes its answers with it.
		a, wait = call(t, p, c)
		a.reply(accepted)
		held.reply(unknownReply)
		if _, err := wait(); !errors.Is(err, ErrSessionLost) {
			t.Errorf("call of a lost session: %v", err)
		}
		p.gone(s)
		p.next("upgrade").status(400)
		p.expect("post", "/meta/handshake").reply(shakeReply)
		p.expect("post", "/meta/connect").reply(advisedReply)
		p.expect("post", "/meta/connect")
		p.end(c)
	})
}

// Requests wait for a connection, within their context; a publish is not repeated, a subscribe is.
func TestRequestsOverBreak(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		c, s, _ := p.socketed(p.options())
		publish := do(func() error { return c.Publish(t.Context(), "/a", 1) })
		p.expect("frame", "/a")
		sub := do(func() error { _, err := c.Subscribe(t.Context(), "/b", got.on); return err })
		p.expect("frame", "/meta/subscribe")
		s.cut()
		if err := publish(); err == nil {
			t.Error("publish did not fail")
		}
		synctest.Wait()
		ctx, cancel := timeout(t, 100*time.Millisecond)
		defer cancel()
		if err := c.Publish(ctx, "/a", 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("publish while broken: %v", err)
		}
		publish = do(func() error { return c.Publish(t.Context(), "/a", 3) })
		s = p.next("upgrade").accept()
		p.expect("frame", "/meta/connect").reply(advisedReply)
		for range 3 { // in whatever order
			switch a := p.next("frame"); a.msgs[0].Channel {
			case "/a":
				if string(a.msgs[0].Data) != "3" {
					t.Errorf("published %s", a.msgs[0].Data)
				}
				a.reply(`{"channel":"/a","id":"#0","successful":true}`)
			case "/meta/subscribe":
				a.reply(subscribedReply)
			case "/meta/connect":
			}
		}
		if err := errors.Join(publish(), sub()); err != nil {
			t.Error(err)
		}
		s.write(`[{"channel":"/b","data":1}]`)
		if got := got.all(); got != "/b 1" {
			t.Errorf("got %s", got)
		}
		p.end(c)
	})
}

// A subscribe that meets a session just lost is made in the next one.
func TestSubscribeInLostSession(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		c, held := p.polling(p.options())
		sub := do(func() error { _, err := c.Subscribe(t.Context(), "/b", got.on); return err })
		p.expect("post", "/meta/subscribe").reply(`{"channel":"/meta/subscribe","id":"#0","subscription":"/b","successful":false,"error":"402::session_unknown"}`)
		held.reply(unknownReply)
		p.expect("post", "/meta/handshake").reply(shakeReply)
		p.expect("post", "/meta/subscribe").reply(subscribedReply) // the keeper's
		p.expect("post", "/meta/connect").reply(advisedReply)
		for range 2 {
			if a := p.next("post"); a.msgs[0].Channel == "/meta/subscribe" {
				a.reply(subscribedReply)
			}
		}
		if err := sub(); err != nil {
			t.Error(err)
		}
		p.end(c)
	})
}

// A reply that does not come is an error in MaxNetworkDelay; it does not break a connection that works.
func TestNoReply(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		c, s, _ := p.socketed(p.options())
		start := time.Now()
		wait := do(func() error { return c.Publish(t.Context(), "/a", 1) })
		p.expect("frame", "/a")
		sub := do(func() error { _, err := c.Subscribe(t.Context(), "/b", nil); return err })
		a := p.expect("frame", "/meta/subscribe")
		if err := errors.Join(wait(), sub()); !errors.Is(err, errSilent) || time.Since(start) != DefaultMaxNetworkDelay {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		a.reply(subscribedReply) // too late
		s.write(`[{"channel":"/a","id":"99","successful":true}]`)
		p.end(c)
	})
}

// UN-1, UN-3: the server is told when the last subscription of a channel goes.
func TestUnsubscribe(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		c, s, _ := p.socketed(p.options())
		one := subscribe(p, c, "frame", "/a", got.on)
		two := subscribe(p, c, "frame", "/a", got.on)
		listener := c.Listen("/a", got.on)
		if err := one.Unsubscribe(t.Context()); err != nil {
			t.Error(err)
		}
		s.write(`[{"channel":"/a","data":1}]`)
		if got := got.all(); got != "/a 1, /a 1" {
			t.Errorf("got %s", got)
		}
		wait := do(func() error { return two.Unsubscribe(t.Context()) })
		a := p.expect("frame", "/meta/unsubscribe")
		if a.msgs[0].Subscription != "/a" {
			t.Errorf("unsubscribed from %s", a.msgs[0].Subscription)
		}
		a.reply(`{"channel":"/meta/unsubscribe","id":"#0","subscription":"/a","successful":false,"error":"400::channel_missing"}`)
		if err := errors.Join(wait(), two.Unsubscribe(t.Context()), listener.Unsubscribe(t.Context())); err != nil {
			t.Error(err)
		}
		three := subscribe(p, c, "frame", "/b", got.on)
		wait = do(func() error { return three.Unsubscribe(t.Context()) })
		p.expect("frame", "/meta/unsubscribe").reply(`{"channel":"/meta/unsubscribe","id":"#0","subscription":"/b","successful":false,"error":"403::unsubscribe_failed"}`)
		if refused, ok := errors.AsType[*ReplyError](wait()); !ok || refused.Channel != "/b" {
			t.Errorf("got %v", refused)
		}
		p.end(c)
	})
}

// A subscribe that follows an unsubscribe of the same channel reaches the server after it.
func TestSubscribeFollowsUnsubscribe(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		c, _, _ := p.socketed(p.options())
		one := subscribe(p, c, "frame", "/a", got.on)
		off := do(func() error { return one.Unsubscribe(t.Context()) })
		a := p.expect("frame", "/meta/unsubscribe")
		on := do(func() error { _, err := c.Subscribe(t.Context(), "/a", got.on); return err })
		p.quiet(time.Second)
		a.reply(`{"channel":"/meta/unsubscribe","id":"#0","subscription":"/a","successful":true}`)
		p.expect("frame", "/meta/subscribe").reply(subscribedReply)
		if err := errors.Join(off(), on()); err != nil {
			t.Error(err)
		}
		p.end(c)
	})
}

// MSG-2, PUB-13: a batch is one array; one refusal does not stop the others.
func TestBatch(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		c, s, _ := p.socketed(p.options())
		b := c.Batch()
		b.Subscribe("/service/chatV2/support", got.on)
		b.Subscribe("/no", got.on)
		b.Publish("/service/chatV2/support", map[string]string{"operation": "requestChat"})
		b.Publish("/no", nil)
		wait := do(func() error { return b.Send(t.Context()) })
		a := p.expect("frame", "/meta/subscribe", "/meta/subscribe", "/service/chatV2/support", "/no")
		if string(a.msgs[3].Data) != "null" {
			t.Errorf("data: %s", a.msgs[3].Data)
		}
		a.reply(
			`{"channel":"/meta/subscribe","id":"#0","subscription":"/service/chatV2/support","successful":true}`,
			`{"channel":"/meta/subscribe","id":"#1","subscription":"/no","successful":false,"error":"403:x:subscribe_denied"}`,
			`{"channel":"/service/chatV2/support","id":"#2","successful":true}`,
			`{"channel":"/no","id":"#3","successful":false,"error":"403:x:publish_denied"}`)
		err := wait()
		if want := "bayeuxclient: /no refused: 403:x:subscribe_denied\nbayeuxclient: /no refused: 403:x:publish_denied"; fmt.Sprint(err) != want {
			t.Errorf("got %v", err)
		}
		s.write(`[{"channel":"/service/chatV2/support","data":1},{"channel":"/no","data":2}]`)
		if got := got.all(); got != "/service/chatV2/support 1" {
			t.Errorf("got %s", got)
		}

		if err := c.Batch().Send(t.Context()); err != nil {
			t.Errorf("empty batch: %v", err)
		}
		bad := c.Batch()
		bad.Publish("/a", func() {})
		if err := bad.Send(t.Context()); err == nil {
			t.Error("a function was published")
		}
		cut := c.Batch()
		cut.Subscribe("/cut", got.on)
		wait = do(func() error { return cut.Send(t.Context()) })
		p.expect("frame", "/meta/subscribe")
		s.cut()
		if err := wait(); err == nil || c.listeners.wanted("/cut") {
			t.Errorf("batch over a break: %v", err)
		}
		p.next("upgrade").status(400)
		p.expect("post", "/meta/connect").reply(advisedReply)
		p.expect("post", "/meta/connect")
		p.end(c)
	})
}

// Requests that wait are released by Close.
func TestCloseReleasesRequests(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		c, s, _ := p.socketed(p.options())
		sub := do(func() error { _, err := c.Subscribe(t.Context(), "/a", nil); return err })
		p.expect("frame", "/meta/subscribe")
		sub2 := do(func() error { _, err := c.Subscribe(t.Context(), "/b", nil); return err })
		s.cut()
		synctest.Wait()
		call := do(func() error { _, err := c.Call(t.Context(), "/service/a", nil); return err })
		batch := do(func() error { return c.Publish(t.Context(), "/a", 1) })
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, wait := range []func() error{sub, sub2, call, batch} {
			if err := wait(); !errors.Is(err, ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	})
}
