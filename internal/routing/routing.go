// Package routing decides which agent is offered which waiting chat. It is pure: the desk brings what waits and who is there, and carries the
// offers out.
//
// Chats are served first come first served within their queue: higher priority first, then who came first. Among the agents of the queue who
// are ready and have room, the one who has been idle longest is asked; see [Policy]. A chat that nobody may take now does not hold up those behind it.
package routing

import (
	"cmp"
	"slices"
	"time"
)

// Waiting is a chat that waits in a queue.
type Waiting struct {
	ChatID   string
	Queue    string    // id
	Since    time.Time // arrival of the customer
	Priority int       // higher goes first
}

// Candidate is an agent as routing sees her.
type Candidate struct {
	UserID    string
	Queues    []string // ids of the queues she serves
	Ready     bool     // her chat channel takes offers
	Load      int      // chats that count against Capacity
	Capacity  int
	IdleSince time.Time
	Declined  map[string]time.Time // chat id → not to be offered to her again before
	Holds     []string             // ids of chats that she has already; nobody is offered a chat that she is in
}

// Policy is how agents are ranked. Ties go to who has been idle longer, then to the smaller user id.
type Policy struct {
	// LeastLoaded prefers who has the fewest chats. Without it, who has no chat comes before who has some, and then whoever has been idle longest.
	LeastLoaded bool
}

// Offer says: offer this chat to this agent.
type Offer struct{ ChatID, UserID string }

// Match returns the offers to be made now, in the order in which the chats are served. Each chat is offered at most once, and no agent gets more than
// she has room for. The arguments are not changed; waiting may be in any order, and is matched fastest when it already is in that of service.
func Match(waiting []Waiting, agents []Candidate, p Policy, now time.Time) []Offer {
	if !slices.IsSortedFunc(waiting, served) {
		waiting = slices.SortedFunc(slices.Values(waiting), served)
	}
	room := 0
	load := make([]int, len(agents))
	for i := range agents {
		load[i] = agents[i].Load
		if agents[i].available(load[i]) {
			room += agents[i].Capacity - load[i]
		}
	}
	offers := make([]Offer, 0, min(room, len(waiting)))
	lines := newLines(agents, load, p)
	for i := range waiting {
		if room == 0 {
			break
		}
		line := lines[waiting[i].Queue]
		if line == nil {
			continue
		}
		if a, ok := line.take(&waiting[i], now); ok {
			load[a]++
			room--
			offers = append(offers, Offer{ChatID: waiting[i].ChatID, UserID: agents[a].UserID})
		}
	}
	return offers
}

// served orders chats as they are served.
func served(a, b Waiting) int {
	if c := cmp.Compare(b.Priority, a.Priority); c != 0 {
		return c
	}
	if c := a.Since.Compare(b.Since); c != 0 {
		return c
	}
	return cmp.Compare(a.ChatID, b.ChatID)
}

// available tells whether she takes any offer at all with so many chats.
func (c *Candidate) available(load int) bool { return c.Ready && load < c.Capacity }

// holds tells whether she is in this chat already.
func (c *Candidate) holds(chatID string) bool { return slices.Contains(c.Holds, chatID) }

// declined tells whether she is not to be asked for this chat, or not yet.
func (c *Candidate) declined(chatID string, now time.Time) bool {
	until, ok := c.Declined[chatID]
	return ok && now.Before(until)
}

// compare ranks two agents with so many chats each: who is asked first is smaller.
func (p Policy) compare(a *Candidate, loadA int, b *Candidate, loadB int) int {
	if !p.LeastLoaded {
		loadA, loadB = min(loadA, 1), min(loadB, 1)
	}
	if c := cmp.Compare(loadA, loadB); c != 0 {
		return c
	}
	if c := a.IdleSince.Compare(b.IdleSince); c != 0 {
		return c
	}
	return cmp.Compare(a.UserID, b.UserID)
}
