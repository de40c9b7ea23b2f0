package load

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// wire holds the connections of one client, so that they can be cut and paused. What it does to them is what a network does: the client is not told.
type wire struct {
	mu     sync.Mutex
	conns  map[*wireConn]bool
	paused chan struct{} // closed when the pause is over; nil: there is none
}

// idleTime is how long a connection is kept that nobody needs: what a moment of many requests took is given back soon.
const idleTime = 10 * time.Second

// transport makes a client's HTTP transport, whose connections are the wire's.
func (w *wire) transport(idle int) *http.Transport {
	w.conns = map[*wireConn]bool{}
	return &http.Transport{DialContext: w.dial, MaxIdleConnsPerHost: idle, IdleConnTimeout: idleTime}
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &wireConn{Conn: conn, wire: w, closed: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = true
	return c, nil
}

// cut resets up to n connections: what was under way either way is lost. It reports whether there was one.
func (w *wire) cut(n int) bool {
	w.mu.Lock()
	var conns []*wireConn
	for c := range w.conns {
		if len(conns) < n {
			conns = append(conns, c)
		}
	}
	w.mu.Unlock()
	for _, c := range conns {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it is closed all the same
		}
		c.Close()
	}
	return len(conns) > 0
}

// pause stops reading until resume is called.
func (w *wire) pause() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	over := make(chan struct{})
	w.paused = over
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.paused == over {
			w.paused = nil
		}
		close(over)
	}
}

func (w *wire) pausing() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paused
}

type wireConn struct {
	net.Conn
	wire   *wire
	once   sync.Once
	closed chan struct{}
}

// Read holds back what has come while the client is paused.
func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if over := c.wire.pausing(); over != nil {
		select {
		case <-over:
		case <-c.closed:
		}
	}
	return n, err
}

func (c *wireConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.wire.mu.Lock()
		defer c.wire.mu.Unlock()
		delete(c.wire.conns, c)
	})
	return c.Conn.Close()
}
