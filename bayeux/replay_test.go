package bayeux

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"
)

func replayOptions(j *journal) Options {
	return Options{Source: j, Extensions: []ExtensionName{ExtensionAck, ExtensionReplay}}
}

// from subscribes from a position and returns the reply.
func from(c client, channel string, n int64) string {
	got := c.ask(fmt.Sprintf(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"%s","ext":{"replay":{"%s":%d,"/elsewhere":77}}}]`, channel, channel, n))
	return got[len(got)-1]
}

// RP-1 to RP-4: who asked for it gets positions and goes on from them.
func TestReplay(t *testing.T) {
	t.Parallel()
	const epoch = 5 << 31
	overBoth(t, func() Options { return replayOptions(&journal{epoch: 5}) }, func(t *testing.T, b *bench, open func(string) client) {
		b.tell("dana", "/n", `{"v":1}`, `{"v":2}`)
		b.tell("dana", "/m", `{"v":3}`)
		c, plain := open("dana"), open("dana")
		got := c.ask(`[{"channel":"/meta/handshake","ext":{"replay":true}}]`)
		if !strings.HasSuffix(got[0], `,"ext":{"replay":true}}`) {
			t.Error(got)
		}
		c.ask(connectMessage("0", ""))
		handshake(t, plain, "")
		subscribe(t, plain, "/n")
		if got := from(c, "/n", -2); !strings.HasSuffix(got, fmt.Sprintf(`"successful":true,"ext":{"streamPosition":%d}}`, epoch+3)) {
			t.Error(got)
		}
		message := func(channel, v string, n int64) string {
			return fmt.Sprintf(`{"channel":"%s","data":{"v":%s,"event":{"replayId":%d}}}`, channel, v, epoch+n)
		}
		same(t, take(c, 2), message("/n", "1", 1), message("/n", "2", 2))
		from(c, "/m", epoch+2)                     // not /n again
		same(t, take(c, 1), message("/m", "3", 3)) // RP-2: all after N
		b.tell("dana", "/n", `{"v":4}`)
		same(t, take(c, 1), message("/n", "4", 4))
		if got := take(plain, 1); got[0] != `{"channel":"/n","data":{"v":4}}` { // RP-3
			t.Error(got)
		}
		from(c, "/k", -1)
		b.tell("dana", "/k", `7`, `{"event":7}`, `{"event":null}`, `{"event":{"replayId":"x","at":1e2},"v":[]}`)
		same(t, take(c, 4), `{"channel":"/k","data":7}`, `{"channel":"/k","data":{"event":7}}`,
			fmt.Sprintf(`{"channel":"/k","data":{"event":{"replayId":%d}}}`, epoch+7),
			fmt.Sprintf(`{"channel":"/k","data":{"v":[],"event":{"at":1e2,"replayId":%d}}}`, epoch+8))
		// Asking without having shaken hands for it changes nothing; nor does asking again (SUB-6).
		if got := from(plain, "/m", -2); strings.Contains(got, "ext") {
			t.Error(got)
		}
		from(c, "/n", -2)
		b.tell("dana", "/n", `{"v":9}`)
		same(t, take(c, 1), message("/n", "9", 9))
		same(t, take(plain, 1), `{"channel":"/n","data":{"v":9}}`)
	})
}

// take returns the next n messages, polling (a few times) or receiving.
func take(c client, n int) []string {
	var all []string
	for i := 0; len(all) < n && i < 9; i++ {
		if w, ok := c.(*socketClient); ok {
			objs, _ := objects([]byte(w.receive()))
			all = append(all, objs...)
			continue
		}
		all = append(all, withoutReplies(c.ask(connectMessage(newID()[:9], "")))...)
	}
	return all
}

// RP-2: over HTTP a connect that is held is answered with what a new subscription asks for.
func TestReplayWakes(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{`{"replay":true}`, `{"replay":true,"ack":true}`} {
		overBoth(t, func() Options { return replayOptions(&journal{}) }, func(t *testing.T, b *bench, open func(string) client) {
			b.tell("dana", "/n", `{}`)
			c := open("dana")
			shake(t, c, ext)
			c.ask(connectMessage("0", ""))
			p := c.begin(connectMessage("1", `,"ext":{"ack":1}`))
			synctest.Wait()
			ask := `[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/n","ext":{"replay":{"/n":0}}}]`
			if w, ok := c.(*socketClient); ok {
				w.send(ask)
				p.wait() // some reply: what is to come is in these frames
				synctest.Wait()
				var all []string
				for len(w.frames) > 0 {
					all = append(all, w.receive())
				}
				all = append(all, p.got...)
				if !strings.Contains(strings.Join(all, ""), `"replayId":1`) {
					t.Error(all)
				}
				return
			}
			c.ask(ask)
			if got := p.wait(); !strings.Contains(got[0], `"replayId":1`) {
				t.Error(got)
			}
		})
	}
}

