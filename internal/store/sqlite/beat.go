package sqlite

import (
	"context"
	"fmt"
	"time"
)

// beatEvery is how often it is noted that a server runs, and so how much longer than promised a session may be kept after a crash.
const beatEvery = 10 * time.Second

// awake gives all sessions the time in which no server ran: what each had left at the last beat it has left now. Those that a server held have the
// whole window from now on.
func (s *Store) awake(ctx context.Context, window time.Duration) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it was committed, or has failed
	now := s.now().UnixMicro()
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE session SET expires = expires + ?1 - coalesce((SELECT value FROM meta WHERE key = 'beat'), ?1)
			WHERE ended IS NULL AND expires IS NOT NULL`, []any{now}},
		{`UPDATE session SET expires = ?1 WHERE ended IS NULL AND expires IS NULL`, []any{now + window.Microseconds()}},
		{noteBeat, []any{now}},
	} {
		if _, err := tx.ExecContext(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("give sessions the time without a server: %w", err)
		}
	}
	return tx.Commit()
}

const noteBeat = `INSERT INTO meta (key, value) VALUES ('beat', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1`

// beating notes from time to time that a server runs, and once more at the end.
func (s *Store) beating() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.noteBeat()
		case <-s.quit:
			s.noteBeat()
			return
		}
	}
}

// noteBeat may fail: then sessions are kept for longer. That nothing can be written is in Stats, and on the lips of everybody else who writes.
func (s *Store) noteBeat() {
	_ = s.writer.do(context.Background(), writeOnly(func(tx *transaction) error {
		_, err := tx.noteBeat.ExecContext(tx.ctx, s.now().UnixMicro())
		return err
	}))
}
