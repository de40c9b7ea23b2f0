package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/store"
)

const (
	// savedTogether is how many sessions' news share a change: between two of them others write.
	savedTogether = 32
	// endedKept is how many ended subscriptions of a session are kept for the record of deliveries.
	endedKept = 1000
)

// InsertSession implements [store.Store].
func (s *Store) InsertSession(ctx context.Context, n store.Session, now time.Time) error {
	return s.changeSession(ctx, "insert a session", &sessionChange{Session: n, now: now, admit: func(row sessionRow, found bool) (bool, error) {
		if found && !row.ended {
			return false, fmt.Errorf("%w: there is a session with this key", store.ErrConflict)
		}
		return true, nil
	}})
}

// AdoptSession implements [store.Store].
func (s *Store) AdoptSession(ctx context.Context, n store.Session, now time.Time) error {
	return s.changeSession(ctx, "adopt a session", &sessionChange{Session: n, now: now, admit: func(row sessionRow, found bool) (bool, error) {
		if row.expires.Valid && row.expires.V <= now.UnixMicro() {
			return false, store.ErrNotFound
		}
		return true, row.mustHave(n.Term-1, found)
	}})
}

// UpdateSession implements [store.Store].
func (s *Store) UpdateSession(ctx context.Context, n store.Session, now time.Time) error {
	return s.changeSession(ctx, "update a session", &sessionChange{Session: n, now: now, admit: func(row sessionRow, found bool) (bool, error) {
		return row.version < n.Version, row.mustHave(n.Term, found)
	}})
}

func (s *Store) changeSession(ctx context.Context, attempt string, c *sessionChange) error {
	if err := s.writer.do(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", attempt, s.named(err))
	}
	return nil
}

// sessionChange writes a session, if what is there admits it.
type sessionChange struct {
	store.Session
	now   time.Time
	admit func(row sessionRow, found bool) (bool, error)
	row   sessionRow
}

// sessionRow is what a change of a session depends on.
type sessionRow struct {
	id, term, version int64
	place             store.Place
	expires           sql.Null[int64]
	ended             bool
}

func (r sessionRow) mustHave(term int64, found bool) error {
	switch {
	case !found || r.ended:
		return store.ErrNotFound
	case r.term != term:
		return fmt.Errorf("%w: the session's term is %d, expected was %d", store.ErrConflict, r.term, term)
	}
	return nil
}

func (c *sessionChange) check(tx *transaction) (write bool, err error) {
	c.row = sessionRow{}
	row := tx.sessionState.QueryRowContext(tx.ctx, c.Key[:])
	switch err := row.Scan(&c.row.id, &c.row.term, &c.row.version, &c.row.place.Turn, &c.row.place.Confirmed, &c.row.expires, &c.row.ended); notFound(err) {
	case nil:
		return c.admit(c.row, true)
	case store.ErrNotFound:
		return c.admit(c.row, false)
	default:
		return false, fmt.Errorf("read the session's term: %w", err)
	}
}

func (c *sessionChange) write(tx *transaction) error {
	id, place := c.row.id, c.Place
	if place.Compare(c.row.place) < 0 {
		place = c.row.place
	}
	if id == 0 {
		err := tx.insertSession.QueryRowContext(tx.ctx, c.Key[:], c.Handle, c.Subscriber, c.UserID, c.Login, c.Term, c.Version,
			place.Turn, place.Confirmed, micros(c.Expires), c.now.UnixMicro(), string(c.Details)).Scan(&id)
		if err != nil {
			return fmt.Errorf("write a session: %w", err)
		}
	} else {
		_, err := tx.replaceSession.ExecContext(tx.ctx, id, c.Handle, c.Subscriber, c.UserID, c.Login, c.Term, c.Version,
			place.Turn, place.Confirmed, micros(c.Expires), string(c.Details))
		if err != nil {
			return fmt.Errorf("write a session: %w", err)
		}
	}
	if err := c.writeSubscriptions(tx, id); err != nil {
		return fmt.Errorf("write the subscriptions of a session: %w", err)
	}
	return nil
}

