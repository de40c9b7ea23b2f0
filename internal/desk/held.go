package desk

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// held is a chat in memory, as of its last commit. It never changes: a command makes a new one.
type held struct {
	row    store.ChatRow
	state  chat.State
	events []chat.Event // the end of the log, up to row.Seq; all of it if it is short
}

// keptEvents bounds the memory of a chat: at most twice as many are kept. Who asks for more reads the log.
const keptEvents = 64

// with returns the chat after further events. Of a chat that is over only the state is kept: who still reads its transcript reads the log, and most of
// the chats in memory are over.
func (h held) with(row store.ChatRow, state chat.State, events []chat.Event) held {
	if row.Phase == chat.Finished {
		return held{row: row, state: state}
	}
	// Clipped: appending never writes into an array that readers of the old snapshot share.
	tail := append(slices.Clip(h.events), events...)
	if len(tail) > 2*keptEvents {
		tail = slices.Clone(tail[len(tail)-keptEvents:]) // cloned, so that the rest can go
	}
	return held{row: row, state: state, events: tail}
}

// log returns all events of the chat up to this snapshot.
func (d *Desk) log(ctx context.Context, h held) ([]chat.Event, error) {
	if len(h.events) > 0 && h.events[0].Seq == 1 {
		return h.events, nil
	}
	var missing int64 = h.row.Seq
	if len(h.events) > 0 {
		missing = h.events[0].Seq - 1
	}
	older, err := d.Store.Events(ctx, h.row.ID, 0, int(missing))
	if err != nil {
		return nil, fmt.Errorf("read the log of chat %s: %w", h.row.ID, err)
	}
	return append(older, h.events...), nil
}

// chat returns a chat as of its last commit that this node knows of. chat.ErrNotFound: there is none of this id.
func (d *Desk) chat(ctx context.Context, id string) (held, error) {
	if h, ok := d.chats.Get(id); ok {
		return h, nil
	}
	defer d.locks.lock(id)()
	return d.load(ctx, id)
}

// load is chat for who holds the chat's lock.
func (d *Desk) load(ctx context.Context, id string) (held, error) {
	if h, ok := d.chats.Get(id); ok {
		return h, nil
	}
	row, err := d.Store.Chat(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return held{}, fmt.Errorf("chat: %w", chat.ErrNotFound)
	}
	if err != nil {
		return held{}, fmt.Errorf("read chat %s: %w", id, err)
	}
	events, err := d.Store.Events(ctx, id, 0, 0)
	if err != nil {
		return held{}, fmt.Errorf("read the log of chat %s: %w", id, err)
	}
	// The row and the log are read one after the other. A commit in between (another node's) is found out by the batch's expectation.
	h := held{row: row}.with(row, chat.Replay(id, events), events)
	d.chats.Add(id, h)
	return h, nil
}

// checkHeld forgets a chat that is not as the store has it. After a conflict it may be, if only an agent's row had changed.
func (d *Desk) checkHeld(ctx context.Context, id string) {
	if h, ok := d.chats.Get(id); ok {
		if row, err := d.Store.Chat(ctx, id); err != nil || row.Seq != h.row.Seq {
			d.chats.Remove(id)
		}
	}
}

// chatLocks serialises the commands of one chat on this node. Chats share locks by the hash of their id: a bound on memory for a little waiting.
// At most one chat lock is held at a time; the store, the encoder and the bus, which never blocks, are called under it.
type chatLocks struct {
	seed maphash.Seed
	once sync.Once
	mu   [1024]sync.Mutex
}

func (l *chatLocks) lock(id string) (unlock func()) {
	l.once.Do(func() { l.seed = maphash.MakeSeed() })
	m := &l.mu[maphash.String(l.seed, id)%uint64(len(l.mu))]
	m.Lock()
	return m.Unlock
}

// sightings remembers when each customer was last heard of. It lives in memory: after a restart everybody was last seen at the start.
type sightings struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (s *sightings) note(chatID string, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	s.at[chatID] = t
}

func (s *sightings) last(chatID string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[chatID]
}

func (s *sightings) forget(chatID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.at, chatID)
}
