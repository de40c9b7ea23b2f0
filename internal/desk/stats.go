package desk

import (
	"context"
	"math"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
)

// Statistic is one figure of an agent's day, under its name on the wire (agent-api 6.4). Times are in seconds.
type Statistic struct {
	Name  string
	Value float64
}

// Statistics returns what an agent has done today, by the time zone of Settings.Zone. One who never logged in has done nothing.
func (d *Desk) Statistics(ctx context.Context, userID string) ([]Statistic, error) {
	s, err := d.Agent(ctx, userID)
	if err != nil {
		return nil, err
	}
	t := s.Tally.Until(d.local(now()))
	var average float64
	if t.Handled > 0 {
		average = math.Round(float64(t.Handling)/float64(t.Handled)/1e3) / 1e3
	}
	return []Statistic{
		{"AverageHandlingTime", average},
		{"ChatsOffered", float64(t.Offered)},
		{"ChatsAccepted", float64(t.Accepted)},
		{"ChatsRejected", float64(t.Rejected)},
		{"ChatsMissed", float64(t.Missed)},
		{"ChatsHandled", float64(t.Handled)},
		{"ChatsTransferred", float64(t.Transferred)},
		{"CurrentChats", float64(s.Load())},
		{"LoginTime", math.Floor(float64(t.LoggedIn) / 1e6)},
		{"ReadyTime", math.Floor(float64(t.Ready) / 1e6)},
	}, nil
}

// local is a time in the zone in which days are counted.
func (d *Desk) local(t time.Time) time.Time { return t.In(d.Settings.Zone) }

// scored is what an agent's tally counts of a change of her projection; last is the last event that moved it. What she pulls out of a workbin was counted
// when she, or whoever else put it there, had it first.
func scored(was, is chat.Seat, last chat.SeatChanged, at time.Time) (t agent.Tally) {
	has := func(s chat.Seat) bool { return s.Counts() && s.State != chat.Invited }
	if last.Cause != chat.CausePulled {
		t.Offered = one(is.Counts() && !was.Counts())
		t.Accepted = one(has(is) && !has(was))
	}
	if was.Counts() && !is.Live() {
		t.Rejected = one(last.Cause == chat.CauseRejected)
		t.Missed = one(last.Cause == chat.CauseTimedOut)
		t.Transferred = one(last.State == chat.Completed && (last.Cause == chat.CauseTransferred || last.Cause == chat.CauseRequeued))
		if !was.JoinedAt.IsZero() {
			t.Handled, t.Handling = 1, max(at.Sub(was.JoinedAt), 0).Microseconds()
		}
	}
	return t
}

func one(counts bool) int {
	if counts {
		return 1
	}
	return 0
}

// lastMove returns the last event that moved a user's projection.
func lastMove(events []chat.Event, userID string) (last chat.SeatChanged) {
	for _, e := range events {
		if b, ok := e.Body.(chat.SeatChanged); ok && b.UserID == userID {
			last = b
		}
	}
	return last
}
