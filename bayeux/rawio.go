package bayeux

import (
	"bytes"
	"io"
	"net"
	"syscall"
)

// A websocket on a plain connection is read and written past net.Conn, for two
// reasons. A write must not wait, so that whoever has a message can write it to all
// its sockets (writers.go). And each call of net.Conn tells the scheduler that it
// may block, which wakes the runtime's monitor: at a few thousand messages a second
// that costs a third of all processor time.

// pastMethods returns the way past the methods of conn, or nil where these must be used:
// another type may do more than to pass bytes on, unless it says that it does not.
func pastMethods(conn net.Conn) syscall.RawConn {
	if !rawIO {
		return nil
	}
	if c, ok := conn.(interface{ PlainConn() net.Conn }); ok { // as Track explains
		conn = c.PlainConn()
	}
	switch c := conn.(type) {
	case *net.TCPConn:
		return rawConn(c)
	case *net.UnixConn:
		return rawConn(c)
	}
	return nil
}

// input reads from a plain connection.
type input struct {
	c       syscall.RawConn
	into    []byte
	n       int
	err     error
	attempt func(fd uintptr) bool
}

func newInput() *input {
	in := new(input)
	in.attempt = func(fd uintptr) bool {
		var again bool
		in.n, again, in.err = readSome(fd, in.into)
		return !again
	}
	return in
}

func (in *input) Read(b []byte) (int, error) {
	in.into = b
	err := in.c.Read(in.attempt) // it waits between attempts
	in.into = nil
	switch {
	case err != nil:
		return 0, err
	case in.err == nil && in.n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return in.n, in.err
}

// output is a buffer, and what became of the attempt to write it.
type output struct {
	bytes.Buffer
	sent    int
	err     error
	attempt func(fd uintptr) bool
}

func newOutput() *output {
	o := new(output)
	o.attempt = func(fd uintptr) bool {
		o.sent, o.err = writeSome(fd, o.Bytes())
		return true // no waiting
	}
	return o
}

// try writes without waiting. It reports whether the write is over, successful or
// not; else the rest remains to be written.
func (o *output) try(c syscall.RawConn) bool {
	o.sent, o.err = 0, nil
	if c == nil {
		return false
	}
	if err := c.Write(o.attempt); err != nil {
		o.err = err
	}
	return o.err != nil || o.sent == o.Len()
}

func (o *output) rest() []byte { return o.Bytes()[o.sent:] }
