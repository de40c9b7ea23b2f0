package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, b store.Batch) (store.Result, error) {
	c, err := s.newCommit(b)
	if err != nil {
		return store.Result{}, fmt.Errorf("commit: %w", err)
	}
	if err := s.writer.do(ctx, c); err != nil {
		return store.Result{}, fmt.Errorf("commit: %w", s.named(err))
	}
	return c.result, nil
}

// commit is a batch on its way into the file. What can be computed without the database is computed before it gets in line, by its caller.
type commit struct {
	store.Batch
	epoch   int64
	logEnds []store.Expect
	bodies  []jsontext.Value // of Events
	states  []jsontext.Value // of Agents
	result  store.Result
}

func (s *Store) newCommit(b store.Batch) (*commit, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	c := &commit{Batch: b, epoch: s.epoch, logEnds: b.LogEnds()}
	for _, e := range b.Events {
		body, err := chat.EncodeBody(e.Body)
		if err != nil {
			return nil, fmt.Errorf("encode event %d of chat %s: %w", e.Seq, e.ChatID, err)
		}
		c.bodies = append(c.bodies, body)
	}
	for _, a := range b.Agents {
		state, err := json.Marshal(a.State)
		if err != nil {
			return nil, fmt.Errorf("encode the state of agent %s: %w", a.State.UserID, err)
		}
		c.states = append(c.states, state)
	}
	return c, nil
}

