package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// TestBackup (I10): a backup taken while others write holds everything that was answered before it began, and is sound; restored, it has another epoch
// and nobody's session or log-in, and takes new chats.
func TestBackup(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	ctx := t.Context()
	if err := s.SaveLogin(ctx, store.Login{TokenHash: [32]byte{1}, UserID: "dana", Seen: time.Now()}); err != nil {
		t.Fatal(err)
	}
	aside := store.Binned{ChatID: "chat-0", Workbin: "dana", By: "dana", At: instant(1)}
	if _, err := s.Commit(ctx, store.Batch{Bins: []store.BinChange{{Binned: aside}}}); err != nil {
		t.Fatal(err)
	}
	var answered atomic.Int64
	writing, stop := context.WithCancel(ctx)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer stop()
	writer.Go(func() {
		for seq := int64(1); writing.Err() == nil; seq++ {
			if _, err := s.Commit(context.Background(), crashBatch("chat-0", seq, "agent:dana")); err != nil {
				t.Error(err)
				return
			}
			answered.Store(seq)
		}
	})
	for answered.Load() < 100 && !t.Failed() {
		if _, err := s.Chat(ctx, "chat-0"); err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	before := answered.Load()
	file, err := Backup(ctx, s.folder.path, filepath.Join(t.TempDir(), "backup.db"))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	writer.Wait()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}

	dir := filepath.Join(t.TempDir(), "new")
	if _, err := Restore(ctx, file, dir, RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, dir)
	r, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.epoch == s.epoch || r.epoch <= 0 || r.epoch >= 1<<22 {
		t.Errorf("the epoch is %d, it was %d", r.epoch, s.epoch)
	}
	checkAcks(t, r, nil)
	row, err := r.Chat(ctx, "chat-0")
	if err != nil || row.Seq < before || row.Seq > answered.Load() {
		t.Errorf("the chat is at %d, %v; at the backup's begin it was at %d", row.Seq, err, before)
	}
	if in, err := r.Bin(ctx, "dana"); err != nil || len(in) != 1 || in[0] != aside {
		t.Errorf("put aside: %+v, %v", in, err)
	}
	if _, err := r.Login(ctx, [32]byte{1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a log-in of before: %v", err)
	}
	if _, err := r.Commit(ctx, crashBatch("chat-0", row.Seq+1, "agent:dana")); err != nil {
		t.Error(err)
	}
}

// Without a server a backup works too, also of a folder whose server was killed; and it changes nothing there.
func TestBackupOffline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acks := killAfter(t, asChildOf(t, "TestKilled", dir), 200)
	file, err := Backup(t.Context(), dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(filepath.Base(file), "halley-2") {
		t.Errorf("in a folder it is called %s", file)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName+"-wal")); err != nil {
		t.Errorf("the journal of the dead server: %v", err)
	}
	other := t.TempDir()
	if _, err := Restore(t.Context(), file, other, RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), other, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range acks {
		acks[i].n = feedNumber(s.epoch, acks[i].n%(1<<31))
	}
	checkAcks(t, s, acks)
}

