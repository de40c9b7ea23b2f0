package bayeux

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const ms = time.Millisecond

// pass lets virtual time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// data returns the data of the messages among objects.
func data(objs []string) string {
	var all []string
	for _, o := range objs {
		if _, d, ok := strings.Cut(o, `"data":`); ok {
			all = append(all, strings.TrimSuffix(d, "}"))
		}
	}
	return strings.Join(all, " ")
}

func (b *bench) publish(channel string, data ...string) {
	b.t.Helper()
	for _, d := range data {
		must(b.t, b.srv.Publish(context.Background(), channel, value(d)))
	}
}

func (b *bench) session(c client) *Session { return b.srv.sessions.find(c.id()) }

// Line 21: DEL-1, DEL-5, CN-2; trace 22.3.
func TestBurstAgainstHeldConnect(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	handshake(t, c, "")
	subscribe(t, c, "/s")
	held := c.begin(connectMessage("106", ""))
	b.held(1)
	b.publish("/s", "6", "7", "8")
	got := data(held.wait())
	for id := 107; !strings.Contains(got, "8"); id++ {
		got += " " + data(c.ask(connectMessage(fmt.Sprint(id), "")))
	}
	if strings.TrimSpace(got) != "6 7 8" {
		t.Error(got)
	}
}

// Line 22: DEL-3, DEL-4, DEL-6, DEL-9, HS-11.
func TestMessagesRideOnAnyResponse(t *testing.T) {
	t.Parallel()
	for _, only := range []bool{false, true} {
		t.Run(fmt.Sprint(only), func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{MetaConnectDeliverOnly: only, OnSession: func(s *Session) { _ = s.Deliver("/welcome", value("0")) }})
			c := b.polling()
			shake(t, c, "")
			b.publish("/none", "1")
			got := c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/s"},{"channel":"/s","clientId":"<A>","data":1}]`)
			connect := c.ask(connectMessage("1", ""))
			if only {
				if data(got) != "" || data(connect) != "0 1" {
					t.Error(got, connect)
				}
			} else if data(got) != "0 1" || data(connect) != "" {
				t.Error(got, connect)
			}
		})
	}
}

// DEL-6, WS-12: with metaConnectDeliverOnly a websocket behaves like a poll.
func TestDeliverOnlyOverWebsocket(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{MetaConnectDeliverOnly: true})
		c := b.websocket(nil)
		handshake(t, c, "")
		subscribe(t, c, "/s")
		b.publish("/s", "1", "2")
		synctest.Wait()
		if len(c.frames) != 0 {
			t.Error("messages without a connect")
		}
		c.send(connectMessage("1", ""))
		if got := c.receive(); got != `[{"channel":"/s","data":1},{"channel":"/s","data":2},{"channel":"/meta/connect","id":"1","successful":true}]` {
			t.Error(got)
		}
		c.send(connectMessage("2", ""))
		synctest.Wait()
		b.publish("/s", "3")
		if got := c.receive(); got != `[{"channel":"/s","data":3},{"channel":"/meta/connect","id":"2","successful":true}]` {
			t.Error(got)
		}
		// Cut without a next connect: in doubt it comes again.
		_ = c.conn.Close()
		synctest.Wait()
		d := b.websocket(nil)
		d.cid = c.cid
		d.send(connectMessage("3", ""))
		if got := d.receive(); got != `[{"channel":"/s","data":3},{"channel":"/meta/connect","id":"3","successful":true}]` {
			t.Error(got)
		}
	})
}

// Line 54: DEL-1, DEL-2.
func TestOneOrderForAllSubscribers(t *testing.T) {
	t.Parallel()
	const subscribers, publishers, each = 100, 8, 25
	both(t, Options{MaxQueue: Unlimited, MaxQueueBytes: Unlimited}, func(t *testing.T, b *bench, c client) {
		var clients []client
		for range subscribers {
			c := b.another(c)
			handshake(t, c, "")
			subscribe(t, c, "/s")
			clients = append(clients, c)
		}
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				for i := range each {
					b.publish("/s", fmt.Sprint(p*1000+i))
				}
			})
		}
		wg.Wait()
		var first string
		for i, c := range clients {
			got := messages(t, c, publishers*each)
			if i == 0 {
				first = got
			} else if got != first {
				t.Fatalf("subscriber %d saw another order", i)
			}
		}
		last := map[int]int{} // by publisher (DEL-1)
		for _, d := range strings.Fields(first) {
			n, err := strconv.Atoi(d)
			must(t, err)
			if seen, ok := last[n/1000]; ok && n != seen+1 {
				t.Fatalf("%d after %d", n, seen)
			}
			last[n/1000] = n
		}
	})
}

// DEL-16.
func TestBatchBounds(t *testing.T) {
	t.Parallel()
	b := start(t, Options{MaxBatch: 3, MaxBatchBytes: 200})
	c := b.polling()
	handshake(t, c, "")
	subscribe(t, c, "/s")
	big := `"` + strings.Repeat("x", 300) + `"`
	b.publish("/s", "1", "2", "3", "4", big, "6")
	for i, want := range []string{"1 2 3", "4", big, "6"} {
		if got := data(c.ask(connectMessage(fmt.Sprint(i), ""))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	t.Run("W", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{MaxBatch: 3, MaxBatchBytes: 200, WS: WSOptions{MessagesPerFrame: 10}})
		c := b.websocket(nil)
		handshake(t, c, "")
		subscribe(t, c, "/s")
		b.session(c).Group(func() { b.publish("/s", "1", "2", "3", "4", big, "6") })
		for _, want := range []string{"1 2 3", "4", big, "6"} {
			objs, err := objects([]byte(c.receive()))
			must(t, err)
			if got := data(objs); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

// Line 49, A17: DEL-11, DEL-12.
func TestQueueOverflow(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]Options{"count": {MaxQueue: 3}, "bytes": {MaxQueueBytes: 150}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, opt)
			slow, other := b.polling(), b.polling()
			for _, c := range []*pollingClient{slow, other} {
				handshake(t, c, "")
				subscribe(t, c, "/s")
			}
			for i := range 6 {
				b.publish("/s", fmt.Sprint(i))
				if got := data(other.ask(`[{"channel":"/x","clientId":"<A>"}]`)); got != fmt.Sprint(i) {
					t.Errorf("the other got %q", got)
				}
			}
			same(t, slow.ask(connectMessage("1", "")),
				`{"channel":"/meta/connect","id":"1","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
			if st := b.srv.Stats(); st.Overflows != 1 || st.Sessions != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
	t.Run("other actions", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{MaxQueue: 3})
		c := b.polling()
		handshake(t, c, "")
		for i := range 5 {
			must(t, b.session(c).Send(Outgoing{Channel: "/old", Data: value(fmt.Sprint(i)), WhenFull: DropOldest}))
		}
		must(t, b.session(c).Send(Outgoing{Channel: "/old", Data: value("9"), WhenFull: DropThis}))
		if got := data(c.ask(connectMessage("1", ""))); got != "2 3 4" {
			t.Error(got)
		}
	})
}

// DEL-12, A17: a websocket that is not read holds one write and a bounded queue.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{MaxQueue: 10, MaxBatch: 5, WS: WSOptions{WriteTimeout: 20 * time.Second}})
		conn, err := b.dial()
		must(t, err)
		raw := &rawSocket{t: t, conn: conn}
		raw.upgrade()
		raw.text(`[{"channel":"/meta/handshake"}]`)
		raw.readText()
		raw.text(`[{"channel":"/meta/subscribe","subscription":"/s","clientId":"` + b.srv.sessions.all()[0].id + `"}]`)
		raw.readText()
		for i := range 16 {
			b.publish("/s", fmt.Sprint(i))
			synctest.Wait()
		}
		if st := b.srv.Stats(); st.Overflows != 1 || st.Sessions != 0 {
			t.Errorf("%+v", st)
		}
		pass(25 * time.Second) // the stuck write is given up
		if n := b.srv.Stats().Sockets; n != 0 {
			t.Errorf("%d sockets", n)
		}
	})
}

// Line 43, A6: SS-11, DEL-8, DEL-9.
func TestAbortedPollLosesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.polling()
		handshake(t, c, "")
		subscribe(t, c, "/s")
		ctx, abort := context.WithCancel(context.Background())
		go func() {
			_, _, _ = c.do(ctx, "POST", strings.NewReader(strings.ReplaceAll(connectMessage("1", ""), "<A>", c.id())))
		}()
		synctest.Wait()
		if b.srv.Stats().Held != 1 {
			t.Fatal("not held")
		}
		abort()
		synctest.Wait()
		if b.srv.Stats().Held != 0 {
			t.Error("SS-11: still held")
		}
		b.publish("/s", "1", "2")
		pass(10*time.Second - 1)
		same(t, c.ask(connectMessage("2", "")), `{"channel":"/s","data":1}`, `{"channel":"/s","data":2}`, `{"channel":"/meta/connect","id":"2","successful":true}`)
		pass(10 * time.Second)
		if b.session(c) != nil {
			t.Error("SS-11: the deadline does not run")
		}
	})
}

// DEL-7.
func TestGroup(t *testing.T) {
	t.Parallel()
	both(t, Options{WS: WSOptions{MessagesPerFrame: 10}}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/s")
		var p *pending
		w, _ := c.(*socketClient)
		if w != nil {
			w.send(connectMessage("1", ""))
		} else {
			p = c.begin(connectMessage("1", ""))
		}
		b.held(1)
		b.session(c).Group(func() {
			must(t, b.session(c).Deliver("/not/subscribed", value("0")))
			b.publish("/s", "1", "2", "3")
		})
		if w != nil {
			if got := w.receive(); strings.Count(got, "data") != 4 {
				t.Error(got)
			}
		} else if got := data(p.wait()); got != "0 1 2 3" {
			t.Error(got)
		}
	})
}

// DEL-7: groups within groups, also of several goroutines, end with the last.
func TestNestedGroups(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.websocket(nil)
		handshake(t, c, "")
		s := b.session(c)
		s.Group(func() {
			s.Group(func() { must(t, s.Deliver("/a", value("1"))) })
			synctest.Wait()
			if len(c.frames) != 0 {
				t.Error("an inner group was flushed")
			}
		})
		if got := c.receive(); got != `[{"channel":"/a","data":1}]` {
			t.Error(got)
		}
	})
}

// Line 55: DEL-7, CH-8, SS-16: user-relative topics.
func TestPublishUser(t *testing.T) {
	t.Parallel()
	both(t, Options{TrustClientSession: true}, func(t *testing.T, b *bench, _ client) {
		open := func(user, channel string, ws bool) client {
			if ws {
				c := b.websocket(map[string][]string{"X-User": {user}})
				handshake(t, c, "")
				subscribe(t, c, channel)
				return c
			}
			c := b.polling()
			c.header.Set("X-User", user)
			handshake(t, c, "")
			subscribe(t, c, channel, channel)
			return c
		}
		w := strings.HasSuffix(t.Name(), "W")
		dana1, dana2, omar := open("dana", "/me/chats", w), open("dana", "/**", w), open("omar", "/me/chats", w)
		subscribe(t, dana1, "/me/*")
		must(t, b.srv.PublishUser(t.Context(), "dana", "/me/chats", value("1")))
		must(t, b.srv.PublishUser(t.Context(), "omar", "/me/chats", value("2")))
		must(t, b.srv.PublishUser(t.Context(), "nobody", "/me/chats", value("3")))
		for c, want := range map[client]string{dana1: "1", dana2: "1", omar: "2"} {
			if got := data(c.ask(`[{"channel":"/service/x","clientId":"<A>"}]`)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}

// Line 61, A6, A7, A14: DEL-15; and what DEL-10 leaves open.
func TestLostConnectReplies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first   string // advice of the first connect
		second  string // the connect whose reply carries the message
		next    string // the connect after it
		again   bool
		closing bool // the connection is closed in between
	}{
		"ordinary":            {`{"timeout":0}`, connectMessage("1", ""), connectMessage("2", ""), false, false},
		"same id":             {`{"timeout":0}`, connectMessage("1", ""), connectMessage("1", ""), true, false},
		"hurried":             {`{"timeout":0}`, connectMessage("1", ""), connectMessage("2", `,"advice":{"timeout":0}`), true, false},
		"short polling":       {`{"timeout":0}`, connectMessage("1", `,"advice":{"timeout":0}`), connectMessage("2", `,"advice":{"timeout":0}`), false, false},
		"pooled connections":  {`{}`, connectMessage("1", ""), connectMessage("2", ""), false, false},
		"not alone":           {`{"timeout":0}`, connectMessage("1", ""), `[{"channel":"/x","clientId":"<A>"},{"channel":"/meta/connect","id":"2","clientId":"<A>","advice":{"timeout":0}}]`, false, false},
		"connection lost":     {`{}`, connectMessage("1", ""), connectMessage("2", ""), true, true},
		"it would have said":  {`{"timeout":0}`, connectMessage("1", ""), connectMessage("2", ""), false, true},
		"no ids, same socket": {`{}`, `[{"channel":"/meta/connect","clientId":"<A>"}]`, `[{"channel":"/meta/connect","clientId":"<A>"}]`, false, false},
	} {
		restsOrNot(t, name, func(t *testing.T, setup func(*bench)) {
			b := start(t, Options{Timeout: 50 * ms}, setup)
			c := b.polling()
			shake(t, c, "")
			c.ask(connectMessage("0", `,"advice":`+tc.first))
			subscribe(t, c, "/s")
			b.publish("/s", "1", "2")
			if got := data(c.ask(tc.second)); got != "1 2" {
				t.Fatal(got)
			}
			b.publish("/s", "3")
			if tc.closing {
				c.tr.CloseIdleConnections()
				conn := b.session(c).last.evidence.conn
				eventually(t, "the end of the connection", func() bool { conn.mu.Lock(); defer conn.mu.Unlock(); return conn.ended })
			}
			if name == "pooled connections" {
				c.tr = c.tr.Clone() // another connection, while the first stays open
				c.hc.Transport = c.tr
				t.Cleanup(c.tr.CloseIdleConnections)
			}
			want := "3"
			if tc.again {
				want = "1 2 3"
			}
			if got := data(c.ask(tc.next)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if n := b.srv.Stats().Redelivered; (n > 0) != tc.again {
				t.Errorf("%d redelivered", n)
			}
		})
	}
}

// DEL-15 (c): bytes that the peer's system has not acknowledged.
func TestUnacknowledgedBytes(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	handshake(t, c, "")
	e := b.session(c).last.evidence
	if e.conn == nil {
		t.Fatal("the connection is not tracked")
	}
	e.await(t.Context()) // the acknowledgement may be put off for a moment
	if e.lost() {
		t.Error("an idle connection counts as lost")
	}
	// A peer whose buffer is full acknowledges nothing more.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	defer conn.Close()
	must(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	peer, err := ln.Accept()
	must(t, err)
	defer peer.Close()
	for more, total := 1, 0; more > 0; total += more { // until nothing fits any more, however slow the machine is
		must(t, peer.SetWriteDeadline(time.Now().Add(100*ms)))
		if more, err = peer.Write(make([]byte, 1<<20)); total > 64<<20 {
			t.Fatalf("%d bytes fit (%v)", total, err)
		}
	}
	if runtime.GOOS == "linux" && unacknowledged(rawConn(peer)) == 0 {
		t.Error("a full buffer counts as acknowledged")
	}
}

// A5: connects that race with each other and with messages lose and double nothing.
func TestRacingConnects(t *testing.T) {
	t.Parallel()
	for _, ack := range []bool{false, true} {
		t.Run(fmt.Sprintf("ack %v", ack), func(t *testing.T) {
			t.Parallel()
			const total = 200
			b := start(t, Options{Timeout: 20 * ms})
			c := b.polling()
			ext := ""
			if ack {
				ext = `{"ack":true}`
			}
			handshake(t, c, ext)
			subscribe(t, c, "/s")
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range total {
					b.publish("/s", fmt.Sprint(i))
				}
			})
			seen := map[string]int{}
			var mu sync.Mutex
			count := func(body string) {
				mu.Lock()
				defer mu.Unlock()
				objs, err := objects([]byte(body))
				if err != nil {
					t.Error(err)
				}
				for _, d := range strings.Fields(data(objs)) {
					seen[strings.TrimSuffix(d, "}")]++
				}
			}
			acked := "0"
			for id := 0; ; id++ {
				var round sync.WaitGroup
				bodies := make([]string, 2)
				for k := range 2 {
					m := connectMessage(fmt.Sprintf("%dx%d", id, k), "")
					if ack {
						m = ackConnect(fmt.Sprintf("%dx%d", id, k), acked)
					}
					round.Go(func() {
						resp, body, err := c.post(m)
						if err != nil {
							t.Error(err)
						} else if resp.StatusCode == 200 {
							bodies[k] = body
						}
					})
				}
				round.Wait()
				for _, body := range bodies {
					if body == "" {
						continue
					}
					if !ack {
						count(body)
					} else if _, n, ok := strings.Cut(body, `"ack":`); ok {
						n = strings.TrimRight(n, "}]")
						if len(n) > len(acked) || len(n) == len(acked) && n > acked {
							acked = n
						}
						mu.Lock()
						objs, _ := objects([]byte(body))
						for _, d := range strings.Fields(data(objs)) {
							seen[strings.TrimSuffix(d, "}")] = 1
						}
						mu.Unlock()
					}
				}
				if len(seen) == total {
					break
				}
				if id > 5000 {
					t.Fatalf("%d of %d arrived", len(seen), total)
				}
			}
			wg.Wait()
			for d, n := range seen {
				if n != 1 {
					t.Errorf("message %s arrived %d times", d, n)
				}
			}
		})
	}
}

// Line 60, A16: idle sessions neither expire nor grow; those of sleepers do expire.
func TestManyIdleSessions(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{}, func(t *testing.T, b *bench, first client) {
		const n = 200
		var wg sync.WaitGroup
		for range n {
			c := b.another(first)
			handshake(t, c, "")
			wg.Go(func() {
				for i := range 4 {
					c.ask(connectMessage(fmt.Sprint(i), ""))
				}
			})
		}
		pass(95 * time.Second)
		if st := b.srv.Stats(); st.Held != n || st.Sessions != n || st.Expired != 0 {
			t.Errorf("%+v", st)
		}
		for _, s := range b.srv.sessions.all() {
			s.mu.Lock()
			if len(s.out.waiting)+len(s.out.parcels)+s.out.count != 0 {
				t.Errorf("%+v", s.out)
			}
			s.mu.Unlock()
		}
		wg.Wait() // they fall asleep
		pass(11 * time.Second)
		if st := b.srv.Stats(); st.Sessions != 0 || st.Expired != n {
			t.Errorf("%+v", st)
		}
	})
}

// DC-5, where DEL-4 would let the last words go astray: a session has itself disconnected while its connect is held. The answer to its request leaves the message
// to the connect's, which it must precede.
func TestLastWordsGoWithTheHeldConnect(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	must(t, b.srv.Service("/service/bye", func(_ context.Context, from *Session, _ *Message) (jsontext.Value, error) {
		from.Disconnect()
		return nil, nil
	}))
	c := b.polling()
	handshake(t, c, "")
	held := c.begin(connectMessage("1", ""))
	b.held(1)
	same(t, c.ask(`{"channel":"/service/bye","clientId":"<A>","id":"2"}`), `{"channel":"/service/bye","id":"2","successful":true}`)
	same(t, held.wait(), `{"channel":"/meta/disconnect","successful":true}`,
		`{"channel":"/meta/connect","id":"1","successful":true,"advice":{"reconnect":"none","interval":0,"timeout":30000}}`)
}
