package bayeux

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

// saver writes to the SessionStore what no client waits for: how far sessions have come, and which have ended. It is a timer: while there is no
// news, nothing runs. One pass writes all that has gathered.
type saver struct {
	srv     *Server
	mu      sync.Mutex
	listed  []*Session
	gone    map[SessionKey]*Session // ended, and still in the store for all we know
	timer   *time.Timer
	due     time.Time // zero: nothing is
	failing bool      // the last pass met an error, which was logged
	passing sync.Mutex
}

// saveAfter is how long news gathers: with the writing it is on disk within a second.
const saveAfter = 800 * time.Millisecond

// finishPause is the time between two attempts at the end.
const finishPause = 100 * time.Millisecond

// rowsAtOnce is how many rows are written at a time: a store can put them into one transaction.
const rowsAtOnce = 16

func (v *saver) init(srv *Server) {
	v.srv = srv
	v.gone = make(map[SessionKey]*Session)
}

// list takes note of a session with news. Its lock is held.
func (v *saver) list(s *Session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listed = append(v.listed, s)
	v.plan(saveAfter)
}

// hurry has the next pass begin at once.
func (v *saver) hurry() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.plan(0)
}

// forget has the row of a session that ends deleted. From now on nobody can bring it back.
func (v *saver) forget(s *Session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone[keyOf(s.id)] = s
	v.plan(0)
}

// isGone reports whether a session has ended that the store may still have.
func (v *saver) isGone(key SessionKey) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, gone := v.gone[key]
	return gone
}

// plan sees to it that a pass begins soon enough. v.mu is held.
func (v *saver) plan(in time.Duration) {
	at := time.Now().Add(in)
	if !v.due.IsZero() && !at.Before(v.due) {
		return
	}
	v.due = at
	if v.timer == nil {
		v.timer = v.srv.after(in, func() { v.tell(v.pass(v.srv.ctx)) })
	} else {
		v.timer.Reset(in)
	}
}

// pass writes what there is. What fails stays for the next one.
func (v *saver) pass(ctx context.Context) (err error) {
	v.passing.Lock()
	defer v.passing.Unlock()
	v.mu.Lock()
	listed, gone := v.listed, maps.Clone(v.gone)
	v.listed, v.due = nil, time.Time{}
	v.mu.Unlock()

	err = atOnce(slices.Values(listed), func(s *Session) error { return s.keep(ctx) })
	if e := v.save(ctx, listed); err == nil {
		err = e
	}
	if e := atOnce(maps.Values(gone), func(s *Session) error { return v.delete(ctx, s) }); err == nil {
		err = e
	}

	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.listed)+len(v.gone) > 0 {
		v.plan(saveAfter)
	}
	return err
}

// tell logs how a pass ended, when that has changed.
func (v *saver) tell(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case err != nil && !v.failing:
		v.srv.opt.Logger.Error("cannot write to the store of sessions; trying again", "error", err)
	case err == nil && v.failing:
		v.srv.opt.Logger.Info("the store of sessions can be written to again")
	}
	if v.failing = err != nil; v.failing {
		v.srv.counters.unsaved.Add(1)
	}
}

// save writes the progress of sessions. A place is understood with the subscriptions of its time only (RP-2): where these are not on disk, it waits for them.
func (v *saver) save(ctx context.Context, sessions []*Session) error {
	var news []Progress
	var whose []*Session
	for _, s := range sessions {
		s.mu.Lock()
		s.kept.listed = false
		switch {
		case s.ended == 0 && s.kept.onDisk != s.kept.changes:
			s.news()
		case s.ended == 0 || len(s.kept.steps) > 0:
			news = append(news, Progress{Key: keyOf(s.id), Term: s.kept.term, Place: s.place(), Expires: s.expires(), Steps: s.kept.steps})
			whose = append(whose, s)
			s.kept.steps = nil
		}
		s.mu.Unlock()
	}
	if len(news) == 0 {
		return nil
	}
	err := guarded(func() error { return v.srv.opt.Sessions.Save(ctx, news) })
	if err != nil {
		for i, s := range whose {
			s.mu.Lock()
			s.kept.putBack(news[i].Steps)
			s.news()
			s.mu.Unlock()
		}
	}
	return err
}

// delete deletes the row of a session that has ended, when the last that is known of its deliveries is written.
func (v *saver) delete(ctx context.Context, s *Session) error {
	key := keyOf(s.id)
	err := v.save(ctx, []*Session{s})
	if err == nil {
		err = guarded(func() error { return v.srv.opt.Sessions.Delete(ctx, key) })
	}
	if err == nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.gone, key)
	}
	return err
}

// atOnce does something with all sessions, with some of them at the same time, and returns the first error.
func atOnce(sessions iter.Seq[*Session], do func(*Session) error) (first error) {
	var all sync.WaitGroup
	var once sync.Once
	places := make(chan struct{}, rowsAtOnce)
	for s := range sessions {
		places <- struct{}{}
		all.Go(func() {
			if err := do(s); err != nil {
				once.Do(func() { first = err })
			}
			<-places
		})
	}
	all.Wait()
	return first
}

// finish writes all that there is. No timer runs any more.
func (v *saver) finish(ctx context.Context) error {
	for {
		err := v.pass(ctx)
		v.mu.Lock()
		done := len(v.listed)+len(v.gone) == 0
		v.mu.Unlock()
		if done {
			return nil
		}
		pause := time.NewTimer(finishPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("not all sessions could be written to the store: %w", err)
		}
	}
}
