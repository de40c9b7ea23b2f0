package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// Operate runs one operation of an agent on a chat (agent-api 4). Its error wraps a kind of chat.Err… or store.ErrKeyReused; nothing has changed then.
func (d *Desk) Operate(ctx context.Context, userID, chatID string, a chat.Action, once *Once) (Receipt, error) {
	user := d.Directory.User(userID)
	if user == nil {
		return Receipt{}, fmt.Errorf("user %s: %w", userID, chat.ErrNotFound)
	}
	o := order{
		chatID: chatID, actor: chat.Actor{Kind: chat.ByAgent, UserID: userID}, once: once,
		refers: refers(a),
	}
	d.fill(&o, user, a)
	_, receipt, err := d.run(ctx, o)
	return receipt, err
}

// refers says whether the operation returns a referenceId: all but pure messages, typing, focus, reports of used templates and changes of mode (agent-api
// 1.6).
func refers(a chat.Action) bool {
	switch a.(type) {
	case chat.SendMessage, chat.SendToAgents, chat.SendURL, chat.SendCustomNotice, chat.SendCustomNoticeToAgents,
		chat.SendStartTypingNotification, chat.SendStopTypingNotification,
		chat.SendStartTypingToAgentsNotification, chat.SendStopTypingToAgentsNotification, chat.SetInFocus, chat.ReportResponseTemplateUsage,
		chat.SwitchToMonitor, chat.SwitchToCoach, chat.SwitchToBargeIn:
		return false
	}
	return true
}

// fill gives an action what the domain can't know: ids, deadlines, defaults, and whether whom it names exists and can be reached.
func (d *Desk) fill(o *order, user *directory.User, a chat.Action) {
	deadline := now().Add(d.Settings.OfferTimeout)
	switch a := a.(type) {
	case chat.Accept:
		if a.Nickname == "" {
			a.Nickname = user.Name
		}
		a.ParticipantID = newParticipantID()
		o.action = a
	case chat.SetDisposition:
		if a.Key == "" {
			a.Key = d.Settings.DispositionKey
		}
		o.action = a
	case chat.Transfer:
		a.Deadline = deadline
		o.action = a
		if a.UserID != "" {
			d.reach(o, a.UserID, true)
		}
		d.find(o, a.Queue)
	case chat.Consult:
		a.Deadline = d.ask(o, a.UserID, a.Queue, false)
		o.action = a
	case chat.Invite:
		a.Deadline = d.ask(o, a.UserID, a.Queue, true)
		o.action = a
	case chat.Complete:
		o.action = a
		d.find(o, a.Queue)
	case chat.ReportResponseTemplateUsage:
		o.action = a
		d.findTemplate(o, a.TemplateID)
	default:
		o.action = a
	}
}

// ask sees to it that a colleague can be asked, a certain one or through a queue, and says until when she has time to answer, or there is to find one.
func (d *Desk) ask(o *order, userID, queue string, counts bool) time.Time {
	if queue != "" {
		d.find(o, queue)
		return now().Add(d.Settings.AskTimeout)
	}
	d.reach(o, userID, counts)
	return now().Add(d.Settings.OfferTimeout)
}

// find notes that a queue does not exist, or that a chat would wait in it for ever because nobody serves it (faults B9).
func (d *Desk) find(o *order, queue string) {
	serves := func(u *directory.User) bool { return slices.Contains(u.Queues, queue) }
	switch {
	case queue == "":
	case d.Directory.Queue(queue) == nil:
		o.target = chat.Refuse(chat.ErrNotFound, "there is no such queue")
	case !slices.ContainsFunc(d.Directory.Users, serves):
		o.target = chat.Refuse(chat.ErrState, "no agent serves this queue: nobody would ever take the chat from it")
	}
}

// findTemplate notes that a standard response does not exist, or may not be used now (agent-api 4.14).
func (d *Desk) findTemplate(o *order, id string) {
	switch t := d.Directory.ResponseTemplate(id); {
	case t == nil:
		o.target = chat.Refuse(chat.ErrNotFound, "there is no such response template")
	case !t.Usable(now()):
		o.target = chat.Refuse(chat.ErrState, "the response template %q is not approved, or its time has not come or is over", t.Name)
	}
}

// reach notes on which condition a colleague may get the chat: she is logged in to chat, not on do-not-disturb, and has room for one more if it
// counts (agent-api 4.0, 4.8, 6.3).
func (d *Desk) reach(o *order, userID string, counts bool) {
	user := d.Directory.User(userID)
	if user == nil {
		o.target = chat.Refuse(chat.ErrNotFound, "there is no such user")
		return
	}
	o.admit = func(s agent.State) error {
		switch {
		case s.UserID != userID:
			return nil
		case !s.Reachable():
			return chat.Unavailable()
		case counts && s.Load() >= user.Capacity:
			return chat.Refuse(chat.ErrState, "%s has no room for another chat", user.Name)
		}
		return nil
	}
}

