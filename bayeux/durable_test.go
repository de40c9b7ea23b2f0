package bayeux

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lasting is a bench whose server is stopped, or killed, and started again, with what is on disk.
type lasting struct {
	*bench
	opt   Options
	sh    *shelf
	j     *journal
	mu    sync.Mutex
	conns []net.Conn
}

// startLasting starts the first server, in a synctest bubble.
func startLasting(t *testing.T, opt Options) *lasting {
	t.Helper()
	l := &lasting{opt: opt, sh: newShelf(), j: &journal{epoch: 3}}
	if l.opt.ResumeWindow == 0 {
		l.opt.ResumeWindow = 10 * time.Minute
	}
	l.bench = &bench{t: t}
	l.begin()
	return l
}

// begin starts a server.
func (l *lasting) begin() {
	opt := l.opt
	opt.Source, opt.Sessions = l.j, l.sh
	b := startInMemory(l.t, opt)
	dial := b.dial
	l.srv, l.http, l.logs = b.srv, b.http, b.logs
	l.dial = func() (net.Conn, error) {
		c, err := dial()
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil {
			l.conns = append(l.conns, c)
		}
		return c, err
	}
}

// cut ends all connections.
func (l *lasting) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// stop ends the server properly.
func (l *lasting) stop() {
	l.t.Helper()
	must(l.t, l.srv.Shutdown(context.Background()))
	_ = l.http.Close()
	l.cut()
	synctest.Wait()
}

// kill ends the server in the midst of things: what comes after this moment is not on the disk of the next.
func (l *lasting) kill() {
	l.t.Helper()
	disk := l.sh.crashed(l.opt.ResumeWindow)
	l.cut()
	l.sh.heal() // nobody sees any more what is written there
	l.stop()
	l.sh = disk
}

func (l *lasting) tell(channel string, data ...string) {
	l.srv.Wake("dana", l.j.add("dana", channel, data...))
}

// open returns a client of dana.
func (l *lasting) open(t Transport) client {
	switch t {
	case WebSocket:
		return l.websocket(asUser("dana"))
	case CallbackPolling:
		c := l.script()
		c.header = asUser("dana")
		return c
	}
	return l.pollingAs("dana")
}

// again is the client after a restart: the same id, cookies and user, a new connection.
func (l *lasting) again(c client) client {
	if c.transport() == WebSocket {
		w := l.websocket(asUser("dana"))
		w.cid = c.id()
		return w
	}
	return c
}

// ends are the ways in which a server ends.
var ends = map[string]func(*lasting){"stop": (*lasting).stop, "kill": (*lasting).kill}

// overRestarts runs f for each transport and way to end, without and with ack.
func overRestarts(t *testing.T, opt func() Options, f func(t *testing.T, l *lasting, transport Transport, ack bool, restart func())) {
	t.Helper()
	for _, transport := range []Transport{LongPolling, WebSocket, CallbackPolling} {
		for name, end := range ends {
			for _, ack := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/ack=%v", transport, name, ack), func(t *testing.T) {
					t.Parallel()
					bubble(t, func(t *testing.T) {
						l := startLasting(t, opt())
						f(t, l, transport, ack, func() { end(l); l.begin() })
					})
				})
			}
		}
	}
}

// reader is a client as real ones are: it brings back the ack numbers that it is told, and its ids go on.
type reader struct {
	l    *lasting
	c    client
	ack  bool
	last string // ack number
	id   int
}

// newReader shakes hands and subscribes.
func (l *lasting) newReader(t Transport, ack bool, channels ...string) *reader {
	l.t.Helper()
	r := &reader{l: l, c: l.open(t), ack: ack, last: "0"}
	ext := ""
	if ack {
		ext = `{"ack":true}`
	}
	shake(l.t, r.c, ext)
	r.connect(`,"advice":{"timeout":0}`)
	subscribe(l.t, r.c, channels...)
	return r
}

