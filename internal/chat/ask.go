package chat

import "time"

// Ask is an agent's wish for a colleague whom routing is to choose: Consult or Invite through a queue (agent-api 4.9, 4.10). A chat has one at a time, and
// none while it waits in a queue itself. Who is offered it, and does not want it, makes room for the next; it is over when somebody has accepted, when
// its time is up, or when nobody is left to whom it matters.
type Ask struct {
	Seq   int64     // number of the event that began it
	By    string    // user id
	Queue string    // id
	Role  Role      // that the colleague will have
	Since time.Time // for whose turn it is
	Until time.Time // zero: for ever
	RefID int64     // of the request
}

// Sought returns the place in a queue where an agent is looked for now: that of the chat, or of somebody in it who asks for a colleague. False if nobody is
// looked for, or somebody has been found who has not answered yet.
func (s State) Sought() (Place, bool) {
	for _, seat := range s.Seats {
		if seat.routed() || seat.asked() {
			return Place{}, false
		}
	}
	switch {
	case s.Waiting != nil:
		return *s.Waiting, true
	case s.Asking != nil:
		return Place{Queue: s.Asking.Queue, Since: s.Asking.Since}, true
	}
	return Place{}, false
}

// asked tells whether she is invited by another agent, through a queue.
func (s Seat) asked() bool { return s.State == Invited && s.Through != "" }

// consult asks another agent, unseen by the customer (agent-api 4.9).
func (d *draft) consult(userID string, a Consult) error {
	if err := oneTarget(a.UserID, a.Queue); err != nil {
		return err
	}
	if a.Queue != "" {
		return d.askQueue(userID, a.Queue, Consulted, a.Deadline)
	}
	return d.ask(userID, a.UserID, Consulted, a.Deadline)
}

// askQueue is an agent's invitation of whoever routing finds in a queue.
func (d *draft) askQueue(from, queue string, role Role, until time.Time) error {
	switch {
	case d.Waiting != nil:
		return Refuse(ErrState, "the chat waits in a queue itself: ask when an agent has come")
	case d.Asking != nil:
		return Refuse(ErrState, "a colleague is asked for through a queue already")
	}
	d.add(Asked{UserID: from, Queue: queue, Role: role, Until: deadline(until), RefID: d.refID})
	return nil
}

// endAsk ends the wish for a colleague, if there is one, and takes it back from whoever has not answered yet.
func (d *draft) endAsk(cause Cause) {
	if d.Asking == nil {
		return
	}
	d.add(AskEnded{Cause: cause})
	for _, userID := range d.users() {
		if d.Seats[userID].asked() {
			d.add(SeatChanged{UserID: userID, State: Revoked, Cause: CauseTakenBack})
		}
	}
}

// askTimeout ends a wish that nobody has met in time. If there has been another one since, this one is over.
func (d *draft) askTimeout(a AskTimeout) {
	if d.Asking != nil && d.Asking.Seq == a.Seq {
		d.endAsk(CauseTimedOut)
	}
}
