package bayeuxclient

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pausedUpTo runs f and checks how long the client's pause in it was: from half of bound to bound.
func pausedUpTo(t *testing.T, bound time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if got := time.Since(start); got < bound/2 || got > bound {
		t.Errorf("paused %v, want between %v and %v", got, bound/2, bound)
	}
}

// LP-14, SS-11, A6, A7: after a failed connect the client asks again with the old clientId, to be answered at once, and its pauses
// double up to the bound, until it succeeds.
func TestLongPollingComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var told states
		var got heard
		opt := p.options()
		opt.OnState, opt.OnMessage = told.on, got.on
		opt.Backoff, opt.MaxBackoff = time.Second, 5*time.Second
		c, held := p.polling(opt)

		failures := []func(*arrival){
			func(a *arrival) { a.cut("") },
			func(a *arrival) { a.cut(`[{"channel":"/k","data":1}`) }, // half a response is none
			func(a *arrival) { a.status(500) },
			func(a *arrival) {
				a.reply(`{"channel":"/meta/connect","id":"#0","successful":false,"error":"500::internal_error"}`)
			},
			func(a *arrival) { a.reply() },
		}
		bounds := []time.Duration{1, 2, 4, 5, 5}
		for i, fail := range failures {
			fail(held)
			if got := told.last(); got.Phase != Broken || got.Err == nil || got.Transport != "" {
				t.Errorf("failure %d: told %+v", i, got)
			}
			pausedUpTo(t, bounds[i]*time.Second, func() { held = p.expect("post", "/meta/connect") })
			if m := held.msgs[0]; m.ClientID != "A" || string(m.Advice) != `{"timeout":0}` {
				t.Errorf("failure %d: came back with %+v", i, m)
			}
		}
		held.reply(`{"channel":"/k","data":2}`, advisedReply)
		held = p.expect("post", "/meta/connect")
		if held.msgs[0].Advice != nil {
			t.Errorf("advice after coming back: %s", held.msgs[0].Advice)
		}
		if got := told.phases(); got != "handshaken connected broken broken broken broken broken connected" {
			t.Errorf("states: %s", got)
		}
		if got := got.all(); got != "/k 2" {
			t.Errorf("messages: %s", got)
		}
		held.cut("") // the pauses start anew
		pausedUpTo(t, time.Second, func() { held = p.expect("post", "/meta/connect") })
		p.end(c)
	})
}

// AD-3, C11: a connect that is not answered within timeout + MaxNetworkDelay counts as broken.
func TestConnectNotAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var told states
		opt := p.options()
		opt.OnState = told.on
		opt.MaxNetworkDelay = 5 * time.Second
		c, s, _ := p.socketed(opt)
		start := time.Now()
		p.gone(s)
		if got := time.Since(start); got != 35*time.Second {
			t.Errorf("gave up after %v", got)
		}
		if err := told.last().Err; !errors.Is(err, errSilent) {
			t.Errorf("told %v", err)
		}
		p.next("upgrade").accept()
		if m := p.expect("frame", "/meta/connect").msgs[0]; m.ClientID != "A" || string(m.Advice) != `{"timeout":0}` {
			t.Errorf("came back with %+v", m)
		}
		p.end(c)
	})
}

// Retry-After of a server that is shutting down is heeded, within MaxBackoff.
func TestRetryAfter(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.Backoff, opt.MaxBackoff = 2*time.Second, 10*time.Second
		c, held := p.polling(opt)
		start := time.Now()
		held.status(503, "Retry-After", "6")
		held = p.expect("post", "/meta/connect")
		if got := time.Since(start); got < 7*time.Second || got > 8*time.Second {
			t.Errorf("came back after %v", got)
		}
		start = time.Now()
		held.status(503, "Retry-After", "600")
		p.expect("post", "/meta/connect")
		if got := time.Since(start); got < 10*time.Second || got > 14*time.Second {
			t.Errorf("came back after %v", got)
		}
		p.end(c)
	})
}

