package desk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// batch turns what was decided into the one commit that makes it true: the chat's log and head, who holds it, where it waits or lies, what must
// happen later, and what each agent is told.
func (d *Desk) batch(ctx context.Context, h held, events []chat.Event, after chat.State, o order, agents *roster, at time.Time) (store.Batch, error) {
	b := store.Batch{Expect: o.expect, Events: events, Timers: o.timers}
	if len(events) > 0 {
		row := h.row
		row.Seq, row.Phase, row.Ended = after.Seq, after.Phase, after.EndedAt
		b.Chats = []store.ChatRow{row}
		b.Expect = append(slices.Clone(b.Expect), store.Expect{ChatID: h.row.ID, Seq: h.state.Seq})
		b.Work = workChanges(h.state, after)
		b.Timers = append(slices.Clone(b.Timers), d.timerChanges(h.state, after, at)...)
		if err := d.seatAgents(ctx, h.state, events, after, o, agents, at); err != nil {
			return store.Batch{}, err
		}
		deliveries, err := d.deliveries(ctx, h.state, after, o, agents, at)
		if err != nil {
			return store.Batch{}, err
		}
		b.Timers = append(b.Timers, deliveries...)
	}
	b.Agents = agents.writes()
	notices := chat.Notices(h.state, events, after)
	for _, n := range notices {
		var history []chat.Message
		if n.History {
			log, err := d.log(ctx, h)
			if err != nil {
				return store.Batch{}, err
			}
			history = chat.Transcript(append(slices.Clip(log), events...), n.To, after)
		}
		topic, data, err := d.Encoder.Chat(n, history)
		if err != nil {
			return store.Batch{}, fmt.Errorf("encode %s for %s: %w", n.Kind, n.To, err)
		}
		b.Notifications = append(b.Notifications, store.Notification{Subscriber: Subscriber(n.To), Topic: topic, Data: data, At: at})
	}
	err := d.binChanges(ctx, &b, events, after, at)
	return b, err
}

// seatAgents notes in the agents' rows who got hold of the chat and who let go of it, so that capacity and the list of an agent's chats
// are right in the same commit; and what she has done today.
func (d *Desk) seatAgents(ctx context.Context, before chat.State, events []chat.Event, after chat.State, o order, agents *roster, at time.Time) error {
	users := slices.Collect(maps.Keys(before.Seats))
	for id := range after.Seats {
		if _, ok := before.Seats[id]; !ok {
			users = append(users, id)
		}
	}
	slices.Sort(users)
	for _, id := range users {
		was, is := before.Seats[id], after.Seats[id]
		moved := was.Live() != is.Live() || was.Counts() != is.Counts()
		score := scored(was, is, lastMove(events, id), after.At)
		if !moved && score == (agent.Tally{}) {
			continue
		}
		row, err := agents.row(ctx, id)
		if err != nil {
			return err
		}
		agents.touched(id)
		row.State.Tally = row.State.Tally.Plus(score, d.local(at))
		if !moved {
			continue // she has accepted, in a commit that changes her row in any case
		}
		if gets := is.Live() && !was.Live() || is.Counts() && !was.Counts(); gets && o.admit != nil {
			if err := o.admit(row.State); err != nil {
				return fmt.Errorf("%s: %w", o.action.Operation(), err)
			}
		}
		if is.Live() {
			row.State = row.State.Hold(after.ID, is.Counts(), at)
		} else {
			row.State = row.State.Release(after.ID, at)
		}
		agents.freed = agents.freed || was.Counts() && !is.Counts()
		if declined(o.action, was) {
			row.State = row.State.Decline(after.ID, at.Add(d.Settings.DeclinePause))
		}
	}
	return nil
}

// declined says whether an action that took an invitation away means that the agent did not want it.
func declined(a chat.Action, was chat.Seat) bool {
	if was.State != chat.Invited || was.Role == chat.Supervisor {
		return false // or that she would not watch it, which says nothing about serving it
	}
	switch a := a.(type) {
	case chat.Reject:
		return true
	case chat.EndOffer:
		return a.Reason == chat.OfferTimedOut
	}
	return false
}

// workChanges keeps the table of waiting chats: in it is what may be offered now. A chat keeps its place through an offer that comes to nothing.
func workChanges(before, after chat.State) []store.WorkChange {
	was, had := before.Sought()
	is, has := after.Sought()
	switch {
	case has && (!had || was != is):
		return []store.WorkChange{{Work: store.Work{ChatID: after.ID, Queue: is.Queue, Since: is.Since}}}
	case had && !has:
		return []store.WorkChange{{Work: store.Work{ChatID: after.ID, Queue: was.Queue, Since: was.Since}, Leave: true}}
	}
	return nil
}

