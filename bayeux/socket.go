package bayeux

import (
	"context"
	"encoding/binary"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// socket is one websocket (chapter 15). Its reader is a goroutine. Who has the claim
// to write (writers.go) is the only one that does.
//
// What is written, in this order: pong, messages of the session, frames
// that were handed over (replies), a ping, and at last the close frame. Each write
// is one call with all that is ready.
type socket struct {
	srv     *Server
	conn    net.Conn
	raw     syscall.RawConn // of conn, to write without waiting; nil where that is not possible
	peer    *Peer           // without its Header
	header  packedHeader    // of the upgrade
	cookie  cookieHash      // carried by the upgrade, or fresh (WS-5)
	carried bool
	deflate bool
	ctx     context.Context // of handlers; it does not end
	leaving atomic.Bool     // its session was revoked; it is closed after the last words (DC-7)

	mu      sync.Mutex
	changed sync.Cond // out was emptied, the writer has ended, or the socket is to end
	session *Session
	out     []frame
	writing bool
	dead    bool // the connection is of no use any more
	closing ws.StatusCode
	closed  bool // the close frame was written

	pong    []byte // to answer the newest ping; nil: none
	ping    bool   // a keep-alive ping is due (WS-20)
	missing int    // pings in a row without any frame from the peer
	confirm confirmation
	pinged  time.Time
	active  time.Time // last frame in either direction (WS-19)
	spoke   time.Time // when the peer's last frame came
	busy    int       // how many frames of the peer came soon after the one before
	pace    pace      // only the reader uses it
	deaf    time.Time // until then nothing is read (MaxMessageRate)
	timer   *time.Timer
}

// frame is a text frame that waits to be written.
type frame struct {
	text    []byte
	late    *response // to be encoded without a lock: it then becomes the text
	after   uint64    // messages up to this number go before it (WS-14)
	connect *connect  // whose reply it carries: its deadline starts with the write (SS-2)
}

// confirmation is the state of ConfirmByPing (DEL-13).
type confirmation struct {
	no       uint64 // of the ping under way; 0: none
	count    uint64
	parcel   int64 // what its pong confirms
	position mark
	since    time.Time
	more     bool // messages left after that ping
	// What left last, which the answer to a close frame confirms.
	lastParcel   int64
	lastPosition mark
}

// closeWait is how long the peer may take to answer a close frame.
const closeWait = 2 * time.Second

// disconnectGrace is how long a client may take to close after DC-5 (DC-6).
const disconnectGrace = 5 * time.Second

// start begins to serve an upgraded connection.
func (k *socket) start(early []byte) {
	k.changed.L = &k.mu
	now := time.Now()
	k.active, k.pinged = now, now
	if !k.srv.tasks.begin() {
		_ = k.conn.Close()
		return
	}
	k.srv.sockets.add(k)
	k.mu.Lock()
	k.timer = k.srv.after(time.Hour, k.tick)
	k.schedule(now)
	k.mu.Unlock()
	if k.srv.draining.Load() {
		k.close(ws.StatusGoingAway)
	}
	go k.read(early)
}

// idle reports whether the writer has nothing to do.
func (k *socket) idle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.writing && !k.dead
}

// send hands over a frame.
func (k *socket) send(f frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.dead {
		k.out = append(k.out, f)
	}
}

// answer completes the answers of x and hands them over as one frame (WS-14).
// Whoever calls it sees to the writing. s.mu is held.
func (k *socket) answer(s *Session, x *exchange) {
	res := x.completeLocked()
	f := frame{after: s.out.last, connect: res.connect}
	if res.answered() {
		f.late = &res
	} else {
		f.text = res.encode(k.srv, nil)
	}
	k.send(f)
}

// encodeLate encodes what waits for that. Only the writer, who calls it, takes
// frames from out, so they stay where they are.
func (k *socket) encodeLate() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.out { // what comes meanwhile has its turn in lockEncoded
		if res := k.out[i].late; res != nil {
			k.mu.Unlock()
			text := res.encode(k.srv, nil)
			k.mu.Lock()
			k.out[i].text, k.out[i].late = text, nil
		}
	}
}

