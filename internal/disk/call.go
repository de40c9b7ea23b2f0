//go:build linux

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// kind is what a call does to the disk.
type kind int

const (
	other kind = iota // nothing that concerns us
	writes
	truncates
	syncs
	creates
	makesFolder
	removes
	moves
)

// call is a call of the process.
type call struct {
	kind kind
	path string
	to   string // moves
	at   int64  // writes; truncates: the new length
	data []byte // writes
}

// Calls that amd64 has and newer architectures have not.
const (
	amd64Open, amd64Rename, amd64Mkdir, amd64Rmdir, amd64Unlink = 2, 82, 83, 84, 87
)

// old is the number of such a call, or one that no call has.
func old(nr int32) int32 {
	if runtime.GOARCH == "amd64" {
		return nr
	}
	return -1
}

// watched are the calls that change a disk in ways that our programs use. What else there is would be noticed by Seen.
func watched() []int32 {
	all := []int32{
		unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_OPENAT, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT,
		unix.SYS_RENAMEAT2,
	}
	if runtime.GOARCH == "amd64" {
		all = append(all, amd64Open, amd64Rename, amd64Mkdir, amd64Rmdir, amd64Unlink)
	}
	return all
}

// read makes out what a call is about. The process stands still meanwhile.
func (d *Disk) read(n *notice) (c call, err error) {
	p := process(n.pid)
	a := n.arguments
	const cwd = unix.AT_FDCWD
	switch n.nr {
	case unix.SYS_PWRITE64:
		if c.path, err = p.file(a[0]); err == nil && d.has(c.path) {
			c.kind, c.at = writes, int64(a[3])
			c.data, err = p.memory(a[1], int(a[2]))
		}
	case unix.SYS_FTRUNCATE:
		c.kind, c.at = truncates, int64(a[1])
		c.path, err = p.file(a[0])
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		c.kind = syncs
		c.path, err = p.file(a[0])
	case unix.SYS_OPENAT:
		c, err = p.open(int32(a[0]), a[1], a[2])
	case old(amd64Open):
		c, err = p.open(cwd, a[0], a[1])
	case unix.SYS_MKDIRAT:
		c, err = p.make(int32(a[0]), a[1])
	case old(amd64Mkdir):
		c, err = p.make(cwd, a[0])
	case unix.SYS_UNLINKAT:
		c.kind = removes
		c.path, err = p.path(int32(a[0]), a[1])
	case old(amd64Unlink), old(amd64Rmdir):
		c.kind = removes
		c.path, err = p.path(cwd, a[0])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		c, err = p.move(int32(a[0]), a[1], int32(a[2]), a[3])
	case old(amd64Rename):
		c, err = p.move(cwd, a[0], cwd, a[1])
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return call{}, nil // the call or its process will fail
	}
	if err != nil {
		return call{}, fmt.Errorf("call %d of process %d: %w", n.nr, n.pid, err)
	}
	if !d.has(c.path) {
		return call{}, nil
	}
	return c, nil
}

// process is a thread of the watched process.
type process uint32

// file is the path of an open file.
func (p process) file(fd uint64) (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p, int32(fd)))
}

// path is an argument that names a file, which need not exist.
func (p process) path(at int32, address uint64) (string, error) {
	var name []byte
	for !bytes.Contains(name, []byte{0}) {
		next := address + uint64(len(name))
		part, err := p.memory(next, int(256-next%256)) // never over the end of a page
		if err != nil {
			return "", err
		}
		name = append(name, part...)
	}
	path := string(name[:bytes.IndexByte(name, 0)])
	if !filepath.IsAbs(path) {
		base := fmt.Sprintf("/proc/%d/cwd", p)
		if at != unix.AT_FDCWD {
			base = fmt.Sprintf("/proc/%d/fd/%d", p, at)
		}
		of, err := os.Readlink(base)
		if err != nil {
			return "", err
		}
		path = filepath.Join(of, path)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

func (p process) memory(address uint64, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, n)
	got, err := unix.ProcessVMReadv(int(p), []unix.Iovec{{Base: &b[0], Len: uint64(n)}}, []unix.RemoteIovec{{Base: uintptr(address), Len: n}}, 0)
	if err != nil {
		return nil, fmt.Errorf("read its memory: %w", err)
	}
	if got != n {
		return nil, fmt.Errorf("read its memory: %d of %d bytes", got, n)
	}
	return b, nil
}

func (p process) open(at int32, name, flags uint64) (c call, err error) {
	if flags&(unix.O_CREAT|unix.O_TRUNC) == 0 {
		return call{}, nil
	}
	if c.path, err = p.path(at, name); err != nil {
		return c, err
	}
	switch _, err := os.Lstat(c.path); {
	case err == nil && flags&unix.O_TRUNC != 0:
		c.kind = truncates
	case err != nil && flags&unix.O_CREAT != 0:
		c.kind = creates
	}
	return c, nil
}

func (p process) make(at int32, name uint64) (c call, err error) {
	if c.path, err = p.path(at, name); err != nil {
		return c, err
	}
	if _, err := os.Lstat(c.path); err != nil {
		c.kind = makesFolder
	}
	return c, nil
}

func (p process) move(at int32, name uint64, toAt int32, to uint64) (c call, err error) {
	c.kind = moves
	if c.path, err = p.path(at, name); err != nil {
		return c, err
	}
	if _, err := os.Lstat(c.path); err != nil {
		return call{}, nil
	}
	c.to, err = p.path(toAt, to)
	return c, err
}

// waiting is what is done later, and can be waited for.
type waiting struct{ sync.WaitGroup }

func (w *waiting) after(t time.Duration, do func()) {
	w.Go(func() {
		<-time.After(t)
		do()
	})
}
