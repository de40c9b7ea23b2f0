package bayeux

import (
	"net"
	"testing"
	"time"
)

// DEL-15 c, A7: that the peer has ended the connection is known before anybody has read so from it: its next connect may be here first.
func TestConnectionEndedByPeer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.TCPConn) error{
		"closed": (*net.TCPConn).Close,
		"reset": func(c *net.TCPConn) error {
			must(t, c.SetLinger(0))
			return c.Close()
		},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		peer, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		own, err := ln.Accept()
		must(t, err)
		for _, shared := range []bool{false, true} {
			if (&trackedConn{raw: rawConn(own)}).mark(shared).lost() {
				t.Errorf("%s, shared %v: lost before it was", name, shared)
			}
		}
		must(t, end(peer.(*net.TCPConn)))
		for _, shared := range []bool{false, true} {
			e := (&trackedConn{raw: rawConn(own)}).mark(shared)
			for over := time.Now().Add(5 * time.Second); !e.lost(); {
				if time.Now().After(over) {
					t.Fatalf("%s, shared %v: not noticed", name, shared)
				}
			}
			if !e.final() {
				t.Errorf("%s, shared %v: more is waited for", name, shared)
			}
		}
		must(t, own.Close())
		must(t, ln.Close())
	}
}
