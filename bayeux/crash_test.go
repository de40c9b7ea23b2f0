package bayeux

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// DEL-15, DEL-14: after a proper stop the first connect settles the reply before it, by id and hurry, as it would have done with the server before.
func TestStopBetweenPolls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cut  bool   // the reply's connection ends before the server
		next string // more of the first connect after the restart
		same bool   // it repeats the id
		want string
	}{
		"next connect":            {false, `,"advice":{"timeout":10}`, false, "3"},
		"the same id":             {false, `,"advice":{"timeout":10}`, true, "1 2 3"},
		"in a hurry":              {false, `,"advice":{"timeout":0}`, false, "1 2 3"},
		"after a cut":             {true, `,"advice":{"timeout":0}`, false, "1 2 3"},
		"after a cut, no hurry":   {true, `,"advice":{"timeout":10}`, false, "3"}, // its first connect hurried: it would again
		"after a cut, the same":   {true, `,"advice":{"timeout":10}`, true, "1 2 3"},
		"a later stop in between": {false, "stop", false, "3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				l := startLasting(t, Options{})
				r := l.newReader(LongPolling, false, "/n")
				l.tell("/n", "1", "2")
				if got, _ := r.connect(`,"advice":{"timeout":20}`); got != "1 2" {
					t.Fatal(got)
				}
				if tt.cut {
					l.cut()
					synctest.Wait()
				}
				l.stop()
				l.begin()
				if tt.next == "stop" {
					r.c.ask(`[{"channel":"/x","clientId":"<A>","data":1}]`) // which brings it back and tells nothing
					l.stop()
					l.begin()
					tt.next = ""
				}
				l.tell("/n", "3")
				if tt.same {
					r.id--
				}
				if got, _ := r.connect(tt.next); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// DEL-15, A14: of two replies to one connect, of which a proxy threw one away, the next server knows as much as the one before.
func TestStopAfterConnectTwice(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		l := startLasting(t, Options{})
		r := l.newReader(LongPolling, false, "/n")
		l.tell("/n", "1")
		r.connect(`,"advice":{"timeout":20}`) // read by the client
		l.tell("/n", "2")
		r.id--
		if got, _ := r.connect(`,"advice":{"timeout":20}`); got != "1 2" { // thrown away
			t.Fatal(got)
		}
		l.stop()
		l.begin()
		l.tell("/n", "3")
		if got, _ := r.connect(`,"advice":{"timeout":20}`); got != "2 3" {
			t.Errorf("got %q", got)
		}
	})
}

// DEL-15: a request that is refused because the server stops shows that the reply before it was read.
func TestRefusedWhileStopping(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		l := startLasting(t, Options{})
		r := l.newReader(LongPolling, false, "/n")
		l.tell("/n", "1")
		if got, _ := r.connect(`,"advice":{"timeout":20}`); got != "1" {
			t.Fatal(got)
		}
		l.srv.draining.Store(true)
		if resp, _, err := r.c.(*pollingClient).post(r.message("")); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(resp, err)
		}
		l.stop()
		l.begin()
		l.tell("/n", "2")
		if got, _ := r.connect(`,"advice":{"timeout":0}`); got != "2" { // it hurries because of the refusal
			t.Error(got)
		}
	})
}

