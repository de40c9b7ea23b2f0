package agent

import (
	"testing"
	"time"
)

// TestTally follows an agent over midnight (agent-api 6.4): counts begin anew, in the server's time zone; times that go on count from midnight.
func TestTally(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, zone) }
	minutes := func(n int64) int64 { return n * 60e6 }
	var s State
	operate := func(op string, now time.Time) {
		t.Helper()
		next, _, err := s.Operate(Chat, op, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		s = next.Timed(now)
	}
	want := func(when time.Time, loggedIn, ready int64, handled int) {
		t.Helper()
		got := s.Tally.Until(when)
		if got.LoggedIn != minutes(loggedIn) || got.Ready != minutes(ready) || got.Handled != handled || !got.LoggedInSince.IsZero() {
			t.Errorf("at %v: %+v; want %d and %d minutes, %d handled", when, got, loggedIn, ready, handled)
		}
	}
	want(at(11, 20, 0), 0, 0, 0)
	s, _ = s.LogIn([]string{Chat}, NotReady, at(11, 22, 0))
	s = s.Timed(at(11, 22, 0))
	operate(OpReady, at(11, 22, 10))
	s.Tally = s.Tally.Plus(Tally{Handled: 1, Handling: 5}, at(11, 22, 15))
	s.Tally = s.Tally.Plus(Tally{Handled: 1, Handling: 7, Offered: 1, Accepted: 2, Rejected: 3, Missed: 4, Transferred: 5}, at(11, 22, 16))
	if got := s.Tally; got.Handling != 12 || got.Offered != 1 || got.Accepted != 2 || got.Rejected != 3 || got.Missed != 4 || got.Transferred != 5 {
		t.Errorf("%+v", got)
	}
	operate(OpDoNotDisturbOn, at(11, 22, 20)) // nothing is offered to her
	operate(OpReady, at(11, 22, 25))
	want(at(11, 22, 30), 30, 10, 2)
	operate(OpDoNotDisturbOff, at(11, 23, 50))
	want(at(11, 23, 59), 119, 19, 2)
	want(at(12, 0, 30), 30, 30, 0) // 23:30 UTC, on the day before
	operate(OpReady, at(12, 1, 0)) // changes nothing
	operate(OpNotReady, at(12, 2, 0))
	want(at(12, 3, 0), 180, 120, 0)
	s, _ = s.LogOut(at(12, 4, 0))
	s = s.Timed(at(12, 4, 0))
	want(at(12, 9, 0), 240, 120, 0)
	want(at(13, 9, 0), 0, 0, 0)
	if stopped := s.Tally; stopped != s.Timed(at(12, 10, 0)).Tally {
		t.Error("what has ended ended again")
	}
	s, _ = s.LogIn([]string{Chat}, NotReady, at(14, 9, 0))
	s = s.Timed(at(14, 9, 0))
	want(at(14, 8, 0), 0, 0, 0) // a clock that was set back
}
