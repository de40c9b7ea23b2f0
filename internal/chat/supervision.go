package chat

// Mode is how a supervisor takes part in a chat, in the wire's words (agent-api 6.8). Her visibility follows from it, and it from her visibility.
type Mode string

const (
	Monitor Mode = "Monitor" // listens: only supervisors see her
	Coach   Mode = "Coach"   // talks with the agents: the customer does not see her
	BargeIn Mode = "BargeIn" // talks with everybody
)

// Visibility returns what those in this mode have; "" if there is no such mode.
func (m Mode) Visibility() Visibility {
	switch m {
	case Monitor:
		return VisibleToSupervisors
	case Coach:
		return VisibleToAgents
	case BargeIn:
		return VisibleToAll
	}
	return ""
}

// mode of a supervisor.
func (s Seat) mode() Mode {
	switch s.Visibility {
	case VisibleToSupervisors:
		return Monitor
	case VisibleToAgents:
		return Coach
	}
	return BargeIn
}

// keepsMode is the switch to the mode that a supervisor is in: hers to use, but not now. "" for everybody else.
func (s Seat) keepsMode() Operation {
	if s.Role != Supervisor {
		return ""
	}
	return "SwitchTo" + Operation(s.mode())
}

// intrudes tells whether a supervisor is invited because she wants to join.
func (s Seat) intrudes() bool { return s.State == Invited && s.Role == Supervisor }

// hidden tells whether the agents do not know of her: she listens, or has not joined yet.
func (s Seat) hidden() bool {
	return s.intrudes() || s.State == Chatting && s.Visibility == VisibleToSupervisors
}

// sees tells whether she may see a participant or a message of a visibility (agent-api 5.2.3).
func (s Seat) sees(v Visibility) bool { return v != VisibleToSupervisors || s.Oversees }

// intrude invites a supervisor to a running chat, at her own wish (agent-api 6.8).
func (d *draft) intrude(a Intrude) error {
	if !d.watchable(a.Watched) {
		return Refuse(ErrNotFound, "this agent is not in the chat")
	}
	if d.Seats[d.actor.UserID].Live() {
		return Refuse(ErrState, "you have this chat already; in it, there are SwitchToMonitor, SwitchToCoach and SwitchToBargeIn")
	}
	if _, in := d.Customer(); !in {
		return Refuse(ErrState, "the chat is over for the customer")
	}
	switch {
	case a.Mode == "":
		return Refuse(ErrMissing, "supervisorVisibilityMode is needed: %s, %s or %s", Monitor, Coach, BargeIn)
	case a.Mode.Visibility() == "":
		return Refuse(ErrInvalid, "supervisorVisibilityMode must be %s, %s or %s", Monitor, Coach, BargeIn)
	}
	d.add(Offered{
		UserID: d.actor.UserID, Role: Supervisor, Visibility: a.Mode.Visibility(), Deadline: deadline(a.Deadline), RefID: d.refID,
	})
	return nil
}

// supervise brings in a supervisor who monitors an agent: she does not have to accept (agent-api 6.8).
func (d *draft) supervise(a Supervise) {
	_, customer := d.Customer()
	if !customer || !d.watchable(a.Watched) || d.Seats[a.UserID].Live() || a.Mode.Visibility() == "" {
		return
	}
	d.add(Offered{UserID: a.UserID, Role: Supervisor, Visibility: a.Mode.Visibility()})
	d.add(SeatChanged{UserID: a.UserID, State: Chatting, Cause: CauseAccepted})
	d.join(a.UserID, a.Nickname, a.ParticipantID, d.Seats[a.UserID])
}

// watchable tells whether an agent is in whom a supervisor may watch. Supervisors do not watch each other.
func (d *draft) watchable(userID string) bool {
	p, in := d.participant(userID)
	return in && p.Role != Supervisor
}

// switchTo gives a supervisor who is in another mode (agent-api 6.8).
func (d *draft) switchTo(me Participant, m Mode) {
	was := me.Visibility
	me.Visibility = m.Visibility()
	if typing, ok := d.Typing[me.ID]; ok && me.atMost(typing.Visibility) != typing.Visibility {
		// Those to whom she types do not see her any more.
		before := me
		before.Visibility = was
		d.add(TypingEnded{From: before, Visibility: typing.Visibility})
	}
	if me.Visibility == VisibleToAll && me.Number == 0 {
		me.Number = d.nextNumber()
	}
	d.add(ModeSwitched{Participant: me, Was: was})
}
