package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/halley-chat/halley/internal/chat"
)

// Validate returns ErrInvalid, with the reason, if b contradicts itself. Every implementation of [Store] calls it first, so that the rules
// about a batch alone have one place, and the database is only asked about what it alone knows.
func (b Batch) Validate() error {
	for _, rule := range []func(Batch) error{validOnce, validExpect, validChats, validAgents, validTheRest} {
		if err := rule(b); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return nil
}

func validOnce(b Batch) error {
	switch {
	case b.Once == nil:
		return nil
	case b.Once.Key == "":
		return errors.New("an idempotency key is empty")
	case len(b.Once.Answer) == 0:
		return fmt.Errorf("idempotency key %q comes without an answer to keep", b.Once.Key)
	}
	return nil
}

func validExpect(b Batch) error {
	for i, e := range b.Expect {
		kinds := 0
		for _, of := range []string{e.ChatID, e.Work, e.Bin} {
			if of != "" {
				kinds++
			}
		}
		if kinds != 1 {
			return fmt.Errorf("expectation %d must be of exactly one kind", i)
		}
		if e.Seq < 0 {
			return fmt.Errorf("chat %s is expected at %d", e.ChatID, e.Seq)
		}
	}
	return nil
}

// validChats holds each chat's row and events together.
func validChats(b Batch) error {
	ends := make(map[string]int64, len(b.Chats))
	for _, c := range b.Chats {
		if _, twice := ends[c.ID]; twice || c.ID == "" {
			return fmt.Errorf("the row of chat %q is there twice, or has no id", c.ID)
		}
		if c.Seq < 1 {
			return fmt.Errorf("chat %s has no event", c.ID)
		}
		ends[c.ID] = c.Seq
	}
	last := make(map[string]int64, len(b.Chats))
	for _, e := range b.Events {
		if _, ok := ends[e.ChatID]; !ok {
			return fmt.Errorf("event %d of chat %q comes without the chat's row", e.Seq, e.ChatID)
		}
		if e.Body == nil {
			return fmt.Errorf("event %d of chat %s has no body", e.Seq, e.ChatID)
		}
		if before, ok := last[e.ChatID]; e.Seq < 1 || ok && e.Seq != before+1 {
			return fmt.Errorf("event %d of chat %s does not continue its log", e.Seq, e.ChatID)
		}
		last[e.ChatID] = e.Seq
	}
	for id, seq := range last {
		if ends[id] != seq {
			return fmt.Errorf("the row of chat %s is at %d, its last event is %d", id, ends[id], seq)
		}
	}
	return nil
}

func validAgents(b Batch) error {
	seen := make(map[string]bool, len(b.Agents))
	for _, a := range b.Agents {
		id := a.State.UserID
		if id == "" || seen[id] {
			return fmt.Errorf("the row of agent %q is there twice, or has no user", id)
		}
		if a.Version < 0 {
			return fmt.Errorf("agent %s has version %d", id, a.Version)
		}
		seen[id] = true
	}
	return nil
}

func validTheRest(b Batch) error {
	for _, w := range b.Work {
		if w.ChatID == "" || w.Queue == "" && !w.Leave {
			return fmt.Errorf("a change of waiting work needs a chat and a queue: %q, %q", w.ChatID, w.Queue)
		}
	}
	for _, c := range b.Bins {
		if c.ChatID == "" || c.Workbin == "" {
			return fmt.Errorf("a change of a workbin needs a chat and a workbin: %q, %q", c.ChatID, c.Workbin)
		}
	}
	for _, t := range b.Timers {
		if t.Kind == "" || t.Key == "" {
			return fmt.Errorf("a timer needs a kind and a key: %q, %q", t.Kind, t.Key)
		}
	}
	for _, n := range b.Notifications {
		if n.Subscriber == "" {
			return fmt.Errorf("a notification on %s has no subscriber", n.Topic)
		}
	}
	return nil
}

// LogEnds returns where the logs of chats must end for b to be written: what b expects, and what its rows and events continue. An
// implementation checks these, the waiting work and the workbins of b.Expect, and the versions of b.Agents. b is valid.
func (b Batch) LogEnds() []Expect {
	var ends []Expect
	for _, e := range b.Expect {
		if e.ChatID != "" {
			ends = append(ends, e)
		}
	}
	for _, c := range b.Chats {
		e := Expect{ChatID: c.ID, Seq: c.Seq - countOf(b.Events, c.ID)}
		if !slices.Contains(ends, e) {
			ends = append(ends, e)
		}
	}
	return ends
}

func countOf(events []chat.Event, chatID string) int64 {
	var n int64
	for _, e := range events {
		if e.ChatID == chatID {
			n++
		}
	}
	return n
}
