package bayeux

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// journal is a Source in memory: the numbered streams of some users.
type journal struct {
	mu      sync.Mutex
	streams map[string][]Entry
	epoch   int64
	broken  bool
	panics  bool // when broken
	heads   int
	reads   int
	pruned  int64 // how many of each stream are not kept
	limit   int   // of an answer, to make pages small
}

func (j *journal) add(user, channel string, data ...string) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.streams == nil {
		j.streams = map[string][]Entry{}
	}
	for _, d := range data {
		j.streams[user] = append(j.streams[user], Entry{N: j.epoch<<31 + int64(len(j.streams[user])) + 1, Channel: channel, Data: value(d)})
	}
	return j.headLocked(user)
}

func (j *journal) headLocked(user string) int64 { return j.epoch<<31 + int64(len(j.streams[user])) }

func (j *journal) Head(_ context.Context, user string) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.heads++
	if j.broken {
		return 0, j.fail()
	}
	return j.headLocked(user), nil
}

func (j *journal) After(_ context.Context, user string, after int64, limit int) ([]Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reads++
	if j.broken {
		return nil, j.fail()
	}
	if j.limit > 0 {
		limit = min(limit, j.limit)
	}
	first := max(after-j.epoch<<31, j.pruned, 0)
	rest := j.streams[user][min(first, int64(len(j.streams[user]))):]
	return append([]Entry(nil), rest[:min(limit, len(rest))]...), nil
}

func (j *journal) fail() error {
	if j.panics {
		panic("no disk")
	}
	return errors.New("no disk")
}

func (j *journal) setBroken(b bool) { j.mu.Lock(); j.broken = b; j.mu.Unlock() }

// prune deletes the first n entries of each stream.
func (j *journal) prune(n int64) { j.mu.Lock(); j.pruned = n; j.mu.Unlock() }

// tell appends and wakes.
func (b *bench) tell(user, channel string, data ...string) {
	b.srv.Wake(user, b.srv.opt.Source.(*journal).add(user, channel, data...))
}

func asUser(name string) http.Header { return http.Header{"X-User": {name}} }

func (b *bench) pollingAs(name string) *pollingClient {
	c := b.polling()
	c.header = asUser(name)
	return c
}

// overBoth runs f over both transports, in virtual time, with clients of dana.
func overBoth(t *testing.T, opt func() Options, f func(t *testing.T, b *bench, open func(name string) client)) {
	t.Run("L", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, opt())
			f(t, b, func(name string) client { return b.pollingAs(name) })
		})
	})
	t.Run("W", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, opt())
			f(t, b, func(name string) client { return b.websocket(asUser(name)) })
		})
	})
}

// messages returns the data of the next n messages, polling or receiving.
func messages(t *testing.T, c client, n int) string {
	t.Helper()
	var all []string
	for i := 0; len(all) < n; i++ {
		if w, ok := c.(*socketClient); ok {
			f := w.receive()
			if f == "" {
				t.Fatalf("the connection ended after %v", all)
			}
			objs, _ := objects([]byte(f))
			all = append(all, strings.Fields(data(objs))...)
			continue
		}
		all = append(all, strings.Fields(data(c.ask(connectMessage(fmt.Sprintf("m%d%d", n, i), ""))))...)
	}
	return strings.Join(all, " ")
}

// DEL-14, DEL-7, AZ-5, CH-8, line 55: a session is a cursor over its user's stream.
func TestStream(t *testing.T) {
	t.Parallel()
	opt := func() Options { return Options{Source: &journal{epoch: 5}} }
	overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
		b.tell("dana", "/me/chats", "0")
		dana1, dana2, omar := open("dana"), open("dana"), open("omar")
		for _, c := range []client{dana1, dana2, omar} {
			handshake(t, c, "")
		}
		subscribe(t, dana1, "/me/chats", "/me/*")
		subscribe(t, dana2, "/**")
		subscribe(t, omar, "/me/chats", "/**")
		b.tell("dana", "/me/chats", "1", "2")
		b.tell("omar", "/me/chats", "9")
		b.tell("dana", "/me/other", "3")
		for c, want := range map[client]string{dana1: "1 2 3", dana2: "1 2 3", omar: "9"} {
			if got := messages(t, c, len(strings.Fields(want))); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		subscribe(t, omar, "/late") // from now on only
		b.tell("dana", "/me/chats", "4")
		if got := messages(t, dana2, 1); got != "4" {
			t.Error(got)
		}
		// UN-5: after unsubscribe, what was not sent is not sent.
		if w, ok := dana2.(*socketClient); ok {
			_ = w.conn.Close()
			synctest.Wait()
			id := w.cid
			w = b.websocket(asUser("dana"))
			w.cid = id
			dana2 = w
		}
		j := b.srv.opt.Source.(*journal)
		j.add("dana", "/me/chats", "5")
		dana2.ask(`[{"channel":"/meta/unsubscribe","clientId":"<A>","subscription":"/**"}]`)
		subscribe(t, dana2, "/me/chats")
		b.tell("dana", "/me/chats", "6")
		if got := messages(t, dana2, 1); got != "6" {
			t.Error(got)
		}
	})
}

