package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/store"
)

// hold keeps the writer in a change of its own until release is called, so that what comes meanwhile waits and makes one group.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.writer.do(context.Background(), writeOnly(func(*transaction) error {
			close(entered)
			<-leave
			return nil
		}))
	}()
	<-entered
	return func() {
		t.Helper()
		close(leave)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// queued waits until n changes are in line.
func queued(s *Store, n int) {
	for s.Stats().Waiting < n {
		runtime.Gosched()
	}
}

// poison makes the database refuse events of the chat "poison": a failure of one batch that no check foresees.
func poison(t *testing.T, s *Store) {
	t.Helper()
	db := outside(t, s.folder.path)
	defer db.Close()
	if _, err := db.Exec(`CREATE TRIGGER poison BEFORE INSERT ON event WHEN new.chat_id = 'poison' BEGIN SELECT RAISE(ABORT, 'poisoned'); END`); err != nil {
		t.Fatal(err)
	}
}

// What the database does not take of one batch is that batch's failure alone, wherever it is in its group; nothing of it stays.
func TestFailingBatch(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	poison(t, s)
	release := hold(t, s)
	const batches = 20
	bad := map[int]bool{0: true, 7: true, 8: true, batches - 1: true}
	errs := make([]error, batches)
	var callers sync.WaitGroup
	for i := range batches {
		callers.Go(func() {
			b := crashBatch(fmt.Sprintf("good-%d", i), 1, "agent:dana")
			if bad[i] {
				b = crashBatch("poison", 1, "agent:dana")
				b.Once = &store.Once{Key: fmt.Sprint(i), Answer: jsontext.Value(`1`)}
				// Written before the event that fails.
				other := crashBatch(fmt.Sprintf("good-%d", i), 1, "agent:dana")
				b.Chats, b.Events = append(other.Chats, b.Chats...), append(other.Events, b.Events...)
			}
			_, errs[i] = s.Commit(context.Background(), b)
		})
		queued(s, i+1) // so that they stand in line in this order
	}
	release()
	callers.Wait()
	for i, err := range errs {
		id := fmt.Sprintf("good-%d", i)
		_, readErr := s.Chat(t.Context(), id)
		if bad[i] {
			if err == nil || !strings.Contains(err.Error(), "poisoned") || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("batch %d: %v", i, err)
			}
			if _, err := s.Answer(t.Context(), fmt.Sprint(i), [32]byte{}); !errors.Is(readErr, store.ErrNotFound) || !errors.Is(err, store.ErrNotFound) {
				t.Errorf("batch %d left a trace: %v, %v", i, readErr, err)
			}
		} else if err != nil || readErr != nil {
			t.Errorf("batch %d: %v, reading %v", i, err, readErr)
		}
	}
	rows, err := s.Feed(t.Context(), "agent:dana", 0, 0)
	if err != nil || len(rows) != batches-len(bad) {
		t.Fatalf("%d notifications, %v", len(rows), err)
	}
	for i, n := range rows {
		if n.N != feedNumber(s.epoch, int64(i+1)) {
			t.Errorf("notification %d has number %d", i, n.N)
		}
	}
	if got := s.Stats(); got.Failures != int64(len(bad)) || got.Commits != 2 || got.Failing {
		t.Errorf("%+v", got)
	}
}

// In a group each batch sees what those before it wrote: expectations, keys and numbers hold as if each had a transaction of its own.
func TestGroup(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	release := hold(t, s)
	var callers sync.WaitGroup
	results, errs := make([]store.Result, 6), make([]error, 6)
	batches := []store.Batch{
		crashBatch("c", 1, "agent:dana"),
		crashBatch("c", 2, "agent:dana"), // continues the first
		crashBatch("c", 2, "agent:dana"), // too late
		crashBatch("d", 1, "agent:dana"),
		crashBatch("d", 1, "agent:dana"), // the same request again
		crashBatch("d", 2, "agent:dana"),
	}
	batches[3].Once = &store.Once{Key: "k", Answer: jsontext.Value(`"first"`)}
	batches[4].Once = &store.Once{Key: "k", Answer: jsontext.Value(`"second"`)}
	for i, b := range batches {
		callers.Go(func() { results[i], errs[i] = s.Commit(context.Background(), b) })
		queued(s, i+1)
	}
	release()
	callers.Wait()
	for i, want := range []int64{1, 2, 0, 3, 0, 4} {
		if want > 0 && (errs[i] != nil || len(results[i].Notifications) != 1 || results[i].Notifications[0].N != feedNumber(s.epoch, want)) {
			t.Errorf("batch %d: %+v, %v; want number %d", i, results[i], errs[i], want)
		}
	}
	if !errors.Is(errs[2], store.ErrConflict) {
		t.Errorf("the late batch: %v", errs[2])
	}
	if string(results[4].Answered) != `"first"` {
		t.Errorf("the repeated batch: %+v, %v", results[4], errs[4])
	}
	got := s.Stats()
	if got.Commits != 2 || got.Groups[0] != 1 || got.Groups[3] != 1 || got.Conflicts != 1 || got.LastCommit <= 0 {
		t.Errorf("%+v, want a transaction of 1 and one of 6", got)
	}
}

// When the line is full, Commit waits for a place in it under its context; what gives up in line is never written.
func TestFullLine(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir(), Options{Waiting: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	commit := func(ctx context.Context, id string, want error) (returned chan struct{}) {
		returned = make(chan struct{})
		callers.Go(func() {
			defer close(returned)
			if _, err := s.Commit(ctx, crashBatch(id, 1, "agent:dana")); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", id, err, want)
			}
		})
		return returned
	}
	gaveUp := commit(ctx, "gives-up-in-line", context.Canceled)
	queued(s, 1)
	commit(context.Background(), "stays-in-line", nil)
	queued(s, 2)
	short, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if _, err := s.Commit(short, crashBatch("no-place", 1, "agent:dana")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no place in line: %v", err)
	}
	for i := range 3 {
		commit(context.Background(), fmt.Sprintf("waits-%d", i), nil)
	}
	cancel()
	<-gaveUp
	if _, err := s.Chat(t.Context(), "stays-in-line"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("while the writer is held: %v", err)
	}
	release()
	callers.Wait()
	for id, want := range map[string]error{"gives-up-in-line": store.ErrNotFound, "stays-in-line": nil, "waits-2": nil, "no-place": store.ErrNotFound} {
		if _, err := s.Chat(t.Context(), id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
}

// A transaction that the disk does not bring to its end shows while it lasts.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	s := openTemp(t)
	defer s.Close()
	release := hold(t, s)
	if s.Stats().UnderWay <= 0 {
		t.Error("nothing is under way")
	}
	release()
	if took := s.Stats().UnderWay; took != 0 {
		t.Errorf("a transaction is under way for %v", took)
	}
}