// The kinds of timers. Each names the command that its time fires.
const (
	timerOffer    = "offer"    // key chat/user: an invitation was not answered
	timerAsk      = "ask"      // key chat: nobody in the queue through which a colleague is asked for had time
	timerTyping   = "typing"   // key chat/participant: a typing state was not renewed
	timerCustomer = "customer" // key chat: look whether the customer is still there
	// key chat/supervisor/agent: the agent has accepted the chat, and the supervisor, who watches her, is to be brought in
	timerSupervise = "supervise"
)

var timerKinds = []string{timerOffer, timerAsk, timerTyping, timerCustomer, timerSupervise}

// timerData says what a timer is about, so that it does nothing if the chat has moved on.
type timerData struct {
	ChatID      string    `json:"chatId"`
	UserID      string    `json:"userId,omitzero"`
	OfferSeq    int64     `json:"offerSeq,omitzero"`
	AskSeq      int64     `json:"askSeq,omitzero"`
	Participant string    `json:"participant,omitzero"`
	Since       time.Time `json:"since,omitzero"`
	Watched     string    `json:"watched,omitzero"` // with UserID, who watches
	Mode        string    `json:"mode,omitzero"`
	Nickname    string    `json:"nickname,omitzero"`
}

// timerChanges sets the timers that the chat's new state needs and clears those it no longer needs.
func (d *Desk) timerChanges(before, after chat.State, at time.Time) []store.TimerChange {
	was, is := d.timersOf(before), d.timersOf(after)
	var changes []store.TimerChange
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if old, ok := was[key]; !ok || !old.At.Equal(is[key].At) {
			changes = append(changes, store.TimerChange{Timer: is[key]})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[key]; !ok {
			t := was[key]
			changes = append(changes, store.TimerChange{Timer: store.Timer{Kind: t.Kind, Key: t.Key}, Clear: true})
		}
	}
	if wait := d.customerTimeout(after.Service); wait > 0 {
		_, wasIn := before.Customer()
		_, isIn := after.Customer()
		key := store.Timer{Kind: timerCustomer, Key: after.ID}
		switch {
		case isIn && !wasIn:
			key.At, key.Data = at.Add(wait), encodeTimer(timerData{ChatID: after.ID})
			changes = append(changes, store.TimerChange{Timer: key})
		case wasIn && !isIn:
			changes = append(changes, store.TimerChange{Timer: key, Clear: true})
		}
	}
	return changes
}

// timersOf lists the timers that follow from a chat's state alone.
func (d *Desk) timersOf(s chat.State) map[string]store.Timer {
	timers := map[string]store.Timer{}
	for user, seat := range s.Seats {
		if seat.State == chat.Invited && !seat.OfferDeadline.IsZero() {
			key := s.ID + "/" + user
			timers[timerOffer+key] = store.Timer{
				Kind: timerOffer, Key: key, At: seat.OfferDeadline,
				Data: encodeTimer(timerData{ChatID: s.ID, UserID: user, OfferSeq: seat.OfferSeq}),
			}
		}
	}
	if ask := s.Asking; ask != nil && !ask.Until.IsZero() {
		timers[timerAsk+s.ID] = store.Timer{Kind: timerAsk, Key: s.ID, At: ask.Until, Data: encodeTimer(timerData{ChatID: s.ID, AskSeq: ask.Seq})}
	}
	for participant, typing := range s.Typing {
		key := s.ID + "/" + participant
		timers[timerTyping+key] = store.Timer{
			Kind: timerTyping, Key: key, At: typing.Since.Add(d.Settings.TypingTimeout),
			Data: encodeTimer(timerData{ChatID: s.ID, Participant: participant, Since: typing.Since}),
		}
	}
	return timers
}

// customerTimeout is how long a customer of the service may be silent before she counts as gone; 0: for ever.
func (d *Desk) customerTimeout(service string) time.Duration {
	if s := d.Directory.Service(service); s != nil {
		return s.ClientTimeoutREST
	}
	return 0
}

func encodeTimer(t timerData) []byte {
	// Strings, integers and a time always encode.
	raw, _ := json.Marshal(t)
	return raw
}
