package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Sessions is the part of a Store that keeps the CometD sessions which read a feed, so that they outlive the server, and the record of what was
// delivered to them. Time in which no server ran does not count: sessions expire that much later.
type Sessions interface {
	// InsertSession keeps a new session, begun now, or one that was ended too early. ErrConflict if there is one with its key.
	InsertSession(ctx context.Context, s Session, now time.Time) error
	// Session returns a session, or ErrNotFound if there is none, it has ended, or it expires now or before.
	Session(ctx context.Context, key SessionKey, now time.Time) (Session, error)
	// AdoptSession replaces a session whose term is s.Term - 1. ErrConflict if it has another, ErrNotFound if there is no such session, it
	// has ended, or it expires now or before. Of several who try one succeeds. Its place stays if that is later than s.Place.
	AdoptSession(ctx context.Context, s Session, now time.Time) error
	// UpdateSession replaces a session of the same term with a newer version; its place as AdoptSession does. An older version does nothing. ErrConflict as there,
	// ErrNotFound if there is no such session or it has ended.
	UpdateSession(ctx context.Context, s Session, now time.Time) error
	// SaveSessions notes how far sessions have come, and what became of deliveries to them. Of a session that has ended, or that has another term or a
	// later place, it notes the deliveries alone; one that was never there is passed over. What one call brings may be written in several transactions.
	SaveSessions(ctx context.Context, news []Progress) error
	// EndSession ends a session. An unknown one is no error. What is known of deliveries to it stays until it is pruned.
	EndSession(ctx context.Context, key SessionKey, now time.Time) error
	// EndSessionsOf does so with all sessions of a log-in.
	EndSessionsOf(ctx context.Context, login string, now time.Time) error
	// Deliveries returns the sessions of a subscriber that ran at some time from since to until, in the order in which they began, each with the steps that
	// concern numbers above after and up to to, in the order of their times.
	Deliveries(ctx context.Context, subscriber string, since, until time.Time, after, to int64) ([]SessionRecord, error)
}

// SessionKey is the SHA-256 of a CometD client id, which is itself kept nowhere.
type SessionKey [sha256.Size]byte

// Session is a CometD session.
type Session struct {
	Key           SessionKey
	Handle        string // names it where its id must not stand
	Subscriber    string // whose feed it reads
	UserID, Login string
	Term          int64 // 1 at first, one more with each AdoptSession
	Version       int64 // grows with each UpdateSession
	Place         Place
	Expires       time.Time        // zero: a server holds it
	Subscriptions map[string]int64 // channel or pattern: the feed number after which it begins
	Details       jsontext.Value   // for whoever runs the session
}

// Place is what of its feed a session is known to have got: everything up to Confirmed. A place of a later turn is later, whatever it confirms.
type Place struct{ Turn, Confirmed int64 }

// Compare orders places by time: negative if p is earlier than q.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Turn, q.Turn), cmp.Compare(p.Confirmed, q.Confirmed))
}

// Progress is news of a session.
type Progress struct {
	Key     SessionKey
	Term    int64
	Place   Place
	Expires time.Time // zero: a server holds it
	Steps   []Step
}

// Step is what became of the notifications numbered above After and up to To on their way to a session; of these it got what it subscribed to.
type Step struct {
	Kind      string // "pushed", "confirmed" or "lost"
	Transport string
	After, To int64
	At        time.Time
}

// SessionRecord is what is known of deliveries to a session.
type SessionRecord struct {
	Handle        string
	Begun         time.Time
	Expires       time.Time // zero: a server holds it, or did at its end
	Ended         time.Time // zero: it goes on
	Place         Place
	Subscriptions []Subscription
	Steps         []Step
}

// Subscription is one that a session has, or had.
type Subscription struct {
	Channel string
	After   int64     // the feed number after which it begins
	Until   time.Time // zero: it goes on
}
