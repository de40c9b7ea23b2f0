package bayeux

import (
	"context"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Session is one client's stay, from handshake to end (chapter 4). Its methods
// may be called at any time, also when it has ended.
type Session struct {
	srv       *Server
	id        string
	principal Principal
	cookie    cookieHash // empty when it was made on a socket without a browser cookie
	ack       bool       // messages are acknowledged (AK-1)
	replay    bool       // messages tell their positions (RP-1)

	extensions extensions

	mu            sync.Mutex
	upgraded      cookieHash // as good as cookie: set by the upgrade of a socket that went on with the session (WS-5)
	own           Times
	ended         EndReason
	connected     bool             // the first connect was answered (CN-1)
	silent        bool             // nothing is written until the client's next frame (WS-16)
	grouping      int              // deliveries are held back (DEL-7)
	subscriptions map[string]int64 // name → position from which on the stream counts
	lent          bool             // somebody may read them without the lock: they are copied before the next change
	changes       int              // of subscriptions
	out           outbox
	cur           *cursor   // nil without a durable stream
	sock          *socket   // where messages go; nil over HTTP
	http          Transport // the one over HTTP that it has used; "": none yet (LP-8)
	advised       Transport
	held          *connect
	connects      uint64    // number of the newest connect
	answering     *exchange // that is answering a connect over HTTP; nil when none is
	last          lastReply
	repeats       repeats

	deadline time.Time // zero while none runs (SS-3)
	alarm    *time.Timer
	parked   bool       // past its deadline and kept (DEL-14); stays set when it ends so
	lazy     *lazyTimer // nil until a lazy message has waited
	active   time.Time  // last activity (AC-2)
	logged   time.Time  // last line that the client caused (AZ-6)
	doubtful bool       // it is over by RP-6
	quick    bool       // the first connect had advice.timeout 0 (DEL-15)
	rests    bool       // one of the connects had not: it hurries after failures only (DEL-15)
	hurries  int        // connects in a row that hurried
	kept     *keeping   // nil: it is not in a store
}

// EndReason says why a session has ended.
type EndReason int8

// Reasons.
const (
	_               EndReason = iota
	EndDisconnected           // by the client
	EndByServer               // Session.Disconnect
	EndRevoked                // Server.Revoke
	EndExpired                // no sign of life within the deadline (SS-5)
	EndOverflow               // its queue was full (DEL-11)
	EndProcessing             // a message took longer than MaxProcessing (SS-8)
	EndShutdown
	EndUncertain // a session with replay, when it cannot be told what arrived (RP-6)
	EndInactive  // it did nothing but connect for too long (AC-1)
	EndTooOld    // its stream has no longer what it was to get next (DEL-14)
)

// String returns a word for logs.
func (r EndReason) String() string {
	switch r {
	case EndDisconnected:
		return "disconnected"
	case EndByServer:
		return "disconnected by server"
	case EndRevoked:
		return "revoked"
	case EndExpired:
		return "timed out"
	case EndOverflow:
		return "queue full"
	case EndProcessing:
		return "processing took too long"
	case EndUncertain:
		return "uncertain what arrived"
	case EndInactive:
		return "inactive"
	case EndTooOld:
		return "what it missed is not kept"
	case EndShutdown:
		return "server shut down"
	}
	return "not ended"
}

// ID returns the client id (SS-9). Whoever knows it and the cookie can be this
// client: do not log it.
func (s *Session) ID() string { return s.id }

// Principal returns who was behind the handshake.
func (s *Session) Principal() Principal { return s.principal }

// Subscribed reports whether the session has a subscription that matches the
// channel, or is exactly that pattern.
func (s *Session) Subscribed(channel string) bool {
	s.mu.Lock()
	subs := s.lend()
	s.mu.Unlock()
	name := lookupName(channel)
	if _, ok := subs[name]; ok || len(name) < 2 || name[0] != '/' || isPattern(name) {
		return ok
	}
	found := false
	matches(name, func(p []byte) bool {
		_, found = subs[string(p)]
		return !found
	})
	return found
}

// reads reports whether a message on the channel is for the session: it is
// subscribed by name, or by a pattern and may read it (AZ-5).
func (s *Session) reads(channel string) bool {
	s.mu.Lock()
	_, exact := s.subscriptions[lookupName(channel)]
	s.mu.Unlock()
	return exact || s.Subscribed(channel) && s.srv.mayRead(s, lookupName(channel))
}

// Deliver sends data to this session alone, on any channel, subscribed or not
// (DEL-7). The error says what is wrong with the arguments.
func (s *Session) Deliver(channel string, data jsontext.Value) error {
	return s.Send(Outgoing{Channel: channel, Data: data})
}

// Send is Deliver with more to say.
func (s *Session) Send(o Outgoing) error {
	ev, err := s.srv.encode(s, o)
	if ev == nil {
		return err
	}
	s.srv.writers.later(s.srv.queue(ev, s.srv.channels.patience(ev), o.WhenFull, []*Session{s})...)
	return nil
}

// Group calls fn and holds back what is queued for the session meanwhile, so
// that it leaves together (DEL-7).
func (s *Session) Group(fn func()) {
	s.mu.Lock()
	s.grouping++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.grouping--
		s.flush()
	}()
	fn()
}

