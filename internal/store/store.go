// Package store is where Halley's truth is kept: the log of every chat, the state of every agent, what waits in a queue, the timers,
// and one numbered feed of notifications per user. Everything a command changes is written in one [Batch]: all of it, or nothing.
//
// A nil error from Commit means: on disk, safe from a crash and from power loss.
package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
)

// The kinds of failure. Anything else is the database's own trouble: nothing was written, and reads may still work.
var (
	// ErrConflict: an expectation of the batch did not hold. Nothing was written; read again and decide anew.
	ErrConflict = errors.New("the data has changed meanwhile")
	// ErrKeyReused: Batch.Once names a key that was used for another request.
	ErrKeyReused = errors.New("this idempotency key was used for another request")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrLocked: another process uses this data folder.
	ErrLocked = errors.New("the data folder is in use by another process")
	// ErrFull: the disk is full or cannot be written; reads go on.
	ErrUnavailable = errors.New("the store cannot write now")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// Store is the contract. storetest.Run checks every sentence of it against an implementation.
type Store interface {
	// Commit writes b in one transaction. ErrConflict if an expectation fails, ErrKeyReused for Once; then nothing is written and other batches are not
	// concerned. If Once was answered before, nothing is written and Result.Answered holds the first answer.
	Commit(ctx context.Context, b Batch) (Result, error)
	// Answer returns what was answered under an idempotency key, or ErrNotFound; ErrKeyReused if sum is that of another request.
	Answer(ctx context.Context, key string, sum [sha256.Size]byte) (jsontext.Value, error)

	// Events returns the events of a chat with Seq above after, in order, at most limit (0: all).
	Events(ctx context.Context, chatID string, after int64, limit int) ([]chat.Event, error)
	// Chat returns the head row of a chat, or ErrNotFound.
	Chat(ctx context.Context, chatID string) (ChatRow, error)
	// Counts returns how many chats are in each phase, for the start page and metrics. Cost does not grow with finished chats.
	Counts(ctx context.Context) (map[chat.Phase]int, error)

	// Feed returns the notifications of a subscriber numbered above after, in order, at most limit.
	Feed(ctx context.Context, subscriber string, after int64, limit int) ([]Notification, error)
	// Heads returns the number of the last notification of each subscriber; for a subscriber without any, the number before its first (epoch × 2^31).
	Heads(ctx context.Context, subscribers []string) (map[string]int64, error)

	// Agents returns the rows of the given users, or of all if none are given. A user without a row has none in the result.
	Agents(ctx context.Context, userIDs ...string) ([]AgentRow, error)
	// Waiting returns all chats that wait in a queue, in the order in which they came: Since, then ChatID.
	Waiting(ctx context.Context) ([]Work, error)

	// DueTimers returns the timers due at or before t, earliest first, at most limit, and when the next one after those is due (zero: none).
	// A timer stays until a Commit clears it: a crash in between repeats it, and loses nothing.
	DueTimers(ctx context.Context, t time.Time, limit int) (due []Timer, next time.Time, err error)

	// Lease takes or renews a lease for holder until now + ttl. False: someone else holds it. ttl 0 gives it up.
	Lease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error)

	// SaveLogin writes an HTTP log-in (insert or replace by TokenHash).
	SaveLogin(ctx context.Context, l Login) error
	// Login returns the log-in with this token hash, or ErrNotFound.
	Login(ctx context.Context, tokenHash [sha256.Size]byte) (Login, error)
	// DeleteLogins removes log-ins by token hash. Unknown ones are ignored.
	DeleteLogins(ctx context.Context, tokenHashes ...[sha256.Size]byte) error

	// Prune deletes, in small batches, what was written before t and is no longer needed: feed rows, idempotency answers, log-ins not seen since. It returns how many rows went.
	Prune(ctx context.Context, before Horizons) (int64, error)

	Close() error
}

// Batch is everything one command changes. Rows are written in this order of kinds, each sorted by key; notifications are numbered in slice order.
type Batch struct {
	Once          *Once // idempotency; nil: none
	Expect        []Expect
	Chats         []ChatRow    // insert or replace
	Events        []chat.Event // appended; Seq must continue the chat's log
	Agents        []AgentRow   // Version is the one read (0: new row); the row is written with Version+1, or the batch conflicts
	Work          []WorkChange
	Timers        []TimerChange
	Notifications []Notification // N is given by the store
}

// Once makes a batch happen at most once.
type Once struct {
	Key    string            // names the request, with its user and path
	Sum    [sha256.Size]byte // of the request; the same key with another sum is refused
	Answer jsontext.Value    // kept, for the repetition
	At     time.Time
}

// Expect is a condition for a batch. Exactly one kind is set.
type Expect struct {
	ChatID string // this chat's log ends at Seq (0: there is no such chat)
	Seq    int64
	Work   string // chat id: it waits in a queue
}

// Result is what a commit did.
type Result struct {
	Notifications []Notification // those of the batch, numbered
	Answered      jsontext.Value // not nil: Once was answered before, nothing was written
}

// ChatRow is the head of a chat's log.
type ChatRow struct {
	ID      string
	Service string
	Seq     int64
	Phase   chat.Phase
	KeyHash [sha256.Size]byte // of the customer's secureKey
	Started time.Time
	Ended   time.Time // for the customer; zero while it goes on
}

// AgentRow is an agent's state with its version.
type AgentRow struct {
	State   agent.State
	Version int64
}

// Work is a chat that waits in a queue.
type Work struct {
	ChatID   string
	Queue    string // id
	Since    time.Time
	Priority int
}

// WorkChange enters (or moves) a chat, or takes it out.
type WorkChange struct {
	Work
	Leave bool
}

// Timer is something that must happen at a time. Kind and Key identify it: setting it again moves it.
type Timer struct {
	Kind string
	Key  string
	At   time.Time
	Data jsontext.Value
}

// TimerChange sets or clears a timer. A clear with At set removes only a timer for exactly that time (one that was set anew stays).
type TimerChange struct {
	Timer
	Clear bool
}

// Notification is a row of a feed.
type Notification struct {
	Subscriber string // "agent:<user id>"
	N          int64  // epoch × 2^31 + 1, 2, 3 … per subscriber, without gaps, in commit order
	Topic      string
	Data       jsontext.Value // exactly what is pushed
	At         time.Time
}

// Login is an HTTP log-in of a user.
type Login struct {
	TokenHash [sha256.Size]byte
	UserID    string
	CSRF      string
	Created   time.Time
	Seen      time.Time
}

// Horizons tells Prune what is old.
type Horizons struct {
	Feed, Answers, Logins time.Time
	Batch                 int // rows per transaction; 0: 500
}
