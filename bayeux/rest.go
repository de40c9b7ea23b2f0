package bayeux

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// net/http keeps buffers, the request and two goroutines while it waits for a handler, and wakes several for each request. A connection that a client keeps
// for its polls is therefore taken from net/http. One goroutine with next to nothing on its stack waits for what the client sends, which tells whether the
// client has gone (SS-11) or speaks again. Whoever releases a held connect writes the answer, as it would to a websocket (writers.go). The requests are
// served by the http.Server's own handler, as long as they are as plain as polls are (restread.go); with any other the connection returns to net/http
// (wayback.go).

// quiet is how long a connection has said nothing when another goroutine waits for its next request, one with a small stack: what a request needed would
// stay.
const quiet = time.Second

// resting is a connection outside of net/http, with the connect that is held on it.
type resting struct {
	srv     *Server
	tracked *trackedConn
	conn    net.Conn
	raw     syscall.RawConn // of conn, to read and write without waiting; nil where that is not possible
	foreign bool            // somebody has wrapped conn: it cannot return
	path    string          // where the connect was sent to

	// For the goroutine that reads.
	attempt func(fd uintptr) bool
	unread  *unread // what was read of the next request; nil: nothing
	err     error   // of the last attempt
	spoke   time.Time
	context context.Context // of requests, and what net/http tells of their connection
	remote  string
	peer    *Peer
	tls     *tls.ConnectionState

	// From when the connect is held until its exchange is over, for who answers it.
	x      *exchange // nil: none
	form   form
	header http.Header // what was set before; nil: nothing
	ends   bool        // with this answer

	mu   sync.Mutex
	idle bool // waiting for the next request
	left bool // it is to wait elsewhere
}

// rests reports whether the connection can be taken from net/http and given back, and is likely to bring more requests that are plain.
func (x *exchange) rests(r *http.Request) bool {
	c := x.conn
	if c == nil || x.http2 || r.Context().Value(trackedConnKey{}) != c || c.outer != nil { // of two servers the other would not know
		return false
	}
	switch {
	case r.Method == http.MethodGet && r.ContentLength != 0: // nobody has read the body, and the next request comes after it
		return false
	case !strings.HasPrefix(r.RequestURI, "/"): // with a host that counts more than the field
		return false
	}
	return x.held != nil || c.begun() > 1 && 0 <= r.ContentLength && r.ContentLength < plainSize
}

// packs reports whether a middleware has said that it will encode what is written to w: then nothing may be written elsewhere.
func packs(w http.ResponseWriter) bool { return w.Header().Get("Content-Encoding") != "" }

// takeOver takes the request's connection from net/http, when the request has been read. What it returns writes the response; nil: all is as before.
func (srv *Server) takeOver(w http.ResponseWriter, req *http.Request, x *exchange) *restWriter {
	c := x.conn
	if !x.rests(req) || packs(w) || c.rest != nil || c.home.wraps.Load() || !srv.tasks.begin() {
		return nil
	}
	c.home.open()
	c.setResting(true)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil { // a middleware's writer cannot
		c.setResting(false)
		srv.tasks.end()
		return nil
	}
	path, _, _ := strings.Cut(req.RequestURI, "?")
	r := &resting{srv: srv, tracked: c, conn: c.conn, raw: pastMethods(c.conn), path: strings.Clone(path)}
	r.attempt = r.readNow
	c.rest = r
	if original(conn) != r.conn { // of the next ones nobody takes any
		c.home.wraps.Store(true)
		r.wrapped(conn)
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		r.keep(early)
	}
	if back := before(conn); back != nil {
		r.keep(back.early)
	}
	srv.rests.add(r)
	if req.Context().Err() != nil {
		r.cut()
	}
	return newRestWriter(r, w.Header().Clone())
}

// rest leaves a held connect to its connection, if net/http does not have that.
func (srv *Server) rest(w http.ResponseWriter, req *http.Request, x *exchange, f form) bool {
	if x.conn == nil || x.conn.rest == nil || packs(w) {
		return false
	}
	r := x.conn.rest
	if own, ok := w.(*restWriter); ok {
		own.hijacked = true
	} else if conn, _, err := http.NewResponseController(w).Hijack(); err != nil { // a middleware's writer cannot
		return false
	} else if conn != r.conn {
		r.wrapped(conn)
	}
	if r.peer == nil || r.peer.Transport != f.transport {
		r.peer = &Peer{Transport: f.transport}
	}
	x.peer = r.peer // the rest was of the request
	r.holds(x, f, w.Header().Clone())
	s := x.session
	s.mu.Lock()
	held := s.held == x.held
	if held {
		x.held.rest = r
	}
	gone := x.held.cause == causeGone
	s.mu.Unlock()
	if !held && !gone { // released at this moment
		srv.writers.later(r)
	}
	return true
}

// wrapped notes that a middleware has put something round the connection.
func (r *resting) wrapped(conn net.Conn) { r.conn, r.raw, r.foreign = conn, nil, true }

// cut ends it without further words.
func (r *resting) cut() {
	_ = r.conn.Close()
	r.mu.Lock()
	x := r.x
	r.mu.Unlock()
	if x != nil {
		x.gone()
	}
}

// dismiss ends it if it waits for the next request. Whoever is held or served has its answer first, which is the last.
func (r *resting) dismiss() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idle {
		_ = r.conn.Close()
	}
}

// gone says that the client has gone, and reports whether its connect was held until then: nothing is taken from the queue, and the deadline runs (SS-11).
func (x *exchange) gone() bool {
	s, c := x.session, x.held
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == c {
		s.release(causeGone)
		s.linger(c)
	}
	return c.cause == causeGone
}

