package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/store"
)

var sessionTests = []test{
	{"insert, find, end", sessionLife},
	{"a log-in ends with its sessions", loginEnds},
	{"a session expires", sessionExpiry},
	{"adopting counts the term up", adoption},
	{"of many who adopt one succeeds (A20)", adoptionRace},
	{"updates in any order: the newest stays", updates},
	{"a place never goes back within a turn", places},
	{"news of many sessions", saveMany},
	{"pruning ends what has expired", pruneExpired},
}

func session(id string) store.Session {
	return store.Session{
		Key: sha256.Sum256([]byte(id)), Handle: "h-" + id, Subscriber: "agent:dana", UserID: "dana", Login: "l1", Term: 1, Version: 1,
		Place: store.Place{Confirmed: 1<<40 + 7}, Subscriptions: map[string]int64{"/v2/me/chats": 1<<40 + 7, "/v2/**": 3},
		Details: jsontext.Value(`{ "cookie": "é",  "n":1.0}`),
	}
}

func (f fixture) insert(s store.Session) {
	f.Helper()
	if err := f.InsertSession(f.Context(), s, start); err != nil {
		f.Fatal(err)
	}
}

func (f fixture) progress(p ...store.Progress) {
	f.Helper()
	if err := f.SaveSessions(f.Context(), p); err != nil {
		f.Fatal(err)
	}
}

func (f fixture) end(s store.Session, now time.Time) {
	f.Helper()
	if err := f.EndSession(f.Context(), s.Key, now); err != nil {
		f.Fatal(err)
	}
}

func (f fixture) session(want store.Session) {
	f.Helper()
	got, err := f.Session(f.Context(), want.Key, start)
	if err != nil {
		f.Fatal(err)
	}
	f.same(want, got)
}

func (f fixture) noSession(key store.SessionKey, now time.Time) {
	f.Helper()
	if got, err := f.Session(f.Context(), key, now); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("%+v, %v; want ErrNotFound", got, err)
	}
}

func (f fixture) refused(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Errorf("%v, want %v", err, want)
	}
}

func sessionLife(f fixture) {
	a, b, ctx := session("a"), session("b"), f.Context()
	b.UserID, b.Subscriptions, b.Details = "", map[string]int64{}, nil
	f.noSession(a.Key, start)
	f.insert(a)
	f.insert(b)
	f.session(a)
	f.session(b)
	f.refused(f.InsertSession(ctx, a, start), store.ErrConflict)

	f.end(a, start)
	f.end(a, start)
	f.end(session("unknown"), start)
	f.noSession(a.Key, start)
	f.session(b)
	// It is not brought back by who does not know that it has ended.
	a.Version++
	f.refused(f.UpdateSession(ctx, a, start), store.ErrNotFound)
	f.progress(store.Progress{Key: a.Key, Term: 1, Place: store.Place{Turn: 9}})
	a.Term++
	f.refused(f.AdoptSession(ctx, a, start), store.ErrNotFound)
	f.noSession(a.Key, start)
	a.Place.Confirmed++
	f.insert(a)
	f.session(a)
	if r := f.all(); len(r) != 2 || !r[0].Begun.Equal(start) || !r[0].Ended.IsZero() {
		f.Errorf("%+v", r)
	}
}

func loginEnds(f fixture) {
	a, b, other := session("a"), session("b"), session("c")
	other.Login = "l2"
	for _, s := range []store.Session{a, b, other} {
		f.insert(s)
	}
	for range 2 {
		if err := f.EndSessionsOf(f.Context(), "l1", start); err != nil {
			f.Fatal(err)
		}
	}
	f.noSession(a.Key, start)
	f.noSession(b.Key, start)
	f.session(other)
	if r := f.all(); len(r) != 3 || !r[0].Ended.Equal(start) || !r[2].Ended.IsZero() {
		f.Errorf("%+v", r)
	}
}

func sessionExpiry(f fixture) {
	s := session("a")
	s.Expires = start.Add(time.Minute)
	f.insert(s)
	f.session(s)
	if _, err := f.Session(f.Context(), s.Key, s.Expires.Add(-time.Microsecond)); err != nil {
		f.Error(err)
	}
	f.noSession(s.Key, s.Expires)
	s.Term++
	f.refused(f.AdoptSession(f.Context(), s, s.Expires), store.ErrNotFound)
	s.Term--
	// Its client came back in time: a server holds it again.
	f.progress(store.Progress{Key: s.Key, Term: 1, Place: s.Place})
	s.Expires = time.Time{}
	f.session(s)
	if _, err := f.Session(f.Context(), s.Key, far); err != nil {
		f.Error(err)
	}
	s.Expires, s.Version = start.Add(time.Hour), 2
	if err := f.UpdateSession(f.Context(), s, start); err != nil {
		f.Fatal(err)
	}
	f.session(s)
}

