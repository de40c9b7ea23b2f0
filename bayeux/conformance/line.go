package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Line is one run of a check on one transport. Its methods may be called by the goroutine of the check, and by those that [Line.Together] starts.
type Line struct {
	On    Transport
	URL   string        // of the server's mount, without a slash at the end
	Slack time.Duration // how late an answer may be

	ctx    context.Context
	suite  *Suite
	server *Server
	prefix string

	mu       sync.Mutex
	failures []string
	needs    string
	again    string
	cleanups []func()
}

// Context ends when the line has taken too long, or the whole run is given up.
func (l *Line) Context() context.Context { return l.ctx }

// Cleanup calls f when the line has ended; last come, first served.
func (l *Line) Cleanup(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cleanups = append(l.cleanups, f)
}

// Channel returns name as a channel that no other line uses: under a segment of the line's own.
func (l *Line) Channel(name string) string { return l.prefix + name }

// Mine tells whether a channel is one of the line's own, for what a subscription to /** brings.
func (l *Line) Mine(channel string) bool { return strings.HasPrefix(channel, l.prefix+"/") }

// Errorf notes a failure, and goes on.
func (l *Line) Errorf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, fmt.Sprintf(format, args...))
}

// Fatalf notes a failure and ends the calling goroutine: the check's, or that of one of the functions that run together.
func (l *Line) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	runtime.Goexit()
}

// NotApplicable ends the line without a verdict, for the reason given.
func (l *Line) NotApplicable(why string) {
	l.mu.Lock()
	l.needs = why
	l.mu.Unlock()
	runtime.Goexit()
}

// Again ends the goroutine because the machine was too slow for the check to say anything: the line is run anew, a few times at most.
func (l *Line) Again(why string) {
	l.mu.Lock()
	l.again = why
	l.mu.Unlock()
	runtime.Goexit()
}

// Need ends the goroutine when err is not nil; what says what was attempted.
func (l *Line) Need(what string, err error) {
	if err != nil {
		l.Fatalf("%s: %v", what, err)
	}
}

// failed tells whether there is a reason to end.
func (l *Line) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failures) > 0 || l.needs != "" || l.again != ""
}

// Server is the one that is being checked. With Alone it is the line's own and may be stopped, unless its PID is 0.
func (l *Line) Server() *Server { return l.server }

// Together runs the functions at the same time and waits for them all. If one of them failed, the check ends.
func (l *Line) Together(fs ...func()) {
	var wg sync.WaitGroup
	for _, f := range fs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f()
		}()
	}
	wg.Wait()
	if l.failed() {
		runtime.Goexit()
	}
}

// Pause lets d pass.
func (l *Line) Pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.ctx.Done():
		l.Fatalf("given up in a pause: %v", context.Cause(l.ctx))
	}
}

// Took demands that something took at least d, and at most d and the slack.
func (l *Line) Took(what string, took, d time.Duration) {
	l.Within(what, took, d, d)
}

// Within demands that something took from min to max, and the slack.
func (l *Line) Within(what string, took, least, most time.Duration) {
	const early = 25 * time.Millisecond // clocks of two processes, and milliseconds cut off
	if took < least-early || took > most+l.Slack {
		l.Errorf("%s took %v, want %v to %v", what, took.Round(time.Millisecond), least, most+l.Slack)
	}
}

// AtOnce demands that an answer was not held.
func (l *Line) AtOnce(what string, took time.Duration) { l.Within(what, took, 0, 0) }

// Is demands that got is want.
func Is[T comparable](l *Line, what string, got, want T) {
	if got != want {
		l.Errorf("%s is %#v, want %#v", what, got, want)
	}
}

// Same demands that two lists are equal.
func Same[T cmp.Ordered](l *Line, what string, got, want []T) {
	if !slices.Equal(got, want) {
		l.Errorf("%s are %v, want %v", what, got, want)
	}
}

// JSON demands that a message, or any JSON text, is equal to want but for the order of fields and white space.
func (l *Line) JSON(what string, got, want any) {
	g, w := text(got), text(want)
	if !equalJSON(g, w) {
		l.Errorf("%s is %s, want %s", what, g, w)
	}
}

// Has demands of a message that each field of want is there with that value; other fields may be there too.
func (l *Line) Has(what string, got Message, want string) {
	var fields Message
	if err := json.Unmarshal([]byte(want), &fields); err != nil {
		l.Fatalf("%s: the check is wrong: %q: %v", what, want, err)
	}
	for _, name := range fields.Names() {
		if !equalJSON(string(got[name]), string(fields[name])) {
			l.Errorf("%s: field %s is %s, want %s, in %s", what, name, or(string(got[name]), "missing"), fields[name], got)
		}
	}
}

// Lacks demands of a message that it has none of the fields.
func (l *Line) Lacks(what string, got Message, names ...string) {
	for _, name := range names {
		if got.Has(name) {
			l.Errorf("%s has a field %s: %s", what, name, got)
		}
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case json.RawMessage:
		return string(v)
	case Message:
		return v.String()
	case []Message:
		return Texts(v)
	}
	return fmt.Sprint(v)
}

func equalJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
