package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"github.com/halley-chat/halley/internal/store"
)

// SaveLogin implements [store.Store].
func (s *Store) SaveLogin(ctx context.Context, l store.Login) error {
	err := s.writer.do(ctx, writeOnly(func(tx *transaction) error {
		_, err := tx.putLogin.ExecContext(tx.ctx, seal("login", l.TokenHash[:], l.UserID, l.CSRF, l.Created.UnixMicro(), l.Seen.UnixMicro())...)
		return err
	}))
	if err != nil {
		return fmt.Errorf("save a log-in: %w", s.named(err))
	}
	return nil
}

// Login implements [store.Store].
func (s *Store) Login(ctx context.Context, tokenHash [sha256.Size]byte) (store.Login, error) {
	l := store.Login{TokenHash: tokenHash}
	var created, seen int64
	var crc sql.Null[int64]
	err := s.reads.login.QueryRowContext(ctx, tokenHash[:]).Scan(&l.UserID, &l.CSRF, &created, &seen, &crc)
	if err == nil {
		err = mustFit(crc, "login", 1, tokenHash[:], l.UserID, l.CSRF, created, seen)
	}
	if err != nil {
		return store.Login{}, s.failed("read a log-in", notFound(err))
	}
	l.Created, l.Seen = instant(created), instant(seen)
	return l, nil
}

// DeleteLogins implements [store.Store].
func (s *Store) DeleteLogins(ctx context.Context, tokenHashes ...[sha256.Size]byte) error {
	if len(tokenHashes) == 0 {
		return nil
	}
	err := s.writer.do(ctx, writeOnly(func(tx *transaction) error {
		for _, h := range tokenHashes {
			if _, err := tx.deleteLogin.ExecContext(tx.ctx, h[:]); err != nil {
				return err
			}
		}
		return nil
	}))
	if err != nil {
		return fmt.Errorf("delete log-ins: %w", s.named(err))
	}
	return nil
}

// writeOnly is a change that depends on nothing.
type writeOnly func(*transaction) error

func (writeOnly) check(*transaction) (bool, error) { return true, nil }
func (w writeOnly) write(t *transaction) error     { return w(t) }
