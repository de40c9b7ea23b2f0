package storetest

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/store"
)

var timerTests = []test{
	{"set, move, clear", timerChanges},
	{"due in order, and when the next is", timersDue},
	{"a timer stays between claim and commit", timerStays},
}

func timer(kind, key string, after time.Duration, data string) store.Timer {
	t := store.Timer{Kind: kind, Key: key, At: start.Add(after)}
	if data != "" {
		t.Data = jsontext.Value(data)
	}
	return t
}

func set(timers ...store.Timer) (b store.Batch) {
	for _, t := range timers {
		b.Timers = append(b.Timers, store.TimerChange{Timer: t})
	}
	return b
}

func clearTimer(t store.Timer) store.Batch {
	return store.Batch{Timers: []store.TimerChange{{Timer: t, Clear: true}}}
}

func (f fixture) due(at time.Time, limit int) (due []store.Timer, next time.Time) {
	f.Helper()
	due, next, err := f.DueTimers(f.Context(), at, limit)
	if err != nil {
		f.Fatal(err)
	}
	return due, next
}

func (f fixture) timers(want ...store.Timer) {
	f.Helper()
	got, _ := f.due(far, 0)
	f.same(want, got)
}

func timerChanges(f fixture) {
	first := timer("offer", "c0", time.Second, `{"seq":4}`)
	f.must(set(first, timer("offer", "c1", 2*time.Second, ""), timer("typing", "c0", 3*time.Second, "")))
	f.timers(first, timer("offer", "c1", 2*time.Second, ""), timer("typing", "c0", 3*time.Second, ""))

	moved := timer("offer", "c0", time.Minute, `{"seq":9}`)
	f.must(set(moved))
	f.timers(timer("offer", "c1", 2*time.Second, ""), timer("typing", "c0", 3*time.Second, ""), moved)

	f.must(clearTimer(first)) // for the time it had: it was set anew
	f.timers(timer("offer", "c1", 2*time.Second, ""), timer("typing", "c0", 3*time.Second, ""), moved)
	f.must(clearTimer(moved))
	f.must(clearTimer(store.Timer{Kind: "typing", Key: "c0"})) // whatever time it has
	f.must(clearTimer(store.Timer{Kind: "typing", Key: "nobody"}))
	f.timers(timer("offer", "c1", 2*time.Second, ""))

	f.must(store.Batch{Timers: []store.TimerChange{
		{Timer: store.Timer{Kind: "offer", Key: "c1"}, Clear: true},
		{Timer: timer("offer", "c2", 0, "")},
		{Timer: store.Timer{Kind: "offer", Key: "c2"}, Clear: true},
		{Timer: timer("offer", "c2", 1000, "")},
	}})
	f.timers(timer("offer", "c2", 1000, ""))

	// A clear names the time as it was set; what is finer than a microsecond does not matter.
	f.must(clearTimer(timer("offer", "c2", 1999, "")))
	f.timers()
}

func timersDue(f fixture) {
	if due, next := f.due(far, 0); due != nil || !next.IsZero() {
		f.Errorf("without timers: %v, %v", due, next)
	}
	a, b, c, d := timer("a", "2", time.Second, ""), timer("b", "1", time.Second, ""), timer("a", "1", 2*time.Second, ""), timer("a", "0", time.Hour, "")
	f.must(set(d, c, b, a))
	for _, tt := range []struct {
		at    time.Time
		limit int
		want  []store.Timer
		next  time.Time
	}{
		{start, 10, nil, a.At},
		{a.At.Add(-time.Microsecond), 10, nil, a.At},
		{a.At, 10, []store.Timer{a, b}, c.At},
		{a.At, 2, []store.Timer{a, b}, c.At},
		{a.At, 1, []store.Timer{a}, b.At},
		{c.At, 2, []store.Timer{a, b}, c.At},
		{c.At, 0, []store.Timer{a, b, c}, d.At},
		{far, 4, []store.Timer{a, b, c, d}, time.Time{}},
		{far, 0, []store.Timer{a, b, c, d}, time.Time{}},
	} {
		due, next := f.due(tt.at, tt.limit)
		f.same(tt.want, due)
		if !next.Equal(tt.next) {
			f.Errorf("at %v, limit %d: next %v, want %v", tt.at, tt.limit, next, tt.next)
		}
	}
}

func timerStays(f fixture) {
	t := timer("offer", "c0", 0, `{"seq":1}`)
	f.must(set(t))
	for range 3 { // who read it died, or its commit failed
		f.timers(t)
	}
	b := note("c0", 2, 1)
	b.Timers = clearTimer(t).Timers
	f.refuse(b, store.ErrConflict)
	f.timers(t)
	b = note("c0", 1, 1)
	b.Timers = clearTimer(t).Timers
	f.must(b)
	f.timers()
}