// RP-2, SUB-10: what the stream gets after the end that the reply to a subscribe tells, and before the subscription is in force, is not passed over.
func TestReplayWhileSubscribing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var b *bench
		opt := replayOptions(&journal{})
		opt.OnSubscribe = func(context.Context, *Session, string, *Message) error {
			b.tell("dana", "/n", `{}`)
			synctest.Wait()
			return nil
		}
		b = startInMemory(t, opt)
		c := b.websocket(asUser("dana"))
		shake(t, c, `{"replay":true}`)
		c.ask(connectMessage("0", ""))
		if got := from(c, "/n", -1); !strings.Contains(got, `"streamPosition":0`) {
			t.Error(got)
		}
		b.tell("dana", "/n", `{}`)
		if got := strings.Join(take(c, 2), ""); !strings.Contains(got, `"replayId":1`) || !strings.Contains(got, `"replayId":2`) {
			t.Error(got)
		}
	})
}

// RP-5: what is not kept, or was never given, is refused.
func TestReplayTooOld(t *testing.T) {
	t.Parallel()
	overBoth(t, func() Options { return replayOptions(&journal{epoch: 2, pruned: 2}) }, func(t *testing.T, b *bench, open func(string) client) {
		b.tell("dana", "/n", `{}`, `{}`, `{}`, `{}`)
		c := open("dana")
		shake(t, c, `{"replay":true}`)
		const epoch = int64(2) << 31
		for _, n := range []string{"0", "-3", fmt.Sprint(epoch), fmt.Sprint(epoch + 1), fmt.Sprint(epoch + 5), fmt.Sprint(epoch/2 + 3), "1.5", "1e2", "99999999999999999999999"} {
			got := c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/n","ext":{"replay":{"/n":` + n + `}}}]`)
			same(t, got, `{"channel":"/meta/subscribe","subscription":"/n","error":"400:`+n[:min(len(n), 20)]+`:replay_id_invalid","successful":false}`)
		}
		for _, odd := range []string{`"x"`, `null`, `[]`, `{}`, `{"/n":"3"}`, `{"/n":null}`} { // as if it did not ask
			got := c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/o","ext":{"replay":` + odd + `}},{"channel":"/meta/unsubscribe","clientId":"<A>","subscription":"/o"}]`)
			if !strings.Contains(got[0], `"successful":true`) {
				t.Error(odd, got)
			}
		}
		if got := from(c, "/n", epoch+2); !strings.Contains(got, `"successful":true`) {
			t.Error(got)
		}
		c.ask(connectMessage("0", ""))
		if _, ok := c.(*pollingClient); ok {
			return // the first connect has brought them
		}
		b.tell("dana", "/n", `{}`)
		if got := take(c, 1); !strings.Contains(got[0], fmt.Sprintf(`"replayId":%d`, epoch+5)) {
			t.Error(got)
		}
	})
}

// RP-6, DEL-13, DEL-15: what cannot be told ends a session with replay; its client goes on from what it knows.
func TestReplayDoubt(t *testing.T) {
	t.Parallel()
	unknown := `"error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake"`
	begin := func(t *testing.T, b *bench, c client) {
		shake(t, c, `{"replay":true}`)
		from(c, "/n", -1)
		c.ask(connectMessage("0", ""))
	}
	t.Run("L", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, replayOptions(&journal{}))
			c := b.pollingAs("dana")
			begin(t, b, c)
			if got := c.ask(connectMessage("1", `,"advice":{"timeout":0}`)); !strings.Contains(got[0], `"successful":true`) {
				t.Error(got)
			}
			if got := c.ask(connectMessage("1", `,"advice":{"timeout":0}`)); !strings.Contains(got[0], `"successful":true`) { // repeated, but nothing was open
				t.Error(got)
			}
			b.tell("dana", "/n", `{}`)
			c.ask(connectMessage("2", ""))
			if got := c.ask(connectMessage("2", "")); len(got) != 1 || !strings.Contains(got[0], unknown) {
				t.Error(got)
			}
			begin(t, b, c)
			from(c, "/n", 0)
		})
	})
	t.Run("W", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, replayOptions(&journal{}))
			w := b.websocket(asUser("dana"))
			begin(t, b, w)
			b.tell("dana", "/n", `{"v":1}`)
			w.receive()
			synctest.Wait() // its pong is there
			resume := func() *socketClient {
				_ = w.conn.Close()
				synctest.Wait()
				next := b.websocket(asUser("dana"))
				next.cid = w.cid
				return next
			}
			w = resume()
			if got := w.ask(connectMessage("1", `,"advice":{"timeout":0}`)); !strings.Contains(got[0], `"successful":true`) {
				t.Fatal(got)
			}
			w.hush()
			b.tell("dana", "/n", `{"v":2}`)
			w.receive()
			synctest.Wait()
			w = resume()
			if got := w.ask(connectMessage("1", "")); !strings.Contains(got[0], unknown) {
				t.Error(got)
			}
			begin(t, b, w) // on the same socket
			b.tell("dana", "/n", `{"v":3}`)
			if got := take(w, 1); !strings.Contains(got[0], `"replayId":3`) {
				t.Error(got)
			}
		})
	})
	t.Run("ack", func(t *testing.T) { // AK-4 tells
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, replayOptions(&journal{}))
			c := b.pollingAs("dana")
			shake(t, c, `{"replay":true,"ack":true}`)
			from(c, "/n", -1)
			c.ask(ackConnect("0", "0"))
			b.tell("dana", "/n", `{}`)
			c.ask(ackConnect("1", "0"))
			if got := c.ask(ackConnect("1", "0")); len(got) != 2 || !strings.Contains(got[0], `"replayId":1`) {
				t.Error(got)
			}
		})
	})
}

