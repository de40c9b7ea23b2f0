package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Lease implements [store.Store].
func (s *Store) Lease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error) {
	l := &lease{name: name, holder: holder, now: now, ttl: ttl}
	if err := s.writer.do(ctx, l); err != nil {
		return false, fmt.Errorf("lease %s: %w", name, s.named(err))
	}
	return l.ours, nil
}

type lease struct {
	name, holder string
	now          time.Time
	ttl          time.Duration
	ours         bool
}

func (l *lease) check(tx *transaction) (write bool, err error) {
	var holder string
	var until int64
	err = tx.leaseHolder.QueryRowContext(tx.ctx, l.name).Scan(&holder, &until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("read who holds it: %w", err)
	}
	held := err == nil && until > l.now.UnixMicro()
	l.ours = !held || holder == l.holder
	return l.ours, nil
}

func (l *lease) write(tx *transaction) (err error) {
	if l.ttl > 0 {
		_, err = tx.takeLease.ExecContext(tx.ctx, l.name, l.holder, l.now.Add(l.ttl).UnixMicro())
	} else {
		_, err = tx.giveLease.ExecContext(tx.ctx, l.name, l.holder)
	}
	return err
}
