package bayeux

import (
	"time"

	"github.com/gobwas/ws"
)

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
	s.news()
}

// closeCall is how near to the end of its window a session must be for its return to be written at once.
const closeCall = 5 * time.Second

// unpark brings it back, as if it had never been away: a message of its client has
// come. s.mu is held.
func (s *Session) unpark(t Transport) {
	late := s.deadline.Round(0).Sub(time.Now().Round(0)) < closeCall // by the clock that the store goes by, which runs on while a machine is suspended
	s.parked = false
	s.srv.counters.parked.Add(-1)
	s.expireIn(s.ownTimes(t).maxInterval)
	s.news()
	if late && s.kept != nil {
		s.altered() // all of it: the store may have taken it for expired
		s.srv.saver.hurry()
	}
}

// Parked reports whether the session is parked (DEL-14), or was when it ended: its
// client has not been heard of since its deadline.
func (s *Session) Parked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parked
}

// tellParked tells server code that the session was parked or is back.
func (s *Session) tellParked(parked bool) {
	if hook := s.srv.opt.OnPark; hook != nil {
		defer s.srv.recovered("OnPark", func() {})
		hook(s, parked)
	}
}
