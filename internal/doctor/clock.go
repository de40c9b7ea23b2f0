package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/halley-chat/halley/internal/config"
)

const (
	watchClock  = time.Second            // at least
	allowedStep = 100 * time.Millisecond // while it was watched
	allowedDiff = 2 * time.Second        // between this machine and the server
	maxClockErr = time.Second            // as the kernel estimates it
)

// clock watches whether the wall clock is set while doctor works.
type clock struct{ start time.Time }

func startClock() clock { return clock{time.Now()} }

func (c clock) examine(ctx context.Context, r *report) {
	select {
	case <-time.After(watchClock - time.Since(c.start)):
	case <-ctx.Done():
	}
	now := time.Now()
	r.say(judgeClock(now.Sub(c.start), now.Round(0).Sub(c.start.Round(0))))
}

// judgeClock compares how much time has passed with how far the wall clock has gone.
func judgeClock(passed, wall time.Duration) Finding {
	if step := wall - passed; step.Abs() > allowedStep {
		return Finding{
			Problem, "clock.steps", "the wall clock was set by " + round(step).String() + " within " + round(passed).String(),
			"let chrony or systemd-timesyncd slew it; only one of them, and not the virtual machine's host as well",
		}
	}
	return Finding{OK, "clock.steps", "the wall clock ran evenly for " + round(passed).String(), ""}
}

// syncState is what the kernel knows of its clock.
type syncState struct {
	synchronized bool
	maxError     time.Duration
}

func examineSync(r *report) {
	s, err := readSync()
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			r.ok("clock.sync", "the kernel does not tell whether its clock is synchronized (%v)", err)
		}
		return
	}
	r.say(judgeSync(s))
}

func judgeSync(s syncState) Finding {
	const do = "run chrony or systemd-timesyncd: time stamps in transcripts, log-ins and time-outs go by this clock"
	switch {
	case !s.synchronized:
		return Finding{Warning, "clock.sync", "the clock is not synchronized", do}
	case s.maxError > maxClockErr:
		return Finding{Warning, "clock.sync", "the clock may be wrong by " + round(s.maxError).String(), do}
	}
	return Finding{OK, "clock.sync", "the clock is synchronized, to " + round(s.maxError).String() + " or better", ""}
}

func examineZone(r *report, c *config.Config) {
	zone, err := c.Location()
	if err != nil {
		r.problem("clock.zone", "install the system's time zones (tzdata), or set agent.time-zone to one that it has", "%v", err)
		return
	}
	r.ok("clock.zone", "agents' desktops get time stamps as %s (agent.time-zone %s)", time.Now().In(zone).Format("15:04:05 -0700"), c.Agent.TimeZone)
}
