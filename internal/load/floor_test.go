package load

import (
	"context"
	"testing"
)

// Conversations take turns, none gets more texts than it has room for, and nothing is written once the time is over.
func TestPick(t *testing.T) {
	t.Parallel()
	f := newFloor()
	var all []*conversation
	for _, texts := range []int{1, 2, 5} {
		c := &conversation{left: texts, half: texts / 2, halfway: make(chan struct{}), full: make(chan struct{})}
		all = append(all, c)
		f.admit(c)
	}
	ctx, stop := context.WithCancel(t.Context())
	got := map[*conversation]int{}
	for range 7 {
		got[f.pick(ctx)]++
	}
	if got[all[0]] != 1 || got[all[1]] != 2 || got[all[2]] != 4 {
		t.Errorf("they got %d, %d and %d", got[all[0]], got[all[1]], got[all[2]])
	}
	for _, c := range all[:2] {
		<-c.halfway
		<-c.full
	}
	<-all[2].halfway
	stop()
	if c := f.pick(ctx); c != nil {
		t.Error("there is one after the end")
	}
	if len(f.open) != 1 {
		t.Errorf("%d are open", len(f.open))
	}
}