// push queues a message and sees that it leaves: at once, or when it has waited
// for company as long as its patience lasts (LZ-2). It reports false when the
// session has no room and must be removed (DEL-11). What it returns is the
// caller's to be written.
func (s *Session) push(ev *event, patience time.Duration, full Overflow) (claimed writable, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != 0 {
		return nil, true
	}
	lazy := patience > 0 && !s.parked
	if lazy {
		s.waitForCompany(patience)
	}
	if !s.out.push(ev, lazy, bounds{s.srv.opt.MaxQueue, s.srv.opt.MaxQueueBytes}, full) {
		return nil, false
	}
	s.spokenTo()
	return s.stir(), true
}

// deliverOnly reports whether messages travel with connect replies only (DEL-6).
func (s *Session) deliverOnly() bool {
	o := &s.srv.opt
	switch {
	case s.ack:
		return true
	case s.sock != nil:
		return o.WS.MetaConnectDeliverOnly == On
	}
	return s.cur != nil || o.overHTTP(s.http).MetaConnectDeliverOnly == On
}

// ready reports whether something waits that is to be sent without further cause:
// lazy messages alone are not (LZ-1).
func (s *Session) ready() bool {
	return len(s.out.waiting) > s.out.lazy || s.cur != nil && s.cur.page != nil
}

// lags reports whether the stream has more than was sent or read ahead. s.mu is held.
func (s *Session) lags() bool {
	return s.cur != nil && s.ended == 0 && s.cur.page == nil && s.cur.sent < s.srv.sessions.known(s.cur.stream).head
}

// stir sets in motion what waits, and returns what the caller must see written. s.mu
// is held; nothing is written here.
func (s *Session) stir() (claimed writable) {
	switch {
	case s.ended != 0 || s.grouping > 0 || s.silent:
	case s.sock != nil && !s.deliverOnly():
		if s.ready() && s.sock.claim() {
			return s.sock
		}
	case s.held != nil && s.ready():
		return s.letGo(causeMessages)
	}
	return nil
}

// flush is stir for those who leave the writing to others. s.mu is held.
func (s *Session) flush() {
	if k := s.stir(); k != nil {
		s.srv.writers.later(k)
	}
}

// waitsForNext reports whether the stream waits for the next server, because this one stops: what is not sent is neither lost nor sent twice.
// s.mu is held.
func (s *Session) waitsForNext() bool {
	return s.kept != nil && s.srv.draining.Load() && (s.ended == 0 || s.ended == EndShutdown)
}

