package bayeux

import "time"

// lazyTimer lets a session's lazy messages go when they have waited long enough
// (LZ-2). There is one per session, whatever the number of messages.
type lazyTimer struct {
	timer *time.Timer
	at    time.Time // when the most impatient of them has waited enough
}

// stop may be called on a nil timer.
func (l *lazyTimer) stop() {
	if l != nil {
		l.timer.Stop()
	}
}

// waitForCompany sees to it that a lazy message, about to be queued, waits no longer
// than its patience lasts. s.mu is held.
func (s *Session) waitForCompany(patience time.Duration) {
	at := time.Now().Add(patience)
	switch l := s.lazy; {
	case l == nil:
		s.lazy = &lazyTimer{timer: s.srv.after(patience, s.hurry), at: at}
	case s.out.lazy == 0 || at.Before(l.at):
		l.at = at
		l.timer.Reset(patience)
	}
}

// hurry sends the lazy messages, unless others were there first.
func (s *Session) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch left := time.Until(s.lazy.at); {
	case s.out.lazy == 0: // they left in company
	case left > 0:
		s.lazy.timer.Reset(left)
	default:
		s.out.hurry(s.out.waiting)
		s.flush()
	}
}
