package customerapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

// goneAdvice is the same for every way in which there is no chat to work on, so that nothing leaks about which chats exist. [1.8, C1]
const goneAdvice = "The chat is over, or there is no chat with this id and secureKey."

// refusalOf says how an error is told to a customer's client. It is the only place that does. [1.8, 2.15]
func refusalOf(err error) refusal {
	problems := func(code int, advice string) []problem { return []problem{newProblem(code, advice)} }
	var parameters invalid
	var fast tooFast
	switch {
	case errors.Is(err, chat.ErrNotFound), errors.Is(err, chat.ErrEnded):
		return refusal{http: http.StatusOK, ended: true, problems: problems(codeRefused, goneAdvice)}
	case errors.As(err, &parameters):
		return refusal{http: http.StatusBadRequest, problems: parameters}
	case errors.Is(err, chat.ErrTooLong):
		return refusal{http: http.StatusBadRequest, problems: problems(codeTooLong, err.Error())}
	case errors.Is(err, chat.ErrMissing):
		return refusal{http: http.StatusBadRequest, problems: problems(codeMessage, err.Error())}
	case errors.Is(err, store.ErrKeyReused):
		return refusal{http: http.StatusBadRequest, problems: problems(codeRefused, "This clientMessageId was used for another message; give each message one of its own.")}
	case errors.Is(err, chat.ErrInvalid), errors.Is(err, chat.ErrState), errors.Is(err, chat.ErrNotAllowed):
		return refusal{http: http.StatusBadRequest, problems: problems(codeRefused, err.Error())}
	case errors.Is(err, errBody):
		return refusal{http: http.StatusBadRequest, problems: problems(codeRefused, err.Error())}
	case errors.As(err, &fast):
		return refusal{
			http: http.StatusTooManyRequests, temporary: true, retryAfter: fast.wait,
			problems: problems(fast.code, "Too many requests; wait as long as Retry-After says."),
		}
	case errors.Is(err, errService):
		return refusal{http: http.StatusNotFound, problems: problems(codeInvalidService, "There is no chat service of this name; look at the URL.")}
	case errors.Is(err, errOperation):
		return refusal{http: http.StatusNotFound, problems: problems(codeRefused, "There is no such operation; there are "+operationNames+".")}
	case errors.Is(err, errNotServed):
		return refusal{http: http.StatusNotFound, problems: problems(codeRefused, "Nothing is served here; the chat API is at "+chatPath+"/{service}.")}
	case errors.Is(err, errMethod):
		return refusal{http: http.StatusMethodNotAllowed, problems: problems(codeRefused, "Every operation is a POST.")}
	case errors.Is(err, errTooLarge):
		return refusal{http: http.StatusRequestEntityTooLarge, problems: problems(codeRefused, "The body is too large.")}
	case errors.Is(err, errContentType):
		return refusal{
			http:     http.StatusUnsupportedMediaType,
			problems: problems(codeRefused, "Send the parameters as "+formEncoded+" or "+multipartForm+"."),
		}
	case errors.Is(err, store.ErrClosed):
		return refusal{http: http.StatusServiceUnavailable, temporary: true, problems: problems(codeRefused, "The server is shutting down; repeat the request.")}
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return refusal{
			http: http.StatusOK, temporary: true, unexpected: true,
			problems: problems(codeRefused, "The chat cannot be reached for the moment; repeat the request."),
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
	b := failure{StatusCode: 2, ChatEnded: f.ended, ChatID: t.chatID, Messages: []message{}, Errors: f.problems}
	if f.temporary {
		b.StatusCode = 1
	}
	if t.chatID != "" {
		b.Alias = nodeAlias
	}
	return b
}
