package chat

import "slices"

// invite brings another agent into the conversation. One who is consulted becomes known to the customer at once (agent-api 4.9, 4.10).
func (d *draft) invite(userID string, a Invite) error {
	if err := oneTarget(a.UserID, a.Queue); err != nil {
		return err
	}
	if a.Queue != "" {
		return d.askQueue(userID, a.Queue, Member, a.Deadline)
	}
	if other, in := d.participant(a.UserID); in && a.UserID != userID && other.Role == Consulted {
		d.raise(other, Member)
		return nil
	}
	return d.ask(userID, a.UserID, Member, a.Deadline)
}

// raise makes a hidden agent visible to the customer: a second join of the same participant.
func (d *draft) raise(p Participant, role Role) {
	p.Visibility, p.Role = VisibleToAll, role
	if p.Number == 0 {
		p.Number = d.nextNumber()
	}
	d.add(Joined{Participant: p})
}

// remove takes another agent out (agent-api 4.11).
func (d *draft) remove(userID string, a RemoveParticipantFromConference) error {
	if a.UserID == "" {
		return Refuse(ErrMissing, "the agent to remove is needed")
	}
	if err := a.Farewell.Check(); err != nil {
		return err
	}
	switch other, in := d.participant(a.UserID); {
	case a.UserID == userID:
		return Refuse(ErrState, "the target is yourself; there is Leave")
	case !in || other.Visibility == VisibleToSupervisors:
		return Refuse(ErrNotFound, "this agent is not in the chat")
	}
	d.farewell(userID, a.Farewell)
	d.out(a.UserID, Completed, CauseRemoved, 0)
	d.succeed()
	return nil
}

// transfer hands the chat on (agent-api 4.8).
func (d *draft) transfer(userID string, a Transfer) error {
	if err := oneTarget(a.UserID, a.Queue); err != nil {
		return err
	}
	if a.UserID == "" && a.Queue == "" {
		return Refuse(ErrMissing, "a user or a queue is needed as the target")
	}
	if err := a.Farewell.Check(); err != nil {
		return err
	}
	for _, seat := range d.Seats {
		if seat.transfer() {
			return Refuse(ErrState, "another transfer of this chat is pending")
		}
	}
	if err := d.handedOn(); err != nil {
		return err
	}
	if a.Queue != "" {
		d.farewell(userID, a.Farewell)
		d.withdraw()
		d.out(userID, Completed, CauseRequeued, d.refID)
		d.dismissHidden(CauseRequeued)
		d.requeue(a.Queue)
		return nil
	}
	if err := d.target(userID, a.UserID); err != nil {
		return err
	}
	d.farewell(userID, a.Farewell)
	heir, in := d.participant(a.UserID)
	if !in {
		return d.ask(userID, a.UserID, Owner, a.Deadline)
	}
	d.withdraw()
	if heir.Visibility == VisibleToAll {
		d.add(OwnerChanged{UserID: a.UserID})
	} else {
		d.raise(heir, Owner)
	}
	d.out(userID, Completed, CauseTransferred, d.refID)
	return nil
}

// handedOn refuses to hand a chat on once more that goes round and round while nobody speaks to its customer (faults B9).
func (d *draft) handedOn() error {
	if d.Handovers >= MaxHandovers {
		return Refuse(ErrState, "the chat has been handed on %d times since an agent wrote to the customer: write to her first", d.Handovers)
	}
	return nil
}

// leave takes an agent out. The last one whom the customer sees closes the chat for her, and keeps it to wrap up, unless it waits for another agent
// (agent-api 4.6).
func (d *draft) leave(userID string, f Farewell) error {
	if err := f.Check(); err != nil {
		return err
	}
	d.farewell(userID, f)
	me, _ := d.participant(userID)
	others := slices.ContainsFunc(d.Participants, func(p Participant) bool { return p.serves() && p.UserID != userID })
	if !me.serves() || others {
		d.out(userID, Completed, CauseLeft, d.refID)
		d.succeed()
		return nil
	}
	if d.Waiting != nil {
		d.out(userID, Completed, CauseLeft, d.refID)
		d.dismissHidden(CauseLeft)
		d.requeue(d.Queue)
		return nil
	}
	d.out(userID, LeftChat, CauseLeft, d.refID)
	d.dismissHidden(CauseLeft)
	d.end(CauseLeft)
	return nil
}

