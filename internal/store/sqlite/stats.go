package sqlite

import (
	"errors"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// Stats are the writer's counters since Open.
type Stats struct {
	Commits    int64         // transactions that are on disk
	Written    int64         // changes in them: batches, leases, log-ins, rounds of pruning
	Conflicts  int64         // batches refused with store.ErrConflict
	Failures   int64         // changes that could not be written
	Groups     [8]int64      // Groups[i]: transactions that took up to 2^i changes and more than 2^(i-1)
	LastCommit time.Duration // of the last transaction on disk, from its begin to the end of its fsync
	Waiting    int           // changes in line now
	Damaged    int64         // how often data was met that is not as it was written
	Failing    bool          // the last transaction could not be written
	UnderWay   time.Duration // of the transaction that is being written: since its begin; 0: none is
}

// stats has one writer and many readers.
type stats struct {
	commits, written, conflicts, failures atomic.Int64
	groups                                [8]atomic.Int64
	last                                  atomic.Int64 // nanoseconds
	failing                               atomic.Bool
	begun                                 atomic.Int64 // of the transaction under way: nanoseconds since 1970; 0: none
}

// begin notes that a group's turn has come.
func (s *stats) begin(at time.Time) { s.begun.Store(at.UnixNano()) }

// count notes how it ended.
func (s *stats) count(group []*turn, wrote bool, err error, took time.Duration) {
	s.begun.Store(0)
	s.failing.Store(err != nil)
	for _, t := range group {
		switch {
		case t.err == nil:
			s.written.Add(1)
		case errors.Is(t.err, store.ErrConflict):
			s.conflicts.Add(1)
		case err != nil || troubleOf(t.err) != none:
			s.failures.Add(1)
		}
	}
	if wrote {
		s.commits.Add(1)
		s.last.Store(int64(took))
		s.groups[bits.Len(uint(len(group)-1))].Add(1)
	}
}

// Stats returns the writer's counters.
func (s *Store) Stats() Stats {
	w := &s.writer.stats
	now := Stats{
		Commits: w.commits.Load(), Written: w.written.Load(), Conflicts: w.conflicts.Load(), Failures: w.failures.Load(),
		LastCommit: time.Duration(w.last.Load()), Waiting: len(s.writer.line), Failing: w.failing.Load(), Damaged: s.damage.Load(),
	}
	if begun := w.begun.Load(); begun != 0 {
		now.UnderWay = time.Since(time.Unix(0, begun))
	}
	for i := range now.Groups {
		now.Groups[i] = w.groups[i].Load()
	}
	return now
}
