package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

const (
	// maxAttempts bounds how often a command is decided anew. A conflict means that another command got through, so this many in a row
	// need as many rivals for one chat or agent at the same moment.
	maxAttempts = 20
	// commitTimeout bounds a command once it has begun. Its caller's going away does not end it: half the point of a commit is to know how it ended.
	commitTimeout = 30 * time.Second
)

// order is one command with what it needs around it.
type order struct {
	chatID string
	new    *store.ChatRow // the first command of a chat brings its row
	actor  chat.Actor
	action chat.Action
	refers bool // the operation has a referenceId (agent-api 1.6)
	once   *Once
	expect []store.Expect
	target error                   // what is wrong with whom the action names; told only if the action itself is allowed (agent-api 4.0)
	admit  func(agent.State) error // asked of whoever gets the chat, on the state that the commit depends on
	timers []store.TimerChange
	hush   string // user whose feed another commit, right after this one, will announce
}

// run decides and commits one command, and tells the bus. It returns the chat after it, and how the caller may refer to it.
func (d *Desk) run(ctx context.Context, o order) (held, Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	defer d.locks.lock(o.chatID)()
	// Under the lock: an equal request that is under way has been answered when this one's turn comes.
	if h, receipt, ok, err := d.repeated(ctx, o); ok || err != nil {
		return h, receipt, err
	}
	for attempt := 1; ; attempt++ {
		h, receipt, err := d.try(ctx, o)
		switch {
		case err == nil:
			d.stats.commands.Add(1)
			return h, receipt, nil
		case !errors.Is(err, store.ErrConflict):
			if refused(err) {
				// What forbids it may be that another node has just done it.
				if h, receipt, ok, _ := d.repeated(ctx, o); ok {
					return h, receipt, nil
				}
				d.stats.refusals.Add(1)
			} else {
				// The outcome may be unknown: the next command reads what really is there.
				d.chats.Remove(o.chatID)
			}
			return held{}, Receipt{}, err
		case attempt == maxAttempts || ctx.Err() != nil:
			return held{}, Receipt{}, fmt.Errorf("%s on chat %s, %d times: %w", o.action.Operation(), o.chatID, attempt, err)
		}
		d.stats.conflicts.Add(1)
		d.checkHeld(ctx, o.chatID)
	}
}

// repeated returns the answer to an equal request before, if there was one.
func (d *Desk) repeated(ctx context.Context, o order) (h held, r Receipt, ok bool, err error) {
	if o.once == nil {
		return held{}, Receipt{}, false, nil
	}
	r, ok, err = d.answered(ctx, o.once)
	if ok {
		h, _ = d.chats.Get(o.chatID)
	}
	return h, r, ok, err
}

// refused says whether err is the domain's no, which leaves everything as it was.
func refused(err error) bool {
	for _, kind := range []error{chat.ErrMissing, chat.ErrState, chat.ErrNotAllowed, chat.ErrNotFound, chat.ErrInvalid, chat.ErrEnded, store.ErrKeyReused} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (d *Desk) try(ctx context.Context, o order) (held, Receipt, error) {
	var h held
	if o.new != nil {
		h = held{row: *o.new, state: chat.State{ID: o.chatID}}
	} else {
		var err error
		if h, err = d.load(ctx, o.chatID); err != nil {
			return held{}, Receipt{}, err
		}
	}
	cmd := chat.Command{Actor: o.actor, Action: o.action}
	agents := newRoster(d)
	if o.refers {
		row, err := agents.row(ctx, o.actor.UserID)
		if err != nil {
			return held{}, Receipt{}, err
		}
		row.State, cmd.RefID = row.State.NextRef()
		agents.touched(o.actor.UserID)
	}
	at := now()
	events, err := chat.Decide(h.state, cmd, at)
	if err == nil {
		err = o.target
	}
	if err != nil {
		return held{}, Receipt{}, err
	}
	if len(events) == 0 && o.once == nil && len(o.timers) == 0 {
		return h, Receipt{RefID: cmd.RefID, LastIndex: h.state.LastIndex}, nil
	}
	after := h.state
	for _, e := range events {
		after = after.Apply(e)
	}
	batch, err := d.batch(ctx, h, events, after, o, agents, at)
	if err != nil {
		return held{}, Receipt{}, err
	}
	receipt := Receipt{RefID: cmd.RefID, LastIndex: after.LastIndex}
	if o.once != nil {
		if batch.Once, err = o.once.answer(receipt, at); err != nil {
			return held{}, Receipt{}, err
		}
	}
	result, err := d.Store.Commit(ctx, batch)
	if err != nil {
		return held{}, Receipt{}, err
	}
	if result.Answered != nil {
		receipt, err = decodeReceipt(result.Answered)
		return h, receipt, err
	}
	next := h
	if len(events) > 0 {
		next = h.with(batch.Chats[0], after, events)
		d.chats.Add(o.chatID, next)
		if _, in := after.Customer(); !in {
			d.seen.forget(o.chatID)
		}
	}
	d.announce(batch, result, o.hush, agents.freed || slices.ContainsFunc(batch.Work, store.WorkChange.Enters))
	return next, receipt, nil
}

// announce says "look" to whoever serves the concerned: after the commit, and best effort.
func (d *Desk) announce(b store.Batch, r store.Result, hush string, dispatch bool) {
	d.growFeeds(r.Notifications, hush)
	if dispatch {
		d.Bus.Publish(subjectDispatch, nil)
	}
	if len(b.Timers) > 0 {
		nudge(d.wakeTimers)
	}
}

// nudge leaves a wish in a channel that holds one: a second wish adds nothing to the first.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// answered looks up whether a request was answered before.
func (d *Desk) answered(ctx context.Context, o *Once) (Receipt, bool, error) {
	raw, err := d.Store.Answer(ctx, o.Key, o.Sum)
	if errors.Is(err, store.ErrNotFound) {
		return Receipt{}, false, nil
	}
	if err != nil {
		return Receipt{}, false, fmt.Errorf("look up an earlier answer: %w", err)
	}
	r, err := decodeReceipt(raw)
	return r, true, err
}

func (o *Once) answer(r Receipt, at time.Time) (*store.Once, error) {
	r.By = o.By
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a receipt: %w", err)
	}
	return &store.Once{Key: o.Key, Sum: o.Sum, Answer: raw, At: at}, nil
}

func decodeReceipt(raw []byte) (r Receipt, err error) {
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("decode an earlier answer: %w", err)
	}
	return r, nil
}

// roster collects the agents that a command concerns, each read once, and which of them it changed.
type roster struct {
	desk    *Desk
	rows    map[string]*store.AgentRow
	changed []string
	freed   bool // one of them has more room than before
}

func newRoster(d *Desk) *roster { return &roster{desk: d, rows: map[string]*store.AgentRow{}} }

// row returns the agent's row, to be changed in place; follow a change with touched.
func (r *roster) row(ctx context.Context, userID string) (*store.AgentRow, error) {
	if row := r.rows[userID]; row != nil {
		return row, nil
	}
	row, err := r.desk.agentRow(ctx, userID)
	if err != nil {
		return nil, err
	}
	r.rows[userID] = &row
	return &row, nil
}

func (r *roster) touched(userID string) {
	for _, id := range r.changed {
		if id == userID {
			return
		}
	}
	r.changed = append(r.changed, userID)
}

func (r *roster) writes() []store.AgentRow {
	rows := make([]store.AgentRow, 0, len(r.changed))
	for _, id := range r.changed {
		rows = append(rows, *r.rows[id])
	}
	return rows
}
