package chat

import (
	"slices"
	"strings"
)

// The lists of agent-api 3.5, in their documented order. They are shared and never change.
var (
	whenInvited = []Operation{OpAccept, OpReject}
	// No other agent is there.
	whenAlone = []Operation{
		OpTransfer, OpLeave, OpInvite, OpConsult, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData,
		OpComplete, OpSendMessage, OpSendURL, OpSendStartTypingNotification, OpSendStopTypingNotification, OpSendCustomNotice,
	}
	// Conference, or consultation seen by who asked.
	whenTogether = []Operation{
		OpTransfer, OpLeave, OpInvite, OpConsult, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData,
		OpSendToAgents, OpSendStartTypingToAgentsNotification, OpSendStopTypingToAgentsNotification,
		OpComplete, OpSendMessage, OpSendURL, OpSendStartTypingNotification, OpSendStopTypingNotification, OpSendCustomNotice,
		OpSendCustomNoticeToAgents, OpRemoveParticipantFromConference,
	}
	whenConsulted = []Operation{
		OpLeave, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData,
		OpSendToAgents, OpSendStartTypingToAgentsNotification, OpSendStopTypingToAgentsNotification, OpSendCustomNoticeToAgents,
	}
	// The customer has gone.
	whenAloneWithoutCustomer = []Operation{
		OpLeave, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData, OpComplete,
	}
	whenTogetherWithoutCustomer = []Operation{
		OpLeave, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData,
		OpSendToAgents, OpSendStartTypingToAgentsNotification, OpSendStopTypingToAgentsNotification, OpComplete, OpSendCustomNoticeToAgents,
	}
	whenMonitoring = []Operation{
		OpLeave, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData, OpSwitchToCoach, OpSwitchToBargeIn,
	}
	whenCoaching = []Operation{
		OpLeave, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData,
		OpSendToAgents, OpSendStartTypingToAgentsNotification, OpSendStopTypingToAgentsNotification, OpSwitchToMonitor, OpSwitchToBargeIn,
	}
	whenBargedIn = []Operation{
		OpLeave, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData, OpTransfer, OpInvite, OpConsult,
		OpSendToAgents, OpSendStartTypingToAgentsNotification, OpSendStopTypingToAgentsNotification,
		OpSendMessage, OpSendStartTypingNotification, OpSendStopTypingNotification, OpSwitchToMonitor, OpSwitchToCoach,
	}
	whenBargedInWithoutCustomer = []Operation{
		OpLeave, OpSetInFocus, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData,
		OpSendToAgents, OpSendStartTypingToAgentsNotification, OpSendStopTypingToAgentsNotification, OpSwitchToMonitor, OpSwitchToCoach,
	}
	whenWrappingUp = []Operation{
		OpSetInFocus, OpComplete, OpSetDisposition, OpAttachUserData, OpDeleteUserData, OpUpdateUserData,
	}
)

// View returns what an agent sees of the chat. Without a live projection its State is empty, and it is not to be shown.
// The slices and the map of a Resource are shared with the State; they must not be changed.
func (s State) View(userID string) Resource { return s.view(userID, s.Seats[userID]) }

func (s State) view(userID string, seat Seat) Resource {
	return Resource{
		ID: s.ID, State: seat.State,
		Capabilities: s.capabilities(userID, seat),
		Participants: s.seenBy(userID, seat),
		UserData:     s.UserData,
		ReceivedAt:   s.ReceivedAt,
		Queue:        s.Queue,
	}
}

// capabilities is the one place that knows what an agent may do (agent-api 3.5).
func (s State) capabilities(userID string, seat Seat) []Operation {
	switch seat.State {
	case Invited:
		return whenInvited
	case LeftChat, JoinFailed:
		return whenWrappingUp
	case Chatting:
	default:
		return nil
	}
	_, customer := s.Customer()
	switch seat.Role {
	case Consulted:
		return whenConsulted
	case Supervisor:
		if seat.Visibility == VisibleToAll && !customer {
			return whenBargedInWithoutCustomer
		}
		return seat.allowed()
	case Owner, Member:
		switch together := s.company(userID); {
		case customer && together:
			return whenTogether
		case customer:
			return whenAlone
		case together:
			return whenTogetherWithoutCustomer
		}
		return whenAloneWithoutCustomer
	}
	return nil
}

// company tells whether another agent is there to talk to. A supervisor who only listens is nobody's company (agent-api 3.5).
func (s State) company(userID string) bool {
	return slices.ContainsFunc(s.Participants, func(p Participant) bool {
		return p.Type == Agent && p.UserID != userID && p.Visibility != VisibleToSupervisors
	})
}

// seenBy returns the participants whom an agent sees: none before she is in and after she has left (agent-api 3.1, 5.2.3).
func (s State) seenBy(userID string, seat Seat) []Participant {
	if _, in := s.participant(userID); !in || seat.State != Chatting {
		return nil
	}
	hidden := func(p Participant) bool { return !seat.sees(p.Visibility) }
	if !slices.ContainsFunc(s.Participants, hidden) {
		return s.Participants
	}
	return slices.DeleteFunc(slices.Clone(s.Participants), hidden)
}

// permit refuses an operation that an agent may not do now, with statusCode 3 if her role forbids it whatever the state, else 2 (agent-api 3.5).
func (s State) permit(userID string, seat Seat, op Operation) error {
	now := s.capabilities(userID, seat)
	if slices.Contains(now, op) {
		return nil
	}
	names := make([]string, len(now))
	for i, o := range now {
		names[i] = string(o)
	}
	possible := strings.Join(names, ", ")
	if !slices.Contains(seat.allowed(), op) && !slices.Contains(whenInvited, op) && op != seat.keepsMode() {
		return Refuse(ErrNotAllowed, "%s is not for %s; possible now: %s", op, seat.who(), possible)
	}
	return Refuse(ErrState, "%s is not possible while %s; possible now: %s", op, seat.State, possible)
}

// allowed is all that a role ever allows, whatever the state of the chat; taking and rejecting invitations apart. A supervisor's mode is part of her role
// (agent-api 3.5, 4.4).
func (s Seat) allowed() []Operation {
	switch {
	case s.Role == Consulted:
		return whenConsulted
	case s.Role != Supervisor:
		return whenTogether
	case s.Visibility == VisibleToSupervisors:
		return whenMonitoring
	case s.Visibility == VisibleToAgents:
		return whenCoaching
	}
	return whenBargedIn
}

// who says in what role an agent is, for refusals.
func (s Seat) who() string {
	switch s.Role {
	case Consulted:
		return "a consulted agent"
	case Supervisor:
		return "a supervisor in mode " + string(s.mode())
	}
	return "an agent who is in the chat to serve"
}
