package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// The names that tests use when they want to look at everything.
var (
	worldChats = []string{"c0", "c1", "c2"}
	worldFeeds = []string{"agent:dana", "agent:omar", "agent:ines"}
	worldKeys  = []string{"k0", "k1", "k2"}
	worldBins  = []string{"b0", "b1"}
)

// far is later than any timer of a test.
var far = start.Add(1000 * time.Hour)

// world is everything that can be read, of the names above.
type world struct {
	Chats   map[string]store.ChatRow
	Events  map[string][]chat.Event
	Feeds   map[string][]store.Notification
	Heads   map[string]int64
	Agents  []store.AgentRow
	Waiting []store.Work
	Bins    map[string][]store.Binned
	Timers  []store.Timer
	Answers map[string]string
	Counts  map[chat.Phase]int
}

func (f fixture) world() world {
	f.Helper()
	w, err := readWorld(f.Context(), f.Store)
	if err != nil {
		f.Fatal(err)
	}
	return w
}

// sumOf is the sum of the request that tests make under a key.
func sumOf(key string) [sha256.Size]byte { return sha256.Sum256([]byte(key)) }

func readWorld(ctx context.Context, s store.Store) (w world, err error) {
	w = world{
		Chats: map[string]store.ChatRow{}, Events: map[string][]chat.Event{}, Feeds: map[string][]store.Notification{},
		Answers: map[string]string{}, Bins: map[string][]store.Binned{},
	}
	for _, id := range worldChats {
		row, err := s.Chat(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return w, err
		}
		w.Chats[id] = row
		if w.Events[id], err = s.Events(ctx, id, 0, 0); err != nil {
			return w, err
		}
	}
	if w.Heads, err = s.Heads(ctx, worldFeeds); err != nil {
		return w, err
	}
	for _, name := range worldFeeds {
		rows, err := s.Feed(ctx, name, 0, 0)
		if err != nil {
			return w, err
		}
		if len(rows) > 0 {
			w.Feeds[name] = rows
		}
	}
	for _, key := range worldKeys {
		answer, err := s.Answer(ctx, key, sumOf(key))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return w, err
		}
		w.Answers[key] = string(answer)
	}
	if w.Agents, err = s.Agents(ctx); err != nil {
		return w, err
	}
	if w.Waiting, err = s.Waiting(ctx); err != nil {
		return w, err
	}
	for _, name := range worldBins {
		chats, err := s.Bin(ctx, name)
		if err != nil {
			return w, err
		}
		if len(chats) > 0 {
			w.Bins[name] = chats
		}
	}
	if w.Timers, _, err = s.DueTimers(ctx, far, 0); err != nil {
		return w, err
	}
	w.Counts, err = s.Counts(ctx)
	return w, err
}

// gapless fails unless the rows continue after, one by one.
func gapless(t *testing.T, after int64, rows []store.Notification) {
	t.Helper()
	for i, n := range rows {
		if want := after + int64(i) + 1; n.N != want {
			t.Fatalf("notification %d of %s has number %d, want %d", i, n.Subscriber, n.N, want)
		}
	}
}
