package routing_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/halley-chat/halley/internal/routing"
)

var t0 = time.Date(2026, 3, 11, 8, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

func chatIn(queue, id string, minute int) routing.Waiting {
	return routing.Waiting{ChatID: id, Queue: queue, Since: at(minute)}
}

// ready is an agent of queue q with room for three.
func ready(id string, load, idleSince int) routing.Candidate {
	return routing.Candidate{UserID: id, Queues: []string{"q"}, Ready: true, Load: load, Capacity: 3, IdleSince: at(idleSince)}
}

// TestMatch checks who is offered what (architecture 7, fault H3).
func TestMatch(t *testing.T) {
	t.Parallel()
	with := func(c routing.Candidate, change func(*routing.Candidate)) routing.Candidate { change(&c); return c }
	three := []routing.Waiting{chatIn("q", "c1", 1), chatIn("q", "c2", 2), chatIn("q", "c3", 3)}
	tests := []struct {
		name    string
		waiting []routing.Waiting
		agents  []routing.Candidate
		policy  routing.Policy
		want    string
	}{
		{"nobody waits", nil, []routing.Candidate{ready("a", 0, 0)}, routing.Policy{}, ""},
		{"nobody is there", three, nil, routing.Policy{}, ""},
		{"oldest first", []routing.Waiting{three[2], three[0], three[1]}, []routing.Candidate{with(ready("a", 0, 0), func(c *routing.Candidate) { c.Capacity = 1 })}, routing.Policy{}, "c1→a"},
		{"same age: by id", []routing.Waiting{chatIn("q", "c2", 1), chatIn("q", "c1", 1)}, []routing.Candidate{ready("a", 2, 0)}, routing.Policy{}, "c1→a"},
		{"priority before age", []routing.Waiting{three[0], {ChatID: "vip", Queue: "q", Since: at(9), Priority: 1}}, []routing.Candidate{ready("a", 2, 0)}, routing.Policy{}, "vip→a"},
		{"longest idle", three[:1], []routing.Candidate{ready("a", 0, 5), ready("b", 0, 4)}, routing.Policy{}, "c1→b"},
		{"same idle time: by id", three[:1], []routing.Candidate{ready("b", 0, 4), ready("a", 0, 4)}, routing.Policy{}, "c1→a"},
		{"who has a chat is not idle", three[:1], []routing.Candidate{ready("a", 1, 0), ready("b", 0, 9)}, routing.Policy{}, "c1→b"},
		{"one each", three[:2], []routing.Candidate{ready("a", 0, 1), ready("b", 0, 2)}, routing.Policy{}, "c1→a c2→b"},
		{"least loaded", three[:2], []routing.Candidate{ready("a", 2, 1), ready("b", 1, 2)}, routing.Policy{LeastLoaded: true}, "c1→b c2→a"},
		{"longest idle fills up first", three[:2], []routing.Candidate{ready("a", 1, 1), ready("b", 1, 2)}, routing.Policy{}, "c1→a c2→a"},
		{"never above capacity", three, []routing.Candidate{ready("a", 1, 0)}, routing.Policy{}, "c1→a c2→a"},
		{"capacity cut meanwhile", three, []routing.Candidate{ready("a", 7, 0)}, routing.Policy{}, ""},
		{"not ready", three, []routing.Candidate{with(ready("a", 0, 0), func(c *routing.Candidate) { c.Ready = false })}, routing.Policy{}, ""},
		{"other queue", []routing.Waiting{chatIn("r", "c1", 1)}, []routing.Candidate{ready("a", 0, 0)}, routing.Policy{}, ""},
		{"two queues, one room", []routing.Waiting{chatIn("q", "c1", 2), chatIn("r", "c2", 1)}, []routing.Candidate{
			with(ready("a", 2, 0), func(c *routing.Candidate) { c.Queues = []string{"q", "r"} }),
		}, routing.Policy{}, "c2→a"},
		{"declined, next is not held up", three[:2], []routing.Candidate{
			with(ready("a", 0, 0), func(c *routing.Candidate) { c.Declined = map[string]time.Time{"c1": at(11)} }),
		}, routing.Policy{}, "c2→a"},
		{"declined is over", three[:1], []routing.Candidate{
			with(ready("a", 0, 0), func(c *routing.Candidate) { c.Declined = map[string]time.Time{"c1": at(10)} }),
		}, routing.Policy{}, "c1→a"},
		{"declined goes to the next", three[:2], []routing.Candidate{
			with(ready("a", 0, 0), func(c *routing.Candidate) { c.Declined = map[string]time.Time{"c1": at(11)} }), ready("b", 0, 5),
		}, routing.Policy{}, "c1→b c2→a"},
		{"is in the chat already", three[:1], []routing.Candidate{
			with(ready("a", 0, 0), func(c *routing.Candidate) { c.Holds = []string{"c1"} }), ready("b", 2, 5),
		}, routing.Policy{}, "c1→b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			for _, o := range routing.Match(tt.waiting, tt.agents, tt.policy, at(10)) {
				if got != "" {
					got += " "
				}
				got += o.ChatID + "→" + o.UserID
			}
			if got != tt.want {
				t.Errorf("offers %q, want %q", got, tt.want)
			}
		})
	}
}

