package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// leftBehind is a data folder as a killed server leaves it: much of it is in the journal.
func leftBehind(t *testing.T) (dir string) {
	t.Helper()
	s := openTemp(t)
	defer s.Close()
	ctx, at := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for seq := range int64(40) {
		b := crashBatch("chat-0", seq+1, "agent:dana")
		b.Once = &store.Once{Key: fmt.Sprint("key", seq), Answer: crashData("chat-0", seq), At: at}
		b.Agents = []store.AgentRow{{State: agent.State{UserID: "dana", RefID: seq}, Version: seq}}
		b.Work = []store.WorkChange{{Work: store.Work{ChatID: "chat-0", Queue: "support", Since: at}}}
		b.Bins = []store.BinChange{{Binned: store.Binned{ChatID: "chat-0", Workbin: "dana", By: "dana", At: at}}}
		b.Timers = []store.TimerChange{{Timer: store.Timer{Kind: "offer", Key: fmt.Sprint(seq % 5), At: at, Data: crashData("chat-0", seq)}}}
		if _, err := s.Commit(ctx, b); err != nil {
			t.Fatal(err)
		}
		if seq == 20 { // from here on it is in the journal alone
			s.onWriter(t, "PRAGMA wal_checkpoint(TRUNCATE)")
		}
	}
	if err := s.SaveLogin(ctx, store.Login{TokenHash: [32]byte{1}, UserID: "dana", CSRF: "csrf", Created: at, Seen: at}); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, name := range []string{fileName, fileName + "-wal"} {
		b, err := os.ReadFile(filepath.Join(s.folder.path, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// onWriter runs a statement on the connection that writes, outside of a transaction.
func (s *Store) onWriter(t *testing.T, statement string) {
	t.Helper()
	release := hold(t, s)
	release() // the writer is idle now, and the test is its only caller
	if _, err := s.writer.conn.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// contents is what the contract gives of a store, as text.
func contents(ctx context.Context, s *Store) (string, error) {
	var b strings.Builder
	var errs []error
	add := func(v any, err error) {
		fmt.Fprintf(&b, "%+v\n", v)
		errs = append(errs, err)
	}
	add(s.epoch, nil)
	add(s.Chat(ctx, "chat-0"))
	events, err := s.Events(ctx, "chat-0", 0, 0)
	add(events, err)
	counts, err := s.Counts(ctx)
	add(slices.Sorted(maps.Keys(counts)), err)
	add(counts[chat.Active], nil)
	feed, err := s.Feed(ctx, "agent:dana", 0, 0)
	for _, n := range feed {
		add(n.N, nil)
		add(string(n.Data), nil)
		add(n.Topic+n.At.String(), nil)
	}
	add(s.Heads(ctx, []string{"agent:dana"}))
	errs = append(errs, err)
	add(s.Agents(ctx))
	add(s.Waiting(ctx))
	add(s.Bin(ctx, "dana"))
	due, _, err := s.DueTimers(ctx, time.Now().AddDate(1, 0, 0), 0)
	add(due, err)
	for seq := range 40 {
		answer, err := s.Answer(ctx, fmt.Sprint("key", seq), [32]byte{})
		add(string(answer), err)
	}
	add(s.Login(ctx, [32]byte{1}))
	return b.String(), errors.Join(errs...)
}

// bitFlips is how many bits TestFlippedBit flips, unless the environment has a number.
const (
	bitFlips     = 40
	bitFlipsName = "HALLEY_TEST_BIT_FLIPS"
)

// TestFlippedBit (I4): whichever bit of the file or of its journal flips, that is found when the folder is opened, checked or read; else it has no effect.
// The last transaction of the journal is left out: a power loss may tear it, and then it was answered to nobody.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	dir := leftBehind(t)
	whole := map[string][]byte{}
	for _, name := range []string{fileName, fileName + "-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		whole[name] = b
	}
	look := func(t *testing.T, files map[string][]byte) (string, error) {
		dir := t.TempDir()
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		found, err := Check(t.Context(), dir)
		if err := errors.Join(err, asError(found)); err != nil {
			return "", err
		}
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			return "", err
		}
		defer s.Close()
		return contents(t.Context(), s)
	}
	want, err := look(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	last := lastTransaction(t, whole[fileName+"-wal"])
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	found := 0
	flips := bitFlips
	if text := os.Getenv(bitFlipsName); text != "" {
		if flips, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", bitFlipsName, err)
		}
	}
	for range flips {
		name, n := fileName, len(whole[fileName])
		if random.IntN(2) == 0 {
			name, n = fileName+"-wal", last
		}
		at, bit := random.IntN(n), byte(1)<<random.IntN(8)
		files := maps.Clone(whole)
		files[name] = bytes.Clone(files[name])
		files[name][at] ^= bit
		got, err := look(t, files)
		switch {
		case err != nil:
			found++
		case got != want:
			t.Errorf("%s: bit %#x of byte %d (page %d, byte %d) goes unnoticed; want (-), got (+):\n%s", name, bit, at, at/4096+1, at%4096, differing(want, got))
		}
	}
	if found < flips/10 {
		t.Errorf("only %d of %d flips were found: the test has not tested much", found, flips)
	}
	t.Logf("%d of %d flips were found, the others were of no effect", found, flips)
}

func differing(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "-" + a[i] + "\n+" + b[i]
		}
	}
	return fmt.Sprintf("%d lines, %d lines", len(a), len(b))
}

// lastTransaction is where the last transaction of a journal begins.
func lastTransaction(t *testing.T, journal []byte) int {
	t.Helper()
	const frame = frameHeader + 4096
	var ends []int
	for at := journalHeader; at+frame <= len(journal); at += frame {
		if !bytes.Equal(journal[at+4:at+8], make([]byte, 4)) {
			ends = append(ends, at+frame)
		}
	}
	if len(ends) < 2 {
		t.Fatalf("the journal has %d transactions", len(ends))
	}
	return ends[len(ends)-2]
}

// TestJournal: a journal whose end is torn or missing is that of a power loss; one that was damaged where it had been whole is damaged.
func TestJournal(t *testing.T) {
	t.Parallel()
	dir := leftBehind(t)
	journal, err := os.ReadFile(filepath.Join(dir, fileName+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	last := lastTransaction(t, journal)
	flip := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 4; return b } }
	for name, tc := range map[string]struct {
		change  func([]byte) []byte
		damaged bool
	}{
		"whole":                       {func(b []byte) []byte { return b }, false},
		"none":                        {func([]byte) []byte { return nil }, false},
		"not yet begun":               {func([]byte) []byte { return make([]byte, journalHeader) }, false},
		"the end is missing":          {func(b []byte) []byte { return b[:last+10] }, false},
		"the end is torn":             {flip(last + 1000), false},
		"a page in the middle":        {flip(last - 1000), true},
		"the checksum of a frame":     {flip(journalHeader + 17), true},
		"the salt of a frame":         {flip(journalHeader + 9), true},
		"the end of a transaction":    {flip(journalHeader + frameHeader + 4096 + 7), true},
		"the first page":              {flip(journalHeader + frameHeader), true},
		"the header":                  {flip(17), true},
		"the checksum of the header":  {flip(25), true},
		"the magic number":            {flip(1), true},
		"zeros instead of the header": {func(b []byte) []byte { return append(make([]byte, journalHeader), b[journalHeader:]...) }, true},
		"a sector of something else":  {func(b []byte) []byte { copy(b[last-2048:], bytes.Repeat([]byte{7}, 512)); return b }, true},
		"frames of an earlier journal": {func(b []byte) []byte {
			b[journalHeader+8*(frameHeader+4096)+9] ^= 1
			return b[:journalHeader+9*(frameHeader+4096)]
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := t.TempDir()
			file := filepath.Join(to, fileName)
			if err := os.WriteFile(file+"-wal", tc.change(bytes.Clone(journal)), 0o600); err != nil {
				t.Fatal(err)
			}
			err := mustHaveWholeJournal(file)
			if errors.Is(err, store.ErrDamaged) != tc.damaged {
				t.Errorf("got %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), file+"-wal") {
				t.Errorf("the message %q does not name the file", err)
			}
		})
	}
}

// FuzzJournal: whatever is in the place of a journal, reading it ends, and either it is damaged or it is not.
func FuzzJournal(f *testing.F) {
	f.Add(make([]byte, journalHeader))
	header := append([]byte{0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18, 0, 0, 2, 0}, make([]byte, 12)...)
	f.Add(append(header, make([]byte, 2000)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := readJournal(bytes.NewReader(b)); err != nil && !errors.Is(err, errLost) {
			t.Error(err)
		}
	})
}

// A row that is not as it was written is named when it is read, and the others are read.
func TestDamagedRow(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	commitFour(t, s)
	s.onWriter(t, `UPDATE event SET body = '{"a":1}' WHERE seq = 2`)
	s.onWriter(t, `DELETE FROM feed WHERE n = 3`)
	if _, err := s.Events(t.Context(), "c", 2, 0); err != nil {
		t.Errorf("the events that are sound: %v", err)
	}
	if _, err := s.Feed(t.Context(), "agent:dana", feedNumber(s.epoch, 3), 0); err != nil {
		t.Errorf("the notifications that are sound: %v", err)
	}
	_, eventErr := s.Events(t.Context(), "c", 0, 0)
	_, feedErr := s.Feed(t.Context(), "agent:dana", 0, 0)
	for err, says := range map[error]string{eventErr: "table event, row c 2: its checksum does not fit", feedErr: "table feed, row agent:dana 3: it is missing: 4 follows 2"} {
		if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), s.folder.database()) ||
			!strings.Contains(err.Error(), "halley restore") {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	if n := s.Stats().Damaged; n != 2 {
		t.Errorf("damage was met %d times, want 2", n)
	}
}
