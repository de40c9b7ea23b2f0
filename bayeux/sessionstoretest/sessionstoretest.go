// Package sessionstoretest is the contract of bayeux.SessionStore as a test. Whoever writes a store runs it:
//
//	func TestSessionStore(t *testing.T) {
//		sessionstoretest.Run(t, func(t *testing.T) bayeux.SessionStore { return open(t) })
//	}
package sessionstoretest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeux"
)

// Run tests the store that open returns, a new and empty one for each call.
func Run(t *testing.T, open func(t *testing.T) bayeux.SessionStore) {
	for _, tt := range []struct {
		name string
		test func(store)
	}{
		{"what is inserted is found", found},
		{"unknown sessions", unknown},
		{"expired sessions", expired},
		{"adopt", adopt},
		{"of many who adopt one succeeds", adoptAtOnce},
		{"update", update},
		{"updates that overtake each other", overtaking},
		{"save", save},
		{"a place does not fall", places},
		{"delete", remove},
		{"many at once", many},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(store{t, open(t)}) })
	}
}

// store is a bayeux.SessionStore under test.
type store struct {
	t testing.TB
	bayeux.SessionStore
}

// session is one that some client made, with everything set. Times have a precision of a millisecond.
func session(id string) bayeux.StoredSession {
	return bayeux.StoredSession{
		Key: sha256.Sum256([]byte(id)), Handle: "h" + id, Principal: bayeux.Principal{User: "dana", Login: "l1"}, Stream: "dana",
		Term: 1, Version: 1, Place: bayeux.Place{Turn: 2, Confirmed: 5<<31 + 7}, Expires: time.Now().Add(time.Hour).Truncate(time.Millisecond),
		Subscriptions: map[string]int64{"/n": 5<<31 + 3, "/**": 0}, Details: []byte(`{"a":"é","b":[1]}`),
	}
}

func (st store) inserted(s bayeux.StoredSession) bayeux.StoredSession {
	st.t.Helper()
	if err := st.Insert(st.t.Context(), s); err != nil {
		st.t.Fatalf("insert: %v", err)
	}
	return s
}

// holds checks what is kept under the key of want.
func (st store) holds(want bayeux.StoredSession) {
	st.t.Helper()
	got, err := st.Find(st.t.Context(), want.Key)
	if err != nil {
		st.t.Errorf("find: %v", err)
		return
	}
	if !got.Expires.Equal(want.Expires) || !maps.Equal(got.Subscriptions, want.Subscriptions) || string(got.Details) != string(want.Details) ||
		got.Key != want.Key || got.Handle != want.Handle || got.Principal != want.Principal || got.Stream != want.Stream ||
		got.Term != want.Term || got.Version != want.Version || got.Place != want.Place {
		st.t.Errorf("kept is\n  %+v\nwant\n  %+v", got, want)
	}
}

func (st store) ok(err error) {
	st.t.Helper()
	if err != nil {
		st.t.Fatal(err)
	}
}

func (st store) fails(err, with error) {
	st.t.Helper()
	if !errors.Is(err, with) {
		st.t.Errorf("the error is %v, want %v", err, with)
	}
}

func found(st store) {
	full, held := session("a"), session("b")
	held.Expires, held.Subscriptions, held.Principal, held.Place = time.Time{}, nil, bayeux.Principal{Login: "l2"}, bayeux.Place{}
	st.inserted(full)
	st.inserted(held)
	st.holds(full)
	st.holds(held)
}

func unknown(st store) {
	ctx, s := st.t.Context(), session("a")
	st.inserted(session("b"))
	_, err := st.Find(ctx, s.Key)
	st.fails(err, bayeux.ErrNoSession)
	s.Term, s.Version = 2, 2
	st.fails(st.Adopt(ctx, s), bayeux.ErrNoSession)
	st.fails(st.Update(ctx, s), bayeux.ErrNoSession)
	st.ok(st.Delete(ctx, s.Key))
	st.ok(st.Save(ctx, []bayeux.Progress{{Key: s.Key, Term: 2, Place: s.Place}}))
	st.ok(st.Save(ctx, nil))
	_, err = st.Find(ctx, s.Key)
	st.fails(err, bayeux.ErrNoSession)
}

