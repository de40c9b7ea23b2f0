// Package median takes medians, by which benchmarks sum up rounds on a noisy machine.
package median

import (
	"cmp"
	"slices"
)

// Of returns the median of a figure of all, of which there is at least one; of an even number, the upper of the two in the middle.
func Of[T any, N cmp.Ordered](all []T, figure func(T) N) N {
	values := make([]N, 0, len(all))
	for _, v := range all {
		values = append(values, figure(v))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
