//go:build unix && (!linux || race)

package bayeux

import (
	"errors"
	"syscall"
)

// Here system calls go through the standard library: some systems ask for that, and
// the race detector learns of the order that they make.

const rawIO = true

// readSome reads what is there; again, if nothing is.
func readSome(fd uintptr, b []byte) (n int, again bool, err error) {
	return some(syscall.Read, fd, b)
}

// readable reports whether reading would not have to wait.
func readable(fd uintptr) bool {
	_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
	return !errors.Is(err, syscall.EAGAIN)
}

// writeSome writes as much as there is room for.
func writeSome(fd uintptr, b []byte) (int, error) {
	n, _, err := some(syscall.Write, fd, b)
	return n, err
}

func some(call func(int, []byte) (int, error), fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		n, err := call(int(fd), b)
		switch {
		case err == nil:
			return n, false, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, true, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, false, err
		}
	}
}
