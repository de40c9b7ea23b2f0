// Package bus carries hints between the parts of Halley, and later between its nodes.
//
// A message says "look", never what is true: the truth is in the store. So losing one costs a moment, and every reader also looks
// by itself from time to time. Who builds on a message's arrival has made a mistake.
//
// A subject is one or more non-empty words with dots between them, such as "dispatch.wake"; the last word may be any text, dots included
// ("feed.agent:dana@example.com"). A pattern is a subject, or a prefix with ".*" behind it, which stands for every subject that begins with
// the prefix and the dot.
package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNobody: no one answers requests on this subject.
	ErrNobody = errors.New("nobody answers on this subject")
	// ErrClosed: the bus was closed.
	ErrClosed = errors.New("the bus is closed")
	// ErrSubject: not a subject, or not a pattern, of the form that the package describes.
	ErrSubject = errors.New("not a subject of the bus")
)

// Bus is the contract. bustest.Run checks it against an implementation.
//
// Data belongs to the bus from the moment it is handed over, and to all receivers together: nobody changes it.
type Bus interface {
	// Publish sends data to whoever has subscribed to a matching pattern. It never blocks and reports nothing: delivery is best effort.
	// What one goroutine publishes reaches a subscription in that order, with gaps at most.
	Publish(subject string, data []byte)

	// Subscribe calls handle for each message on a subject that pattern matches, one at a time. Messages wait in a bounded queue while
	// handle is busy; when it is full, the newest is dropped. stop ends the subscription: once it has returned, handle is not running and is
	// not called again. stop may be called twice, but not from inside handle. The error is ErrSubject or ErrClosed.
	Subscribe(pattern string, handle func(subject string, data []byte)) (stop func(), err error)

	// Request sends data to one of those who answer on subject and returns the answer, or ErrNobody, or ctx's error. A request whose
	// context ends may have been heard.
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)

	// Answer lets handle answer the requests on exactly this subject, several at a time. Its context ends with the request's. stop is as that of
	// Subscribe: it waits for the answers under way. The error is ErrSubject or ErrClosed.
	Answer(subject string, handle func(ctx context.Context, data []byte) []byte) (stop func(), err error)

	// Healthy says whether messages reach the other nodes now. While it is false, readers should look by themselves more often.
	Healthy() bool

	// Close ends all subscriptions and waits for their handlers. Afterwards Publish does nothing.
	Close() error
}

// anything stands at the end of a pattern for any last word.
const anything = ".*"

// checkSubject returns ErrSubject, with the reason, unless s is a subject.
func checkSubject(s string) error {
	switch {
	case s == "", strings.HasPrefix(s, "."), strings.HasSuffix(s, "."), strings.Contains(s, ".."):
		return fmt.Errorf("%w: %q has an empty word", ErrSubject, s)
	case strings.Contains(s, "*"):
		return fmt.Errorf("%w: %q has a * that is not the last word of a pattern", ErrSubject, s)
	}
	return nil
}
