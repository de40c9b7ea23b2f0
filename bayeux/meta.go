package bayeux

import (
	"context"
	"errors"
	"fmt"
	"time"
)

func isVeto(err error) bool { return errors.Is(err, ErrVeto) }

// handshake makes a new session (6.1), whatever the message or connection was
// bound to before (SS-12).
func (x *exchange) handshake(ctx context.Context, m *Message) reply {
	srv := x.srv
	if x.shaken { // HS-8
		return x.fail(m, handshakeFailed, "")
	}
	x.shaken = true
	v := srv.opt.times(x.peer.Transport)
	if err := srv.opt.Policy.CanHandshake(ctx, x.described(), m); err != nil {
		r := x.failed(m, handshakeDenied, err)
		if r.advice == nil {
			r.advice = &Advice{Reconnect: ReconnectHandshake, Interval: v.interval, Timeout: v.timeout}
			if _, no := refusal(err); no { // HS-6
				r.advice.Reconnect = ReconnectNone
			}
		}
		return r
	}
	s := &Session{srv: srv, id: newID(), principal: x.peer.Principal, cookie: x.cookie, sock: x.sock, active: time.Now()}
	if x.sock == nil {
		s.http = x.peer.Transport
	}
	s.ack = srv.with[ExtensionAck] && m.extMember("ack").Kind() == 't' // AK-1
	if stream := srv.opt.streamOf(s.principal); stream != "" {
		head, err := srv.sourceHead(ctx, stream)
		if err != nil {
			r := x.failed(m, handshakeFailed, err)
			r.advice = &Advice{Reconnect: ReconnectHandshake, Interval: v.interval, Timeout: v.timeout}
			return r
		}
		s.cur = &cursor{stream: stream, confirmed: head, sent: head}
		if srv.opt.Sessions != nil {
			s.kept = &keeping{term: 1}
		}
		s.replay = srv.with[ExtensionReplay] && m.extMember("replay").Kind() == 't' // RP-1
	}
	fresh := ""
	if s.cookie == "" && x.sock == nil { // CK-1
		fresh = newID()
		s.cookie = hashOf(fresh)
	}
	s.silent = x.sock != nil // WS-16
	srv.sessions.add(s)
	if s.cur != nil {
		srv.sessions.learn(s.cur.stream, s.cur.sent, time.Now())
	}
	if !srv.announce(s) {
		s.discard()
		return x.fail(m, internalError, "")
	}
	if s.kept != nil {
		if err := s.insert(ctx); err != nil {
			s.discard()
			r := x.failed(m, handshakeFailed, err)
			r.advice = x.tryLater(ReconnectHandshake)
			return r
		}
	}
	if fresh != "" {
		x.cookie, x.fresh = s.cookie, fresh
	}
	s.mu.Lock()
	v = s.ownTimes(x.peer.Transport) // OnSession may have set them
	s.expireIn(v.maxInterval)        // SS-1
	s.mu.Unlock()
	if x.sock != nil {
		x.finishConnects()
		x.sock.rebind(s) // SS-15, HS-10
		x.session = s
	}
	x.made = s
	srv.counters.handshakes.Add(1)

	r := replyTo(m)
	r.clientID = s.id
	r.types = srv.opt.Transports
	r.advice = &Advice{Interval: v.interval, Timeout: v.timeout} // HS-3
	if srv.opt.HandshakeReconnect {
		r.advice.MaxInterval = v.maxInterval + srv.opt.ResumeWindow // HS-13
	}
	switch {
	case srv.opt.AllowMessageDeliveryDuringHandshake:
		s.welcome(&r)
	case s.ack:
		r.ext.set("ack", []byte("true"))
	}
	if s.replay {
		r.ext.set("replay", []byte("true"))
	}
	return r
}

// discard ends a session whose client will never know of it.
func (s *Session) discard() {
	s.mu.Lock()
	s.sock = nil
	s.mu.Unlock()
	s.remove(EndByServer)
}

// welcome lets what waits already travel with the handshake reply (HS-12). Nothing
// of it is kept: its client learns its id from the same response, so whatever it
// sends next shows that all arrived.
func (s *Session) welcome(r *reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, r.messages = s.takeBatch() // of the stream it has read nothing yet
	s.out.forget(r.messages)
	s.srv.counters.delivered.Add(int64(len(r.messages)))
	if batch := s.out.seal(parcel{}); s.ack { // AK-10
		if s.cur != nil {
			batch = number(s.position()) // AK-14
		}
		r.ext.set("ack", fmt.Appendf(nil, `{"enabled":true,"batch":%d}`, batch))
	}
}

