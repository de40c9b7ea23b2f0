package agentapi

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeux/sessionstoretest"
	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// The real store keeps sessions as the Bayeux server needs it (DEL-14).
func TestSessionStore(t *testing.T) {
	t.Parallel()
	sessionstoretest.Run(t, func(t *testing.T) bayeux.SessionStore {
		db, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return sessions{db, centre(t)}
	})
}

// agent-api 2.1: who may not shake hands any more, since the configuration has changed, does not go on with a session of before either.
func TestSessionsNeedARole(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	kept := sessions{h.Sessions, h.Directory}
	for i, name := range []string{"dana", "ines", "admin", "guest"} {
		id := directory.UserID(name)
		s := bayeux.StoredSession{Key: bayeux.SessionKey{byte(i)}, Principal: bayeux.Principal{User: id}, Stream: id, Term: 1, Version: 1, Details: []byte("{}")}
		if err := kept.Insert(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Find(t.Context(), s.Key); (err == nil) != (name != "guest") || err != nil && !errors.Is(err, bayeux.ErrNoSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// DC-7, agent-api 2.6: a log-out ends also those sessions of the log-in whose clients have not come back since the server was started.
func TestLogOutEndsKeptSessions(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	desktop := dana.connect(bayeuxclient.LongPolling, TopicChannels)
	mine, err := h.Sessions.Session(t.Context(), sha256.Sum256([]byte(desktop.bayeux.ID())), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, elsewhere := mine, mine
	other.Key, elsewhere.Key, elsewhere.Login = store.SessionKey{1}, store.SessionKey{2}, "another"
	for _, s := range []store.Session{other, elsewhere} {
		if err := h.Sessions.InsertSession(t.Context(), s, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	dana.ok("/api/v2/me", `{"operationName":"EndContactCenterSession"}`)
	for key, want := range map[store.SessionKey]error{mine.Key: store.ErrNotFound, other.Key: store.ErrNotFound, elsewhere.Key: nil} {
		if _, err := h.Sessions.Session(t.Context(), key, time.Now()); !errors.Is(err, want) {
			t.Errorf("after the log-out: %v, want %v", err, want)
		}
	}
}

// agent-api 2.6: a session keeps its log-in alive while it runs, parked ones do not; one that an older server made counts when its client is back.
// The calls may come in any order.
func TestLivingSessions(t *testing.T) {
	t.Parallel()
	var l logins
	for i, step := range []struct {
		add  int
		want bool
	}{{1, true}, {-1, false}, {1, true}, {-1, false}, {-1, false}, {1, false}, {1, true}, {1, true}, {-1, true}, {-1, false}} {
		l.add("l1", step.add)
		if l.has("l1") != step.want || l.has("l2") {
			t.Fatalf("step %d: %t", i, !step.want)
		}
	}
	if len(l.sessions) != 0 {
		t.Errorf("kept: %v", l.sessions)
	}
}