// RP-2, AK-14: whatever is lost, and whenever a subscription asks for older entries, each channel gets each entry that it is due once and in order.
func TestReplayProperties(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{`{"replay":true}`, `{"replay":true,"ack":true}`} {
		for seed := range uint64(40) {
			t.Run(fmt.Sprint(ext, seed), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					opt := replayOptions(&journal{epoch: 1})
					opt.MaxBatch = 3
					p := &replayer{
						t: t, rand: rand.New(rand.NewPCG(seed, 0)), b: startInMemory(t, opt), ext: ext,
						got: map[string][]int64{}, sent: map[string][]int64{}, since: map[string]int64{},
					}
					p.c = p.b.pollingAs("dana")
					p.begin()
					do := []func(){p.publish, p.publish, p.connect, p.connect, p.subscribe, p.unsubscribe}
					for range 100 {
						do[p.rand.IntN(len(do))]()
					}
					for range 60 {
						p.poll(false)
					}
					for ch := range p.since {
						if !slices.Equal(p.got[ch], p.due(ch)) {
							t.Errorf("%s got %d, is due %d after %d", ch, p.got[ch], p.due(ch), p.since[ch])
						}
					}
				})
			})
		}
	}
}

// replayer is a client with replay that some of its answers do not reach.
type replayer struct {
	t     *testing.T
	rand  *rand.Rand
	b     *bench
	c     *pollingClient
	ext   string
	acked string
	no    int
	since map[string]int64 // position from which a channel is subscribed
	got   map[string][]int64
	sent  map[string][]int64
}

func (p *replayer) channel() string { return []string{"/a", "/b", "/c"}[p.rand.IntN(3)] }

func (p *replayer) begin() {
	shake(p.t, p.c, p.ext)
	p.acked = "0"
	p.poll(false)
	for ch, n := range p.since {
		if got := p.got[ch]; len(got) > 0 {
			n = got[len(got)-1]
		}
		if reply := from(p.c, ch, n); !strings.Contains(reply, `"successful":true`) {
			p.t.Fatal(reply)
		}
	}
}

func (p *replayer) due(ch string) (due []int64) {
	for _, n := range p.sent[ch] {
		if n > p.since[ch] {
			due = append(due, n)
		}
	}
	return due
}

func (p *replayer) publish() {
	ch := p.channel()
	n := p.b.srv.opt.Source.(*journal).add("dana", ch, `{}`)
	p.sent[ch] = append(p.sent[ch], n)
	p.b.srv.Wake("dana", n)
}

func (p *replayer) subscribe() {
	ch := p.channel()
	if _, has := p.since[ch]; has {
		return
	}
	head, _ := p.b.srv.opt.Source.Head(context.Background(), "dana")
	n := head - p.rand.Int64N(head-1<<31+1)
	reply := from(p.c, ch, n)
	if strings.Contains(reply, "402") { // the answer that told it was lost
		p.begin()
		reply = from(p.c, ch, n)
	}
	if !strings.Contains(reply, `"successful":true`) {
		p.t.Fatal(reply)
	}
	p.since[ch], p.got[ch] = n, nil
}

