package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

var batchTests = []test{
	{"everything in one batch", wholeBatch},
	{"a batch that conflicts leaves no trace", noTrace},
	{"a batch that contradicts itself is refused", invalid},
	{"two who expect the same: one gets it", oneWins},
	{"an empty batch", func(f fixture) { f.must(store.Batch{}) }},
}

// full is a batch with something of each kind, on a store that holds prepared().
func full() store.Batch {
	b := note("c0", 3, 2)
	b.Chats[0].Phase, b.Chats[0].Ended = chat.WrapUp, start.Add(time.Minute)
	b.Once = &store.Once{Key: "k1", Sum: sumOf("k1"), Answer: jsontext.Value(`{"refId": 7}`), At: start}
	b.Expect = []store.Expect{{ChatID: "c0", Seq: 2}, {Work: "c1"}, {ChatID: "c2", Seq: 0}, {Bin: "b0", Below: 2}}
	b.Agents = []store.AgentRow{{State: agent.State{UserID: "dana", RefID: 5}, Version: 1}, {State: agent.State{UserID: "omar"}}}
	b.Work = []store.WorkChange{
		{Work: store.Work{ChatID: "c1"}, Leave: true},
		{Work: store.Work{ChatID: "c0", Queue: "sales", Since: start, Priority: 3}},
	}
	b.Bins = []store.BinChange{takes("c1", "b0"), puts(binned("c0", "b1", time.Second))}
	b.Timers = []store.TimerChange{
		{Timer: store.Timer{Kind: "offer", Key: "c0", At: start.Add(time.Hour), Data: jsontext.Value(`{"x":1}`)}},
		{Timer: store.Timer{Kind: "typing", Key: "c0"}, Clear: true},
	}
	b.Notifications = []store.Notification{told("agent:dana", 1), told("agent:omar", 2), told("agent:dana", 3)}
	return b
}

func prepared() store.Batch {
	b := note("c0", 1, 2)
	b.Agents = []store.AgentRow{{State: agent.State{UserID: "dana"}}}
	b.Work = []store.WorkChange{{Work: store.Work{ChatID: "c1", Queue: "sales", Since: start}}}
	b.Bins = []store.BinChange{puts(binned("c1", "b0", 0))}
	b.Timers = []store.TimerChange{{Timer: store.Timer{Kind: "typing", Key: "c0", At: start}}}
	b.Notifications = []store.Notification{told("agent:dana", 0)}
	return b
}

func wholeBatch(f fixture) {
	zero := f.world().Heads
	f.must(prepared())
	b := full()
	r := f.must(b)

	numbered := func(n store.Notification, nth int64) store.Notification {
		n.N = zero[n.Subscriber] + nth
		return n
	}
	dana0, dana1, omar, dana2 := numbered(told("agent:dana", 0), 1), numbered(told("agent:dana", 1), 2), numbered(told("agent:omar", 2), 1), numbered(told("agent:dana", 3), 3)
	f.same(store.Result{Notifications: []store.Notification{dana1, omar, dana2}}, r)
	if b.Notifications[0].N != 0 {
		f.Error("the caller's batch was changed")
	}
	f.same(world{
		Chats:   map[string]store.ChatRow{"c0": b.Chats[0]},
		Events:  map[string][]chat.Event{"c0": {noted("c0", 1), noted("c0", 2), noted("c0", 3), noted("c0", 4)}},
		Feeds:   map[string][]store.Notification{"agent:dana": {dana0, dana1, dana2}, "agent:omar": {omar}},
		Heads:   map[string]int64{"agent:dana": zero["agent:dana"] + 3, "agent:omar": zero["agent:omar"] + 1, "agent:ines": zero["agent:ines"]},
		Agents:  []store.AgentRow{{State: agent.State{UserID: "dana", RefID: 5}, Version: 2}, {State: agent.State{UserID: "omar"}, Version: 1}},
		Waiting: []store.Work{b.Work[1].Work},
		Bins:    map[string][]store.Binned{"b1": {b.Bins[1].Binned}},
		Timers:  []store.Timer{b.Timers[0].Timer},
		Answers: map[string]string{"k1": `{"refId": 7}`},
		Counts:  map[chat.Phase]int{chat.WrapUp: 1},
	}, f.world())
}

