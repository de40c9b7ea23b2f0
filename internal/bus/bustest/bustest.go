// Package bustest is the suite that every implementation of [bus.Bus] must pass.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/bus"
)

// patience bounds every wait of the suite. Nothing is expected to take that long.
const patience = 10 * time.Second

// Run checks the contract of bus.Bus. open returns a new bus, which the suite closes.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	tests := []struct {
		name string
		test func(t *testing.T, b bus.Bus)
	}{
		{"a message reaches all who match, in order", reaches},
		{"patterns", patterns},
		{"subjects that are none", badSubjects},
		{"a busy handler blocks nobody", busyHandler},
		{"stop waits for the handler and is final", stopIsFinal},
		{"request and answer", answers},
		{"a request ends with its context", requestEnds},
		{"stopping to answer waits for what is under way", stopAnswering},
		{"close", closes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			tt.test(t, b)
		})
	}
}

// subscribe collects what arrives in a channel, until the test ends.
func subscribe(t *testing.T, b bus.Bus, pattern string) (<-chan string, func()) {
	t.Helper()
	got := make(chan string, 1000)
	stop, err := b.Subscribe(pattern, func(subject string, data []byte) {
		select {
		case got <- subject + " " + string(data):
		case <-t.Context().Done():
		}
	})
	if err != nil {
		t.Fatalf("subscribe to %s: %v", pattern, err)
	}
	return got, stop
}

func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func reaches(t *testing.T, b bus.Bus) {
	one, _ := subscribe(t, b, "dispatch.wake")
	two, _ := subscribe(t, b, "dispatch.wake")
	for i := range 100 {
		b.Publish("dispatch.wake", []byte(strconv.Itoa(i)))
	}
	for i := range 100 {
		want := "dispatch.wake " + strconv.Itoa(i)
		if got := next(t, one); got != want {
			t.Fatalf("the first got %q, want %q", got, want)
		}
		if got := next(t, two); got != want {
			t.Fatalf("the second got %q, want %q", got, want)
		}
	}
	b.Publish("dispatch.wake", nil)
	if got := next(t, one); got != "dispatch.wake " {
		t.Errorf("without data came %q", got)
	}
}

func patterns(t *testing.T, b bus.Bus) {
	tests := []struct {
		pattern string
		matches []string
		others  []string
	}{
		{"feed.*", []string{"feed.agent:dana", "feed.agent:dana@example.com", "feed.a.b"}, []string{"feed", "feedback.x", "chat.feed.x"}},
		{"a.b.*", []string{"a.b.c", "a.b.c.d"}, []string{"a.b", "a.c.b", "a.bc.d"}},
		{"chat.c1", []string{"chat.c1"}, []string{"chat.c10", "chat.c", "chat", "chat.c1.x"}},
	}
	for _, tt := range tests {
		got, stop := subscribe(t, b, tt.pattern)
		for _, s := range slices.Concat(tt.others, tt.matches) {
			b.Publish(s, nil)
		}
		for _, s := range tt.matches {
			if m := next(t, got); m != s+" " {
				t.Errorf("%s got %q, want %q", tt.pattern, m, s)
			}
		}
		stop()
		if len(got) > 0 {
			t.Errorf("%s also got %q", tt.pattern, <-got)
		}
	}
}

func badSubjects(t *testing.T, b bus.Bus) {
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "*", ".*", "a*", "*.a", "a.*.b", "a.*.*", "a..*"} {
		if _, err := b.Subscribe(s, func(string, []byte) {}); !errors.Is(err, bus.ErrSubject) {
			t.Errorf("Subscribe(%q) = %v, want ErrSubject", s, err)
		}
	}
	if _, err := b.Answer("a.*", func(context.Context, []byte) []byte { return nil }); !errors.Is(err, bus.ErrSubject) {
		t.Errorf("Answer(a.*) = %v, want ErrSubject", err)
	}
}

