package bayeux

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Track lets srv see what becomes of the TCP connections of hs, so that it
// recognises a connect reply that was lost with its connection (DEL-15), and lets
// it serve polls over HTTP/1.1 for half the work and little memory. Call it before hs serves.
// Without it everything works, but such a loss is recognised by what the client
// sends next only.
//
// Hooks that hs has already are called first. A connection that a client keeps for its polls is hijacked from the handler of one of them. From then on srv
// reads its requests, and has the Handler of hs serve them, as long as each is a plain GET or POST of up to 4 KB to where that poll was sent; with any
// other it returns to hs, with the context that ConnContext gave it at first, and a ConnState of StateNew. In between ConnState and
// SetKeepAlivesEnabled have no part in it, and the context of a request does not end when its client goes.
//
// A *net.TCPConn or *net.UnixConn is read and written past its methods, which costs less. A listener's own type of connection that has one of these below
// it, and does nothing to bytes and errors but pass them on, says so by a method PlainConn() net.Conn that returns it; Close and the deadlines stay its own.
//
// Middleware that would add to a response when it is written has no part in that of the poll which was hijacked, nor of a connect that was held; what is in
// the header before stays there.
func (srv *Server) Track(hs *http.Server) {
	t := newConnTracker(srv, hs)
	srv.trackers.add(t)
	hs.RegisterOnShutdown(t.closeSilent)
	baseContext, connContext, connState := hs.BaseContext, hs.ConnContext, hs.ConnState
	if baseContext != nil {
		hs.BaseContext = func(l net.Listener) context.Context {
			if l == t.wayBack { // what returns has its context
				return context.Background()
			}
			return baseContext(l)
		}
	}
	hs.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if known := t.returning(c); known != nil {
			return known.ctx
		}
		if connContext != nil {
			ctx = connContext(ctx, c)
		}
		return t.add(ctx, c).ctx
	}
	hs.ConnState = func(c net.Conn, state http.ConnState) {
		if connState != nil {
			connState(original(c), state)
		}
		t.note(c, state)
	}
}

// connTracker knows the connections of one http.Server.
type connTracker struct {
	srv   *Server
	conns sync.Map    // net.Conn → *trackedConn
	wraps atomic.Bool // a middleware puts something round the connections that are hijacked
	*wayBack
}

func newConnTracker(srv *Server, hs *http.Server) *connTracker {
	return &connTracker{srv: srv, wayBack: newWayBack(hs)}
}

type trackedConnKey struct{}

func (t *connTracker) add(ctx context.Context, c net.Conn) *trackedConn {
	tc := &trackedConn{home: t, conn: c, raw: rawConn(c)}
	tc.outer, _ = ctx.Value(trackedConnKey{}).(*trackedConn)
	tc.ctx = context.WithValue(ctx, trackedConnKey{}, tc)
	t.conns.Store(c, tc)
	return tc
}

// returning returns the connection that c is, if c has been here before.
func (t *connTracker) returning(c net.Conn) *trackedConn {
	back := before(c)
	if back == nil || back.tracked.home != t {
		return nil
	}
	tc := back.tracked
	tc.returned(len(back.early) == 0)
	t.conns.Store(c, tc)
	return tc
}

// closeSilent closes what has returned and not spoken since, as the http.Server does at its end with what is idle. For new connections, which these are
// to it, it would wait.
func (t *connTracker) closeSilent() {
	for c, tc := range t.conns.Range {
		if tc.(*trackedConn).isSilent() {
			_ = c.(net.Conn).Close()
		}
	}
}

func (t *connTracker) note(c net.Conn, state http.ConnState) {
	v, ok := t.conns.Load(c)
	if !ok {
		return
	}
	tc := v.(*trackedConn)
	switch state {
	case http.StateActive:
		tc.began()
	case http.StateClosed:
		t.conns.Delete(c)
		tc.end()
	case http.StateHijacked:
		t.conns.Delete(c)
		if !tc.isResting() {
			tc.end()
		}
	}
}