// writeSubscriptions writes those that are new, and ends those that are no more.
func (c *sessionChange) writeSubscriptions(tx *transaction, session int64) error {
	type kept struct {
		id      int64
		channel string
		after   int64
	}
	var were []kept
	if c.row.id != 0 {
		var err error
		were, err = collect(tx.ctx, tx.subscriptions, func(scan func(...any) error) (k kept, err error) {
			return k, scan(&k.id, &k.channel, &k.after)
		}, session)
		if err != nil {
			return err
		}
	}
	same := make(map[string]bool, len(were))
	for _, k := range were {
		if after, ok := c.Subscriptions[k.channel]; ok && after == k.after {
			same[k.channel] = true
		} else if _, err := tx.endSubscription.ExecContext(tx.ctx, k.id, c.now.UnixMicro()); err != nil {
			return err
		}
	}
	if len(same) < len(were) {
		if _, err := tx.forgetSubscriptions.ExecContext(tx.ctx, session, endedKept); err != nil {
			return err
		}
	}
	for channel, after := range c.Subscriptions {
		if !same[channel] {
			if _, err := tx.addSubscription.ExecContext(tx.ctx, session, channel, after); err != nil {
				return err
			}
		}
	}
	return nil
}

// Session implements [store.Store].
func (s *Store) Session(ctx context.Context, key store.SessionKey, now time.Time) (store.Session, error) {
	n := store.Session{Key: key}
	var expires sql.Null[int64]
	var subscriptions, details []byte
	err := s.reads.session.QueryRowContext(ctx, key[:], now.UnixMicro()).Scan(&n.Handle, &n.Subscriber, &n.UserID, &n.Login, &n.Term, &n.Version,
		&n.Place.Turn, &n.Place.Confirmed, &expires, &subscriptions, &details)
	if err == nil {
		err = json.Unmarshal(subscriptions, &n.Subscriptions)
	}
	if err != nil {
		return store.Session{}, s.failed("read a session", notFound(err))
	}
	n.Expires, n.Details = instantOrNone(expires), payload(details)
	return n, nil
}

// SaveSessions implements [store.Store].
func (s *Store) SaveSessions(ctx context.Context, news []store.Progress) error {
	for len(news) > 0 {
		some := news[:min(savedTogether, len(news))]
		news = news[len(some):]
		steps := make([]noted, len(some))
		for i, p := range some {
			var err error
			if steps[i], err = encodeSteps(p.Steps); err != nil {
				return fmt.Errorf("encode what was delivered to a session: %w", err)
			}
		}
		err := s.writer.do(ctx, writeOnly(func(tx *transaction) error {
			for i, p := range some {
				if err := saveProgress(tx, p, steps[i]); err != nil {
					return err
				}
			}
			return nil
		}))
		if err != nil {
			return fmt.Errorf("save sessions: %w", s.named(err))
		}
	}
	return nil
}

func saveProgress(tx *transaction, p store.Progress, steps noted) error {
	_, err := tx.moveSession.ExecContext(tx.ctx, p.Key[:], p.Term, p.Place.Turn, p.Place.Confirmed, micros(p.Expires))
	if err != nil {
		return fmt.Errorf("write a session's place: %w", err)
	}
	if len(p.Steps) == 0 {
		return nil
	}
	if _, err := tx.addDelivery.ExecContext(tx.ctx, p.Key[:], steps.At, steps.After, steps.UpTo, string(steps.Steps)); err != nil {
		return fmt.Errorf("write what was delivered to a session: %w", err)
	}
	return nil
}

// EndSession implements [store.Store].
func (s *Store) EndSession(ctx context.Context, key store.SessionKey, now time.Time) error {
	err := s.writer.do(ctx, writeOnly(func(tx *transaction) error {
		// One that left no trace is not worth a record.
		if _, err := tx.deleteSession.ExecContext(tx.ctx, key[:]); err != nil {
			return err
		}
		_, err := tx.endSession.ExecContext(tx.ctx, key[:], now.UnixMicro())
		return err
	}))
	if err != nil {
		return fmt.Errorf("end a session: %w", s.named(err))
	}
	return nil
}

// EndSessionsOf implements [store.Store].
func (s *Store) EndSessionsOf(ctx context.Context, login string, now time.Time) error {
	err := s.writer.do(ctx, writeOnly(func(tx *transaction) error {
		_, err := tx.endSessionsOf.ExecContext(tx.ctx, login, now.UnixMicro())
		return err
	}))
	if err != nil {
		return fmt.Errorf("end the sessions of a log-in: %w", s.named(err))
	}
	return nil
}

// micros is a time as it is kept where there may be none.
func micros(t time.Time) sql.Null[int64] {
	return sql.Null[int64]{V: t.UnixMicro(), Valid: !t.IsZero()}
}

func instantOrNone(t sql.Null[int64]) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return instant(t.V)
}
