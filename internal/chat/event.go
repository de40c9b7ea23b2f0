package chat

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Event is one entry of a chat's log.
type Event struct {
	ChatID string
	Seq    int64     // 1, 2, 3 … per chat, no gaps
	Index  int64     // transcript index when it is a transcript event, else 0 (agent-api 5.2.5)
	At     time.Time // UTC, whole microseconds, never earlier than the previous event of this chat
	Actor  Actor
	Body   Body // what happened: one Go type per kind
}

// ActorKind is the side an actor stands on.
type ActorKind string

const (
	ByCustomer   ActorKind = "customer"
	ByAgent      ActorKind = "agent"
	BySupervisor ActorKind = "supervisor"
	ByBot        ActorKind = "bot"
	BySystem     ActorKind = "system"
)

// Actor is who caused an event.
type Actor struct {
	Kind   ActorKind `json:"kind"`
	UserID string    `json:"userId,omitzero"` // agents and supervisors
}

// Kind names what happened. It is stored; its spelling never changes.
type Kind string

// Body is the content of an event. [EncodeBody] and [DecodeBody] turn it into JSON and back.
type Body interface{ Kind() Kind }

// Unknown is an event of a kind that this version does not know. It is kept as it is and changes nothing.
type Unknown struct {
	Of  Kind
	Raw jsontext.Value
}

// Kind returns the kind under which the event was stored.
func (u Unknown) Kind() Kind { return u.Of }

// UserData is the data attached to a chat: key to JSON value, kept byte for byte (agent-api 3.1, 4.12).
type UserData map[string]jsontext.Value
