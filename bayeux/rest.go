package bayeux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// While net/http waits for a handler it keeps buffers, the request and two goroutines. A connect that is held for longer than a moment therefore
// rests: its connection is taken from net/http, and one goroutine with next to nothing on its stack waits for what the client sends, for the only
// byte that it reads tells whether the client has gone (SS-11) or speaks again. It answers when the connect is released, and gives the connection
// back with the next request.

// restAfter is how long a connect is held in its handler. Few are held longer where much is said: for these it would not pay to change places. Longer,
// and the crowd that comes back at once after a common time-out would have all its buffers at the same time.
const restAfter = 200 * time.Millisecond

// resting is a held connect at rest, and then its connection until the next request.
type resting struct {
	x       *exchange
	form    form
	header  http.Header // what was set before; nil: nothing
	tracked *trackedConn
	conn    net.Conn
	foreign bool          // somebody has wrapped conn: it cannot return
	early   []byte        // what was read of the next request
	awake   chan struct{} // closed when the deadline is set that wakes the reader

	mu   sync.Mutex
	idle bool // answered, and waiting for the next request
	left bool // it is to wait elsewhere
}

// mayRest reports whether the connection can be taken from net/http and given back.
func (x *exchange) mayRest(ctx context.Context) bool {
	c := x.conn
	return c != nil && !x.http2 && ctx.Value(trackedConnKey{}) == c && c.outer == nil // of two servers the other would not know
}

// rest takes the connection from net/http. It reports false if that cannot be: then
// all is as before.
func (srv *Server) rest(w http.ResponseWriter, req *http.Request, x *exchange, f form) bool {
	home := x.conn.home
	if !srv.tasks.begin() {
		return false
	}
	home.open()
	x.conn.setResting(true)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil { // a middleware's writer cannot
		x.conn.setResting(false)
		srv.tasks.end()
		return false
	}
	r := &resting{x: x, form: f, header: w.Header().Clone(), tracked: x.conn, conn: x.conn.conn, awake: make(chan struct{})}
	if original(conn) != r.conn {
		r.conn, r.foreign = conn, true
	}
	if n := rw.Reader.Buffered(); n > 0 {
		r.early = make([]byte, n)
		_, _ = rw.Reader.Read(r.early)
	}
	if back := before(conn); back != nil {
		r.early = append(r.early, back.early...)
	}
	x.peer = &Peer{Transport: f.transport} // the rest was of the request
	s := x.session
	s.mu.Lock()
	held := s.held == x.held
	if held {
		x.held.rest = r
	}
	s.mu.Unlock()
	if !held { // released at this moment
		r.wake()
	}
	srv.rests.add(r)
	if req.Context().Err() != nil || home.closed() {
		r.cut()
	}
	go r.run()
	return true
}

// wake has the reader see that the connect is released.
func (r *resting) wake() {
	_ = r.conn.SetReadDeadline(time.Unix(1, 0))
	close(r.awake)
}

// cut ends it without further words.
func (r *resting) cut() {
	_ = r.conn.Close()
	s := r.x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == r.x.held {
		s.release(causeGone)
	}
}

// leave has a connection that waits for the next request go on in its http.Server.
func (r *resting) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idle {
		r.left = true
		_ = r.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// setIdle says whether leave has an effect, and reports whether it had.
func (r *resting) setIdle(idle bool, deadline time.Time) (left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = idle
	_ = r.conn.SetReadDeadline(deadline)
	return r.left
}

func (r *resting) run() {
	srv := r.x.srv
	defer srv.tasks.end()
	defer srv.rests.remove(r)
	goesOn := r.hold() && r.answer()
	r.x.endAnswer()
	if !goesOn || !r.listen() || !r.tracked.home.give(r.conn, r.early, r.tracked) {
		_ = r.conn.Close()
		r.tracked.end()
	}
}

// hold waits until the connect is released. It reports false when the client has
// gone (SS-11).
func (r *resting) hold() bool {
	c := r.x.held
	gone := false
	if len(r.early) == 0 { // else that it has gone is seen when it is answered
		err := r.hear()
		gone = err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	}
	if gone {
		r.x.abandon()
	}
	<-c.done
	<-r.awake
	_ = r.conn.SetReadDeadline(time.Time{})
	return !gone && c.cause != causeGone
}

// hear reads the first byte of the next request.
func (r *resting) hear() error {
	first := make([]byte, 1)
	n, err := r.conn.Read(first)
	if n == 1 {
		r.early = first
		return nil
	}
	return err
}

// answer answers the connect, and reports whether the connection goes on.
func (r *resting) answer() (goesOn bool) {
	x := r.x
	defer x.srv.recovered("response", func() { goesOn = false })
	h := r.header
	if h == nil {
		h = http.Header{}
	}
	status, body, res := x.finish(r.form, h)
	goesOn = !r.foreign && !x.srv.draining.Load() && !slices.Contains(h["Connection"], "close")
	if !goesOn {
		h.Set("Connection", "close")
	}
	err := r.write(status, h, body)
	if res != nil {
		res.written(err)
		x.part()
	}
	return goesOn && err == nil
}

// notOurs are header fields that would say something else about the length.
var notOurs = map[string]bool{"Transfer-Encoding": true, "Trailer": true}

// write is to the network what net/http would write.
func (r *resting) write(status int, h http.Header, body []byte) error {
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if _, set := h["Date"]; !set {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = h.WriteSubset(&b, notOurs) // a bytes.Buffer does not fail
	b.WriteString("\r\n")
	b.Write(body)
	_ = r.conn.SetWriteDeadline(time.Now().Add(r.x.srv.opt.overHTTP(r.form.transport).WriteTimeout))
	_, err := r.conn.Write(b.Bytes())
	_ = r.conn.SetWriteDeadline(time.Time{}) // the next response has its own
	return err
}

// listen waits for the next request, as long as the http.Server would. It reports
// false when the connection is over.
func (r *resting) listen() bool {
	if len(r.early) > 0 {
		return true
	}
	var until time.Time
	if d := r.tracked.home.idleTimeout(); d > 0 {
		until = time.Now().Add(d)
	}
	r.setIdle(true, until)
	if r.x.srv.draining.Load() {
		r.leave()
	}
	err := r.hear()
	left := r.setIdle(false, time.Time{})
	return err == nil || left && errors.Is(err, os.ErrDeadlineExceeded)
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
