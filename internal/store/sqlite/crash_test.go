package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// childFolder is set in the environment of a test that runs again in a process of its own, which may be killed or limited.
const childFolder = "HALLEY_STORE_TEST_FOLDER"

// asChild starts the calling test again as a process. The data folder is passed to it; there, childFolder is set.
func asChild(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	return asChildOf(t, t.Name(), dir)
}

// asChildOf starts another test.
func asChildOf(t *testing.T, name, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// ack is what the child says about a commit that it was told is on disk.
type ack struct {
	chat string
	seq  int64
	feed string
	n    int64
}

// TestKilled (I1): whatever was acknowledged before a SIGKILL is there afterwards, and logs and feeds have no gap.
func TestKilled(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(childFolder); dir != "" {
		commitUntilKilled(t, dir)
		return
	}
	const rounds = 8
	dir := t.TempDir()
	for round := range rounds {
		acks := killAfter(t, asChild(t, dir), rand.IntN(400))
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		checkAcks(t, s, acks)
		wantSound(t, s.folder.path)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("round %d, %d commits acknowledged", round, len(acks))
		}
	}
}

// killAfter kills the child when it has acknowledged so many commits, and returns all that it has acknowledged by then.
func killAfter(t *testing.T, child *exec.Cmd, commits int) (acks []ack) {
	t.Helper()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		var a ack
		if _, err := fmt.Sscanf(line, "ack %s %d %s %d\n", &a.chat, &a.seq, &a.feed, &a.n); err != nil {
			t.Errorf("the child says %q: %v", line, err)
		}
		if acks = append(acks, a); len(acks) == commits+1 {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acks
}

var crashFeeds = []string{"agent:dana", "agent:omar", "agent:ines"}

const crashCallers = 8

func crashChat(caller int) string { return fmt.Sprintf("chat-%d", caller) }

// commitUntilKilled commits from several callers and says each success on standard output.
func commitUntilKilled(t *testing.T, dir string) {
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for caller := range crashCallers {
		callers.Go(func() {
			id := crashChat(caller)
			row, err := s.Chat(t.Context(), id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
				return
			}
			for seq := row.Seq + 1; ; seq++ {
				feed := crashFeeds[(int64(caller)+seq)%int64(len(crashFeeds))]
				r, err := s.Commit(context.Background(), crashBatch(id, seq, feed))
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Printf("ack %s %d %s %d\n", id, seq, feed, r.Notifications[0].N)
			}
		})
	}
	callers.Wait()
}

// crashBatch: the notification's data names the event.
func crashBatch(id string, seq int64, feed string) store.Batch {
	return store.Batch{
		Expect:        []store.Expect{{ChatID: id, Seq: seq - 1}},
		Chats:         []store.ChatRow{{ID: id, Seq: seq, Phase: chat.Active}},
		Events:        []chat.Event{{ChatID: id, Seq: seq, Body: chat.Unknown{Of: "crash", Raw: jsontext.Value(`{}`)}}},
		Notifications: []store.Notification{{Subscriber: feed, Data: crashData(id, seq)}},
	}
}

func crashData(id string, seq int64) jsontext.Value {
	return jsontext.Value(fmt.Sprintf(`["%s",%d]`, id, seq))
}

func checkAcks(t *testing.T, s *Store, acks []ack) {
	t.Helper()
	ends := map[string]int64{}
	var events int
	for caller := range crashCallers {
		id := crashChat(caller)
		log, err := s.Events(t.Context(), id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range log {
			if e.Seq != int64(i+1) {
				t.Fatalf("event %d of %s has seq %d", i, id, e.Seq)
			}
		}
		if row, err := s.Chat(t.Context(), id); len(log) > 0 && (err != nil || row.Seq != int64(len(log))) {
			t.Errorf("the row of %s is at %d, %v; its log has %d", id, row.Seq, err, len(log))
		}
		ends[id] = int64(len(log))
		events += len(log)
	}
	heads, err := s.Heads(t.Context(), crashFeeds)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{} // feed and number -> data
	for _, feed := range crashFeeds {
		rows, err := s.Feed(t.Context(), feed, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range rows {
			if want := feedNumber(s.epoch, int64(i+1)); n.N != want {
				t.Fatalf("notification %d of %s has number %d, want %d", i, feed, n.N, want)
			}
			told[fmt.Sprint(feed, n.N)] = string(n.Data)
		}
		if want := feedNumber(s.epoch, int64(len(rows))); heads[feed] != want {
			t.Errorf("the head of %s is %d, want %d", feed, heads[feed], want)
		}
	}
	if len(told) != events {
		t.Errorf("%d events and %d notifications", events, len(told))
	}
	for _, a := range acks {
		if a.seq > ends[a.chat] {
			t.Errorf("event %d of %s was acknowledged and is lost", a.seq, a.chat)
		}
		if got := told[fmt.Sprint(a.feed, a.n)]; got != string(crashData(a.chat, a.seq)) {
			t.Errorf("notification %d of %s was acknowledged for event %d of %s and is %q", a.n, a.feed, a.seq, a.chat, got)
		}
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var epoch int64
	for seq := int64(1); seq < 4; seq++ {
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if epoch == 0 {
			epoch = s.epoch
		}
		r, err := s.Commit(t.Context(), crashBatch("chat-0", seq, crashFeeds[0]))
		if err != nil {
			t.Fatal(err)
		}
		if want := feedNumber(epoch, seq); r.Notifications[0].N != want {
			t.Errorf("number %d, want %d", r.Notifications[0].N, want)
		}
		checkAcks(t, s, nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// Closed properly, everything is in the one file.
		if files, err := os.ReadDir(dir); err != nil || len(files) != 2 {
			t.Errorf("files %v, %v; want the database and the lock", files, err)
		}
	}
	other := openTemp(t)
	defer other.Close()
	if other.epoch == epoch {
		t.Errorf("two stores have epoch %d", epoch)
	}
}
