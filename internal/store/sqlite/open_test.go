package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// SQLite before 3.51.3 can lose what was committed when the journal begins anew while another connection copies it.
func TestSQLiteVersion(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	var version string
	if err := s.read.QueryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	var v [3]int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		t.Fatalf("version %q: %v", version, err)
	}
	if slices.Compare(v[:], []int{3, 51, 3}) < 0 {
		t.Errorf("SQLite is %s, want 3.51.3 or later", version)
	}
}

// What is promised about durability hangs on these settings, on each connection.
func TestPragmas(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	want := map[string]string{
		"busy_timeout": "5000", "journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "wal_autocheckpoint": "8000",
		"temp_store": "2",
	}
	read := func(query func(string) *sql.Row, name string) (v string) {
		if err := query("PRAGMA " + name).Scan(&v); err != nil {
			t.Fatalf("PRAGMA %s: %v", name, err)
		}
		return v
	}
	reader := func(q string) *sql.Row { return s.read.QueryRow(q) }
	writer := func(q string) *sql.Row { return s.writer.conn.QueryRowContext(t.Context(), q) } // idle: nothing else uses it
	for name, value := range want {
		if got := read(reader, name); got != value {
			t.Errorf("reading: %s is %s, want %s", name, got, value)
		}
		if got := read(writer, name); got != value {
			t.Errorf("writing: %s is %s, want %s", name, got, value)
		}
	}
	if r, w := read(reader, "query_only"), read(writer, "query_only"); r != "1" || w != "0" {
		t.Errorf("query_only is %s for reading and %s for writing", r, w)
	}
	if r, w := read(reader, "cache_size"), read(writer, "cache_size"); r != "-8000" || w != "-64000" {
		t.Errorf("cache_size is %s for reading and %s for writing", r, w)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"new/and/deep", "with space", "a?mode=ro&b#c", "100%20", "größe"} {
		dir := filepath.Join(t.TempDir(), filepath.FromSlash(name))
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if _, err := s.Commit(t.Context(), store.Batch{}); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%q has mode %v, %v; want 0700", name, info.Mode(), err)
		}
		if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
			t.Error(err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file, Options{}); err == nil {
		t.Error("a file was opened as a data folder")
	}
}

// TestLocked (I5): a second process is told which folder is taken, by whom, and what to do; and it does no harm.
func TestLocked(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(childFolder); dir != "" {
		s, err := Open(t.Context(), dir, Options{})
		if err == nil {
			s.Close()
		}
		fmt.Println("child:", errors.Is(err, store.ErrLocked), err)
		return
	}
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := asChild(t, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"child: true", dir, fmt.Sprintf("process %d", os.Getpid()), "stop that process or choose another folder"} {
		if !bytes.Contains(out, []byte(part)) {
			t.Errorf("the second process said %q, which lacks %q", out, part)
		}
	}
	if _, err := s.Commit(t.Context(), crashBatch("c", 1, "agent:dana")); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := asChild(t, dir).Output(); err != nil || !bytes.Contains(out, []byte("child: false <nil>")) {
		t.Errorf("after Close the second process said %q, %v", out, err)
	}
}

// TestDamaged (I4): a damaged file is not opened, or found by Check, and the message names it and says what to do.
func TestDamaged(t *testing.T) {
	t.Parallel()
	sound := soundFile(t)
	for name, damage := range map[string]func([]byte) []byte{
		"not a database":      func([]byte) []byte { return []byte(strings.Repeat("this is not a database. ", 100)) },
		"the tail is cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"cut within a page":   func(b []byte) []byte { return b[:len(b)-4096-77] },
		"the header is wrong": func(b []byte) []byte { b[7] ^= 1; return b },
		"the schema is wrong": func(b []byte) []byte { copy(b[100:200], make([]byte, 100)); return b },
		"a page is wrong":     func(b []byte) []byte { copy(b[len(b)/2/4096*4096:], make([]byte, 4096)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, fileName)
			if err := os.WriteFile(file, damage(bytes.Clone(sound)), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), dir, Options{})
			if err == nil {
				err = inspect(t, dir)
				s.Close()
			} else if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("%v, want ErrDamaged", err)
			}
			if err == nil {
				t.Fatal("nothing was found")
			}
			for _, part := range []string{file, "restore the file from a backup"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the message %q lacks %q", err, part)
				}
			}
		})
	}
}

