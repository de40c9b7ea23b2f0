package bayeux

import (
	"context"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// connect is a /meta/connect that was received and is not answered (6.2).
type connect struct {
	session  *Session
	no       uint64 // counts the connects of the session; the highest is the newest
	channel  string // as received (CH-2)
	id       string
	hasID    bool
	answer   func(*ReplyExt) // of extensions, when it is answered; nil: none
	advice   requestAdvice
	times    times
	interval time.Duration // the interval in force (CN-5)
	alone    bool          // the only message of its request
	pending  bool          // answered early because acknowledgements are missing (AK-5)
	again    bool          // it came before (DEL-15)
	crowded  bool          // above the limit of its browser (CK-8)

	// While it is held.
	sock    *socket       // over websocket
	poll    *exchange     // over HTTP
	done    chan struct{} // over HTTP: closed on release
	until   time.Time
	rest    *resting   // where it rests; nil: nowhere
	browser cookieHash // counts it; "" when none does
	cause   cause
}

// newest reports whether no other connect of the session has come since. The session's lock is held.
func (c *connect) newest() bool { return c.cause != causeSuperseded && c.no == c.session.connects }

// cause says why a held connect is held no longer.
type cause int8

const (
	causeNone cause = iota
	causeMessages
	causeTimeout
	causeSuperseded // a newer connect came, or another transport (CN-10, XT-1)
	causeEnded      // the session ended; Session.ended says how
	causeGone       // its TCP connection or stream is gone (SS-11)
	causeDrain      // the server shuts down
)

// lastReply is what is remembered of the last connect reply over HTTP, by which
// the next connect shows whether it arrived (DEL-15).
type lastReply struct {
	open     bool // nothing has shown yet whether it arrived
	id       string
	hurried  bool // the connect it answered had advice.timeout 0
	parcel   int64
	position mark
	evidence evidence
	sock     *socket // it left on this socket instead
}

// connect handles a /meta/connect up to the point where it is held, or may be
// answered. The answer is completed by exchange.complete.
func (srv *Server) connect(ctx context.Context, x *exchange, s *Session, m *Message, answer func(*ReplyExt)) *connect {
	c := &connect{
		session: s, channel: m.Channel, id: m.ID, hasID: m.id == present, answer: answer, advice: m.advice, times: s.times(x.peer.Transport),
		alone: x.alone, sock: x.sock,
	}
	c.interval = c.times.interval
	if m.advice.interval >= 0 {
		c.interval = min(m.advice.interval, srv.opt.MaxTimeout) // CN-5; no session is kept for ever (CN-8)
	}
	timeout := c.times.timeout
	if m.advice.timeout >= 0 {
		timeout = min(m.advice.timeout, srv.opt.MaxTimeout) // CN-3, CN-8
	}

	s.endInactive()
	first := s.receive(ctx, x, c, m)
	s.endDoubtful()
	s.keepUrgent(ctx)
	for {
		read := srv.catchUp(ctx, s)
		s.mu.Lock()
		if read && s.lags() && s.connects == c.no {
			s.mu.Unlock() // the stream grew at this moment, when nobody was held to be woken
			continue
		}
		break
	}
	defer s.mu.Unlock()
	switch {
	case s.ended != 0:
	case s.connects != c.no:
		c.cause = causeSuperseded // a newer one came while this one read the stream
		return c
	case first, timeout == 0, x.sock == nil && !x.alone, c.pending, srv.draining.Load(): // CN-1, CN-3, CN-4, AK-5
	case s.ready() && (x.sock == nil || s.deliverOnly()): // CN-2, WS-12
	default:
		s.hold(c, x, timeout)
	}
	if s.held != c {
		s.beginAnswer(x)
	}
	return c
}

// receive takes note of a connect: the one before it is over, and what it tells
// about the replies sent so far is applied. It reports whether it is the first.
func (s *Session) receive(ctx context.Context, x *exchange, c *connect, m *Message) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connects++
	c.no = s.connects
	s.hurries++
	if !c.hurried() {
		s.hurries = 0
	}
	s.deadline = time.Time{} // SS-3
	if s.held != nil {
		s.release(causeSuperseded)
	}
	s.awaitReply(ctx, x, c)
	if s.ended != 0 || s.connects != c.no { // what a newer one has shown since is not this one's to judge (AK-13)
		return false
	}
	first = !s.connected
	s.connected = true
	if first {
		s.quick = c.hurried()
		s.altered()
	}
	s.rests = s.rests || !c.hurried() // goes to the store with whatever is written next: it is not worth a write of its own
	if s.ack {
		s.acknowledge(c, m)
	} else {
		s.settle(c)
	}
	return first
}

