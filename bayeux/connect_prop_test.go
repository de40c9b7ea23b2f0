package bayeux

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pollModel is a client that polls one session over a network which loses requests
// and replies. It knows what each kind of real client knows, and no more.
type pollModel struct {
	s        *Session
	ack      bool
	hurries  bool // after a failure it connects with advice.timeout 0 and a new id; else it repeats the id
	conn     *trackedConn
	id       int
	began    bool
	failed   bool  // the last reply or request was lost
	batch    int64 // the last that it was told
	received int
}

// connect sends one connect. Its fate: the request is lost, the reply is lost, or
// neither. It returns the messages that the client sees.
func (p *pollModel) connect(t *rapid.T, requestLost, replyLost bool) []item {
	if !p.failed || p.hurries {
		p.id++
	}
	m := Message{advice: requestAdvice{timeout: -1, interval: -1}}
	if p.hurries && (p.failed || !p.began) {
		m.advice.timeout, m.advice.given = 0, true
	}
	if p.ack {
		m.Ext = value(fmt.Sprintf(`{"ack":%d}`, p.batch))
	}
	if p.failed = requestLost || replyLost; requestLost {
		return nil
	}
	p.began = true
	p.conn.mu.Lock()
	p.conn.requests++
	p.conn.mu.Unlock()
	x := &exchange{srv: p.s.srv, session: p.s, peer: &Peer{Transport: LongPolling}, conn: p.conn, alone: true, answered: make(chan struct{})}
	c := &connect{session: p.s, id: strconv.Itoa(p.id), hasID: true, advice: m.advice, alone: true}
	p.s.receive(t.Context(), x, c, &m)
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	_, items := p.s.takeBatch()
	_, batch := p.s.closeBatch(c, LongPolling, items)
	x.remember(c)
	if replyLost {
		p.conn.mu.Lock()
		p.conn.ended = true
		p.conn.mu.Unlock()
		p.conn = new(trackedConn)
		return nil
	}
	p.batch = batch
	return items
}

// take checks what the client saw: in order, without a gap, and nothing again that
// it could have done without.
func (p *pollModel) take(t *rapid.T, items []item, afterLoss bool) {
	for _, it := range items {
		n := int(it.n)
		switch {
		case n > p.received+1:
			t.Fatalf("message %d after %d", n, p.received)
		case n <= p.received && (p.ack || !afterLoss):
			t.Fatalf("message %d again, after %d", n, p.received)
		}
		p.received = max(p.received, n)
	}
}

// Whatever is lost on the way, polls lose no message and keep the order, and repeat
// none but after a loss; with ack, none at all (DEL-1, DEL-8, DEL-15, DEL-16, AK-2 to
// AK-7, LZ-3).
func TestPollProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		srv, err := New(Options{MaxBatch: rapid.IntRange(1, 4).Draw(t, "batch")})
		if err != nil {
			t.Fatal(err)
		}
		ack := rapid.Bool().Draw(t, "ack")
		s := &Session{srv: srv, id: "abcdefgh", ack: ack}
		defer func() { s.lazy.stop() }()
		p := &pollModel{s: s, ack: ack, hurries: rapid.Bool().Draw(t, "hurries"), conn: new(trackedConn)}
		published := 0
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				published++
				ev, _ := newEvent(Outgoing{Channel: "/k", Data: value(fmt.Sprint(published))}, "")
				s.push(ev, rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "patience"), EndSession)
			},
			"connect": func(t *rapid.T) {
				before := p.failed
				fate := rapid.SampledFrom([]string{"", "", "request lost", "reply lost"}).Draw(t, "fate")
				p.take(t, p.connect(t, fate == "request lost", fate == "reply lost"), before)
			},
		})
		for range published + 1 { // a good network at last: everything arrives
			before := p.failed
			p.take(t, p.connect(t, false, false), before)
		}
		if p.received != published {
			t.Fatalf("%d of %d arrived", p.received, published)
		}
		p.connect(t, false, false)
		if s.mu.Lock(); s.out.count != 0 || s.out.bytes != 0 || s.out.lazy != 0 {
			t.Fatalf("something is kept: %+v", s.out)
		}
		s.mu.Unlock()
	})
}