// soundFile returns a database of some hundred pages.
func soundFile(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for seq := range int64(500) {
		if _, err := s.Commit(t.Context(), crashBatch("chat-0", seq+1, "agent:dana")); err != nil {
			t.Fatal(err)
		}
	}
	wantSound(t, s.folder.path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// outside opens the file of a data folder past the store.
func outside(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db, err := openHandle(filepath.Join(dir, fileName), 1)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestFromFirstSchema: whatever the first released schema holds is readable in today's. The file is never made anew.
func TestFromFirstSchema(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("testdata/schema-1.sql")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	db := outside(t, dir)
	if _, err := db.Exec(string(script)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	at := time.Date(2026, 1, 2, 3, 4, 5, 600_000, time.UTC)
	same := func(what string, want, got any, err error) {
		t.Helper()
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v; want (-), got (+):\n%s", what, err, d)
		}
	}
	row, err := s.Chat(ctx, "chat-1")
	same("chat", store.ChatRow{ID: "chat-1", Service: "support", Seq: 2, Phase: chat.WrapUp, KeyHash: [32]byte{0xab}, Started: at, Ended: at.Add(time.Minute)}, row, err)
	row, err = s.Chat(ctx, "chat-2")
	same("chat", store.ChatRow{ID: "chat-2", Service: "support", Seq: 1, Phase: chat.Waiting, KeyHash: [32]byte{0xcd}, Started: at}, row, err)
	events, err := s.Events(ctx, "chat-1", 0, 0)
	same("events", []chat.Event{
		{ChatID: "chat-1", Seq: 1, Index: 1, At: at, Actor: chat.Actor{Kind: chat.ByCustomer}, Body: chat.MessageSent{Text: "hello"}},
		{ChatID: "chat-1", Seq: 2, At: at, Actor: chat.Actor{Kind: chat.ByAgent, UserID: "dana"}, Body: chat.Unknown{Of: "of-old", Raw: []byte(`{"a": 1.0}`)}},
	}, events, err)
	counts, err := s.Counts(ctx)
	same("counts", map[chat.Phase]int{chat.Waiting: 1, chat.WrapUp: 1}, counts, err)
	agents, err := s.Agents(ctx)
	same("agents", []store.AgentRow{{State: agent.State{UserID: "dana", RefID: 7}, Version: 3}}, agents, err)
	waiting, err := s.Waiting(ctx)
	same("work", []store.Work{{ChatID: "chat-2", Queue: "support", Since: at, Priority: 1}}, waiting, err)
	timers, _, err := s.DueTimers(ctx, at.Add(time.Hour), 0)
	same("timers", []store.Timer{{Kind: "customer", Key: "chat-1", At: at.Add(time.Hour), Data: []byte(`{"chatId":"chat-1"}`)}}, timers, err)
	feed, err := s.Feed(ctx, "agent:dana", 0, 0)
	same("feed", []store.Notification{
		{Subscriber: "agent:dana", N: 12345<<31 + 8, Topic: "/v2/me/chats", Data: []byte(`{"n":8}`), At: at},
		{Subscriber: "agent:dana", N: 12345<<31 + 9, Topic: "/v2/me/chats", Data: []byte(`{"n":9}`), At: at},
	}, feed, err)
	answer, err := s.Answer(ctx, "k", [32]byte{1})
	same("answer", `{"refId":7}`, string(answer), err)
	login, err := s.Login(ctx, [32]byte{2})
	same("login", store.Login{TokenHash: [32]byte{2}, UserID: "dana", CSRF: "csrf", Created: at, Seen: at}, login, err)
	ours, err := s.Lease(ctx, "dispatcher", "node-2", at, time.Second)
	same("lease", false, ours, err)

	r, err := s.Commit(ctx, crashBatch("chat-3", 1, "agent:dana"))
	if err != nil || r.Notifications[0].N != 12345<<31+10 {
		t.Errorf("after the migration: %+v, %v", r, err)
	}
}

// A schema that a newer version has made is refused, and left as it is (I9).
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db := outside(t, dir)
	defer db.Close()
	if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = Open(context.Background(), dir, Options{})
		if err == nil || !strings.Contains(err.Error(), "schema has version 99") || !strings.Contains(err.Error(), "newer version") ||
			!strings.Contains(err.Error(), filepath.Join(dir, fileName)) {
			t.Errorf("got %v", err)
		}
	}
}

// What another program keeps in a file of this name stays as it is.
func TestForeignDatabase(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string]string{
		"tables":               `CREATE TABLE meta (x); CREATE TABLE bookmark (x)`,
		"one table":            `CREATE TABLE bookmark (x)`,
		"an application of it": `PRAGMA application_id = 252006675`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db := outside(t, dir)
			if _, err := db.Exec(statements); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, errForeign) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v", err)
			}
			found, err := Check(t.Context(), dir)
			if err != nil || len(found) != 1 || !strings.Contains(found[0].What, "not one of Halley's") {
				t.Errorf("%+v, %v", found, err)
			}
			if _, err := Restore(t.Context(), filepath.Join(dir, fileName), t.TempDir(), RestoreOptions{}); !errors.Is(err, errForeign) {
				t.Errorf("as a backup: %v", err)
			}
			db = outside(t, dir)
			defer db.Close()
			var tables int
			if err := db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'goose%'").Scan(&tables); err != nil || tables > 0 {
				t.Errorf("%d tables of ours in it, %v", tables, err)
			}
		})
	}
}
