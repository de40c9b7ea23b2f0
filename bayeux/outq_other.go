//go:build !linux

package bayeux

import "syscall"

// unacknowledged returns how many bytes were written to the connection and not
// acknowledged by the peer. This system is not asked.
func unacknowledged(syscall.RawConn) int { return 0 }

// endedByPeer reports whether the peer has ended the connection. This system is not asked.
func endedByPeer(syscall.RawConn) bool { return false }
