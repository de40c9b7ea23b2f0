package bayeux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// keeping is what a session that is kept in a SessionStore remembers of its row. It is guarded by the session's lock.
type keeping struct {
	term    int64
	version int64 // of the newest row made
	changes int64 // of what a row holds besides place and expiry
	onDisk  int64 // up to which of them the store has
	listed  bool  // the saver has it on its list
	urgent  bool  // a change must be on disk before anything further is told
	until   time.Time
	left    *leaving // once a server that stops has let it go
	steps   []Step
}

// details are what a row holds for this package alone.
type details struct {
	Cookie, Upgraded []byte    `json:",omitempty"` // SHA-256
	Ack, Replay      bool      `json:",omitempty"`
	Connected, Quick bool      `json:",omitempty"`
	Rests            bool      `json:",omitempty"`
	Transport        Transport `json:",omitempty"` // the one over HTTP
	Times            *Times    `json:",omitempty"`
	FormerSent       int64     `json:",omitempty"`
	FormerNames      []string  `json:",omitempty"`
	Left             *leaving  `json:",omitempty"`
}

// leaving is what a server that stopped knew of what was under way. Without it the end was a crash.
type leaving struct {
	// Reply is the last connect reply over HTTP, if nothing has shown yet whether it arrived (DEL-15).
	Reply *lastWritten `json:",omitempty"`
}

// lastWritten is a lastReply as it is kept.
type lastWritten struct {
	ID      string
	Hurried bool  `json:",omitempty"`
	Turn    int64 `json:",omitempty"`
	At      int64 // the position in the stream that it reached
	Lost    bool  `json:",omitempty"` // its connection said so (DEL-15 c)
	// Sure is what the client has if that was one of several replies to the same connect, of which it read one.
	Sure *Place `json:",omitempty"`
}

// altered notes a change of what the row holds besides place and expiry. s.mu is held.
func (s *Session) altered() {
	if s.kept != nil {
		s.kept.changes++
		s.news()
	}
}

// news has the saver look at the session. s.mu is held.
func (s *Session) news() {
	if k := s.kept; k != nil && !k.listed {
		k.listed = true
		s.srv.saver.list(s)
	}
}

// expires is until when the session is kept, by what is known now; zero while it is not parked. s.mu is held.
func (s *Session) expires() time.Time {
	switch {
	case !s.kept.until.IsZero():
		return s.kept.until
	case s.parked:
		return s.deadline
	}
	return time.Time{}
}

// place is what is known to have arrived. s.mu is held.
func (s *Session) place() Place { return Place{s.cur.turn, s.cur.confirmed} }

// row makes the next version of the session's row. s.mu is held.
func (s *Session) row() (StoredSession, error) {
	d := details{
		Cookie: []byte(s.cookie), Upgraded: []byte(s.upgraded), Ack: s.ack, Replay: s.replay, Connected: s.connected, Quick: s.quick, Rests: s.rests,
		Transport: s.http, FormerSent: s.cur.former.sent, FormerNames: s.cur.former.names, Left: s.kept.left,
	}
	if s.own != (Times{}) {
		d.Times = &s.own
	}
	text, err := json.Marshal(d)
	s.kept.version++
	return StoredSession{
		Key: keyOf(s.id), Handle: s.handle(), Principal: s.principal, Stream: s.cur.stream, Term: s.kept.term, Version: s.kept.version,
		Place: s.place(), Expires: s.expires(), Subscriptions: s.lend(), Details: text,
	}, err
}

// insert keeps a new session.
func (s *Session) insert(ctx context.Context) error {
	return s.write(ctx, s.srv.opt.Sessions.Insert)
}

// keep returns when the store has what the client is about to be told. What could not be written, the saver tries again.
func (s *Session) keep(ctx context.Context) error {
	s.mu.Lock()
	if s.kept == nil || s.ended != 0 || s.kept.onDisk == s.kept.changes {
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	return s.write(ctx, func(ctx context.Context, row StoredSession) error {
		err := s.srv.opt.Sessions.Update(ctx, row)
		if errors.Is(err, ErrNoSession) { // it came back in the moment in which it expired
			err = s.srv.opt.Sessions.Insert(ctx, row)
		}
		return err
	})
}

// keepUrgent is keep for what must not be told before. Without a store that can be written to, the client is served all the same.
func (s *Session) keepUrgent(ctx context.Context) {
	s.mu.Lock()
	urgent := s.kept != nil && s.kept.urgent
	s.mu.Unlock()
	if urgent {
		_ = s.keep(ctx) // the saver tries again
	}
}

func (s *Session) write(ctx context.Context, method func(context.Context, StoredSession) error) (err error) {
	s.mu.Lock()
	changes := s.kept.changes
	row, err := s.row()
	s.mu.Unlock()
	if err == nil {
		err = guarded(func() error { return method(ctx, row) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.news()
		return fmt.Errorf("cannot keep a session: %w", err)
	}
	if !row.Expires.Equal(s.expires()) { // what was saved meanwhile has been overwritten
		s.news()
	}
	if s.kept.onDisk = max(s.kept.onDisk, changes); s.kept.onDisk == s.kept.changes {
		s.kept.urgent = false
	}
	return nil
}

// guarded calls a method of the store. A panic there is an error like any other (ER-1).
func guarded(f func() error) (err error) {
	defer caught(&err)
	return f()
}