func expired(st store) {
	ctx, s := st.t.Context(), session("a")
	s.Expires = time.Now().Add(-time.Second)
	st.inserted(s)
	_, err := st.Find(ctx, s.Key)
	st.fails(err, bayeux.ErrNoSession)
	s.Term, s.Version = 2, 2
	st.fails(st.Adopt(ctx, s), bayeux.ErrNoSession)

	held := session("b")
	st.inserted(held)
	st.ok(st.Save(ctx, []bayeux.Progress{{Key: held.Key, Term: 1, Place: held.Place, Expires: time.Now().Add(-time.Second)}}))
	_, err = st.Find(ctx, held.Key)
	st.fails(err, bayeux.ErrNoSession)
	st.ok(st.Save(ctx, []bayeux.Progress{{Key: held.Key, Term: 1, Place: held.Place}})) // its client came back at the last moment
	held.Expires = time.Time{}
	st.holds(held)
}

func adopt(st store) {
	ctx, s := st.t.Context(), st.inserted(session("a"))
	s.Term, s.Version, s.Principal.Login, s.Expires = 2, 9, "l2", time.Time{}
	s.Subscriptions, s.Details, s.Place = map[string]int64{"/m": 4}, []byte(`{}`), bayeux.Place{Turn: 2, Confirmed: 5<<31 + 8}
	st.ok(st.Adopt(ctx, s))
	st.holds(s)
	for _, term := range []int64{1, 2, 4} {
		other := s
		other.Term, other.Details = term, []byte(`"other"`)
		st.fails(st.Adopt(ctx, other), bayeux.ErrSessionMoved)
	}
	st.holds(s)
}

func adoptAtOnce(st store) {
	s := st.inserted(session("a"))
	for term := int64(2); term < 6; term++ {
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				mine := s
				mine.Term, mine.Version, mine.Details = term, term, fmt.Appendf(nil, `"%d of %d"`, i, term)
				switch err := st.Adopt(st.t.Context(), mine); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, bayeux.ErrSessionMoved):
					st.t.Errorf("adopt: %v", err)
				}
			})
		}
		if all.Wait(); won.Load() != 1 {
			st.t.Fatalf("term %d was taken %d times", term, won.Load())
		}
	}
}

func update(st store) {
	ctx, s := st.t.Context(), st.inserted(session("a"))
	old := s
	s.Version, s.Details, s.Expires = 2, []byte(`{"v":2}`), time.Time{}
	s.Subscriptions, s.Place = map[string]int64{"/n": 1, "/o": 5<<31 + 9}, bayeux.Place{Turn: 3, Confirmed: 5<<31 + 2}
	st.ok(st.Update(ctx, s))
	st.holds(s)
	for _, version := range []int64{1, 2} { // a newer one stays
		old.Version, old.Details = version, []byte(`"old"`)
		st.ok(st.Update(ctx, old))
		st.holds(s)
	}
	next := s
	next.Term, next.Version = 2, 3
	st.ok(st.Adopt(ctx, next))
	s.Version = 4
	st.fails(st.Update(ctx, s), bayeux.ErrSessionMoved)
	st.holds(next)
}

func overtaking(st store) {
	const n = 20
	s := st.inserted(session("a"))
	var all sync.WaitGroup
	for version := int64(2); version <= n; version++ {
		all.Go(func() {
			mine := s
			mine.Version, mine.Subscriptions = version, map[string]int64{fmt.Sprintf("/%d", version): 1}
			if err := st.Update(st.t.Context(), mine); err != nil {
				st.t.Errorf("update: %v", err)
			}
		})
	}
	all.Wait()
	s.Version, s.Subscriptions = n, map[string]int64{fmt.Sprintf("/%d", n): 1}
	st.holds(s)
}

