package bayeux

import "github.com/gobwas/ws"

// park keeps a session that is past its deadline for ResumeWindow (DEL-14), without
// a transport and without a timer but the one that ends the window. What is kept is
// plain data: id, principal, cookie, subscriptions, and what waits or was not
// confirmed. s.mu is held.
func (s *Session) park() {
	s.parked = true
	s.srv.counters.parked.Add(1)
	s.lazy.stop()
	s.out.hurry(s.out.waiting)
	if s.cur != nil {
		s.cur.drop()
	}
	if k := s.sock; k != nil {
		s.leaveSocket(WebSocket)
		k.close(ws.StatusNormalClosure)
	}
	s.expireIn(s.srv.opt.ResumeWindow)
}

// unpark brings it back, as if it had never been away: a message of its client has
// come. s.mu is held.
func (s *Session) unpark(t Transport) {
	s.leaveParked()
	s.expireIn(s.ownTimes(t).maxInterval)
}

// leaveParked says that a session, parked or not, is parked no longer. s.mu is held.
func (s *Session) leaveParked() {
	if s.parked {
		s.parked = false
		s.srv.counters.parked.Add(-1)
	}
}
