package customerapi

import (
	"strconv"
	"testing"
)

// The table of 1.9.
func TestSpanOf(t *testing.T) {
	t.Parallel()
	none := span{none: true}
	for _, tt := range []struct {
		position    string
		poll, other span
	}{
		{"1", span{from: 1}, span{from: 1}},
		{"17", span{from: 17}, span{from: 17}},
		{" 17 ", span{from: 17}, span{from: 17}},
		{"0", none, none},
		{"", span{from: 1}, none},
		{"-1", span{from: -1}, none},
		{"-5", span{from: -5}, none},
		{"x", span{from: 1}, none},
		{"1.5", span{from: 1}, none},
		{"9223372036854775808", span{from: 9223372036854775807}, span{from: 9223372036854775807}},
		{"-9223372036854775809", span{from: -9223372036854775808}, none},
	} {
		if got := spanOf(tt.position, true); got != tt.poll {
			t.Errorf("poll from %q: %+v", tt.position, got)
		}
		if got := spanOf(tt.position, false); got != tt.other {
			t.Errorf("another operation from %q: %+v", tt.position, got)
		}
	}
}

func FuzzSpanOf(f *testing.F) {
	for _, s := range []string{"", "0", "1", "-1", "x", "1e9", "+7", "99999999999999999999", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, position string) {
		poll, other := spanOf(position, true), spanOf(position, false)
		if n, err := strconv.ParseInt(position, 10, 64); err == nil && n > 0 && (poll.from != n || other.from != n) {
			t.Errorf("%q: %+v and %+v", position, poll, other)
		}
		if poll.from == 0 && !poll.none || other.from <= 0 && !other.none {
			t.Errorf("%q: %+v and %+v", position, poll, other)
		}
	})
}
