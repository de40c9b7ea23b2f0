package storetest

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/halley-chat/halley/internal/store"
)

var feedTests = []test{
	{"ranges", feedRanges},
	{"heads", heads},
	{"numbers are safe for JavaScript", numberRange},
	{"gapless and in commit order under 16 writers", manyWriters},
}

func feedRanges(f fixture) {
	zero := f.zero("agent:dana")
	var all []store.Notification
	for i := range 5 {
		all = append(all, f.must(store.Batch{Notifications: []store.Notification{told("agent:dana", i), told("agent:omar", i)}}).Notifications[0])
	}
	gapless(f.T, zero, all)
	const otherEpoch = 1 << 32
	for _, tt := range []struct {
		after int64
		limit int
		want  []store.Notification
	}{
		{0, 0, all},
		{-1, 2, all[:2]},
		{zero, 2, all[:2]},
		{zero + 2, 2, all[2:4]},
		{zero + 4, 9, all[4:]},
		{zero + 5, 0, nil},
		{zero + 77, 0, nil},
		{zero + otherEpoch, 0, nil},
		{zero - otherEpoch, 0, all},
		{math.MinInt64, 0, all},
		{math.MaxInt64, 0, nil},
	} {
		got, err := f.Feed(f.Context(), "agent:dana", tt.after, tt.limit)
		if err != nil {
			f.Fatal(err)
		}
		f.same(tt.want, got)
	}
	if got, err := f.Feed(f.Context(), "agent:ines", 0, 0); err != nil || len(got) != 0 {
		f.Errorf("a feed without notifications: %v, %v", got, err)
	}
}

func (f fixture) zero(subscriber string) int64 {
	f.Helper()
	heads, err := f.Heads(f.Context(), []string{subscriber})
	if err != nil {
		f.Fatal(err)
	}
	return heads[subscriber]
}

func heads(f fixture) {
	zero := f.zero("agent:dana")
	f.must(store.Batch{Notifications: []store.Notification{told("agent:dana", 1), told("agent:omar", 1), told("agent:dana", 2)}})
	got, err := f.Heads(f.Context(), []string{"agent:dana", "agent:omar", "agent:ines", "agent:omar", `agent:"q"`})
	if err != nil {
		f.Fatal(err)
	}
	f.same(map[string]int64{"agent:dana": zero + 2, "agent:omar": zero + 1, "agent:ines": zero, `agent:"q"`: zero}, got)
	if got, err := f.Heads(f.Context(), nil); err != nil || len(got) != 0 {
		f.Errorf("no feeds: %v, %v", got, err)
	}
}

// A feed number is epoch × 2^31 + n with an epoch of 22 bits that is not 0: a float64 holds it exactly, and it is never mistaken for a small number.
func numberRange(f fixture) {
	zero := f.zero("agent:dana")
	if epoch := zero >> 31; zero%(1<<31) != 0 || epoch < 1 || epoch >= 1<<22 {
		f.Errorf("the number before the first is %d", zero)
	}
}

// manyWriters: the numbers of each feed have no gap; a reader who follows a feed never sees one, nor a number that comes late; and two feeds tell of the same
// commits in the same order.
func manyWriters(f fixture) {
	const writers, each = 16, 20
	subscribers := []string{"agent:dana", "agent:omar"}
	zero := f.zero(subscribers[0])

	writing := make(chan struct{})
	var readers sync.WaitGroup
	for _, name := range subscribers {
		readers.Go(func() {
			after, last := zero, false
			for {
				rows, err := f.Feed(f.Context(), name, after, 7)
				if err != nil {
					f.Error(err)
					return
				}
				for _, n := range rows {
					if after++; n.N != after {
						f.Errorf("%s: %d came where %d was due", name, n.N, after)
						return
					}
				}
				if len(rows) == 0 && last {
					return
				}
				select {
				case <-writing:
					last = true // one more pass sees everything
				default:
				}
			}
		})
	}

	results := together(writers, func(w int) error {
		id := fmt.Sprintf("chat-%d", w)
		for i := range each {
			b := note(id, int64(i+1), 1)
			b.Expect = []store.Expect{{ChatID: id, Seq: int64(i)}}
			for range 1 + (w+i)%3 {
				for _, name := range subscribers {
					b.Notifications = append(b.Notifications, told(name, w*each+i))
				}
			}
			if _, err := f.Commit(f.Context(), b); err != nil {
				return err
			}
		}
		return nil
	})
	close(writing)
	readers.Wait()
	if n := countNil(f.T, results, nil); n != writers {
		f.Fatalf("%d of %d writers got through", n, writers)
	}

	var told [2][]string
	for i, name := range subscribers {
		rows, err := f.Feed(f.Context(), name, 0, 0)
		if err != nil {
			f.Fatal(err)
		}
		gapless(f.T, zero, rows)
		for _, n := range rows {
			told[i] = append(told[i], string(n.Data))
		}
		if got := f.zero(name) - zero; got != int64(len(rows)) {
			f.Errorf("the head of %s is %d, it has %d notifications", name, got, len(rows))
		}
	}
	f.same(told[0], told[1])
	f.Run("the logs have no gap", func(t *testing.T) {
		for w := range writers {
			events, err := f.Events(t.Context(), fmt.Sprintf("chat-%d", w), 0, 0)
			if err != nil || len(events) != each {
				t.Errorf("writer %d: %d events, %v", w, len(events), err)
			}
		}
	})
}
