// Package store is where Halley's truth is kept: the log of every chat, the state of every agent, what waits in a queue, the timers,
// and one numbered feed of notifications per user. Everything a command changes is written in one [Batch]: all of it, or nothing.
//
// A nil error from Commit means: on disk, safe from a crash and from power loss.
//
// Times are kept in UTC in whole microseconds; anything finer is cut off. JSON values are kept byte for byte; an empty one comes back as nil.
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

// The kinds of failure. Anything else is a context's error, or trouble with one batch that the database would not take; nothing of it was
// written.
var (
	// ErrConflict: an expectation of the batch did not hold. Nothing was written; read again and decide anew.
	ErrConflict = errors.New("the data has changed meanwhile")
	// ErrKeyReused: Batch.Once names a key that was used for another request.
	ErrKeyReused = errors.New("this idempotency key was used for another request")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrInvalid: the batch contradicts itself (see Batch.Validate). It can never be committed.
	ErrInvalid = errors.New("the batch is not valid")
	// ErrLocked: another process uses this data folder.
	ErrLocked = errors.New("the data folder is in use by another process")
	// ErrUnavailable: the disk is full or cannot be written; reads go on, and writes succeed again when the cause is gone. What was to be
	// written can't be read, but if the machine fails at this very moment it may be found written afterwards: repeat it under its key.
	ErrUnavailable = errors.New("the store cannot write now")
	// ErrDamaged: the data on disk is not what was written there.
	ErrDamaged = errors.New("the data is damaged")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// Store is the contract. storetest.Run checks every sentence of it against an implementation.
type Store interface {
	// Commit writes b in one transaction. ErrConflict if an expectation fails, ErrKeyReused for Once; then nothing is written and other batches are not
	// concerned. If Once was answered before, nothing is written and Result.Answered holds the first answer, whatever was expected.
	//
	// Commit waits for its turn under ctx; the line is bounded. A batch whose context ends before its turn is not written, and the error is the context's.
	// Once its turn has come it is carried to its end, and Commit returns how that was, even if ctx ends meanwhile: there is no unknown outcome.
	Commit(ctx context.Context, b Batch) (Result, error)
	// Answer returns what was answered under an idempotency key, or ErrNotFound; ErrKeyReused if sum is that of another request.
	Answer(ctx context.Context, key string, sum [sha256.Size]byte) (jsontext.Value, error)

	// Events returns the events of a chat with Seq above after, in order, at most limit (0: all).
	Events(ctx context.Context, chatID string, after int64, limit int) ([]chat.Event, error)
	// Chat returns the head row of a chat, or ErrNotFound.
	Chat(ctx context.Context, chatID string) (ChatRow, error)
	// Counts returns how many chats are in each phase, for the start page and metrics. Cost does not grow with finished chats.
	Counts(ctx context.Context) (map[chat.Phase]int, error)

	// Feed returns the notifications of a subscriber numbered above after, in order, at most limit (0: all). If the first is not after + 1,
	// those in between have been pruned, or after is a number of another epoch.
	Feed(ctx context.Context, subscriber string, after int64, limit int) ([]Notification, error)
	// Heads returns the number of the last notification of each subscriber; for a subscriber without any, the number before its first (epoch × 2^31).
	Heads(ctx context.Context, subscribers []string) (map[string]int64, error)

	// Agents returns the rows of the given users, or of all if none are given. A user without a row has none in the result.
	Agents(ctx context.Context, userIDs ...string) ([]AgentRow, error)
	// Standing returns where an agent is at one moment between two commits: what a commit changes is in all of it, or in nothing of it.
	Standing(ctx context.Context, userID, subscriber string) (Standing, error)
	// Waiting returns all chats that wait in a queue, in the order in which they came: Since, then ChatID. Their number is what queues hold, so there is no limit.
	Waiting(ctx context.Context) ([]Work, error)
	// Bin returns the chats in a workbin, in the order in which they came: At, then ChatID. Whoever fills it bounds their number (Expect.Below).
	Bin(ctx context.Context, workbin string) ([]Binned, error)

	// DueTimers returns the timers due at or before t, earliest first (then by Kind and Key), at most limit (0: all), and when the next one after
	// those is due (zero: none).
	// A timer stays until a Commit clears it: a crash in between repeats it, and loses nothing.
	DueTimers(ctx context.Context, t time.Time, limit int) (due []Timer, next time.Time, err error)

	// Lease takes or renews a lease for holder until now + ttl. False: someone else holds it. ttl 0 gives it up. A lease is free from the moment it ends.
	Lease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error)

	// SaveLogin writes an HTTP log-in (insert or replace by TokenHash).
	SaveLogin(ctx context.Context, l Login) error
	// Login returns the log-in with this token hash, or ErrNotFound.
	Login(ctx context.Context, tokenHash [sha256.Size]byte) (Login, error)
	// DeleteLogins removes log-ins by token hash. Unknown ones are ignored.
	DeleteLogins(ctx context.Context, tokenHashes ...[sha256.Size]byte) error

	Sessions

	// Prune deletes, in small batches between which others write, what is stamped before its horizon: feed rows with the record of their deliveries,
	// idempotency answers, log-ins not seen since, sessions that have ended, and of those of one subscriber all but the
	// newest 1000. It returns how many rows went, also with an error. It first ends sessions that have expired.
	//
	// Feed rows, deliveries and answers go in the order in which they were written, up to the first that is not old: a clock that jumps can't tear a hole into a
	// feed. Numbers go on where they were.
	Prune(ctx context.Context, before Horizons) (int64, error)

	// Close lets the commits under way and in line end, refuses new ones with ErrClosed, and frees the data folder. Further calls do nothing.
	Close() error
}

