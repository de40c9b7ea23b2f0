package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// A course is what happens to a chat half-way, besides data that is attached.
type course int

const (
	goesOn course = iota
	toAgent
	toQueue
	conference
	consultation
)

// draw draws a course as often as the options say.
func (o Options) draw(rnd *rand.Rand) course {
	dice := rnd.Float64()
	for _, c := range []struct {
		course
		share float64
	}{{toAgent, o.Transfers}, {toQueue, o.Requeues}, {conference, o.Meetings}, {consultation, o.Meetings}} {
		if dice < c.share {
			return c.course
		}
		dice -= c.share
	}
	return goesOn
}

// turn is what happens half-way: the chat goes to another agent or back to the queue, a colleague is called in, or only data is attached.
func (c *conversation) turn(id string) {
	r := c.run
	in := r.floor.agents(id)
	if len(in) == 0 {
		return
	}
	a, other := in[0], r.workers()[c.rnd.IntN(r.opt.Agents)]
	_ = a.operate(r.ctx, id, "UpdateUserData", map[string]any{"userData": map[string]any{offeredKey: "yes", "order": strconv.Itoa(c.rnd.IntN(1e6))}})
	switch what := r.opt.draw(c.rnd); what {
	case toAgent:
		if a != other && a.operate(r.ctx, id, "Transfer", map[string]any{"targetPath": other.path()}) == nil {
			r.transfers.Add(1)
		}
	case toQueue:
		if a.operate(r.ctx, id, "Transfer", map[string]any{"queueName": r.target.queue}) == nil {
			r.requeues.Add(1)
		}
	case conference, consultation:
		c.meet(id, a, other, what)
	}
}

// meet has an agent call a colleague in, a certain one or whom routing finds in the queue. That one says something, becomes known to the customer or not, and
// goes or is sent away.
func (c *conversation) meet(id string, a, other *agent, what course) {
	r := c.run
	operation, count := "Invite", &r.conferences
	if what == consultation {
		operation, count = "Consult", &r.consultations
	}
	before, path, wait := r.floor.agents(id), other.path(), r.opt.Patience
	switch {
	case c.rnd.Float64() < r.opt.Asks:
		path, wait = r.target.queuePath, min(wait, askPatience)
	case a == other:
		return
	}
	if a.operate(r.ctx, id, operation, map[string]any{"targetPath": path}) != nil {
		return
	}
	count.Add(1)
	ctx, cancel := context.WithTimeout(r.writing, wait)
	defer cancel()
	var colleague *agent
	if !r.floor.until(ctx, id, func(in []*agent) bool {
		i := slices.IndexFunc(in, func(x *agent) bool { return !slices.Contains(before, x) })
		if i >= 0 {
			colleague = in[i]
		}
		return i >= 0
	}) {
		return
	}
	if path == r.target.queuePath {
		r.asks.Add(1)
	}
	_ = colleague.operate(ctx, id, "SendToAgents", map[string]any{"text": aside})
	if what == consultation && c.rnd.Float64() < r.opt.Joins &&
		a.operate(ctx, id, "Invite", map[string]any{"targetPath": colleague.path()}) == nil {
		r.joins.Add(1)
	}
	if !pause(ctx, time.Duration(c.rnd.Int64N(int64(time.Second)))) {
		return
	}
	if c.rnd.Float64() >= r.opt.Removals {
		_ = colleague.operate(r.ctx, id, "Leave", nil)
	} else if a.operate(r.ctx, id, "RemoveParticipantFromConference", map[string]any{"targetPath": colleague.path()}) == nil {
		r.removals.Add(1)
	}
}

// aside is what a colleague says to the agents, and the customer must never read.
const aside = "I can see the order."

// askPatience is how long a chat is held up for a colleague whom routing is to find: perhaps nobody has room.
const askPatience = 10 * time.Second
