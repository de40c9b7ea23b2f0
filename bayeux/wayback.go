package bayeux

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// wayBack is how connections that were hijacked return to their http.Server: it is
// one more listener of that.
type wayBack struct {
	hs    *http.Server
	begin sync.Once
	conns chan net.Conn
	done  chan struct{} // closed when nothing can return any more
	close sync.Once
	over  chan struct{} // closed when the http.Server has let go of the listener, or will never have it
}

func newWayBack(hs *http.Server) *wayBack {
	return &wayBack{hs: hs, conns: make(chan net.Conn), done: make(chan struct{}), over: make(chan struct{})}
}

// open has the http.Server accept what returns. Its end is that of the listener.
func (t *connTracker) open() {
	t.begin.Do(func() {
		go func() {
			defer close(t.over)
			_ = t.hs.Serve(t.wayBack) // its error is told to those who called it for the other listeners
			_ = t.Close()
			for _, r := range t.srv.rests.list() {
				if r.tracked.home == t {
					r.dismiss()
				}
			}
		}()
	})
}

// give returns a connection, with what was read of it already. It reports false when
// the http.Server has ended.
func (b *wayBack) give(c net.Conn, early []byte, tc *trackedConn) bool {
	back := &returned{Conn: c, early: early, tracked: tc}
	var giving net.Conn = back
	if t, ok := c.(tlsConn); ok {
		giving = &returnedTLS{back, t}
	}
	select {
	case b.conns <- giving:
		return true
	case <-b.done:
		return false
	}
}

func (b *wayBack) closed() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// idleTimeout is how long the http.Server waits for the next request; 0: for ever.
func (b *wayBack) idleTimeout() time.Duration {
	if d := b.hs.IdleTimeout; d != 0 {
		return d
	}
	return b.hs.ReadTimeout
}

// Accept, Close and Addr make it a net.Listener.
func (b *wayBack) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.done:
		return nil, net.ErrClosed
	}
}

func (b *wayBack) Close() error {
	b.close.Do(func() { close(b.done) })
	return nil
}

func (b *wayBack) Addr() net.Addr  { return b }
func (b *wayBack) Network() string { return "bayeux" }
func (b *wayBack) String() string  { return "connections that return" }

// trackerSet holds the trackers of a Server.
type trackerSet struct {
	mu  sync.Mutex
	all []*connTracker
}

func (s *trackerSet) add(t *connTracker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, t)
}

// close ends the ways back, and returns when they have ended.
func (s *trackerSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.all {
		_ = t.Close()
		t.begin.Do(func() { close(t.over) })
		<-t.over
	}
}

// tlsConn is a connection that tells net/http about its TLS.
type tlsConn interface {
	net.Conn
	ConnectionState() tls.ConnectionState
}

// returned is a connection that has been with the http.Server before.
type returned struct {
	net.Conn
	early   []byte // what comes before the rest
	tracked *trackedConn
}

type returnedTLS struct {
	*returned
	tls tlsConn
}

func (c *returnedTLS) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

func (c *returned) self() *returned { return c }

func (c *returned) Read(b []byte) (int, error) {
	if len(c.early) > 0 && len(b) > 0 {
		n := copy(b, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.Conn.Read(b)
}

// CloseWrite lets net/http end a connection so that its last response arrives.
func (c *returned) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// before returns what is known of a connection that has been here before, or nil.
func before(c net.Conn) *returned {
	if back, ok := c.(interface{ self() *returned }); ok {
		return back.self()
	}
	return nil
}

// original returns the connection as it was accepted.
func original(c net.Conn) net.Conn {
	if back := before(c); back != nil {
		return back.tracked.conn
	}
	return c
}
