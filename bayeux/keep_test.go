package bayeux

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// overDisk runs f with a server in virtual time whose sessions are kept, for both kinds of transport.
func overDisk(t *testing.T, opt Options, f func(t *testing.T, l *lasting, transport Transport)) {
	t.Helper()
	for _, transport := range []Transport{LongPolling, WebSocket} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) { f(t, startLasting(t, opt), transport) })
		})
	}
}

// DEL-14, HS-6, SUB-10, ER-1: what a client is told is on disk; while nothing can be written there, new sessions and subscriptions are refused for
// the moment, and those that run go on.
func TestStoreThatFails(t *testing.T) {
	t.Parallel()
	overDisk(t, Options{}, func(t *testing.T, l *lasting, transport Transport) {
		r := l.newReader(transport, false, "/n")
		l.sh.setBroken(true)
		same(t, l.open(transport).ask(`[{"channel":"/meta/handshake","id":"1"}]`),
			`{"channel":"/meta/handshake","id":"1","error":"500::internal_error","successful":false,"advice":{"reconnect":"handshake","interval":1000,"timeout":30000}}`)
		if st := l.srv.Stats(); st.Sessions != 1 || st.Handshakes != 1 {
			t.Errorf("%+v", st)
		}
		same(t, r.c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":["/n","/m"]}]`),
			`{"channel":"/meta/subscribe","subscription":["/n","/m"],"error":"500::internal_error","successful":false}`)
		if s := l.session(r.c); s.Subscribed("/m") || !s.Subscribed("/n") {
			t.Error("what could not be kept is in force, or what was is not")
		}
		same(t, r.c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/n"}]`), // not known to be so on disk
			`{"channel":"/meta/subscribe","subscription":"/n","error":"500::internal_error","successful":false}`)
		same(t, r.c.ask(`[{"channel":"/meta/unsubscribe","clientId":"<A>","subscription":"/n"}]`),
			`{"channel":"/meta/unsubscribe","subscription":"/n","error":"500::internal_error","successful":false}`)
		l.sh.setBroken(false)
		subscribe(t, r.c, "/n", "/m")
		l.sh.setBroken(true)
		l.tell("/m", "1", "2")
		if got := r.next(2); got != "1 2" {
			t.Errorf("a session that runs got %q", got)
		}
		pass(time.Minute)
		if st := l.srv.Stats(); st.Unsaved < 10 || strings.Count(l.logs.String(), "cannot write") != 1 {
			t.Errorf("%+v, %s", st, l.logs)
		}
		r.again()
		l.sh.setBroken(false)
		r.connect(`,"advice":{"timeout":50}`)
		pass(2 * time.Second)
		if row, ok := l.sh.row(r.c.id()); !ok || row.Place.Confirmed != 3<<31+2 || len(row.Subscriptions) != 2 {
			t.Errorf("%v %+v", ok, row)
		}
	})
}

// DEL-14: a session that ends has no row, however it ends and whether or not the store can be written to at that moment; and nobody brings it back.
func TestEndsAreKept(t *testing.T) {
	t.Parallel()
	cases := map[string]func(t *testing.T, l *lasting, r *reader){
		"disconnect": func(t *testing.T, l *lasting, r *reader) {
			r.c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		},
		"Disconnect": func(t *testing.T, l *lasting, r *reader) { l.session(r.c).Disconnect() },
		"Revoke": func(t *testing.T, l *lasting, r *reader) {
			l.srv.Revoke(func(p Principal) bool { return p.User == "dana" })
		},
		"window": func(t *testing.T, l *lasting, r *reader) { pass(10*time.Minute + 11*time.Second) },
		"overflow": func(t *testing.T, l *lasting, r *reader) {
			s := l.session(r.c)
			for s.Deliver("/x", value("1")); l.srv.Stats().Sessions > 0; {
				must(t, s.Send(Outgoing{Channel: "/x", Data: value("1"), Lazy: true}))
			}
		},
	}
	for name, end := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overDisk(t, Options{MaxQueue: 5, WS: WSOptions{PingInterval: Never, IdleTimeout: Never}}, func(t *testing.T, l *lasting, transport Transport) {
				for _, broken := range []bool{false, true} {
					r := l.newReader(transport, false, "/n")
					l.sh.setBroken(broken)
					end(t, l, r)
					synctest.Wait()
					c := l.again(r.c)
					if broken {
						same(t, c.ask(connectMessage("1", "")), unknownConnect)
						l.sh.setBroken(false)
						pass(time.Second)
					}
					if row, ok := l.sh.row(r.c.id()); ok {
						t.Errorf("kept: %+v", row)
					}
					if len(l.srv.saver.gone) > 0 {
						t.Error("the saver remembers it")
					}
					l.kill()
					l.begin()
					same(t, l.again(r.c).ask(connectMessage("1", "")), unknownConnect)
				}
			})
		})
	}
}

