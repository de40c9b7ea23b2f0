package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// Answer implements [store.Store].
func (s *Store) Answer(ctx context.Context, key string, sum [sha256.Size]byte) (jsontext.Value, error) {
	answer, err := answerOf(ctx, s.reads.answer, key, sum)
	if err != nil {
		return nil, s.failed("look up an answer", err)
	}
	return answer, nil
}

// Events implements [store.Store].
func (s *Store) Events(ctx context.Context, chatID string, after int64, limit int) ([]chat.Event, error) {
	last := max(after, 0)
	events, err := collect(ctx, s.reads.events, func(scan func(...any) error) (chat.Event, error) {
		e := chat.Event{ChatID: chatID}
		var at int64
		var kind chat.Kind
		var body []byte
		var crc sql.Null[int64]
		err := scan(&e.Seq, &e.Index, &at, &e.Actor.Kind, &e.Actor.UserID, &kind, &body, &crc)
		if err == nil {
			err = mustFit(crc, "event", 2, chatID, e.Seq, e.Index, at, string(e.Actor.Kind), e.Actor.UserID, string(kind), body)
		}
		if err == nil {
			err = mustFollow(last, e.Seq, "event", chatID)
		}
		if err != nil {
			return e, err
		}
		last, e.At = e.Seq, instant(at)
		if e.Body, err = chat.DecodeBody(kind, body); err != nil {
			return e, fmt.Errorf("decode event %d of kind %s: %w", e.Seq, kind, err)
		}
		return e, nil
	}, chatID, after, atMost(limit))
	if err != nil {
		return nil, s.failed("read the log of chat "+chatID, err)
	}
	return events, nil
}

// Chat implements [store.Store].
func (s *Store) Chat(ctx context.Context, chatID string) (store.ChatRow, error) {
	row := store.ChatRow{ID: chatID}
	var hash []byte
	var started int64
	var ended, crc sql.Null[int64]
	err := s.reads.chat.QueryRowContext(ctx, chatID).Scan(&row.Service, &row.Seq, &row.Phase, &hash, &started, &ended, &crc)
	if err == nil {
		err = mustFit(crc, "chat", 1, chatID, row.Service, row.Seq, string(row.Phase), hash, started, nullable(ended))
	}
	if err != nil {
		return store.ChatRow{}, s.failed("read the row of chat "+chatID, notFound(err))
	}
	copy(row.KeyHash[:], hash)
	row.Started = instant(started)
	if ended.Valid {
		row.Ended = instant(ended.V)
	}
	return row, nil
}

// Counts implements [store.Store].
func (s *Store) Counts(ctx context.Context) (map[chat.Phase]int, error) {
	type count struct {
		phase chat.Phase
		n     int
	}
	rows, err := collect(ctx, s.reads.counts, func(scan func(...any) error) (c count, err error) {
		return c, scan(&c.phase, &c.n)
	})
	if err != nil {
		return nil, s.failed("count chats", err)
	}
	counts := make(map[chat.Phase]int, len(rows))
	for _, c := range rows {
		counts[c.phase] = c.n
	}
	return counts, nil
}

// Feed implements [store.Store].
func (s *Store) Feed(ctx context.Context, subscriber string, after int64, limit int) ([]store.Notification, error) {
	// Whatever a client sends may come in here: a number below all of ours must not wrap around.
	above := max(after, 0) - feedNumber(s.epoch, 0)
	var last int64
	rows, err := collect(ctx, s.reads.feed, func(scan func(...any) error) (store.Notification, error) {
		n := store.Notification{Subscriber: subscriber}
		var at int64
		var data []byte
		var crc sql.Null[int64]
		err := scan(&n.N, &at, &n.Topic, &data, &crc)
		if err == nil {
			err = mustFit(crc, "feed", 2, subscriber, n.N, at, n.Topic, data)
		}
		if err == nil && last > 0 { // before the first, rows may have been pruned
			err = mustFollow(last, n.N, "feed", subscriber)
		}
		if err != nil {
			return n, err
		}
		last = n.N
		n.N, n.At, n.Data = feedNumber(s.epoch, n.N), instant(at), payload(data)
		return n, nil
	}, subscriber, above, atMost(limit))
	if err != nil {
		return nil, s.failed("read the feed of "+subscriber, err)
	}
	return rows, nil
}

// Heads implements [store.Store].
func (s *Store) Heads(ctx context.Context, subscribers []string) (map[string]int64, error) {
	heads, err := s.headsOf(ctx, s.reads.heads, subscribers)
	if err != nil {
		return nil, s.failed("read the heads of feeds", err)
	}
	return heads, nil
}

func (s *Store) headsOf(ctx context.Context, stmt *sql.Stmt, subscribers []string) (map[string]int64, error) {
	grown, err := numbered(ctx, stmt, subscribers)
	heads := make(map[string]int64, len(subscribers))
	for _, name := range subscribers {
		heads[name] = feedNumber(s.epoch, grown[name])
	}
	return heads, err
}

// Agents implements [store.Store].
func (s *Store) Agents(ctx context.Context, userIDs ...string) ([]store.AgentRow, error) {
	stmt, args := s.reads.allAgents, []any(nil)
	if len(userIDs) > 0 {
		stmt, args = s.reads.agents, []any{list(userIDs)}
	}
	rows, err := agentsOf(ctx, stmt, args...)
	if err != nil {
		return nil, s.failed("read agents", err)
	}
	return rows, nil
}

