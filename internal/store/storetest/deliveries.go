package storetest

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

var deliveryTests = []test{
	{"what became of each stretch", deliveries},
	{"who subscribed to what, and until when", subscriptionHistory},
	{"of a session that has ended the record stays", endedRecord},
	{"the record of one subscriber is bounded", boundedRecord},
	{"pruned with the feed", pruneRecord},
}

func step(kind string, after, to int64, minutes int) store.Step {
	return store.Step{Kind: kind, Transport: "websocket", After: after, To: to, At: start.Add(time.Duration(minutes) * time.Minute)}
}

// told notes steps of a session.
func (f fixture) told(s store.Session, steps ...store.Step) {
	f.Helper()
	f.progress(store.Progress{Key: s.Key, Term: s.Term, Place: s.Place, Steps: steps})
}

func (f fixture) record(since, until time.Time, after, to int64) []store.SessionRecord {
	f.Helper()
	got, err := f.Deliveries(f.Context(), "agent:dana", since, until, after, to)
	if err != nil {
		f.Fatal(err)
	}
	return got
}

func (f fixture) all() []store.SessionRecord {
	f.Helper()
	return f.record(time.Time{}, far, math.MinInt64, math.MaxInt64)
}

func deliveries(f fixture) {
	s, omars := session("a"), session("b")
	omars.Subscriber = "agent:omar"
	f.insert(s)
	f.insert(omars)
	const e = 4194302 << 31 // the greatest epoch
	// They come in the order in which they were saved, which is not always that of their times.
	steps := []store.Step{step("pushed", e+10, e+12, 1), step("confirmed", e+9, e+12, 2), step("pushed", e+12, e+20, 4), step("lost", e+12, e+20, 6)}
	f.told(s, steps[1], steps[0])
	f.told(s, steps[3])
	f.told(s, steps[2])
	f.told(omars, step("lost", 0, math.MaxInt64, 3))
	f.progress(store.Progress{Key: s.Key, Term: 7, Steps: []store.Step{step("confirmed", e+12, e+20, 9)}}) // another holder's news is news, too
	steps = append(steps, step("confirmed", e+12, e+20, 9))

	for _, tt := range []struct {
		after, to int64
		want      []store.Step
	}{
		{0, math.MaxInt64, steps},
		{e + 12, e + 13, steps[2:]},
		{e + 11, e + 12, steps[:2]},
		{e + 9, e + 10, steps[1:2]},
		{e + 20, e + 30, nil},
		{0, e + 9, nil},
	} {
		got := f.record(start, far, tt.after, tt.to)
		if len(got) != 1 || got[0].Handle != s.Handle || got[0].Place != s.Place || !got[0].Begun.Equal(start) || !got[0].Ended.IsZero() {
			f.Fatalf("%+v", got)
		}
		f.same(tt.want, got[0].Steps)
	}
}

func subscriptionHistory(f fixture) {
	s := session("a")
	s.Subscriptions = map[string]int64{"/a": 1}
	f.insert(s)
	change := func(minutes int, subs map[string]int64) {
		f.Helper()
		s.Version++
		s.Subscriptions = subs
		if err := f.UpdateSession(f.Context(), s, start.Add(time.Duration(minutes)*time.Minute)); err != nil {
			f.Fatal(err)
		}
		f.session(s)
	}
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	change(1, map[string]int64{"/a": 1, "/b": 2})
	change(2, map[string]int64{"/b": 2})
	change(3, map[string]int64{"/b": 5}) // anew
	s.Term++
	s.Subscriptions = map[string]int64{}
	if err := f.AdoptSession(f.Context(), s, at(4)); err != nil {
		f.Fatal(err)
	}
	f.same([]store.Subscription{
		{Channel: "/a", After: 1, Until: at(2)}, {Channel: "/b", After: 2, Until: at(3)}, {Channel: "/b", After: 5, Until: at(4)},
	}, f.all()[0].Subscriptions)
}

func endedRecord(f fixture) {
	f.same(0, len(f.all()))
	silent, pushed, pending := session("silent"), session("pushed"), session("pending")
	silent.Subscriptions, pushed.Subscriptions = nil, nil
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for i, s := range []store.Session{silent, pushed, pending} {
		if err := f.InsertSession(f.Context(), s, at(i)); err != nil {
			f.Fatal(err)
		}
	}
	f.told(pushed, step("pushed", 0, 5, 1))
	for i, s := range []store.Session{silent, pushed, pending} {
		f.end(s, at(10+i))
	}
	f.told(pushed, step("confirmed", 0, 5, 2)) // known only now
	f.end(pushed, at(50))
	got := f.all()
	if len(got) != 2 {
		f.Fatalf("%+v; want two sessions: of the one that got nothing and wanted nothing there is nothing to tell", got)
	}
	f.same([]string{pushed.Handle, pending.Handle}, []string{got[0].Handle, got[1].Handle})
	f.same([]time.Time{at(11), at(12)}, []time.Time{got[0].Ended, got[1].Ended})
	f.same([]store.Step{step("pushed", 0, 5, 1), step("confirmed", 0, 5, 2)}, got[0].Steps)
	f.same(2, len(got[1].Subscriptions))

	for _, tt := range []struct{ since, until, want int }{{11, 99, 2}, {12, 99, 1}, {13, 99, 0}, {0, 1, 1}, {0, 2, 2}, {0, 0, 0}} {
		if n := len(f.record(at(tt.since), at(tt.until), 0, 9)); n != tt.want {
			f.Errorf("from %d to %d there were %d sessions, want %d", tt.since, tt.until, n, tt.want)
		}
	}
}

func boundedRecord(f fixture) {
	live := session("live")
	f.insert(live)
	errs := together(1100, func(i int) error {
		s := session(fmt.Sprint(i))
		begun := start.Add(time.Duration(i) * time.Second)
		return errors.Join(f.InsertSession(f.Context(), s, begun), f.EndSession(f.Context(), s.Key, begun))
	})
	countNil(f.T, errs, nil)
	if n := f.prune(store.Horizons{Batch: 30}); n != 100 {
		f.Errorf("%d rows went, want 100", n)
	}
	got := f.all()
	if len(got) != 1001 || got[0].Handle != live.Handle || got[1].Handle != "h-100" || got[1000].Handle != "h-1099" {
		f.Errorf("%d sessions: %s, %s to %s", len(got), got[0].Handle, got[1].Handle, got[len(got)-1].Handle)
	}
	f.session(live)
}

func pruneRecord(f fixture) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	ended, live := session("ended"), session("live")
	f.insert(ended)
	f.insert(live)
	for i := range 5 {
		f.told(ended, step("pushed", int64(i), int64(i+1), i))
		f.told(live, step("pushed", int64(i), int64(i+1), i))
	}
	f.end(ended, at(10))
	if n := f.prune(store.Horizons{Feed: at(3), Batch: 4}); n != 6 {
		f.Errorf("%d rows went, want 6", n)
	}
	f.same([]int{2, 2}, []int{len(f.all()[0].Steps), len(f.all()[1].Steps)})
	f.prune(store.Horizons{Feed: at(10)})
	f.same(2, len(f.all()))
	if n := f.prune(store.Horizons{Feed: at(11)}); n != 1 {
		f.Errorf("%d rows went, want 1", n)
	}
	got := f.all()
	if len(got) != 1 || got[0].Handle != live.Handle || len(got[0].Subscriptions) != 2 || len(got[0].Steps) != 0 {
		f.Errorf("%+v", got)
	}
	f.session(live)
}