// complete finishes the interaction for everybody, or takes everybody off it and puts it into a queue (agent-api 4.7).
func (d *draft) complete(userID string, a Complete) error {
	if err := a.Farewell.Check(); err != nil {
		return err
	}
	if a.Queue != "" {
		if err := d.handedOn(); err != nil {
			return err
		}
	}
	d.farewell(userID, a.Farewell)
	d.endAsk(CauseCompleted)
	d.stepOut(userID, CauseCompleted)
	d.add(SeatChanged{UserID: userID, State: Completed, Cause: CauseCompleted, RefID: d.refID, SaveLAR: a.SaveLAR})
	for _, other := range d.users() {
		d.stepOut(other, CauseCompleted)
		d.add(SeatChanged{UserID: other, State: Revoked, Cause: CauseCompleted})
	}
	if a.Queue != "" {
		d.requeue(a.Queue)
	} else {
		d.end(CauseCompleted)
	}
	return nil
}

// dropAgent takes out an agent whose contact-centre session has ended. The customer stays: with the other agents, or in the queue (agent-api 2.6).
func (d *draft) dropAgent(userID string) {
	if !d.Seats[userID].Live() {
		return
	}
	me, in := d.participant(userID)
	d.out(userID, Revoked, CauseLoggedOut, 0)
	switch {
	case !in || !me.serves():
	case d.served():
		d.succeed()
	default:
		d.dismissHidden(CauseLoggedOut)
		if _, customer := d.Customer(); customer {
			d.requeue(d.Queue)
		}
	}
}

// out takes an agent out of the chat, and what she has asked of others with her: an invitation ends when its owner goes (agent-api 3.4).
func (d *draft) out(userID string, to ViewState, cause Cause, refID int64) {
	d.stepOut(userID, cause)
	d.add(SeatChanged{UserID: userID, State: to, Cause: cause, RefID: refID})
	if d.Asking != nil && d.Asking.By == userID {
		d.endAsk(CauseTakenBack)
	}
	for _, invited := range d.users() {
		if seat := d.Seats[invited]; seat.State == Invited && seat.InvitedBy == userID {
			d.add(SeatChanged{UserID: invited, State: Revoked, Cause: CauseTakenBack})
		}
	}
}

// stepOut takes an agent out of the conversation, if she is in.
func (d *draft) stepOut(userID string, cause Cause) {
	if p, in := d.participant(userID); in {
		d.add(Left{Participant: p, Cause: cause})
	}
}

// dismissHidden takes out who is there, or about to come, only because of agents who serve the customer (agent-api 4.6, 4.8, 6.8).
func (d *draft) dismissHidden(cause Cause) {
	for _, userID := range d.users() {
		p, in := d.participant(userID)
		if in && !p.serves() || d.Seats[userID].intrudes() {
			d.out(userID, Revoked, cause, 0)
		}
	}
}

// served tells whether an agent is left whom the customer sees.
func (d *draft) served() bool { return slices.ContainsFunc(d.Participants, Participant.serves) }

// succeed gives a chat without an owner to the agent who joined first, unless it waits for one (agent-api 4.6).
func (d *draft) succeed() {
	owned := slices.ContainsFunc(d.Participants, func(p Participant) bool { return p.Role == Owner })
	first := slices.IndexFunc(d.Participants, Participant.serves)
	if d.Waiting == nil && !owned && first >= 0 {
		d.add(OwnerChanged{UserID: d.Participants[first].UserID})
	}
}

// requeue lets the chat wait in a queue, at the place that its customer's arrival gives it.
func (d *draft) requeue(queue string) {
	d.endAsk(CauseRequeued)
	d.add(Queued{Queue: queue, Since: d.ReceivedAt})
}

// end closes the chat for the customer, if it is not over already.
func (d *draft) end(cause Cause) {
	if _, in := d.Customer(); in {
		d.add(Ended{Cause: cause})
	}
}
