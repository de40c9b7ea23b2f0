package interop_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/line"
)

// breaks are the scenarios with a line that breaks, or a server that dies.
func breaks(transport string) []scenario {
	all := []scenario{{name: "restart", needs: []string{"restart"}, run: survivesRestart}}
	for _, f := range faults(transport) {
		needs := slices.Concat([]string{"return"}, f.needs)
		if !f.ackOnly {
			all = append(all, scenario{name: f.name + "/plain", needs: needs, run: func(t *testing.T, p party) { f.through(t, p, false) }})
		}
		all = append(all, scenario{name: f.name + "/ack", needs: append(needs, "ack"), run: func(t *testing.T, p party) { f.through(t, p, true) }})
	}
	return all
}

// When the server is killed and comes back on the same port, the client shakes hands again, subscribes again and gets messages (CN-12, LP-14).
func survivesRestart(t *testing.T, p party) {
	s := startServer(t)
	c := p.open(t, "b", at(s.address, p.transport))
	c.handshake()
	c.subscribe("/s")
	c.subscribe("/s/t")
	newAuthor(t, s).publish("/s", 1)
	c.hears("/s", `/s 1`)
	before := c.count()
	s.restart(func() { before = c.awaitAfter(before, "that the client notices", isState("broken")) })
	c.awaitAfter(before, "the return of the client", isReturned)
	a := newAuthor(t, s)
	a.publish("/s", 2)
	a.publish("/s/t", 3)
	c.hears("/s", `/s 1`, `/s 2`)
	c.hears("/s/t", `/s/t 3`)
}

// fault is something that happens to the line of a client again and again.
type fault struct {
	name   string
	bursts int
	needs  []string
	// hurt harms the line in the middle of a burst; always harms the connections to come.
	hurt   func(*line.Line)
	always func() func() line.Fault
	cuts   bool // that connections are cut is to be seen
	silent bool // nothing is to be seen
	// Without acknowledgements too little is to be seen of it (DEL-15).
	ackOnly bool
}

func faults(transport string) []fault {
	silent := line.Way{Silent: true}
	told := []string{"tell"} // nothing else shows the server that its reply went nowhere
	if transport == "websocket" {
		told = append(told, "hang-up")
	}
	// A script cannot be given up: when it is not answered its connection stays, also when that happens twice in a row.
	scripts := transport == "callback-polling"
	return []fault{
		{name: "reset", bursts: 6, hurt: (*line.Line).Reset, cuts: true},
		{name: "half-open", bursts: 1, silent: true, needs: told, hurt: func(l *line.Line) { l.Break(line.Both(silent)) }},
		{name: "no-replies", bursts: 1, silent: true, needs: told, hurt: func(l *line.Line) { l.Break(line.Fault{Down: silent}) }, ackOnly: scripts},
		{name: "no-requests", bursts: 1, silent: true, hurt: func(l *line.Line) { l.Break(line.Fault{Up: silent}) }},
		{name: "delay", bursts: 4, always: func() func() line.Fault {
			return func() line.Fault { return line.Both(line.Way{Delay: 60 * time.Millisecond}) }
		}},
		{name: "cut-replies", bursts: 6, always: cutReplies, cuts: true},
	}
}

// cutReplies lets each connection break off in the middle of what the server sends, sooner or later.
func cutReplies() func() line.Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(23, 42))
	return func() line.Fault {
		mu.Lock()
		defer mu.Unlock()
		bytes := int64(150 + random.IntN(1500))
		if random.IntN(3) == 0 {
			bytes = 20_000 // or else a full batch would never get through
		}
		return line.Fault{Down: line.Way{Cut: bytes, Reset: random.IntN(2) == 0}}
	}
}

// through lets a client get messages over a line with the fault. The session lasts; nothing is lost and the order holds; with acknowledgements nothing
// comes twice either (DEL-8, DEL-9, DEL-13, DEL-15, AK-4, AK-15).
func (f fault) through(t *testing.T, p party, ack bool) {
	const burst = 10
	channel := fmt.Sprintf("/%s/%v", f.name, ack)
	a := newAuthor(t, p.server)
	l, err := line.Listen(p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	settings := at(l.Address(), p.transport)
	settings["ack"] = ack
	if f.silent {
		settings["maxNetworkDelay"] = 2000 // this long it takes the client to notice
	}
	c := p.open(t, "b", settings)
	c.handshake()
	c.subscribe(channel)
	a.publish(channel, 0)
	c.hears(channel, channel+" 0")
	settled := c.count()
	if f.always != nil {
		l.Next(f.always())
		l.Reset()
	}
	last := 0
	for range f.bursts {
		for i := range burst {
			if i == burst/2 && f.hurt != nil {
				f.hurt(l)
			}
			last++
			a.publish(channel, last)
		}
		c.await("the last message of a burst", func(events []event) bool { return slices.Contains(numbers(t, events), last) })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next, repeated := 0, 0
	for i, n := range numbers(t, c.events) {
		switch {
		case n > next:
			t.Fatalf("message %d came as number %d, but %d never did", n, i, next)
		case n == next:
			next++
		default:
			repeated++
		}
	}
	if ack && repeated > 0 {
		t.Errorf("%d messages came twice in spite of acknowledgements", repeated)
	}
	if slices.ContainsFunc(c.events[settled:], isReturned) {
		t.Error("the session was lost")
	}
	if f.cuts && l.Cuts() < 2 {
		t.Errorf("the line was cut %d times", l.Cuts())
	}
	t.Logf("%d connections, %d of them cut, %d messages, %d of them repeated", l.Passed(), l.Cuts(), last+1, repeated)
}

// numbers are the data of the messages.
func numbers(t *testing.T, events []event) []int {
	var all []int
	for _, e := range events {
		if e.Event != "message" {
			continue
		}
		var n int
		if err := json.Unmarshal(e.Data, &n); err != nil {
			t.Errorf("data %s: %v", e.Data, err)
		}
		all = append(all, n)
	}
	return all
}
