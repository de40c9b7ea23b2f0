// Package desk is the application: it runs commands against the pure domain, commits what follows from them, offers waiting chats to
// agents, and keeps the timers. The APIs above it translate; the store below it remembers.
//
// A command goes one way: lock the chat on this node, take its state from memory or from the log, chat.Decide, one store.Batch with events,
// notifications, agents, work and timers, store.Commit, and only then the bus says "look". What is not committed has not happened.
package desk

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// Config is what a desk works with. All fields but Now are needed.
type Config struct {
	Store     store.Store
	Bus       bus.Bus
	Directory *directory.Directory
	Encoder   Encoder
	Settings  Settings
	Logger    *slog.Logger
}

// Encoder renders a notification exactly as it is pushed: its topic and the data under it. There is one, in the agent API.
type Encoder interface {
	// Chat renders n; history holds the messages of a notice with History set.
	Chat(n chat.Notice, history []chat.Message) (topic string, data jsontext.Value, err error)
	// Channels renders the media channels that changed (agent-api 5.3).
	Channels(changed []agent.Channel) (topic string, data jsontext.Value, err error)
}

// Settings are the desk's policies. DefaultSettings gives the documented ones.
type Settings struct {
	OfferTimeout     time.Duration // an unanswered offer goes back to the queue
	DeclinePause     time.Duration // a rejected or expired offer is not made to that agent again for so long, or until she goes Ready anew
	TypingTimeout    time.Duration // a typing state nobody renews ends
	DispositionKey   string        // userData key of SetDisposition when the request names none
	LeastLoadedFirst bool          // false: the agent who has been idle longest
	FeedRetention    time.Duration // how long notifications are kept
	AnswerRetention  time.Duration // how long answers are kept under their idempotency key
	CachedChats      int           // chats kept in memory; others are read from their log when needed
}

// DefaultSettings returns the documented defaults.
func DefaultSettings() Settings {
	return Settings{
		OfferTimeout: 30 * time.Second, DeclinePause: time.Minute, TypingTimeout: 30 * time.Second, DispositionKey: "DispositionCode",
		FeedRetention: 24 * time.Hour, AnswerRetention: 24 * time.Hour, CachedChats: 20_000,
	}
}

// Once makes a request repeatable: the same key and sum get the first answer, another sum under the key gets store.ErrKeyReused.
type Once struct {
	Key string // names the request within its user and path, or its chat
	Sum [sha256.Size]byte
}

// Receipt is the answer to an accepted command.
type Receipt struct {
	RefID     int64 `json:"refId,omitzero"`     // referenceId (agent-api 1.6); 0: the operation has none
	LastIndex int64 `json:"lastIndex,omitzero"` // the chat's highest transcript index after it
}

// Caller is a customer's claim: the key is checked against the chat, the chat against the service.
type Caller struct {
	Service string
	ChatID  string
	Key     string // secureKey
}

// StartChat is a customer's wish to begin (customer-api 2.1), already validated.
type StartChat struct {
	Service  *directory.Service
	Queue    string // id; "": the service's
	Nickname string
	UserData chat.UserData
	Text     string
}

// CustomerChat is what a customer may know of her chat at one moment.
type CustomerChat struct {
	ChatID       string
	Key          string // secureKey
	UserID       string // her participant id
	Nickname     string
	Ended        bool
	NextPosition int64 // highest index used + 1; a repeated request gets that of the first answer
	events       []chat.Event
	at           time.Time
}

var _ = context.Background