// TestExplain names every agent and what rules her out.
func TestExplain(t *testing.T) {
	t.Parallel()
	agents := []routing.Candidate{
		ready("busy", 1, 0),
		ready("idle", 0, 9),
		{UserID: "full", Queues: []string{"q"}, Ready: true, Load: 1, Capacity: 1},
		{UserID: "away", Queues: []string{"q"}, Capacity: 1},
		{UserID: "stranger", Queues: []string{"r"}, Ready: true, Capacity: 1},
		{UserID: "no", Queues: []string{"q"}, Ready: true, Capacity: 1, Declined: map[string]time.Time{"c1": at(11)}},
		{UserID: "in", Queues: []string{"q"}, Ready: true, Capacity: 2, Load: 1, Holds: []string{"c1"}},
	}
	want := []routing.Reason{
		{UserID: "idle", Rank: 1},
		{UserID: "busy", Rank: 2},
		{UserID: "away", Out: routing.NotReady},
		{UserID: "full", Out: routing.Full},
		{UserID: "in", Out: routing.Holding},
		{UserID: "no", Out: routing.Declined},
		{UserID: "stranger", Out: routing.NotInQueue},
	}
	if got := routing.Explain(chatIn("q", "c1", 1), agents, routing.Policy{}, at(10)); !reflect.DeepEqual(got, want) {
		t.Errorf("Explain = %+v, want %+v", got, want)
	}
}

// TestRandomMatches compares Match with the rules, spelled out: serve chats in turn, each to whom Explain names first.
func TestRandomMatches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		queues := []string{"q", "r", "s"}
		minute := func(what string) time.Time { return at(rapid.IntRange(0, 9).Draw(t, what)) }
		var waiting []routing.Waiting
		for i := range rapid.IntRange(0, 12).Draw(t, "waiting") {
			waiting = append(waiting, routing.Waiting{
				ChatID: fmt.Sprint("c", i), Queue: rapid.SampledFrom(queues).Draw(t, "queue"), Since: minute("since"), Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
			})
		}
		var agents []routing.Candidate
		for i := range rapid.IntRange(0, 6).Draw(t, "agents") {
			c := routing.Candidate{
				UserID: fmt.Sprint("u", i), Ready: rapid.IntRange(0, 4).Draw(t, "ready") > 0, Load: rapid.IntRange(0, 3).Draw(t, "load"),
				Capacity: rapid.IntRange(0, 4).Draw(t, "capacity"), IdleSince: minute("idle"), Declined: map[string]time.Time{},
			}
			c.Queues = rapid.SliceOfDistinct(rapid.SampledFrom(queues), rapid.ID).Draw(t, "queues")
			for range rapid.IntRange(0, 3).Draw(t, "declined") {
				c.Declined[fmt.Sprint("c", rapid.IntRange(0, 11).Draw(t, "chat"))] = at(rapid.SampledFrom([]int{9, 10, 11}).Draw(t, "until"))
			}
			if rapid.Bool().Draw(t, "holds") {
				c.Holds = []string{fmt.Sprint("c", rapid.IntRange(0, 11).Draw(t, "held"))}
			}
			agents = append(agents, c)
		}
		policy := routing.Policy{LeastLoaded: rapid.Bool().Draw(t, "least loaded")}
		askedWaiting, askedAgents := slices.Clone(waiting), slices.Clone(agents)

		got := routing.Match(waiting, agents, policy, at(10))
		if !reflect.DeepEqual(waiting, askedWaiting) || !reflect.DeepEqual(agents, askedAgents) {
			t.Fatal("Match changed its arguments")
		}
		want := []routing.Offer{}
		slices.SortFunc(waiting, func(a, b routing.Waiting) int {
			switch {
			case a.Priority != b.Priority:
				return b.Priority - a.Priority
			case !a.Since.Equal(b.Since):
				return a.Since.Compare(b.Since)
			case a.ChatID < b.ChatID:
				return -1
			}
			return 1
		})
		for _, w := range waiting {
			reasons := routing.Explain(w, agents, policy, at(10))
			if len(reasons) == 0 || reasons[0].Rank != 1 {
				continue
			}
			want = append(want, routing.Offer{ChatID: w.ChatID, UserID: reasons[0].UserID})
			i := slices.IndexFunc(agents, func(c routing.Candidate) bool { return c.UserID == reasons[0].UserID })
			if agents[i].Load++; agents[i].Load > agents[i].Capacity {
				t.Fatalf("%s has more than she has room for", agents[i].UserID)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("offers %v, want %v", got, want)
		}
	})
}