// WS-21, WS-25: a websocket that breaks is replaced by another for the same session.
func TestWebSocketComesBack(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var told states
		var got heard
		opt := p.options()
		opt.OnState, opt.OnMessage = told.on, got.on
		c, s, _ := p.socketed(opt)
		s.write(`[{"channel":"/k","data":1}]`)
		s.cut()
		pausedUpTo(t, DefaultBackoff, func() { s = p.next("upgrade").accept() })
		a := p.expect("frame", "/meta/connect")
		if m := a.msgs[0]; m.ClientID != "A" || m.ConnectionType != "websocket" || string(m.Advice) != `{"timeout":0}` {
			t.Errorf("came back with %+v", m)
		}
		s.write(`[{"channel":"/k","data":2}]`) // what waited comes before the reply [WS-26]
		a.reply(advisedReply)
		p.expect("frame", "/meta/connect")
		if got := told.phases(); got != "handshaken connected broken connected" {
			t.Errorf("states: %s", got)
		}
		if got := got.all(); got != "/k 1, /k 2" {
			t.Errorf("messages: %s", got)
		}
		p.end(c)
	})
}

// Chapter 16: when the websocket is refused later on, the session goes on over long-polling.
func TestWebSocketGivesWay(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		c, s, _ := p.socketed(p.options())
		s.cut()
		p.next("upgrade").status(503) // not now
		p.next("upgrade").status(403) // not ever
		a := p.expect("post", "/meta/connect")
		if m := a.msgs[0]; m.ClientID != "A" || m.ConnectionType != "long-polling" {
			t.Errorf("came back with %+v", m)
		}
		a.reply(advisedReply)
		a = p.expect("post", "/meta/connect")
		a.cut("") // it stays with what works
		a = p.expect("post", "/meta/connect")
		a.reply(unknownReply) // and a new session tries everything anew
		p.next("upgrade").accept()
		p.expect("frame", "/meta/handshake").reply(strings.Replace(shakeReply, `"A"`, `"B"`, 1))
		p.expect("frame", "/meta/connect").reply(advisedReply)
		p.expect("frame", "/meta/connect")
		if c.ID() != "B" {
			t.Errorf("ID: %s", c.ID())
		}
		p.end(c)
	})
}

// CN-12, SS-13: only when the server has forgotten the session does the client make a new one, with all its subscriptions, and only
// then is it told.
func TestRehandshake(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var told states
		var got heard
		opt := p.options()
		opt.OnState = told.on
		c, held := p.polling(opt)
		for _, channel := range []string{"/b/**", "/a", "/b/**"} {
			subscribed := do(func() error { _, err := c.Subscribe(t.Context(), channel, got.on); return err })
			p.expect("post", "/meta/subscribe").reply(`{"channel":"/meta/subscribe","id":"#0","subscription":"x","successful":true}`)
			if err := subscribed(); err != nil {
				t.Fatal(err)
			}
		}
		c.Listen("/service/s", got.on) // of no concern to the server

		held.reply(unknownReply)
		p.expect("post", "/meta/handshake").reply(strings.Replace(shakeReply, `"A"`, `"B"`, 1))
		again := p.expect("post", "/meta/subscribe", "/meta/subscribe")
		if again.msgs[0].Subscription != "/a" || again.msgs[1].Subscription != "/b/**" || again.msgs[0].ClientID != "B" {
			t.Errorf("subscribed anew: %+v", again.msgs)
		}
		if got := told.phases(); got != "handshaken connected" {
			t.Errorf("states before the subscriptions: %s", got)
		}
		again.reply(
			`{"channel":"/b/c","data":1}`,
			`{"channel":"/meta/subscribe","id":"#0","subscription":"/a","successful":false,"error":"403:denied_by_security_policy:subscribe_denied"}`,
			`{"channel":"/meta/subscribe","id":"#1","subscription":"/b/**","successful":true}`)
		first := p.expect("post", "/meta/connect")
		if got := told.phases(); got != "handshaken connected handshaken" {
			t.Errorf("states: %s", got)
		}
		refused, ok := errors.AsType[*ReplyError](told.last().Err)
		if !ok || refused.Channel != "/a" || refused.Code() != 403 {
			t.Errorf("told %v", told.last().Err)
		}
		first.reply(advisedReply)
		p.expect("post", "/meta/connect")
		if got := told.phases(); got != "handshaken connected handshaken connected" || c.ID() != "B" {
			t.Errorf("states: %s, session %s", got, c.ID())
		}
		if got := got.all(); got != "/b/c 1, /b/c 1" {
			t.Errorf("messages: %s", got)
		}
		p.end(c)
	})
}

