package desk

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/store"
)

// overtaken is a store in which, between two looks at a key, an equal request is answered and the agent is logged out.
type overtaken struct {
	store.Store
	looks int
}

func (s *overtaken) Answer(context.Context, string, [sha256.Size]byte) (jsontext.Value, error) {
	if s.looks++; s.looks == 1 {
		return nil, store.ErrNotFound
	}
	return jsontext.Value(`{"by":"the first"}`), nil
}

func (s *overtaken) Agents(context.Context, ...string) ([]store.AgentRow, error) { return nil, nil }

// A repetition gets the first answer even if, while it was under way, the first was answered and what it asks for became impossible (agent-api 1.4, B5).
func TestRepetitionThatWasOvertaken(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Settings: DefaultSettings(), Store: &overtaken{}})
	if err != nil {
		t.Fatal(err)
	}
	ready := func(s agent.State) (agent.State, []agent.Channel, error) {
		return s.Operate(agent.Chat, agent.OpReady, nil, now())
	}
	if r, err := d.changeAgent(t.Context(), "dana", &Once{Key: "k"}, ready); err != nil || r.By != "the first" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := d.changeAgent(t.Context(), "dana", nil, ready); !errors.Is(err, agent.ErrNotLoggedIn) {
		t.Errorf("without a key: %v", err)
	}
}
