package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what came of a load.
type Report struct {
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Load    Load      `json:"load"`

	Texts    int64   `json:"texts"`    // that were due
	Answered int64   `json:"answered"` // of these, with success
	Rate     float64 `json:"rate"`     // answered per second
	Chats    Chats   `json:"chats"`
	Steps    []Step  `json:"steps"` // latencies in milliseconds

	Delivery     Tally            `json:"delivery"`
	LostSessions int64            `json:"lostSessions"` // that the server forgot within the resume window
	WrongViews   int64            `json:"wrongViews"`   // differences between what was told and what is so
	Failures     int64            `json:"failures"`     // requests without an answer in time, and operations that did not take effect
	Refusals     map[string]int64 `json:"refusals"`     // operations that the rules forbade, by name
	Faults       Faults           `json:"faults"`
	Costs        Costs            `json:"costs"`

	Broken []string `json:"broken"` // the first things that went wrong
}

// Load is what was played.
type Load struct {
	Agents    int     `json:"agents"`
	Customers int     `json:"customers"`
	Rate      float64 `json:"rate"` // 0: as fast as it goes
	WebSocket float64 `json:"websocket"`
	Ack       float64 `json:"ack"`
	Replies   float64 `json:"replies"`
}

// Chats are how many chats there were.
type Chats struct {
	Begun         int64 `json:"begun"`
	Completed     int64 `json:"completed"`
	Transfers     int64 `json:"transfers"` // to another agent
	Requeues      int64 `json:"requeues"`  // transfers to the queue
	Conferences   int64 `json:"conferences"`
	Consultations int64 `json:"consultations"`
	Asks          int64 `json:"asks"`       // of these two: through the queue, and somebody came
	Joins         int64 `json:"joins"`      // consultations that became conferences
	Removals      int64 `json:"removals"`   // colleagues who were sent away
	Supervised    int64 `json:"supervised"` // that supervisors were brought into
}

// Faults are what was done to the server and the connections.
type Faults struct {
	Cuts   int64 `json:"cuts"`
	Pauses int64 `json:"pauses"`
	Kills  int64 `json:"kills"`
	Terms  int64 `json:"terms"`
	Breaks int64 `json:"breaks"` // that clients noticed
}

func (r *run) report(began time.Time, took time.Duration, costs Costs) *Report {
	p := &Report{
		Began: began.UTC(), Seconds: took.Seconds(),
		Load: Load{
			Agents: r.opt.Agents, Customers: r.opt.Customers, Rate: float64(r.opt.Rate), WebSocket: r.opt.WebSocket, Ack: r.opt.Ack, Replies: r.opt.Replies,
		},
		Texts: r.texts.Load(), Answered: r.answeredTexts.Load(),
		Chats: Chats{
			Begun: r.chats.Load(), Completed: r.completed.Load(), Transfers: r.transfers.Load(), Requeues: r.requeues.Load(),
			Conferences: r.conferences.Load(), Consultations: r.consultations.Load(), Asks: r.asks.Load(), Joins: r.joins.Load(), Removals: r.removals.Load(),
			Supervised: r.supervised.Load(),
		},
		LostSessions: r.lostSessions.Load(), WrongViews: r.wrongViews.Load(), Failures: r.failures.Load(),
		Faults: Faults{r.cuts.Load(), r.pauses.Load(), r.kills.Load(), r.terms.Load(), r.breaks.Load()},
		Costs:  costs,
	}
	p.Rate = float64(p.Answered) / p.Seconds
	for i, name := range stepNames {
		p.Steps = append(p.Steps, r.histogram[i].step(name))
	}
	for _, a := range r.agents {
		p.Delivery.add(a.audit.Tally)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Refusals, p.Broken = maps.Clone(r.refusedN), slices.Clone(r.broken)
	return p
}

// Kept says whether every promise was kept.
func (p *Report) Kept() bool {
	d := p.Delivery
	return d.Lost == 0 && d.OutOfOrder == 0 && d.Unexcused == 0 && d.Foreign == 0 && p.LostSessions == 0 && p.WrongViews == 0 && p.Failures == 0
}

// Step returns the figures of a step: send, notify, reply, offer, accept or complete.
func (p *Report) Step(name string) Step {
	for _, s := range p.Steps {
		if s.Name == name {
			return s
		}
	}
	return Step{Name: name}
}

// Text writes the report for people.
func (p *Report) Text(w io.Writer) error {
	var b strings.Builder
	rate := "as fast as it goes"
	if p.Load.Rate > 0 {
		rate = fmt.Sprintf("%.4g texts/s", p.Load.Rate)
	}
	fmt.Fprintf(&b, "%d agents (%.0f %% websocket, %.0f %% ack), %d chats at a time, %s, %.0f s\n", p.Load.Agents, 100*p.Load.WebSocket, 100*p.Load.Ack,
		p.Load.Customers, rate, p.Seconds)
	c := p.Chats
	fmt.Fprintf(&b, "texts: %d of %d answered, %.1f/s; chats: %d begun, %d completed, %d transferred to an agent, %d to the queue\n",
		p.Answered, p.Texts, p.Rate, c.Begun, c.Completed, c.Transfers, c.Requeues)
	fmt.Fprintf(&b, "conferences: %d invited, %d out of %d consultations; %d colleagues found through the queue, %d sent away; %d times supervised\n",
		c.Conferences, c.Joins, c.Consultations, c.Asks, c.Removals, c.Supervised)
	if f := p.Faults; f.Cuts+f.Pauses+f.Kills+f.Terms+f.Breaks > 0 {
		fmt.Fprintf(&b, "faults: %d cuts, %d pauses, %d kills, %d stops; clients noticed %d breaks\n", f.Cuts, f.Pauses, f.Kills, f.Terms, f.Breaks)
	}
	fmt.Fprintf(&b, "\n%-9s %9s %9s %9s %9s %9s %9s\n", "ms", "count", "p50", "p90", "p99", "p99.9", "worst")
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%-9s %9d %9.2f %9.2f %9.2f %9.2f %9.2f\n", s.Name, s.Count, s.P50, s.P90, s.P99, s.P999, s.Worst)
	}
	if costs := p.Costs; costs.Peak > 0 {
		fmt.Fprintf(&b, "\nserver: %.2f of one core, at most %d MB resident; load: %.2f of one core\n", costs.Cores, costs.Peak>>20, costs.OwnCPU/p.Seconds)
	}
	d := p.Delivery
	fmt.Fprintf(&b, "\nnotifications: %d, lost %d, out of order %d, repeated %d (of these %d that should not be), not in the feed %d\n",
		d.Notifications, d.Lost, d.OutOfOrder, d.Repeated, d.Unexcused, d.Foreign)
	fmt.Fprintf(&b, "sessions lost: %d; differences from REST and gaps: %d; failures: %d\n", p.LostSessions, p.WrongViews, p.Failures)
	if len(p.Refusals) > 0 {
		b.WriteString("refused by the rules:")
		for _, operation := range slices.Sorted(maps.Keys(p.Refusals)) {
			fmt.Fprintf(&b, " %s %d", operation, p.Refusals[operation])
		}
		b.WriteString("\n")
	}
	for _, what := range p.Broken {
		fmt.Fprintf(&b, "  %s\n", what)
	}
	if p.Kept() {
		b.WriteString("every promise was kept\n")
	} else {
		b.WriteString("A PROMISE WAS BROKEN\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
