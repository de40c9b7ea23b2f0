package bayeux

import (
	"context"
	"slices"
	"time"
)

// lastWrites is how long a server that stops tries to write its sessions.
const lastWrites = 5 * time.Second

// lastRequests is how long clients have for the request after their last reply. Most need a millisecond; on a machine that is short of time, some hundred.
const lastRequests = time.Second

// leaveSessions leaves those that are kept to the next server. No goroutine serves them any more.
func (srv *Server) leaveSessions() error {
	if srv.opt.Sessions == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastWrites)
	defer cancel()
	srv.awaitEvidence()
	var all []*Session
	for _, s := range srv.sessions.all() {
		if s.kept != nil && !s.leave() {
			all = append(all, s)
		}
	}
	err := srv.saver.finish(ctx)
	for _, s := range all {
		s.remove(EndShutdown)
	}
	return err
}

// awaitEvidence gives the clients whose last reply brought something a moment for their next request. It is refused, and shows that the reply was read;
// and their systems the time that they may take to acknowledge what they received.
func (srv *Server) awaitEvidence() {
	var open []evidence
	for _, s := range srv.sessions.all() {
		s.mu.Lock()
		if l := &s.last; s.kept != nil && !s.ack && s.cur.underWay > 0 && l.open && l.sock == nil {
			open = append(open, l.evidence)
		}
		s.mu.Unlock()
	}
	poll := time.NewTicker(ackPoll)
	defer poll.Stop()
	for end := time.Now().Add(lastRequests); time.Now().Before(end); <-poll.C {
		open = slices.DeleteFunc(open, func(e evidence) bool { return e.arrived() || e.final() })
		if len(open) == 0 {
			return
		}
	}
}

// leave notes what the next server must know. It reports whether the session is over instead (RP-6).
func (s *Session) leave() (over bool) {
	s.mu.Lock()
	if s.ended == 0 && s.kept.until.IsZero() {
		s.kept.until = s.keptUntil()
		if s.kept.left = s.settleLast(); s.kept.left != nil {
			s.altered()
		}
		s.news()
	}
	s.mu.Unlock()
	return s.endDoubtful()
}

// keptUntil is when the window ends of a session that is let go. s.mu is held.
func (s *Session) keptUntil() time.Time {
	switch {
	case s.parked:
		return s.deadline
	case s.deadline.IsZero():
		v := s.ownTimes(s.via())
		return time.Now().Add(v.interval + v.maxInterval + s.srv.opt.ResumeWindow)
	}
	return s.deadline.Add(s.srv.opt.ResumeWindow)
}

// settleLast decides, as far as that can be now, what became of what is under way. It returns what the next server must know besides the place
// in the stream, or nil. s.mu is held.
func (s *Session) settleLast() *leaving {
	l := &s.last
	switch {
	case s.ack || s.cur.underWay == 0:
	case l.open && l.sock == nil && !s.repeats.open && l.evidence.arrived():
		s.confirmStream(l.position)
	case l.open && l.sock == nil:
		r := &lastWritten{ID: l.id, Hurried: l.hurried, Turn: l.position.turn, At: l.position.at, Lost: l.evidence.lost()}
		if s.repeats.open {
			r.Sure = &Place{s.repeats.sure.turn, s.repeats.sure.at}
		}
		return &leaving{Reply: r}
	default: // of a socket that nobody has heard of since
		s.lose(func(*parcel) bool { return true })
	}
	if s.replay && !s.ack {
		return &leaving{} // else it might think of a crash (RP-6)
	}
	return nil
}
