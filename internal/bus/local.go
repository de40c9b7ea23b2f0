package bus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// queueSize is how many messages wait for one subscription's handler before further ones are dropped.
	queueSize = 4096
	// answersAtOnce is how many requests one answerer works on at the same time; further ones wait under their own contexts.
	answersAtOnce = 64
)

// Local is the bus of a single process.
//
// Goroutines: one per subscription, ended by its stop function or by Close; one per request under way, ended by its handler.
type Local struct {
	mu        sync.RWMutex
	closed    bool
	exact     map[string][]*subscription // by subject
	prefixed  []*subscription            // patterns with ".*"
	answerers map[string][]*answerer     // by subject
	dropped   atomic.Int64
}

// NewLocal returns an empty bus.
func NewLocal() *Local {
	return &Local{exact: map[string][]*subscription{}, answerers: map[string][]*answerer{}}
}

var _ Bus = (*Local)(nil)

// Dropped returns how many messages were lost to full queues.
func (b *Local) Dropped() int64 { return b.dropped.Load() }

// Healthy is true until Close: within one process nothing can be cut off.
func (b *Local) Healthy() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return !b.closed
}

// Publish implements [Bus].
func (b *Local) Publish(subject string, data []byte) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	m := message{subject, data}
	for _, s := range b.exact[subject] {
		b.offer(s, m)
	}
	for _, s := range b.prefixed {
		if strings.HasPrefix(subject, s.prefix) {
			b.offer(s, m)
		}
	}
}

// offer is called with mu held for reading, so the queue can't be closed meanwhile.
func (b *Local) offer(s *subscription, m message) {
	select {
	case s.queue <- m:
	default:
		b.dropped.Add(1)
	}
}

type message struct {
	subject string
	data    []byte
}

// subscription is one handler with what waits for it.
type subscription struct {
	prefix string // of a pattern with ".*": up to and including the dot
	queue  chan message
	done   chan struct{} // closed when the handler will not be called again
	stop   func()
}

// Subscribe implements [Bus].
func (b *Local) Subscribe(pattern string, handle func(subject string, data []byte)) (stop func(), err error) {
	prefix, wild := strings.CutSuffix(pattern, anything)
	if err := checkSubject(prefix); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	s := &subscription{queue: make(chan message, queueSize), done: make(chan struct{})}
	if wild {
		s.prefix = prefix + "."
	}
	stopping := make(chan struct{})
	s.stop = sync.OnceFunc(func() {
		b.mu.Lock()
		if wild {
			b.prefixed = without(b.prefixed, s)
		} else {
			remove(b.exact, pattern, s)
		}
		b.mu.Unlock()
		close(stopping)
		<-s.done
	})

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("subscribe to %s: %w", pattern, ErrClosed)
	}
	if wild {
		b.prefixed = append(b.prefixed, s)
	} else {
		b.exact[pattern] = append(b.exact[pattern], s)
	}
	go func() {
		defer close(s.done)
		for {
			select {
			case <-stopping:
				return
			case m := <-s.queue:
				handle(m.subject, m.data)
			}
		}
	}()
	return s.stop, nil
}

// answerer is one handler of requests.
type answerer struct {
	handle func(ctx context.Context, data []byte) []byte
	places chan struct{}  // one token per request under way
	under  sync.WaitGroup // requests under way
	stop   func()
}

// Answer implements [Bus].
func (b *Local) Answer(subject string, handle func(ctx context.Context, data []byte) []byte) (stop func(), err error) {
	if err := checkSubject(subject); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	a := &answerer{handle: handle, places: make(chan struct{}, answersAtOnce)}
	a.stop = sync.OnceFunc(func() {
		b.mu.Lock()
		remove(b.answerers, subject, a)
		b.mu.Unlock()
		a.under.Wait()
	})

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("answer on %s: %w", subject, ErrClosed)
	}
	b.answerers[subject] = append(b.answerers[subject], a)
	return a.stop, nil
}

// Request implements [Bus].
func (b *Local) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	a, err := b.engage(subject)
	if err != nil {
		return nil, fmt.Errorf("request on %s: %w", subject, err)
	}
	answer := make(chan []byte, 1)
	go func() {
		defer a.under.Done()
		select {
		case a.places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		defer func() { <-a.places }()
		answer <- a.handle(ctx, data)
	}()
	select {
	case d := <-answer:
		return d, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("request on %s: %w", subject, ctx.Err())
	}
}

// engage finds an answerer and notes the request with it, so that its stop waits.
func (b *Local) engage(subject string) (*answerer, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, ErrClosed
	}
	all := b.answerers[subject]
	if len(all) == 0 {
		return nil, ErrNobody
	}
	// Counted under the lock: stop removes the answerer under it before it waits.
	all[0].under.Add(1)
	return all[0], nil
}

// Close implements [Bus].
func (b *Local) Close() error {
	b.mu.Lock()
	b.closed = true
	var stops []func()
	for _, s := range b.prefixed {
		stops = append(stops, s.stop)
	}
	for _, subscriptions := range b.exact {
		for _, s := range subscriptions {
			stops = append(stops, s.stop)
		}
	}
	for _, answerers := range b.answerers {
		for _, a := range answerers {
			stops = append(stops, a.stop)
		}
	}
	b.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	return nil
}

// remove takes v out of m[key].
func remove[T comparable](m map[string][]T, key string, v T) {
	if left := without(m[key], v); len(left) > 0 {
		m[key] = left
	} else {
		delete(m, key)
	}
}

func without[T comparable](all []T, v T) []T {
	return slices.DeleteFunc(all, func(x T) bool { return x == v })
}