// DEL-6, DEL-15, line 62: catch-up in batches, with connect replies only, confirmed by the next connect.
func TestStreamOverPolls(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		j := &journal{}
		b := startInMemory(t, Options{Source: j, MaxBatch: 3})
		c := b.pollingAs("dana")
		handshake(t, c, "")
		subscribe(t, c, "/n")
		b.tell("dana", "/n", "1", "2", "3", "4", "5", "6", "7")
		if got := data(c.ask(`[{"channel":"/x","clientId":"<A>"}]`)); got != "" {
			t.Errorf("DEL-6: %q on a publish response", got)
		}
		for i, want := range []string{"1 2 3", "4 5 6"} {
			if got := data(c.ask(connectMessage(fmt.Sprint(i), ""))); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if got := data(c.ask(connectMessage("1", ""))); got != "4 5 6" { // DEL-15 (a)
			t.Errorf("repeated: %q", got)
		}
		if got := data(c.ask(connectMessage("3", ""))); got != "7" {
			t.Error(got)
		}
		// A subscription beside a connect changes what is read for it, and takes nothing away (CN-4, DEL-4).
		b.tell("dana", "/n", "71", "72")
		if got := data(c.ask(`[{"channel":"/meta/connect","id":"3b","clientId":"<A>"},{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/n2"}]`)); got != "71 72" {
			t.Errorf("a connect in company got %q", got)
		}
		// A held connect is released by the stream.
		p := c.begin(connectMessage("4", ""))
		synctest.Wait()
		b.tell("dana", "/other", "x") // matches nothing: not released
		synctest.Wait()
		if p.isDone() {
			t.Error("released by what it does not get")
		}
		b.tell("dana", "/n", "8")
		if got := data(p.wait()); got != "8" {
			t.Error(got)
		}
		if n := len(b.session(c).out.waiting); n != 0 || b.session(c).cur.page != nil {
			t.Error("a copy is kept in memory")
		}
	})
}

// AK-14, A19, line 45: ack numbers are positions.
func TestStreamWithAck(t *testing.T) {
	t.Parallel()
	opt := func() Options { return Options{Source: &journal{epoch: 3}, MaxBatch: 2} }
	overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
		b.tell("dana", "/n", "0", "0")
		c := open("dana")
		shake(t, c, `{"ack":true}`)
		same(t, c.ask(ackConnect("0", "0")), ackReply("0", 2, ","+fullAdvice))
		subscribe(t, c, "/n")
		m := func(n string) string { return `{"channel":"/n","data":` + n + `}` }
		b.tell("dana", "/n", "1", "2", "3")
		same(t, c.ask(ackConnect("1", "2")), m("1"), m("2"), ackReply("1", 4, ""))
		same(t, c.ask(ackConnect("2", "2")), m("1"), m("2"), ackReply("2", 4, ""))
		same(t, c.ask(ackConnect("3", "3")), m("2"), m("3"), ackReply("3", 5, "")) // a part of it arrived
		for _, nothing := range []string{"0", "-1", "2", `"x"`} {
			same(t, c.ask(ackConnect("4", nothing)), m("2"), m("3"), ackReply("4", 5, ""))
		}
		b.tell("dana", "/elsewhere", "x") // matches nothing, moves the position
		same(t, c.ask(ackConnect("5", "5")), ackReply("5", 6, ""))
		b.tell("dana", "/n", "4")
		same(t, c.ask(ackConnect("6", "6")), m("4"), ackReply("6", 7, ""))
		same(t, c.ask(ackConnect("7", "9007199254740991")), ackReply("7", 7, "")) // what was sent
		b.tell("dana", "/n", "5")
		same(t, c.ask(ackConnect("8", "7")), m("5"), ackReply("8", 8, ""))
		if got := b.session(c).cur.confirmed; got != 3<<31+7 {
			t.Errorf("confirmed %d", got)
		}
	})
}

// AK-14: passing messages beside a stream whose position does not move.
func TestPassingMessagesWithStreamAndAck(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Source: &journal{}, Timeout: 20 * ms})
	c := b.pollingAs("dana")
	handshake(t, c, `{"ack":true}`)
	must(t, b.session(c).Deliver("/p", value("1")))
	if got := data(c.ask(ackConnect("1", "0"))); got != "1" {
		t.Fatal(got)
	}
	if got := data(c.ask(ackConnect("1", "0"))); got != "1" { // the same connect again: lost
		t.Errorf("not repeated: %q", got)
	}
	if got := data(c.ask(ackConnect("2", "0"))); got != "" { // another one: arrived
		t.Errorf("repeated: %q", got)
	}
}

