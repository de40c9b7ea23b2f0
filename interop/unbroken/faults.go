package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-chat/halley/internal/line"
)

func newTrouble(to string, posts bool) (*trouble, error) {
	l, err := line.Listen(to)
	return &trouble{line: l, posts: posts}, err
}

// fault is something that goes wrong on a line: with the connections that there are, and until it is over with new ones.
type fault struct {
	name  string
	posts bool // only where HTTP requests pass
	begin func(l *line.Line)
	most  time.Duration // how long
	stays bool          // with the connections it has befallen, after its end
}

// faults are all there are. What is random about them is drawn anew each time.
func faults() []fault {
	now := func(f func() line.Fault) func(*line.Line) {
		return func(l *line.Line) { l.Break(f()) }
	}
	always := func(f func() line.Fault) func(*line.Line) {
		return func(l *line.Line) {
			l.Next(f)
			l.Break(f())
		}
	}
	return []fault{
		{name: "reset", begin: (*line.Line).Reset},
		{name: "cut replies", most: time.Second, begin: always(func() line.Fault {
			return line.Fault{Down: line.Way{Cut: 1 + rand.Int64N(3000), Reset: rand.IntN(2) == 0}}
		})},
		{name: "cut requests", most: time.Second, begin: always(func() line.Fault {
			return line.Fault{Up: line.Way{Cut: 1 + rand.Int64N(1500), Reset: rand.IntN(2) == 0}}
		})},
		{name: "delay", most: 2 * time.Second, begin: always(func() line.Fault {
			return line.Fault{Up: line.Way{Delay: rand.N(300 * time.Millisecond)}, Down: line.Way{Delay: rand.N(300 * time.Millisecond)}}
		})},
		{name: "half-close requests", stays: true, begin: now(func() line.Fault { return line.Fault{Up: line.Way{End: true}} })},
		{name: "half-close replies", stays: true, begin: now(func() line.Fault { return line.Fault{Down: line.Way{End: true}} })},
		{name: "drop requests", most: 3 * time.Second, stays: true, begin: always(func() line.Fault { return line.Fault{Up: line.Way{Silent: true}} })},
		{name: "drop replies", most: 3 * time.Second, stays: true, begin: always(func() line.Fault { return line.Fault{Down: line.Way{Silent: true}} })},
		{name: "drop all", most: 3 * time.Second, stays: true, begin: always(func() line.Fault { return line.Both(line.Way{Silent: true}) })},
		{name: "refuse", most: time.Second, begin: func(l *line.Line) {
			l.Refuse(true)
			l.Reset()
		}},
		{name: "request twice", posts: true, most: time.Second, begin: always(func() line.Fault {
			lag := rand.N(200*time.Millisecond) + 1
			if rand.IntN(2) == 0 {
				lag = -lag
			}
			return line.Fault{Up: line.Way{Again: lag}}
		})},
	}
}

// excuses says whether what was heard at one time may come again at another. A client gives a dead connection up after a while, and only then comes back.
func (t *trouble) excuses(first, again time.Time) bool {
	const patience = agentTimeout + networkDelay + maxBackoff + hearingTime
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.spells {
		if first.After(s.from.Add(-hearingTime)) && first.Before(s.to.Add(patience)) && again.After(s.from) {
			return true
		}
	}
	return false
}

// strike lets a fault happen to the line.
func (t *trouble) strike(ctx context.Context, f fault) {
	from := time.Now()
	if t.dead { // another fault would let a connection go on of which something is missing
		t.dead = false
		t.line.Reset()
	}
	f.begin(t.line)
	if f.most > 0 {
		sleep(ctx, f.most/10+rand.N(f.most))
	}
	t.line.Refuse(false)
	t.line.Next(func() line.Fault { return line.Fault{} })
	switch {
	case !f.stays:
		t.line.Break(line.Fault{})
	case rand.IntN(2) == 0:
		f.name += ", reset"
		t.line.Reset()
	default:
		t.dead = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spells = append(t.spells, spell{f.name, from, time.Now()})
}

// makeTrouble strikes all lines at random until there were as many faults as planned, and leaves them in order.
func makeTrouble(ctx context.Context, p *plan, parties []*party) {
	var left atomic.Int64
	left.Store(int64(p.Times))
	var striking sync.WaitGroup
	for _, x := range parties {
		for _, t := range []*trouble{x.front, x.counter} {
			striking.Go(func() {
				for ctx.Err() == nil {
					f := faults()[rand.IntN(len(faults()))]
					if f.posts && !t.posts {
						continue
					}
					n := left.Add(-1)
					if n < 0 {
						return
					}
					if n%200 == 0 {
						p.log("%d faults to come", n)
					}
					t.strike(ctx, f)
					p.counts.count(f.name)
					if t.dead && rand.IntN(2) == 0 {
						sleep(ctx, agentTimeout+networkDelay) // nothing but the client's patience shows it
					}
					sleep(ctx, rand.N(2*time.Second))
				}
			})
		}
	}
	striking.Wait()
	last := fault{name: "reset", begin: (*line.Line).Reset}
	for _, x := range parties {
		x.front.strike(ctx, last)
		x.counter.strike(ctx, last)
	}
}
