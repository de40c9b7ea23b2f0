package chat

// Workbins (agent-api 6.9): a chat that is over for the customer can be put aside, and is nobody's until somebody pulls it and finishes it.

// What agents do with workbins. Both happen at addresses of their own, so they are in no list of capabilities; who sees which workbin is the caller's matter.
type (
	// AddChat puts a chat that is the agent's into a workbin.
	AddChat struct {
		Workbin string // id
		SaveLAR bool
	}
	// PullChat takes a chat out of a workbin, for the agent to wrap up.
	PullChat struct {
		Workbin string // id
	}
)

// Operation is the operationName on the wire.
func (AddChat) Operation() Operation { return "AddChat" }

// Operation is the operationName on the wire.
func (PullChat) Operation() Operation { return "PullChat" }

// What may happen with workbins.
type (
	// Binned puts the chat into a workbin.
	Binned struct {
		Workbin string `json:"workbin"`        // id
		By      string `json:"by"`             // user id
		RefID   int64  `json:"refId,omitzero"` // of her request
	}
	// Unbinned takes it out.
	Unbinned struct {
		Workbin string `json:"workbin"`
		By      string `json:"by"`
		RefID   int64  `json:"refId,omitzero"`
	}
)

// The stored names of these.
const (
	KindBinned   Kind = "binned"
	KindUnbinned Kind = "unbinned"
)

// Kind implements [Body].
func (Binned) Kind() Kind { return KindBinned }

// Kind implements [Body].
func (Unbinned) Kind() Kind { return KindUnbinned }

// Aside is what is shown of a chat that lies in a workbin, or has just left it: finished for whoever put it there, with its data (agent-api 6.9).
func (s State) Aside() Resource { return s.view("", Seat{State: Completed}) }

// addChat puts the chat aside, if it is over for the customer and nobody works on it but this agent. Supervisors do not keep it: they are dismissed.
func (d *draft) addChat(a AddChat) error {
	userID := d.actor.UserID
	seat := d.Seats[userID]
	me, in := d.participant(userID)
	_, customer := d.Customer()
	switch {
	case !seat.Live():
		return Refuse(ErrNotFound, "you have no such chat")
	case in && !me.serves():
		return Refuse(ErrNotAllowed, "a chat is put aside by who serves its customer, not by %s", seat.who())
	case seat.State == Invited || customer:
		return Refuse(ErrState, "the chat goes on for its customer: it can be put aside when that is over, as after Leave")
	case d.shared(userID):
		return Refuse(ErrState, "another agent is in the chat")
	}
	d.stepOut(userID, CauseBinned)
	d.add(SeatChanged{UserID: userID, State: Completed, Cause: CauseBinned, RefID: d.refID, SaveLAR: a.SaveLAR})
	d.dismissHidden(CauseBinned)
	d.add(Binned{Workbin: a.Workbin, By: userID, RefID: d.refID})
	return nil
}

// shared tells whether others than supervisors have the chat too.
func (s State) shared(userID string) bool {
	for other, seat := range s.Seats {
		if other != userID && seat.Role != Supervisor {
			return true
		}
	}
	return false
}

// pullChat gives the chat to the agent to wrap up. As every chat that comes to an agent it is first offered to her (agent-api 2.5).
func (d *draft) pullChat(a PullChat) error {
	userID := d.actor.UserID
	if d.Workbin == "" || d.Workbin != a.Workbin {
		return Refuse(ErrNotFound, "there is no such chat in this workbin")
	}
	d.add(Unbinned{Workbin: a.Workbin, By: userID, RefID: d.refID})
	d.add(Offered{UserID: userID, Role: Owner, RefID: d.refID})
	d.add(SeatChanged{UserID: userID, State: LeftChat, Cause: CausePulled})
	return nil
}
