package bayeux

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// SS-5, DC-1, DC-5, DC-7, DEL-11: server code is told once of each end, and why.
func TestEndReasons(t *testing.T) {
	t.Parallel()
	for why, end := range map[EndReason]func(t *testing.T, b *bench, c client){
		EndDisconnected: func(_ *testing.T, _ *bench, c client) {
			c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		},
		EndByServer: func(_ *testing.T, b *bench, c client) { b.session(c).Disconnect() },
		EndRevoked:  func(_ *testing.T, b *bench, _ client) { b.srv.Revoke(func(Principal) bool { return true }) },
		EndExpired:  func(*testing.T, *bench, client) { pass(11 * time.Second) },
		EndOverflow: func(t *testing.T, b *bench, c client) {
			s := b.session(c)
			s.Group(func() {
				for range 3 {
					must(t, s.Deliver("/a", nil))
				}
			})
		},
		EndShutdown: func(t *testing.T, b *bench, _ client) { must(t, b.srv.Shutdown(context.Background())) },
	} {
		t.Run(why.String(), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			ends := map[*Session][]EndReason{}
			opt := Options{MaxQueue: 2, OnEnd: func(s *Session, why EndReason) {
				mu.Lock()
				defer mu.Unlock()
				ends[s] = append(ends[s], why)
			}}
			bothInTime(t, opt, func(t *testing.T, b *bench, c client) {
				handshake(t, c, "")
				subscribe(t, c, "/s")
				s := b.session(c)
				end(t, b, c)
				synctest.Wait()
				s.Disconnect() // once more is nothing
				mu.Lock()
				defer mu.Unlock()
				if fmt.Sprint(ends[s]) != fmt.Sprint([]EndReason{why}) {
					t.Errorf("told %v, want %v", ends[s], why)
				}
				if st := b.srv.Stats(); b.session(c) != nil || st.Sessions != 0 || s.Subscribed("/s") {
					t.Errorf("something is left: %+v", st)
				}
				if err := s.Deliver("/a", nil); err != nil { // no error: nobody is there to read it
					t.Error(err)
				}
				pass(5 * time.Second)
				if st := b.srv.Stats(); st.Channels != 0 && why != EndShutdown { // then nothing sweeps any more
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// Line 25 with ack: DC-5, AK-2, AK-15: what waits and the farewell travel with the
// held connect, and without one a websocket gets them at once.
func TestServerDisconnectWithAck(t *testing.T) {
	t.Parallel()
	const bye, m1 = `{"channel":"/meta/disconnect","successful":true}`, `{"channel":"/x","data":1}`
	none := `{"channel":"/meta/connect","id":"1","successful":true,"advice":{"reconnect":"none","interval":0,"timeout":30000},"ext":{"ack":2}}`
	end := func(b *bench, c client) {
		s := b.session(c)
		s.Group(func() {
			_ = s.Deliver("/x", value("1"))
			s.Disconnect()
		})
	}
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, `{"ack":true}`)
		w, _ := c.(*socketClient)
		if w == nil {
			p := c.begin(ackConnect("1", "1"))
			synctest.Wait()
			end(b, c)
			same(t, p.wait(), m1, bye, none)
			return
		}
		w.send(ackConnect("1", "1"))
		synctest.Wait()
		end(b, c)
		if got := w.receive(); got != "["+m1+","+bye+","+none+"]" {
			t.Error(got)
		}
	})
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.websocket(nil)
		handshake(t, c, `{"ack":true}`)
		end(b, c)
		if got := c.receive() + c.receive(); got != "["+m1+"]["+bye+"]" {
			t.Error(got)
		}
	})
}

// DC-5: a service that disconnects its caller: the farewell is in the response.
func TestDisconnectByService(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		must(t, b.srv.Listen("/service/bye", func(_ context.Context, from *Session, _ *Message) error {
			from.Disconnect()
			return nil
		}))
		handshake(t, c, "")
		got := strings.Join(append(c.ask(`[{"channel":"/service/bye","id":"1","clientId":"<A>"}]`), rest(c)...), "")
		for _, want := range []string{`{"channel":"/meta/disconnect","successful":true}`, `{"channel":"/service/bye","id":"1","successful":true}`} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%s is not once in %s", want, got)
			}
		}
		if b.session(c) != nil {
			t.Error("the session is still there")
		}
	})
}

// rest is the frame after one with what was taken for a reply to the message.
func rest(c client) []string {
	if w, ok := c.(*socketClient); ok {
		return []string{w.receive()}
	}
	return nil
}

// Chapter 1, LP-1: one Server at two paths is one set of sessions; the cookie's path
// covers both.
func TestTwoMounts(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/s")
		b.publish("/s", "1")
		if p, ok := c.(*pollingClient); ok {
			p.path = "/api/v2/notifications/connect"
			if got := c.ask(connectMessage("1", `,"advice":{"timeout":0}`)); data(withoutReplies(got)) != "1" {
				t.Error(got)
			}
			return
		}
		must(t, c.(*socketClient).conn.Close())
		b.path = "/api/v2/notifications"
		again := b.websocket(nil)
		again.cid = c.id()
		if got := again.ask(connectMessage("1", `,"advice":{"timeout":0}`)); !strings.Contains(got[len(got)-1], `"successful":true`) {
			t.Error(got)
		}
	})
}
