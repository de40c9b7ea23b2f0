//go:build !race

package bayeux

import (
	"syscall"
	"unsafe"
)

const rawIO = true

// readSome reads what is there; again, if nothing is.
func readSome(fd uintptr, b []byte) (n int, again bool, err error) {
	return some(syscall.SYS_READ, fd, b)
}

// readable reports whether reading would not have to wait.
func readable(fd uintptr) bool {
	var b [1]byte
	_, _, no := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return no != syscall.EAGAIN
}

// writeSome writes as much as there is room for.
func writeSome(fd uintptr, b []byte) (int, error) {
	n, _, err := some(syscall.SYS_WRITE, fd, b)
	return n, err
}

// some makes a call that never blocks, as fd is in non-blocking mode.
func some(call, fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		r, _, no := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch no {
		case 0:
			return int(r), false, nil
		case syscall.EAGAIN:
			return 0, true, nil
		case syscall.EINTR:
		default:
			return 0, false, no
		}
	}
}
