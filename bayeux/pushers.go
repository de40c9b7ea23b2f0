package bayeux

import (
	"runtime"
	"sync"

	"github.com/gobwas/ws"
)

// pushers read streams for sessions that could send at once. At most 2 × CPU
// goroutines do so, none while there is nothing to read. A stream that waits to
// be read is listed once, however often it grows.
type pushers struct {
	srv     *Server
	mu      sync.Mutex
	streams []string
	listed  map[string]bool // in streams, or to be listed again after the reading under way
	reading map[string]bool
	last    []lastWords
	running int
	most    int
}

// lastWords is a revoked session whose stream is to be read to its end (DC-7).
type lastWords struct {
	s    *Session
	subs map[string]int64
}

func (p *pushers) init(srv *Server) {
	p.srv = srv
	p.listed = make(map[string]bool)
	p.reading = make(map[string]bool)
	p.most = 2 * runtime.GOMAXPROCS(0)
}

// wake lists a stream.
func (p *pushers) wake(stream string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listed[stream] {
		return
	}
	p.listed[stream] = true
	if !p.reading[stream] { // two readers of one stream would do the same work twice
		p.streams = append(p.streams, stream)
		p.start()
	}
}

// lastWords lists a revoked session.
func (p *pushers) lastWords(s *Session, subs map[string]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = append(p.last, lastWords{s, subs})
	p.start()
}

// start sees to it that somebody works. p.mu is held.
func (p *pushers) start() {
	if p.running < p.most && p.srv.tasks.begin() {
		p.running++
		go p.work()
	}
}

func (p *pushers) work() {
	defer p.srv.tasks.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case len(p.last) > 0:
			w := p.last[0]
			p.last = p.last[1:]
			p.mu.Unlock()
			p.srv.sayLastWords(w)
			p.mu.Lock()
		case len(p.streams) > 0:
			stream := p.streams[0]
			p.streams = p.streams[1:]
			delete(p.listed, stream)
			p.reading[stream] = true
			p.mu.Unlock()
			p.srv.push(stream)
			p.mu.Lock()
			delete(p.reading, stream)
			if p.listed[stream] {
				p.streams = append(p.streams, stream)
			}
		default:
			p.streams, p.last = nil, nil
			p.running--
			return
		}
	}
}

// push reads for all sessions of a stream that can send at once. Sessions at the
// same position share the reading.
func (srv *Server) push(stream string) {
	ctx := srv.ctx
	for {
		at := make(map[int64][]*Session)
		for _, s := range srv.sessions.reading(stream) {
			if after, ok := s.wants(); ok {
				at[after] = append(at[after], s)
			}
		}
		if len(at) == 0 {
			return
		}
		for after, sessions := range at {
			if err := srv.readPage(ctx, stream, after, sessions); err != nil {
				srv.sourceFailed(ctx, stream, err)
				return
			}
		}
	}
}

// lastPages bounds what is read for a session that is being revoked: it could
// send at once, so there is hardly more than one.
const lastPages = 5

// sayLastWords gives a revoked session what its stream holds at this moment, so
// that the notice of the log-out arrives, and then ends it (DC-7).
func (srv *Server) sayLastWords(w lastWords) {
	s := w.s
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.farewell()
	}()
	ctx, stream := srv.ctx, s.cur.stream
	head, err := srv.sourceHead(ctx, stream)
	for range lastPages {
		s.mu.Lock()
		s.cur.drop()
		after := s.cur.sent
		s.mu.Unlock()
		if err != nil || after >= head {
			break
		}
		var records []record
		if records, err = srv.readRecords(ctx, stream, after); err != nil || len(records) == 0 {
			break
		}
		p := s.choose(after, records, w.subs)
		s.mu.Lock()
		if s.cur.offer(p) {
			for _, ev := range s.cur.take() {
				s.out.append(ev, false)
			}
		}
		s.mu.Unlock()
	}
	if err != nil {
		srv.counters.failures.Add(1)
		srv.opt.Logger.Error("cannot read the stream of a user who was logged out", "user", s.principal.User, "error", err)
	}
}

// Revoke removes the sessions whose principal matches: a log-out, an expired
// log-in, a log-in elsewhere (DC-7, WS-6). When it returns their ids are unknown.
// A held connect is then answered with what the user's stream holds at this
// moment and with advice to shake hands again; a websocket gets the same and is
// closed with 1008, and so is a websocket that has no session: what was good at
// its upgrade is good no longer.
func (srv *Server) Revoke(match func(Principal) bool) {
	for _, s := range srv.sessions.all() {
		if match(s.principal) {
			s.mu.Lock()
			if s.sock != nil {
				s.sock.leaving.Store(true)
			}
			s.mu.Unlock()
			s.remove(EndRevoked)
		}
	}
	for _, k := range srv.sockets.list() {
		if !k.leaving.Load() && match(k.peer.Principal) {
			k.close(ws.StatusPolicyViolation)
		}
	}
}
