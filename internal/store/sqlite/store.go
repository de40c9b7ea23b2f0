// Package sqlite keeps the store in one SQLite file, for a server of one process.
//
// One goroutine writes. It takes whatever waits, up to [groupSize] changes, into one transaction and one fsync, so that many callers share what costs
// most. Within the transaction the changes apply one after the other in the order in which they came, each seeing those before it; each checks what it
// depends on before it writes anything, so a refused one leaves the others alone and needs no undoing. A change is answered when the transaction is on disk.
//
// Should the database not take what a change writes (a constraint, a size: a mistake of ours, but not of the others in the group), the group is
// rolled back and done again with a savepoint before each change, and that change alone fails.
//
// Reads go through connections of their own, which can't write. The journal (WAL) lets them read what was last committed while a commit is under way.
//
// The file must be on a local disk: neither SQLite's journal nor the lock on the folder work over a network.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// Options tune a store. The zero value is right for most.
type Options struct {
	Waiting int // how many changes may wait for their turn before Commit blocks; 0: 1024
	Readers int // how many reads are under way at once, the rest waits; 0: 4
	// ResumeWindow is how long the clients of sessions that a server held when it was killed have from Open on to come back.
	ResumeWindow time.Duration
	Now          func() time.Time // tells Open how long no server has run; nil: time.Now
}

// Store implements [store.Store].
type Store struct {
	folder *folder
	write  *sql.DB // one connection, the writer's
	read   *sql.DB
	reads  queries
	writer *writer
	epoch  int64 // upper part of every feed number
	now    func() time.Time

	damage atomic.Int64 // how often data was met that is damaged

	quit  chan struct{} // ends what notes that a server runs
	beats sync.WaitGroup

	closing sync.Once
	closed  chan struct{}
	err     error // of Close
}

var _ store.Store = (*Store)(nil)

// Open opens the store in a data folder, which it makes if there is none, and brings its schema up to date. The errors are store.ErrLocked if another
// process has the folder, store.ErrDamaged, and whatever else is in the way; the message says what to do. The caller closes the store.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	f, err := claimFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{folder: f, closed: make(chan struct{}), quit: make(chan struct{}), now: opt.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.open(ctx, opt); err != nil {
		switch {
		case troubleOf(err) == ofTheData:
			err = damaged(f.database(), err)
		case !errors.Is(err, store.ErrDamaged):
			err = fmt.Errorf("open %s: %w", f.database(), err)
		}
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, opt Options) (err error) {
	if err := s.folder.mustBeWhole(); err != nil {
		return err
	}
	file := s.folder.database()
	if err := mustHaveWholeJournal(file); err != nil {
		return err
	}
	if s.write, err = openHandle(file, 1); err != nil {
		return err
	}
	if s.read, err = openHandle(file, positive(opt.Readers, 4), reading...); err != nil {
		return err
	}
	if err := migrate(ctx, s.write); err != nil {
		return err
	}
	if err := s.awake(ctx, opt.ResumeWindow); err != nil {
		return err
	}
	if err := syncFolder(s.folder.path); err != nil {
		return err
	}
	if err := s.reads.prepare(ctx, s.read); err != nil {
		return err
	}
	if err := s.reads.epoch.QueryRowContext(ctx).Scan(&s.epoch); err != nil {
		return fmt.Errorf("read the epoch: %w", err)
	}
	w := newWriter(s.write, positive(opt.Waiting, 1024))
	// The first connection is made here, so that what is wrong with it is Open's error.
	if err := w.connect(ctx); err != nil {
		return err
	}
	s.writer = w
	w.start()
	s.beats.Go(s.beating)
	return nil
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.err = s.release()
	})
	return s.err
}

// release ends what was opened, as far as it was.
func (s *Store) release() error {
	var errs []error
	close(s.quit)
	s.beats.Wait()
	if s.writer != nil {
		s.writer.stop()
	}
	// The reading handle goes first: the last connection to close copies the journal into the file, and must be able to write.
	for _, db := range []*sql.DB{s.read, s.write} {
		if db == nil {
			continue
		}
		if err := db.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", s.folder.database(), err))
		}
	}
	if err := s.folder.release(); err != nil {
		errs = append(errs, fmt.Errorf("unlock the data folder: %w", err))
	}
	return errors.Join(errs...)
}

// failed wraps the error of a read with what was attempted.
func (s *Store) failed(attempt string, err error) error {
	select {
	case <-s.closed:
		return fmt.Errorf("%s: %w", attempt, store.ErrClosed)
	default:
		return fmt.Errorf("%s: %w", attempt, s.named(err))
	}
}
