package routing

import "time"

// line is the agents of one queue who take offers: a heap, whoever is asked first on top.
//
// An agent stands in the line of every queue she serves, so an offer from one queue moves her in the others as well. Her place there is put right only when
// she comes to the top: loads only grow while matching, so she can be too far up but never too far down.
type line struct {
	match *matching
	heap  []place
	aside []place // passed over for the chat at hand
}

// place is an agent in a line, with the load by which she was placed.
type place struct{ agent, load int }

// matching is what the lines of one [Match] share.
type matching struct {
	agents []Candidate
	load   []int // with the offers made so far
	policy Policy
}

// newLines lines up the agents by queue. All places come out of one allocation.
func newLines(agents []Candidate, load []int, p Policy) map[string]*line {
	m := &matching{agents: agents, load: load, policy: p}
	size := make(map[string]int)
	places := 0
	for i := range agents {
		if agents[i].available(load[i]) {
			places += len(agents[i].Queues)
			for _, q := range agents[i].Queues {
				size[q]++
			}
		}
	}
	all := make([]place, places)
	lines := make(map[string]*line, len(size))
	for q, n := range size {
		lines[q] = &line{match: m, heap: all[:0:n]}
		all = all[n:]
	}
	for i := range agents {
		if agents[i].available(load[i]) {
			for _, q := range agents[i].Queues {
				l := lines[q]
				l.heap = append(l.heap, place{agent: i, load: load[i]})
			}
		}
	}
	for _, l := range lines {
		for i := len(l.heap)/2 - 1; i >= 0; i-- {
			l.down(i)
		}
	}
	return lines
}

// take returns the agent to whom a chat is to be offered; false if nobody in the line may take it. The caller raises her load.
func (l *line) take(w *Waiting, now time.Time) (agent int, ok bool) {
	l.aside = l.aside[:0]
	for len(l.heap) > 0 && !ok {
		top := l.heap[0]
		c, load := &l.match.agents[top.agent], l.match.load[top.agent]
		switch {
		case !c.available(load):
			l.pop()
		case top.load != load:
			l.heap[0].load = load
			l.down(0)
		case c.holds(w.ChatID) || c.declined(w.ChatID, now):
			l.aside = append(l.aside, l.pop())
		default:
			agent, ok = top.agent, true
		}
	}
	for _, p := range l.aside {
		l.heap = append(l.heap, p)
		l.up(len(l.heap) - 1)
	}
	return agent, ok
}

func (l *line) pop() place {
	top, last := l.heap[0], len(l.heap)-1
	l.heap[0] = l.heap[last]
	l.heap = l.heap[:last]
	if last > 0 {
		l.down(0)
	}
	return top
}

func (l *line) before(i, j int) bool {
	a, b := l.heap[i], l.heap[j]
	m := l.match
	return m.policy.compare(&m.agents[a.agent], a.load, &m.agents[b.agent], b.load) < 0
}

func (l *line) down(i int) {
	for {
		first := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(l.heap) && l.before(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		l.heap[i], l.heap[first] = l.heap[first], l.heap[i]
		i = first
	}
}

func (l *line) up(i int) {
	for parent := (i - 1) / 2; i > 0 && l.before(i, parent); parent = (i - 1) / 2 {
		l.heap[i], l.heap[parent] = l.heap[parent], l.heap[i]
		i = parent
	}
}
