package storetest

import (
	"fmt"
	"sync/atomic"
	"time"
)

var leaseTests = []test{
	{"take, renew, give up", leaseLife},
	{"one of many gets it", leaseRace},
}

func leaseLife(f fixture) {
	const ttl = 5 * time.Second
	at := func(d time.Duration) time.Time { return start.Add(d) }
	for i, step := range []struct {
		name, holder string
		now          time.Time
		ttl          time.Duration
		want         bool
	}{
		{"dispatcher", "n1", at(0), ttl, true},
		{"dispatcher", "n2", at(4 * time.Second), ttl, false},
		{"dispatcher", "n2", at(4 * time.Second), 0, false}, // it is not hers to give up
		{"pruner", "n2", at(4 * time.Second), ttl, true},    // another lease
		{"dispatcher", "n1", at(4 * time.Second), ttl, true},
		{"dispatcher", "n2", at(9*time.Second - time.Microsecond), ttl, false},
		{"dispatcher", "n2", at(9 * time.Second), ttl, true}, // it ended, and is handed over
		{"dispatcher", "n1", at(10 * time.Second), ttl, false},
		{"dispatcher", "n2", at(10 * time.Second), 0, true},
		{"dispatcher", "n2", at(10 * time.Second), 0, true}, // giving up what nobody holds
		{"dispatcher", "n1", at(10 * time.Second), ttl, true},
		{"dispatcher", "n1", at(0), ttl, true}, // a clock that was set back
	} {
		got, err := f.Lease(f.Context(), step.name, step.holder, step.now, step.ttl)
		if err != nil || got != step.want {
			f.Fatalf("step %d: %t, %v; want %t", i, got, err, step.want)
		}
	}
}

func leaseRace(f fixture) {
	for round := range 10 {
		now := start.Add(time.Duration(round) * time.Minute)
		var got atomic.Int64
		errs := together(16, func(i int) error {
			ours, err := f.Lease(f.Context(), "dispatcher", fmt.Sprint(i), now, time.Minute)
			if ours {
				got.Add(1)
			}
			return err
		})
		if countNil(f.T, errs, nil) != len(errs) || got.Load() != 1 {
			f.Fatalf("round %d: %d got it", round, got.Load())
		}
	}
}
