package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// Standing is an agent's share of the centre at one moment.
type Standing struct {
	Agent agent.State
	Chats []chat.Resource // of which she holds a live projection, the oldest first
	// Position is the number of the last notification that told her of all this: the next one in her feed tells of the first change (agent-api 2.6).
	Position int64
}

// Standing reads an agent's standing. One who never logged in is logged out and holds nothing.
//
// The store tells in one reading how far the log of each chat goes and how far her feed does; a commit writes both. A chat in memory may be older than that,
// if a commit is being answered right now, or newer: it is brought to the event that was read.
func (d *Desk) Standing(ctx context.Context, userID string) (Standing, error) {
	at, err := d.Store.Standing(ctx, userID, Subscriber(userID))
	if err != nil {
		return Standing{}, fmt.Errorf("read the standing of agent %s: %w", userID, err)
	}
	s := Standing{Agent: at.Agent.State, Position: at.Head, Chats: make([]chat.Resource, 0, len(at.Agent.State.Holds))}
	for _, hold := range at.Agent.State.Holds {
		seq, ok := at.Seqs[hold.ChatID]
		if !ok {
			return Standing{}, fmt.Errorf("agent %s holds chat %s, which is not there: %w", userID, hold.ChatID, store.ErrDamaged)
		}
		state, err := d.stateAt(ctx, hold.ChatID, seq)
		if err != nil {
			return Standing{}, err
		}
		s.Chats = append(s.Chats, state.View(userID))
	}
	slices.SortFunc(s.Chats, func(a, b chat.Resource) int {
		if c := a.ReceivedAt.Compare(b.ReceivedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return s, nil
}

// stateAt returns a chat as of its event seq.
func (d *Desk) stateAt(ctx context.Context, id string, seq int64) (chat.State, error) {
	h, err := d.chat(ctx, id)
	if err != nil {
		return chat.State{}, err
	}
	state := h.state
	if state.Seq == seq {
		return state, nil
	}
	if state.Seq > seq {
		state = chat.State{ID: id} // no event can be taken back
	}
	events, err := d.Store.Events(ctx, id, state.Seq, int(seq-state.Seq))
	if err != nil {
		return chat.State{}, fmt.Errorf("read the log of chat %s: %w", id, err)
	}
	for _, e := range events {
		state = state.Apply(e)
	}
	return state, nil
}

// Agent returns an agent's standing without her chats.
func (d *Desk) Agent(ctx context.Context, userID string) (agent.State, error) {
	row, err := d.agentRow(ctx, userID)
	return row.State, err
}