// announce tells the embedding server of a new session. It reports false when
// that failed.
func (srv *Server) announce(s *Session) (ok bool) {
	if srv.opt.OnSession == nil {
		return true
	}
	defer srv.recovered("OnSession", func() { ok = false })
	srv.opt.OnSession(s)
	return true
}

// subscribe handles /meta/subscribe (6.3). Members before the first refused one
// stay subscribed (SUB-5). What it changed is on disk before it is answered.
func (x *exchange) subscribe(ctx context.Context, s *Session, m *Message) (r reply) {
	names, bad := x.subscriptionsOf(m)
	if bad != nil {
		return *bad
	}
	head, err := x.headFor(ctx, s)
	if err != nil {
		return x.failed(m, subscribeFailed, err)
	}
	asked := s.positionsAsked(m)
	var added []string
	defer func() {
		if err := s.keep(ctx); err != nil { // it is not on disk: then it is not in force
			for _, name := range added {
				x.srv.channels.unsubscribe(name, s)
			}
			r = x.failed(m, subscribeFailed, err)
		}
	}()
	for i, name := range names {
		if i == x.srv.opt.MaxSubscriptionsPerSession { // SUB-11, also where nothing is recorded
			return x.failed(m, subscribeDenied, &Refusal{Reason: reasonTooMany})
		}
		if n, err := x.maySubscribe(ctx, s, name, m); err != nil {
			return x.failed(m, n, err)
		}
		if familyOf(name) == familyService { // SUB-9
			x.srv.channels.create(name)
			continue
		}
		if s.full(name) { // SUB-11
			return x.failed(m, subscribeDenied, &Refusal{Reason: reasonTooMany})
		}
		from, err := x.beginning(ctx, s, asked[name], head)
		if err != nil {
			return x.failed(m, subscribeFailed, err)
		}
		if hook := x.srv.opt.OnSubscribe; hook != nil && !s.has(name) {
			if err := hook(ctx, s, name, m); err != nil {
				return x.failed(m, subscribeFailed, err)
			}
		}
		if !s.has(name) {
			added = append(added, name)
		}
		if !x.srv.channels.subscribe(name, s, from) {
			return x.fail(m, sessionUnknown, "")
		}
	}
	r = replyTo(m)
	if s.replay {
		x.srv.pushers.wake(s.cur.stream) // for a connect that is held
		r.ext.setInt("streamPosition", head)
	}
	return r
}

// subscriptionsOf checks shape and grammar of all members before anything is done
// (SUB-2, SUB-3), and returns their names.
func (x *exchange) subscriptionsOf(m *Message) ([]string, *reply) {
	if m.Subscription == nil {
		r := x.fail(m, subscriptionMissing, "")
		return nil, &r
	}
	names, ok := m.subscriptions()
	x.names += len(names)
	for i, name := range names {
		ok = ok && validChannel(name, x.srv.opt.ValidateMessageFields != On)
		names[i] = lookupName(name)
	}
	if !ok {
		r := x.fail(m, subscriptionInvalid, "")
		return nil, &r
	}
	return names, nil
}

// headFor returns the position from which on a new subscription counts: only
// entries above it are sent because of it.
func (x *exchange) headFor(ctx context.Context, s *Session) (int64, error) {
	if s.cur == nil {
		return 0, nil
	}
	head, err := x.srv.sourceHead(ctx, s.cur.stream)
	if err == nil {
		x.srv.sessions.learn(s.cur.stream, head, time.Now())
	}
	return head, err
}

// maySubscribe asks policy and authorisers (SUB-4).
func (x *exchange) maySubscribe(ctx context.Context, s *Session, name string, m *Message) (situation, error) {
	if !x.srv.channels.exists(name) {
		if err := x.allowed(ctx, Create, name, s, m); err != nil {
			return createDenied, err
		}
	}
	return subscribeDenied, x.allowed(ctx, Subscribe, name, s, m)
}

// allowed asks the policy and then, on non-meta channels, the authorisers (AZ-3).
func (x *exchange) allowed(ctx context.Context, op Operation, name string, s *Session, m *Message) error {
	ask := x.srv.opt.Policy.CanPublish
	switch op {
	case Create:
		ask = x.srv.opt.Policy.CanCreate
	case Subscribe:
		ask = x.srv.opt.Policy.CanSubscribe
	}
	if err := ask(ctx, s, name, m); err != nil || familyOf(name) == familyMeta {
		return err
	}
	return x.srv.authorised(ctx, op, name, s, m)
}

