//go:build !linux

package bayeux

import "syscall"

// unacknowledged returns how many bytes were written to the connection and not
// acknowledged by the peer. This system is not asked.
func unacknowledged(syscall.RawConn) int { return 0 }

// endedByPeer reports whether the connection has ended. This system is not asked; that it is closed here is known.
func endedByPeer(c syscall.RawConn) bool { return c != nil && c.Control(func(uintptr) {}) != nil }
