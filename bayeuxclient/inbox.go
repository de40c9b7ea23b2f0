package bayeuxclient

import (
	"context"
	"sync"
)

// event is what the dispatcher hands to a callback: a message, or a state.
type event struct {
	message Message
	stale   []string // subscriptions that had it already
	state   *State
	size    int
}

// inbox is the queue between the transports and the callbacks.
//
// Bound: limit bytes. When it is full, whoever brings messages waits, so that the server keeps what comes next, unless a request
// is under way: its reply may stand behind these messages, and a handler may be waiting for it. At twice the limit requests are
// refused and a websocket is given up. What was received is never thrown away, so the queue may exceed that by one response. States
// are always taken; above the limit there are no attempts to come back, and so no more of them.
type inbox struct {
	limit int

	mu     sync.Mutex
	events []event
	size   int           // bytes, of the events in the queue and of those being handled
	calls  int           // requests under way
	closed bool          // nothing more is taken
	moved  chan struct{} // closed at the next change; nil while nobody waits
}

// put appends the messages of one response or frame, in their order, waiting for room at most until stop is closed. An error says
// that they were too many (errSlow) or came too late (ErrClosed).
func (b *inbox) put(stop <-chan struct{}, events []event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.size >= b.limit && b.calls == 0 && !b.closed {
		if !b.wait(stop) {
			break
		}
	}
	if b.closed {
		return ErrClosed
	}
	var err error
	if b.swamped() {
		err = errSlow
	}
	b.append(events...)
	return err
}

// tell appends a state; it never waits.
func (b *inbox) tell(s State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.append(event{state: &s, size: overhead})
	}
}

func (b *inbox) append(events ...event) {
	b.events = append(b.events, events...)
	for _, e := range events {
		b.size += e.size
	}
	b.signal()
}

// take removes and returns what has come so far, waiting for at least one event; nil when the inbox is closed and empty. The
// events count against the limit until handled is called for each.
func (b *inbox) take() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.events) == 0 && !b.closed {
		b.wait(nil)
	}
	events := b.events
	b.events = nil
	return events
}

// handled says that the callback for e has returned.
func (b *inbox) handled(e event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size -= e.size
	b.signal()
}

// room waits until more may come: until the inbox is below its limit, or a request is under way that needs the server.
func (b *inbox) room(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.size >= b.limit && (b.calls == 0 || b.swamped()) && !b.closed {
		if !b.wait(ctx.Done()) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// call counts a request as under way until the function it returns is called.
func (b *inbox) call() (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	b.signal()
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.calls--
	}
}

// admit returns errSlow if requests have to be refused.
func (b *inbox) admit() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.swamped() {
		return errSlow
	}
	return nil
}

func (b *inbox) swamped() bool { return b.size >= 2*b.limit }

// close ends the inbox: what is in it is still handed out, nothing more is taken.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

// wait lets go of the lock until something changes; false if stop was closed first.
func (b *inbox) wait(stop <-chan struct{}) bool {
	if b.moved == nil {
		b.moved = make(chan struct{})
	}
	moved := b.moved
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-moved:
		return true
	case <-stop:
		return false
	}
}

func (b *inbox) signal() {
	if b.moved != nil {
		close(b.moved)
		b.moved = nil
	}
}