func noTrace(f fixture) {
	f.must(prepared())
	for name, spoil := range map[string]func(b *store.Batch){
		"the chat has moved on":        func(b *store.Batch) { b.Expect[0].Seq = 1 },
		"the chat is not so far":       func(b *store.Batch) { b.Expect[0].Seq = 3 },
		"a chat that should not exist": func(b *store.Batch) { b.Expect = append(b.Expect, store.Expect{ChatID: "c0", Seq: 0}) },
		"a chat that does not exist":   func(b *store.Batch) { b.Expect[2].Seq = 1 },
		"it does not wait":             func(b *store.Batch) { b.Expect[1].Work = "c2" },
		"the bin is full":              func(b *store.Batch) { b.Expect[3].Below = 1 },
		"the agent has changed":        func(b *store.Batch) { b.Agents[0].Version = 0 },
		"the agent has not changed":    func(b *store.Batch) { b.Agents[0].Version = 2 },
		"the agent is not there":       func(b *store.Batch) { b.Agents[1].Version = 1 },
		"the events leave a gap": func(b *store.Batch) {
			n := note("c0", 4, 1)
			b.Expect, b.Chats, b.Events = nil, n.Chats, n.Events
		},
		"the events repeat one": func(b *store.Batch) {
			n := note("c0", 2, 1)
			b.Expect, b.Chats, b.Events = nil, n.Chats, n.Events
		},
		"the row alone moves the log": func(b *store.Batch) { b.Expect, b.Events = nil, nil },
		"a new chat begins late": func(b *store.Batch) {
			n := note("c2", 2, 1)
			b.Chats, b.Events = append(b.Chats, n.Chats...), append(b.Events, n.Events...)
		},
	} {
		f.Run(name, func(t *testing.T) {
			b := full()
			spoil(&b)
			fixture{t, f.Store}.refuse(b, store.ErrConflict)
		})
	}
	f.must(full())
}

func invalid(f fixture) {
	f.must(prepared())
	for name, spoil := range map[string]func(b *store.Batch){
		"a key without a name":           func(b *store.Batch) { b.Once.Key = "" },
		"a key without an answer":        func(b *store.Batch) { b.Once.Answer = nil },
		"an expectation of no kind":      func(b *store.Batch) { b.Expect[1].Work = "" },
		"an expectation of two kinds":    func(b *store.Batch) { b.Expect[0].Work = "c0" },
		"an expectation below the start": func(b *store.Batch) { b.Expect[0].Seq = -1 },
		"a chat twice":                   func(b *store.Batch) { b.Chats = append(b.Chats, b.Chats[0]) },
		"a chat without an id":           func(b *store.Batch) { b.Chats[0].ID = "" },
		"a chat without events":          func(b *store.Batch) { b.Chats = append(b.Chats, head("c2", 0)) },
		"events without a row":           func(b *store.Batch) { b.Chats = nil },
		"an event without a body":        func(b *store.Batch) { b.Events[0].Body = nil },
		"events with a gap":              func(b *store.Batch) { b.Events = b.Events[:1]; b.Chats[0].Seq = 9 },
		"events out of order":            func(b *store.Batch) { slices.Reverse(b.Events) },
		"an event before the first":      func(b *store.Batch) { b.Events[0].Seq = 0 },
		"an agent twice":                 func(b *store.Batch) { b.Agents[1].State.UserID = "dana" },
		"an agent without a user":        func(b *store.Batch) { b.Agents[1].State.UserID = "" },
		"an agent with no version":       func(b *store.Batch) { b.Agents[1].Version = -1 },
		"work without a chat":            func(b *store.Batch) { b.Work[0].ChatID = "" },
		"work without a queue":           func(b *store.Batch) { b.Work[1].Queue = "" },
		"an expectation of a bin too":    func(b *store.Batch) { b.Expect[3].Work = "c1" },
		"a bin without a name":           func(b *store.Batch) { b.Bins[1].Workbin = "" },
		"a bin without a chat":           func(b *store.Batch) { b.Bins[0].ChatID = "" },
		"a timer without a kind":         func(b *store.Batch) { b.Timers[0].Kind = "" },
		"a timer without a key":          func(b *store.Batch) { b.Timers[1].Key = "" },
		"a notification for nobody":      func(b *store.Batch) { b.Notifications[2].Subscriber = "" },
	} {
		f.Run(name, func(t *testing.T) {
			b := full()
			spoil(&b)
			fixture{t, f.Store}.refuse(b, store.ErrInvalid)
		})
	}
}

// oneWins lets many decide on the same state at the same time, again and again: exactly one of them gets through each time.
func oneWins(f fixture) {
	f.must(note("c0", 1, 1))
	for seq := int64(2); seq < 12; seq++ {
		results := together(16, func(int) error {
			b := note("c0", seq, 1)
			b.Notifications = []store.Notification{told("agent:dana", int(seq))}
			_, err := f.Commit(f.Context(), b)
			return err
		})
		if won := countNil(f.T, results, store.ErrConflict); won != 1 {
			f.Fatalf("%d of %d got event %d", won, len(results), seq)
		}
	}
	w := f.world()
	if len(w.Events["c0"]) != 11 || len(w.Feeds["agent:dana"]) != 10 {
		f.Errorf("%d events and %d notifications, want 11 and 10", len(w.Events["c0"]), len(w.Feeds["agent:dana"]))
	}
}