// DEL-13 with a stream, line 57: confirmed is what a pong showed.
func TestStreamOverWebsocket(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		j := &journal{}
		b := startInMemory(t, Options{Source: j, MaxBatch: 2, WS: WSOptions{ConfirmByPing: true}})
		c := b.websocket(asUser("dana"))
		c.hush()
		handshake(t, c, "")
		subscribe(t, c, "/n")
		b.tell("dana", "/n", "1", "2", "3", "4", "5")
		if got := messages(t, c, 5); got != "1 2 3 4 5" {
			t.Fatal(got)
		}
		must(t, c.write(ws.NewPongFrame(<-c.pings))) // for 1 and 2
		<-c.pings
		synctest.Wait()
		_ = c.conn.Close()
		synctest.Wait()
		b.tell("dana", "/n", "6")
		d := b.websocket(asUser("dana"))
		d.cid = c.cid
		d.send(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/m"}]`)
		if got := messages(t, d, 4); got != "3 4 5 6" {
			t.Errorf("resumed with %q", got)
		}
		synctest.Wait()
		if c := b.session(d).cur; c.confirmed != 6 || c.sent != 6 {
			t.Errorf("%+v", c)
		}
	})
}

// Wake is safe to lose: a connect asks for the head every 30 s.
func TestLostWake(t *testing.T) {
	t.Parallel()
	opt := func() Options { return Options{Source: &journal{}} }
	overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
		c := open("dana")
		handshake(t, c, "")
		subscribe(t, c, "/n")
		j := b.srv.opt.Source.(*journal)
		j.add("dana", "/n", "1") // nobody wakes
		c.ask(connectMessage("1", ""))
		pass(time.Second)
		if w, ok := c.(*socketClient); ok {
			w.send(connectMessage("2", ""))
			if got := w.receive(); got != `[{"channel":"/n","data":1}]` {
				t.Error(got)
			}
		} else if got := data(c.ask(connectMessage("2", ""))); got != "1" {
			t.Error(got)
		}
	})
}

// A Source that fails, in whichever way, costs time, not messages (ER-1).
func TestBrokenSource(t *testing.T) {
	t.Parallel()
	t.Run("errors", func(t *testing.T) { brokenSource(t, func() Options { return Options{Source: &journal{}} }) })
	t.Run("panics", func(t *testing.T) { brokenSource(t, func() Options { return Options{Source: &journal{panics: true}} }) })
}

func brokenSource(t *testing.T, opt func() Options) {
	t.Helper()
	overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
		c := open("dana")
		j := b.srv.opt.Source.(*journal)
		j.setBroken(true)
		same(t, c.ask(`[{"channel":"/meta/handshake","id":"1"}]`),
			`{"channel":"/meta/handshake","id":"1","error":"500::internal_error","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
		j.setBroken(false)
		handshake(t, c, "")
		subscribe(t, c, "/n")
		j.setBroken(true)
		same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/m"}]`),
			`{"channel":"/meta/subscribe","subscription":"/m","error":"500::internal_error","successful":false}`)
		b.tell("dana", "/n", "1")
		synctest.Wait()
		if w, ok := c.(*socketClient); ok {
			pass(5 * time.Second)
			j.setBroken(false)
			if got := w.receive(); got != `[{"channel":"/n","data":1}]` {
				t.Error(got)
			}
			return
		}
		p := c.begin(connectMessage("1", ""))
		pass(5 * time.Second)
		j.setBroken(false)
		if got := data(p.wait()); got != "1" {
			t.Error(got)
		}
	})
}

// Line 58, F3: DC-7, WS-6.
func TestRevoke(t *testing.T) {
	t.Parallel()
	unknown := `{"channel":"/meta/connect","id":"1","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}`
	for name, opt := range map[string]func() Options{
		"with a stream":    func() Options { return Options{Source: &journal{}} },
		"without a stream": func() Options { return Options{} },
	} {
		for _, ack := range []string{"", `{"ack":true}`} {
			t.Run(name+ack, func(t *testing.T) {
				t.Parallel()
				overBoth(t, opt, func(t *testing.T, b *bench, open func(string) client) {
					dana, omar := open("dana"), open("omar")
					handshake(t, dana, ack)
					handshake(t, omar, ack)
					subscribe(t, dana, "/n")
					w, _ := dana.(*socketClient)
					var p *pending
					if w != nil {
						w.send(connectMessage("1", ""))
					} else {
						p = dana.begin(connectMessage("1", ""))
					}
					synctest.Wait()
					want := []string{unknown + "}"}
					if ack != "" {
						want[0] = unknown + `,"ext":{"ack":`
					}
					if j, ok := b.srv.opt.Source.(*journal); ok {
						j.add("dana", "/n", `"bye"`) // written, but nobody was woken yet
						want = append([]string{`{"channel":"/n","data":"bye"}`}, want...)
					}
					for range 2 { // once more takes nothing back
						b.srv.Revoke(func(p Principal) bool { return p.User == "dana" })
					}
					if b.session(dana) != nil || b.session(omar) == nil {
						t.Error("the wrong session was removed")
					}
					var got []string
					if w != nil {
						for len(got) < len(want) {
							objs, err := objects([]byte(w.receive()))
							must(t, err)
							got = append(got, objs...)
						}
						if code := w.closed(); code != 1008 {
							t.Errorf("closed with %d", code)
						}
					} else {
						got = p.wait()
					}
					if len(got) != len(want) || !strings.HasPrefix(strings.Join(got, ""), strings.Join(want, "")) {
						t.Errorf("got %q, want %q", got, want)
					}
				})
			})
		}
	}
}

