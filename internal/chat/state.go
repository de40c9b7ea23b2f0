package chat

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// State is what the log of a chat amounts to. It is a value: Apply gives the next one and never changes what this one refers to, so that
// snapshots may be shared between goroutines. The zero State, with an ID, is a chat that has not begun.
type State struct {
	ID, Service string
	Seq         int64     // of the last event
	LastIndex   int64     // highest transcript index so far
	At          time.Time // of the last event
	ReceivedAt  time.Time // when the customer came
	EndedAt     time.Time // when it was over for the customer; zero while it goes on
	Phase       Phase
	Queue       string // id of the queue the chat is in or came from
	// Waiting is the chat's place in its queue; nil: it waits for nobody. A chat that is offered keeps its place, but is not to be offered
	// to another agent meanwhile: [State.OpenOffer].
	Waiting *Place
	Workbin string // id of the workbin in which the chat lies; "": in none (agent-api 6.9)
	Asking  *Ask   // an agent who is in asks for a colleague through a queue; nil: nobody does
	// Seats are the live projections, by user id: agents who are invited or in, or who have still to wrap up.
	Seats map[string]Seat
	// Participants are in the chat now, in the order of joining.
	Participants []Participant
	UserData     UserData
	Handovers    int               // how often the chat was handed on since an agent last wrote to the customer
	Typing       map[string]Typing // by participant id

	customer Participant     // also after she has left
	numbers  int             // customer-side numbers given so far (customer-api 7.3)
	paces    map[string]pace // by participant id
	said     int             // size of the transcript, in the bytes of MaxTranscript
	preview  string          // what the agents were last shown of the customer's typing
}

// Place is where a chat waits.
type Place struct {
	Queue string    // id
	Since time.Time // arrival of the customer, kept through rejects, time-outs and requeues
}

// Seat is an agent's live projection of a chat.
type Seat struct {
	State         ViewState
	Role          Role       // while invited: the one she will have
	Visibility    Visibility // while invited: the one she will have
	Oversees      bool       // she came as a supervisor, and sees what supervisors see, whatever has become of her
	ParticipantID string
	Nickname      string
	JoinedAt      time.Time // when she first joined; zero: she has not
	OfferSeq      int64     // number of the event that invited her
	OfferDeadline time.Time // zero: none
	InvitedBy     string    // user id of the agent who transfers, consults or invites; "": routing
	RefID         int64     // of the inviter's request
	Through       string    // id of the queue through which InvitedBy asks for a colleague; "": she was named
}

// Typing is a typing state that goes on.
type Typing struct {
	Since      time.Time // of its last renewal
	Visibility Visibility
}

// pace is when a participant last wrote events of the kinds that are limited to one per second (architecture: typing).
type pace struct{ start, stop, preview time.Time }

// Live tells whether there is a projection that its agent sees and gets notifications of (agent-api 2.5).
func (s Seat) Live() bool { return s.State.live() }

func (v ViewState) live() bool {
	switch v {
	case Invited, Chatting, LeftChat, JoinFailed:
		return true
	}
	return false
}

// Counts tells whether the chat counts against the agent's capacity. Consultations and supervision do not (agent-api 4.0).
func (s Seat) Counts() bool { return s.Live() && (s.Role == Owner || s.Role == Member) }

// routed tells whether she is invited by routing, not by another agent or as a supervisor.
func (s Seat) routed() bool { return s.State == Invited && s.InvitedBy == "" && s.Role != Supervisor }

// transfer tells whether she is invited to take the chat over from another agent.
func (s Seat) transfer() bool { return s.State == Invited && s.InvitedBy != "" && s.Role == Owner }

// Customer returns the customer as she is, or as she was when she left; in: the chat is not over for her. Before Start there is none.
func (s State) Customer() (p Participant, in bool) {
	return s.customer, s.customer.ID != "" && s.EndedAt.IsZero()
}

