package bayeuxclient

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

var (
	// ErrClosed is what requests get once Close was called.
	ErrClosed = errors.New("bayeuxclient: the client is closed")

	// ErrDisconnected says that the server ended the session and advised not to come back [DC-5, CN-13].
	ErrDisconnected = errors.New("bayeuxclient: the server ended the session")

	// ErrSessionLost says that the session in which a remote call was made is gone, and its answer with it [SS-13].
	ErrSessionLost = errors.New("bayeuxclient: the session was lost before the answer came")

	// errSilent is the cause of a request that the server left unanswered.
	errSilent = errors.New("no reply in time")

	// errSlow breaks a websocket whose messages the handlers cannot keep up with.
	errSlow = errors.New("handlers are too slow: twice MaxQueue is waiting")
)

// RefusedError says that the server refused the handshake [HS-6].
type RefusedError struct {
	Text   string         // the server's error, such as "403::handshake_denied"
	Advice Advice         // what it advises to do now
	Ext    jsontext.Value // its ext, nil if it sent none
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("bayeuxclient: handshake refused: %s (reconnect advice: %q)", e.Text, e.Advice.Reconnect)
}

// StatusError says that HTTP stood in the way: a response other than 200 to a POST, or other than 101 to an upgrade.
type StatusError struct {
	Status     int           // HTTP status code
	RetryAfter time.Duration // from the header Retry-After in seconds, 0 if there was none
}

func (e *StatusError) Error() string {
	return "bayeuxclient: the server answered with HTTP status " + strconv.Itoa(e.Status)
}

// ReplyError is the server's no to a subscribe, unsubscribe, publish or call [MSG-6, PUB-11].
type ReplyError struct {
	Channel string         // of the message refused; for subscriptions the channel asked for
	Text    string         // the server's error, such as "403:denied_by_security_policy:publish_denied"; may be empty for a call
	Data    jsontext.Value // the failure a remote call was answered with, else nil
}

func (e *ReplyError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("bayeuxclient: %s failed: %s", e.Channel, e.Data)
	}
	return fmt.Sprintf("bayeuxclient: %s refused: %s", e.Channel, e.Text)
}

// Code returns the three digits that Text begins with (402, 403, …), or 0.
func (e *ReplyError) Code() int {
	if len(e.Text) < 3 {
		return 0
	}
	code, err := strconv.ParseUint(e.Text[:3], 10, 16)
	if err != nil {
		return 0
	}
	return int(code)
}

// Codes of chapter 9 that the client itself looks at.
const (
	codeMissing = 400 // of an unsubscribe: there is no such channel [UN-3]; of a subscribe: nor is its position kept [RP-5]
	codeUnknown = 402 // the session is not known [SS-6]
)

// refusedWith reports whether err is the server's refusal with that code.
func refusedWith(err error, code int) bool {
	reply, ok := errors.AsType[*ReplyError](err)
	return ok && reply.Code() == code
}
