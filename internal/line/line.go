// Package line is a TCP line with faults, for tests: it passes connections on to a server, and delays, silences, cuts and half-closes them as it is
// told, or sends a request twice.
package line

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A Fault says what is wrong with a connection, each way. The zero Fault is a good line.
type Fault struct {
	Up   Way // what the client sends
	Down Way // what the server sends
}

// A Way is one direction of a connection.
type Way struct {
	// Delay is how much later each piece arrives. Pieces wait for those before them.
	Delay time.Duration
	// Silent lets all bytes vanish, and the end of the connection too: the peer learns of nothing, as when a cable is pulled.
	Silent bool
	// Cut, above zero, is how many bytes still pass before the connection is cut, counted from when the fault began.
	Cut int64
	// Reset lets Cut be a reset (RST) for the client, and not an orderly end (FIN).
	Reset bool
	// End tells the receiver at once that nothing more comes, though the sender may go on: half of the connection is closed. What still comes vanishes.
	End bool
	// Again sends the next HTTP POST that arrives in one piece to the server a second time, over a connection of its own, and throws that answer away:
	// so long after the original, or before it if it is negative. Only what the client sends can be sent again.
	Again time.Duration
}

// Both is a fault that is the same in both directions.
func Both(w Way) Fault { return Fault{Up: w, Down: w} }

// A Line passes TCP connections on to one server. Its methods may be called at any time, from any goroutine.
type Line struct {
	listener net.Listener
	to       string
	life     context.Context // ends with Close
	stop     context.CancelFunc
	tasks    sync.WaitGroup

	mu     sync.Mutex
	conns  map[*conn]bool
	next   func() Fault // for a connection to come
	refuse bool
	closed bool
	passed int
	cuts   int
	copies int
}

// Listen makes a good line from a free port of this machine to a server's address (host:port). It lasts until Close.
func Listen(to string) (*Line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Line{listener: listener, to: to, conns: map[*conn]bool{}, next: func() Fault { return Fault{} }}
	l.life, l.stop = context.WithCancel(context.Background())
	l.tasks.Go(l.accept)
	return l, nil
}

// Address is where clients connect to, host:port.
func (l *Line) Address() string { return l.listener.Addr().String() }

// Break gives the connections that there are a fault. It replaces the one they had.
func (l *Line) Break(f Fault) {
	for _, c := range l.present() {
		c.give(f)
	}
}

// Reset cuts the connections that there are, for both sides, with a reset.
func (l *Line) Reset() {
	for _, c := range l.present() {
		c.cut(true)
	}
}

// Next asks fault for the fault of each connection to come.
func (l *Line) Next(fault func() Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = fault
}

// Refuse says whether connections to come are reset at once. Those that there are stay.
func (l *Line) Refuse(refuse bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = refuse
}

// Passed is how many connections there have been.
func (l *Line) Passed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.passed
}

// Cuts is how many connections the line has cut, before the peers ended them.
func (l *Line) Cuts() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts
}

// Close ends the line and all its connections, and waits until nothing is left of it.
func (l *Line) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.listener.Close()
	l.stop()
	for _, c := range l.present() {
		c.end()
	}
	l.tasks.Wait()
}

func (l *Line) present() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	return conns
}

func (l *Line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.tasks.Go(func() { l.serve(near.(*net.TCPConn)) })
	}
}

// serve carries one connection, both ways, to its end.
func (l *Line) serve(near *net.TCPConn) {
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		reset(near) // as a server that is not there would
		return
	}
	c := &conn{line: l, near: near, far: far.(*net.TCPConn), gone: make(chan struct{})}
	if !l.add(c) {
		reset(near)
		far.Close()
		return
	}
	var ways sync.WaitGroup
	ways.Go(func() { c.pass(&c.up, c.far, c.near, l.again) })
	ways.Go(func() { c.pass(&c.down, c.near, c.far, passOnce) })
	ways.Wait()
	c.end()

	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// add reports whether the connection may be carried.
func (l *Line) add(c *conn) bool {
	l.mu.Lock()
	next, ok := l.next, !l.refuse && !l.closed
	l.mu.Unlock()
	if !ok {
		return false
	}
	c.give(next()) // not under the lock: it may ask the line

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.conns[c] = true
	l.passed++
	return true
}

// conn is one connection: near is the client's half, far the server's.
type conn struct {
	line      *Line
	near, far *net.TCPConn
	up, down  way
	ending    sync.Once
	gone      chan struct{}
}

// give lets the connection have a fault from now on.
func (c *conn) give(f Fault) {
	c.up.setFault(f.Up)
	c.down.setFault(f.Down)
	if f.Up.End {
		_ = c.far.CloseWrite() // it may have gone
	}
	if f.Down.End {
		_ = c.near.CloseWrite()
	}
}

// way is one direction of a connection, with its present fault.
type way struct {
	mu    sync.Mutex
	fault Way
}

func (w *way) setFault(f Way) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

// take returns what to do with n bytes that have come: how many may pass, and the fault. cut tells that the connection is to be cut after them.
func (w *way) take(n int) (passing int, fault Way, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault.Silent || w.fault.End || w.fault.Cut == 0 {
		return n, w.fault, false
	}
	if int64(n) >= w.fault.Cut {
		return int(w.fault.Cut), w.fault, true
	}
	w.fault.Cut -= int64(n)
	return n, w.fault, false
}

// pass carries one direction until its sender or the connection ends. It writes what may pass with write.
func (c *conn) pass(w *way, to, from *net.TCPConn, write func(w *way, to net.Conn, piece []byte) error) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		n, fault, cut := w.take(n)
		if fault.Delay > 0 {
			select {
			case <-time.After(fault.Delay):
			case <-c.gone:
				return
			}
		}
		switch {
		case fault.Silent && err != nil:
			<-c.gone
			return
		case fault.End && err != nil:
			return
		case fault.Silent, fault.End:
			continue
		}
		if failed := write(w, to, buf[:n]); failed != nil {
			c.end()
			return
		}
		switch {
		case cut:
			c.cut(fault.Reset)
			return
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite() // the other side may have gone
			return
		case err != nil:
			c.end()
			return
		}
	}
}

func passOnce(_ *way, to net.Conn, piece []byte) error {
	_, err := to.Write(piece)
	return err
}

// cut ends the connection for both sides.
func (c *conn) cut(withReset bool) {
	c.ending.Do(func() {
		c.line.mu.Lock()
		c.line.cuts++
		c.line.mu.Unlock()
		if withReset {
			reset(c.near)
			reset(c.far)
		}
		c.close()
	})
}

func (c *conn) end() { c.ending.Do(c.close) }

func (c *conn) close() {
	close(c.gone)
	c.near.Close()
	c.far.Close()
}

func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	conn.Close()
}