func (c *commit) check(tx *transaction) (write bool, err error) {
	c.result = store.Result{}
	if c.Once != nil {
		// Also two equal requests in one group meet here: the second sees the row of the first.
		c.result.Answered, err = answerOf(tx.ctx, tx.answered, c.Once.Key, c.Once.Sum)
		if !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	for _, e := range c.logEnds {
		seq, err := number(tx.logEnd.QueryRowContext(tx.ctx, e.ChatID))
		if err != nil {
			return false, fmt.Errorf("read the head of chat %s: %w", e.ChatID, err)
		}
		if seq != e.Seq {
			return false, fmt.Errorf("%w: the log of chat %s ends at %d, expected was %d", store.ErrConflict, e.ChatID, seq, e.Seq)
		}
	}
	for _, e := range c.Expect {
		if err := tx.expect(e); err != nil {
			return false, err
		}
	}
	for _, a := range c.Agents {
		version, err := number(tx.agentVersion.QueryRowContext(tx.ctx, a.State.UserID))
		if err != nil {
			return false, fmt.Errorf("read the version of agent %s: %w", a.State.UserID, err)
		}
		if version != a.Version {
			return false, fmt.Errorf("%w: agent %s has version %d, expected was %d", store.ErrConflict, a.State.UserID, version, a.Version)
		}
	}
	return true, nil
}

// expect checks what a batch expects apart from where logs end.
func (tx *transaction) expect(e store.Expect) error {
	switch {
	case e.Work != "":
		waits, err := number(tx.waits.QueryRowContext(tx.ctx, e.Work))
		if err != nil {
			return fmt.Errorf("look whether chat %s waits: %w", e.Work, err)
		}
		if waits == 0 {
			return fmt.Errorf("%w: chat %s does not wait any more", store.ErrConflict, e.Work)
		}
	case e.Bin != "":
		n, err := number(tx.binSize.QueryRowContext(tx.ctx, e.Bin))
		if err != nil {
			return fmt.Errorf("count the chats in workbin %s: %w", e.Bin, err)
		}
		if n >= e.Below {
			return fmt.Errorf("%w: workbin %s holds %d chats", store.ErrConflict, e.Bin, n)
		}
	}
	return nil
}

// number returns the one column of a row, or 0 if there is no row.
func number(row *sql.Row) (n int64, err error) {
	if err := row.Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	return n, nil
}

func (c *commit) write(tx *transaction) error {
	for _, part := range []func(*transaction) error{c.writeOnce, c.writeChats, c.writeAgents, c.writeWork, c.writeBins, c.writeTimers, c.writeFeeds} {
		if err := part(tx); err != nil {
			return err
		}
	}
	return nil
}

func (c *commit) writeOnce(tx *transaction) error {
	if c.Once == nil {
		return nil
	}
	if _, err := tx.keepAnswer.ExecContext(tx.ctx, seal("answer", c.Once.Key, c.Once.Sum[:], c.Once.At.UnixMicro(), string(c.Once.Answer))...); err != nil {
		return fmt.Errorf("keep the answer of %q: %w", c.Once.Key, err)
	}
	return nil
}

func (c *commit) writeChats(tx *transaction) error {
	for _, r := range c.Chats {
		_, err := tx.putChat.ExecContext(tx.ctx,
			seal("chat", r.ID, r.Service, r.Seq, string(r.Phase), r.KeyHash[:], r.Started.UnixMicro(), nullable(micros(r.Ended)))...)
		if err != nil {
			return fmt.Errorf("write the row of chat %s: %w", r.ID, err)
		}
	}
	for i, e := range c.Events {
		_, err := tx.addEvent.ExecContext(tx.ctx, seal("event", e.ChatID, e.Seq, e.Index, e.At.UnixMicro(), string(e.Actor.Kind), e.Actor.UserID,
			string(e.Body.Kind()), string(c.bodies[i]))...)
		if err != nil {
			return fmt.Errorf("write event %d of chat %s: %w", e.Seq, e.ChatID, err)
		}
	}
	return nil
}

func (c *commit) writeAgents(tx *transaction) error {
	for i, a := range c.Agents {
		if _, err := tx.putAgent.ExecContext(tx.ctx, seal("agent", a.State.UserID, a.Version+1, string(c.states[i]))...); err != nil {
			return fmt.Errorf("write the state of agent %s: %w", a.State.UserID, err)
		}
	}
	return nil
}

func (c *commit) writeWork(tx *transaction) error {
	for _, w := range c.Work {
		var err error
		if w.Leave {
			_, err = tx.leave.ExecContext(tx.ctx, w.ChatID)
		} else {
			_, err = tx.enter.ExecContext(tx.ctx, seal("work", w.ChatID, w.Queue, w.Since.UnixMicro(), int64(w.Priority))...)
		}
		if err != nil {
			return fmt.Errorf("write that chat %s waits or not: %w", w.ChatID, err)
		}
	}
	return nil
}

func (c *commit) writeBins(tx *transaction) error {
	for _, b := range c.Bins {
		var err error
		if b.Out {
			_, err = tx.leaveBin.ExecContext(tx.ctx, b.ChatID, b.Workbin)
		} else {
			_, err = tx.putBin.ExecContext(tx.ctx, seal("bin", b.ChatID, b.Workbin, b.By, b.At.UnixMicro())...)
		}
		if err != nil {
			return fmt.Errorf("put chat %s into workbin %s, or take it out: %w", b.ChatID, b.Workbin, err)
		}
	}
	return nil
}

func (c *commit) writeTimers(tx *transaction) error {
	for _, t := range c.Timers {
		var err error
		switch {
		case !t.Clear:
			_, err = tx.setTimer.ExecContext(tx.ctx, seal("timer", t.Kind, t.Key, t.At.UnixMicro(), string(t.Data))...)
		case t.At.IsZero():
			_, err = tx.clearTimer.ExecContext(tx.ctx, t.Kind, t.Key)
		default:
			_, err = tx.clearTimerAt.ExecContext(tx.ctx, t.Kind, t.Key, t.At.UnixMicro())
		}
		if err != nil {
			return fmt.Errorf("set or clear timer %s %s: %w", t.Kind, t.Key, err)
		}
	}
	return nil
}

// writeFeeds numbers the notifications: each feed grows once, by as many as the batch has for it.
func (c *commit) writeFeeds(tx *transaction) error {
	if len(c.Notifications) == 0 {
		return nil
	}
	growth := make(map[string]int64, len(c.Notifications))
	for _, n := range c.Notifications {
		growth[n.Subscriber]++
	}
	// The caller's slice stays as it is: the batch may have to be written again.
	c.result.Notifications = slices.Clone(c.Notifications)
	last := make(map[string]int64, len(growth))
	for i := range c.result.Notifications {
		n := &c.result.Notifications[i]
		before, grown := last[n.Subscriber]
		if !grown {
			head, err := number(tx.growFeed.QueryRowContext(tx.ctx, n.Subscriber, growth[n.Subscriber]))
			if err != nil {
				return fmt.Errorf("grow the feed of %s: %w", n.Subscriber, err)
			}
			before = head - growth[n.Subscriber]
		}
		last[n.Subscriber] = before + 1
		if _, err := tx.addNotification.ExecContext(tx.ctx, seal("feed", n.Subscriber, before+1, n.At.UnixMicro(), n.Topic, string(n.Data))...); err != nil {
			return fmt.Errorf("write a notification of %s: %w", n.Subscriber, err)
		}
		n.N = feedNumber(c.epoch, before+1)
		n.At = instant(n.At.UnixMicro())
	}
	return nil
}

// feedNumber is the number under which clients know notification n of a feed.
func feedNumber(epoch, n int64) int64 { return epoch<<31 + n }

// instant is a time as it is kept.
func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// answerOf reads what was answered under a key, with a statement of the writer or of the readers.
func answerOf(ctx context.Context, stmt *sql.Stmt, key string, sum [sha256.Size]byte) (jsontext.Value, error) {
	var of []byte
	var at int64
	var answer string
	var crc sql.Null[int64]
	err := stmt.QueryRowContext(ctx, key).Scan(&of, &at, &answer, &crc)
	if err == nil {
		err = mustFit(crc, "answer", 1, key, of, at, answer)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("answer of %q: %w", key, store.ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("read the answer of %q: %w", key, err)
	case !bytes.Equal(of, sum[:]):
		return nil, fmt.Errorf("%w: %q", store.ErrKeyReused, key)
	}
	return jsontext.Value(answer), nil
}
