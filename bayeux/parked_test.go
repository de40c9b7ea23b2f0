package bayeux

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// back returns a client that goes on as c, over a new connection, as a user.
func back(b *bench, c client, user string) client {
	if c.transport() == WebSocket {
		w := b.websocket(asUser(user))
		w.cid = c.id()
		return w
	}
	p := c.(*pollingClient)
	same := *p.hc // with its cookies
	next := &pollingClient{b: b, hc: &same, tr: p.tr, header: asUser(user), path: p.path}
	next.cid = p.id()
	return next
}

func parking(window time.Duration) func() Options {
	return func() Options {
		return Options{ResumeWindow: window, MaxQueue: 4, WS: WSOptions{PingInterval: Never, IdleTimeout: Never}}
	}
}

// Line 56: DEL-14, SS-5, SS-10, CN-12. The deadline passes ten seconds after the
// first connect, the window an hour later.
func TestParked(t *testing.T) {
	t.Parallel()
	const window = time.Hour
	unknown := `{"channel":"/meta/connect","id":"1","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`
	cases := []struct {
		name string
		do   func(t *testing.T, b *bench, c client)
	}{
		{"back within the window", func(t *testing.T, b *bench, c client) {
			b.publish("/s", "1")
			pass(window - time.Second)
			b.publish("/s", "2")
			c = back(b, c, "dana")
			got := c.ask(connectMessage("1", `,"advice":{"timeout":0}`))
			if data(withoutReplies(got)) != "1 2" || !strings.Contains(got[len(got)-1], `"successful":true`) {
				t.Error(got)
			}
			b.publish("/s", "3") // the subscription goes on
			if got := c.ask(connectMessage("2", `,"advice":{"timeout":0}`)); data(withoutReplies(got)) != "3" {
				t.Error(got)
			}
			if st := b.srv.Stats(); st.Parked != 0 || st.Expired != 0 {
				t.Errorf("%+v", st)
			}
			pass(11 * time.Second)
			if st := b.srv.Stats(); st.Parked != 1 {
				t.Errorf("not parked again: %+v", st)
			}
		}},
		{"back with a publish", func(t *testing.T, b *bench, c client) {
			b.publish("/s", "1")
			c = back(b, c, "dana")
			if got := c.ask(`[{"channel":"/s","id":"1","clientId":"<A>","data":2}]`); data(withoutReplies(got)) != "1 2" {
				t.Error(got)
			}
			pass(10*time.Second - 1) // SS-4: maxInterval from here, not the rest of the window
			if st := b.srv.Stats(); st.Parked != 0 || st.Sessions != 1 {
				t.Errorf("%+v", st)
			}
			pass(1)
			if st := b.srv.Stats(); st.Parked != 1 {
				t.Errorf("%+v", st)
			}
		}},
		{"after the window", func(t *testing.T, b *bench, c client) {
			pass(window - 1)
			if st := b.srv.Stats(); st.Sessions != 1 {
				t.Errorf("too early: %+v", st)
			}
			pass(time.Second)
			if st := b.srv.Stats(); st.Sessions != 0 || st.Parked != 0 || st.Expired != 1 {
				t.Errorf("%+v", st)
			}
			same(t, back(b, c, "dana").ask(connectMessage("1", "")), unknown)
		}},
		{"a foreign user", func(t *testing.T, b *bench, c client) {
			same(t, back(b, c, "omar").ask(connectMessage("1", "")), unknown)
			if st := b.srv.Stats(); st.Parked != 1 || st.StolenIDs != 1 {
				t.Errorf("%+v", st)
			}
		}},
		{"queue full", func(t *testing.T, b *bench, c client) { // DEL-11
			b.publish("/s", "1", "2", "3", "4", "5")
			if st := b.srv.Stats(); st.Parked != 0 || st.Overflows != 1 {
				t.Errorf("%+v", st)
			}
			same(t, back(b, c, "dana").ask(connectMessage("1", "")), unknown)
		}},
		{"revoked", func(t *testing.T, b *bench, c client) { // DC-7
			b.srv.Revoke(func(p Principal) bool { return p.User == "dana" })
			same(t, back(b, c, "dana").ask(connectMessage("1", "")), unknown)
		}},
		{"disconnected by server code", func(t *testing.T, b *bench, c client) { // DC-5
			b.session(c).Disconnect()
			same(t, back(b, c, "dana").ask(connectMessage("1", "")), unknown)
		}},
		{"disconnected by its client", func(t *testing.T, b *bench, c client) {
			same(t, back(b, c, "dana").ask(`[{"channel":"/meta/disconnect","id":"1","clientId":"<A>"}]`), `{"channel":"/meta/disconnect","id":"1","successful":true}`)
			if st := b.srv.Stats(); st.Sessions != 0 || st.Parked != 0 {
				t.Errorf("%+v", st)
			}
		}},
		{"lazy messages need no timer", func(t *testing.T, b *bench, c client) { // LZ-1
			must(t, b.session(c).Send(Outgoing{Channel: "/l", Data: value("1"), Lazy: true}))
			if s := b.session(c); s.lazy != nil || s.out.lazy != 0 {
				t.Error("a lazy message of a parked session has a timer")
			}
			if got := back(b, c, "dana").ask(connectMessage("1", "")); data(withoutReplies(got)) != "1" {
				t.Error(got)
			}
		}},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, parking(window), func(t *testing.T, b *bench, open func(string) client) {
				c := open("dana")
				handshake(t, c, "")
				subscribe(t, c, "/s")
				pass(10*time.Second - 1)
				if st := b.srv.Stats(); st.Parked != 0 {
					t.Fatal("parked before its deadline")
				}
				pass(1)
				if st := b.srv.Stats(); st.Parked != 1 || st.Sessions != 1 || st.Channels != 1 {
					t.Fatalf("%+v", st)
				}
				if w, ok := c.(*socketClient); ok {
					if code := w.closed(); code != 1000 {
						t.Errorf("closed with %d", code)
					}
				}
				tt.do(t, b, c)
			})
		})
	}
}

