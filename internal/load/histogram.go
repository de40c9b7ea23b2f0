package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations. It has a fixed size, and what it tells is at most 1.6 % too much.
type histogram struct {
	counts [buckets]atomic.Int64
	most   atomic.Int64
}

const (
	fineBits = 6 // 64 buckets for each doubling
	fine     = 1 << fineBits
	buckets  = (64 - fineBits) * fine
)

func (h *histogram) add(d time.Duration) {
	n := max(int64(d), 0)
	h.counts[bucket(uint64(n))].Add(1)
	for {
		most := h.most.Load()
		if n <= most || h.most.CompareAndSwap(most, n) {
			return
		}
	}
}

// bucket is the place of n: exact below 64, then by the first seven binary digits.
func bucket(n uint64) int {
	shift := max(bits.Len64(n)-fineBits-1, 0)
	return shift*fine + int(n>>shift)
}

// upper is the largest duration that falls into a bucket.
func upper(b int) time.Duration {
	if b < 2*fine {
		return time.Duration(b)
	}
	shift := b/fine - 1
	return time.Duration((uint64(b-shift*fine)+1)<<shift - 1)
}

// Step is how long one kind of thing took, in milliseconds.
type Step struct {
	Name  string  `json:"name"`
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Worst float64 `json:"worst"`
}

// step sums up. It may be called while durations are added.
func (h *histogram) step(name string) Step {
	var counts [buckets]int64
	s := Step{Name: name, Worst: ms(time.Duration(h.most.Load()))}
	for i := range counts {
		counts[i] = h.counts[i].Load()
		s.Count += counts[i]
	}
	if s.Count == 0 {
		return s
	}
	at := func(share float64) float64 {
		left := int64(share * float64(s.Count))
		for i, n := range counts {
			if left -= n; left < 0 {
				return min(ms(upper(i)), s.Worst)
			}
		}
		return s.Worst
	}
	s.P50, s.P90, s.P99, s.P999 = at(0.50), at(0.90), at(0.99), at(0.999)
	return s
}

func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
