package agentapi

import (
	"testing"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeux/sessionstoretest"
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
		return sessions{db}
	})
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
