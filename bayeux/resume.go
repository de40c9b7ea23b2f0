package bayeux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// resume brings a session back that only the store knows, because the server was restarted since (DEL-14): it is in memory then as one that was
// parked. It returns nil if there is none, or none for the sender.
func (x *exchange) resume(ctx context.Context, id string) (*Session, error) {
	srv := x.srv
	if srv.opt.Sessions == nil || !isClientID(id) {
		return nil, nil
	}
	key := keyOf(id)
	leave, err := srv.resuming.enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	if s := srv.sessions.find(id); s != nil { // somebody else was faster
		return x.mayUse(s), nil
	}
	if srv.saver.isGone(key) {
		return nil, nil
	}
	const attempts = 3
	for range attempts {
		s, err := x.takeUp(ctx, id, key)
		switch {
		case errors.Is(err, ErrNoSession):
			return nil, nil
		case errors.Is(err, ErrSessionMoved):
			continue // and perhaps has been let go again
		case err != nil:
			return nil, fmt.Errorf("cannot take a session up from the store: %w", err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("cannot take a session up from the store: %w", ErrSessionMoved)
}

// takeUp reads a session's row, and makes this server its holder if the sender may use it.
func (x *exchange) takeUp(ctx context.Context, id string, key SessionKey) (*Session, error) {
	srv := x.srv
	var row StoredSession
	err := guarded(func() (err error) { row, err = srv.opt.Sessions.Find(ctx, key); return err })
	if err != nil {
		return nil, err
	}
	s, left, err := srv.restored(id, row)
	if err != nil {
		return nil, err
	}
	if !x.owns(s) {
		x.stolen(s, srv.resuming.mayLog())
		return nil, ErrNoSession
	}
	if !x.reaches(s) || srv.opt.streamOf(x.peer.Principal) != row.Stream {
		return nil, ErrNoSession
	}
	head, err := srv.sourceHead(ctx, row.Stream)
	if err != nil {
		return nil, err
	}
	if !s.findPlace(head, left) {
		srv.opt.Logger.Info("a session cannot go on after a restart: it cannot be told what arrived", "user", row.Principal.User, "session", row.Handle)
		return nil, errors.Join(guarded(func() error { return srv.opt.Sessions.Delete(ctx, key) }), ErrNoSession)
	}
	s.principal = x.peer.Principal // the same user, perhaps with another log-in (SS-10)
	for name := range s.subscriptions {
		if !isPattern(name) && !srv.mayRead(s, name) {
			delete(s.subscriptions, name)
		}
	}
	next, err := s.row()
	if err != nil {
		return nil, err
	}
	next.Expires = time.Time{}
	whole := context.WithoutCancel(ctx) // what the server before has left behind is gone with it
	if err := guarded(func() error { return srv.opt.Sessions.Adopt(whole, next) }); err != nil {
		return nil, err
	}

	window := srv.opt.ResumeWindow
	if !row.Expires.IsZero() {
		window = min(window, time.Until(row.Expires))
	}
	s.mu.Lock()
	s.expireIn(window)
	s.news()
	s.mu.Unlock()
	srv.counters.parked.Add(1)
	srv.counters.resumed.Add(1)
	srv.sessions.add(s)
	srv.sessions.learn(row.Stream, head, time.Time{}) // what came since is learnt by whoever connects
	srv.channels.restore(s)
	return s, nil
}

// restored makes a session of its row. Nobody else knows it yet.
func (srv *Server) restored(id string, row StoredSession) (*Session, *leaving, error) {
	var d details
	if err := json.Unmarshal(row.Details, &d); err != nil {
		return nil, nil, fmt.Errorf("the row of session %s cannot be read: %w", row.Handle, err)
	}
	s := &Session{
		srv: srv, id: id, principal: row.Principal, cookie: cookieHash(d.Cookie), upgraded: cookieHash(d.Upgraded), ack: d.Ack, replay: d.Replay,
		connected: d.Connected, quick: d.Quick, rests: d.Rests, http: d.Transport, subscriptions: maps.Clone(row.Subscriptions), parked: true, active: time.Now(),
		cur: &cursor{
			stream: row.Stream, turn: row.Place.Turn, confirmed: row.Place.Confirmed, sent: row.Place.Confirmed, former: former{d.FormerSent, d.FormerNames},
		},
		kept: &keeping{term: row.Term + 1, version: row.Version},
	}
	if d.Times != nil {
		s.own = *d.Times
	}
	return s, d.Left, nil
}

// findPlace decides from where the session goes on in its stream. It reports false when it cannot: the stream is not the one it read, or it cannot
// be told what arrived (RP-6).
func (s *Session) findPlace(head int64, left *leaving) bool {
	c := s.cur
	switch {
	case c.confirmed > head || c.confirmed != 0 && c.confirmed&^countBits != head&^countBits:
		return false
	case s.ack: // the client brings back what it has seen (AK-14); until then the most that it can have
		c.sent, c.guessed = head, true
	case left == nil: // a crash: what was under way comes again
		return !s.replay || c.confirmed == head
	case left.Reply != nil: // the next connect tells (DEL-15)
		r := left.Reply
		if r.Turn == c.turn {
			c.sent, c.underWay = r.At, 1
		}
		s.last = lastReply{open: true, id: r.ID, hurried: r.Hurried, position: mark{r.Turn, r.At}, evidence: evidence{over: r.Lost}}
		if r.Sure != nil {
			s.repeats.open, s.repeats.sure = true, mark{r.Sure.Turn, r.Sure.Confirmed}
		}
	}
	return true
}

// resuming lets one of those who look for a session at the same time do so, and the others wait.
type resuming struct {
	mu     sync.Mutex
	keys   map[SessionKey]chan struct{}
	logged time.Time // last line about somebody who asked for what is not hers
}

// mayLog is Session.mayLog for sessions that are not in memory.
func (r *resuming) mayLog() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.logged) < logPeriod {
		return false
	}
	r.logged = now
	return true
}

func (r *resuming) init() { r.keys = make(map[SessionKey]chan struct{}) }

// enter waits for its turn. leave ends it.
func (r *resuming) enter(ctx context.Context, key SessionKey) (leave func(), err error) {
	for {
		r.mu.Lock()
		busy, ok := r.keys[key]
		if !ok {
			done := make(chan struct{})
			r.keys[key] = done
			r.mu.Unlock()
			return func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				delete(r.keys, key)
				close(done)
			}, nil
		}
		r.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