// DEL-14: what a stream gets while the server stops waits for the next one, over HTTP; sockets get it and confirm it. Nothing comes twice.
func TestNewsWhileStopping(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{LongPolling, "at rest for a while", WebSocket} {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprint(transport, ack), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					l := startLasting(t, Options{WS: WSOptions{ConfirmByPing: true}})
					r := l.newReader(transport, ack, "/n")
					p := r.c.begin(r.message(""))
					if synctest.Wait(); transport != LongPolling {
						pass(time.Second)
					}
					l.srv.draining.Store(true)
					l.tell("/n", "1")
					synctest.Wait()
					l.stop()
					var got string
					if w, ok := r.c.(*socketClient); ok {
						<-p.done
						for f := range w.frames {
							objs, err := objects([]byte(f))
							must(t, err)
							p.got = append(p.got, objs...)
						}
					} else {
						p.wait()
					}
					if len(p.got) > 0 {
						got, _ = r.read(p.got)
					}
					l.begin()
					l.tell("/n", "2")
					r.again()
					more, reply := r.connect(`,"advice":{"timeout":0}`)
					if !strings.Contains(reply, `"successful":true`) {
						t.Error(reply)
					}
					for i := 0; i < 3 && !strings.Contains(more, "2"); i++ {
						more += " " + r.next(1)
					}
					if all := strings.Join(strings.Fields(got+" "+more), " "); all != "1 2" {
						t.Errorf("%q while stopping, %q after", got, more)
					}
				})
			})
		}
	}
}

// DEL-14, SS-11: a connect that is held when the server dies is lost with it, and its session is not, wherever the connect rested.
func TestKillWhileHeld(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{0, time.Second} {
		for _, transport := range []Transport{LongPolling, WebSocket} {
			t.Run(fmt.Sprint(transport, wait), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					l := startLasting(t, Options{WS: WSOptions{ConfirmByPing: true}})
					r := l.newReader(transport, false, "/n")
					p := r.c.begin(r.message(""))
					pass(wait)
					l.kill()
					if <-p.done; p.err == nil {
						t.Errorf("answered: %q", p.got)
					}
					l.begin()
					l.tell("/n", "1", "2")
					r.again()
					got, _ := r.connect(`,"advice":{"timeout":0}`)
					if got == "" {
						got = r.next(2)
					}
					if got != "1 2" {
						t.Errorf("got %q", got)
					}
				})
			})
		}
	}
}

// What a session holds does not depend on how far its client lags (DEL-14), parked or not, nor on what is confirmed meanwhile.
func TestLaggingIsConstant(t *testing.T) {
	t.Parallel()
	overDisk(t, Options{MaxInterval: time.Minute}, func(t *testing.T, l *lasting, transport Transport) {
		r := l.newReader(transport, true, "/n")
		for range 100 { // 100 s
			for range 20 {
				l.tell("/n", strings.Repeat("1", 1000))
			}
			pass(time.Second)
			s := l.session(r.c)
			s.mu.Lock()
			if s.cur.page != nil || len(s.out.waiting)+len(s.out.parcels)+len(s.kept.steps) > 0 {
				t.Fatalf("it holds %+v %+v %+v", s.cur, s.out, s.kept)
			}
			s.mu.Unlock()
		}
		if st := l.srv.Stats(); st.Parked != 1 {
			t.Fatalf("%+v", st)
		}
		r.again()
		for range 11 { // MaxBatch is 200
			r.connect(`,"advice":{"timeout":0}`)
		}
		if got := l.session(r.c).cur; got.confirmed != 3<<31+2000 {
			t.Errorf("%+v", got)
		}
	})
}

