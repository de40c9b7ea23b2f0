package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

var pruneTests = []test{
	{"what is old goes, the rest stays", prune},
	{"in small batches, all of it", pruneMany},
	{"a clock that jumps tears no hole into a feed", pruneJump},
	{"a context that ends", pruneContext},
}

func (f fixture) prune(h store.Horizons) int64 {
	f.Helper()
	n, err := f.Prune(f.Context(), h)
	if err != nil {
		f.Fatal(err)
	}
	return n
}

func prune(f fixture) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for i := range 3 {
		b := note(worldChats[i], 1, 1)
		b.Once = once(worldKeys[i], `1`)
		b.Once.At = at(i)
		for _, name := range worldFeeds[:2] {
			n := told(name, i)
			n.At = at(i)
			b.Notifications = append(b.Notifications, n)
		}
		f.must(b)
		l := login(worldKeys[i])
		l.Created, l.Seen = start.Add(-time.Hour), at(i)
		f.save(l)
	}
	before := f.world()
	if n := f.prune(store.Horizons{}); n != 0 {
		f.Errorf("without horizons %d rows went", n)
	}
	if n := f.prune(store.Horizons{Feed: start, Answers: start, Logins: start}); n != 0 {
		f.Errorf("%d rows went that were not old", n)
	}
	f.same(before, f.world())

	// Each kind has its own horizon; what is from exactly then stays.
	if n := f.prune(store.Horizons{Feed: at(1), Answers: at(2), Logins: at(3)}); n != 2+2+3 {
		f.Errorf("%d rows went, want 7", n)
	}
	want := before
	for _, name := range worldFeeds[:2] {
		want.Feeds[name] = want.Feeds[name][1:]
	}
	delete(want.Answers, "k0")
	delete(want.Answers, "k1")
	f.same(want, f.world())
	for _, k := range worldKeys {
		f.noLogin(login(k))
	}

	f.prune(store.Horizons{Feed: far, Answers: far, Logins: far})
	if w := f.world(); len(w.Feeds) != 0 || len(w.Answers) != 0 {
		f.Errorf("left over: %v, %v", w.Feeds, w.Answers)
	}
	// The numbers go on, and the keys are free again.
	r := f.must(store.Batch{Once: once("k0", `2`), Notifications: []store.Notification{told("agent:dana", 9)}})
	if r.Answered != nil || r.Notifications[0].N != before.Heads["agent:dana"]+1 {
		f.Errorf("after pruning: %+v; the head was %d", r, before.Heads["agent:dana"])
	}
}

func pruneMany(f fixture) {
	for i := range 12 {
		var b store.Batch
		for j := range 100 {
			b.Notifications = append(b.Notifications, told(worldFeeds[j%3], i*100+j))
		}
		f.must(b)
		f.must(store.Batch{Once: once(fmt.Sprint(i), `1`)})
	}
	if n := f.prune(store.Horizons{Feed: start.Add(1100 * time.Millisecond), Answers: far, Batch: 7}); n != 1100+12 {
		f.Errorf("%d rows went, want 1112", n)
	}
	left := 0
	for _, rows := range f.world().Feeds {
		left += len(rows)
	}
	if left != 100 {
		f.Errorf("%d rows are left, want 100", left)
	}
}

func pruneJump(f fixture) {
	for _, hours := range []int{0, 1, 9, 2, 3, 10} { // at the third the clock was ahead
		n := told("agent:dana", 0)
		n.At = start.Add(time.Duration(hours) * time.Hour)
		f.must(store.Batch{Notifications: []store.Notification{n}})
	}
	all := f.world().Feeds["agent:dana"]
	for _, step := range []struct {
		before time.Duration
		left   []store.Notification
	}{{30 * time.Minute, all[1:]}, {5 * time.Hour, all[2:]}, {9*time.Hour + 1000, all[5:]}} {
		f.prune(store.Horizons{Feed: start.Add(step.before), Batch: 2})
		f.same(step.left, f.world().Feeds["agent:dana"])
	}
}

func pruneContext(f fixture) {
	f.must(store.Batch{Notifications: []store.Notification{told("agent:dana", 0)}})
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	if n, err := f.Prune(ctx, store.Horizons{Feed: far}); n != 0 || !errors.Is(err, context.Canceled) {
		f.Errorf("%d, %v; want context.Canceled", n, err)
	}
}