// View returns the chat as the agent sees it; chat.ErrNotFound if she holds no live projection of it (agent-api 4.15).
func (d *Desk) View(ctx context.Context, userID, chatID string) (chat.Resource, error) {
	h, err := d.viewed(ctx, userID, chatID)
	if err != nil {
		return chat.Resource{}, err
	}
	return h.state.View(userID), nil
}

// Views returns all chats of which the agent holds a live projection, the oldest first.
func (d *Desk) Views(ctx context.Context, userID string) ([]chat.Resource, error) {
	s, err := d.Standing(ctx, userID)
	return s.Chats, err
}

// Messages returns what the agent may see of the transcript, without typing: from startIndex on, at most count (0: all) (agent-api 4.15).
func (d *Desk) Messages(ctx context.Context, userID, chatID string, startIndex int64, count int) ([]chat.Message, error) {
	h, err := d.viewed(ctx, userID, chatID)
	if err != nil {
		return nil, err
	}
	if h.state.Seats[userID].State == chat.Invited {
		return nil, chat.Refuse(chat.ErrState, "the chat is only offered to you: Accept it to read its messages")
	}
	log, err := d.log(ctx, h)
	if err != nil {
		return nil, err
	}
	messages := chat.Transcript(log, userID, h.state)
	first, _ := slices.BinarySearchFunc(messages, startIndex, func(m chat.Message, index int64) int { return int(m.Index - index) })
	messages = messages[first:]
	if count > 0 && count < len(messages) {
		messages = messages[:count]
	}
	return messages, nil
}

func (d *Desk) viewed(ctx context.Context, userID, chatID string) (held, error) {
	h, err := d.chat(ctx, chatID)
	if err != nil {
		return held{}, err
	}
	if !h.state.Seats[userID].Live() {
		// The same answer as for a chat that does not exist: ids of others' chats give nothing away.
		return held{}, fmt.Errorf("chat: %w", chat.ErrNotFound)
	}
	return h, nil
}

// Agents returns the standing of everybody who ever logged in, by user id.
func (d *Desk) Agents(ctx context.Context) (map[string]agent.State, error) {
	rows, err := d.Store.Agents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read agents: %w", err)
	}
	states := make(map[string]agent.State, len(rows))
	for _, r := range rows {
		states[r.State.UserID] = r.State
	}
	return states, nil
}

func (d *Desk) agentRow(ctx context.Context, userID string) (store.AgentRow, error) {
	rows, err := d.Store.Agents(ctx, userID)
	if err != nil {
		return store.AgentRow{}, fmt.Errorf("read agent %s: %w", userID, err)
	}
	if len(rows) == 0 {
		return store.AgentRow{State: agent.State{UserID: userID}}, nil
	}
	return rows[0], nil
}

// LogIn starts the agent's contact-centre session on the media, or adds those it does not have (agent-api 6.2).
func (d *Desk) LogIn(ctx context.Context, userID string, media []string, once *Once) (Receipt, error) {
	return d.changeAgent(ctx, userID, once, func(s agent.State) (agent.State, []agent.Channel, error) {
		s.Leaving = false
		s, changed := s.LogIn(media, agent.NotReady, now())
		return s, changed, nil
	})
}

// SetState makes the agent ready or not, or sets do-not-disturb, on one medium, or with medium "" on all of her session (agent-api 6.1, 6.3).
func (d *Desk) SetState(ctx context.Context, userID, medium, operation string, once *Once) (Receipt, error) {
	return d.changeAgent(ctx, userID, once, func(s agent.State) (agent.State, []agent.Channel, error) {
		return s.Operate(medium, operation, d.Directory.AgentStates, now())
	})
}

// LogOut ends the agent's contact-centre session: her chats are taken back first, with the effects of agent-api 2.6, then her channels are
// LoggedOut, and she watches nobody any more (6.8). An agent who is not logged in is left as she is.
func (d *Desk) LogOut(ctx context.Context, userID string, once *Once) (r Receipt, err error) {
	if once != nil {
		if r, ok, err := d.answered(ctx, once); ok || err != nil {
			return r, err
		}
	}
	defer func() {
		if err != nil {
			d.announceFeed(ctx, userID) // what was to be told together with LoggedOut
		}
	}()
	for attempt := 1; ; attempt++ {
		if err := d.takeBack(ctx, userID); err != nil {
			return Receipt{}, err
		}
		r, err := d.changeAgents(ctx, userID, once, func(ctx context.Context, r *roster) (changed []agent.Channel, err error) {
			row, err := r.row(ctx, userID)
			switch {
			case err != nil:
				return nil, err
			case len(row.State.Holds) > 0:
				return nil, errHolds
			}
			if err := r.unwatchAll(ctx, row.State); err != nil {
				return nil, err
			}
			row.State, changed = row.State.LogOut(now())
			row.State.Leaving = false
			r.touched(userID)
			return changed, nil
		})
		if !errors.Is(err, errHolds) || attempt == maxAttempts {
			return r, err
		}
	}
}

