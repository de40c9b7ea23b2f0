package server

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// capped limits how many connections of l are open at a time (J1): in total, and from one address, so that one client cannot take all. What is above the
// limit is accepted and closed at once: left in the system's queue it would keep others out.
func (s *Server) capped(address string) (*cappedListener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err // New says what the address is for
	}
	return &cappedListener{
		Listener: l, total: s.cfg.MaxConnections, perAddress: s.cfg.MaxPerAddress, open: map[netip.Addr]int{},
		free: func(a netip.Addr) bool {
			return a.IsLoopback() || slices.ContainsFunc(s.proxies, func(n netip.Prefix) bool { return n.Contains(a) })
		},
	}, nil
}

type cappedListener struct {
	net.Listener
	total, perAddress int
	free              func(netip.Addr) bool // addresses behind which may be everybody

	mu      sync.Mutex
	all     int
	open    map[netip.Addr]int
	refused int64
}

// figures returns how many connections are open, and how many were refused.
func (l *cappedListener) figures() (open int, refused int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all, l.refused
}

// Accept returns the next connection within the limits.
func (l *cappedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err // net/http looks at its kind
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		a := addressOf(tcp)
		if l.enter(a) {
			return &cappedConn{TCPConn: tcp, leave: sync.OnceFunc(func() { l.leave(a) })}, nil
		}
		_ = c.Close() // its owner is told by the closing itself
	}
}

// addressOf is what connections are counted under: the address, of IPv6 its first 64 bits.
func addressOf(c *net.TCPConn) netip.Addr {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	if a.Is6() && !a.IsLoopback() { // one customer of a provider has 2^64 of them
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a
}

func (l *cappedListener) enter(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.total || l.open[a] >= l.perAddress && !l.free(a) {
		l.refused++
		return false
	}
	l.all++
	l.open[a]++
	return true
}

func (l *cappedListener) leave(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[a]--; l.open[a] == 0 {
		delete(l.open, a)
	}
}

// cappedConn keeps all that a TCP connection can do: bayeux asks the system how much of an answer is still unsent.
type cappedConn struct {
	*net.TCPConn
	leave func()
}

// PlainConn lets bayeux read and write without a detour: bytes are nothing to us.
func (c *cappedConn) PlainConn() net.Conn { return c.TCPConn }

// Close closes the connection and makes room for another.
func (c *cappedConn) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}
