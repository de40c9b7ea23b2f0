package agentapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// sessions keeps the agents' CometD sessions in the store, for the Bayeux server. A stream is named by its user there, and by its subscriber here.
type sessions struct {
	store     store.Sessions
	directory *directory.Directory
}

var _ bayeux.SessionStore = sessions{}

// Insert implements [bayeux.SessionStore].
func (s sessions) Insert(ctx context.Context, n bayeux.StoredSession) error {
	return told(s.store.InsertSession(ctx, kept(n), time.Now()))
}

// Find implements [bayeux.SessionStore].
func (s sessions) Find(ctx context.Context, key bayeux.SessionKey) (bayeux.StoredSession, error) {
	n, err := s.store.Session(ctx, store.SessionKey(key), time.Now())
	if err != nil {
		return bayeux.StoredSession{}, told(err)
	}
	stream, ok := strings.CutPrefix(n.Subscriber, desk.Subscriber(""))
	if !ok {
		return bayeux.StoredSession{}, bayeux.ErrNoSession // somebody else's, not an agent's
	}
	if u := s.directory.User(n.UserID); u != nil && !mayConnect(u) {
		return bayeux.StoredSession{}, bayeux.ErrNoSession // she has lost her roles since
	}
	return bayeux.StoredSession{
		Key: key, Handle: n.Handle, Principal: bayeux.Principal{User: n.UserID, Login: n.Login}, Stream: stream, Term: n.Term, Version: n.Version,
		Place: bayeux.Place(n.Place), Expires: n.Expires, Subscriptions: n.Subscriptions, Details: n.Details,
	}, nil
}

// Adopt implements [bayeux.SessionStore].
func (s sessions) Adopt(ctx context.Context, n bayeux.StoredSession) error {
	return told(s.store.AdoptSession(ctx, kept(n), time.Now()))
}

// Update implements [bayeux.SessionStore].
func (s sessions) Update(ctx context.Context, n bayeux.StoredSession) error {
	return told(s.store.UpdateSession(ctx, kept(n), time.Now()))
}

// Save implements [bayeux.SessionStore].
func (s sessions) Save(ctx context.Context, progress []bayeux.Progress) error {
	news := make([]store.Progress, len(progress))
	for i, p := range progress {
		news[i] = store.Progress{Key: store.SessionKey(p.Key), Term: p.Term, Place: store.Place(p.Place), Expires: p.Expires}
		for _, step := range p.Steps {
			news[i].Steps = append(news[i].Steps, store.Step{
				Kind: string(step.Kind), Transport: string(step.Transport), After: step.After, To: step.To, At: step.At,
			})
		}
	}
	return told(s.store.SaveSessions(ctx, news))
}

// Delete implements [bayeux.SessionStore].
func (s sessions) Delete(ctx context.Context, key bayeux.SessionKey) error {
	return told(s.store.EndSession(ctx, store.SessionKey(key), time.Now()))
}

func kept(n bayeux.StoredSession) store.Session {
	return store.Session{
		Key: store.SessionKey(n.Key), Handle: n.Handle, Subscriber: desk.Subscriber(n.Stream), UserID: n.Principal.User, Login: n.Principal.Login,
		Term: n.Term, Version: n.Version, Place: store.Place(n.Place), Expires: n.Expires, Subscriptions: n.Subscriptions, Details: n.Details,
	}
}

// told gives the store's errors the names that the Bayeux server knows.
func told(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: %w", bayeux.ErrNoSession, err)
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%w: %w", bayeux.ErrSessionMoved, err)
	}
	return err
}
