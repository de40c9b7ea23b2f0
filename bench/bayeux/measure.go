//go:build linux

package main

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// figures are what one measurement gave.
type figures struct {
	perSecond, perCPUSecond           float64 // deliveries
	p50, p99, p999                    time.Duration
	resident                          float64 // bytes
	serverShare, generatorShare       float64 // of one core
	lost, repeated, outOfOrder, ended int
}

// load says what is sent: a rate of deliveries, or (0) as much as a window of deliveries under way lets through.
type load struct {
	rate, window int
	warm, length time.Duration
}

// measure publishes for a while, measures for the time given, and then waits for what is under way.
func (g *generator) measure(w load) (figures, error) {
	var f figures
	began := g.now()
	done := 0
	tick := func(until time.Duration) func() bool {
		return func() bool {
			now := g.now()
			if w.rate > 0 {
				for due := int((now - began).Seconds() * float64(w.rate) / float64(g.fanout)); done < due; done++ {
					g.publish()
				}
			}
			return now < until
		}
	}
	g.from = 1 << 62
	if w.rate == 0 {
		g.window = w.window
		g.pump()
	}
	if err := g.loop.run(time.Millisecond, tick(began+w.warm)); err != nil {
		return f, err
	}
	cpu, err := g.peer.CPU()
	if err != nil {
		return f, err
	}
	own := ownCPU()
	g.received, g.latencies = 0, g.latencies[:0]
	g.from = g.now()
	if err := g.loop.run(time.Millisecond, tick(g.from+w.length)); err != nil {
		return f, err
	}
	elapsed := (g.now() - g.from).Seconds()
	received := float64(g.received)
	after, err := g.peer.CPU()
	if err != nil {
		return f, err
	}
	used := (after - cpu).Seconds()
	f.perSecond, f.perCPUSecond = received/elapsed, received/used
	f.serverShare, f.generatorShare = used/elapsed, (ownCPU()-own).Seconds()/elapsed

	g.window = 0
	patience := time.Now().Add(10 * time.Second)
	if err := g.loop.run(time.Millisecond, func() bool { return g.outstanding > 0 && time.Now().Before(patience) }); err != nil {
		return f, err
	}
	rss, err := g.peer.Resident()
	if err != nil {
		return f, err
	}
	f.resident = float64(rss)
	slices.Sort(g.latencies)
	q := func(p float64) time.Duration {
		if len(g.latencies) == 0 {
			return 0
		}
		return time.Duration(g.latencies[min(int(p*float64(len(g.latencies))), len(g.latencies)-1)]) * time.Microsecond
	}
	f.p50, f.p99, f.p999 = q(0.50), q(0.99), q(0.999)
	f.lost, f.repeated, f.outOfOrder, f.ended = g.lostMessages(), g.repeated+g.outsideRoom, g.outOfOrder, g.lost
	return f, nil
}

// ownCPU is the processor time of the generator.
func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
