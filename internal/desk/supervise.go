package desk

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// Supervision (agent-api 6.8). Who watches an agent stands in that agent's row, so that the commit in which she accepts a chat knows her watchers, and sets a
// timer for each that is due at once. The timer brings the supervisor in; a crash in between only delays it.

// Monitor has a supervisor watch the chats that an agent accepts from now on; an empty nickname becomes her user name. Its error wraps chat.ErrState, if the
// supervisor is not logged in to chat or watches herself, or chat.ErrInvalid.
func (d *Desk) Monitor(ctx context.Context, agentID string, w agent.Watcher, once *Once) (Receipt, error) {
	if u := d.Directory.User(w.UserID); w.Nickname == "" && u != nil {
		w.Nickname = u.Name
	}
	return d.changeAgents(ctx, w.UserID, once, func(ctx context.Context, r *roster) ([]agent.Channel, error) {
		supervisor, err := r.row(ctx, w.UserID)
		if err != nil {
			return nil, err
		}
		switch err := d.attends(w.UserID)(supervisor.State); {
		case err != nil:
			return nil, err
		case chat.Mode(w.Mode).Visibility() == "":
			return nil, chat.Refuse(chat.ErrInvalid, "there is no mode %q: use %s, %s or %s", w.Mode, chat.Monitor, chat.Coach, chat.BargeIn)
		case utf8.RuneCountInString(w.Nickname) > chat.MaxNickname:
			return nil, chat.Refuse(chat.ErrInvalid, "nickname has more than the %d characters that are allowed", chat.MaxNickname)
		case w.UserID == agentID:
			return nil, chat.Refuse(chat.ErrState, "you cannot watch yourself")
		}
		watched, err := r.row(ctx, agentID)
		if err != nil {
			return nil, err
		}
		watched.State, supervisor.State = watched.State.AddWatcher(w), supervisor.State.Watch(agentID)
		r.touched(agentID)
		r.touched(w.UserID)
		return nil, nil
	})
}

// StopMonitoring ends that. Chats in which the supervisor is already go on. chat.ErrState: she does not watch this agent.
func (d *Desk) StopMonitoring(ctx context.Context, supervisorID, agentID string, once *Once) (Receipt, error) {
	return d.changeAgents(ctx, supervisorID, once, func(ctx context.Context, r *roster) ([]agent.Channel, error) {
		watched, err := r.row(ctx, agentID)
		if err != nil {
			return nil, err
		}
		if _, ok := watched.State.Watcher(supervisorID); !ok {
			return nil, chat.Refuse(chat.ErrState, "you do not watch this agent's chats")
		}
		supervisor, err := r.row(ctx, supervisorID)
		if err != nil {
			return nil, err
		}
		watched.State, supervisor.State = watched.State.RemoveWatcher(supervisorID), supervisor.State.Unwatch(agentID)
		r.touched(agentID)
		r.touched(supervisorID)
		return nil, nil
	})
}

// unwatchAll takes a supervisor off the rows of all whom she watches.
func (r *roster) unwatchAll(ctx context.Context, supervisor agent.State) error {
	for _, id := range supervisor.Watches {
		row, err := r.row(ctx, id)
		if err != nil {
			return err
		}
		if _, ok := row.State.Watcher(supervisor.UserID); ok {
			row.State = row.State.RemoveWatcher(supervisor.UserID)
			r.touched(id)
		}
	}
	return nil
}

// Intrude invites a supervisor to a running chat of an agent. Without a mode it is the one in which she watches that agent. Its error wraps a kind of chat.Err…
// or store.ErrKeyReused; nothing has changed then.
func (d *Desk) Intrude(ctx context.Context, supervisorID, chatID string, a chat.Intrude, once *Once) (Receipt, error) {
	if a.Mode == "" {
		watched, err := d.Agent(ctx, a.Watched)
		if err != nil {
			return Receipt{}, err
		}
		w, _ := watched.Watcher(supervisorID)
		a.Mode = chat.Mode(w.Mode)
	}
	a.Deadline = now().Add(d.Settings.OfferTimeout)
	attends := d.attends(supervisorID)
	_, receipt, err := d.run(ctx, order{
		chatID: chatID, actor: chat.Actor{Kind: chat.BySupervisor, UserID: supervisorID}, action: a, refers: true, once: once, admit: attends,
	})
	if errors.Is(err, chat.ErrMissing) || errors.Is(err, chat.ErrInvalid) {
		// That she may not at all is told before what is wrong with the mode (agent-api 4.0).
		if s, wrong := d.Agent(ctx, supervisorID); wrong == nil && attends(s) != nil {
			err = attends(s)
		}
	}
	return receipt, err
}

// attends is the condition on which a user gets a chat that she takes herself, to watch or to finish it: she is logged in to chat. Do-not-disturb is about
// what others want of her.
func (d *Desk) attends(userID string) func(agent.State) error {
	return func(s agent.State) error {
		if s.UserID == userID && (!s.LoggedInTo(agent.Chat) || s.Leaving) {
			return chat.Refuse(chat.ErrState, "you are not logged in to chat; StartContactCenterSession comes first")
		}
		return nil
	}
}

// deliveries are the timers that bring an agent's watchers into the chat that she has just accepted. Who has the chat already is passed over, and waits for the
// next one.
func (d *Desk) deliveries(ctx context.Context, before, after chat.State, o order, agents *roster, at time.Time) ([]store.TimerChange, error) {
	userID := o.actor.UserID
	seat := after.Seats[userID]
	if _, accepted := o.action.(chat.Accept); !accepted || seat.State != chat.Chatting || seat.Role == chat.Supervisor {
		return nil, nil
	}
	row, err := agents.row(ctx, userID)
	if err != nil {
		return nil, err
	}
	var to []agent.Watcher
	var timers []store.TimerChange
	for _, w := range row.State.Watchers {
		if before.Seats[w.UserID].Live() {
			continue
		}
		to = append(to, w)
		timers = append(timers, store.TimerChange{Timer: store.Timer{
			Kind: timerSupervise, Key: after.ID + "/" + w.UserID + "/" + userID, At: at,
			Data: encodeTimer(timerData{ChatID: after.ID, UserID: w.UserID, Watched: userID, Mode: w.Mode, Nickname: w.Nickname}),
		}})
	}
	if len(to) > 0 {
		row.State = row.State.Delivered(to)
		agents.touched(userID)
	}
	return timers, nil
}

// delivery is the command that brings a watcher in; nil if by now she has lost the right.
func (d *Desk) delivery(t timerData) chat.Action {
	if u := d.Directory.User(t.UserID); u == nil || !u.May(directory.Monitoring) {
		return nil
	}
	return chat.Supervise{
		UserID: t.UserID, Nickname: t.Nickname, Mode: chat.Mode(t.Mode), ParticipantID: newParticipantID(), Watched: t.Watched,
	}
}
