package chat

import (
	"errors"
	"fmt"
)

// The kinds of refusal. [Decide] wraps one of them with what was attempted and what is allowed; a refused command changes nothing.
var (
	ErrMissing    = errors.New("missing parameter")                 // statusCode 1
	ErrState      = errors.New("not valid in this state")           // statusCode 2
	ErrNotAllowed = errors.New("not allowed")                       // statusCode 3: the role forbids it, whatever the state
	ErrNotFound   = errors.New("not found")                         // statusCode 6
	ErrInvalid    = errors.New("invalid parameter")                 // statusCode 10
	ErrEnded      = errors.New("the chat is over for the customer") // customer-api 1.10
)

// ErrTooLong is the ErrInvalid of a text above its limit: the customer's API has a code of its own for it (customer-api 2.15: 204).
var ErrTooLong = fmt.Errorf("%w: too long", ErrInvalid)

// Unavailable refuses an agent who cannot be asked on chat. In the same words a supervisor is refused whom the agents are not to know of, so that asking
// for her tells nothing (agent-api 5.2.3).
func Unavailable() error { return Refuse(ErrState, "this agent is not available on chat") }

// refusal is a kind of refusal with a text for whoever sent the command.
type refusal struct {
	kind error
	text string
}

// Refuse returns a refusal of a kind, with a text that says what to do instead.
func Refuse(kind error, format string, args ...any) error {
	return &refusal{kind: kind, text: fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }
