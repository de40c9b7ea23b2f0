package bayeux

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func ackConnect(id string, ack string) string {
	return connectMessage(id, `,"ext":{"ack":`+ack+`}`)
}

func ackReply(id string, ack int, more string) string {
	return fmt.Sprintf(`{"channel":"/meta/connect","id":"%s","successful":true%s,"ext":{"ack":%d}}`, id, more, ack)
}

// Line 45: AK-1 to AK-7, AK-9, AK-11, AK-13; the table of 17.1.
func TestAck(t *testing.T) {
	t.Parallel()
	m := func(n int) string { return fmt.Sprintf(`{"channel":"/k","data":%d}`, n) }
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		got := c.ask(`[{"channel":"/meta/handshake","id":"h","ext":{"ack":true}}]`)
		if !strings.HasSuffix(got[0], `,"ext":{"ack":true}}`) {
			t.Fatal(got)
		}
		same(t, c.ask(ackConnect("1", "0")), ackReply("1", 1, ","+fullAdvice))
		subscribe(t, c, "/k") // AK-8: its reply has no ext
		b.publish("/k", "1")
		same(t, c.ask(ackConnect("2", "1")), m(1), ackReply("2", 2, ""))
		b.publish("/k", "2")
		same(t, c.ask(ackConnect("3", "1")), m(1), m(2), ackReply("3", 3, "")) // the answer was lost
		begin := time.Now()
		same(t, c.ask(ackConnect("4", "2")), m(2), ackReply("4", 4, ","+fullAdvice)) // AK-5: at once, with advice
		if time.Since(begin) != 0 {
			t.Error("AK-5: not at once")
		}
		same(t, c.ask(ackConnect("5", "4")), ackReply("5", 5, "")) // held
		if time.Since(begin) != 30*time.Second {
			t.Errorf("held for %v", time.Since(begin))
		}
		b.publish("/k", "3", "4")
		same(t, c.ask(ackConnect("6", "5")), m(3), m(4), ackReply("6", 6, ""))
		for i, wrong := range []string{`"x"`, `null`, `true`, `1.5`, `-1`, `0`} { // AK-7, AK-11, A19
			same(t, c.ask(ackConnect("7", wrong)), m(3), m(4), ackReply("7", 7+i, ","+fullAdvice))
		}
		same(t, c.ask(connectMessage("8", "")), m(3), m(4), ackReply("8", 13, ","+fullAdvice)) // AK-7
		same(t, c.ask(ackConnect("9", "99999")), ackReply("9", 14, ""))                        // AK-6; held
		// AK-9: a publish is answered at once, its message waits for the connect.
		same(t, c.ask(`[{"channel":"/k","id":"10","clientId":"<A>","data":5}]`), `{"channel":"/k","id":"10","successful":true}`)
		same(t, c.ask(ackConnect("11", "14")), m(5), ackReply("11", 15, ""))
		same(t, c.ask(ackConnect("12", "2")), m(5), ackReply("12", 16, ","+fullAdvice)) // AK-13: an old number un-forgets nothing
		p := c.begin(ackConnect("13", "16"))
		synctest.Wait()
		b.publish("/k", "6")
		same(t, p.wait(), m(6), ackReply("13", 17, ""))
	})
}

func TestAckNotAsked(t *testing.T) { // AK-1
	t.Parallel()
	for ext, opt := range map[string]Options{`{"ack":true}`: {Extensions: []ExtensionName{}}, `{"ack":false}`: {}, `{"ack":1}`: {}, `{"other":true}`: {}} {
		b := start(t, opt)
		c := b.polling()
		if got := c.ask(`[{"channel":"/meta/handshake","ext":` + ext + `}]`); strings.Contains(got[0], `"ext"`) {
			t.Error(got)
		}
	}
}

// AK-15, WS-26: over websocket a batch and its connect reply share a frame.
func TestAckFrame(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.websocket(nil)
		handshake(t, c, `{"ack":true}`)
		subscribe(t, c, "/k")
		c.send(ackConnect("1", "1"))
		synctest.Wait()
		b.session(c).Group(func() { b.publish("/k", "1", "2") })
		if got := c.receive(); got != `[{"channel":"/k","data":1},{"channel":"/k","data":2},`+ackReply("1", 2, "")+`]` {
			t.Error(got)
		}
		// The connection is cut before the client could acknowledge.
		_ = c.conn.Close()
		synctest.Wait()
		d := b.websocket(nil)
		d.cid = c.cid
		d.send(ackConnect("2", "1"))
		if got := d.receive(); got != `[{"channel":"/k","data":1},{"channel":"/k","data":2},`+ackReply("2", 3, ","+fullAdvice)+`]` {
			t.Error(got)
		}
	})
}

func TestAckCountsAgainstQueue(t *testing.T) { // AK-12
	t.Parallel()
	b := start(t, Options{MaxQueue: 3})
	c := b.polling()
	handshake(t, c, `{"ack":true}`)
	for range 3 {
		must(t, b.session(c).Deliver("/k", value("1")))
	}
	if got := data(c.ask(ackConnect("1", "1"))); got != "1 1 1" {
		t.Fatal(got)
	}
	must(t, b.session(c).Deliver("/k", value("2")))
	if b.session(c) != nil {
		t.Error("unacknowledged messages do not count")
	}
}

// The outbox loses nothing and keeps the order, whatever happens to its parcels
// (DEL-1, DEL-8, DEL-11, AK-4, AK-13, LZ-3).
func TestOutboxProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var o outbox
		var pushed, confirmed []uint64
		open := map[int64][]item{}
		max := bounds{rapid.IntRange(1, 40).Draw(t, "count"), -1}
		check := func() {
			n := len(o.waiting)
			for _, p := range o.parcels {
				n += len(p.items)
			}
			lazy := 0
			for _, it := range o.waiting {
				if it.lazy {
					lazy++
				}
			}
			if lazy != o.lazy {
				t.Fatalf("%d lazy messages, counted %d", lazy, o.lazy)
			}
			if n != o.count || n > max.count {
				t.Fatalf("%d messages, counted %d, bound %d", n, o.count, max.count)
			}
			for i := 1; i < len(o.waiting); i++ {
				if o.waiting[i-1].n >= o.waiting[i].n {
					t.Fatal("the queue is out of order")
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { check() },
			"push": func(t *rapid.T) {
				full := rapid.SampledFrom([]Overflow{EndSession, DropOldest, DropThis}).Draw(t, "full")
				room, last, oldest := o.count < max.count, o.last, uint64(0)
				if len(o.waiting) > 0 {
					oldest = o.waiting[0].n
				}
				ok := o.push(&event{array: []byte("[1]")}, rapid.Bool().Draw(t, "lazy"), max, full)
				if ok != (room || full != EndSession) {
					t.Fatalf("push gives %v, room %v, when full %d", ok, room, full)
				}
				if !room && full == DropOldest && oldest != 0 {
					pushed = slices.DeleteFunc(pushed, func(n uint64) bool { return n == oldest })
					room = true
				}
				if queued := o.last != last; queued != room {
					t.Fatalf("queued %v, room %v, when full %d", queued, room, full)
				} else if queued {
					pushed = append(pushed, o.last)
				}
			},
			"send": func(t *rapid.T) {
				items := o.take(rapid.IntRange(1, 5).Draw(t, "n"), 1000, everything)
				no := o.seal(parcel{pipe: byConnect, items: items})
				if len(items) > 0 {
					open[no] = items
				}
			},
			"lose": func(t *rapid.T) {
				no := rapid.Int64Range(0, o.sealed+1).Draw(t, "no")
				o.lose(func(p *parcel) bool { return p.no >= no })
				for k := range open {
					if k >= no {
						delete(open, k)
					}
				}
			},
			"confirm": func(t *rapid.T) {
				no := rapid.Int64Range(0, o.sealed+1).Draw(t, "no")
				o.confirm(sentBy(byConnect, no))
				for k, items := range open {
					if k <= no {
						for _, it := range items {
							confirmed = append(confirmed, it.n)
						}
						delete(open, k)
					}
				}
			},
		})
		o.lose(func(*parcel) bool { return true })
		seen := map[uint64]int{}
		for _, n := range confirmed {
			seen[n]++
		}
		for _, it := range o.take(1<<30, 1<<30, everything) {
			seen[it.n]++
		}
		for _, n := range pushed {
			if seen[n] != 1 {
				t.Fatalf("message %d is there %d times", n, seen[n])
			}
		}
	})
}

// A client with ack sees every message once and in order, over connections that
// lose requests and responses at random (AK-4, AK-7, AK-13, AK-14).
func TestAckProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		srv, err := New(Options{MaxBatch: rapid.IntRange(1, 4).Draw(t, "batch")})
		if err != nil {
			t.Fatal(err)
		}
		s := &Session{srv: srv, id: "abcdefgh", ack: true, connected: true}
		var published, received int
		acked := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				published++
				ev, _ := newEvent(Outgoing{Channel: "/k", Data: value(fmt.Sprint(published))}, "")
				s.push(ev, 0, EndSession)
			},
			"connect": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "request lost") {
					return
				}
				ack := acked
				if rapid.Bool().Draw(t, "stale") {
					ack = rapid.Int64Range(-1, acked).Draw(t, "ack")
				}
				m := Message{Ext: value(fmt.Sprintf(`{"ack":%d}`, ack)), advice: requestAdvice{timeout: -1, interval: -1}}
				c := &connect{session: s}
				s.receive(t.Context(), new(exchange), c, &m)
				s.mu.Lock()
				_, items := s.takeBatch()
				_, no := s.closeBatch(c, LongPolling, items)
				s.mu.Unlock()
				if rapid.Bool().Draw(t, "response lost") {
					return
				}
				for _, it := range items {
					// What a stale number asks for again was received before; a real client
					// sends stale numbers only before it has seen the newer reply.
					if n := int(it.n); n > received+1 {
						t.Fatalf("message %d after %d", n, received)
					} else if n == received+1 {
						received = n
					}
				}
				if len(items) == 0 && ack == acked && received != published && len(s.out.waiting) == 0 {
					t.Fatalf("nothing to send, yet %d of %d received", received, published)
				}
				acked = no
			},
		})
		for range published + 2 { // at last everything arrives
			m := Message{Ext: value(fmt.Sprintf(`{"ack":%d}`, acked)), advice: requestAdvice{timeout: -1, interval: -1}}
			c := &connect{session: s}
			s.receive(t.Context(), new(exchange), c, &m)
			s.mu.Lock()
			_, items := s.takeBatch()
			_, acked = s.closeBatch(c, LongPolling, items)
			s.mu.Unlock()
			for _, it := range items {
				if int(it.n) == received+1 {
					received++
				} else if int(it.n) > received {
					t.Fatal("gap")
				}
			}
		}
		if received != published {
			t.Fatalf("%d of %d", received, published)
		}
	})
}

// The cursor: confirmed never falls, nothing is passed over, and an ack number
// means a position (AK-14, DEL-14).
func TestCursorProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		epoch := int64(rapid.IntRange(0, 1<<22-1).Draw(t, "epoch")) << 31
		c := cursor{confirmed: epoch, sent: epoch}
		head := epoch
		last := c.confirmed
		delivered := epoch // what a client that loses nothing it confirms has seen
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {
				if c.confirmed < last || c.confirmed > c.sent || c.sent > head {
					t.Fatalf("confirmed %d (was %d), sent %d, head %d", c.confirmed, last, c.sent, head)
				}
				last = c.confirmed
			},
			"grow": func(t *rapid.T) { head += int64(rapid.IntRange(1, 3).Draw(t, "n")) },
			"read": func(t *rapid.T) {
				p := &page{after: c.sent, to: min(head, c.sent+int64(rapid.IntRange(1, 4).Draw(t, "n")))}
				if rapid.Bool().Draw(t, "matches") {
					p.events = []*event{{}}
				}
				if p.to > p.after {
					c.offer(p)
				}
			},
			"stale page": func(t *rapid.T) {
				if c.sent > epoch && c.offer(&page{after: c.sent - 1, to: head, events: []*event{{}}}) {
					t.Fatal("a page from elsewhere was taken")
				}
			},
			"send":   func(*rapid.T) { c.take(); delivered = max(delivered, c.sent) },
			"lose":   func(*rapid.T) { c.rewind() },
			"change": func(*rapid.T) { c.drop() },
			"ack": func(t *rapid.T) {
				n := rapid.Int64Range(-1, number(mark{at: head})+5).Draw(t, "ack")
				before := c.confirmed
				c.confirm(c.named(n))
				want := max(before, min(epoch|max(n, 0), c.sent))
				if c.confirmed != want {
					t.Fatalf("ack %d of %d..%d confirmed %d, want %d", n, before, c.sent, c.confirmed, want)
				}
			},
		})
	})
}