// A new session that the server does not know at once (a lost cookie: CK-5) must not be asked for without a pause, nor one that
// loses its subscriptions' request.
func TestRehandshakeInVain(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		opt := p.options()
		opt.Backoff = time.Second
		c, held := p.polling(opt)
		subscribed := do(func() error { _, err := c.Subscribe(t.Context(), "/a", got.on); return err })
		p.expect("post", "/meta/subscribe").reply(`{"channel":"/meta/subscribe","id":"#0","subscription":"/a","successful":true}`)
		if err := subscribed(); err != nil {
			t.Fatal(err)
		}
		held.reply(unknownReply)
		p.expect("post", "/meta/handshake").reply(shakeReply)
		p.expect("post", "/meta/subscribe").reply(`{"channel":"/meta/subscribe","id":"#0","subscription":"/a","successful":false,"error":"402::session_unknown"}`)
		var a *arrival
		pausedUpTo(t, time.Second, func() { a = p.expect("post", "/meta/handshake") })
		a.reply(shakeReply)
		p.expect("post", "/meta/subscribe").cut("")
		pausedUpTo(t, 2*time.Second, func() { a = p.expect("post", "/meta/subscribe") })
		a.reply(`{"channel":"/meta/subscribe","id":"#0","subscription":"/a","successful":true}`)
		p.expect("post", "/meta/connect").reply(unknownReply)
		pausedUpTo(t, 4*time.Second, func() { a = p.expect("post", "/meta/handshake") })
		a.status(401)
		pausedUpTo(t, 8*time.Second, func() { a = p.expect("post", "/meta/handshake") })
		a.reply(shakeReply)
		p.expect("post", "/meta/subscribe").reply(`{"channel":"/meta/subscribe","id":"#0","subscription":"/a","successful":true}`)
		p.expect("post", "/meta/connect").reply(advisedReply)
		p.expect("post", "/meta/connect")
		p.end(c)
	})
}

// HS-6: a refused handshake with the advice none is the end; with other advice it is not.
func TestRehandshakeRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var told states
		opt := p.options()
		opt.OnState = told.on
		c, held := p.polling(opt)
		held.reply(unknownReply)
		p.expect("post", "/meta/handshake").reply(`{"channel":"/meta/handshake","id":"#0","successful":false,"error":"403::later","advice":{"reconnect":"handshake","interval":2000,"timeout":30000}}`)
		a := p.expect("post", "/meta/handshake")
		a.reply(`{"channel":"/meta/handshake","id":"#0","successful":false,"error":"403::never","advice":{"reconnect":"none","interval":0,"timeout":30000}}`)
		<-c.Done()
		refused, ok := errors.AsType[*RefusedError](c.Err())
		if !ok || refused.Text != "403::never" {
			t.Errorf("ended with %v", c.Err())
		}
		if last := told.last(); last.Phase != Closed || last.Err == nil {
			t.Errorf("told %+v", last)
		}
		if err := c.Publish(t.Context(), "/a", 1); !errors.Is(err, c.Err()) {
			t.Errorf("publish afterwards: %v", err)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// CN-13, DC-5: the server ends the session, over long-polling with the connect's reply, over websocket with a message of its own.
func TestServerDisconnects(t *testing.T) {
	const disconnect = `{"channel":"/meta/disconnect","successful":true}`
	t.Run("long-polling", func(t *testing.T) {
		bubble(t, func(t *testing.T, p *peer) {
			c, held := p.polling(p.options())
			held.reply(noneReply)
			<-c.Done()
			if !errors.Is(c.Err(), ErrDisconnected) {
				t.Errorf("ended with %v", c.Err())
			}
		})
	})
	t.Run("websocket", func(t *testing.T) {
		bubble(t, func(t *testing.T, p *peer) {
			var got heard
			var told states
			opt := p.options()
			opt.OnMessage, opt.OnState = got.on, told.on
			c, s, _ := p.socketed(opt)
			s.write(`[{"channel":"/last","data":1},` + disconnect + `]`)
			p.gone(s)
			<-c.Done()
			if !errors.Is(c.Err(), ErrDisconnected) || got.all() != "/last 1" || !errors.Is(told.last().Err, ErrDisconnected) {
				t.Errorf("ended with %v, %s, told %+v", c.Err(), got.all(), told.last())
			}
		})
	})
}

// CK-8, CN-5: an advised interval is waited for.
func TestInterval(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		c, held := p.polling(p.options())
		held.reply(`{"channel":"/meta/connect","id":"#0","successful":true,"advice":{"multiple-clients":true,"reconnect":"retry","interval":2000,"timeout":30000}}`)
		start := time.Now()
		p.expect("post", "/meta/connect")
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("waited %v", got)
		}
		p.end(c)
	})
}

