package sqlite

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// Time in which no server ran counts for nobody's absence: what a session had left when the last server went away it has left when the next begins.
// One that a server held when it was killed has the whole window. A clock that is set back between the two changes nothing of it.
func TestTimeWithoutServer(t *testing.T) {
	t.Parallel()
	const window = 10 * time.Minute
	begin := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for name, away := range map[string]time.Duration{"an hour": time.Hour, "no time": 0, "the clock was set back": -3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, now := t.TempDir(), begin
			open := func() *Store {
				t.Helper()
				s, err := Open(t.Context(), dir, Options{ResumeWindow: window, Now: func() time.Time { return now }})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			shut := func(s *Store) {
				t.Helper()
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			left := map[store.SessionKey]time.Duration{{1}: time.Minute, {2}: -time.Second, {3}: 0}
			first := open()
			for key, d := range left {
				n := store.Session{Key: key, Subscriber: "agent:dana", Term: 1}
				if d != 0 {
					n.Expires = begin.Add(d)
				}
				if err := first.InsertSession(t.Context(), n, begin); err != nil {
					t.Fatal(err)
				}
			}
			shut(first)
			left[store.SessionKey{3}] = window
			for range 2 { // the second time the clock stands still
				if now.Equal(begin) {
					now = begin.Add(away)
				}
				s := open()
				for key, d := range left {
					got, err := s.Session(t.Context(), key, now)
					if d < 0 {
						if !errors.Is(err, store.ErrNotFound) {
							t.Errorf("one that had expired: %+v, %v", got, err)
						}
					} else if want := now.Add(d); err != nil || !got.Expires.Equal(want) {
						t.Errorf("expires %v, %v; want %v", got.Expires, err, want)
					}
				}
				shut(s)
			}
		})
	}
}

// That a server runs is noted while it does, and once more when it is closed.
func TestBeat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		opened := time.Now()
		beat := func() time.Duration {
			t.Helper()
			db := outside(t, dir)
			defer db.Close()
			var at int64
			if err := db.QueryRow("SELECT value FROM meta WHERE key = 'beat'").Scan(&at); err != nil {
				t.Fatal(err)
			}
			return instant(at).Sub(opened.Truncate(time.Microsecond))
		}
		if d := beat(); d != 0 {
			t.Errorf("the first beat is at %v", d)
		}
		<-time.After(3*beatEvery + time.Second)
		synctest.Wait()
		if d := beat(); d != 3*beatEvery {
			t.Errorf("after 31 s the last beat is at %v", d)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if d := beat(); d != 3*beatEvery+time.Second {
			t.Errorf("the last of all is at %v", d)
		}
	})
}
