package chat

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ViewState is the state of a chat as one agent sees it (agent-api 3.3).
type ViewState string

const (
	Invited    ViewState = "Invited"
	Chatting   ViewState = "Chatting"
	LeftChat   ViewState = "LeftChat"
	JoinFailed ViewState = "JoinFailed"
	Completed  ViewState = "Completed" // terminal: by her own action
	Revoked    ViewState = "Revoked"   // terminal: taken away
)

// Resource is what one agent sees of a chat (agent-api 3.1). The API adds the URIs.
type Resource struct {
	ID           string
	State        ViewState
	Capabilities []Operation   // in the documented order (3.5); empty in terminal states
	Participants []Participant // those she may see; empty while she is not in
	UserData     UserData      // the full set
	ReceivedAt   time.Time
	Queue        string // id of the queue the chat is in or came from
}

// MessageType is the type of a transcript message on the agent's wire (agent-api 5.2.2).
type MessageType string

const (
	TextMessage       MessageType = "Text"
	ParticipantJoined MessageType = "ParticipantJoined"
	ParticipantLeft   MessageType = "ParticipantLeft"
	TypingStarted     MessageType = "TypingStarted"
	TypingStopped     MessageType = "TypingStopped"
	PushURL           MessageType = "PushUrl"
	SystemNotice      MessageType = "Notice"
	CustomNotice      MessageType = "CustomNotice"
)

// Message is a transcript event, ready to be rendered by either API. It holds everything a renderer needs.
type Message struct {
	Index      int64
	Type       MessageType
	From       Participant // as she was at that time
	Visibility Visibility
	At         time.Time
	Text       string         // text, url or noticeText, depending on Type; a preview in a TypingStarted of the customer
	Label      string         // messageType given by the sender
	TreatAs    string         // "System", or ""
	Attributes jsontext.Value // eventAttributes given by the customer, or nil
	AgentsOnly bool           // a preview update: an event that the customer does not see though its sender is visible to her
}

// NoticeKind is the notificationType (agent-api 5.1, 5.2).
type NoticeKind string

const (
	StatusChange        NoticeKind = "StatusChange"
	ParticipantsUpdated NoticeKind = "ParticipantsUpdated"
	PropertiesUpdated   NoticeKind = "PropertiesUpdated"
	ErrorNotice         NoticeKind = "Error"
	NewMessages         NoticeKind = "NewMessages"
)

// Notice is one notification for one agent, before it is encoded.
type Notice struct {
	To       string // user id
	Kind     NoticeKind
	Chat     Resource  // NewMessages: only ID
	RefID    int64     // 0: none
	Messages []Message // NewMessages without History
	// History: NewMessages whose messages are the whole transcript that To may see, up to and including this event, without typing
	// (agent-api 4.2 N3). The caller reads the log, and renders it with [Transcript].
	History      bool
	ErrorCode    int // ErrorNotice: statusCode table of agent-api 1.5
	ErrorMessage string
}