// via is the transport in use. s.mu is held.
func (s *Session) via() Transport {
	if s.sock != nil {
		return WebSocket
	}
	return s.http
}

// takeBatch takes what may travel in one response or frame (DEL-16). s.mu is held.
func (s *Session) takeBatch() (events []*event, items []item) {
	count, bytes := s.srv.opt.MaxBatch, s.srv.opt.MaxBatchBytes
	if s.ended != 0 { // there is no next one
		count, bytes = math.MaxInt, math.MaxInt
	}
	if s.cur != nil && s.cur.page != nil && !s.waitsForNext() {
		bytes -= s.cur.page.bytes
		events = s.takePage(s.via())
		if count -= len(events); bytes <= 0 {
			return events, nil // out.take would add one all the same
		}
	}
	return events, s.out.take(count, bytes, math.MaxUint64)
}

// limit bounds the time that server code has for one message (SS-8). done is to be
// called when the message has been processed.
func (s *Session) limit(ctx context.Context, d time.Duration) (_ context.Context, done context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	timer := s.srv.after(d, func() {
		cancel()
		s.remove(EndProcessing)
	})
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

// extend moves a running deadline to at least MaxInterval from now (SS-4).
func (s *Session) extend(t Transport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoken()
	if until := time.Now().Add(s.ownTimes(t).maxInterval); !s.deadline.IsZero() && s.deadline.Before(until) {
		s.deadline = until
	}
}

// expireIn sets the deadline (SS-1, SS-2). s.mu is held.
func (s *Session) expireIn(d time.Duration) {
	if s.ended != 0 {
		return
	}
	s.deadline = time.Now().Add(d)
	s.alarmIn(d)
}

// alarmIn sets the one timer of a session, which serves its deadlines and the time-outs
// of its held connects: no deadline runs while one is held (SS-3). It looks again when what
// it was set for has moved. s.mu is held.
func (s *Session) alarmIn(d time.Duration) {
	if s.alarm == nil {
		s.alarm = s.srv.after(d, s.onAlarm)
	} else {
		s.alarm.Reset(d)
	}
}

func (s *Session) onAlarm() {
	s.mu.Lock()
	held := s.held != nil
	if held && s.ended == 0 {
		if left := time.Until(s.held.until); left > 0 {
			s.alarm.Reset(left)
		} else {
			s.release(causeTimeout)
		}
	}
	s.mu.Unlock()
	if !held {
		s.checkDeadline()
	}
}

// linger sets the deadline that runs after a connect, unless the next one is
// there already (SS-2, SS-11), or the session went on without it and was parked
// since. s.mu is held.
func (s *Session) linger(c *connect) {
	if s.held == nil && s.connects == c.no && !s.parked {
		s.expireIn(c.interval + c.times.maxInterval)
	}
}

func (s *Session) checkDeadline() {
	parked := false
	passed := func() bool {
		left := time.Until(s.deadline)
		switch {
		case s.deadline.IsZero():
			return false
		case left > 0: // never early (SS-7)
			s.alarm.Reset(left)
			return false
		case s.parked || s.srv.opt.ResumeWindow <= 0:
			return true
		}
		s.park()
		parked = true
		return false
	}
	if s.removeIf(EndExpired, passed) {
		s.srv.counters.expired.Add(1)
	}
	if parked {
		s.tellParked(true)
	}
}

// Disconnect ends the session from the server's side (DC-5): the client gets
// what waits for it, then a /meta/disconnect message, and is told not to come
// back. Over a websocket the connection is closed if the client does not do so
// within five seconds (DC-6).
func (s *Session) Disconnect() { s.remove(EndByServer) }

// disconnectEvent is the message of DC-5.
func disconnectEvent(stamp string) *event {
	b := appendTimestamp([]byte(`[{"channel":"/meta/disconnect","successful":true`), stamp)
	return &event{array: append(b, "}]"...)}
}

// remove ends the session. It reports whether this call did.
func (s *Session) remove(why EndReason) bool {
	return s.removeIf(why, func() bool { return true })
}

// removeIf ends the session if it has not ended and the condition holds, which
// is asked under s.mu.
func (s *Session) removeIf(why EndReason, condition func() bool) bool {
	s.mu.Lock()
	if s.ended != 0 || !condition() {
		s.mu.Unlock()
		return false
	}
	s.ended = why
	if s.kept != nil && why != EndShutdown {
		s.srv.saver.forget(s)
	}
	if s.parked {
		s.srv.counters.parked.Add(-1)
	}
	s.deadline = time.Time{}
	if s.alarm != nil {
		s.alarm.Stop()
	}
	s.lazy.stop()
	subs := s.subscriptions
	s.subscriptions = nil
	switch why {
	case EndByServer, EndInactive:
		s.out.append(disconnectEvent(s.srv.timestamp()), false)
	case EndDisconnected, EndExpired, EndOverflow, EndProcessing: // DC-1, SS-5, DEL-11, SS-8
		s.out = outbox{}
	}
	if why == EndRevoked && s.cur != nil && (s.held != nil || s.sock != nil) {
		s.srv.pushers.lastWords(s, subs) // the farewell follows when they are read (DC-7)
	} else {
		s.farewell()
	}
	s.mu.Unlock()

	s.srv.channels.forget(s, subs)
	s.srv.sessions.remove(s)
	if hook := s.srv.opt.OnEnd; hook != nil {
		func() {
			defer s.srv.recovered("OnEnd", func() {})
			hook(s, why)
		}()
	}
	return true
}

// farewell answers the held connect of an ended session and lets its socket go.
// What still waits goes before that reply (DC-5, DC-7). s.mu is held.
func (s *Session) farewell() {
	k := s.sock
	if k != nil && (!s.deliverOnly() || s.held == nil && s.ended != EndShutdown) {
		k.sendMessages(s.takeBatch())
	}
	if s.held != nil && s.ended != EndDisconnected { // DC-2: the disconnect reply goes first
		s.release(causeEnded)
	}
	if k != nil {
		s.sock = nil
		k.sessionEnded(s.ended)
	}
}

// setSubscription records a subscription. With replay it may begin at a position
// that was passed, or has been since it was looked up (RP-2). It reports false when
// the session has ended. channels.mu is held.
func (s *Session) setSubscription(name string, from int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != 0 {
		return false
	}
	if _, ok := s.subscriptions[name]; ok {
		return true // SUB-6
	}
	subs := s.ownSubscriptions()
	if s.cur != nil {
		s.cur.former.forget(name)
		if s.replay && from < s.cur.sent && !s.setBack(from, subs) {
			return false
		}
	}
	subs[name] = from
	s.changeSubscriptions(subs)
	return true
}

// dropSubscription is the reverse. channels.mu is held.
func (s *Session) dropSubscription(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.subscriptions[name]; !ok {
		return
	}
	subs := s.ownSubscriptions()
	delete(subs, name)
	s.changeSubscriptions(subs)
}

// lend returns the subscriptions for reading them without the lock. s.mu is held.
func (s *Session) lend() map[string]int64 {
	s.lent = true
	return s.subscriptions
}

// ownSubscriptions returns the subscriptions for changing them: whoever has many changes one as fast as who has few. s.mu is held.
func (s *Session) ownSubscriptions() map[string]int64 {
	switch {
	case s.subscriptions == nil:
		return make(map[string]int64)
	case s.lent:
		return maps.Clone(s.subscriptions)
	}
	return s.subscriptions
}

func (s *Session) changeSubscriptions(subs map[string]int64) {
	s.subscriptions, s.lent = subs, false
	s.changes++
	s.altered()
	if s.cur != nil {
		s.cur.drop()
	}
}