func agentsOf(ctx context.Context, stmt *sql.Stmt, args ...any) ([]store.AgentRow, error) {
	return collect(ctx, stmt, func(scan func(...any) error) (store.AgentRow, error) {
		var a store.AgentRow
		var userID string
		var state []byte
		var crc sql.Null[int64]
		err := scan(&userID, &a.Version, &state, &crc)
		if err == nil {
			err = mustFit(crc, "agent", 1, userID, a.Version, state)
		}
		if err != nil {
			return a, err
		}
		if err := json.Unmarshal(state, &a.State); err != nil {
			return a, fmt.Errorf("decode the state of an agent: %w", err)
		}
		return a, nil
	}, args...)
}

// Standing implements [store.Store].
func (s *Store) Standing(ctx context.Context, userID, subscriber string) (store.Standing, error) {
	at, err := s.standing(ctx, userID, subscriber)
	if err != nil {
		return store.Standing{}, s.failed("read the standing of agent "+userID, err)
	}
	return at, nil
}

// standing reads in one transaction: SQLite shows it the file as it was at its first statement, whatever is committed meanwhile.
func (s *Store) standing(ctx context.Context, userID, subscriber string) (at store.Standing, err error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return at, err
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to undo
	rows, err := agentsOf(ctx, tx.StmtContext(ctx, s.reads.agents), list([]string{userID}))
	if err != nil {
		return at, err
	}
	if at.Agent.State.UserID = userID; len(rows) > 0 {
		at.Agent = rows[0]
	}
	chats := make([]string, 0, len(at.Agent.State.Holds))
	for _, h := range at.Agent.State.Holds {
		chats = append(chats, h.ChatID)
	}
	if at.Seqs, err = numbered(ctx, tx.StmtContext(ctx, s.reads.logEnds), chats); err != nil {
		return at, err
	}
	heads, err := s.headsOf(ctx, tx.StmtContext(ctx, s.reads.heads), []string{subscriber})
	at.Head = heads[subscriber]
	return at, err
}

// Waiting implements [store.Store].
func (s *Store) Waiting(ctx context.Context) ([]store.Work, error) {
	work, err := collect(ctx, s.reads.waiting, func(scan func(...any) error) (w store.Work, err error) {
		var since int64
		var crc sql.Null[int64]
		if err = scan(&w.ChatID, &w.Queue, &since, &w.Priority, &crc); err == nil {
			err = mustFit(crc, "work", 1, w.ChatID, w.Queue, since, int64(w.Priority))
		}
		w.Since = instant(since)
		return w, err
	})
	if err != nil {
		return nil, s.failed("read what waits", err)
	}
	return work, nil
}

// Bin implements [store.Store].
func (s *Store) Bin(ctx context.Context, workbin string) ([]store.Binned, error) {
	chats, err := collect(ctx, s.reads.bin, func(scan func(...any) error) (store.Binned, error) {
		b := store.Binned{Workbin: workbin}
		var at int64
		var crc sql.Null[int64]
		err := scan(&b.ChatID, &b.By, &at, &crc)
		if err == nil {
			err = mustFit(crc, "bin", 1, b.ChatID, workbin, b.By, at)
		}
		b.At = instant(at)
		return b, err
	}, workbin)
	if err != nil {
		return nil, s.failed("read workbin "+workbin, err)
	}
	return chats, nil
}

// DueTimers implements [store.Store].
func (s *Store) DueTimers(ctx context.Context, t time.Time, limit int) (due []store.Timer, next time.Time, err error) {
	read := -1
	if limit > 0 {
		read = limit + 1 // the one more tells when the next is due
	}
	// One statement for both answers, so that a timer that is moved meanwhile is in one of them.
	_, err = collect(ctx, s.reads.due, func(scan func(...any) error) (struct{}, error) {
		var timer store.Timer
		var at int64
		var data []byte
		var crc sql.Null[int64]
		err := scan(&at, &timer.Kind, &timer.Key, &data, &crc)
		if err == nil {
			err = mustFit(crc, "timer", 2, timer.Kind, timer.Key, at, data)
		}
		if err != nil {
			return struct{}{}, err
		}
		timer.At, timer.Data = instant(at), payload(data)
		if at > t.UnixMicro() || len(due)+1 == read {
			next = timer.At
			return struct{}{}, errEnough
		}
		due = append(due, timer)
		return struct{}{}, nil
	}, read)
	if err != nil {
		return nil, time.Time{}, s.failed("read due timers", err)
	}
	return due, next, nil
}

// errEnough ends collect before the last row.
var errEnough = errors.New("enough")

// collect returns what each makes of the rows of a query.
func collect[T any](ctx context.Context, stmt *sql.Stmt, each func(scan func(...any) error) (T, error), args ...any) (all []T, err error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := each(rows.Scan)
		if errors.Is(err, errEnough) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// numbered reads a query that gives each of the names a number, if it has one.
func numbered(ctx context.Context, stmt *sql.Stmt, names []string) (map[string]int64, error) {
	numbers := make(map[string]int64, len(names))
	_, err := collect(ctx, stmt, func(scan func(...any) error) (struct{}, error) {
		var name string
		var n int64
		err := scan(&name, &n)
		numbers[name] = n
		return struct{}{}, err
	}, list(names))
	return numbers, err
}

// list is the argument of a query for several names.
func list(names []string) string {
	raw, _ := json.Marshal(names) // strings always encode
	return string(raw)
}

// atMost is a limit as SQL has it.
func atMost(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
}

// payload is a JSON value as it is kept: an empty text means none.
func payload(text []byte) jsontext.Value {
	if len(text) == 0 {
		return nil
	}
	return text
}

func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}
