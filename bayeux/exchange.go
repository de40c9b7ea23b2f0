package bayeux

import (
	"cmp"
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// exchange is one array of messages from a client, and the answers to it. The
// transports are shells round it: they read the array, call process, wait while a
// connect is held, and write what complete returns.
type exchange struct {
	srv      *Server
	peer     *Peer
	cookie   cookieHash // of the request or upgrade
	fresh    string     // browser cookie that the response is to set (CK-1)
	http2    bool       // for CK-7
	sock     *socket    // nil over HTTP
	conn     *trackedConn
	alone    bool     // one message in the array
	names    int      // in subscriptions
	pressed  bool     // more waits to be read: writing is left to others
	grouped  bool     // holds back the session's deliveries
	session  *Session // the one that the messages belong to (LP-6, WS-9)
	made     *Session // by a handshake in this array
	shaken   bool     // a handshake was seen
	answers  []answer
	answered chan struct{} // over HTTP: closed when it is over
	farewell bool          // answers a connect that was held when the session ended; guarded by the session's lock
	held     *connect      // waiting; its answer is not among answers yet
	leaving  []*Session    // ended by a disconnect in this array; their held connects come last (DC-2)
}

// answer is a finished reply, or a connect whose reply is completed when it is sent.
type answer struct {
	reply   reply
	connect *connect
}

// process handles the messages in order (MSG-2, chapter 5).
func (x *exchange) process(ctx context.Context, msgs []Message) {
	x.alone = len(msgs) == 1
	x.srv.counters.received.Add(int64(len(msgs)))
	for i := range msgs {
		x.one(ctx, &msgs[i])
	}
}

// one handles one message. A failure of server code costs only this one (ER-1).
func (x *exchange) one(ctx context.Context, m *Message) {
	defer x.srv.recovered("message", func() {
		r := replyTo(m)
		r.err = x.srv.errorText(internalError, "")
		x.answers = append(x.answers, answer{reply: r})
	})
	r, c := x.handle(ctx, m)
	switch {
	case c == nil:
		x.answers = append(x.answers, answer{reply: r})
	case !c.until.IsZero(): // it is held, or was until a moment ago
		x.held = c
	case c.cause == causeSuperseded && c.sock != nil: // CN-10: never answered
	default:
		x.answers = append(x.answers, answer{connect: c})
	}
}

// handle takes one message through the steps of chapter 5. It returns the reply,
// or the connect that will be answered.
func (x *exchange) handle(ctx context.Context, m *Message) (reply, *connect) {
	if n, ok := x.checkFields(m); !ok {
		return x.fail(m, n, ""), nil
	}
	answer, err := x.incoming(ctx, m)
	if err != nil {
		return x.failed(m, messageDeleted, err), nil
	}
	r, c := x.dispatch(ctx, m, answer)
	if c == nil {
		r.answer = answer
	}
	return r, c
}

// connectInCompany reports whether other messages stand beside a connect that is answered now. A subscription among them has
// dropped what the connect had read ahead of the stream, and it is to be read again (CN-4, DEL-4).
func (x *exchange) connectInCompany() bool {
	return x.session != nil && len(x.answers) > 1 &&
		slices.ContainsFunc(x.answers, func(a answer) bool { return a.connect != nil })
}

// checkFields is step 1.
func (x *exchange) checkFields(m *Message) (situation, bool) {
	strict := x.srv.opt.ValidateMessageFields == On
	switch {
	case m.channel == absent:
		return channelMissing, false
	case m.channel == wrongType || !validChannel(m.Channel, !strict):
		return channelInvalid, false
	case isPattern(lookupName(m.Channel)) && !x.srv.opt.AllowWildcardPublish: // PUB-6
		return channelInvalid, false
	case m.id == wrongType || m.id == present && (len(m.ID) > maxIDLength || strict && !validID(m.ID)):
		return idInvalid, false
	}
	return 0, true
}

// dispatch is steps 3 to 8. answer is what completes the reply.
func (x *exchange) dispatch(ctx context.Context, m *Message, answer func(*ReplyExt)) (reply, *connect) {
	name := lookupName(m.Channel)
	if name == metaHandshake {
		return x.handshake(ctx, m), nil
	}
	s, err := x.sessionOf(ctx, m)
	if err != nil {
		r := x.failed(m, sessionUnknown, err)
		if name == metaConnect {
			r.advice = x.tryLater(ReconnectRetry)
		}
		return r, nil
	}
	if s == nil {
		r := x.fail(m, sessionUnknown, "")
		if name == metaConnect { // CN-12, WS-27
			r = x.srv.unknownConnect(r, x.peer.Transport)
		}
		return r, nil
	}
	if limit := x.srv.opt.MaxProcessing; limit > 0 { // SS-8
		var done context.CancelFunc
		ctx, done = s.limit(ctx, limit)
		defer done()
	}
	if name == metaConnect {
		return reply{}, x.srv.connect(ctx, x, s, m, answer)
	}
	s.extend(x.peer.Transport)
	switch {
	case name == metaSubscribe:
		return x.subscribe(ctx, s, m), nil
	case name == metaUnsubscribe:
		return x.unsubscribe(ctx, s, m), nil
	case name == metaDisconnect:
		return x.disconnect(ctx, s, m), nil
	case familyOf(name) == familyMeta: // MT-1
		return x.fail(m, channelCreateDenied, reasonPolicy), nil
	}
	return x.publish(ctx, s, m), nil
}

// tryLater is advice for when the store or a stream cannot be used at the moment.
func (x *exchange) tryLater(how string) *Advice {
	v := x.srv.opt.times(x.peer.Transport)
	return &Advice{Reconnect: how, Interval: max(v.interval, retryAfter), Timeout: v.timeout}
}

// fail is the reply to a message that was refused.
func (x *exchange) fail(m *Message, n situation, reason string) reply {
	r := replyTo(m)
	r.err = x.srv.errorText(n, reason)
	return r
}

// failed is the reply to a message that server code did not let pass. n is what a
// plain refusal means in this situation.
func (x *exchange) failed(m *Message, n situation, err error) reply {
	r := replyTo(m)
	no, isRefusal := refusal(err)
	switch {
	case isRefusal:
		r.err = x.srv.refused(n, no)
		r.ext.merge(no.Ext)
		r.advice = x.adviceOf(no, m)
		x.logRefusal(m, r.err)
	case isVeto(err):
		r.err = x.srv.errorText(messageDeleted, "")
	default:
		x.srv.counters.failures.Add(1)
		x.srv.opt.Logger.Error("a client's message failed in server code", "channel", loggable(m.Channel), "error", err)
		r.err = x.srv.errorText(internalError, "")
	}
	return r
}

// adviceOf is what a refusal says a client should do, in replies that may have
// advice (HS-6, ER-2).
func (x *exchange) adviceOf(no *Refusal, m *Message) *Advice {
	if name := lookupName(m.Channel); no.Advice == nil || name != metaHandshake && name != metaConnect {
		return nil
	}
	a := *no.Advice
	a.Timeout = cmp.Or(a.Timeout, x.srv.opt.times(x.peer.Transport).timeout) // AD-1
	return &a
}

func (x *exchange) logRefusal(m *Message, text string) {
	x.srv.counters.refusals.Add(1)
	// Without a session there is no limit to how often: a refused handshake is counted only.
	if s := x.session; s != nil && s.mayLog() {
		x.srv.opt.Logger.Info("refused", "user", s.principal.User, "session", s.handle(), "channel", loggable(m.Channel), "error", text)
	}
}

// logPeriod is the shortest time between two lines that clients can cause for one
// session (AZ-6).
const logPeriod = time.Second

// mayLog reports whether it is time for a line about the session, and counts it.
func (s *Session) mayLog() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.logged) < logPeriod {
		return false
	}
	s.logged = now
	return true
}