func TestBackupRefused(t *testing.T) {
	t.Parallel()
	sound := t.TempDir()
	if err := os.WriteFile(filepath.Join(sound, fileName), soundFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	torn := t.TempDir()
	b := soundFile(t)
	b[bytes.Index(b, crashData("chat-0", 250))] ^= 1
	if err := os.WriteFile(filepath.Join(torn, fileName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(t.TempDir(), "taken.db")
	if err := os.WriteFile(taken, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted := filepath.Join(t.TempDir(), "b.db")
	if err := os.WriteFile(interrupted+".part", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		dir, to string
		want    error
		says    string
	}{
		"nothing there": {t.TempDir(), t.TempDir(), fs.ErrNotExist, "--data"},
		"no folder":     {sound, filepath.Join(t.TempDir(), "no", "b.db"), fs.ErrNotExist, "b.db"},
		"a file":        {sound, taken, fs.ErrExist, "choose another name"},
		"interrupted":   {sound, interrupted, fs.ErrExist, "remove the file"},
		"damaged":       {torn, t.TempDir(), store.ErrDamaged, torn},
	} {
		if file, err := Backup(t.Context(), tc.dir, tc.to); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %q, %v; want %v, saying %q", name, file, err, tc.want, tc.says)
		}
		if left, err := filepath.Glob(filepath.Join(tc.to, "*")); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v, %v", name, left, err)
		}
	}
	if b, err := os.ReadFile(taken); err != nil || string(b) != "precious" {
		t.Errorf("the file that was there is %q, %v", b, err)
	}
}

// TestRestoreRefused (I5, I4): a folder that a server uses, or that has data, stays as it is; so does one whose backup is damaged.
func TestRestoreRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	used := openTemp(t)
	defer used.Close()
	if _, err := used.Commit(ctx, crashBatch("c", 1, "agent:dana")); err != nil {
		t.Fatal(err)
	}
	backup, err := Backup(ctx, used.folder.path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	full := t.TempDir()
	if _, err := Restore(ctx, backup, full, RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.db")
	if err := os.WriteFile(bad, []byte(strings.Repeat("this is not a database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		backup, dir string
		replace     bool
		want        error
		says        string
	}{
		"a server runs":                  {backup, used.folder.path, false, store.ErrLocked, "stop that process"},
		"a server runs, even to replace": {backup, used.folder.path, true, store.ErrLocked, "stop that process"},
		"there is data":                  {backup, full, false, fs.ErrExist, "--replace"},
		"no backup":                      {backup + "x", full, true, fs.ErrNotExist, backup + "x"},
		"an empty backup":                {empty, full, true, errEmpty, empty},
		"a damaged backup":               {bad, full, true, store.ErrDamaged, bad},
	} {
		if _, err := Restore(ctx, tc.backup, tc.dir, RestoreOptions{Replace: tc.replace}); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v; want %v, saying %q", name, err, tc.want, tc.says)
		}
	}
	wantSound(t, full)
	if left, err := filepath.Glob(filepath.Join(full, "*")); err != nil || len(left) != 2 {
		t.Errorf("the folder has %v, %v; want the database and the lock", left, err)
	}
}

// With Replace the database that was there is kept, with what was still in its journal, and can be opened.
func TestRestoreReplaces(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := openTemp(t)
	if _, err := s.Commit(ctx, crashBatch("chat-0", 1, "agent:dana")); err != nil {
		t.Fatal(err)
	}
	backup, err := Backup(ctx, s.folder.path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	acks := killAfter(t, asChildOf(t, "TestKilled", dir), 100)
	r, err := Restore(ctx, backup, dir, RestoreOptions{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(r.Kept) != dir {
		t.Errorf("the old database is kept in %q", r.Kept)
	}
	kept, err := Open(ctx, r.Kept, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	checkAcks(t, kept, acks)
	restored, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if row, err := restored.Chat(ctx, "chat-0"); err != nil || row.Seq != 1 {
		t.Errorf("the restored chat is at %d, %v; want 1", row.Seq, err)
	}
	if restored.epoch == kept.epoch {
		t.Error("the restored database has the epoch of the one that it replaced")
	}
}

// A folder in which a restore was interrupted is not opened, and a further restore mends it.
func TestRestoreInterrupted(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := openTemp(t)
	if _, err := s.Commit(ctx, crashBatch("c", 1, "agent:dana")); err != nil {
		t.Fatal(err)
	}
	backup, err := Backup(ctx, s.folder.path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.folder.mark(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, s.folder.path, Options{}); err == nil || !strings.Contains(err.Error(), "halley restore with --replace") {
		t.Errorf("got %v", err)
	}
	if _, err := Restore(ctx, backup, s.folder.path, RestoreOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	again, err := Open(ctx, s.folder.path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
}

// A backup of the first schema can be restored: it is brought up to date.
func TestRestoreOld(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("testdata/schema-1.sql")
	if err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	db := outside(t, old)
	if _, err := db.Exec(string(script)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := Backup(t.Context(), old, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Restore(t.Context(), backup, dir, RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, dir)
}

// A backup or a restore that is called off leaves nothing behind.
func TestBackupCalledOff(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	if _, err := s.Commit(t.Context(), crashBatch("c", 1, "agent:dana")); err != nil {
		t.Fatal(err)
	}
	file, err := Backup(t.Context(), s.folder.path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	off, cancel := context.WithCancel(t.Context())
	cancel()
	to, dir := t.TempDir(), t.TempDir()
	if _, err := Backup(off, s.folder.path, to); !errors.Is(err, context.Canceled) {
		t.Errorf("backup: %v", err)
	}
	if _, err := Restore(off, file, dir, RestoreOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("restore: %v", err)
	}
	for folder, want := range map[string]int{to: 0, dir: 1} { // the lock
		if left, err := os.ReadDir(folder); err != nil || len(left) != want {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}