// TakeOffline logs an agent out of a medium at the wish of a supervisor, with the effects of LogOut; agent.ErrNotLoggedIn if she is not logged in to it. Her
// HTTP and CometD sessions stay (agent-api 6.3).
func (d *Desk) TakeOffline(ctx context.Context, userID, medium string, once *Once) (Receipt, error) {
	s, err := d.Agent(ctx, userID)
	switch {
	case err != nil:
		return Receipt{}, err
	case s.LoggedInTo(medium):
		return d.LogOut(ctx, userID, once)
	case once != nil:
		// She may be logged out because of an equal request.
		if r, ok, err := d.answered(ctx, once); ok || err != nil {
			return r, err
		}
	}
	return Receipt{}, fmt.Errorf("%s: %w", agent.OpOffline, agent.ErrNotLoggedIn)
}

// errHolds: an agent came back while she was being logged out, and was given a chat.
var errHolds = errors.New("the agent holds chats")

// takeBack marks an agent as leaving, so that she is offered nothing more, and takes her out of the chats that she holds.
func (d *Desk) takeBack(ctx context.Context, userID string) error {
	_, err := d.changeAgent(ctx, userID, nil, func(s agent.State) (agent.State, []agent.Channel, error) {
		s.Leaving = s.LoggedIn() || len(s.Holds) > 0
		return s, nil, nil
	})
	if err != nil {
		return err
	}
	row, err := d.agentRow(ctx, userID)
	if err != nil {
		return err
	}
	for _, hold := range row.State.Holds {
		// She is told all of it together with LoggedOut: a poll that was answered with less might come back too late for the rest (agent-api 2.6).
		_, _, err := d.run(ctx, order{
			chatID: hold.ChatID, actor: chat.Actor{Kind: chat.BySystem}, action: chat.DropAgent{UserID: userID}, hush: userID,
		})
		if err != nil && !refused(err) {
			return fmt.Errorf("take chat %s back from %s: %w", hold.ChatID, userID, err)
		}
	}
	return nil
}

// finishLogOuts completes log-outs that a crash interrupted, and logs out who is no longer in the directory: nobody could end the chats that she holds.
func (d *Desk) finishLogOuts(ctx context.Context) error {
	agents, err := d.Agents(ctx)
	if err != nil {
		return err
	}
	for id, s := range agents {
		removed := d.Directory.User(id) == nil && s.LoggedIn()
		if s.Leaving || removed {
			if _, err := d.LogOut(ctx, id, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// changeAgent commits a change of one agent's standing and tells her which channels changed.
func (d *Desk) changeAgent(ctx context.Context, userID string, once *Once, change func(agent.State) (agent.State, []agent.Channel, error)) (Receipt, error) {
	return d.changeAgents(ctx, userID, once, func(ctx context.Context, r *roster) (changed []agent.Channel, err error) {
		row, err := r.row(ctx, userID)
		if err != nil {
			return nil, err
		}
		row.State, changed, err = change(row.State)
		r.touched(userID)
		return changed, err
	})
}

// changeAgents is changeAgent for a change that may concern others too; it is made anew on fresh rows while one of them is being changed by somebody else.
func (d *Desk) changeAgents(ctx context.Context, userID string, once *Once, change func(context.Context, *roster) ([]agent.Channel, error)) (Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if once != nil {
		if r, ok, err := d.answered(ctx, once); ok || err != nil {
			return r, err
		}
	}
	for attempt := 1; ; attempt++ {
		agents := newRoster(d)
		changed, err := change(ctx, agents)
		if err != nil {
			if once != nil {
				// What stands in the way may have come after an equal request that was at work meanwhile.
				if r, ok, _ := d.answered(ctx, once); ok {
					return r, nil
				}
			}
			return Receipt{}, err
		}
		at := now()
		b := store.Batch{Agents: agents.writes()}
		for i := range b.Agents {
			b.Agents[i].State = b.Agents[i].State.Timed(d.local(at))
		}
		if len(changed) > 0 {
			topic, data, err := d.Encoder.Channels(changed)
			if err != nil {
				return Receipt{}, fmt.Errorf("encode the channels of %s: %w", userID, err)
			}
			b.Notifications = []store.Notification{{Subscriber: Subscriber(userID), Topic: topic, Data: data, At: at}}
		}
		if once != nil {
			if b.Once, err = once.answer(Receipt{}, at); err != nil {
				return Receipt{}, err
			}
		}
		result, err := d.Store.Commit(ctx, b)
		if errors.Is(err, store.ErrConflict) && attempt < maxAttempts {
			d.stats.conflicts.Add(1)
			continue
		}
		if err != nil {
			return Receipt{}, fmt.Errorf("change the state of agent %s: %w", userID, err)
		}
		if result.Answered != nil {
			return decodeReceipt(result.Answered)
		}
		d.announce(b, result, "", len(changed) > 0)
		if once != nil {
			return Receipt{By: once.By}, nil
		}
		return Receipt{}, nil
	}
}
