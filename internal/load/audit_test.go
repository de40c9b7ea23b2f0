package load

import (
	"hash/maphash"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// entries are numbers as entries; a negative one is the first after a break.
func entries(numbers ...int) []entry {
	var es []entry
	for _, n := range numbers {
		if n < 0 {
			es = append(es, entry(-n)<<1|afterBreak)
			continue
		}
		es = append(es, entry(n)<<1)
	}
	return es
}

func TestMatcher(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		feed, got []int
		exact     bool // with ack
		want      Tally
	}{
		"all":                     {[]int{1, 2, 3}, []int{1, 2, 3}, true, Tally{Notifications: 3}},
		"nothing":                 {nil, nil, true, Tally{}},
		"one lost":                {[]int{1, 2, 3}, []int{1, 3}, true, Tally{Notifications: 2, Lost: 1}},
		"the end lost":            {[]int{1, 2, 3}, []int{1}, true, Tally{Notifications: 1, Lost: 2}},
		"all lost":                {[]int{1, 2}, nil, true, Tally{Lost: 2}},
		"two swapped":             {[]int{1, 2, 3}, []int{2, 1, 3}, true, Tally{Notifications: 3, OutOfOrder: 1}},
		"one late":                {[]int{1, 2, 3, 4}, []int{2, 3, 4, 1}, true, Tally{Notifications: 4, OutOfOrder: 1}},
		"one twice":               {[]int{1, 2, 3}, []int{1, 2, 2, 3}, true, Tally{Notifications: 3, Repeated: 1, Unexcused: 1}},
		"one twice after a break": {[]int{1, 2, 3}, []int{1, 2, -2, 3}, false, Tally{Notifications: 3, Repeated: 1}},
		"a batch after a break":   {[]int{1, 2, 3, 4}, []int{1, 2, 3, -2, 3, 4}, false, Tally{Notifications: 4, Repeated: 2}},
		"the same with ack":       {[]int{1, 2, 3, 4}, []int{1, 2, 3, -2, 3, 4}, true, Tally{Notifications: 4, Repeated: 2, Unexcused: 2}},
		"twice, no break":         {[]int{1, 2, 3, 4}, []int{1, 2, 3, 2, 3, 4}, false, Tally{Notifications: 4, Repeated: 2, Unexcused: 2}},
		"a break, nothing twice":  {[]int{1, 2, 3}, []int{1, -2, 3}, false, Tally{Notifications: 3}},
		"twice, once excused":     {[]int{1, 2, 3}, []int{1, 2, -1, 2, 1, 2, 3}, false, Tally{Notifications: 3, Repeated: 4, Unexcused: 2}},
		"lost after repetition":   {[]int{1, 2, 3, 4}, []int{1, 2, -1, 2, 4}, false, Tally{Notifications: 3, Repeated: 2, Lost: 1}},
		"somebody else's":         {[]int{1, 2}, []int{1, 9, 2}, true, Tally{Notifications: 2, Foreign: 1}},
		"equal ones":              {[]int{1, 1, 2, 1}, []int{1, 1, 2, 1}, true, Tally{Notifications: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := matcher{mayRepeat: !tc.exact, got: entries(tc.got...)}
			m.read(entries(tc.feed...)...)
			m.end()
			if diff := cmp.Diff(tc.want, m.Tally); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever pieces feed and entries come in, the result is the same; and what was dropped at random is what is lost.
func TestMatcherInPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 3*keptBehind).Draw(t, "notifications")
		dropped := rapid.MapOfN(rapid.IntRange(1, max(n, 1)), rapid.Just(true), 0, 5).Draw(t, "dropped")
		var feed, got []int
		lost := int64(0)
		for i := 1; i <= n; i++ {
			feed = append(feed, i)
			if dropped[i] {
				lost++
				continue
			}
			got = append(got, i)
		}
		m := matcher{}
		fs, gs := entries(feed...), entries(got...)
		for len(fs)+len(gs) > 0 {
			if k := min(rapid.IntRange(0, 2000).Draw(t, "got"), len(gs)); k > 0 {
				m.got = append(m.got, gs[:k]...)
				gs = gs[k:]
			}
			k := min(rapid.IntRange(0, 2000).Draw(t, "read"), len(fs))
			m.read(fs[:k]...)
			fs = fs[k:]
		}
		m.end()
		if want := (Tally{Notifications: int64(n) - lost, Lost: lost}); m.Tally != want {
			t.Fatalf("%+v, want %+v", m.Tally, want)
		}
		if len(m.feed) > n && len(m.feed) > 4*keptBehind {
			t.Fatalf("%d of the feed are kept", len(m.feed))
		}
	})
}

// Notifications can be the same to the letter: a participant who comes and goes leaves the list as it was. In whatever pieces they are known, none counts as
// repeated.
func TestMatcherWithEqualNotifications(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := entries(rapid.SliceOf(rapid.IntRange(1, 3)).Draw(t, "all")...)
		m := matcher{mayRepeat: true}
		fs, gs := all, all
		for len(fs)+len(gs) > 0 {
			k := min(rapid.IntRange(0, 3).Draw(t, "got"), len(gs))
			m.got = append(m.got, gs[:k]...)
			gs = gs[k:]
			k = min(rapid.IntRange(0, 3).Draw(t, "read"), len(fs))
			m.read(fs[:k]...)
			fs = fs[k:]
		}
		m.end()
		if want := (Tally{Notifications: int64(len(all))}); m.Tally != want {
			t.Fatalf("%+v, want %+v", m.Tally, want)
		}
	})
}

func TestTrackMarksBreaks(t *testing.T) {
	t.Parallel()
	d := digest{maphash.MakeSeed()}
	a, b := d.of("/a", []byte("x")), d.of("/b", []byte("x"))
	if a == b || a&afterBreak != 0 || a != d.of("/a", []byte("x")) {
		t.Fatal("a digest that does not tell topics apart")
	}
	var tr track
	tr.add(a)
	tr.excuse()
	tr.add(a)
	if n := tr.add(b); n != 3 {
		t.Errorf("%d wait", n)
	}
	if diff := cmp.Diff([]entry{a, a | afterBreak, b}, tr.take()); diff != "" {
		t.Error(diff)
	}
	if tr.take() != nil || tr.total != 3 {
		t.Error("what was taken is still there")
	}
}
