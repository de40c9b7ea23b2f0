package bayeux

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// shelf is a SessionStore in memory. What a method has done is on its disk: a copy of it is what a crash leaves.
type shelf struct {
	mu     sync.Mutex
	rows   map[SessionKey]StoredSession
	steps  map[SessionKey][]Step
	broken bool
	slow   time.Duration // what each call takes
	only   string        // method that is slow, or broken; "": all
	writes map[string]int
}

func newShelf() *shelf {
	return &shelf{rows: map[SessionKey]StoredSession{}, steps: map[SessionKey][]Step{}, writes: map[string]int{}}
}

// NewShelf is for tests outside of the package.
func NewShelf() SessionStore { return newShelf() }

// crashed is what the next server finds after a crash: sessions that were held have the window from now on, as time without a server
// does not count.
func (sh *shelf) crashed(window time.Duration) *shelf {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	next := newShelf()
	for key, row := range sh.rows {
		if row.Expires.IsZero() {
			row.Expires = time.Now().Add(window)
		}
		next.rows[key] = row
		next.steps[key] = append([]Step(nil), sh.steps[key]...)
	}
	return next
}

// begin is done first by each method, and its opposite returned.
func (sh *shelf) begin(ctx context.Context, method string) (end func(), err error) {
	sh.mu.Lock()
	slow := sh.slow
	concerned := sh.only == "" || sh.only == method
	if !concerned {
		slow = 0
	}
	sh.mu.Unlock()
	if slow > 0 {
		t := time.NewTimer(slow)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	sh.mu.Lock()
	sh.writes[method]++
	if err := ctx.Err(); err != nil {
		sh.mu.Unlock()
		return nil, err
	}
	if sh.broken && concerned {
		sh.mu.Unlock()
		return nil, errors.New("no disk")
	}
	return sh.mu.Unlock, nil
}

func (sh *shelf) setBroken(broken bool) { sh.mu.Lock(); sh.broken = broken; sh.mu.Unlock() }

func (sh *shelf) heal() { sh.mu.Lock(); sh.broken, sh.slow = false, 0; sh.mu.Unlock() }

// count is how often a method was called.
func (sh *shelf) count(method string) int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.writes[method]
}

// row returns what is kept of a client's session.
func (sh *shelf) row(id string) (s StoredSession, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s, ok = sh.rows[keyOf(id)]
	return s, ok
}

func (sh *shelf) stepsOf(id string) []Step {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return append([]Step(nil), sh.steps[keyOf(id)]...)
}

func kept(s StoredSession) StoredSession {
	s.Subscriptions = maps.Clone(s.Subscriptions)
	return s
}

func (sh *shelf) Insert(ctx context.Context, s StoredSession) error {
	end, err := sh.begin(ctx, "insert")
	if err != nil {
		return err
	}
	defer end()
	sh.rows[s.Key] = kept(s)
	return nil
}

func (sh *shelf) Find(ctx context.Context, key SessionKey) (StoredSession, error) {
	end, err := sh.begin(ctx, "find")
	if err != nil {
		return StoredSession{}, err
	}
	defer end()
	return sh.alive(key)
}

func (sh *shelf) alive(key SessionKey) (StoredSession, error) {
	row, ok := sh.rows[key]
	if !ok || !row.Expires.IsZero() && !row.Expires.After(time.Now()) {
		return StoredSession{}, ErrNoSession
	}
	return kept(row), nil
}

func (sh *shelf) Adopt(ctx context.Context, s StoredSession) error {
	end, err := sh.begin(ctx, "adopt")
	if err != nil {
		return err
	}
	defer end()
	row, err := sh.alive(s.Key)
	switch {
	case err != nil:
		return err
	case row.Term != s.Term-1:
		return ErrSessionMoved
	}
	sh.rows[s.Key] = kept(s)
	return nil
}

func (sh *shelf) Update(ctx context.Context, s StoredSession) error {
	end, err := sh.begin(ctx, "update")
	if err != nil {
		return err
	}
	defer end()
	row, ok := sh.rows[s.Key]
	switch {
	case !ok:
		return ErrNoSession
	case row.Term != s.Term:
		return ErrSessionMoved
	case row.Version < s.Version:
		s.Place = later(row.Place, s.Place)
		sh.rows[s.Key] = kept(s)
	}
	return nil
}

func (sh *shelf) Save(ctx context.Context, progress []Progress) error {
	end, err := sh.begin(ctx, "save")
	if err != nil {
		return err
	}
	defer end()
	for _, p := range progress {
		row, ok := sh.rows[p.Key]
		if !ok || row.Term != p.Term {
			continue
		}
		row.Place, row.Expires = later(row.Place, p.Place), p.Expires
		sh.rows[p.Key] = row
		sh.steps[p.Key] = append(sh.steps[p.Key], p.Steps...)
	}
	return nil
}

func later(a, b Place) Place {
	if a.Turn > b.Turn || a.Turn == b.Turn && a.Confirmed > b.Confirmed {
		return a
	}
	return b
}

func (sh *shelf) Delete(ctx context.Context, key SessionKey) error {
	end, err := sh.begin(ctx, "delete")
	if err != nil {
		return err
	}
	defer end()
	delete(sh.rows, key)
	return nil
}
