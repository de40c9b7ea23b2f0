//go:build linux

// Package disk puts a disk with faults under a process, for tests. Every call by which the process changes a folder stops until the Disk has
// noted it and said how it goes on: as it is, slowly, or with an error. From its notes the Disk makes the folder that a power loss would leave
// behind: all that was made safe with fsync, and of the rest whatever chance lets through, torn and in any order.
//
// The kernel asks us about the calls (seccomp's user notification), so the process is the real one, unchanged, and neither root nor a mount is needed.
// What the process writes through memory maps is not seen: for SQLite that is the index of its journal, which it does not trust after a crash.
package disk

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Faults are what the disk does wrong. The zero value is a sound disk.
type Faults struct {
	Write     syscall.Errno // the error of every write, and of making files
	Grow      syscall.Errno // the error of a write that makes a file longer, and of making files: ENOSPC is a full disk
	Sync      syscall.Errno // the error of fsync; what it was about is lost or not, and a later fsync does not say so either
	SyncDelay time.Duration // how much longer fsync takes
	Lies      bool          // fsync succeeds and does nothing
}

// Disk is the disk under a process and its children.
type Disk struct {
	root string // the folder that is watched, without symbolic links

	mu     sync.Mutex
	faults Faults
	cut    bool
	now    map[string]*node // what the process sees, by path
	safe   map[string]*node // what is on disk for certain
	late   []naming         // names that have changed since
	calls  int              // noted so far
	missed error            // a call that could not be noted

	work sync.WaitGroup // the goroutines
}

// node is a file, or a folder.
type node struct {
	folder bool
	kept   []byte // on disk for certain
	late   []change
}

// change is a write, or a new length.
type change struct {
	at       int64 // also the new length
	data     []byte
	truncate bool
	doubtful bool // its fsync has failed
}

// naming is a change of names that happens or does not: nil is a name that goes.
type naming map[string]*node

// load takes over what is in the folder: all of it is on disk for certain.
func (d *Disk) load() error {
	d.now, d.safe, d.late = map[string]*node{}, map[string]*node{}, nil
	err := filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == d.root {
			return err
		}
		n := &node{folder: e.IsDir()}
		if !n.folder {
			if n.kept, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		d.now[path], d.safe[path] = n, n
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the folder: %w", err)
	}
	return nil
}

// Set changes what is wrong from the next call on.
func (d *Disk) Set(f Faults) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = f
}

// Cut is the power loss: from now on no call comes back. Kill the process, then see what is left with Image.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = true
}

// Calls is how many calls changed the folder so far. The error is about a call that was not understood: what Image makes would be wrong.
func (d *Disk) Calls() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls, d.missed
}

// has says whether a path is on this disk.
func (d *Disk) has(path string) bool { return path == d.root || strings.HasPrefix(path, d.root+"/") }

// verdict is what becomes of a call.
type verdict struct {
	err   syscall.Errno // 0: it is done as it is
	fake  bool          // it succeeds without being done
	after time.Duration
}

// judge notes a call and says what becomes of it. It is called with the lock held.
func (d *Disk) judge(c call) verdict {
	d.calls++
	f := d.faults
	switch c.kind {
	case writes:
		n := d.now[c.path]
		if n == nil { // of a file that was removed while it was open
			return verdict{err: f.Write}
		}
		if err := firstOf(f.Write, f.Grow); err != 0 && (f.Write != 0 || c.at+int64(len(c.data)) > n.length()) {
			return verdict{err: err}
		}
		n.late = append(n.late, change{at: c.at, data: c.data})
	case truncates:
		n := d.now[c.path]
		if n == nil || f.Write != 0 {
			return verdict{err: f.Write}
		}
		n.late = append(n.late, change{at: c.at, truncate: true})
	case creates, makesFolder:
		if err := firstOf(f.Write, f.Grow); err != 0 {
			return verdict{err: err}
		}
		d.rename(naming{c.path: {folder: c.kind == makesFolder}})
	case removes:
		if f.Write != 0 {
			return verdict{err: f.Write}
		}
		d.rename(naming{c.path: nil})
	case moves:
		if f.Write != 0 {
			return verdict{err: f.Write}
		}
		d.rename(naming{c.path: nil, c.to: d.now[c.path]})
	case syncs:
		switch {
		case f.Sync != 0:
			d.spoil(c.path)
			return verdict{err: f.Sync, after: f.SyncDelay}
		case f.Lies:
			return verdict{fake: true, after: f.SyncDelay}
		case f.SyncDelay > 0:
			return verdict{after: f.SyncDelay} // noted when the time is over
		}
		d.keep(c.path)
	}
	return verdict{}
}

func firstOf(errs ...syscall.Errno) syscall.Errno {
	for _, err := range errs {
		if err != 0 {
			return err
		}
	}
	return 0
}

func (d *Disk) rename(n naming) {
	n.apply(d.now)
	d.late = append(d.late, n)
}

func (n naming) apply(names map[string]*node) {
	for path, node := range n {
		if node == nil {
			delete(names, path)
		} else {
			names[path] = node
		}
	}
}

// length is how long a file is for the process.
func (n *node) length() int64 {
	l := int64(len(n.kept))
	for _, c := range n.late {
		if c.truncate {
			l = c.at
		} else {
			l = max(l, c.at+int64(len(c.data)))
		}
	}
	return l
}

// keep does what fsync promises: of a file its contents, of a folder the names in it.
func (d *Disk) keep(path string) {
	var rest []naming
	for _, n := range d.late {
		if n.in(path) {
			n.apply(d.safe)
		} else {
			rest = append(rest, n)
		}
	}
	d.late = rest
	n := d.now[path]
	if n == nil {
		return
	}
	// Pages are written whole: what an earlier fsync failed to write goes along where its page was changed again.
	changed := map[int64]bool{}
	for _, c := range n.late {
		if !c.doubtful {
			for p := c.at / page; p <= (c.at+int64(len(c.data)))/page; p++ {
				changed[p] = true
			}
		}
	}
	var doubtful []change
	for _, c := range n.late {
		if c.doubtful && !changed[c.at/page] {
			doubtful = append(doubtful, c)
		} else {
			n.kept = c.apply(n.kept)
		}
	}
	n.late = doubtful
}

// in says whether the names are in a folder.
func (n naming) in(folder string) bool {
	for path := range n {
		if filepath.Dir(path) == folder {
			return true
		}
	}
	return false
}

// spoil is a failed fsync: the system thinks that what it could not write is written.
func (d *Disk) spoil(path string) {
	n := d.now[path]
	if n == nil {
		return
	}
	var late []change
	for _, c := range n.late {
		if !c.truncate {
			for _, piece := range c.pieces(page) {
				piece.doubtful = true
				late = append(late, piece)
			}
		} else {
			late = append(late, c)
		}
	}
	n.late = late
}

func (c change) apply(to []byte) []byte {
	end := c.at + int64(len(c.data))
	if c.truncate && int64(len(to)) > c.at {
		return to[:c.at:c.at]
	}
	if int64(len(to)) < end {
		to = append(to, make([]byte, end-int64(len(to)))...)
	}
	copy(to[c.at:], c.data)
	return to
}

// pieces are a write as parts that lie each within one block of a size.
func (c change) pieces(size int64) (all []change) {
	for at, data := c.at, c.data; len(data) > 0; {
		n := min(size-at%size, int64(len(data)))
		all = append(all, change{at: at, data: data[:n], doubtful: c.doubtful})
		at, data = at+n, data[n:]
	}
	return all
}
