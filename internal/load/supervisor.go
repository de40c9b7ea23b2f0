package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// watched is how many agents each supervisor watches.
const watched = 3

// supervise has every supervisor watch some agents, in one mode or another: from now on she is brought into each chat that they accept (agent-api 6.8).
func (r *run) supervise(ctx context.Context) error {
	workers := r.workers()
	for i, s := range r.agents[len(workers):] {
		for j := range min(watched, len(workers)) {
			mode := [...]string{"Monitor", "Coach", "BargeIn"}[(i+j)%3]
			whom := workers[(i*watched+j)%len(workers)]
			if _, err := s.post(ctx, whom.path()+"/channels/chat", map[string]any{"operationName": mode}, mode); err != nil {
				return fmt.Errorf("supervisor %s: %w", s.user.Name, err)
			}
		}
	}
	return nil
}

// workers are the agents who serve customers. The rest supervise them.
func (r *run) workers() []*agent { return r.agents[:min(r.opt.Agents, len(r.agents))] }

// oversee does what a supervisor does in a chat that she was brought into: she listens, talks with the agents, with everybody, listens again, and goes, or
// stays until she is sent away.
func (a *agent) oversee(n news) {
	r := a.run
	if !n.history {
		return
	}
	rnd := rand.New(rand.NewPCG(r.opt.Seed, uint64(r.supervised.Add(1)))) //nolint:gosec // a load is to be repeatable
	r.later(func(ctx context.Context) {
		said := map[string]map[string]any{"SendToAgents": {"text": aside}, "SendMessage": {"text": "I supervise this chat."}}
		steps := []string{"SwitchToCoach", "SendToAgents", "SwitchToBargeIn", "SendMessage", "SwitchToMonitor", "Leave"}
		for _, step := range steps[:rnd.IntN(len(steps)+1)] {
			if !pause(r.writing, time.Duration(rnd.Int64N(int64(200*time.Millisecond)))) {
				return
			}
			// A refusal is no fault: she may have been in that mode from the beginning, or the chat may be over.
			_ = a.operate(ctx, n.chatID, step, said[step])
		}
	})
}

// checkGap asks whether a message that the view does not have is one that she may see: others are of supervisors who listen.
func (a *agent) checkGap(ctx context.Context, chatID string, index int64) {
	r := a.run
	var ans answer
	err := r.insist(ctx, func(ctx context.Context) (err error) {
		ans, err = a.call(ctx, http.MethodGet, fmt.Sprintf("/me/chats/%s/messages?startIndex=%d&count=1", chatID, index), nil, "")
		return err
	})
	if _, gone := errors.AsType[*refusal](err); gone || ctx.Err() != nil {
		return // the audit of her feed will tell
	}
	if err != nil {
		r.count(&r.failures, "%s: %v", a.user.Name, err)
	}
	for _, raw := range ans.Messages {
		var m message
		if err := json.Unmarshal(raw, &m); err == nil && m.Index == index {
			r.count(&r.wrongViews, "%s: chat %s: message %d was lost in between", a.user.Name, chatID, index)
		}
	}
}