// WS-6: a log-out also ends the sockets that have no session, on which another could be made.
func TestRevokeSockets(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		fresh, left, other := b.websocket(asUser("dana")), b.websocket(asUser("dana")), b.websocket(asUser("omar"))
		handshake(t, left, "")
		left.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		handshake(t, other, "")
		synctest.Wait()
		b.srv.Revoke(func(p Principal) bool { return p.User == "dana" })
		for name, w := range map[string]*socketClient{"a fresh socket": fresh, "one after a disconnect": left} {
			if code := w.closed(); code != 1008 {
				t.Errorf("%s was closed with %d", name, code)
			}
		}
		if got := other.ask(connectMessage("1", `,"advice":{"timeout":0}`)); len(got) != 1 {
			t.Errorf("omar's socket: %q", got)
		}
	})
}

// Nothing of a stream is lost, repeated to an acknowledging client, or out of
// order, whatever the network does (DEL-14, DEL-15, AK-14, A6, A14).
func TestStreamThroughBadNetwork(t *testing.T) {
	t.Parallel()
	for _, ack := range []bool{true, false} {
		t.Run(fmt.Sprintf("ack %v", ack), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				const total = 300
				j := &journal{limit: 7}
				b := startInMemory(t, Options{Source: j, MaxBatch: 5, MaxInterval: time.Hour, WS: WSOptions{ConfirmByPing: true}})
				c := b.pollingAs("dana")
				ext := ""
				if ack {
					ext = `{"ack":true}`
				}
				handshake(t, c, ext)
				subscribe(t, c, "/n")
				go func() {
					for i := range total {
						<-time.After(time.Duration(i%5) * 100 * ms)
						b.tell("dana", "/n", fmt.Sprint(i+1))
					}
				}()
				seen, last, acked := 0, 0, "0"
				take := func(objs []string, keep bool) {
					if !keep {
						return
					}
					for _, d := range strings.Fields(data(objs)) {
						var n int
						_, _ = fmt.Sscan(strings.TrimSuffix(d, `}`), &n)
						if n > last+1 || ack && n != last+1 {
							t.Fatalf("%d after %d", n, last)
						}
						last = max(last, n)
						seen++
					}
					if _, a, ok := strings.Cut(objs[len(objs)-1], `"ack":`); ok {
						acked = strings.TrimRight(a, "}")
					}
				}
				id := 0
				connect := func(more string) string {
					if ack {
						more += `,"ext":{"ack":` + acked + `}`
					}
					return connectMessage(fmt.Sprint(id), more)
				}
				for round := 0; last < total; round++ {
					if round > 10000 {
						t.Fatalf("stuck at %d", last)
					}
					id++
					switch round % 7 {
					case 3: // the request is aborted while held or answered
						ctx, abort := context.WithTimeout(t.Context(), 30*ms)
						_, _, _ = c.do(ctx, "POST", strings.NewReader(strings.ReplaceAll(connect(""), "<A>", c.id())))
						abort()
						id-- // a client repeats it with the same id
					case 5: // the response is cut: the client has nothing of it
						take(c.ask(connect(`,"advice":{"timeout":50}`)), false)
						id--
					case 6: // over a websocket for a moment, then cut
						w := b.websocket(asUser("dana"))
						w.cid = c.id()
						w.send(connect(`,"advice":{"timeout":200}`))
						for range 3 {
							f := w.receive()
							objs, err := objects([]byte(f))
							must(t, err)
							take(objs, true)
							if isReply(objs[len(objs)-1]) {
								break
							}
						}
						_ = w.conn.Close()
						synctest.Wait()
					default:
						take(c.ask(connect(`,"advice":{"timeout":500}`)), true)
					}
				}
				if seen < total || ack && seen != total {
					t.Errorf("%d messages seen", seen)
				}
			})
		})
	}
}
