//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// loop serves all connections of the load generator from one goroutine, with raw sockets: what it costs is taken from the server's share of the machine.
type loop struct {
	epoll, timer int
	conns        map[int]*conn
	buf          []byte
	ready        []unix.EpollEvent
}

// conn is one connection of the generator.
type conn struct {
	fd   int
	held []byte // what was read and is not a whole message yet
	out  []byte // what the socket had no room for
	deaf bool   // it never reads
	// read is given what has arrived and returns how much of it is dealt with; a negative number closes the connection. It is called with nil at the end.
	read func(data []byte) int
}

func newLoop() (*loop, error) {
	l := &loop{conns: make(map[int]*conn), buf: make([]byte, 256<<10), ready: make([]unix.EpollEvent, 512)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	return l, l.watch(l.timer, unix.EPOLLIN, unix.EPOLL_CTL_ADD)
}

func (l *loop) watch(fd int, events uint32, op int) error {
	return unix.EpollCtl(l.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *loop) close() {
	for _, c := range l.conns {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(l.timer)
	_ = unix.Close(l.epoll)
}

// dial opens a connection. On the loopback interface that takes no time.
func (l *loop) dial(addr netip.AddrPort) (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	c := &conn{fd: fd}
	if err := errors.Join(
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}),
		unix.SetNonblock(fd, true),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		l.watch(fd, unix.EPOLLIN, unix.EPOLL_CTL_ADD),
	); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connect to %v: %w", addr, err)
	}
	l.conns[fd] = c
	return c, nil
}

func (l *loop) drop(c *conn) {
	if _, open := l.conns[c.fd]; open {
		delete(l.conns, c.fd)
		_ = unix.Close(c.fd)
	}
}

// send writes, and keeps what the socket has no room for.
func (l *loop) send(c *conn, b []byte) {
	if len(c.out) == 0 {
		n, err := unix.Write(c.fd, b)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return // the end of the connection shows when it is read
		}
		if b = b[max(n, 0):]; len(b) == 0 {
			return
		}
		_ = l.watch(c.fd, unix.EPOLLIN|unix.EPOLLOUT, unix.EPOLL_CTL_MOD)
	}
	c.out = append(c.out, b...)
}

// run calls tick once per period and serves the connections meanwhile, until tick reports false.
func (l *loop) run(period time.Duration, tick func() bool) error {
	spec := unix.NsecToTimespec(int64(period))
	if err := unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{Interval: spec, Value: spec}, nil); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	for {
		n, err := unix.EpollWait(l.epoll, l.ready, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, e := range l.ready[:max(n, 0)] {
			if int(e.Fd) == l.timer {
				_, _ = unix.Read(l.timer, l.buf[:8])
				if !tick() {
					return nil
				}
				continue
			}
			c := l.conns[int(e.Fd)]
			if c == nil {
				continue // closed a moment ago
			}
			if e.Events&unix.EPOLLOUT != 0 {
				l.flush(c)
			}
			if e.Events&^unix.EPOLLOUT != 0 {
				l.receive(c)
			}
		}
	}
}

func (l *loop) flush(c *conn) {
	n, err := unix.Write(c.fd, c.out)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		n = len(c.out)
	}
	if c.out = c.out[max(n, 0):]; len(c.out) == 0 {
		c.out = nil
		_ = l.watch(c.fd, unix.EPOLLIN, unix.EPOLL_CTL_MOD)
	}
}

func (l *loop) receive(c *conn) {
	if c.deaf {
		_ = l.watch(c.fd, 0, unix.EPOLL_CTL_MOD) // errors are told all the same
		return
	}
	kept := copy(l.buf, c.held)
	n, err := unix.Read(c.fd, l.buf[kept:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if n <= 0 {
		l.drop(c)
		c.read(nil)
		return
	}
	data := l.buf[:kept+n]
	used := c.read(data)
	if used < 0 {
		l.drop(c)
		return
	}
	c.held = append(c.held[:0], data[used:]...)
}