// DEL-14, AK-12, AK-14: what was not acknowledged, and the place in the stream,
// outlast the parking.
func TestParkedUnacknowledged(t *testing.T) {
	t.Parallel()
	opt := func() Options {
		o := parking(time.Hour)()
		o.Source = &journal{}
		return o
	}
	overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
		c := open("dana")
		handshake(t, c, `{"ack":true}`)
		subscribe(t, c, "/s", "/me")
		b.publish("/s", "1")
		b.tell("dana", "/me", "2")
		synctest.Wait()
		if got := c.ask(ackConnect("1", "0")); data(withoutReplies(got)) != "2 1" {
			t.Fatal(got)
		}
		pass(time.Minute)
		b.tell("dana", "/me", "3")
		b.publish("/s", "4")
		c = back(b, c, "dana")
		var got []string
		for id := range 3 {
			got = append(got, withoutReplies(c.ask(connectMessage(fmt.Sprint(id), `,"advice":{"timeout":0},"ext":{"ack":0}`)))...)
		}
		for _, want := range []string{"1", "2", "3", "4"} {
			if !strings.Contains(" "+data(got)+" ", " "+want+" ") {
				t.Errorf("%s is missing in %v", want, got)
			}
		}
	})
}

// HS-13: clients are told how long they may stay away.
func TestParkedAdvice(t *testing.T) {
	t.Parallel()
	b := start(t, Options{HandshakeReconnect: true, ResumeWindow: time.Minute})
	if got := b.polling().ask(`[{"channel":"/meta/handshake"}]`); !strings.Contains(got[0], `"maxInterval":70000`) {
		t.Error(got)
	}
}

// DEL-14: whoever counts living sessions by OnSession, OnPark and OnEnd is right.
func TestParkedIsTold(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"parked", "living"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				var living atomic.Int64
				opt := parking(time.Hour)()
				opt.OnSession = func(*Session) { living.Add(1) }
				opt.OnPark = func(_ *Session, parked bool) {
					if parked {
						living.Add(-1)
					} else {
						living.Add(1)
					}
				}
				opt.OnEnd = func(s *Session, _ EndReason) {
					if !s.Parked() {
						living.Add(-1)
					}
				}
				b := startInMemory(t, opt)
				c := b.polling()
				expect := func(n int64) {
					t.Helper()
					if got := living.Load(); got != n {
						t.Errorf("%d living, want %d", got, n)
					}
				}
				handshake(t, c, "")
				s := b.session(c)
				expect(1)
				pass(11 * time.Second)
				expect(0)
				c.ask(connectMessage("1", ""))
				expect(1)
				if end == "parked" {
					pass(11 * time.Second)
					expect(0)
				}
				s.Disconnect()
				expect(0)
			})
		})
	}
}

// DEL-14, SS-2: a connect reply that is written late, when its session has gone on elsewhere and was parked, leaves the window as it is.
func TestParkedWhileReplying(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, parking(time.Hour)())
		c := b.pollingAs("dana")
		handshake(t, c, "")
		subscribe(t, c, "/s")
		u, _ := url.Parse("http://desk.example/")
		body := strings.ReplaceAll(connectMessage("1", ""), "<A>", c.id())
		stuck, err := b.dial()
		must(t, err)
		defer stuck.Close()
		_, err = fmt.Fprintf(stuck, "POST / HTTP/1.1\r\nHost: desk.example\r\nX-User: dana\r\nCookie: %s\r\nContent-Length: %d\r\n\r\n%s", c.hc.Jar.Cookies(u)[0], len(body), body)
		must(t, err)
		synctest.Wait()
		b.publish("/s", "1") // releases the connect, whose reply nobody reads
		k := b.websocket(asUser("dana"))
		k.setID(c.id())
		k.send(`[{"channel":"/x","clientId":"<A>"}]`)
		k.receive()
		must(t, k.conn.Close())
		pass(15 * time.Second)
		if st := b.srv.Stats(); st.Parked != 1 {
			t.Fatalf("not parked: %+v", st)
		}
		pass(time.Minute) // the write is given up after 30 s
		if st := b.srv.Stats(); st.Parked != 1 || st.Expired != 0 {
			t.Errorf("%+v", st)
		}
	})
}
