package adminapi

import (
	"cmp"
	"slices"
	"time"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/internal/store"
)

// state is how far a notification has come on its way to a session.
type state string

const (
	pending   state = "pending"   // it was not pushed yet: the client has not come for it
	pushed    state = "pushed"    // it was handed to the network, and it is not known whether it arrived
	lost      state = "lost"      // it did not arrive, or that is in doubt; it is pushed again when the client comes
	confirmed state = "confirmed" // it arrived
	missed    state = "missed"    // the session ended first, or unsubscribed: the client reads over REST what is of interest to it
)

// delivery is what became of a notification in one session. Times that are not known are absent.
type delivery struct {
	Session   string    `json:"session"` // its handle, as in the log
	State     state     `json:"state"`
	Transport string    `json:"transport,omitzero"` // of the last push
	Pushed    time.Time `json:"pushed,omitzero"`    // for the first time
	Pushes    int       `json:"pushes,omitzero"`
	Lost      time.Time `json:"lost,omitzero"` // for the last time
	Confirmed time.Time `json:"confirmed,omitzero"`
	Ended     time.Time `json:"ended,omitzero"` // the session, not the notification
}

// session is the record of one, made ready for many questions.
type session struct {
	store.SessionRecord
}

// newSession takes a session that has expired as ended, also if nobody has noted it yet.
func newSession(r store.SessionRecord, now time.Time) session {
	if r.Ended.IsZero() && !r.Expires.IsZero() && r.Expires.Before(now) {
		r.Ended = r.Expires
	}
	return session{r}
}

// delivery says what became of a notification. A session is concerned if it subscribed to it when it was queued, or when it was pushed.
func (s session) delivery(n notification) (d delivery, concerned bool) {
	d = delivery{Session: s.Handle, State: pending, Ended: s.Ended}
	for _, step := range s.Steps {
		if n.Number <= step.After || n.Number > step.To || !s.subscribes(n, step.At) {
			continue
		}
		concerned = true
		switch step.Kind {
		case string(bayeux.StepPushed):
			if d.Pushes++; d.Pushes == 1 {
				d.Pushed = step.At
			}
			d.Transport = step.Transport
			if d.State != confirmed {
				d.State = pushed
			}
		case string(bayeux.StepLost):
			d.Lost = step.At
			if d.State != confirmed {
				d.State = lost
			}
		case string(bayeux.StepConfirmed):
			if d.Confirmed.IsZero() {
				d.Confirmed = step.At
			}
			d.State, d.Transport = confirmed, cmp.Or(d.Transport, step.Transport)
		}
	}
	over := !s.Ended.IsZero()
	if !concerned && (over && s.Ended.Before(n.Queued) || !s.subscribes(n, n.Queued)) {
		return d, false
	}
	if waits := d.State == pending || d.State == lost; waits && (over || !s.stillSubscribes(n)) {
		d.State = missed
	}
	return d, true
}

// subscribes says whether the session subscribed to a notification at a time, which may be before it did: that is for the numbers to tell.
func (s session) subscribes(n notification, at time.Time) bool {
	return s.has(n, func(sub store.Subscription) bool { return sub.Until.IsZero() || at.Before(sub.Until) })
}

func (s session) stillSubscribes(n notification) bool {
	return s.has(n, func(sub store.Subscription) bool { return sub.Until.IsZero() })
}

func (s session) has(n notification, such func(store.Subscription) bool) bool {
	return slices.ContainsFunc(s.Subscriptions, func(sub store.Subscription) bool {
		return sub.After < n.Number && bayeux.Matches(sub.Channel, n.Topic) && such(sub)
	})
}