// handle names the session in logs without giving its id away.
func (s *Session) handle() string { return s.id[:6] }

// loggable shortens what a client sent to what a log line may carry.
func loggable(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

func stack() string { return string(debug.Stack()) }

// response is what goes out for an exchange: messages, and replies that encode completes.
type response struct {
	events  []*event
	items   []item
	replies []reply
	session *Session
	parcel  int64    // number of the parcel that left with it, or 0
	connect *connect // the last connect that it answers
}

// complete chooses what the response carries.
func (x *exchange) complete() response {
	s := x.session
	if s == nil {
		replies := make([]reply, len(x.answers))
		for i, a := range x.answers {
			replies[i] = a.reply
		}
		return response{replies: replies}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return x.completeLocked()
}

// completeLocked is complete with the session's lock held.
func (x *exchange) completeLocked() response {
	s := x.session
	res := response{session: s}
	for _, a := range x.answers {
		if c := a.connect; c != nil && c.newest() { // messages go with the newer one
			res.connect = c
		}
	}
	var events []*event
	var items []item
	switch {
	case s.sock != x.sock && s.ended == 0: // another transport carries the messages now (XT-3)
	case s.answering != nil && s.answering != x && s.answering.farewell: // the last ones precede the reply to the held connect (DC-5)
	case x.sock != nil && !s.deliverOnly(): // they leave in frames of their own (WS-14)
	case res.connect != nil || !s.deliverOnly(): // DEL-4, DEL-6
		events, items = s.takeBatch()
	}
	s.srv.counters.delivered.Add(int64(len(events) + len(items)))
	x.apart()

	open := items // what no parcel holds yet
	replies := make([]reply, 0, len(x.answers))
	for _, a := range x.answers {
		if a.connect == nil {
			replies = append(replies, a.reply)
			continue
		}
		// The first connect reply closes the batch; a second one in the same array
		// closes an empty one.
		r, no := s.closeBatch(a.connect, x.transport(), open)
		if len(open) > 0 {
			res.parcel, open = no, nil
		}
		replies = append(replies, r)
	}
	if len(open) > 0 {
		res.parcel = s.out.seal(parcel{pipe: byResponse, items: open})
	}
	if res.connect != nil && s.ended == 0 {
		x.remember(res.connect)
	}
	res.events, res.items, res.replies = events, items, replies
	return res
}

// carries reports whether there are messages besides the replies.
func (res *response) carries() bool { return len(res.events)+len(res.items) > 0 }

// answered reports whether extensions have something to say to one of the replies.
func (res *response) answered() bool {
	return slices.ContainsFunc(res.replies, func(r reply) bool { return r.answer != nil })
}

// encode completes the replies and appends the array that goes out to b. No lock is
// held if the response is answered by extensions.
func (res *response) encode(srv *Server, b []byte) []byte {
	stamp := srv.timestamp()
	for i := range res.replies {
		res.replies[i].complete(srv)
		res.replies[i].timestamp = stamp
	}
	return appendArray(b, res.events, res.items, res.replies)
}

// closeBatch completes the reply to c, which closes a batch of messages, and
// returns the number of its parcel (AK-2, AK-14). s.mu is held.
func (s *Session) closeBatch(c *connect, t Transport, items []item) (reply, int64) {
	r := s.answerConnect(c, t)
	p := parcel{pipe: byConnect, items: items, position: s.position(), before: s.last.position}
	no := s.out.seal(p)
	if s.ack && c.newest() { // an older one brings nothing, and its client may not have what the newer one brought
		told := no
		if s.cur != nil {
			told = number(p.position)
		}
		r.ext.setInt("ack", told)
	}
	return r, no
}

// position is the place reached in the durable stream. s.mu is held.
func (s *Session) position() mark {
	if s.cur == nil {
		return mark{}
	}
	return s.cur.reached()
}

// finishConnects completes the answers that belong to the session which this
// exchange is about to leave (SS-15).
func (x *exchange) finishConnects() {
	s := x.session
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, a := range x.answers {
		if a.connect != nil {
			x.answers[i].reply, _ = s.closeBatch(a.connect, x.transport(), nil)
			x.answers[i].connect = nil
		}
	}
}

// remember keeps what the next connect will be measured by (DEL-15). s.mu is held.
func (x *exchange) remember(c *connect) {
	s := x.session
	if x.sock != nil && !s.deliverOnly() {
		return // nothing travelled with the reply
	}
	s.last = lastReply{
		open: true, id: c.id, hurried: c.hurried(),
		parcel: s.out.sealed, position: s.position(), sock: x.sock,
	}
	if x.sock == nil {
		s.last.evidence = x.conn.mark(x.http2)
	}
}

func (x *exchange) transport() Transport {
	if x.sock != nil {
		return WebSocket
	}
	return x.peer.Transport
}

// encode joins what goes out into one array.
func encode(events []*event, items []item, replies []reply) []byte {
	return appendArray(nil, events, items, replies)
}

// appendArray appends what goes out as one array: the handshake reply, the messages,
// the other replies (DEL-3).
func appendArray(b []byte, events []*event, items []item, replies []reply) []byte {
	size := 2 + 256*len(replies)
	for _, ev := range events {
		size += len(ev.array)
	}
	for _, it := range items {
		size += len(it.ev.array)
	}
	b = append(slices.Grow(b, size), '[')
	start := len(b)
	separate := func() {
		if len(b) > start {
			b = append(b, ',')
		}
	}
	appendItems := func(items []item) {
		for _, it := range items {
			separate()
			b = append(b, it.ev.object()...)
		}
	}
	appendReplies := func(handshake bool) {
		for i := range replies {
			if (replies[i].clientID != "") == handshake {
				separate()
				b = replies[i].append(b)
				appendItems(replies[i].messages)
			}
		}
	}
	appendReplies(true)
	for _, ev := range events {
		separate()
		b = append(b, ev.object()...)
	}
	appendItems(items)
	appendReplies(false)
	return append(b, ']')
}
