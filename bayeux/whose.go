package bayeux

import (
	"context"

	"github.com/gobwas/ws"
)

// Which session a message belongs to, and which transport a session.

// sessionOf is step 3 of chapter 5: the session that the message names, if it is
// known and belongs to this exchange. The first one found is that of the whole
// request (LP-6) or connection (WS-9).
//
// An error says that the store of sessions cannot tell.
func (x *exchange) sessionOf(ctx context.Context, m *Message) (*Session, error) {
	s := x.session
	if s != nil {
		if m.ClientID != s.id || !x.adopt(s, m) { // WS-10
			return nil, nil
		}
		return s, nil
	}
	s, err := x.find(ctx, m)
	if s != nil && x.adopt(s, m) {
		x.session = s
		return s, nil
	}
	return nil, err
}

// peek is sessionOf without consequences, for extensions.
func (x *exchange) peek(ctx context.Context, m *Message) *Session {
	if x.session != nil && m.ClientID == x.session.id {
		return x.session
	}
	s := x.srv.sessions.find(m.ClientID)
	if s == nil {
		s, _ = x.resume(ctx, m.ClientID) // an error shows in step 3
	}
	if s != nil && x.owns(s) && x.reaches(s) {
		return s
	}
	return nil
}

// find looks a session up and checks whose it is.
func (x *exchange) find(ctx context.Context, m *Message) (*Session, error) {
	if m.ClientID == "" || x.sock != nil && x.srv.opt.WS.RequireHandshakePerConnection { // WS-27
		return nil, nil
	}
	if s := x.srv.sessions.find(m.ClientID); s != nil {
		return x.mayUse(s), nil
	}
	return x.resume(ctx, m.ClientID)
}

// mayUse returns s if it is the sender's to use, here.
func (x *exchange) mayUse(s *Session) *Session {
	if !x.owns(s) {
		x.stolen(s, s.mayLog())
		return nil
	}
	if !x.reaches(s) {
		return nil
	}
	return s
}

// stolen counts a client id of somebody else's (A4).
func (x *exchange) stolen(s *Session, mayLog bool) {
	x.srv.counters.stolen.Add(1)
	if mayLog {
		x.srv.opt.Logger.Warn("a client id came with a foreign cookie or user", "session", s.handle(), "user", s.principal.User, "from", x.peer.RemoteAddr)
	}
}

// reaches reports whether the session is known to this transport: of those over
// HTTP it uses one only, the first (LP-8).
func (x *exchange) reaches(s *Session) bool {
	if x.sock != nil || x.srv.opt.TrustClientSession {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.http == "" || s.http == x.peer.Transport
}

// owns reports whether the session belongs to the principal (SS-10, WS-28) and to
// the browser (CK-5) of this exchange. Over websocket a cookie is not asked
// for, but if there is one it must be the right one (16).
func (x *exchange) owns(s *Session) bool {
	if !s.principal.same(x.peer.Principal) {
		return false
	}
	switch {
	case x.srv.opt.TrustClientSession: // CK-6
		return true
	case x.sock != nil:
		return !x.sock.carried || s.cookie == "" || s.isOf(x.cookie)
	}
	return s.isOf(x.cookie)
}

// isOf reports whether a cookie is one of the session's.
func (s *Session) isOf(cookie cookieHash) bool {
	if cookie.is(s.cookie) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return cookie.is(s.upgraded)
}

// adopt makes this exchange's transport the session's current one (XT-1). It
// reports false when the session has ended meanwhile.
func (x *exchange) adopt(s *Session, m *Message) bool {
	s.mu.Lock()
	if s.ended != 0 {
		s.mu.Unlock()
		return false
	}
	back := s.parked
	if back {
		s.unpark(x.peer.Transport)
	}
	former, moves := s.sock, s.sock != x.sock
	if x.sock == nil {
		if s.http != x.peer.Transport { // with TrustClientSession
			moves = true
			s.http = x.peer.Transport
			s.altered()
		}
	}
	if moves {
		s.leaveSocket(x.peer.Transport)
		if x.sock != nil {
			if !x.sock.carried && s.cookie != "" && s.upgraded != x.cookie {
				s.upgraded = x.cookie
				s.altered()
			}
			if s.last.open && !s.ack && lookupName(m.Channel) != metaConnect {
				// A connect would tell more; this is what the connection itself tells.
				s.last.open = false
				if s.last.evidence.lost() {
					s.lose(sentBy(byConnect, everything))
				} else {
					s.out.confirm(sentBy(byConnect, s.last.parcel))
					s.confirmStream(s.last.position)
				}
			}
		}
		if !s.doubtful {
			s.sock = x.sock
			s.silent = x.sock != nil // until this frame is handled
		}
	}
	s.mu.Unlock()
	if back {
		s.tellParked(false)
	}
	if s.endDoubtful() {
		return false
	}
	if x.sock != nil {
		x.sock.bind(s)
		if former != nil && former != x.sock {
			former.close(ws.StatusNormalClosure) // WS-25
		}
	}
	return true
}

// leaveSocket takes the session off its socket, or off long-polling: a held
// connect is dropped, and what a socket was not seen to deliver comes again on
// the next transport (DEL-8, DEL-9). s.mu is held.
func (s *Session) leaveSocket(next Transport) {
	if s.held != nil {
		s.release(causeSuperseded)
	}
	s.silent = false
	if s.sock != nil {
		s.sock = nil
		if s.ack {
			s.out.lose(func(p *parcel) bool { return p.pipe == bySocket })
		} else {
			s.lose(func(p *parcel) bool { return p.pipe == bySocket })
		}
	}
	if s.deadline.IsZero() { // WS-21
		v := s.ownTimes(next)
		s.expireIn(v.interval + v.maxInterval)
	}
}