func save(st store) {
	ctx, a, b := st.t.Context(), st.inserted(session("a")), st.inserted(session("b"))
	now := time.Now()
	a.Place.Confirmed, a.Expires = a.Place.Confirmed+5, time.Time{}
	b.Expires = now.Add(time.Minute).Truncate(time.Millisecond)
	news := []bayeux.Progress{
		{Key: session("unknown").Key, Term: 1, Place: a.Place},
		{Key: a.Key, Term: 1, Place: a.Place, Steps: []bayeux.Step{
			{Kind: bayeux.StepPushed, After: 5<<31 + 7, To: 5<<31 + 12, At: now, Transport: bayeux.WebSocket},
			{Kind: bayeux.StepConfirmed, After: 5<<31 + 7, To: 5<<31 + 12, At: now, Transport: bayeux.WebSocket},
		}},
		{Key: b.Key, Term: 1, Place: b.Place, Expires: b.Expires, Steps: []bayeux.Step{
			{Kind: bayeux.StepLost, After: 5<<31 + 7, To: 5<<31 + 8, At: now, Transport: bayeux.LongPolling},
		}},
	}
	for range 2 { // the second changes nothing more
		st.ok(st.Save(ctx, news))
		st.holds(a)
		st.holds(b)
	}
	next := a
	next.Term, next.Version = 2, 2
	st.ok(st.Adopt(ctx, next))
	news[1].Place.Confirmed += 7 // of the one who held it before
	st.ok(st.Save(ctx, news))
	st.holds(next)
	news[1].Term = 3 // of nobody yet
	st.ok(st.Save(ctx, news))
	st.holds(next)
}

func places(st store) {
	ctx, s := st.t.Context(), st.inserted(session("a"))
	later := bayeux.Place{Turn: 3, Confirmed: 5<<31 + 4}
	for i, p := range []bayeux.Place{{Turn: 2, Confirmed: 5<<31 + 9}, {Turn: 2, Confirmed: 5<<31 + 8}, later, {Turn: 3, Confirmed: 5<<31 + 3}, {Turn: 2, Confirmed: 5<<31 + 11}} {
		st.ok(st.Save(ctx, []bayeux.Progress{{Key: s.Key, Term: 1, Place: p, Expires: s.Expires}}))
		if s.Place = p; i > 2 {
			s.Place = later
		} else if i == 1 {
			s.Place.Confirmed = 5<<31 + 9
		}
		st.holds(s)
	}
	s.Version, s.Place = 2, bayeux.Place{Turn: 3, Confirmed: 5<<31 + 1} // what it was when the update began
	s.Details = []byte(`{"v":2}`)
	st.ok(st.Update(ctx, s))
	s.Place = later
	st.holds(s)
}

func remove(st store) {
	ctx, s, other := st.t.Context(), st.inserted(session("a")), st.inserted(session("b"))
	st.ok(st.Delete(ctx, s.Key))
	st.ok(st.Delete(ctx, s.Key))
	st.ok(st.Save(ctx, []bayeux.Progress{{Key: s.Key, Term: 1, Place: s.Place}}))
	_, err := st.Find(ctx, s.Key)
	st.fails(err, bayeux.ErrNoSession)
	s.Version = 2
	st.fails(st.Update(ctx, s), bayeux.ErrNoSession)
	st.holds(other)
}

func many(st store) {
	ctx := context.WithoutCancel(st.t.Context())
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			s := session(fmt.Sprint(i))
			if err := st.Insert(ctx, s); err != nil {
				st.t.Errorf("insert: %v", err)
				return
			}
			for n := range int64(10) {
				s.Version++
				s.Place.Confirmed++
				s.Subscriptions = map[string]int64{"/n": n}
				if err := st.Update(ctx, s); err != nil {
					st.t.Errorf("update: %v", err)
				}
				s.Place.Confirmed++
				if err := st.Save(ctx, []bayeux.Progress{{Key: s.Key, Term: 1, Place: s.Place, Expires: s.Expires}}); err != nil {
					st.t.Errorf("save: %v", err)
				}
			}
			st.holds(s)
			if err := st.Delete(ctx, s.Key); err != nil {
				st.t.Errorf("delete: %v", err)
			}
		})
	}
	all.Wait()
}