// lockEncoded is lock when all that waits is encoded.
func (k *socket) lockEncoded() (s *Session, unlock func()) {
	for {
		k.encodeLate()
		s, unlock := k.lock()
		if !slices.ContainsFunc(k.out, func(f frame) bool { return f.late != nil }) {
			return s, unlock
		}
		unlock()
	}
}

// sendMessages hands over the last messages of a session that has ended. Their
// session's lock is held.
func (k *socket) sendMessages(events []*event, items []item) {
	for _, ev := range events {
		k.send(frame{text: ev.array})
	}
	for _, it := range items {
		k.send(frame{text: it.ev.array})
	}
}

// lock locks the session that the socket is bound to, if any, and the socket.
func (k *socket) lock() (s *Session, unlock func()) {
	for {
		k.mu.Lock()
		s = k.session
		if s == nil {
			return nil, k.mu.Unlock
		}
		k.mu.Unlock()
		s.mu.Lock()
		k.mu.Lock()
		if k.session == s {
			return s, func() { k.mu.Unlock(); s.mu.Unlock() }
		}
		k.mu.Unlock()
		s.mu.Unlock()
	}
}

// compose puts together the next write. When there is nothing, the claim to write
// is given up, and it reports false.
func (k *socket) compose(l *load) bool {
	s, unlock := k.lockEncoded()
	wake := ""
	defer func() {
		unlock()
		if wake != "" {
			k.srv.pushers.wake(wake)
		}
	}()
	if k.dead || k.closed {
		k.out = nil
		k.rest()
		return false
	}
	if k.pong != nil {
		k.control(l, ws.OpPong, k.pong)
		k.pong = nil
	}
	speaks := s != nil && s.sock == k && s.ended == 0 && !s.silent && s.grouping == 0 && !s.deliverOnly()
	if speaks {
		l.session = s
		k.messages(l, s)
	} else {
		k.replies(l, math.MaxUint64)
	}
	if k.ping {
		k.ping = false
		k.control(l, ws.OpPing, nil)
	}
	switch {
	case l.Len() > 0:
		k.active = time.Now()
	case k.closing != 0:
		k.control(l, ws.OpClose, ws.NewCloseFrameBody(k.closing, ""))
		k.closed = true
	default:
		k.rest()
		if speaks && s.lags() {
			wake = s.cur.stream // it grew while this was writing
		}
		return false
	}
	return true
}

// rest gives the claim to write up. k.mu is held.
func (k *socket) rest() {
	k.writing = false
	k.changed.Broadcast()
}

// messages adds what the session has to say, with the replies between (WS-14).
func (k *socket) messages(l *load, s *Session) {
	count, bytes := k.srv.opt.MaxBatch, k.srv.opt.MaxBatchBytes
	cause := s.ready() // without one, lazy messages go with a reply only (LZ-2)
	var events []*event
	if s.cur != nil {
		events = s.takePage(WebSocket)
		count -= len(events)
		for _, ev := range events {
			bytes -= len(ev.array)
		}
	}
	var taken []item
	take := func(upTo uint64) {
		items := s.out.take(count, bytes, upTo)
		count -= len(items)
		for _, it := range items {
			bytes -= len(it.ev.array)
			events = append(events, it.ev)
		}
		taken = append(taken, items...)
	}
	for len(k.out) > 0 && count > 0 && bytes > 0 {
		take(k.out[0].after)
		k.texts(l, events)
		events = events[:0]
		if len(s.out.waiting) > 0 && s.out.waiting[0].n <= k.out[0].after {
			break // this write is full; the rest goes before the reply
		}
		k.replies(l, k.out[0].after)
	}
	if cause && len(k.out) == 0 && count > 0 && bytes > 0 {
		take(math.MaxUint64)
	}
	k.texts(l, events)
	l.parcel, l.position = s.out.seal(parcel{pipe: bySocket, items: taken}), s.position()
	k.askToConfirm(l)
}