// AK-1, AK-3, AK-4: each connect carries the number of the last batch that was received in full.
func TestAckLongPolling(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		opt := p.options()
		opt.OnMessage, opt.Ack, opt.Transports = got.on, true, []string{LongPolling}
		d := p.dial(opt)
		shake := p.expect("post", "/meta/handshake")
		if string(shake.msgs[0].Ext["ack"]) != "true" {
			t.Errorf("handshake ext: %v", shake.msgs[0].Ext)
		}
		shake.reply(ackShakeReply)
		step := func(want string, reply func(*arrival)) {
			t.Helper()
			a := p.expect("post", "/meta/connect")
			if got := string(a.msgs[0].Ext["ack"]); got != want {
				t.Errorf("ack %s, want %s", got, want)
			}
			reply(a)
		}
		batch := func(n int, msgs ...string) func(*arrival) {
			return func(a *arrival) {
				a.reply(append(msgs, fmt.Sprintf(`{"channel":"/meta/connect","id":"#0","successful":true,"ext":{"ack":%d}}`, n))...)
			}
		}
		const m1, m2, m3 = `{"channel":"/k","data":1}`, `{"channel":"/k","data":2}`, `{"channel":"/k","data":3}`
		step("0", batch(1))
		c := d.wait(t)
		step("1", batch(2, m1))
		step("2", func(a *arrival) { a.cut("[" + m2) })
		step("2", batch(3, m2, m3))
		step("3", batch(4194304005))
		step("4194304005", func(a *arrival) {
			a.reply(unknownReply)
		})
		p.expect("post", "/meta/handshake").reply(ackShakeReply)
		step("0", batch(1)) // numbers belong to the session [SS-13]
		p.expect("post", "/meta/connect")
		if got := got.all(); got != "/k 1, /k 2, /k 3" {
			t.Errorf("messages: %s", got)
		}
		p.end(c)
	})
}

// AK-1: a server without the extension, and AK-11-like nonsense from one with it.
func TestAckAbsent(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.Ack = true
		c, held := p.polling(opt)
		if held.msgs[0].Ext != nil {
			t.Errorf("connect ext: %v", held.msgs[0].Ext)
		}
		held.reply(`{"channel":"/meta/connect","id":"#0","successful":true,"ext":{"ack":7}}`)
		if a := p.expect("post", "/meta/connect"); a.msgs[0].Ext != nil {
			t.Errorf("connect ext: %v", a.msgs[0].Ext)
		}
		p.end(c)
	})
}

