package desk

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// oneChat is a store with a chat of many events, which dana holds.
type oneChat struct {
	store.Store
	log  []chat.Event
	seen store.Standing
}

func (s oneChat) Chat(_ context.Context, id string) (store.ChatRow, error) {
	return store.ChatRow{ID: id, Seq: int64(len(s.log))}, nil
}

func (s oneChat) Events(_ context.Context, _ string, after int64, limit int) ([]chat.Event, error) {
	log := s.log[after:]
	if limit > 0 {
		log = log[:min(limit, len(log))]
	}
	return log, nil
}

func (s oneChat) Standing(context.Context, string, string) (store.Standing, error) {
	return s.seen, nil
}

// agent-api 2.6: whatever memory has of a chat, older or newer, the standing has it as of the event up to which the position goes.
func TestStandingIsOfOneMoment(t *testing.T) {
	t.Parallel()
	var log []chat.Event
	for seq := range int64(200) {
		e := chat.Event{Seq: seq + 1, ChatID: "c", Body: chat.DataChanged{Set: chat.UserData{"n": fmt.Append(nil, seq+1)}}}
		if seq == 0 {
			e.Body = chat.Offered{UserID: "dana"}
		}
		log = append(log, e)
	}
	for _, tt := range []struct{ inMemory, read int64 }{ // events
		{0, 200}, {0, 120}, {200, 200}, {120, 200}, {199, 200}, {200, 199}, {200, 2}, {2, 3},
	} {
		s := oneChat{log: log, seen: store.Standing{
			Agent: store.AgentRow{State: agent.State{UserID: "dana", Holds: []agent.Hold{{ChatID: "c"}}}},
			Seqs:  map[string]int64{"c": tt.read}, Head: 1000 + tt.read,
		}}
		d, err := New(Config{Store: s, Settings: DefaultSettings()})
		if err != nil {
			t.Fatal(err)
		}
		if tt.inMemory > 0 {
			events := log[:tt.inMemory]
			d.chats.Add("c", held{}.with(store.ChatRow{ID: "c", Seq: tt.inMemory}, chat.Replay("c", events), events))
		}
		got, err := d.Standing(t.Context(), "dana")
		if err != nil || got.Position != 1000+tt.read || len(got.Chats) != 1 || string(got.Chats[0].UserData["n"]) != fmt.Sprint(tt.read) {
			t.Errorf("in memory %d, read %d: %+v, %v", tt.inMemory, tt.read, got, err)
		}
	}
}

// A chat that an agent holds and that is not there is damage, and said so.
func TestStandingWithoutTheChat(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Settings: DefaultSettings(), Store: oneChat{seen: store.Standing{
		Agent: store.AgentRow{State: agent.State{UserID: "dana", Holds: []agent.Hold{{ChatID: "c"}}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Standing(t.Context(), "dana"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
}