// awaitReply waits until it can be judged whether the last connect reply arrived:
// when it is written, not before (and two under way at once would have no order);
// and when the peer's system has had time to acknowledge it, which it may put off
// for a moment. s.mu is held, but not while waiting.
func (s *Session) awaitReply(ctx context.Context, x *exchange, c *connect) {
	wait := func(f func()) {
		s.mu.Unlock()
		defer s.mu.Lock()
		f()
	}
	for s.answering != nil && s.answering != x && s.ended == 0 && ctx.Err() == nil {
		written := s.answering.answered
		wait(func() {
			select {
			case <-written:
			case <-ctx.Done():
			}
		})
	}
	if e := s.last.evidence; s.last.open && s.asksConnection(c) && e.lost() {
		wait(func() { e.await(ctx) })
	}
}

// beginAnswer notes that x is about to answer a connect over HTTP. endAnswer
// follows in any case. s.mu is held.
func (s *Session) beginAnswer(x *exchange) {
	if x.sock == nil {
		s.answering = x
	}
}

// endAnswer says that the exchange is over, answered or not.
func (x *exchange) endAnswer() {
	defer close(x.answered)
	if s := x.session; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		x.apart()
		if s.held != nil && s.held.poll == x {
			s.release(causeGone)
		}
		if s.answering == x {
			s.answering = nil
		}
	}
}

// settle decides, without ack, whether the last connect reply arrived (DEL-15).
// s.mu is held.
func (s *Session) settle(c *connect) {
	c.again = s.recall(c)
	doubt := s.repeats.open && !c.again
	if !c.again {
		s.repeats.open = false
	}
	if !s.last.open {
		return
	}
	s.last.open = false
	switch {
	case s.lost(c):
		s.lose(sentBy(byConnect, s.last.parcel))
		return
	case doubt:
		s.settleRepeats()
		return
	}
	s.out.confirm(sentBy(byConnect, s.last.parcel))
	s.confirmStream(s.last.position)
}

// lost reports whether the connect c shows that the reply before it did not
// arrive: in doubt it did not (DEL-15). s.mu is held.
func (s *Session) lost(c *connect) bool {
	l := &s.last
	switch {
	case l.sock != nil:
		return l.sock != c.sock // frames are ordered; another socket knows nothing of them
	case c.again, c.hasID && c.id == l.id: // (a)
		return true
	case c.alone && c.hurried() && !l.hurried: // (b)
		return true
	case c.alone && s.failedAgain() && !l.evidence.arrived(): // (b), in a row
		return true
	}
	return s.asksConnection(c) && l.evidence.lost() // (c)
}

// maxFailures bounds how many connects in a row that hurry are taken for failures: a
// client may have changed to short polling, and would get the same for ever.
const maxFailures = 100

// failedAgain reports whether the connect, as the one before, hurries because of a
// failure: its client has rested before. A proxy may end the connection that
// carried the reply later than the client has come by another one, so that (c)
// would come too late to tell. s.mu is held.
func (s *Session) failedAgain() bool {
	return s.rests && s.hurries > 1 && s.hurries <= maxFailures
}

// hurried reports whether the client asked for an answer at once.
func (c *connect) hurried() bool { return c.advice.timeout == 0 }

// asksConnection reports whether the connection's fate counts at the connect c.
// It does not for a client that hurries after a failure, as its first connect
// showed, and does not hurry now (DEL-15 c).
func (s *Session) asksConnection(c *connect) bool { return !s.quick || c.hurried() }

// lose takes the parcels that match for lost: their messages come again, first,
// and the stream is read again from what is confirmed. s.mu is held.
func (s *Session) lose(match func(*parcel) bool) {
	before := len(s.out.waiting)
	s.out.lose(match)
	again := len(s.out.waiting) - before
	if s.cur != nil {
		s.doubts()
		again += s.rewind()
	}
	s.srv.counters.redelivered.Add(int64(again))
}

// acknowledge applies the ext.ack of a connect: what it names is forgotten, and
// the rest waits to be sent again (17.1). s.mu is held.
func (s *Session) acknowledge(c *connect, m *Message) {
	n, ok := ackNumber(m.Ext)
	fresh := len(s.out.waiting)
	if s.cur != nil {
		s.acknowledgePosition(c, n, ok)
	} else if ok {
		s.out.acknowledge(n) // AK-4, AK-6
		s.srv.counters.redelivered.Add(int64(max(0, len(s.out.waiting)-fresh)))
	}
	s.last.open = false
	s.lose(func(p *parcel) bool { return p.pipe == byConnect }) // AK-4, AK-7
	c.pending = fresh == 0 && len(s.out.waiting) > 0            // AK-5
}

// acknowledgePosition is acknowledge for a session with a durable stream, where
// the number is the position (AK-14). Passing messages may have travelled with a
// reply whose position was that of the reply before: then the number does not
// tell, and what DEL-15 goes by decides. s.mu is held.
func (s *Session) acknowledgePosition(c *connect, n int64, ok bool) {
	if !ok || n < 0 {
		return
	}
	s.confirmStream(s.cur.named(n))
	certain := func(p *parcel) bool {
		at := number(p.position)
		return p.pipe == byConnect && (at < n || at == n && number(p.before) < n)
	}
	s.out.confirm(certain)
	if s.last.open && !s.lost(c) {
		s.out.confirm(func(p *parcel) bool { return p.pipe == byConnect && number(p.position) <= n })
	}
}

