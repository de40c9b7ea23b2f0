package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// Prune implements [store.Store]. Each round is a change of its own, so that what waits meanwhile gets in between.
func (s *Store) Prune(ctx context.Context, before store.Horizons) (int64, error) {
	batch := positive(before.Batch, 500)
	_, err := s.inBatches(ctx, func(tx *transaction) *sql.Stmt { return tx.expireSessions }, before.Sessions, batch)
	if err != nil {
		return 0, fmt.Errorf("end expired sessions: %w", err)
	}
	var total int64
	for _, kind := range []struct {
		of   string
		stmt func(*transaction) *sql.Stmt
		t    time.Time
	}{
		{"deliveries", func(tx *transaction) *sql.Stmt { return tx.pruneDeliveries }, before.Feed},
		{"feeds", func(tx *transaction) *sql.Stmt { return tx.pruneFeed }, before.Feed},
		{"answers", func(tx *transaction) *sql.Stmt { return tx.pruneAnswers }, before.Answers},
		{"log-ins", func(tx *transaction) *sql.Stmt { return tx.pruneLogin }, before.Logins},
		{"sessions", func(tx *transaction) *sql.Stmt { return tx.pruneSessions }, before.Feed},
	} {
		n, err := s.inBatches(ctx, kind.stmt, kind.t, batch)
		total += n
		if err != nil {
			return total, fmt.Errorf("prune %s: %w", kind.of, err)
		}
	}
	return total, nil
}

// inBatches runs a statement that takes a time and a number of rows until it touches fewer.
func (s *Store) inBatches(ctx context.Context, stmt func(*transaction) *sql.Stmt, t time.Time, batch int) (total int64, err error) {
	for {
		var n int64
		err := s.writer.do(ctx, writeOnly(func(tx *transaction) error {
			result, err := stmt(tx).ExecContext(tx.ctx, t.UnixMicro(), batch)
			if err != nil {
				return err
			}
			n, err = result.RowsAffected()
			return err
		}))
		if err != nil {
			return total, s.named(err)
		}
		if total += n; n < int64(batch) {
			return total, nil
		}
	}
}