// Batch is everything one command changes. An implementation that locks rows takes them in this order of kinds, each sorted by key.
// Changes of work, bins and timers apply in slice order, and notifications are numbered in slice order.
//
// A chat's row and its events go together: the row's Seq is that of the last event, and the events continue the log without a gap. A row
// without events leaves the log as it is. If the log does not end where that takes it to end, the batch conflicts.
type Batch struct {
	Once          *Once // idempotency; nil: none
	Expect        []Expect
	Chats         []ChatRow    // insert or replace
	Events        []chat.Event // appended
	Agents        []AgentRow   // Version is the one read (0: new row); the row is written with Version+1, or the batch conflicts
	Work          []WorkChange
	Bins          []BinChange
	Timers        []TimerChange
	Notifications []Notification // N is given by the store
}

// Once makes a batch happen at most once, for as long as its answer is kept (see Prune).
type Once struct {
	Key    string            // names the request, with its user and path
	Sum    [sha256.Size]byte // of the request; the same key with another sum is refused
	Answer jsontext.Value    // kept, for the repetition; not empty
	At     time.Time
}

// Expect is a condition for a batch. Exactly one kind is set.
type Expect struct {
	ChatID string // this chat's log ends at Seq (0: there is no such chat)
	Seq    int64
	Work   string // chat id: it waits in a queue
	Bin    string // workbin: it holds fewer than Below chats
	Below  int64
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
	Seq     int64 // of the last event of its log
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

// Standing is an agent's row with the ends of what it points to. Of a user without a row it has the id alone.
type Standing struct {
	Agent AgentRow
	Seqs  map[string]int64 // by chat id: where the log of each chat in Agent.State.Holds ends
	Head  int64            // of the subscriber's feed, as from Heads
}

// Work is a chat that waits in a queue.
type Work struct {
	ChatID   string
	Queue    string // id
	Since    time.Time
	Priority int
}

// WorkChange enters (or moves) a chat, or takes it out if it is there.
type WorkChange struct {
	Work
	Leave bool
}

// Enters says whether the change puts a chat into a queue.
func (c WorkChange) Enters() bool { return !c.Leave }

// Binned is a chat that was put aside in a workbin (agent-api 6.9). A chat is in one at most.
type Binned struct {
	Workbin string // id
	ChatID  string
	By      string // user id of who put it there
	At      time.Time
}

// BinChange puts a chat into a workbin (or moves it), or takes it out if it is in that one.
type BinChange struct {
	Binned
	Out bool
}

// Timer is something that must happen at a time. Kind and Key identify it: setting it again moves it.
type Timer struct {
	Kind string
	Key  string
	At   time.Time
	Data jsontext.Value
}

// TimerChange sets or clears a timer. A clear with At set removes only a timer for exactly that time (one that was set anew stays). Clearing
// what is not there does nothing.
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
	Sessions              time.Time // sessions that expire before it end; those that ended before Feed go
	Batch                 int       // rows per transaction; 0: 500
}
