package bayeux

import "time"

// longestTime is the longest that anything is advised, held or kept: sums of such times do not overflow.
const longestTime = 365 * 24 * time.Hour

// Times are what a session lives by and its client is advised of (AD-4). A field
// that is zero leaves the value of the transport in use.
type Times struct {
	// Timeout is how long a connect is held; Never: not at all.
	Timeout time.Duration
	// Interval is how long the client is told to wait between connects; Never: not at all.
	Interval time.Duration
	// MaxInterval is how long the session is kept beyond Interval without a sign of
	// life. A negative one counts as zero: no session is kept for ever. None of the three is longer than a year.
	MaxInterval time.Duration
}

// SetTimes gives the session times of its own. Its client is told by the next reply
// to a connect (CN-6), or by that to its handshake when OnSession does this.
func (s *Session) SetTimes(t Times) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = t
	s.advised = ""
	s.altered()
}

// times are those of the session on a transport.
func (s *Session) times(t Transport) times {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ownTimes(t)
}

// ownTimes is times with s.mu held.
func (s *Session) ownTimes(t Transport) times {
	v := s.srv.opt.times(t)
	if s.own.Timeout != 0 {
		v.timeout = min(max(s.own.Timeout, 0), longestTime)
	}
	if s.own.Interval != 0 {
		v.interval = min(max(s.own.Interval, 0), longestTime)
	}
	if s.own.MaxInterval > 0 {
		v.maxInterval = min(s.own.MaxInterval, longestTime)
	}
	return v
}