// has reports whether the session has this very subscription.
func (s *Session) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has := s.subscriptions[name]
	return has
}

// full reports whether one more subscription would be too many (SUB-11).
func (s *Session) full(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has := s.subscriptions[name]
	return !has && len(s.subscriptions) >= s.srv.opt.MaxSubscriptionsPerSession
}

// unsubscribe handles /meta/unsubscribe (6.4).
func (x *exchange) unsubscribe(ctx context.Context, s *Session, m *Message) (r reply) {
	names, bad := x.subscriptionsOf(m)
	if bad != nil {
		return *bad
	}
	defer func() {
		if err := s.keep(ctx); err != nil { // it may come again after a crash
			r = x.failed(m, unsubscribeFailed, err)
		}
	}()
	for _, name := range names {
		if !x.srv.channels.exists(name) { // UN-3
			return x.fail(m, channelMissing, "")
		}
		if hook := x.srv.opt.OnUnsubscribe; hook != nil && s.has(name) {
			if err := hook(ctx, s, name, m); err != nil { // UN-4
				return x.failed(m, unsubscribeFailed, err)
			}
		}
		x.srv.channels.unsubscribe(name, s)
	}
	return replyTo(m)
}

// disconnect handles /meta/disconnect (6.5). A held connect is answered after
// this reply (DC-2): the transport sees to it.
func (x *exchange) disconnect(ctx context.Context, s *Session, m *Message) reply {
	if s.remove(EndDisconnected) && s.kept != nil {
		_ = x.srv.saver.delete(ctx, s) // the saver tries again
	}
	x.leaving = append(x.leaving, s)
	return replyTo(m)
}

// part answers the connects of sessions that disconnected in this exchange, now
// that its own replies are on their way (DC-2).
func (x *exchange) part() {
	for _, s := range x.leaving {
		s.mu.Lock()
		if s.held != nil {
			s.release(causeEnded)
		}
		s.mu.Unlock()
	}
}

// publish handles a message on a broadcast or service channel (chapter 7).
func (x *exchange) publish(ctx context.Context, s *Session, m *Message) reply {
	srv, name := x.srv, lookupName(m.Channel)
	if !srv.channels.exists(name) {
		if err := x.allowed(ctx, Create, name, s, m); err != nil {
			return x.failed(m, channelCreateDenied, err)
		}
	}
	if err := x.allowed(ctx, Publish, name, s, m); err != nil {
		return x.failed(m, publishDenied, err)
	}
	srv.channels.create(name)
	x.together(s)
	for _, l := range srv.channels.listening(name) {
		switch err := l.fn(l.params.with(ctx), s, m); {
		case errors.Is(err, ErrTaken):
			return replyTo(m)
		case err != nil:
			return x.failed(m, publishDenied, err)
		}
	}
	if familyOf(name) == familyService {
		return x.serve(ctx, s, m, name)
	}
	if len(srv.extensions.all()) > 0 {
		o := Outgoing{Channel: m.Channel, Data: m.Data, Ext: m.Ext}
		if !srv.pass(nil, &o) { // PR-3
			return replyTo(m)
		}
		if err := m.change(o); err != nil {
			return x.failed(m, publishDenied, err)
		}
	}
	claimed := srv.broadcast(broadcastEvent(m, srv.timestamp()), EndSession, s) // PR-2: queued before the reply exists
	if x.alone && !x.pressed {
		srv.writers.now(claimed)
	} else {
		srv.writers.later(claimed...)
	}
	return replyTo(m)
}

// serve hands a service message to its handler (PUB-8 to PUB-11).
func (x *exchange) serve(ctx context.Context, s *Session, m *Message, name string) reply {
	h, call := x.srv.channels.handlerOf(name)
	if h.fn == nil {
		return replyTo(m) // PUB-9
	}
	data, err := h.fn(h.params.with(ctx), s, m)
	var failure *CallFailure
	ok := true
	if call && errors.As(err, &failure) {
		data, ok, err = failure.Data, false, nil
	}
	if err != nil {
		return x.failed(m, publishDenied, err)
	}
	if data == nil && !call {
		return replyTo(m)
	}
	o := Outgoing{Channel: m.Channel, Data: data}
	if !x.srv.pass(s, &o) {
		return replyTo(m)
	}
	if o.Data != nil && !isJSON(o.Data) {
		return x.failed(m, publishDenied, errors.New("the handler's answer is not valid JSON"))
	}
	x.srv.writers.later(x.srv.queue(answerEvent(m, o.Data, call, ok, x.srv.timestamp()), 0, EndSession, []*Session{s})...)
	return replyTo(m)
}
