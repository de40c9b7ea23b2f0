package customerapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// The codes of errors (2.15). 100, 101, 112, 190, 196, 198 and 200 exist without a published meaning and are never sent.
const (
	codeFirstName      = 102
	codeLastName       = 103
	codeSubject        = 104
	codeName           = 161
	codeEmail          = 181
	codeMessage        = 182
	codeTooLong        = 204
	codeNoNewChat      = 240
	codeRefused        = 249
	codeInvalidService = 306
	codeInvalidEmail   = 364
)

// codeText is the short English text of each code.
var codeText = map[int]string{
	codeFirstName: "first name missing", codeLastName: "last name missing", codeSubject: "subject missing", codeName: "name missing",
	codeEmail: "e-mail address missing", codeMessage: "message text missing", codeTooLong: "message too long",
	codeNoNewChat: "a new chat cannot be started now", codeRefused: "the chat server could not execute the request",
	codeInvalidService: "invalid service", codeInvalidEmail: "e-mail address invalid",
}

// problem is one entry of errors.
type problem struct {
	Code    int    `json:"code"`
	Advice  string `json:"advice"`
	Message string `json:"message"`
}

func newProblem(code int, advice string) problem {
	return problem{Code: code, Advice: advice, Message: codeText[code]}
}

// invalid says what is wrong with the parameters of a request. A request for a chat may have several problems.
type invalid []problem

func (e invalid) Error() string {
	var s strings.Builder
	s.WriteString("invalid parameters")
	for _, p := range e {
		fmt.Fprintf(&s, ": %d %s", p.Code, p.Message)
	}
	return s.String()
}

// tooFast says that a rate is exceeded, and for how long.
type tooFast struct {
	wait time.Duration
	code int // of what is refused
}

func (e tooFast) Error() string { return fmt.Sprintf("too many requests, for another %s", e.wait) }

// The errors of a request that did not come to a chat.
var (
	errNotServed   = errors.New("not a URL of the chat API")
	errMethod      = errors.New("not a POST")
	errService     = errors.New("no service of this name")
	errOperation   = errors.New("no operation of this name")
	errContentType = errors.New("not a form")
	errTooLarge    = errors.New("the body is too large")
	errBody        = errors.New("the body cannot be read")
	errBug         = errors.New("a bug")
)

// refusal is an answer other than success.
type refusal struct {
	http       int
	temporary  bool // statusCode 1: the same request may be repeated
	ended      bool // the chat is over for the customer
	problems   []problem
	retryAfter time.Duration
	unexpected bool // worth a line in the log
}

// refusals is the table of 1.8 and 2.15, by kind of error. An empty advice stands for the error's own text.
//
// The first row is the answer to every way in which there is no chat to work on. It is the same in all of them, so that nothing leaks about which
// chats exist.
var refusals = []struct {
	kinds  []error
	code   int
	advice string
	refusal
}{
	{
		[]error{chat.ErrNotFound, chat.ErrEnded},
		codeRefused, "The chat is over, or there is no chat with this id and secureKey.",
		refusal{http: http.StatusOK, ended: true},
	},
	{[]error{chat.ErrTooLong}, codeTooLong, "", refusal{http: http.StatusBadRequest}}, // an ErrInvalid, so before it
	{[]error{chat.ErrMissing}, codeMessage, "", refusal{http: http.StatusBadRequest}},
	{
		[]error{store.ErrKeyReused},
		codeRefused, "This clientMessageId was used for another message; give each message one of its own.",
		refusal{http: http.StatusBadRequest},
	},
	{[]error{chat.ErrInvalid, chat.ErrState, chat.ErrNotAllowed, errBody}, codeRefused, "", refusal{http: http.StatusBadRequest}},
	{[]error{errService}, codeInvalidService, "There is no chat service of this name; look at the URL.", refusal{http: http.StatusNotFound}},
	{
		[]error{errOperation},
		codeRefused, "There is no such operation; there are send, startTyping, stopTyping, refresh, disconnect and updateData.",
		refusal{http: http.StatusNotFound},
	},
	{[]error{errNotServed}, codeRefused, "Nothing is served here; the chat API is at " + chatPath + "/{service}.", refusal{http: http.StatusNotFound}},
	{[]error{errMethod}, codeRefused, "Every operation is a POST.", refusal{http: http.StatusMethodNotAllowed}},
	{[]error{errTooLarge}, codeRefused, "The body is too large.", refusal{http: http.StatusRequestEntityTooLarge}},
	{
		[]error{errContentType},
		codeRefused, "Send the parameters as " + formEncoded + " or " + multipartForm + ".",
		refusal{http: http.StatusUnsupportedMediaType},
	},
	{
		[]error{store.ErrClosed},
		codeRefused, "The server is shutting down; repeat the request.",
		refusal{http: http.StatusServiceUnavailable, temporary: true},
	},
	{
		[]error{store.ErrConflict, store.ErrUnavailable, context.DeadlineExceeded, context.Canceled},
		codeRefused,
		"The chat cannot be reached for the moment; repeat the request.",
		refusal{http: http.StatusOK, temporary: true, unexpected: true},
	},
}

// refusalOf says how an error is told to a customer's client. It is the only place that does.
func refusalOf(err error) refusal {
	var parameters invalid
	if errors.As(err, &parameters) {
		return refusal{http: http.StatusBadRequest, problems: parameters}
	}
	var fast tooFast
	if errors.As(err, &fast) {
		advice := "Too many requests; wait as long as Retry-After says."
		return refusal{http: http.StatusTooManyRequests, temporary: true, retryAfter: fast.wait, problems: []problem{newProblem(fast.code, advice)}}
	}
	for _, row := range refusals {
		if slices.ContainsFunc(row.kinds, func(kind error) bool { return errors.Is(err, kind) }) {
			f, advice := row.refusal, row.advice
			if advice == "" {
				advice = err.Error()
			}
			f.problems = []problem{newProblem(row.code, advice)}
			return f
		}
	}
	// A bug has no errors: the widget then shows its own text about something unexpected.
	return refusal{http: http.StatusInternalServerError, unexpected: true}
}

// advise adds what joins the answer to the log.
func (f *refusal) advise(reference string) {
	for i := range f.problems {
		f.problems[i].Advice += " Reference " + reference
	}
}

// body is the answer to a request for t. It names the chat of the URL always: the widget takes the id over from every answer. [6.2]
func (f refusal) body(t target) failure {
	b := failure{StatusCode: 2, ChatEnded: f.ended, ChatID: t.namedChat(), Messages: []message{}, Errors: f.problems}
	if f.temporary {
		b.StatusCode = 1
	}
	if t.chatID != "" {
		b.Alias = nodeAlias
	}
	return b
}