// replies adds the frames that wait for no message above upTo.
func (k *socket) replies(l *load, upTo uint64) {
	n := 0
	for n < len(k.out) && k.out[n].after <= upTo {
		f := &k.out[n]
		k.text(l, f.text, nil)
		if f.connect != nil {
			l.connects = append(l.connects, f.connect)
		}
		n++
	}
	if k.out = k.out[n:]; len(k.out) == 0 {
		k.out = nil
		k.changed.Broadcast()
	}
}

// texts adds messages, up to MessagesPerFrame in a frame (WS-15).
func (k *socket) texts(l *load, events []*event) {
	l.messages += len(events)
	most := k.srv.opt.WS.MessagesPerFrame
	for len(events) > 0 {
		n := min(most, len(events))
		if n == 1 {
			k.text(l, events[0].array, events[0])
		} else {
			k.text(l, encode(events[:n], nil, nil), nil)
		}
		events = events[n:]
	}
}

// text adds a text frame. The compressed form of an event is shared.
func (k *socket) text(l *load, text []byte, ev *event) {
	h := ws.Header{Fin: true, OpCode: ws.OpText}
	if k.deflate && len(text) >= k.srv.opt.WS.CompressAbove {
		h.Rsv = ws.Rsv(true, false, false)
		if ev != nil {
			text = ev.deflated(&k.srv.packers)
		} else {
			text = k.srv.packers.deflate(text)
		}
	}
	k.frame(l, h, text)
}

func (k *socket) control(l *load, op ws.OpCode, payload []byte) {
	k.frame(l, ws.Header{Fin: true, OpCode: op}, payload)
}

func (k *socket) frame(l *load, h ws.Header, payload []byte) {
	h.Length = int64(len(payload))
	_ = ws.WriteHeader(l.output, h) // a bytes.Buffer does not fail
	l.Write(payload)
}

// askToConfirm adds the ping whose pong shows that the messages arrived (DEL-13).
// One is under way at a time.
func (k *socket) askToConfirm(l *load) {
	if s := l.session; !s.confirmsByPing() {
		return
	}
	c := &k.confirm
	c.lastParcel, c.lastPosition = l.parcel, l.position
	if c.no != 0 {
		c.more = c.more || l.messages > 0
		return
	}
	if l.messages == 0 && !c.more {
		return
	}
	c.count++
	c.no, c.parcel, c.position, c.since, c.more = c.count, l.parcel, l.position, time.Now(), false
	k.control(l, ws.OpPing, binary.BigEndian.AppendUint64(nil, c.no))
	k.schedule(c.since)
}

// ponged takes a pong: it confirms what left before its ping (DEL-13).
func (k *socket) ponged(payload []byte) {
	if len(payload) != 8 {
		return
	}
	s, unlock := k.lock()
	c := &k.confirm
	if c.no == 0 || binary.BigEndian.Uint64(payload) != c.no {
		unlock()
		return
	}
	c.no = 0
	if s != nil && s.sock == k {
		s.out.confirm(sentBy(bySocket, c.parcel))
		s.confirmStream(c.position)
	}
	more := c.more
	unlock()
	if more {
		k.kick()
	}
}

// closeAnswered takes the peer's close frame: with the code of ours it is the answer to that, and shows like a pong what arrived before (DEL-13).
func (k *socket) closeAnswered(code ws.StatusCode) {
	s, unlock := k.lock()
	defer unlock()
	if k.closed && code == k.closing && s != nil && s.sock == k && s.confirmsByPing() {
		s.out.confirm(sentBy(bySocket, k.confirm.lastParcel))
		s.confirmStream(k.confirm.lastPosition)
	}
}

// wrote says what became of a write. It reports whether the claim is still the
// caller's: mostly nothing is left to write, and then it ends here.
func (k *socket) wrote(l *load) bool {
	err := l.err
	k.srv.packers.release(l.output)
	if err != nil {
		k.abort()
		return true
	}
	k.srv.counters.delivered.Add(int64(l.messages))
	for _, c := range l.connects {
		c.session.mu.Lock()
		c.session.linger(c)
		c.session.mu.Unlock()
	}
	s, unlock := k.lock()
	defer unlock()
	if s != nil && s == l.session && s.sock == k && !s.confirmsByPing() { // else it has been taken for lost
		s.out.confirm(numbered(l.parcel))
		s.confirmStream(l.position)
	}
	if k.closed {
		_ = k.conn.SetReadDeadline(time.Now().Add(closeWait)) // the reader waits for the peer's close that long
	}
	more := k.dead || k.closed || k.closing != 0 || k.pong != nil || k.ping || len(k.out) > 0 ||
		s != nil && (len(s.out.waiting) > 0 || s.cur != nil)
	if !more {
		k.rest()
	}
	return more
}

