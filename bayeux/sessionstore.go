package bayeux

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// SessionStore keeps the sessions that read a durable stream, so that they outlive the server (DEL-14, resumeWindow). Of a session it keeps
// what it takes to go on: whose it is, its subscriptions, and its place in the stream. Messages that are in no stream are not kept. The package
// sessionstoretest holds a store against this contract; docs/embedding.md says what else it owes.
//
// The methods are called from many goroutines at once, never with a lock held. A nil error means: on disk.
type SessionStore interface {
	// Insert keeps a new session.
	Insert(ctx context.Context, s StoredSession) error
	// Find returns a session, or ErrNoSession when there is none or its Expires has passed.
	Find(ctx context.Context, key SessionKey) (StoredSession, error)
	// Adopt makes the caller the holder of a session: it replaces the session if its term is s.Term - 1, else it answers ErrSessionMoved
	// or ErrNoSession. Of several who try one succeeds.
	Adopt(ctx context.Context, s StoredSession) error
	// Update replaces a session whose term is s.Term and whose version is below s.Version. A newer version stays, without an error, and so
	// does a later place; a newer term is ErrSessionMoved; no session is ErrNoSession.
	Update(ctx context.Context, s StoredSession) error
	// Save notes how far sessions have come, all at once. What is of another term, or of a session that is not kept, is passed over without
	// an error; a place that is behind what is kept does not replace it.
	Save(ctx context.Context, progress []Progress) error
	// Delete forgets a session. An unknown one is no error.
	Delete(ctx context.Context, key SessionKey) error
}

// Errors of a SessionStore.
var (
	ErrNoSession    = errors.New("no such session")
	ErrSessionMoved = errors.New("another server has taken the session over")
)

// SessionKey is the SHA-256 of a client id. The id itself is kept nowhere: it lets its bearer in.
type SessionKey [sha256.Size]byte

// StoredSession is a session as it is kept.
type StoredSession struct {
	Key       SessionKey
	Handle    string // names it in logs and records, and gives nothing away
	Principal Principal
	Stream    string
	Term      int64 // 1 at first, one more with each Adopt
	Version   int64 // grows with each Update
	Place     Place
	Expires   time.Time // zero: held by a server
	// Subscriptions holds each channel or pattern with the position after which it begins: what tells a record of deliveries which entries of
	// a stretch the session got. It is not the store's to change, or to read after it has answered.
	Subscriptions map[string]int64
	Details       []byte // what else there is, as JSON for this package alone
}

// Place is what of a stream is known to have arrived: everything up to Confirmed. Turn counts how often the client went back (RP-2); places of
// a later turn are later, whatever they confirm.
type Place struct{ Turn, Confirmed int64 }

// Progress is news of a session.
type Progress struct {
	Key     SessionKey
	Term    int64
	Place   Place
	Expires time.Time // zero: held by a server
	Steps   []Step    // since the last Progress, in order
}

// Step is what became of a stretch of a stream on its way to one client: the record of a delivery.
type Step struct {
	Kind      StepKind
	After, To int64 // entries with After < N ≤ To, of which the session got those that it subscribes to
	At        time.Time
	Transport Transport
}

// StepKind says what happened.
type StepKind string

// Kinds of steps.
const (
	StepPushed    StepKind = "pushed"    // handed to the network
	StepConfirmed StepKind = "confirmed" // known to have arrived (DEL-13, DEL-15, AK-14)
	StepLost      StepKind = "lost"      // there was evidence of loss, or doubt: pushed again (DEL-8, DEL-15)
)

// isClientID reports whether an id is of the form of ours (SS-9).
func isClientID(id string) bool {
	if len(id) != idLength {
		return false
	}
	for _, b := range []byte(id) {
		if (b < '0' || '9' < b) && (b < 'a' || 'z' < b) {
			return false
		}
	}
	return true
}

// keyOf is the key of the session with a client id.
func keyOf(id string) SessionKey { return sha256.Sum256([]byte(id)) }