func busyHandler(t *testing.T, b bus.Bus) {
	other, _ := subscribe(t, b, "x")
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	var once sync.Once
	_, err := b.Subscribe("x", func(string, []byte) {
		once.Do(func() {
			entered <- struct{}{}
			<-leave
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Publish("x", nil)
	next(t, entered)
	next(t, other)
	// More than any queue should hold: Publish returns all the same, and who is not busy goes on hearing.
	for range 100_000 {
		b.Publish("y", nil)
		b.Publish("x", []byte("more"))
	}
	close(leave)
	if got := next(t, other); got != "x more" {
		t.Errorf("the other got %q", got)
	}
}

func stopIsFinal(t *testing.T, b bus.Bus) {
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	var calls, running int
	stop, err := b.Subscribe("x", func(string, []byte) {
		calls++
		running++
		entered <- struct{}{}
		<-leave
		running--
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Publish("x", nil)
	b.Publish("x", nil)
	next(t, entered)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
		stop()
	}()
	close(leave)
	for done := false; !done; {
		select {
		case <-entered: // the message that already waited may still be handled
		case <-stopped:
			done = true
		case <-time.After(patience):
			t.Fatal("stop does not return")
		}
	}
	// The handler's variables are read without a lock: the race detector objects if it still runs.
	if running != 0 {
		t.Error("stop returned while the handler ran")
	}
	before := calls
	b.Publish("x", nil)
	after, _ := subscribe(t, b, "x")
	b.Publish("x", nil)
	next(t, after)
	if calls != before {
		t.Error("the handler was called after stop")
	}
}

func answers(t *testing.T, b bus.Bus) {
	if _, err := b.Request(t.Context(), "session.s1", nil); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("nobody answers: %v, want ErrNobody", err)
	}
	stop, err := b.Answer("session.s1", func(_ context.Context, data []byte) []byte { return fmt.Appendf(nil, "re: %s", data) })
	if err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			got, err := b.Request(t.Context(), "session.s1", []byte(strconv.Itoa(i)))
			if want := "re: " + strconv.Itoa(i); err != nil || string(got) != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
	callers.Wait()
	stop()
	if _, err := b.Request(t.Context(), "session.s1", nil); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("after stop: %v, want ErrNobody", err)
	}
}

func requestEnds(t *testing.T, b bus.Bus) {
	entered := make(chan struct{}, 1)
	ended := make(chan struct{})
	_, err := b.Answer("slow", func(ctx context.Context, _ []byte) []byte {
		entered <- struct{}{}
		<-ctx.Done()
		close(ended)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	if _, err := b.Request(ctx, "slow", nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	next(t, ended)
}

func stopAnswering(t *testing.T, b bus.Bus) {
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	finished := false
	stop, err := b.Answer("x", func(context.Context, []byte) []byte {
		entered <- struct{}{}
		<-leave
		finished = true
		return []byte("done")
	})
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		if got, err := b.Request(t.Context(), "x", nil); err != nil || string(got) != "done" {
			t.Errorf("got %q, %v", got, err)
		}
	})
	next(t, entered)
	go close(leave)
	stop()
	if !finished {
		t.Error("stop returned while an answer was under way")
	}
	asking.Wait()
}

func closes(t *testing.T, b bus.Bus) {
	got, stop := subscribe(t, b, "x")
	if _, err := b.Answer("q", func(context.Context, []byte) []byte { return nil }); err != nil {
		t.Fatal(err)
	}
	if !b.Healthy() {
		t.Error("not healthy when new")
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	b.Publish("x", nil)
	stop()
	if len(got) > 0 {
		t.Error("a message came after Close")
	}
	if b.Healthy() {
		t.Error("healthy after Close")
	}
	if _, err := b.Subscribe("x", func(string, []byte) {}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Subscribe after Close: %v", err)
	}
	if _, err := b.Answer("x", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Answer after Close: %v", err)
	}
	if _, err := b.Request(t.Context(), "q", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Request after Close: %v", err)
	}
}
