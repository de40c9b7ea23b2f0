package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

const (
	timersAtOnce = 64
	// timerCheck bounds how late a timer set by another node, or left over by a failure, is found.
	timerCheck = time.Second
	pruneEvery = 10 * time.Minute
	// expiredFor is how long a CometD session must have been past its time before its row goes.
	expiredFor = time.Minute
)

// keepTime fires the timers that are due. A timer's row goes in the commit of the command that it fires, so a crash in between repeats the
// command, which then finds that the chat has moved on.
func (d *Desk) keepTime(ctx context.Context) {
	for {
		due, next, err := d.Store.DueTimers(ctx, time.Now(), timersAtOnce)
		if err != nil && ctx.Err() == nil {
			d.Logger.Error("read due timers", "error", err)
		}
		failed := err != nil
		var firing sync.WaitGroup
		var mu sync.Mutex
		for _, t := range due {
			firing.Go(func() {
				if err := d.fire(ctx, t); err != nil && ctx.Err() == nil {
					d.Logger.Error("fire a timer", "kind", t.Kind, "key", t.Key, "error", err)
					mu.Lock()
					failed = true
					mu.Unlock()
				}
			})
		}
		firing.Wait()
		if len(due) == timersAtOnce && !failed {
			continue
		}
		wait := timerCheck
		if until := time.Until(next); !next.IsZero() && !failed && until < wait {
			wait = max(until, 0)
		}
		idle := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			idle.Stop()
			return
		case <-d.wakeTimers:
		case <-idle.C:
		}
		idle.Stop()
	}
}

// fire runs the command of a due timer, or moves the timer if it is not time yet after all.
func (d *Desk) fire(ctx context.Context, t store.Timer) error {
	done := store.TimerChange{Timer: store.Timer{Kind: t.Kind, Key: t.Key, At: t.At}, Clear: true}
	drop := func() error {
		_, err := d.Store.Commit(ctx, store.Batch{Timers: []store.TimerChange{done}})
		return err
	}
	var data timerData
	err := json.Unmarshal(t.Data, &data)
	if err != nil || !slices.Contains(timerKinds, t.Kind) {
		// Another version has left it. It must not stand in the way of those behind it.
		return errors.Join(fmt.Errorf("a timer of kind %q that nobody here understands; it is dropped", t.Kind), err, drop())
	}
	due, action, err := d.meant(ctx, t, data)
	if err != nil {
		return err
	}
	if due.After(time.Now()) {
		t.At = due
		if _, err := d.Store.Commit(ctx, store.Batch{Timers: []store.TimerChange{{Timer: t}}}); err != nil {
			return fmt.Errorf("move the timer: %w", err)
		}
		return nil
	}
	if action != nil {
		o := order{chatID: data.ChatID, actor: chat.Actor{Kind: chat.BySystem}, action: action, timers: []store.TimerChange{done}}
		if t.Kind == timerSupervise {
			o.admit = d.attends(data.UserID)
		}
		_, _, err = d.run(ctx, o)
	}
	if action == nil || refused(err) {
		// The chat, or whom the timer is about, has moved on.
		err = drop()
	}
	if err != nil {
		return err
	}
	d.stats.timers.Add(1)
	return nil
}

// meant says when a timer is really due and what it does. Time in which no node ran is nobody's absence, so nothing is due before the start
// plus its length.
func (d *Desk) meant(ctx context.Context, t store.Timer, data timerData) (due time.Time, action chat.Action, err error) {
	switch t.Kind {
	case timerOffer:
		return later(t.At, d.started.Add(d.Settings.OfferTimeout)),
			chat.EndOffer{UserID: data.UserID, OfferSeq: data.OfferSeq, Reason: chat.OfferTimedOut}, nil
	case timerAsk:
		return later(t.At, d.started.Add(d.Settings.AskTimeout)), chat.AskTimeout{Seq: data.AskSeq}, nil
	case timerTyping:
		return later(t.At, d.started.Add(d.Settings.TypingTimeout)),
			chat.TypingTimeout{ParticipantID: data.Participant, Since: data.Since}, nil
	case timerSupervise:
		return t.At, d.delivery(data), nil
	case timerCustomer:
		h, err := d.chat(ctx, data.ChatID)
		if err != nil {
			return time.Time{}, chat.CustomerLost{}, ignoreNotFound(err)
		}
		wait := d.customerTimeout(h.row.Service)
		if wait == 0 {
			return time.Now().Add(time.Hour), nil, nil // the service is gone, or no longer minds
		}
		return later(later(d.seen.last(data.ChatID), d.started).Add(wait), t.At), chat.CustomerLost{}, nil
	}
	return time.Time{}, nil, fmt.Errorf("a timer of an unknown kind %q", t.Kind)
}

func ignoreNotFound(err error) error {
	if errors.Is(err, chat.ErrNotFound) {
		return nil
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// prune deletes what is no longer needed, from time to time.
func (d *Desk) prune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n := time.Now()
		rows, err := d.Store.Prune(ctx, store.Horizons{
			Feed: n.Add(-d.Settings.FeedRetention), Answers: n.Add(-d.Settings.AnswerRetention),
			Sessions: n.Add(-expiredFor), // one that comes back at the last moment is saved as such a moment later
		})
		if err != nil && ctx.Err() == nil {
			d.Logger.Error("delete old rows", "error", err)
		} else if rows > 0 {
			d.Logger.Info("deleted old rows", "rows", rows)
		}
	}
}
