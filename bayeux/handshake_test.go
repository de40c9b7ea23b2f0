package bayeux

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// welcoming sends n messages to each new session.
func welcoming(n int) Options {
	return Options{
		AllowMessageDeliveryDuringHandshake: true, MaxBatch: 3,
		OnSession: func(s *Session) {
			for i := range n {
				_ = s.Deliver("/welcome", value(fmt.Sprint(i)))
			}
		},
	}
}

// HS-12, DEL-3, MSG-9: messages travel behind the handshake reply, once.
func TestMessagesDuringHandshake(t *testing.T) {
	t.Parallel()
	reply := func(count string) string {
		return `{"channel":"/meta/handshake","id":"1","successful":true,"clientId":"<A>","version":"1.0","minimumVersion":"1.0",` +
			`"supportedConnectionTypes":["websocket","long-polling","callback-polling"]` + count + `,` + fullAdvice + `}`
	}
	m := func(n int) string { return fmt.Sprintf(`{"channel":"/welcome","data":%d}`, n) }
	both(t, welcoming(0), func(t *testing.T, b *bench, c client) {
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"1"}]`), reply(""))
	})
	both(t, welcoming(2), func(t *testing.T, b *bench, c client) {
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"1"},{"channel":"/a","id":"2","clientId":"none"}]`),
			reply(`,"x-messages":2`), m(0), m(1), `{"channel":"/a","id":"2","error":"402::session_unknown","successful":false}`)
		same(t, c.ask(connectMessage("3", `,"advice":{"timeout":0}`)), `{"channel":"/meta/connect","id":"3","successful":true,`+fullAdvice+`}`)
	})
	both(t, welcoming(4), func(t *testing.T, b *bench, c client) { // DEL-16
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"1"}]`), reply(`,"x-messages":3`), m(0), m(1), m(2))
		same(t, c.ask(connectMessage("3", `,"advice":{"timeout":0}`)), m(3), `{"channel":"/meta/connect","id":"3","successful":true,`+fullAdvice+`}`)
	})
}

// WS-16: what is sent after the handshake still waits for the client's next frame.
func TestSilenceAfterMessagesDuringHandshake(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, welcoming(1))
		c := b.websocket(nil)
		if got := c.ask(`[{"channel":"/meta/handshake"}]`); len(got) != 2 {
			t.Fatal(got)
		}
		must(t, b.session(c).Deliver("/later", value("1")))
		synctest.Wait()
		if len(c.frames) != 0 {
			t.Errorf("written before the client's next frame: %s", c.receive())
		}
	})
}

// AK-10, AK-14: with ack, the handshake reply closes the first batch.
func TestAckDuringHandshake(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 2} {
		bothInTime(t, welcoming(n), func(t *testing.T, b *bench, c client) {
			got := c.ask(`[{"channel":"/meta/handshake","ext":{"ack":true}}]`)
			if want := `"ext":{"ack":{"enabled":true,"batch":1}}}`; len(got) != n+1 || got[0][len(got[0])-len(want):] != want {
				t.Fatal(got)
			}
			same(t, c.ask(ackConnect("1", "1")), ackReply("1", 2, ","+fullAdvice))
			must(t, b.session(c).Deliver("/k", value("1")))
			same(t, c.ask(ackConnect("2", "2")), `{"channel":"/k","data":1}`, ackReply("2", 3, ""))
		})
	}
	opt := func() Options {
		o := welcoming(1)
		o.Source = &journal{epoch: 3}
		return o
	}
	overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
		b.tell("dana", "/me", "1", "2")
		c := open("dana")
		if got := c.ask(`[{"channel":"/meta/handshake","ext":{"ack":true}}]`); got[0][len(got[0])-13:] != `,"batch":2}}}` {
			t.Error(got)
		}
		subscribe(t, c, "/me")
		b.tell("dana", "/me", "3")
		synctest.Wait()
		if got := c.ask(ackConnect("1", "2")); data(withoutReplies(got)) != "3" {
			t.Error(got)
		}
	})
}

// WS-16, XT-1, DEL-5: the silence after a handshake ends with its socket: over
// long-polling messages then release a held connect.
func TestSilenceEndsWithTheSocket(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{TrustClientSession: true})
		w := b.websocket(nil)
		shake(t, w, "")
		must(t, w.conn.Close())
		synctest.Wait()
		c := b.polling()
		c.setID(w.id())
		c.ask(connectMessage("1", ""))
		subscribe(t, c, "/s")
		held := c.begin(connectMessage("2", ""))
		synctest.Wait()
		b.publish("/s", "1")
		synctest.Wait()
		if !held.isDone() {
			t.Error("the message does not release the connect")
		}
		if got := held.wait(); data(withoutReplies(got)) != "1" {
			t.Error(got)
		}
	})
}
