package load

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Every quantile is the true one or at most 1.6 % above it.
func TestHistogram(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		took := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 200).Draw(t, "took")
		var h histogram
		for _, d := range took {
			h.add(time.Duration(d))
		}
		slices.Sort(took)
		s := h.step("x")
		if s.Count != int64(len(took)) || s.Worst != ms(time.Duration(took[len(took)-1])) {
			t.Fatalf("%+v of %v", s, took)
		}
		for share, got := range map[float64]float64{0.5: s.P50, 0.9: s.P90, 0.99: s.P99, 0.999: s.P999} {
			want := ms(time.Duration(took[int(share*float64(len(took)))]))
			if got < want || got > want*1.016+0.001 {
				t.Fatalf("quantile %v is %v, want %v: %v", share, got, want, took)
			}
		}
	})
}

func TestBucketsCoverEveryDuration(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{0, 1, 63, 64, 127, 128, 129, 1 << 40, 1<<63 - 1} {
		b := bucket(n)
		if b < 0 || b >= buckets || uint64(upper(b)) < n || b > 0 && uint64(upper(b-1)) >= n {
			t.Errorf("%d falls into bucket %d, which ends at %d", n, b, upper(b))
		}
	}
}