// OpenOffer returns the agent to whom routing has offered the chat and who has not answered yet.
func (s State) OpenOffer() (userID string, seat Seat, ok bool) {
	for userID, seat := range s.Seats {
		if seat.routed() {
			return userID, seat, true
		}
	}
	return "", Seat{}, false
}

// Replay returns the state that the log of a chat amounts to.
func Replay(id string, events []Event) State {
	s := State{ID: id}
	for _, e := range events {
		s = s.Apply(e)
	}
	return s
}

// Apply returns the state after an event. It accepts any event: one of an unknown kind, or about somebody who is not there, only counts.
func (s State) Apply(e Event) State {
	s.Seq, s.At = e.Seq, e.At
	s.LastIndex = max(s.LastIndex, e.Index)
	s.said += cost(e.Body)
	switch b := e.Body.(type) {
	case Started:
		s.Service, s.Queue, s.ReceivedAt, s.UserData = b.Service, b.Queue, e.At, b.UserData
		s.Phase, s.Waiting = Waiting, &Place{Queue: b.Queue, Since: e.At}
	case Joined:
		return s.joined(b.Participant)
	case Left:
		if b.Cause == CauseTransferred {
			s.Handovers++
		}
		return s.left(b.Participant)
	case MessageSent:
		s.Typing = without(s.Typing, b.From.ID)
		if b.From.ID == s.customer.ID {
			s.preview = ""
		}
		if b.From.Type == Agent && b.Visibility == VisibleToAll && !b.Farewell {
			s.Handovers = 0
		}
	case TypingBegan:
		s.Typing = with(s.Typing, b.From.ID, Typing{Since: e.At, Visibility: b.Visibility})
		p := s.paces[b.From.ID]
		p.start = e.At
		if b.Preview != "" {
			s.preview, p.preview = b.Preview, e.At
		}
		s.paces = with(s.paces, b.From.ID, p)
	case TypingEnded:
		s.Typing = without(s.Typing, b.From.ID)
		p := s.paces[b.From.ID]
		p.stop = e.At
		s.paces = with(s.paces, b.From.ID, p)
	case PreviewShown:
		p := s.paces[b.From.ID]
		p.preview, s.preview = e.At, b.Preview
		s.paces = with(s.paces, b.From.ID, p)
	case Queued:
		s.Queue, s.Waiting = b.Queue, &Place{Queue: b.Queue, Since: b.Since}
		if e.Actor.UserID != "" {
			s.Handovers++
		}
		if !slices.ContainsFunc(s.Participants, Participant.serves) {
			s.Phase = Waiting
		}
	case Offered:
		s.Seats = with(s.Seats, b.UserID, Seat{
			State: Invited, Role: b.Role, Visibility: cmp.Or(b.Visibility, b.Role.visibility()), OfferSeq: e.Seq, OfferDeadline: b.Deadline,
			InvitedBy: b.InvitedBy, RefID: b.RefID, Through: b.Through,
		})
	case ModeSwitched:
		return s.switched(b.Participant)
	case Asked:
		s.Asking = &Ask{Seq: e.Seq, By: b.UserID, Queue: b.Queue, Role: b.Role, Since: e.At, Until: b.Until, RefID: b.RefID}
	case AskEnded:
		s.Asking = nil
	case SeatChanged:
		return s.seated(b)
	case OwnerChanged:
		return s.owned(b.UserID)
	case DataChanged:
		s.UserData = s.UserData.changed(b)
	case Binned:
		s.Workbin, s.Phase = b.Workbin, WrapUp
	case Unbinned:
		s.Workbin = ""
	case Ended:
		s.EndedAt, s.Waiting = e.At, nil
		return s.left(s.customer)
	case Closed:
		s.Phase, s.Waiting = Finished, nil
	}
	return s
}

