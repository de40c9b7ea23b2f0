package main

import (
	"testing"

	"github.com/halley-chat/halley/internal/load"
)

// What grows is told from what goes up and down.
func TestJudge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		at   func(i int) load.Sample
		flat bool
	}{
		"flat": {func(int) load.Sample { return load.Sample{Resident: 100 << 20, Goroutines: 200, Files: 90} }, true},
		"saw": {func(i int) load.Sample {
			return load.Sample{Resident: int64(100+i%40) << 20, Goroutines: 200 + i%20, Files: 90 + i%10}
		}, true},
		"warming": {func(i int) load.Sample {
			return load.Sample{Resident: int64(min(40+i*4, 140)) << 20, Goroutines: 200, Files: 90}
		}, true},
		"memory":     {func(i int) load.Sample { return load.Sample{Resident: int64(100+i) << 20, Goroutines: 200, Files: 90} }, false},
		"goroutines": {func(i int) load.Sample { return load.Sample{Resident: 100 << 20, Goroutines: 200 + i, Files: 90} }, false},
		"files":      {func(i int) load.Sample { return load.Sample{Resident: 100 << 20, Goroutines: 200, Files: 90 + i} }, false},
	} {
		var samples []load.Sample
		const n = 200
		for i := range n {
			s := tc.at(i)
			s.Seconds = float64(i)
			samples = append(samples, s)
		}
		verdicts, flat := judge(samples, n)
		if flat != tc.flat || len(verdicts) != 3 {
			t.Errorf("%s: %v %q", name, flat, verdicts)
		}
	}
	if verdicts, _ := judge(nil, 10); len(verdicts) != 1 {
		t.Errorf("nothing sampled: %q", verdicts)
	}
}