// message is the next connect.
func (r *reader) message(more string) string {
	r.id++
	if r.ack {
		more += `,"ext":{"ack":` + r.last + `}`
	}
	return connectMessage(fmt.Sprint(r.id), more)
}

// connect asks and returns the data of the messages that came, and the reply.
func (r *reader) connect(more string) (got, reply string) {
	r.l.t.Helper()
	return r.read(r.c.ask(r.message(more)))
}

func (r *reader) read(objs []string) (got, reply string) {
	reply = objs[len(objs)-1]
	if _, after, ok := strings.Cut(reply, `"ext":{"ack":`); ok {
		r.last, _, _ = strings.Cut(after, "}")
	}
	return data(withoutReplies(objs)), reply
}

// next polls, or receives, until n messages have come.
func (r *reader) next(n int) string {
	r.l.t.Helper()
	var all []string
	for range 3 * n {
		if len(all) >= n {
			break
		}
		var got string
		if w, ok := r.c.(*socketClient); ok && !r.ack {
			objs, err := objects([]byte(w.receive()))
			must(r.l.t, err)
			got = data(withoutReplies(objs))
		} else {
			got, _ = r.connect(`,"advice":{"timeout":100}`)
		}
		all = append(all, strings.Fields(got)...)
	}
	return strings.Join(all, " ")
}

// again goes on after a restart.
func (r *reader) again() { r.c = r.l.again(r.c) }

// DEL-14, WS-25, 16: a session goes on with the next server, whatever the first message is; with what came meanwhile, and nothing twice that was
// confirmed a second ago.
func TestRestart(t *testing.T) {
	t.Parallel()
	opt := func() Options { return Options{Timeout: 20 * time.Second, WS: WSOptions{ConfirmByPing: true}} }
	overRestarts(t, opt, func(t *testing.T, l *lasting, transport Transport, ack bool, restart func()) {
		r := l.newReader(transport, ack, "/n", "/m/*")
		l.tell("/n", "1", "2")
		if got := r.next(2); got != "1 2" {
			t.Fatalf("before: %q", got)
		}
		r.connect(`,"advice":{"timeout":1}`) // which confirms them
		pass(time.Second)
		for n := 3; n < 9; n += 2 {
			restart()
			l.tell("/n", fmt.Sprint(n))
			r.again()
			first := []string{"", `[{"channel":"/x","clientId":"<A>","id":"f","data":1}]`, `[{"channel":"/meta/subscribe","clientId":"<A>","id":"f","subscription":"/o"}]`}[(n-3)/2]
			var got string
			if first != "" {
				objs := r.c.ask(first)
				if last := objs[len(objs)-1]; !strings.Contains(last, `"successful":true`) {
					t.Fatalf("first message: %s", last)
				}
				got = data(withoutReplies(objs))
			}
			l.tell("/m/a", fmt.Sprint(n+1))
			objs, reply := r.connect(`,"advice":{"timeout":10}`)
			if got += " " + objs; !strings.Contains(reply, `"successful":true`) || !strings.Contains(reply, `"advice"`) { // CN-6
				t.Fatalf("connect: %s", reply)
			}
			for i := 0; i < 5 && len(strings.Fields(got)) < 2; i++ {
				got += " " + r.next(1)
			}
			if want := fmt.Sprint(n, " ", n+1); strings.Join(strings.Fields(got), " ") != want {
				t.Errorf("after: %q, want %q", got, want)
			}
			r.connect(`,"advice":{"timeout":1}`)
			pass(time.Second)
			if st := l.srv.Stats(); st.Handshakes != 0 || st.Resumed != 1 || st.Parked != 0 || st.Sessions != 1 {
				t.Errorf("%+v", st)
			}
		}
		r.c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		if _, ok := l.sh.row(r.c.id()); ok {
			t.Error("the row of a session that has ended is kept")
		}
	})
}
