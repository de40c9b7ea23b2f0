package bayeux

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// durableModel is a client over a bad network whose server stops and dies, and what it may see: every message of its stream once and in order with
// ack, and without it again only what a crash or a failure leaves in doubt.
type durableModel struct {
	*reader
	hurries  bool // after a failure it connects with advice.timeout 0 and a new id; else it repeats the id
	told     int
	last     int               // the newest that was seen
	known    map[int]time.Time // when the server learnt that the client has it, unless it has forgotten since
	open     []int             // of the newest reply: nothing has shown yet that they arrived
	failed   bool
	doubtful bool // of the newest reply the server may think that it was lost
	killed   bool
	wrong    string
}

func (m *durableModel) fail(format string, args ...any) {
	if m.wrong == "" {
		m.wrong = fmt.Sprintf(format, args...)
	}
}

// see takes the messages of a reply or frame.
func (m *durableModel) see(got string) {
	var seen []int
	for _, d := range strings.Fields(got) {
		n, err := strconv.Atoi(d)
		if err != nil {
			continue // of other channels
		}
		switch _, known := m.known[n]; {
		case n == m.last+1:
			m.last = n
		case n > m.last:
			m.fail("%d after %d", n, m.last)
		case m.ack:
			m.fail("%d again, with ack", n)
		case !m.doubtful && (known || !m.killed):
			m.fail("%d again, without a reason", n)
		}
		seen = append(seen, n)
	}
	if m.c.transport() == WebSocket && !m.ack {
		m.learn(seen)
	} else {
		m.open = seen
	}
}

// learn notes that the server knows that the client has these.
func (m *durableModel) learn(seen []int) {
	for _, n := range seen {
		m.known[n] = time.Now()
	}
}

// frames takes what a websocket got.
func (m *durableModel) frames() (reply string) {
	synctest.Wait()
	w := m.c.(*socketClient)
	for len(w.frames) > 0 {
		objs, err := objects([]byte(w.receive()))
		must(m.l.t, err)
		got, last := m.read(objs)
		m.see(got)
		if isReply(last) {
			reply = last
		}
	}
	return reply
}

// request is the next connect. Clients differ in what they do after a failure.
func (m *durableModel) request() string {
	m.doubtful = m.doubtful || m.failed
	switch {
	case m.failed && m.hurries:
		return m.message(`,"advice":{"timeout":0}`)
	case m.failed:
		m.id-- // it repeats the request
	}
	return m.message(`,"advice":{"timeout":50}`)
}

// poll is a connect that works, up to its reply.
func (m *durableModel) poll() {
	request, reply := m.request(), ""
	if w, ok := m.c.(*socketClient); ok {
		w.send(request)
		pass(100 * time.Millisecond)
		reply = m.frames()
	} else {
		if !m.doubtful {
			m.learn(m.open)
		}
		var got string
		got, reply = m.read(m.c.ask(request))
		m.see(got)
	}
	if !strings.Contains(reply, `"successful":true`) {
		m.fail("the reply is %q", reply)
	}
	m.doubtful = m.failed && !m.hurries // of two replies to one connect nobody knows which was read
	m.failed = false
}

// loseReply is a connect whose reply is cut.
func (m *durableModel) loseReply() {
	if w, ok := m.c.(*socketClient); ok {
		w.hush()
		w.send(m.request())
		_ = w.conn.Close()
		synctest.Wait()
		for f := range w.frames { // it saw a part of it
			objs, err := objects([]byte(f))
			must(m.l.t, err)
			got, _ := m.read(objs)
			m.see(got)
			if !m.ack {
				m.doubtful = true // without a pong
			}
		}
		m.again()
		return
	}
	p := m.c.(*pollingClient)
	request := m.request()
	go func() { _, _, _ = p.post(request) }()
	synctest.Wait()
	m.l.cut()
	pass(time.Second) // it is answered, or held no more
	m.failed = true
}

func (m *durableModel) tell(n int) {
	for range n {
		m.told++
		m.l.tell("/n", strconv.Itoa(m.told))
	}
	if m.c.transport() == WebSocket && !m.ack {
		m.frames()
	}
}

// changeSubscriptions changes others than that whose messages are counted.
func (m *durableModel) changeSubscriptions(verb, name string) {
	m.l.tell(name, `"x"`)
	got := m.c.ask(`[{"channel":"/meta/` + verb + `","id":"s","clientId":"<A>","subscription":"` + name + `"}]`)
	reply := got[len(got)-1]
	m.see(data(withoutReplies(got)))
	synctest.Wait() // for the pong
	if verb == "subscribe" && !strings.Contains(reply, `"successful":true`) {
		m.fail("%s: %s", verb, reply)
	}
}

func (m *durableModel) restart(end func(*lasting), crash bool) {
	if m.c.transport() == WebSocket && !m.ack {
		m.frames()
	}
	if crash {
		m.killed, m.open = true, nil
		maps.DeleteFunc(m.known, func(_ int, at time.Time) bool { return time.Since(at) <= time.Second })
	}
	end(m.l)
	m.l.begin()
	m.again()
}

// DEL-14, DEL-15, DEL-13, AK-14: whatever happens to the server and to replies, nothing is lost and all comes in order; with ack nothing comes twice, and
// without it only what was not confirmed a second before a crash, or a reply of which the client itself tells that it may have been lost.
func TestDurableProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		transport := rapid.SampledFrom([]Transport{LongPolling, WebSocket, CallbackPolling}).Draw(rt, "transport")
		ack, hurries := rapid.Bool().Draw(rt, "ack"), rapid.Bool().Draw(rt, "hurries")
		acts := []string{"tell", "tell", "poll", "poll", "lose", "kill", "stop", "moment", "second", "subscribe", "unsubscribe"}
		plan := rapid.SliceOfN(rapid.SampledFrom(acts), 1, 40).Draw(rt, "plan")
		wrong := ""
		bubble(t, func(t *testing.T) {
			l := startLasting(t, Options{MaxBatch: 4, WS: WSOptions{ConfirmByPing: true}})
			m := &durableModel{reader: l.newReader(transport, ack, "/n"), hurries: hurries, known: map[int]time.Time{}}
			for i, act := range plan {
				switch act {
				case "tell":
					m.tell(1 + i%3)
				case "poll":
					m.poll()
				case "lose":
					m.loseReply()
				case "kill":
					m.restart((*lasting).kill, true)
				case "stop":
					m.restart((*lasting).stop, false)
				case "moment":
					pass(300 * time.Millisecond)
				case "second":
					pass(time.Second)
				default:
					m.changeSubscriptions(act, fmt.Sprintf("/o%d", i%3))
				}
				if m.wrong != "" {
					wrong = fmt.Sprintf("at %d: %s", i, m.wrong)
					return
				}
			}
			for i := 0; m.last < m.told && i < m.told+5; i++ {
				m.poll()
			}
			if wrong = m.wrong; wrong == "" && m.last < m.told {
				wrong = fmt.Sprintf("%d of %d arrived", m.last, m.told)
			}
			l.stop()
			pass(10*time.Minute + 10*time.Second)
			l.begin()
			m.again()
			if _, reply := m.connect(""); wrong == "" && !strings.Contains(reply, "402::") {
				wrong = "past the window: " + reply
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}
