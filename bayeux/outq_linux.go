package bayeux

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged returns how many bytes were written to the connection and not
// acknowledged by the peer (SIOCOUTQ); 0 when that cannot be known.
func unacknowledged(c syscall.RawConn) int {
	if c == nil {
		return 0
	}
	n := 0
	err := c.Control(func(fd uintptr) {
		if v, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ); err == nil {
			n = v
		}
	})
	if err != nil {
		return 0 // closed meanwhile, which ConnState tells
	}
	return n
}
