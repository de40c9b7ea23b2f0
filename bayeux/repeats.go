package bayeux

import "slices"

// repeats is what a session over HTTP, without ack and with a durable stream, knows of connects that came twice. Some proxies send a POST again and
// throw one of the answers away; some clients send it again when its answer was cut. Which of the answers the client has read nobody can tell, so it
// is taken to have what all of them told, and no more (DEL-15).
type repeats struct {
	seen   [8]uint32 // the last connects, the newest first, hashed; 0: none
	newest string    // id of the newest
	open   bool      // several replies are under way, of which the client has read one
	sure   mark      // what it has, whichever that is
}

// knows reports whether c is one of the last connects, and whether it is the newest. Of older ones it is only if ids grow: some use them anew.
func (r *repeats) knows(c *connect) (again, newest bool) {
	if !c.hasID {
		return false, false
	}
	sum := c.sum()
	if r.seen[0] == sum {
		return true, true
	}
	older := len(c.id) < len(r.newest) || len(c.id) == len(r.newest) && c.id < r.newest
	return older && slices.Contains(r.seen[1:], sum), false
}

// note remembers a connect that came for the first time.
func (r *repeats) note(c *connect) {
	if c.hasID {
		copy(r.seen[1:], r.seen[:])
		r.seen[0], r.newest = c.sum(), c.id
	}
}

// sum tells a connect from others by what a copy has in common with it: FNV-1a, never 0.
func (c *connect) sum() uint32 {
	h := uint32(2166136261)
	for i := range len(c.id) {
		h = (h ^ uint32(c.id[i])) * 16777619
	}
	if c.hurried() {
		h = ^h
	}
	return h | 1
}

// doubt says that the client has m for sure.
func (r *repeats) doubt(m mark) {
	if !r.open || m.turn < r.sure.turn || m.turn == r.sure.turn && m.at < r.sure.at {
		r.sure = m
	}
	r.open = true
}

// recall reports whether c came before: then the client may have read the reply to that one, or will read the reply to this one. s.mu is held.
func (s *Session) recall(c *connect) bool {
	if s.cur == nil || c.sock != nil {
		return false
	}
	again, newest := s.repeats.knows(c)
	switch {
	case !again:
		s.repeats.note(c)
	case s.last.open && (!newest || c.hurried() || s.cur.underWay > 0): // else it waited in vain, for longer than copies are late
		s.repeats.doubt(s.last.position)
	case !newest: // the newest was not answered, or its answer is confirmed
		s.repeats.doubt(mark{s.cur.turn, s.cur.confirmed})
	}
	return again
}

// settleRepeats decides what arrived of the replies to connects that came twice, now that another one has come. s.mu is held.
func (s *Session) settleRepeats() {
	s.out.confirm(sentBy(byConnect, s.last.parcel))
	s.confirmStream(s.repeats.sure)
	if s.last.position != s.repeats.sure {
		s.lose(sentBy(byConnect, everything))
	}
}
