package chat

import "time"

// offer is routing's invitation of an agent (agent-api 4.1).
func (d *draft) offer(a Offer) error {
	place, sought := d.Sought()
	switch {
	case !sought:
		return Refuse(ErrState, "the chat waits in no queue, or is offered to an agent already")
	case a.Queue != "" && a.Queue != place.Queue:
		return Refuse(ErrState, "the chat waits in another queue")
	case d.Seats[a.UserID].Live():
		return Refuse(ErrState, "user %s has the chat already", a.UserID)
	}
	offered := Offered{UserID: a.UserID, Role: Owner, Deadline: deadline(a.Deadline)}
	if ask := d.Asking; ask != nil {
		offered.Role, offered.InvitedBy, offered.RefID, offered.Through = ask.Role, ask.By, ask.RefID, ask.Queue
	}
	d.add(offered)
	return nil
}

// ask is an agent's invitation of another one, in the given role.
func (d *draft) ask(from, to string, role Role, until time.Time) error {
	if err := d.target(from, to); err != nil {
		return err
	}
	if d.Seats[to].Live() {
		return Refuse(ErrState, "this agent is in the chat already")
	}
	d.add(Offered{UserID: to, Role: role, InvitedBy: from, Deadline: deadline(until), RefID: d.refID})
	return nil
}

// target refuses an agent who cannot be asked for anything (agent-api 4.0).
func (d *draft) target(from, to string) error {
	switch {
	case to == "":
		return Refuse(ErrMissing, "a target is needed")
	case to == from:
		return Refuse(ErrState, "the target is yourself")
	case d.Seats[to].hidden():
		return Unavailable()
	case d.Seats[to].State == Invited:
		return Refuse(ErrState, "this agent is invited already")
	}
	return nil
}

// oneTarget refuses a user and a queue at once.
func oneTarget(userID, queue string) error {
	if userID != "" && queue != "" {
		return Refuse(ErrInvalid, "give a user or a queue as the target, not both")
	}
	return nil
}

// deadline is a time as the log keeps it.
func deadline(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// accept brings an invited agent in, or, if the customer has gone, gives her the interaction to wrap up (agent-api 4.2).
func (d *draft) accept(userID string, seat Seat, a Accept) error {
	if err := within("nickname", a.Nickname, MaxNickname); err != nil {
		return err
	}
	joined := SeatChanged{UserID: userID, State: Chatting, Cause: CauseAccepted, RefID: d.refID, SaveLAR: a.SaveLAR}
	if _, in := d.Customer(); !in {
		joined.State, joined.Cause = JoinFailed, CauseCustomerGone
		d.add(joined)
		return nil
	}
	d.add(joined)
	if seat.asked() {
		d.endAsk(CauseAccepted)
	}
	if seat.Role == Owner {
		d.withdraw()
	}
	d.join(userID, a.Nickname, a.ParticipantID, seat)
	if seat.transfer() {
		// The one who handed the chat over goes only now, so that it is never without an agent (agent-api 4.8).
		d.out(seat.InvitedBy, Completed, CauseTransferred, seat.RefID)
	}
	return nil
}

// join brings an agent in with the role and the visibility that her invitation gives her.
func (d *draft) join(userID, nickname, participantID string, seat Seat) {
	me := Participant{ID: participantID, Type: Agent, UserID: userID, Nickname: nickname, Visibility: seat.Visibility, Role: seat.Role}
	if me.Visibility == VisibleToAll {
		me.Number = d.nextNumber()
	}
	d.add(Joined{Participant: me})
}

// endOffer takes an invitation away that was not answered. If the agent has got another one since, this one is over.
func (d *draft) endOffer(a EndOffer) {
	seat := d.Seats[a.UserID]
	if seat.State != Invited || seat.OfferSeq != a.OfferSeq {
		return
	}
	cause := CauseTakenBack
	if a.Reason == OfferTimedOut {
		cause = CauseTimedOut
	}
	d.add(SeatChanged{UserID: a.UserID, State: Revoked, Cause: cause})
}

// withdraw takes routing's open offer back: the chat goes elsewhere.
func (d *draft) withdraw() {
	if userID, _, open := d.OpenOffer(); open {
		d.add(SeatChanged{UserID: userID, State: Revoked, Cause: CauseTakenBack})
	}
}
