package chat

import "errors"

// The kinds of refusal. [Decide] wraps one of them with what was attempted and what is allowed; a refused command changes nothing.
var (
	ErrMissing    = errors.New("missing parameter")                 // statusCode 1
	ErrState      = errors.New("not valid in this state")           // statusCode 2
	ErrNotAllowed = errors.New("not allowed")                       // statusCode 3: the role forbids it, whatever the state
	ErrNotFound   = errors.New("not found")                         // statusCode 6
	ErrInvalid    = errors.New("invalid parameter")                 // statusCode 10
	ErrEnded      = errors.New("the chat is over for the customer") // customer-api 1.10
)
