//go:build linux

package main

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// generator is the load on one peer, and what is seen of it.
type generator struct {
	loop       *loop
	peer       *peer
	began      time.Time
	clients    []*client
	publishers []*publisher
	ready      int
	lost       int // clients whose connection or session ended

	sent        []uint32 // by room
	fanout      int
	window      int // deliveries that may be under way; 0: the rate decides
	outstanding int
	next        int           // room
	from        time.Duration // what was sent before is not measured

	received    int // since reset
	latencies   []int32
	repeated    int
	outOfOrder  int
	outsideRoom int
}

// publisher sends what belongs to some of the rooms, so that each room has an order. Over long-polling it has a second connection for that, and what
// comes up while a request is under way goes with the next.
type publisher struct {
	*client
	posts   *conn
	waiting []byte
	busy    bool
}

const (
	publishers = 10
	payload    = 200 // bytes of data
	roomAt     = 1   // within the data: ~ROOM SEQUENCE TIME
	seqAt      = roomAt + 4
	timeAt     = seqAt + 8
	padAt      = timeAt + 16
)

func newGenerator(p *peer, rooms, fanout int) (*generator, error) {
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	return &generator{loop: l, peer: p, began: time.Now(), sent: make([]uint32, rooms), fanout: fanout}, nil
}

// open brings n clients to where they are ready; seats says in which rooms the i-th is. A few are on their way at a time.
func (g *generator) open(n int, transport func(i int) string, seats func(i int) []int) error {
	const atOnce = 64
	var failed error
	first, deadline := g.ready, time.Now().Add(2*time.Minute)
	opened := 0
	err := g.loop.run(time.Millisecond, func() bool {
		for ; opened < n && opened < g.ready-first+atOnce; opened++ {
			c, err := g.startClient(transport(opened), seats(opened))
			if err != nil {
				failed = err
				return false
			}
			g.clients = append(g.clients, c)
		}
		switch {
		case g.lost > 0:
			failed = fmt.Errorf("%d connections were refused or ended while they were set up", g.lost)
		case time.Now().After(deadline):
			failed = fmt.Errorf("%d of %d clients were ready in time", g.ready-first, n)
		}
		return failed == nil && g.ready < first+n
	})
	if err != nil {
		return err
	}
	return failed
}

// openPublishers does the same for those who publish.
func (g *generator) openPublishers(transport string) error {
	n := len(g.clients)
	if err := g.open(publishers, func(int) string { return transport }, func(int) []int { return nil }); err != nil {
		return err
	}
	for _, c := range g.clients[n:] {
		p := &publisher{client: c}
		if transport == longPolling {
			var err error
			if p.posts, err = g.loop.dial(g.peer.addr); err != nil {
				return err
			}
			p.posts.read = p.posted
		}
		g.publishers = append(g.publishers, p)
	}
	g.clients = g.clients[:n]
	return nil
}

func (g *generator) lose(*client) { g.lost++ }

func (g *generator) now() time.Duration { return time.Since(g.began) }

// publish sends the next message, to the rooms in turn.
func (g *generator) publish() {
	room := g.next
	g.next = (room + 1) % len(g.sent)
	g.sent[room]++
	g.outstanding += g.fanout
	data := fmt.Appendf(make([]byte, 0, payload), "~%04d%08d%016d", room, g.sent[room], g.now())
	data = append(data, bytes.Repeat([]byte{'x'}, payload-padAt)...)
	p := g.publishers[room%len(g.publishers)]
	if g.peer.bare {
		p.say(fmt.Sprintf(`p%04d[{"channel":"%s","data":"%s"}]`, room, roomName(room), data))
		return
	}
	message := fmt.Appendf(nil, `{"channel":"%s","id":"3","clientId":"%s","data":"%s"}`, roomName(room), p.id, data)
	if p.posts == nil {
		p.say("[" + string(message) + "]")
		return
	}
	if len(p.waiting) > 0 {
		p.waiting = append(p.waiting, ',')
	}
	p.waiting = append(p.waiting, message...)
	p.post()
}

func (p *publisher) post() {
	if !p.busy && len(p.waiting) > 0 {
		p.g.loop.send(p.posts, post(p.cookie, "["+string(p.waiting)+"]"))
		p.waiting, p.busy = p.waiting[:0], true
	}
}

// posted takes the answers to publishes.
func (p *publisher) posted(data []byte) int {
	if data == nil {
		p.g.lose(p.client)
		return 0
	}
	res, used := nextResponse(data)
	if used == 0 {
		return 0
	}
	if res.status != 200 || bytes.Contains(res.body, failure) {
		p.g.lose(p.client)
		return -1
	}
	p.busy = false
	p.post()
	return used
}

// pump keeps the window full.
func (g *generator) pump() {
	for g.window > 0 && g.outstanding+g.fanout <= g.window {
		g.publish()
	}
}

var mark = []byte(`"~`)

// note takes the deliveries out of the text of a frame or response.
func (g *generator) note(c *client, b []byte) {
	for {
		at := bytes.Index(b, mark)
		if at < 0 || len(b) < at+1+payload {
			return
		}
		data := b[at+1:]
		b = data[payload:]
		g.outstanding--
		g.received++
		if sent := time.Duration(number(data[timeAt:padAt])); sent >= g.from {
			g.latencies = append(g.latencies, int32((g.now()-sent)/time.Microsecond))
		}
		g.check(c, number(data[roomAt:seqAt]), uint32(number(data[seqAt:timeAt])))
	}
}

func number(digits []byte) (n int) {
	for _, d := range digits {
		n = 10*n + int(d-'0')
	}
	return n
}

// check holds a delivery against what the client has received in that room so far.
func (g *generator) check(c *client, room int, seq uint32) {
	at := slices.IndexFunc(c.seats, func(s seat) bool { return s.room == room })
	if at < 0 {
		g.outsideRoom++
		return
	}
	s := &c.seats[at]
	switch _, missing := s.missing[seq]; {
	case seq == s.last+1:
		s.last = seq
	case seq > s.last:
		if s.missing == nil {
			s.missing = make(map[uint32]struct{})
		}
		for n := s.last + 1; n < seq; n++ {
			s.missing[n] = struct{}{}
		}
		s.last = seq
	case missing:
		delete(s.missing, seq)
		g.outOfOrder++
	default:
		g.repeated++
	}
}

// lostMessages counts what was sent and has not arrived.
func (g *generator) lostMessages() (n int) {
	for _, c := range g.clients {
		for _, s := range c.seats {
			n += int(g.sent[s.room]-s.last) + len(s.missing)
		}
	}
	return n
}

// stay serves the connections for some time.
func (g *generator) stay(d time.Duration) error {
	until := time.Now().Add(d)
	return g.loop.run(10*time.Millisecond, func() bool { return time.Now().Before(until) })
}
