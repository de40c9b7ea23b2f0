package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/halley-chat/halley/internal/store"
)

const (
	fileName = "halley.db"
	lockName = "halley.lock"
)

// folder is a data folder that this process has for itself.
type folder struct {
	path string
	lock *os.File
}

// claimFolder makes the folder, readable by its owner alone, and locks it. The lock is the kernel's: it ends with the process, however that ends.
// It does not reach across machines on a network file system, and neither does SQLite's own.
func claimFolder(path string) (*folder, error) {
	// New folders and the files in them must survive a power loss as well as what is written into them.
	changed := []string{path, filepath.Dir(path)}
	for d := filepath.Dir(path); missing(d) && d != filepath.Dir(d); d = filepath.Dir(d) {
		changed = append(changed, filepath.Dir(d))
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	for _, d := range changed {
		if err := syncFolder(d); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := readHolder(f)
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s%s; stop that process or choose another folder", store.ErrLocked, path, holder)
		}
		return nil, fmt.Errorf("lock the data folder %s: %w", path, err)
	}
	if err := writeHolder(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("note the process that uses the data folder: %w", err)
	}
	return &folder{path: path, lock: f}, nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (f *folder) database() string { return filepath.Join(f.path, fileName) }

// whileUnused calls do if no server uses a data folder, and keeps servers out meanwhile. While one does, it does nothing.
func whileUnused(dir string, do func() error) (err error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return do()
	}
	if err != nil {
		return fmt.Errorf("open the lock of the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, unlock(f)) }()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil
		}
		return fmt.Errorf("lock the data folder %s: %w", dir, err)
	}
	return do()
}

// release lets the next process have the folder. The lock file stays: removing it would let two processes lock two files of one name.
func (f *folder) release() error { return unlock(f.lock) }

// unlock closes a lock. That alone would not free it while a process that is just being started has a copy of the descriptor.
func unlock(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// writeHolder notes the process id for the error message of who is refused. Nothing depends on it.
func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}

// Holder tells which process has used a data folder last: the one that does now, or one that has ended.
func Holder(dir string) (pid int, err error) {
	b, err := os.ReadFile(filepath.Join(dir, lockName))
	if err != nil {
		return 0, fmt.Errorf("read who uses the data folder: %w", err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
		return 0, fmt.Errorf("read who uses the data folder: %w", err)
	}
	return pid, nil
}

func readHolder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if id := strings.TrimSpace(string(b)); err == nil && id != "" {
		return " (process " + id + ")"
	}
	return ""
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("make the folder %s safe on disk: %w", path, err)
	}
	return nil
}
