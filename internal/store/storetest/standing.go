package storetest

import (
	"fmt"
	"sync"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/store"
)

var standingTests = []test{
	{"what an agent holds, and how far it goes", standing},
	{"all of one moment, while others write", oneMoment},
}

func standing(f fixture) {
	zero := f.zero("agent:dana")
	at := func() store.Standing {
		f.Helper()
		st, err := f.Standing(f.Context(), "dana", "agent:dana")
		if err != nil {
			f.Fatal(err)
		}
		return st
	}
	f.same(store.Standing{Agent: store.AgentRow{State: agent.State{UserID: "dana"}}, Seqs: map[string]int64{}, Head: zero}, at())

	b := note("c0", 1, 3)
	b.Notifications = []store.Notification{told("agent:dana", 1), told("agent:dana", 2), told("agent:omar", 1)}
	f.must(b)
	f.must(note("c1", 1, 1)) // which she does not hold
	row := store.AgentRow{State: agent.State{UserID: "dana", Holds: []agent.Hold{{ChatID: "c0", Counts: true}, {ChatID: "gone"}}}}
	f.must(store.Batch{Agents: []store.AgentRow{row, {State: agent.State{UserID: "omar"}}}})
	row.Version = 1
	f.same(store.Standing{Agent: row, Seqs: map[string]int64{"c0": 3}, Head: zero + 2}, at())
}

// oneMoment: commit n writes the nth event of each chat, the nth notification, and n into the agent's row. Whenever one looks, all of them tell the same n.
func oneMoment(f fixture) {
	const commits = 150
	zero := f.zero("agent:dana")
	writing := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := false; !last; {
				select {
				case <-writing:
					last = true
				default:
				}
				at, err := f.Standing(f.Context(), "dana", "agent:dana")
				if err != nil {
					f.Error(err)
					return
				}
				n := at.Agent.State.RefID
				if at.Agent.Version != n || at.Head-zero != n || at.Seqs["c0"] != n || at.Seqs["c1"] != n {
					f.Errorf("the row is of commit %d, its version of %d, the feed of %d, the chats of %v", n, at.Agent.Version, at.Head-zero, at.Seqs)
					return
				}
			}
		})
	}
	for n := range int64(commits) {
		b := note("c0", n+1, 1)
		other := note("c1", n+1, 1)
		b.Chats, b.Events = append(b.Chats, other.Chats...), append(b.Events, other.Events...)
		b.Notifications = []store.Notification{told("agent:dana", int(n))}
		b.Agents = []store.AgentRow{{Version: n, State: agent.State{UserID: "dana", RefID: n + 1, Holds: []agent.Hold{{ChatID: "c0"}, {ChatID: "c1"}}}}}
		if _, err := f.Commit(f.Context(), b); err != nil {
			f.Error(fmt.Errorf("commit %d: %w", n+1, err))
			break
		}
	}
	close(writing)
	readers.Wait()
}
