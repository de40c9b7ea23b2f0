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

// endedByPeer reports whether the peer has closed or reset the connection, also when nobody has read so from it yet. Once the connection is closed here it
// has ended too.
func endedByPeer(c syscall.RawConn) bool {
	if c == nil {
		return false
	}
	ended := false
	err := c.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		ended = err == nil && info.State != unix.BPF_TCP_ESTABLISHED
	})
	return err != nil || ended // closed here means that it ended, a moment before ConnState says so
}