// trackedConn is a TCP connection under an http.Server. A nil one tells nothing.
type trackedConn struct {
	home  *connTracker
	outer *trackedConn    // of another Server on the same http.Server, or nil
	conn  net.Conn        // as it was accepted
	ctx   context.Context // of the connection
	rest  *resting        // serves it, or nil; for the goroutine that reads from it

	mu       sync.Mutex
	raw      syscall.RawConn
	requests int  // how often a request began on it
	resting  bool // taken from net/http for a while (rest.go)
	silent   bool // since it returned
	ended    bool
	pace     pace
}

// began counts a request.
func (c *trackedConn) began() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	c.silent = false
}

// returned notes that net/http has it again.
func (c *trackedConn) returned(silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting, c.silent = false, silent
}

func (c *trackedConn) isSilent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent
}

// begun tells how many requests have begun.
func (c *trackedConn) begun() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// over reports whether the connection has ended. c.mu is held.
func (c *trackedConn) over() bool { return c.ended || endedByPeer(c.raw) }

// gone reports whether the peer has ended the connection. Of a nil one nothing is known.
func (c *trackedConn) gone() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over()
}

// end says that nothing more will come on the connection.
func (c *trackedConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended, c.raw = true, nil
}

func (c *trackedConn) setResting(resting bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting = resting
}

func (c *trackedConn) isResting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resting
}

func (srv *Server) trackedConnOf(ctx context.Context) *trackedConn {
	c, _ := ctx.Value(trackedConnKey{}).(*trackedConn)
	for c != nil && c.home.srv != srv {
		c = c.outer
	}
	return c
}

// rawConn returns the file descriptor's handle, from below TLS too.
func rawConn(c net.Conn) syscall.RawConn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// evidence is what a connection can tell later about a reply that left on it.
// The zero value tells nothing.
type evidence struct {
	conn     *trackedConn
	requests int
	shared   bool // HTTP/2: other streams use the connection too
	over     bool // without conn, after a restart: the connection had ended
}

// mark remembers the state of the connection at the time of a reply.
func (c *trackedConn) mark(shared bool) evidence {
	if c == nil {
		return evidence{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return evidence{conn: c, requests: c.requests, shared: shared}
}

// lost reports whether the connection was ended after the reply, or still holds
// bytes that the peer has not acknowledged (DEL-15 c). A further request on the
// same HTTP/1.1 connection proves that the reply was read.
func (e evidence) lost() bool {
	if e.conn == nil {
		return e.over
	}
	e.conn.mu.Lock()
	defer e.conn.mu.Unlock()
	switch {
	case !e.shared && e.conn.requests > e.requests:
		return false
	case e.conn.over():
		return true
	case e.shared:
		return false // what is not acknowledged may be any stream's
	}
	return unacknowledged(e.conn.raw) > 0
}

// arrived reports whether a further request on the connection proves that the reply was read.
func (e evidence) arrived() bool {
	if e.conn == nil || e.shared {
		return false
	}
	e.conn.mu.Lock()
	defer e.conn.mu.Unlock()
	return e.conn.requests > e.requests
}

// A system may put off acknowledging what it received, for 40 ms on Linux, 200 ms
// at most elsewhere.
const (
	ackPatience = 250 * time.Millisecond
	ackPoll     = 5 * time.Millisecond
)

// await waits until the evidence of loss is gone, or has stood for so long that it
// means something.
func (e evidence) await(ctx context.Context) {
	over := time.NewTimer(ackPatience)
	defer over.Stop()
	poll := time.NewTicker(ackPoll)
	defer poll.Stop()
	for e.lost() && !e.final() {
		select {
		case <-poll.C:
		case <-over.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// final reports whether the connection has ended, so that nothing can change.
func (e evidence) final() bool {
	if e.conn == nil {
		return true
	}
	e.conn.mu.Lock()
	defer e.conn.mu.Unlock()
	return e.conn.over()
}
