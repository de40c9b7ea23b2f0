package bayeux

// What a client's own request makes for the client itself rides on its response, all
// of it (DEL-4, PUB-10): a held connect that carried the first part of it in a
// response of its own could arrive after the rest (DEL-1). So the session's
// deliveries are held back from the first publish of a request over HTTP until the
// response has taken them.

// together begins it.
func (x *exchange) together(s *Session) {
	if x.sock != nil || x.grouped {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.deliverOnly() { // else the connect carries all, in order
		x.grouped = true
		s.grouping++
	}
}

// apart ends it. The session's lock is held.
func (x *exchange) apart() {
	if x.grouped {
		x.grouped = false
		x.session.grouping--
		x.session.flush()
	}
}
