package storetest

import (
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/store"
)

var agentTests = []test{
	{"versions", agentVersions},
	{"all, some, none", agentsNamed},
	{"the state is kept whole", agentState},
}

func agentRow(userID string, version, ref int64) store.AgentRow {
	return store.AgentRow{State: agent.State{UserID: userID, RefID: ref}, Version: version}
}

func agentVersions(f fixture) {
	for v := range int64(5) {
		f.must(store.Batch{Agents: []store.AgentRow{agentRow("dana", v, 100+v)}})
		f.agents([]store.AgentRow{agentRow("dana", v+1, 100+v)})
	}
	f.refuse(store.Batch{Agents: []store.AgentRow{agentRow("dana", 4, 1)}}, store.ErrConflict)
	f.refuse(store.Batch{Agents: []store.AgentRow{agentRow("dana", 6, 1)}}, store.ErrConflict)
	f.refuse(store.Batch{Agents: []store.AgentRow{agentRow("omar", 0, 1), agentRow("dana", 0, 1)}}, store.ErrConflict)

	errs := together(16, func(int) error {
		_, err := f.Commit(f.Context(), store.Batch{Agents: []store.AgentRow{agentRow("dana", 5, 1)}})
		return err
	})
	if won := countNil(f.T, errs, store.ErrConflict); won != 1 {
		f.Errorf("%d wrote the same version", won)
	}
}

func agentsNamed(f fixture) {
	f.must(store.Batch{Agents: []store.AgentRow{agentRow("omar", 0, 0), agentRow("dana", 0, 0), agentRow(`in"es`, 0, 0)}})
	all := []store.AgentRow{agentRow("dana", 1, 0), agentRow(`in"es`, 1, 0), agentRow("omar", 1, 0)}
	f.agents(all)
	f.agents(all[1:2], `in"es`)
	f.agents([]store.AgentRow{all[0], all[2]}, "omar", "dana", "omar")
	f.agents(nil, "nobody")
}

func (f fixture) agents(want []store.AgentRow, userIDs ...string) {
	f.Helper()
	got, err := f.Agents(f.Context(), userIDs...)
	if err != nil {
		f.Fatal(err)
	}
	f.same(want, got)
}

func agentState(f fixture) {
	s := agent.State{UserID: "dana", RefID: 1 << 40, IdleSince: start, Declined: map[string]time.Time{"c1": start, "c2": far}}
	s = s.Hold("c7", true, start).Hold("c8", false, start)
	f.must(store.Batch{Agents: []store.AgentRow{{State: s}}})
	f.agents([]store.AgentRow{{State: s, Version: 1}})
}