func (s State) joined(p Participant) State {
	s.numbers = max(s.numbers, p.Number)
	s.Participants = slices.Clone(s.Participants)
	if i := slices.IndexFunc(s.Participants, func(q Participant) bool { return q.ID == p.ID }); i >= 0 {
		s.Participants[i] = p
	} else {
		s.Participants = append(s.Participants, p)
	}
	switch p.Type {
	case Customer:
		s.customer = p
	case Agent:
		seat := s.Seats[p.UserID]
		is := Seat{
			State: Chatting, Role: p.Role, Visibility: p.Visibility, Oversees: seat.Oversees || p.Role == Supervisor,
			ParticipantID: p.ID, Nickname: p.Nickname, OfferSeq: seat.OfferSeq, JoinedAt: seat.JoinedAt,
		}
		if is.JoinedAt.IsZero() {
			is.JoinedAt = s.At
		}
		s.Seats = with(s.Seats, p.UserID, is)
		if p.serves() {
			s.Phase = Active
		}
		if p.Role == Owner {
			return s.owned(p.UserID)
		}
	}
	return s
}

func (s State) left(p Participant) State {
	s.Participants = slices.DeleteFunc(slices.Clone(s.Participants), func(q Participant) bool { return q.ID == p.ID })
	s.Typing, s.paces = without(s.Typing, p.ID), without(s.paces, p.ID)
	return s
}

// switched gives a supervisor who is in another visibility.
func (s State) switched(p Participant) State {
	i := slices.IndexFunc(s.Participants, func(q Participant) bool { return q.ID == p.ID })
	seat, ok := s.Seats[p.UserID]
	if i < 0 || !ok {
		return s
	}
	s.numbers = max(s.numbers, p.Number)
	s.Participants = slices.Clone(s.Participants)
	s.Participants[i] = p
	seat.Visibility = p.Visibility
	s.Seats = with(s.Seats, p.UserID, seat)
	return s
}

func (s State) seated(c SeatChanged) State {
	seat := s.Seats[c.UserID]
	seat.State = c.State
	if !seat.Live() {
		s.Seats = without(s.Seats, c.UserID)
		return s
	}
	s.Seats = with(s.Seats, c.UserID, seat)
	if c.State == LeftChat || c.State == JoinFailed {
		s.Phase, s.Waiting = WrapUp, nil
	}
	return s
}

// owned makes an agent who is in the only owner. A chat that has one waits for nobody.
func (s State) owned(userID string) State {
	if _, in := s.participant(userID); !in {
		return s
	}
	s.Waiting = nil
	s.Participants = slices.Clone(s.Participants)
	for i := range s.Participants {
		p := &s.Participants[i]
		switch {
		case p.Type == Agent && p.UserID == userID:
			p.Role = Owner
		case p.Role == Owner:
			p.Role = Member
		default:
			continue
		}
		if seat, ok := s.Seats[p.UserID]; ok {
			seat.Role = p.Role
			s.Seats = with(s.Seats, p.UserID, seat)
		}
	}
	return s
}

// participant returns an agent who is in.
func (s State) participant(userID string) (Participant, bool) {
	i := slices.IndexFunc(s.Participants, func(p Participant) bool { return p.Type == Agent && p.UserID == userID })
	if i < 0 {
		return Participant{}, false
	}
	return s.Participants[i], true
}

// serves tells whether she is an agent whom the customer sees and who keeps the chat alive. Supervisors do not, whatever their mode (agent-api 4.6).
func (p Participant) serves() bool {
	return p.Type == Agent && p.Role != Supervisor && p.Visibility == VisibleToAll
}

// with returns a copy of m in which k is v.
func with[V any](m map[string]V, k string, v V) map[string]V {
	next := make(map[string]V, len(m)+1)
	maps.Copy(next, m)
	next[k] = v
	return next
}

// without returns m if k is not in it, and else a copy without k.
func without[V any](m map[string]V, k string) map[string]V {
	if _, ok := m[k]; !ok {
		return m
	}
	next := maps.Clone(m)
	delete(next, k)
	return next
}