// ackNumber reads ext.ack of a connect; false when there is none or it is no
// integer (AK-7, AK-11).
func ackNumber(ext jsontext.Value) (n int64, ok bool) {
	if ext == nil {
		return 0, false
	}
	eachMember(ext, func(name string, value jsontext.Value) {
		if name == "ack" {
			var err error
			n, err = strconv.ParseInt(string(value), 10, 64)
			ok = err == nil
		}
	})
	return n, ok
}

// hold keeps c until something releases it, unless its browser holds enough
// already. s.mu is held.
func (s *Session) hold(c *connect, x *exchange, timeout time.Duration) {
	if x.sock == nil {
		if !s.countHeld(c, x.http2) {
			c.crowded = true // CK-8
			c.interval = max(s.srv.opt.MultiSessionInterval, 0)
			return
		}
		c.poll, c.done = x, make(chan struct{})
	}
	s.held = c
	s.srv.counters.held.Add(1)
	c.until = time.Now().Add(timeout)
	s.alarmIn(timeout)
}

// countHeld counts c among the connects that its browser holds. It reports false
// when these are enough already (CK-7); without a cookie, when none may be held.
func (s *Session) countHeld(c *connect, http2 bool) bool {
	limit := s.srv.opt.MaxSessionsPerBrowser
	if http2 {
		limit = s.srv.opt.HTTP2MaxSessionsPerBrowser
	}
	if limit == NeverHold {
		limit = 0
	}
	if s.cookie == "" {
		return limit != 0
	}
	if !s.srv.browsers.enter(s.cookie, limit) {
		return false
	}
	c.browser = s.cookie
	return true
}

// release is letGo for those who leave the writing to others. s.mu is held.
func (s *Session) release(why cause) {
	if w := s.letGo(why); w != nil {
		s.srv.writers.later(w)
	}
}

// letGo ends the holding of s.held. A request's goroutine wakes and answers. Over websocket, and where the connect rests, the caller must see what is
// returned written. s.mu is held.
func (s *Session) letGo(why cause) writable {
	c := s.held
	s.held = nil
	s.srv.counters.held.Add(-1)
	c.cause = why
	if c.browser != "" {
		s.srv.browsers.leave(c.browser) // CK-10
	}
	switch {
	case c.done != nil:
		if why != causeSuperseded && why != causeGone {
			s.beginAnswer(c.poll)
			c.poll.farewell = why == causeEnded
		}
		close(c.done)
		if c.rest != nil && why != causeGone {
			return c.rest
		}
	case why == causeSuperseded || why == causeGone: // CN-10: never answered
	default:
		x := &exchange{srv: s.srv, session: s, sock: c.sock, answers: []answer{{connect: c}}}
		c.sock.answer(s, x)
		if c.sock.claim() {
			return c.sock
		}
	}
	return nil
}

// answerConnect completes the reply to c. s.mu is held.
func (s *Session) answerConnect(c *connect, t Transport) reply {
	r := reply{channel: c.channel, hasChannel: true, id: c.id, hasID: c.hasID, answer: c.answer}
	c.times = s.ownTimes(t) // they may have changed while it was held
	if c.advice.interval < 0 && !c.crowded {
		c.interval = c.times.interval
	}
	switch s.ended {
	case 0, EndShutdown:
		s.advise(c, t, &r)
	case EndDisconnected, EndByServer: // CN-13, DC-2, DC-5
		r.advice = &Advice{Reconnect: ReconnectNone, Interval: c.interval, Timeout: c.times.timeout}
	case EndInactive: // AC-3
		r = s.srv.unknownConnect(r, t)
		r.advice.Reconnect = ReconnectNone
	default:
		r = s.srv.unknownConnect(r, t) // CN-12, DC-7
	}
	return r
}

// advise puts advice into the reply where CN-6 asks for it. s.mu is held.
func (s *Session) advise(c *connect, t Transport, r *reply) {
	a := &Advice{Interval: c.interval, Timeout: c.times.timeout} // CN-7
	switch {
	case c.crowded:
		a.MultipleClients = true
		if s.srv.opt.MultiSessionInterval <= 0 { // CK-9
			a.Reconnect = ReconnectNone
			r.err = "403:multiple_clients:connect_denied"
		}
		s.advised = ""
	case s.srv.draining.Load():
		a.Interval = s.srv.jitter()
		c.interval = a.Interval
		s.advised = ""
	case s.advised != t, c.advice.given, c.pending: // XT-2, AK-5
		s.advised = t
	default:
		return
	}
	r.advice = a
}

// unknownConnect is the reply to a connect of an unknown session (CN-12).
func (srv *Server) unknownConnect(r reply, t Transport) reply {
	r.err = srv.errorText(sessionUnknown, "")
	r.advice = &Advice{Reconnect: ReconnectHandshake, Timeout: srv.opt.times(t).timeout}
	return r
}
