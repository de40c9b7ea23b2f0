package main

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is heard is written as letters, one a second: the feed is abcdef.
func TestJudge(t *testing.T) {
	t.Parallel()
	for heard, want := range map[string]verdict{
		"abcdef":       {},
		"abcde":        {Lost: 1},
		"bcdef":        {Lost: 1},
		"abdef":        {Lost: 1},
		"abdcef":       {OutOfOrder: 1},
		"abcabcdef":    {Repeated: 3},
		"abcdefcdef":   {Repeated: 4},
		"abcbcdef":     {Repeated: 2},
		"abcdbcef":     {Repeated: 2},                // what follows is new
		"abcdefacdef":  {Repeated: 5, OutOfOrder: 1}, // a hole within a repeat
		"abxcdef":      {Unknown: 1},
		"":             {Lost: 6},
		"abccdef":      {Repeated: 1},
		"abcdefabcdef": {Repeated: 6},
	} {
		t.Run(heard, func(t *testing.T) {
			t.Parallel()
			want.Expected, want.Heard = 6, len(heard)
			got := judge(letters("abcdef"), hearing(heard), func(time.Time, time.Time) bool { return true })
			if (got.First == "") != (want.Lost+want.OutOfOrder+want.Unknown == 0) {
				t.Errorf("in words: %q", got.First)
			}
			got.First, got.Course = "", ""
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// Equal notifications are taken for the one that is due.
func TestJudgeEqualNotifications(t *testing.T) {
	t.Parallel()
	never := func(time.Time, time.Time) bool { return false }
	if v := judge(letters("abaacaba"), hearing("abaacaba"), never); v.First != "" || v.Repeated != 0 {
		t.Errorf("%+v", v)
	}
	if v := judge(letters("aaaa"), hearing("aaa"), never); v.Lost != 1 {
		t.Errorf("%+v", v)
	}
}

// Whether a repeat is excused depends on when it was heard first, and again.
func TestJudgeExcuses(t *testing.T) {
	t.Parallel()
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	v := judge(letters("abcdef"), hearing("abcbcdef"), func(first, again time.Time) bool { return first.Equal(at(2)) && again.Equal(at(4)) })
	if want := "00:00:01.000 0-2, 00:00:04.000 1-5"; v.Course != want {
		t.Errorf("the course was %q, want %q", v.Course, want)
	}
	if v.Repeated != 2 || v.Unexcused != 1 || !strings.Contains(v.First, "notification 2") {
		t.Errorf("%+v", v)
	}
}

// However often something is sent again from a place before, nothing is lost and nothing out of order.
func TestJudgeRepeats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		feed := make([]sum, rapid.IntRange(1, 40).Draw(t, "length"))
		for i := range feed {
			feed[i] = sum(i)
		}
		var heard []receipt
		repeated := 0
		for next, most := 0, 0; most < len(feed); most = max(most, next) {
			for range rapid.IntRange(1, 8).Draw(t, "run") {
				if next < len(feed) {
					heard = append(heard, receipt{feed[next], time.Unix(int64(len(heard)+1), 0)})
					if next < most {
						repeated++
					}
					next++
					most = max(most, next)
				}
			}
			if most < len(feed) {
				next -= rapid.IntRange(0, next).Draw(t, "back")
			}
		}
		v := judge(feed, heard, func(time.Time, time.Time) bool { return true })
		if v.Lost+v.OutOfOrder+v.Unknown != 0 || v.Repeated != repeated {
			t.Fatalf("%+v, with %d repeated", v, repeated)
		}
	})
}

// The order of members is the library's affair; what they say is not.
func TestSumOf(t *testing.T) {
	t.Parallel()
	a, err := sumOf([]byte(`{"a":1,"b":[2,{"c":"é","d":null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := sumOf([]byte(`{ "b":[2,{"d":null,"c":"\u00e9"}], "a":1 }`)); a != b {
		t.Error("the same differs")
	}
	if b, _ := sumOf([]byte(`{"a":1,"b":[{"c":"é","d":null},2]}`)); a == b {
		t.Error("what differs is the same")
	}
	if _, err := sumOf([]byte(`{`)); err == nil {
		t.Error("that is no JSON")
	}
}

func letters(s string) []sum {
	sums := make([]sum, len(s))
	for i := range s {
		sums[i] = sum(s[i])
	}
	return sums
}

func hearing(s string) []receipt {
	heard := make([]receipt, len(s))
	for i := range s {
		heard[i] = receipt{sum(s[i]), time.Unix(int64(i+1), 0)}
	}
	return heard
}
