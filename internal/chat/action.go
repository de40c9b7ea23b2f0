package chat

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Command is a wish to change a chat. What it needs of the world (ids, deadlines) comes with it.
type Command struct {
	Actor  Actor
	RefID  int64  // referenceId of the request; 0 where the operation has none (agent-api 1.6)
	Action Action // one type per operation
}

// Action is what a command wants done.
type Action interface{ Operation() Operation }

// Operation names an action. Those of agents are the wire's operationName (agent-api 4) and appear in capabilities.
type Operation string

// Farewell is the text which may go to the customer before an agent's way out (agent-api 4.0).
type Farewell struct {
	Text        string // "": none
	MessageType string
	TreatAs     string // "", "Normal" or "System"
}

// What agents do (agent-api 4.2 to 4.14).
type (
	// Accept takes an offer (4.2).
	Accept struct {
		Nickname      string // the desk fills in the user's name when the request has none
		SaveLAR       bool
		ParticipantID string // for the new participant
	}
	// Reject gives an offer back (4.3).
	Reject struct{}
	// SendMessage writes to everyone (4.4).
	SendMessage struct{ Text, MessageType, TreatAs string }
	// SendToAgents writes to the agents only (4.4).
	SendToAgents struct{ Text, MessageType, TreatAs string }
	// SendURL pushes an absolute http or https URL (4.4).
	SendURL struct{ URL string }
	// SendCustomNotice sends an application-defined notice to everyone (4.4).
	SendCustomNotice struct{ NoticeText string }
	// SendCustomNoticeToAgents is the same for agents only (4.4).
	SendCustomNoticeToAgents struct{ NoticeText string }
	// SendStartTypingNotification tells everyone that the agent types (4.4).
	SendStartTypingNotification struct{}
	// SendStopTypingNotification ends it (4.4).
	SendStopTypingNotification struct{}
	// SendStartTypingToAgentsNotification tells the agents only (4.4).
	SendStartTypingToAgentsNotification struct{}
	// SendStopTypingToAgentsNotification ends it (4.4).
	SendStopTypingToAgentsNotification struct{}
	// SetInFocus reports that the agent looks at this chat now (4.13).
	SetInFocus struct{}
	// AttachUserData adds pairs (4.12).
	AttachUserData struct{ UserData UserData }
	// UpdateUserData overwrites pairs (4.12).
	UpdateUserData struct{ UserData UserData }
	// DeleteUserData removes keys (4.12).
	DeleteUserData struct{ Keys []string }
	// SetDisposition sets userData[Key] = Disposition (4.12). The desk fills in the configured key when the request has none.
	SetDisposition struct{ Key, Disposition string }
	// Transfer hands the chat on (4.8). Exactly one of UserID and Queue is set.
	Transfer struct {
		UserID, Queue string
		Deadline      time.Time // of the offer to UserID
		Farewell      Farewell
	}
	// Consult asks an agent, unseen by the customer: a certain one, or whom routing finds in a queue (4.9). Exactly one of UserID and Queue is set.
	Consult struct {
		UserID, Queue string
		Deadline      time.Time // of the offer to UserID, or of the search through Queue
	}
	// Invite brings an agent into a conference, in the same two ways (4.10).
	Invite struct {
		UserID, Queue string
		Deadline      time.Time
	}
	// RemoveParticipantFromConference takes another agent out (4.11).
	RemoveParticipantFromConference struct {
		UserID   string
		Farewell Farewell
	}
	// Leave takes the agent out; the last one closes the chat for the customer (4.6).
	Leave struct{ Farewell Farewell }
	// Complete ends the interaction, or puts it into Queue (4.7).
	Complete struct {
		Queue    string // id; "": finish
		SaveLAR  bool
		Farewell Farewell
	}
)

// What supervisors do (agent-api 6.8).
type (
	// Intrude asks for an invitation to a running chat in which the user Watched is. The supervisor has no projection of the chat yet.
	Intrude struct {
		Watched  string // user id
		Mode     Mode
		Deadline time.Time // of the invitation
	}
	// SwitchToMonitor, SwitchToCoach and SwitchToBargeIn change the mode of a supervisor who is in.
	SwitchToMonitor struct{}
	SwitchToCoach   struct{}
	SwitchToBargeIn struct{}
)

// What the customer does (customer-api 2).
type (
	// Start begins a chat (2.1). It is the first command of every chat.
	Start struct {
		Service  string
		Queue    string      // id
		Customer Participant // ID and Nickname; the rest is filled in
		UserData UserData
		Text     string // first message, if any
	}
	// Say is a message of the customer (2.2).
	Say struct {
		Text, MessageType string
		Attributes        jsontext.Value // eventAttributes, or nil
	}
	// Type is the customer's typing, with what she has typed so far if the service shows it (2.3).
	Type struct{ Preview string }
	// StopTyping ends it (2.3).
	StopTyping struct{}
	// PreviewText is what she has typed so far, told by a refresh: no typing state, nothing for herself (2.4).
	PreviewText struct{ Preview string }
	// UpdateData adds or replaces attached data (2.9).
	UpdateData struct{ UserData UserData }
	// Disconnect ends the chat for the customer (2.5).
	Disconnect struct{}
)

// What the system does.
type (
	// Offer offers a chat to an agent whom routing has chosen: one that waits, or one for which a colleague is asked (agent-api 4.1, 4.9).
	Offer struct {
		UserID   string
		Queue    string // id of the queue for which she was chosen: the offer is refused if it is another one now; "": whichever it is
		Deadline time.Time
	}
	// EndOffer ends the open offer made at event OfferSeq: its time is up, or it is taken back. It does nothing if that offer is no longer open.
	EndOffer struct {
		UserID   string
		OfferSeq int64
		Reason   EndReason
	}
	// AskTimeout ends the wish for a colleague that began at event Seq: nobody has come in time. It does nothing if that wish is over.
	AskTimeout struct{ Seq int64 }
	// DropAgent takes an agent out of the chat because her contact-centre session ended (agent-api 2.6).
	DropAgent struct{ UserID string }
	// Supervise brings a supervisor in who monitors the agent Watched: invited and accepted in one go (agent-api 6.8). It does nothing if Watched is no
	// longer in, the customer has gone, or the supervisor has a projection of the chat already.
	Supervise struct {
		UserID, Nickname string
		Mode             Mode
		ParticipantID    string // for the new participant
		Watched          string // user id
	}
	// CustomerLost removes a customer whose client has vanished (customer-api 5.4).
	CustomerLost struct{}
	// TypingTimeout ends a typing state that nobody renewed (agent-api 4.4). It does nothing if the state began after Since.
	TypingTimeout struct {
		ParticipantID string
		Since         time.Time
	}
)

// EndReason says why an offer ended without an answer.
type EndReason string

const (
	OfferTimedOut  EndReason = "timed-out"
	OfferTakenBack EndReason = "taken-back" // the agent logged out, or is gone
)
