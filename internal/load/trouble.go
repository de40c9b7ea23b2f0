package load

import (
	"math/rand/v2"
	"sync"
	"time"
)

// trouble starts the faults that are wanted. They last as long as something is written.
func (r *run) trouble(tasks *sync.WaitGroup) {
	if r.opt.Cut > 0 {
		tasks.Go(func() { r.cut(rand.New(rand.NewPCG(r.opt.Seed, 1<<32))) }) //nolint:gosec // a load is to be repeatable
	}
	if r.opt.Pause > 0 {
		for i := range max(len(r.agents)/10, 1) {
			tasks.Go(func() { r.pause(rand.New(rand.NewPCG(r.opt.Seed, uint64(2<<32+i)))) }) //nolint:gosec // as above
		}
	}
	if r.opt.Restart > 0 {
		tasks.Go(r.restart)
	}
}

// allOfThem are more connections than a CometD session has.
const allOfThem = 10

// cut resets an agent's connections, and one of a customer, again and again.
func (r *run) cut(rnd *rand.Rand) {
	for pause(r.writing, time.Duration((0.5+rnd.Float64())*float64(r.opt.Cut.every()))) {
		a := r.agents[rnd.IntN(len(r.agents))]
		a.excused.Store(true)
		if a.wire.cut(allOfThem) {
			r.cuts.Add(1)
		}
		if r.wires.cut(1) {
			r.cuts.Add(1)
		}
	}
}

// pause stops one agent's reading after another's.
func (r *run) pause(rnd *rand.Rand) {
	for pause(r.writing, time.Duration(rnd.Int64N(int64(time.Second)))) {
		a := r.agents[rnd.IntN(len(r.agents))]
		a.excused.Store(true)
		resume := a.wire.pause()
		r.pauses.Add(1)
		pause(r.writing, r.opt.Pause)
		a.excused.Store(true) // what the server has heard nothing of may come again
		resume()
	}
}

// restart ends the server, and starts it again.
func (r *run) restart() {
	for kill := r.opt.Stopping != ByTerm; pause(r.writing, r.opt.Restart); {
		if kill {
			for _, a := range r.agents {
				a.excused.Store(true) // also of a break that she notices late
			}
			r.kills.Add(1)
		} else {
			r.terms.Add(1)
		}
		r.killing.Store(kill)
		err := r.target.restart(kill)
		r.killing.Store(false)
		if err != nil {
			r.count(&r.failures, "restart the server: %v", err)
			return
		}
		if r.opt.Stopping == ByBoth {
			kill = !kill
		}
	}
}