// outcome is what becomes of a connection.
type outcome int8

const (
	stays   outcome = iota
	returns         // to net/http
	finished
	taken // a handler has it
)

// run serves the connection until it is quiet.
func (r *resting) run() {
	hear := r.hear
	for {
		before := r.spoke
		switch o := r.turn(hear()); {
		case o != stays:
			r.leaveRest(o)
			return
		case r.spoke.Sub(before) > quiet:
			go r.run()
			return
		}
		hear = r.hearSoon
	}
}

// leaveRest is the end of the connection here.
func (r *resting) leaveRest(o outcome) {
	defer r.srv.tasks.end()
	if r.x != nil { // a middleware failed after its handler had left it here
		r.settle(net.ErrClosed)
	}
	r.srv.rests.remove(r)
	r.tracked.rest = nil
	if o == returns && r.tracked.home.give(r.conn, r.early(), r.tracked) {
		return
	}
	if o != taken {
		_ = r.conn.Close()
	}
	r.tracked.end()
}

// turn serves what the client asks for, if it has not gone.
func (r *resting) turn(err error) outcome {
	if !r.settle(err) {
		return finished
	}
	left := r.setIdle(false)
	switch {
	case left && errors.Is(err, os.ErrDeadlineExceeded):
		return returns
	case err != nil:
		return finished
	}
	r.spoke = time.Now()
	req, o := r.request()
	if o == stays {
		o = r.serve(req)
	}
	return o
}

// settle sees the end of the connect that was held when the client spoke or went. It reports
// whether the connection goes on.
func (r *resting) settle(err error) bool {
	x := r.x
	if x == nil {
		return true
	}
	if err == nil {
		<-x.held.done // a request that comes before the answer waits for its turn
	}
	gone := err != nil && x.gone() || x.held.cause == causeGone
	if gone {
		x.endAnswer()
	}
	<-x.answered
	r.holds(nil, form{}, nil)
	return !gone && !r.ends
}

func (r *resting) holds(x *exchange, f form, h http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.x, r.form, r.header = x, f, h
}

// writeOnce answers the connect that was released.
func (r *resting) writeOnce() (more bool) {
	out := r.srv.packers.output()
	res, ok := r.compose(out)
	if !ok {
		r.ends = true
		r.answered(nil, out)
		return false
	}
	if !out.try(r.raw) {
		r.srv.writers.all.Go(func() {
			r.write(out, time.Now().Add(r.srv.opt.overHTTP(r.form.transport).WriteTimeout))
			r.answered(res, out)
		})
		return false
	}
	r.answered(res, out)
	return false
}

// compose puts the answer together. It reports false where server code failed.
func (r *resting) compose(out *output) (res *response, ok bool) {
	defer r.srv.recovered("response", func() { ok = false })
	scratch := r.srv.packers.output()
	defer r.srv.packers.release(scratch)
	head, body, res := r.x.finish(r.form, scratch.AvailableBuffer())
	h := r.header
	r.ends = r.last(h)
	if len(h) == 0 && !r.ends {
		head.appendTo(out)
		out.Write(body)
	} else {
		if h == nil {
			h = http.Header{}
		}
		head.setIn(h)
		appendResponse(out, head.status, h, body, r.ends)
	}
	scratch.Write(body) // keeps what it has grown to
	return res, true
}

// last reports whether the connection ends with a response that has this header.
func (r *resting) last(h http.Header) bool {
	closes := func(value string) bool { return strings.EqualFold(value, "close") }
	return r.foreign || r.srv.draining.Load() || r.tracked.home.closed() || slices.ContainsFunc(h["Connection"], closes)
}

// write writes what the system had no room for.
func (r *resting) write(out *output, deadline time.Time) {
	_ = r.conn.SetWriteDeadline(deadline) // an error shows at the write
	_, out.err = r.conn.Write(out.rest())
	_ = r.conn.SetWriteDeadline(time.Time{}) // the next response has its own
}

// answered says what became of the answer. Then the reader goes on.
func (r *resting) answered(res *response, out *output) {
	x := r.x
	if res != nil {
		res.written(out.err)
		x.part()
	}
	if r.ends = r.ends || out.err != nil; r.ends {
		_ = r.conn.Close() // wakes the reader
	} else {
		r.setIdle(true)
	}
	r.srv.packers.release(out)
	x.endAnswer()
}

// leave has a connection that waits for the next request go on in its http.Server.
func (r *resting) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaveLocked()
}

func (r *resting) leaveLocked() {
	if r.idle {
		r.left = true
		_ = r.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// setIdle says whether the connection waits for its next request, which it does as long as the http.Server would. It reports whether leave was called.
func (r *resting) setIdle(idle bool) (left bool) {
	limit := r.tracked.home.idleTimeout()
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.idle
	r.idle = idle
	switch {
	case idle && r.tracked.home.closed():
		_ = r.conn.Close()
	case idle && r.srv.draining.Load():
		r.leaveLocked()
	case idle && limit > 0:
		_ = r.conn.SetReadDeadline(time.Now().Add(limit))
	case was && (limit > 0 || r.left):
		_ = r.conn.SetReadDeadline(time.Time{})
	}
	return r.left
}

// restSet holds the connections that net/http does not know of.
type restSet struct {
	mu  sync.Mutex
	all map[*resting]struct{}
}

func (s *restSet) init() { s.all = make(map[*resting]struct{}) }

func (s *restSet) add(r *resting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[r] = struct{}{}
}

func (s *restSet) remove(r *resting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, r)
}

func (s *restSet) list() []*resting {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.all))
}