// No write per poll: what is written is bounded by time, not by messages; and idle sessions cost nothing.
func TestWritesArePerSecond(t *testing.T) {
	t.Parallel()
	overDisk(t, Options{Timeout: time.Second}, func(t *testing.T, l *lasting, transport Transport) {
		r := l.newReader(transport, false, "/n")
		pass(2 * time.Second)
		inserts, updates, saves := l.sh.count("insert"), l.sh.count("update"), l.sh.count("save")
		if inserts != 1 || updates > 2 {
			t.Errorf("%d inserts, %d updates", inserts, updates)
		}
		for range 20 { // 20 s
			r.connect("")
		}
		if n := l.sh.count("save") - saves; n != 0 {
			t.Errorf("%d writes for polls that bring nothing", n)
		}
		const seconds, rate = 5, 20
		for i := range seconds * rate {
			l.tell("/n", fmt.Sprint(i))
			r.next(1)
			pass(time.Second / rate)
		}
		if n := l.sh.count("save") - saves; n < seconds || n > seconds*2 {
			t.Errorf("%d writes in %d seconds with news", n, seconds)
		}
		pass(time.Second)
		if row, _ := l.sh.row(r.c.id()); row.Place.Confirmed < 3<<31+seconds*rate-1 {
			t.Errorf("%+v", row.Place)
		}
		if n := l.sh.count("update"); n != updates {
			t.Errorf("%d updates", n-updates)
		}
	})
}

// Parked sessions have their end on disk, living ones none (DEL-14).
func TestExpiryIsKept(t *testing.T) {
	t.Parallel()
	overDisk(t, Options{}, func(t *testing.T, l *lasting, transport Transport) {
		r := l.newReader(transport, false, "/n")
		expires := func() time.Duration {
			t.Helper()
			row, ok := l.sh.row(r.c.id())
			if !ok {
				t.Fatal("no row")
			}
			if row.Expires.IsZero() {
				return 0
			}
			return time.Until(row.Expires)
		}
		pass(time.Second)
		if got := expires(); got != 0 {
			t.Errorf("a living one expires in %v", got)
		}
		pass(10 * time.Second)
		if got := expires(); got <= 9*time.Minute || got > 10*time.Minute {
			t.Errorf("a parked one expires in %v", got)
		}
		r.again()
		r.connect("")
		pass(time.Second)
		if got := expires(); got != 0 {
			t.Errorf("one that is back expires in %v", got)
		}
		pass(10*time.Second + 10*time.Minute - time.Second - 1) // back at the last moment: that is written at once
		r.again()
		r.connect("")
		pass(time.Millisecond)
		if got := expires(); got != 0 {
			t.Errorf("one that came back late expires in %v", got)
		}
		l.stop()
		if got := expires(); got < 10*time.Minute+8*time.Second || got > 10*time.Minute+10*time.Second { // its deadline, and the window
			t.Errorf("one that was let go expires in %v", got)
		}
	})
}

// DEL-14: the store may think that a session has expired before the server does, whose clock stands still while its machine is suspended. One that comes
// back then is kept again, with all that belongs to it.
func TestExpiredTooEarly(t *testing.T) {
	t.Parallel()
	overDisk(t, Options{}, func(t *testing.T, l *lasting, transport Transport) {
		r := l.newReader(transport, false, "/n")
		pass(10*time.Second + 10*time.Minute - time.Second)
		if err := l.sh.Delete(t.Context(), keyOf(r.c.id())); err != nil {
			t.Fatal(err)
		}
		r.again()
		r.connect(`,"advice":{"timeout":0}`)
		pass(time.Second)
		if row, ok := l.sh.row(r.c.id()); !ok || len(row.Subscriptions) != 1 || !row.Expires.IsZero() {
			t.Fatalf("%+v, %t", row, ok)
		}
	})
}

// A store that cannot be written to does not hold up the end of a server for ever; the next one goes on from the last that was written.
func TestStopWithoutDisk(t *testing.T) {
	t.Parallel()
	overDisk(t, Options{}, func(t *testing.T, l *lasting, transport Transport) {
		r := l.newReader(transport, true, "/n")
		pass(time.Second)
		l.tell("/n", "1")
		r.next(1)
		l.sh.setBroken(true)
		begin := time.Now()
		if err := l.srv.Shutdown(context.Background()); err == nil || time.Since(begin) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		l.sh.setBroken(false)
		l.kill()
		l.begin()
		l.tell("/n", "2")
		r.again()
		if got := r.next(1); got != "2" {
			t.Errorf("with ack, after a crash: %q", got)
		}
	})
}

// A store whose methods panic is one that fails.
func TestStoreThatPanics(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		l := startLasting(t, Options{})
		l.srv.opt.Sessions = panicking{}
		got := l.open(LongPolling).ask(`[{"channel":"/meta/handshake"}]`)
		if !strings.Contains(got[0], "500::internal_error") {
			t.Error(got)
		}
		c := l.open(LongPolling)
		c.setID(newID())
		if got := c.ask(connectMessage("1", "")); !strings.Contains(got[0], "500::internal_error") {
			t.Error(got)
		}
		l.srv.opt.Sessions = l.sh
	})
}

type panicking struct{ SessionStore }

func TestSessionsOption(t *testing.T) {
	t.Parallel()
	for _, opt := range []Options{{Sessions: newShelf()}, {Sessions: newShelf(), Source: &journal{}}, {Sessions: newShelf(), ResumeWindow: time.Minute}} {
		if _, err := New(opt); err == nil || !strings.HasPrefix(err.Error(), "sessions: ") {
			t.Error(err)
		}
	}
}
