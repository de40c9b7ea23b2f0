package bayeux

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// resumed starts a server, does what setup says with a polling client of dana who reads /n, and kills the server.
func resumed(t *testing.T, opt Options, f func(t *testing.T, l *lasting, r *reader)) {
	t.Helper()
	for _, transport := range []Transport{LongPolling, WebSocket} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				l := startLasting(t, opt)
				r := l.newReader(transport, false, "/n")
				pass(time.Second)
				l.kill()
				l.begin()
				f(t, l, r)
			})
		})
	}
}

const unknownConnect = `{"channel":"/meta/connect","id":"1","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`

// DEL-14, SS-10, CK-5, LP-8, 16, CN-12: who may bring a session back, and until when.
func TestResumeRules(t *testing.T) {
	t.Parallel()
	const now = `,"advice":{"timeout":0}`
	cases := map[string]func(t *testing.T, l *lasting, r *reader){
		"within the window": func(t *testing.T, l *lasting, r *reader) {
			pass(10*time.Minute - time.Second)
			r.again()
			if _, reply := r.connect(now); !strings.Contains(reply, `"successful":true`) {
				t.Error(reply)
			}
		},
		"past the window": func(t *testing.T, l *lasting, r *reader) {
			pass(10 * time.Minute)
			r.again()
			same(t, r.c.ask(connectMessage("1", "")), unknownConnect)
			same(t, r.c.ask(`[{"channel":"/x","clientId":"<A>","data":1}]`), `{"channel":"/x","error":"402::session_unknown","successful":false}`)
		},
		"another user": func(t *testing.T, l *lasting, r *reader) {
			r.again()
			foreign := l.websocket(asUser("omar"))
			foreign.cid = r.c.id()
			same(t, foreign.ask(connectMessage("1", "")), unknownConnect)
			if st := l.srv.Stats(); st.StolenIDs != 1 || st.Resumed != 0 || l.sh.count("adopt") != 0 {
				t.Errorf("%+v", st)
			}
			if n := strings.Count(l.logs.String(), "foreign"); n != 1 {
				t.Errorf("%d lines", n)
			}
			if _, reply := r.connect(now); !strings.Contains(reply, `"successful":true`) {
				t.Error(reply)
			}
		},
		"another browser": func(t *testing.T, l *lasting, r *reader) {
			other := l.pollingAs("dana")
			other.ask(`[{"channel":"/meta/handshake"}]`) // which gives it a cookie
			other.setID(r.c.id())
			same(t, other.ask(connectMessage("1", "")), unknownConnect)
			if st := l.srv.Stats(); st.StolenIDs != 1 {
				t.Errorf("%+v", st)
			}
		},
		"another way over HTTP": func(t *testing.T, l *lasting, r *reader) {
			if r.c.transport() == WebSocket {
				return
			}
			script := l.open(CallbackPolling).(*pollingClient)
			script.hc.Jar, script.cid = r.c.(*pollingClient).hc.Jar, r.c.id()
			same(t, script.ask(connectMessage("1", "")), unknownConnect)
		},
		"from polls to a websocket": func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "7")
			if r.c.transport() == WebSocket {
				return
			}
			w := l.open(WebSocket)
			w.setID(r.c.id())
			if got := w.ask(`[{"channel":"/x","id":"p","clientId":"<A>","data":1}]`); data(withoutReplies(got)) != "7" || len(got) != 2 { // WS-26
				t.Error(got)
			}
		},
		"disconnect first": func(t *testing.T, l *lasting, r *reader) {
			r.again()
			same(t, r.c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>","id":"d"}]`), `{"channel":"/meta/disconnect","id":"d","successful":true}`)
			if _, ok := l.sh.row(r.c.id()); ok {
				t.Error("the row is kept")
			}
		},
		"unsubscribe first": func(t *testing.T, l *lasting, r *reader) {
			r.again()
			l.tell("/n", "1")
			got := r.c.ask(`[{"channel":"/meta/unsubscribe","clientId":"<A>","id":"u","subscription":"/n"}]`)
			if !strings.Contains(got[len(got)-1], `"successful":true`) {
				t.Error(got)
			}
			if row, _ := l.sh.row(r.c.id()); len(row.Subscriptions) != 0 {
				t.Errorf("%+v", row)
			}
		},
		"an id that nobody gave": func(t *testing.T, l *lasting, r *reader) {
			before := l.sh.count("find")
			for _, id := range []string{"x", "../../etc", strings.Repeat("A", 26), strings.Repeat("a", 27)} {
				c := l.pollingAs("dana")
				c.setID(id)
				same(t, c.ask(connectMessage("1", "")), unknownConnect)
			}
			if n := l.sh.count("find"); n != before {
				t.Errorf("the store was asked %d times", n-before)
			}
		},
		"another stream": func(t *testing.T, l *lasting, r *reader) {
			l.stop()
			l.opt.Stream = func(p Principal) string { return "of " + p.User }
			l.begin()
			r.again()
			same(t, r.c.ask(connectMessage("1", "")), unknownConnect)
		},
		"a stream that was restored": func(t *testing.T, l *lasting, r *reader) {
			l.j.epoch = 9
			r.again()
			same(t, r.c.ask(connectMessage("1", "")), unknownConnect)
		},
		"what may not be read any more": func(t *testing.T, l *lasting, r *reader) { // AZ-5
			r.again()
			subscribe(t, r.c, "/secret", "/*")
			l.kill()
			l.opt.Policy = blind{to: "/secret"}
			l.begin()
			r.again()
			l.tell("/secret", "1")
			l.tell("/n", "2")
			r.connect(now)
			pass(time.Second)
			if row, _ := l.sh.row(r.c.id()); len(row.Subscriptions) != 2 {
				t.Errorf("%+v", row)
			}
		},
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resumed(t, Options{}, f)
		})
	}
}