// close lets the socket end once everything was written. The first code counts.
func (k *socket) close(code ws.StatusCode) {
	k.setClosing(code)
	k.kick()
}

func (k *socket) setClosing(code ws.StatusCode) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing == 0 {
		k.closing = code
		k.changed.Broadcast()
	}
}

// abort ends the connection without further words.
func (k *socket) abort() {
	k.mu.Lock()
	k.dead = true
	k.changed.Broadcast()
	k.mu.Unlock()
	_ = k.conn.Close() // wakes the reader, which clears up
}

// bind ties the socket to the session that its first message named (WS-9).
func (k *socket) bind(s *Session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.session != s {
		k.session = s
		k.confirm = confirmation{count: k.confirm.count}
	}
}

// rebind ties it to the session of a new handshake; the old one is left without a
// transport (SS-15).
func (k *socket) rebind(s *Session) {
	old := k.session // only the reader, who calls this, changes it
	k.bind(s)
	if old != nil {
		k.detach(old)
	}
}

// detach takes a session off this socket, if it is still there.
func (k *socket) detach(s *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sock == k && s.ended == 0 {
		s.leaveSocket(WebSocket)
	}
}

// sessionEnded says that the session is over; how decides about the connection.
// The session's lock is held.
func (k *socket) sessionEnded(why EndReason) {
	switch why {
	case EndDisconnected, EndUncertain, EndTooOld: // the client closes (DC-4), or shakes hands anew (RP-6, DEL-14)
	case EndByServer, EndInactive: // DC-6
		k.srv.after(disconnectGrace, func() { k.close(ws.StatusNormalClosure) })
		k.kick()
	case EndRevoked: // WS-6
		k.close(ws.StatusPolicyViolation)
	case EndShutdown: // WS-23
		k.close(ws.StatusGoingAway)
	default: // SS-5, WS-22
		k.close(ws.StatusNormalClosure)
	}
}

// tick looks after pings and idleness (WS-19, WS-20, DEL-13).
func (k *socket) tick() {
	o := &k.srv.opt.WS
	now := time.Now()
	k.mu.Lock()
	dead := k.confirm.no != 0 && !now.Before(k.confirmBy())
	idle := o.IdleTimeout > 0 && now.Sub(k.active) >= o.IdleTimeout
	if o.PingInterval > 0 && now.Sub(k.pinged) >= o.PingInterval && !k.closed {
		k.pinged = now
		if k.missing++; k.missing > 2 {
			dead = true
		}
		k.ping = true
	}
	ping := k.ping
	if !k.dead {
		k.schedule(now)
	}
	k.mu.Unlock()
	switch {
	case dead:
		k.abort()
	case idle:
		k.close(ws.StatusGoingAway)
	case ping:
		k.kick()
	}
}

// confirmBy is when the pong of the confirming ping must be there. It cannot be
// heard while nothing is read. k.mu is held.
func (k *socket) confirmBy() time.Time {
	since := k.confirm.since
	if k.deaf.After(since) {
		since = k.deaf
	}
	return since.Add(k.srv.opt.WS.ConfirmTimeout)
}

// schedule sets the timer to when tick has something to do. k.mu is held.
func (k *socket) schedule(now time.Time) {
	o := &k.srv.opt.WS
	next := time.Hour
	if o.PingInterval > 0 {
		next = min(next, k.pinged.Add(o.PingInterval).Sub(now))
	}
	if o.IdleTimeout > 0 {
		next = min(next, k.active.Add(o.IdleTimeout).Sub(now))
	}
	if k.confirm.no != 0 {
		next = min(next, k.confirmBy().Sub(now))
	}
	k.timer.Reset(max(next, time.Millisecond))
}