func adoption(f fixture) {
	ctx := f.Context()
	s := session("a")
	s.Version = 5
	f.refused(f.AdoptSession(ctx, s, start), store.ErrNotFound)
	f.insert(s)
	f.refused(f.AdoptSession(ctx, s, start), store.ErrConflict)
	next := s
	next.Term, next.Version, next.Login, next.Handle = 2, 1, "l2", "h2"
	next.Subscriptions = map[string]int64{"/v2/me/chats": 1<<40 + 7, "/v2/me/channels": 1}
	next.Details = jsontext.Value(`2`)
	if err := f.AdoptSession(ctx, next, start); err != nil {
		f.Fatal(err)
	}
	f.session(next)
	f.refused(f.AdoptSession(ctx, next, start), store.ErrConflict)

	// Who held it before can't do anything to it any more.
	s.Version++
	f.refused(f.UpdateSession(ctx, s, start), store.ErrConflict)
	f.progress(store.Progress{Key: s.Key, Term: 1, Place: store.Place{Turn: 3}, Expires: start})
	f.session(next)
	next.Term = 4
	f.refused(f.UpdateSession(ctx, next, start), store.ErrConflict)
	f.refused(f.AdoptSession(ctx, next, start), store.ErrConflict)
}

func adoptionRace(f fixture) {
	s := session("a")
	f.insert(s)
	for term := int64(2); term < 12; term++ {
		var winner atomic.Int64
		errs := together(16, func(i int) error {
			mine := s
			mine.Term, mine.Version = term, int64(i)
			err := f.AdoptSession(f.Context(), mine, start)
			if err == nil {
				winner.Store(int64(i))
			}
			return err
		})
		if n := countNil(f.T, errs, store.ErrConflict); n != 1 {
			f.Fatalf("term %d: %d adopted it", term, n)
		}
		s.Term, s.Version = term, winner.Load()
		f.session(s)
	}
}

func updates(f fixture) {
	s := session("a")
	f.insert(s)
	f.refused(f.UpdateSession(f.Context(), session("unknown"), start), store.ErrNotFound)
	newest := s
	newest.Version = 9
	newest.Subscriptions = map[string]int64{"/v2/**": 5, "/new": 1}
	for _, v := range []int64{4, 9, 3, 9} {
		u := s
		u.Version, u.Subscriptions = v, map[string]int64{"/v2/**": v, fmt.Sprint("/", v): 1}
		if v == 9 {
			u = newest
		}
		if err := f.UpdateSession(f.Context(), u, start); err != nil {
			f.Fatal(err)
		}
	}
	f.session(newest)
}

func places(f fixture) {
	s := session("a")
	s.Place = store.Place{Turn: 1, Confirmed: 50}
	f.insert(s)
	for i, step := range []struct{ turn, confirmed, wantTurn, want int64 }{
		{1, 50, 1, 50},
		{1, 60, 1, 60},
		{1, 55, 1, 60}, // late
		{2, 10, 2, 10}, // the client went back
		{1, 99, 2, 10}, // late, and of the turn before
		{2, 11, 2, 11},
		{2, 0, 2, 11},
	} {
		s.Expires = start.Add(time.Duration(i+1) * time.Hour)
		at := store.Place{Turn: step.turn, Confirmed: step.confirmed}
		if i%2 == 0 {
			f.progress(store.Progress{Key: s.Key, Term: 1, Place: at, Expires: s.Expires})
		} else {
			u := s
			u.Version, u.Place = s.Version+1, at
			if err := f.UpdateSession(f.Context(), u, start); err != nil {
				f.Fatal(err)
			}
		}
		got, err := f.Session(f.Context(), s.Key, start)
		if want := (store.Place{Turn: step.wantTurn, Confirmed: step.want}); err != nil || got.Place != want {
			f.Fatalf("step %d: %+v, %v; want %+v", i, got.Place, err, want)
		}
		s = got
	}
	// The place that an adopter has read may be a moment old.
	s.Term, s.Place.Confirmed = 2, 5
	if err := f.AdoptSession(f.Context(), s, start); err != nil {
		f.Fatal(err)
	}
	s.Place.Confirmed = 11
	f.session(s)
}

func saveMany(f fixture) {
	const n = 100
	var news []store.Progress
	all := make([]store.Session, n)
	for i := range all {
		s := session(fmt.Sprint(i))
		f.insert(s)
		s.Place.Confirmed += int64(i)
		s.Expires = start.Add(time.Duration(i+1) * time.Minute)
		all[i] = s
		news = append(news, store.Progress{Key: s.Key, Term: 1, Place: s.Place, Expires: s.Expires})
	}
	f.progress(append(news, store.Progress{Key: session("unknown").Key, Term: 1})...)
	for _, s := range all {
		f.session(s)
	}
	f.progress()
}

func pruneExpired(f fixture) {
	expired, parked, held := session("expired"), session("parked"), session("held")
	expired.Expires, parked.Expires = start.Add(time.Hour), start.Add(2*time.Hour)
	for _, s := range []store.Session{expired, parked, held} {
		f.insert(s)
	}
	f.prune(store.Horizons{Sessions: start.Add(time.Hour + time.Microsecond), Batch: 1})
	f.noSession(expired.Key, start)
	f.session(parked)
	f.session(held)
	f.prune(store.Horizons{Sessions: far, Feed: far})
	f.noSession(parked.Key, start)
	f.session(held)
	// Its key is free when nothing is known of it any more.
	f.insert(expired)
	f.session(expired)
}
