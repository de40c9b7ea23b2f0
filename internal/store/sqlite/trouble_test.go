package sqlite

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/halley-chat/halley/internal/store"
)

// troubled is a store that holds a chat "c" and a feed of dana, and knows how long they must be.
type troubled struct {
	*testing.T
	*Store
	written int64
}

func (s *troubled) commit() error {
	b := crashBatch("c", s.written+1, "agent:dana")
	b.Notifications[0].Topic = strings.Repeat("x", 3000)
	_, err := s.Commit(s.Context(), b)
	if err == nil {
		s.written++
	}
	return err
}

func (s *troubled) must(n int) {
	s.Helper()
	for range n {
		if err := s.commit(); err != nil {
			s.Fatal(err)
		}
	}
	s.readable()
}

// readable wants everything that was acknowledged, and nothing else.
func (s *troubled) readable() {
	s.Helper()
	events, err := s.Events(s.Context(), "c", 0, 0)
	if err != nil || int64(len(events)) != s.written {
		s.Errorf("%d events, %v; want %d", len(events), err, s.written)
	}
	rows, err := s.Feed(s.Context(), "agent:dana", 0, 0)
	if err != nil || int64(len(rows)) != s.written {
		s.Errorf("%d notifications, %v; want %d", len(rows), err, s.written)
	}
}

// fails commits until that fails, and wants the right error and the truth on reading.
func (s *troubled) fails(saying string) {
	s.Helper()
	var err error
	for err == nil {
		err = s.commit()
	}
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), s.folder.database()) || !strings.Contains(err.Error(), saying) {
		s.Errorf("got %v, want ErrUnavailable about %s, saying %q", err, s.folder.database(), saying)
	}
	if !s.Stats().Failing {
		s.Error("the statistics do not tell")
	}
	s.readable()
}

// onWriter runs a statement on the connection that writes, between two transactions' changes.
func (s *troubled) onWriter(statement string) {
	s.Helper()
	err := s.writer.do(s.Context(), writeOnly(func(tx *transaction) error {
		_, err := s.writer.conn.ExecContext(tx.ctx, statement)
		return err
	}))
	if err != nil {
		s.Fatal(err)
	}
}

// TestFull, TestReadOnly, TestWriteErrors (I3): writes are refused with a clear error, reads go on, nothing is half done, and writing recovers by itself
// when the cause is gone. The limits of the first two belong to the connection, so they are gone with it.
func TestFull(t *testing.T) {
	t.Parallel()
	s := &troubled{T: t, Store: openTemp(t)}
	defer s.Close()
	s.must(20)
	s.onWriter("PRAGMA max_page_count(1)") // SQLite makes it the present size
	s.fails("full")
	s.must(20)
}

// When a transaction fails, so does every batch in it: also one that was refused because of another, which then was not written after all.
func TestFailingGroup(t *testing.T) {
	t.Parallel()
	s := &troubled{T: t, Store: openTemp(t)}
	defer s.Close()
	s.must(1)
	s.onWriter("PRAGMA max_page_count(1)")
	big := crashBatch("big", 1, "agent:omar")
	big.Notifications[0].Topic = strings.Repeat("x", 1_000_000)
	batches := []store.Batch{crashBatch("c", 2, "agent:dana"), crashBatch("c", 2, "agent:dana"), big}
	release := hold(t, s.Store)
	errs := make([]error, len(batches))
	var callers sync.WaitGroup
	for i, b := range batches {
		callers.Go(func() { _, errs[i] = s.Commit(context.Background(), b) })
		queued(s.Store, i+1)
	}
	release()
	callers.Wait()
	for i, err := range errs {
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrConflict) {
			t.Errorf("batch %d: %v, want ErrUnavailable", i, err)
		}
	}
	s.must(5)
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := &troubled{T: t, Store: openTemp(t)}
	defer s.Close()
	s.must(20)
	s.onWriter("PRAGMA query_only(ON)")
	s.fails("readonly")
	s.must(20)
}

// TestWriteErrors lets the kernel refuse to write, in a process of its own: no file may grow over a limit.
func TestWriteErrors(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		t.Parallel()
		if out, err := asChild(t, t.TempDir()).Output(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	signal.Ignore(unix.SIGXFSZ)
	opened, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &troubled{T: t, Store: opened}
	defer func() { s.Close() }() // whichever it is by then
	for range 3 {
		s.must(20)
		limit(t, s.journalSize()+50_000)
		for range 5 { // trouble that stays
			s.fails("I/O")
		}
		limit(t, unix.RLIM_INFINITY)
	}
	s.must(20)
	if s.Stats().Failing {
		t.Error("the statistics have not recovered")
	}
	wantSound(t, s.folder.path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Store, err = Open(t.Context(), dir, Options{}); err != nil {
		t.Fatal(err)
	}
	s.must(1)
}

func (s *troubled) journalSize() uint64 {
	s.Helper()
	info, err := os.Stat(filepath.Join(s.folder.path, fileName+"-wal"))
	if err != nil {
		s.Fatal(err)
	}
	return uint64(info.Size())
}

// limit sets how big the files that this process writes may get.
func limit(t *testing.T, size uint64) {
	t.Helper()
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
	l.Cur = min(size, l.Max)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
}