// blind is a policy by which nobody may read one channel.
type blind struct {
	DefaultPolicy
	to string
}

func (p blind) MayRead(_ *Session, channel string) bool { return channel != p.to }

// A4, ER-1: of many who bring a session back at the same moment, over whatever transport, one asks the store; the others go on with what it found.
func TestResumeAtOnce(t *testing.T) {
	t.Parallel()
	resumed(t, Options{}, func(t *testing.T, l *lasting, r *reader) {
		r.again()
		l.sh.slow = time.Second
		var all sync.WaitGroup
		var answered atomic.Int64
		for i := range 5 {
			w := l.websocket(asUser("dana"))
			w.cid = r.c.id()
			all.Go(func() {
				w.send(fmt.Sprintf(`[{"channel":"/x","id":"%d","clientId":"<A>","data":1}]`, i))
				switch got, err := w.collect(1); {
				case err != nil: // the session has moved on to another of them (WS-25)
				case !strings.Contains(got[0], `"successful":true`):
					t.Error(got)
				default:
					answered.Add(1)
				}
			})
		}
		all.Wait()
		if answered.Load() == 0 {
			t.Error("nobody got an answer")
		}
		if finds, adopts, st := l.sh.count("find"), l.sh.count("adopt"), l.srv.Stats(); finds != 1 || adopts != 1 || st.Resumed != 1 {
			t.Errorf("%d, %d, %+v", finds, adopts, st)
		}
	})
}

// ER-1: while the store cannot be read, nobody is told that her session is unknown; she is told to try again.
func TestResumeFails(t *testing.T) {
	t.Parallel()
	resumed(t, Options{}, func(t *testing.T, l *lasting, r *reader) {
		for _, fail := range []func(bool){l.sh.setBroken, l.j.setBroken} {
			fail(true)
			r.again()
			same(t, r.c.ask(connectMessage("1", "")),
				`{"channel":"/meta/connect","id":"1","error":"500::internal_error","successful":false,"advice":{"reconnect":"retry","interval":1000,"timeout":30000}}`)
			same(t, r.c.ask(`[{"channel":"/x","clientId":"<A>","data":1}]`), `{"channel":"/x","error":"500::internal_error","successful":false}`)
			fail(false)
		}
		if _, reply := r.connect(`,"advice":{"timeout":0}`); !strings.Contains(reply, `"successful":true`) {
			t.Error(reply)
		}
	})
}

// What a row holds besides the place comes back: own times, whether the first connect was answered and in a hurry, the cookie of an upgrade.
func TestResumeDetails(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		l := startLasting(t, Options{})
		r := l.newReader(LongPolling, false, "/n")
		s := l.session(r.c)
		s.SetTimes(Times{Timeout: 7 * time.Second, Interval: time.Second})
		w := l.open(WebSocket) // whose upgrade got a cookie of its own
		w.setID(r.c.id())
		w.ask(`[{"channel":"/x","clientId":"<A>","data":1}]`)
		pass(time.Second)
		for range 2 {
			l.kill()
			l.begin()
			if _, reply := r.connect(`,"advice":{"timeout":0}`); !strings.Contains(reply, `"interval":1000,"timeout":7000`) {
				t.Error(reply)
			}
			back := l.session(r.c)
			if !back.connected || !back.quick || back.http != LongPolling || back.upgraded != s.upgraded || back.upgraded == "" || back.cookie != s.cookie || back.ack || back.replay {
				t.Errorf("%+v", back)
			}
		}
	})
}

// OnSession, OnPark and OnEnd of the next server add up to those who live there.
func TestResumedIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		living := map[string]int{}
		var mu sync.Mutex
		count := func(s *Session, n int) {
			mu.Lock()
			defer mu.Unlock()
			living[s.Principal().Login] += n
		}
		expect := func(n int) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if living["l1"] != n {
				t.Errorf("%d living, want %d", living["l1"], n)
			}
		}
		l := startLasting(t, Options{
			OnSession: func(s *Session) { count(s, 1) },
			OnPark: func(s *Session, parked bool) {
				if parked {
					count(s, -1)
				} else {
					count(s, 1)
				}
			},
			OnEnd: func(s *Session, _ EndReason) {
				if !s.Parked() {
					count(s, -1)
				}
			},
		})
		r := &reader{l: l, c: l.open(LongPolling)}
		r.c.(*pollingClient).header["X-Login"] = []string{"l1"}
		shake(t, r.c, "")
		expect(1)
		l.stop()
		expect(0)
		l.begin()
		expect(0)
		r.connect("")
		expect(1)
		pass(11 * time.Second)
		expect(0)
		l.stop() // while it is parked
		l.begin()
		r.connect("")
		expect(1)
		l.session(r.c).Disconnect()
		expect(0)
	})
}