// RP-6: with replay and without ack a session ends with a crash if something may have been under way, and goes on if not.
func TestReplayAfterRestart(t *testing.T) {
	t.Parallel()
	for _, transport := range []Transport{LongPolling, WebSocket} {
		for name, tt := range map[string]struct {
			restart func(*lasting)
			open    bool // something is under way
			ext     string
			goesOn  bool
		}{
			"crash":               {(*lasting).kill, false, `{"replay":true}`, true},
			"crash, open":         {(*lasting).kill, true, `{"replay":true}`, false},
			"crash, open, ack":    {(*lasting).kill, true, `{"replay":true,"ack":true}`, true},
			"stop":                {(*lasting).stop, false, `{"replay":true}`, true},
			"stop, open":          {(*lasting).stop, true, `{"replay":true}`, true}, // the connect will tell, or the answer to the close frame has
			"stop, open, and ack": {(*lasting).stop, true, `{"replay":true,"ack":true}`, true},
		} {
			t.Run(fmt.Sprint(transport, " ", name), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					l := startLasting(t, Options{Extensions: []ExtensionName{ExtensionAck, ExtensionReplay}})
					r := &reader{l: l, c: l.open(transport), ack: strings.Contains(tt.ext, "ack"), last: "0"}
					shake(t, r.c, tt.ext)
					r.connect(`,"advice":{"timeout":0}`)
					subscribe(t, r.c, "/n")
					if w, ok := r.c.(*socketClient); ok && tt.open {
						w.hush()
					}
					pass(2 * time.Second)
					if tt.open {
						l.tell("/n", "{}")
						if got := r.next(1); got == "" {
							t.Fatal("nothing came")
						}
					}
					tt.restart(l)
					l.begin()
					r.again()
					if tt.open {
						l.tell("/n", "{}")
					}
					got, reply := r.connect(`,"advice":{"timeout":10}`)
					if !tt.open {
						l.tell("/n", "{}") // news before the first connect might have been under way
					}
					if !tt.goesOn {
						if !strings.Contains(reply, "402::") || !strings.Contains(reply, `"handshake"`) {
							t.Errorf("goes on with %q %s", got, reply)
						}
						if _, ok := l.sh.row(r.c.id()); ok {
							t.Error("the row is kept")
						}
						return
					}
					if got == "" {
						got = r.next(1)
					}
					want := int64(3<<31 + 1)
					if tt.open {
						want++
					}
					if !strings.Contains(reply, `"successful":true`) || strings.Count(got, "replayId") != 1 || !strings.Contains(got, fmt.Sprint(want)) {
						t.Errorf("%q %s", got, reply)
					}
				})
			})
		}
	}
}

// AK-14, RP-2: the numbers that a client brings back are understood after a crash, also those of before its stream was set back.
func TestAckAfterCrash(t *testing.T) {
	t.Parallel()
	for _, acked := range []bool{false, true} {
		t.Run(fmt.Sprint("acknowledged before the crash: ", acked), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				l := startLasting(t, Options{Extensions: []ExtensionName{ExtensionAck, ExtensionReplay}, MaxBatch: 3})
				l.tell("/old", `"o1"`, `"o2"`, `"o3"`)
				r := &reader{l: l, c: l.open(LongPolling), ack: true, last: "0"}
				shake(t, r.c, `{"replay":true,"ack":true}`)
				r.connect("")
				subscribe(t, r.c, "/n")
				l.tell("/n", `"n1"`, `"n2"`)
				if got := r.next(2); got != `"n1" "n2"` {
					t.Fatal(got)
				}
				pass(time.Second)
				from(r.c, "/old", 3<<31) // n1 and n2 are not acknowledged yet
				var got []string
				if acked {
					first, _ := r.connect("")
					got = append(got, strings.Fields(first)...)
				}
				l.kill()
				l.begin()
				l.tell("/n", `"n3"`)
				for range 5 {
					more, _ := r.connect(`,"advice":{"timeout":0}`)
					got = append(got, strings.Fields(more)...)
				}
				if all := strings.Join(got, " "); all != `"o1" "o2" "o3" "n3"` {
					t.Error(all)
				}
			})
		})
	}
}

// RP-2, AK-14: a crash while a subscription is being written which sets the stream back leaves all as it was before.
func TestCrashWhileSetBack(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(*shelf){
		"slow":   func(sh *shelf) { sh.slow = 3 * time.Second },
		"broken": func(sh *shelf) { sh.broken = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) { crashWhileSetBack(t, trouble) })
		})
	}
}