func (p *replayer) unsubscribe() {
	ch := p.channel()
	if _, has := p.since[ch]; has {
		p.c.ask(`[{"channel":"/meta/unsubscribe","clientId":"<A>","subscription":"` + ch + `"}]`)
		delete(p.since, ch)
	}
}

func (p *replayer) connect() { p.poll(p.rand.IntN(2) == 0) }

// poll connects; a lost answer is seen by the id, which is used again.
func (p *replayer) poll(lost bool) {
	got := p.c.ask(connectMessage(fmt.Sprint(p.no), `,"advice":{"timeout":0},"ext":{"ack":`+p.acked+`}`))
	if lost {
		return
	}
	p.no++
	for _, text := range got {
		var m struct {
			Channel string
			Error   string
			Data    struct{ Event struct{ ReplayID int64 } }
			Ext     struct{ Ack jsontext.Value }
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			p.t.Fatal(err)
		}
		switch {
		case m.Error != "":
			p.begin()
		case m.Channel == "/meta/connect" && m.Ext.Ack != nil:
			p.acked = string(m.Ext.Ack)
		case m.Channel != "/meta/connect":
			if _, has := p.since[m.Channel]; has { // what was on its way at an unsubscribe may still come (UN-5)
				p.got[m.Channel] = append(p.got[m.Channel], m.Data.Event.ReplayID)
			}
		}
	}
}

// DEL-14: the stream that a session reads may be another than its user's, and a listener may take messages over for it.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	opt := func() Options {
		o := replayOptions(&journal{})
		o.Stream = func(p Principal) string { return strings.TrimSuffix("all-"+p.User, "-nobody") }
		return o
	}
	overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
		later := false
		must(t, b.srv.Listen("/kept/**", func(_ context.Context, _ *Session, m *Message) error {
			head := b.srv.opt.Source.(*journal).add("all-", m.Channel, string(m.Data))
			b.srv.Wake("all-", head)
			return fmt.Errorf("stored: %w", ErrTaken)
		}))
		must(t, b.srv.Listen("/kept/n", func(context.Context, *Session, *Message) error { later = true; return nil }))
		c, none := open(""), open("nobody")
		for _, c := range []client{c, none} {
			shake(t, c, `{"replay":true}`)
			c.ask(connectMessage("0", ""))
		}
		from(c, "/kept/n", -1)
		subscribe(t, none, "/kept/n")
		if got := c.ask(`[{"channel":"/kept/n","clientId":"<A>","id":"1","data":{}}]`); got[len(got)-1] != `{"channel":"/kept/n","id":"1","successful":true}` {
			t.Error(got)
		} else if len(got) == 1 {
			same(t, take(c, 1), `{"channel":"/kept/n","data":{"event":{"replayId":1}}}`)
		}
		if later {
			t.Error("a later listener saw it")
		}
		// Without a stream there is no replay, and nothing of what is kept.
		same(t, none.ask(`[{"channel":"/x","clientId":"<A>"}]`), `{"channel":"/x","successful":true}`)
	})
}

// RP-3: data with a position is JSON, has it, and has all else that it had.
func FuzzWithMember(f *testing.F) {
	f.Add(`{"event":{"a":1,"replayId":2},"v":[1e400,"\ud800"]}`)
	f.Add(`{"\u0065vent":null,"event":{}}`)
	f.Add(`{"event":1,"event":{"event":{}}}`)
	f.Fuzz(func(t *testing.T, data string) {
		if v := value(data); !isJSON(v) || len(data) > 10_000 {
			return
		}
		plain, err := newEvent(Outgoing{Channel: "/a", Data: value(data), Ext: value(`{"k":1}`)}, "now")
		if err != nil {
			t.Fatal(err)
		}
		ev := plain.withReplayID(42)
		if !isJSON(ev.array) || !strings.HasSuffix(string(ev.array), `,"timestamp":"now","ext":{"k":1}}]`) {
			t.Fatalf("%s became %s", data, ev.array)
		}
		inner := memberOf(plain.data(), "event")
		if plain.data().Kind() != '{' || inner != nil && inner.Kind() != '{' && inner.Kind() != 'n' {
			if ev != plain {
				t.Fatalf("%s became %s", data, ev.array)
			}
			return
		}
		if got := memberOf(memberOf(ev.data(), "event"), "replayId"); string(got) != "42" {
			t.Fatalf("%s became %s", data, ev.array)
		}
		eachMember(plain.data(), func(name string, _ jsontext.Value) {
			if now := memberOf(ev.data(), name); name != "event" && string(now) != string(memberOf(plain.data(), name)) {
				t.Fatalf("%q of %s became %s", name, data, now)
			}
		})
	})
}
