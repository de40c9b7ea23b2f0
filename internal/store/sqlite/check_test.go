package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// asError is findings as one error.
func asError(found []Finding) error {
	errs := make([]error, len(found))
	for i, f := range found {
		errs[i] = errors.New(f.Where + ": " + f.What + ": " + f.Do)
	}
	return errors.Join(errs...)
}

// inspect is Check as an error.
func inspect(t *testing.T, dir string) error {
	t.Helper()
	found, err := Check(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return asError(found)
}

// wantSound wants Check to find nothing.
func wantSound(t *testing.T, dir string) {
	t.Helper()
	if err := inspect(t, dir); err != nil {
		t.Error(err)
	}
}

// TestCheck (I4): each rule of the contract that the data breaks is a finding, which names the table and the row and says what to do; beside a store at
// work too.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ tamper, where, what string }{
		"an event is missing":        {`DELETE FROM event WHERE seq = 2`, "table event, chat c", "event 3 follows event 1"},
		"the first event is missing": {`DELETE FROM event WHERE seq = 1`, "table event, chat c", "event 2 follows event 0"},
		"the last event is missing":  {`DELETE FROM event WHERE seq = 4`, "table chat, chat c", "says that its log ends at event 4; it ends at 3"},
		"the log is missing":         {`DELETE FROM event`, "table chat, chat c", "ends at event 4; it ends at 0"},
		"the chat is missing":        {`DELETE FROM chat; DELETE FROM bin; UPDATE chat_count SET n = 0`, "table chat, chat c", "ends at event 0; it ends at 4"},
		"an index is missing":        {`UPDATE event SET idx = 7, crc = NULL WHERE seq = 3`, "table event, chat c, event 3", "index 7 follows index 0"},
		"a notification is missing":  {`DELETE FROM feed WHERE n = 2`, "table feed, feed of agent:dana", "3 notifications from 1 to 4; its head says 4"},
		"the newest is missing":      {`DELETE FROM feed WHERE n = 4`, "table feed, feed of agent:dana", "3 notifications from 1 to 3; its head says 4"},
		"a head is missing":          {`DELETE FROM feed_head`, "table feed, feed of agent:dana", "its head says 0"},
		"a count is wrong":           {`UPDATE chat_count SET n = 5`, "table chat_count, phase active", "5 chats are counted, there are 1"},
		"an event is another":        {`UPDATE event SET body = '{}' || ' ' WHERE seq = 2`, "table event, row c 2", "its checksum does not fit"},
		"a notification is another":  {`UPDATE feed SET topic = 'x' WHERE n = 2`, "table feed, row agent:dana 2", "its checksum does not fit"},
		"a chat is another":          {`UPDATE chat SET ended = 1`, "table chat, row c", "its checksum does not fit"},
		"a session is too far":       {`UPDATE session SET confirmed = confirmed + 5`, "table session, session h", "its place is 5, and its feed ends at 4"},
		"unknown work":               {`INSERT INTO work (chat_id, queue, since, priority) VALUES ('x', 'q', 1, 1)`, "table work, chat x", "there is no such chat"},
		"an unknown chat put aside": {
			fmt.Sprintf(`INSERT INTO bin VALUES ('x', 'b', 'dana', 1, %d)`, checksum("bin", []any{"x", "b", "dana", int64(1)})), "table bin, chat x", "there is no such chat",
		},
		"another one was put aside": {`UPDATE bin SET workbin = 'omar'`, "table bin, row c", "its checksum does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTemp(t)
			defer s.Close()
			commitFour(t, s)
			if _, err := s.Commit(t.Context(), store.Batch{Bins: []store.BinChange{{Binned: store.Binned{ChatID: "c", Workbin: "dana"}}}}); err != nil {
				t.Fatal(err)
			}
			if err := s.InsertSession(t.Context(), store.Session{Handle: "h", Subscriber: "agent:dana", Term: 1, Place: store.Place{Confirmed: feedNumber(s.epoch, 0)}}, time.Now()); err != nil {
				t.Fatal(err)
			}
			wantSound(t, s.folder.path)
			db := outside(t, s.folder.path)
			defer db.Close()
			if _, err := db.Exec(tc.tamper); err != nil {
				t.Fatal(err)
			}
			found, err := Check(t.Context(), s.folder.path)
			if err != nil || len(found) != 1 {
				t.Fatalf("%+v, %v; want one finding", found, err)
			}
			f := found[0]
			if !strings.HasPrefix(f.Where, s.folder.database()) || !strings.HasSuffix(f.Where, tc.where) || !strings.Contains(f.What, tc.what) {
				t.Errorf("got %+v, want %q: %q", f, tc.where, tc.what)
			}
			if !strings.Contains(f.Do, "halley restore") {
				t.Errorf("it says to do %q", f.Do)
			}
		})
	}
}

// commitFour writes four events of one chat, each with its notification.
func commitFour(t *testing.T, s *Store) {
	t.Helper()
	for seq := range int64(4) {
		if _, err := s.Commit(t.Context(), crashBatch("c", seq+1, "agent:dana")); err != nil {
			t.Fatal(err)
		}
	}
}

// What was pruned is not missing.
func TestCheckPruned(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	commitFour(t, s)
	if n, err := s.Prune(t.Context(), store.Horizons{Feed: time.Now(), Batch: 1}); err != nil || n == 0 {
		t.Fatalf("%d rows pruned, %v", n, err)
	}
	wantSound(t, s.folder.path)
}

// A folder without a database is an error, not a sound one.
func TestCheckNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Check(t.Context(), dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}
