package load

import (
	"context"
	"slices"
	"sync"
)

// floor is the book of who is in which chat, and of the chats in which texts can be written now.
type floor struct {
	mu      sync.Mutex
	rooms   map[string]*room
	open    []*conversation
	next    int
	changed chan struct{} // closed, and replaced, when anything here has changed
}

// room is one chat.
type room struct {
	customer *conversation // nil: her client has not learnt yet that it began
	in       []*agent      // who are in it; the one who came first speaks
}

func newFloor() *floor { return &floor{rooms: map[string]*room{}, changed: make(chan struct{})} }

// touch wakes who waits. f.mu is held.
func (f *floor) touch() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// room returns a chat's entry, made if need be. f.mu is held.
func (f *floor) room(chatID string) *room {
	r := f.rooms[chatID]
	if r == nil {
		r = &room{}
		f.rooms[chatID] = r
	}
	return r
}

// began notes that a customer knows her chat.
func (f *floor) began(chatID string, c *conversation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room(chatID).customer = c
	f.touch()
}

// ended forgets a chat.
func (f *floor) ended(chatID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.rooms, chatID)
}

// known says whether a chat has a customer who knows of it.
func (f *floor) known(chatID string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rooms[chatID]
	return r != nil && r.customer != nil
}

func (f *floor) enter(chatID string, a *agent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.room(chatID)
	if !slices.Contains(r.in, a) {
		r.in = append(r.in, a)
		f.touch()
	}
}

func (f *floor) leave(chatID string, a *agent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rooms[chatID]
	if r == nil {
		return
	}
	if i := slices.Index(r.in, a); i >= 0 {
		r.in = append(r.in[:i:i], r.in[i+1:]...) // a copy: others read the old one
		f.touch()
	}
}

// agents returns who are in a chat.
func (f *floor) agents(chatID string) []*agent {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.rooms[chatID]; r != nil {
		return r.in
	}
	return nil
}

// until waits until those who are in a chat fit.
func (f *floor) until(ctx context.Context, chatID string, fits func(in []*agent) bool) bool {
	for {
		f.mu.Lock()
		var in []*agent
		if r := f.rooms[chatID]; r != nil {
			in = r.in
		}
		ok, changed := fits(in), f.changed
		f.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// admit lets texts be written in a conversation.
func (f *floor) admit(c *conversation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = append(f.open, c)
	f.touch()
}

// pick chooses a conversation for the next text, each in its turn, and waits for one if there is none. nil: ctx has ended. Whoever gets one calls
// its written method afterwards.
func (f *floor) pick(ctx context.Context) *conversation {
	for ctx.Err() == nil {
		f.mu.Lock()
		if n := len(f.open); n > 0 {
			f.next = (f.next + 1) % n
			c := f.open[f.next]
			c.writing.Add(1)
			if c.left--; c.left == c.half {
				close(c.halfway)
			}
			if c.left <= 0 {
				f.close(f.next)
			}
			f.mu.Unlock()
			return c
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// close ends the writing in the i-th open conversation. f.mu is held.
func (f *floor) close(i int) {
	last := len(f.open) - 1
	close(f.open[i].full)
	f.open[i] = f.open[last]
	f.open = f.open[:last]
}