// TestMatchAllocations: what Match allocates grows with the queues, not with chats or agents.
func TestMatchAllocations(t *testing.T) {
	waiting, agents := centre(1_000, 100)
	few := testing.AllocsPerRun(5, func() { routing.Match(waiting, agents, routing.Policy{}, t0) })
	waiting, agents = centre(10_000, 500)
	many := testing.AllocsPerRun(5, func() { routing.Match(waiting, agents, routing.Policy{}, t0) })
	if many > few+10 {
		t.Errorf("%v allocations for ten times the chats, %v before", many, few)
	}
}

// centre is a contact centre with 20 queues: chats in the order of their turn, agents who serve three queues each and have room for two more chats.
func centre(chats, staff int) ([]routing.Waiting, []routing.Candidate) {
	random := rand.New(rand.NewPCG(1, 2))
	queue := func() string { return fmt.Sprintf("queue-%02d", random.IntN(20)) }
	waiting := make([]routing.Waiting, chats)
	for i := range waiting {
		waiting[i] = routing.Waiting{ChatID: fmt.Sprintf("%016d", i), Queue: queue(), Since: t0.Add(time.Duration(i) * time.Second)}
	}
	agents := make([]routing.Candidate, staff)
	for i := range agents {
		agents[i] = routing.Candidate{
			UserID: fmt.Sprintf("%032d", i), Queues: []string{queue(), queue(), queue()}, Ready: true, Load: 1, Capacity: 3,
			IdleSince: t0.Add(time.Duration(random.IntN(3600)) * time.Second),
		}
	}
	return waiting, agents
}

func BenchmarkMatch(b *testing.B) {
	for _, size := range []struct{ chats, staff int }{{100, 500}, {10_000, 500}} {
		for _, policy := range []routing.Policy{{}, {LeastLoaded: true}} {
			b.Run(fmt.Sprintf("waiting=%d/agents=%d/leastLoaded=%v", size.chats, size.staff, policy.LeastLoaded), func(b *testing.B) {
				waiting, agents := centre(size.chats, size.staff)
				b.ReportAllocs()
				for b.Loop() {
					routing.Match(waiting, agents, policy, t0)
				}
			})
		}
	}
	// The worst case: every agent has declined every chat, so that all of them are passed over for each.
	b.Run("declined", func(b *testing.B) {
		waiting, agents := centre(100, 500)
		for i := range agents {
			agents[i].Declined = map[string]time.Time{}
			for _, w := range waiting {
				agents[i].Declined[w.ChatID] = at(1)
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			routing.Match(waiting, agents, routing.Policy{}, t0)
		}
	})
}
