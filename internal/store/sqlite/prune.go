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
	var total int64
	for _, kind := range []struct {
		of   string
		stmt func(*transaction) *sql.Stmt
		t    time.Time
	}{
		{"feeds", func(tx *transaction) *sql.Stmt { return tx.pruneFeed }, before.Feed},
		{"answers", func(tx *transaction) *sql.Stmt { return tx.pruneAnswers }, before.Answers},
		{"log-ins", func(tx *transaction) *sql.Stmt { return tx.pruneLogin }, before.Logins},
	} {
		for {
			var n int64
			err := s.writer.do(ctx, writeOnly(func(tx *transaction) error {
				result, err := kind.stmt(tx).ExecContext(tx.ctx, kind.t.UnixMicro(), batch)
				if err != nil {
					return err
				}
				n, err = result.RowsAffected()
				return err
			}))
			if err != nil {
				return total, fmt.Errorf("prune %s: %w", kind.of, s.named(err))
			}
			total += n
			if n < int64(batch) {
				break
			}
		}
	}
	return total, nil
}