func crashWhileSetBack(t *testing.T, trouble func(*shelf)) {
	t.Helper()
	l := startLasting(t, Options{Extensions: []ExtensionName{ExtensionAck, ExtensionReplay}})
	l.tell("/old", `"o1"`)
	r := &reader{l: l, c: l.open(LongPolling), ack: true, last: "0"}
	shake(t, r.c, `{"replay":true,"ack":true}`)
	r.connect("")
	subscribe(t, r.c, "/n")
	l.tell("/n", `"n1"`)
	if got := r.next(1); got != `"n1"` {
		t.Fatal(got)
	}
	r.connect(`,"advice":{"timeout":10}`)
	pass(time.Second)
	l.sh.only = "update"
	trouble(l.sh)
	p := r.c.begin(fmt.Sprintf(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/old","ext":{"replay":{"/old":%d}}}]`, int64(3<<31)))
	pass(2 * time.Second)
	if row, _ := l.sh.row(r.c.id()); row.Place.Turn != 0 || len(row.Subscriptions) != 1 {
		t.Errorf("half of it is on disk: %+v", row)
	}
	l.kill()
	<-p.done
	l.begin()
	l.tell("/n", `"n2"`)
	if got, _ := r.connect(`,"advice":{"timeout":0}`); got != `"n2"` {
		t.Errorf("after the crash: %q", got)
	}
	from(r.c, "/old", 3<<31)
	if got := r.next(1); got != `"o1"` {
		t.Errorf("set back: %q", got)
	}
}

// AK-14, AK-7: numbers that tell nothing acknowledge nothing: then what was under way comes again, and no more than that.
func TestAckOfNothingAfterCrash(t *testing.T) {
	t.Parallel()
	for _, ack := range []string{`,"ext":{"ack":0}`, `,"ext":{"ack":-1}`, `,"ext":{"ack":"x"}`, ``} {
		for _, transport := range []Transport{LongPolling, WebSocket} {
			t.Run(string(transport)+ack, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					l := startLasting(t, Options{})
					r := l.newReader(transport, true, "/n")
					l.tell("/n", "1", "2")
					r.next(2)
					r.connect(`,"advice":{"timeout":10}`)
					pass(time.Second) // 1 and 2 are confirmed, on disk
					l.tell("/n", "3", "4")
					r.next(2)
					l.kill()
					l.begin()
					l.tell("/n", "5")
					r.again()
					if got, _ := r.read(r.c.ask(connectMessage("z", `,"advice":{"timeout":0}`+ack))); got != "3 4 5" {
						t.Errorf("got %q", got)
					}
				})
			})
		}
	}
}

// DEL-14, CN-12: a session that missed what its stream has no longer, as after days without a server, starts afresh; it does not pass over the gap. One that
// did not subscribe then has missed nothing.
func TestPrunedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pruned int64
		news   []string
		goesOn bool
	}{
		"some":     {2, []string{"2", "3", "4"}, false},
		"all":      {3, []string{"2", "3"}, false},
		"older":    {1, []string{"2", "3"}, true},
		"had them": {1, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overRestarts(t, func() Options { return Options{} }, func(t *testing.T, l *lasting, transport Transport, ack bool, restart func()) {
				r := l.newReader(transport, ack, "/n")
				l.tell("/n", "1")
				r.next(1)
				r.connect(`,"advice":{"timeout":10}`)
				idle := l.open(CallbackPolling)
				shake(t, idle, "")
				idle.ask(connectMessage("1", `,"advice":{"timeout":0}`))
				pass(time.Second)
				restart()
				for _, n := range tt.news {
					l.tell("/n", n)
				}
				l.j.prune(tt.pruned)
				r.again()
				got, reply := r.connect(`,"advice":{"timeout":10}`)
				if tt.goesOn {
					if got == "" && len(tt.news) > 0 {
						got = r.next(len(tt.news))
					}
					if got != strings.Join(tt.news, " ") || !strings.Contains(reply, `"successful":true`) {
						t.Errorf("%q %s", got, reply)
					}
					return
				}
				if got != "" || !strings.Contains(reply, "402::") || !strings.Contains(reply, `"handshake"`) {
					t.Errorf("passed over what is gone: %q %s", got, reply)
				}
				synctest.Wait()
				if _, ok := l.sh.row(r.c.id()); ok {
					t.Error("the row is kept")
				}
				if got := idle.ask(connectMessage("2", `,"advice":{"timeout":0}`)); !strings.Contains(got[len(got)-1], `"successful":true`) {
					t.Error(got)
				}
			})
		})
	}
}