// AK-9, AK-15: over websocket a batch counts when its connect reply has come, in one frame or in several.
func TestAckWebSocket(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		opt := p.options()
		opt.OnMessage, opt.Ack = got.on, true
		d := p.dial(opt)
		s := p.next("upgrade").accept()
		p.expect("frame", "/meta/handshake").reply(ackShakeReply)
		p.expect("frame", "/meta/connect").reply(`{"channel":"/meta/connect","id":"#0","successful":true,"ext":{"ack":1}}`)
		c := d.wait(t)
		p.expect("frame", "/meta/connect").reply(`{"channel":"/k","data":1}`, `{"channel":"/meta/connect","id":"#0","successful":true,"ext":{"ack":2}}`)
		a := p.expect("frame", "/meta/connect")
		if got := string(a.msgs[0].Ext["ack"]); got != "2" {
			t.Errorf("ack %s", got)
		}
		s.write(`[{"channel":"/k","data":2}]`)
		s.cut() // before the reply: that message will come again
		p.next("upgrade").accept()
		a = p.expect("frame", "/meta/connect")
		if got := string(a.msgs[0].Ext["ack"]); got != "2" {
			t.Errorf("ack %s", got)
		}
		a.reply(`{"channel":"/k","data":2}`, `{"channel":"/meta/connect","id":"#0","successful":true,"ext":{"ack":3}}`)
		a = p.expect("frame", "/meta/connect")
		if got := string(a.msgs[0].Ext["ack"]); got != "3" {
			t.Errorf("ack %s", got)
		}
		if got := got.all(); got != "/k 1, /k 2, /k 2" {
			t.Errorf("messages: %s", got)
		}
		p.end(c)
	})
}

// HS-12: messages that ride on the handshake reply.
func TestMessagesWithHandshake(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var got heard
		opt := p.options()
		opt.OnMessage, opt.Transports = got.on, []string{LongPolling}
		d := p.dial(opt)
		p.expect("post", "/meta/handshake").reply(shakeReply, `{"channel":"/k","data":1}`)
		p.expect("post", "/meta/connect").reply(advisedReply)
		c := d.wait(t)
		p.expect("post", "/meta/connect")
		if got := got.all(); got != "/k 1" {
			t.Errorf("messages: %s", got)
		}
		p.end(c)
	})
}

// The client has its own copy of what it was given.
func TestCallerKeepsOptions(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		opt := p.options()
		opt.HTTP.Timeout = time.Second // must not end a held connect
		opt.Header = http.Header{"X-A": {"1"}}
		c, held := p.polling(opt)
		opt.Header.Set("X-A", "2")
		if opt.HTTP.Jar != nil {
			t.Error("the caller's HTTP client was changed")
		}
		p.quiet(20 * time.Second)
		held.reply(connectReply)
		if got := p.expect("post", "/meta/connect").header.Get("X-A"); got != "1" {
			t.Errorf("X-A: %s", got)
		}
		p.end(c)
	})
}

// Close while the client is between two attempts, twice, and while a handler is at work.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		var told states
		opt := p.options()
		opt.OnState = told.on
		c, held := p.polling(opt)
		held.cut("")
		synctest.Wait()
		for range 2 {
			if err := c.Close(t.Context()); err != nil || c.Err() != nil {
				t.Errorf("close: %v, %v", err, c.Err())
			}
		}
		if got := told.phases(); got != "handshaken connected broken closed" {
			t.Errorf("states: %s", got)
		}
		if _, err := c.Subscribe(t.Context(), "/a", nil); !errors.Is(err, ErrClosed) {
			t.Errorf("subscribe: %v", err)
		}
	})
}

// A connect that the server sees after the disconnect is answered 402: no reason to make another session.
func TestCloseMakesNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		c, held := p.polling(p.options())
		closed := do(func() error { return c.Close(t.Context()) })
		goodbye := p.expect("post", "/meta/disconnect")
		held.reply(unknownReply)
		p.quiet(time.Second)
		goodbye.reply(goodbyeReply)
		if err := closed(); err != nil || c.Err() != nil {
			t.Errorf("close: %v, %v", err, c.Err())
		}
	})
}

// A callback that is at work is waited for, as long as the context of Close lets it.
func TestCloseWaitsForHandler(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		entered, leave := make(chan struct{}), make(chan struct{})
		opt := p.options()
		opt.OnMessage = func(Message) { close(entered); <-leave }
		c, s, _ := p.socketed(opt)
		s.write(`[{"channel":"/k","data":1}]`)
		<-entered
		ctx, cancel := timeout(t, 3*time.Second)
		defer cancel()
		closed := do(func() error { return c.Close(ctx) })
		p.expect("frame", "/meta/disconnect").reply(goodbyeReply)
		p.gone(s)
		if err := closed(); err == nil {
			t.Error("close did not wait")
		}
		close(leave)
		<-c.Done()
		synctest.Wait()
	})
}
