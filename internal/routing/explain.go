package routing

import (
	"cmp"
	"slices"
	"time"
)

// Ruling says why an agent is not asked. Empty: she may be.
type Ruling string

const (
	NotInQueue Ruling = "does not serve this queue"
	NotReady   Ruling = "is not ready"
	Full       Ruling = "has no room for another chat"
	Holding    Ruling = "is in this chat already"
	Declined   Ruling = "has declined this chat a short while ago"
)

// Reason says where an agent stands with regard to one chat.
type Reason struct {
	UserID string
	Rank   int    // 1 is asked first; 0: ruled out
	Out    Ruling // the first thing that rules her out
}

// Explain says for every agent why she would, or would not, be offered this chat if it were its turn: first those who may be asked in the
// order of asking, then the others by user id. What earlier chats take away from the agents is not considered.
func Explain(w Waiting, agents []Candidate, p Policy, now time.Time) []Reason {
	var out []Reason
	asked := make([]*Candidate, 0, len(agents))
	for i := range agents {
		if why := agents[i].ruling(&w, now); why != "" {
			out = append(out, Reason{UserID: agents[i].UserID, Out: why})
		} else {
			asked = append(asked, &agents[i])
		}
	}
	slices.SortFunc(out, func(a, b Reason) int { return cmp.Compare(a.UserID, b.UserID) })
	slices.SortFunc(asked, func(a, b *Candidate) int { return p.compare(a, a.Load, b, b.Load) })
	ranked := make([]Reason, 0, len(agents))
	for i, c := range asked {
		ranked = append(ranked, Reason{UserID: c.UserID, Rank: i + 1})
	}
	return append(ranked, out...)
}

// ruling applies the rules of [Match] to one agent and one chat.
func (c *Candidate) ruling(w *Waiting, now time.Time) Ruling {
	switch {
	case !slices.Contains(c.Queues, w.Queue):
		return NotInQueue
	case !c.Ready:
		return NotReady
	case !c.available(c.Load):
		return Full
	case c.holds(w.ChatID):
		return Holding
	case c.declined(w.ChatID, now):
		return Declined
	}
	return ""
}
