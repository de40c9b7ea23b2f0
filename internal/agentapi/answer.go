package agentapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// statusCode is the outcome of a request, as clients read it (agent-api 1.5).
type statusCode int

const (
	succeeded       statusCode = 0
	missing         statusCode = 1
	wrongState      statusCode = 2
	forbidden       statusCode = 3
	internal        statusCode = 4
	notPermitted    statusCode = 5
	notFound        statusCode = 6
	invalid         statusCode = 10
	inUse           statusCode = 19
	unauthenticated statusCode = 20
)

// The refusals that are the API's own. Those about chats, agents and parameters are the kinds of package chat and package agent.
var (
	errPermission = errors.New("permission missing")
	errTooLarge   = errors.New("body too large")
	errMethod     = errors.New("method not allowed")
	errForeign    = errors.New("request of another site")
	errCSRF       = errors.New("CSRF token missing or wrong")
	// Every answer for a chat that is not there, or not the caller's, or whose id can't be one, is this one to the letter (B13).
	errNoChat = refuse(chat.ErrNotFound, "there is no such chat")
)

func refuse(kind error, format string, args ...any) error { return chat.Refuse(kind, format, args...) }

// refusals maps each kind of error to its answer. The first kind that matches counts. An error of no kind is a failure of ours.
var refusals = []struct {
	kind   error
	status int
	code   statusCode
	text   string // "": the error's own
}{
	{auth.ErrUnauthenticated, http.StatusUnauthorized, unauthenticated, ""},
	{errCSRF, http.StatusForbidden, forbidden, ""},
	{errForeign, http.StatusForbidden, forbidden, ""},
	{errPermission, http.StatusForbidden, notPermitted, ""},
	{errTooLarge, http.StatusRequestEntityTooLarge, invalid, ""},
	{errMethod, http.StatusMethodNotAllowed, forbidden, ""},
	{store.ErrKeyReused, http.StatusConflict, inUse, "this Idempotency-Key was used for another request: use a new one"},
	{chat.ErrMissing, http.StatusBadRequest, missing, ""},
	{chat.ErrState, http.StatusBadRequest, wrongState, ""},
	{agent.ErrNotLoggedIn, http.StatusBadRequest, wrongState, ""},
	{chat.ErrEnded, http.StatusBadRequest, wrongState, ""},
	{chat.ErrNotAllowed, http.StatusForbidden, forbidden, ""},
	{chat.ErrNotFound, http.StatusNotFound, notFound, ""},
	{chat.ErrInvalid, http.StatusBadRequest, invalid, ""},
	{agent.ErrUnknownOperation, http.StatusBadRequest, invalid, ""},
}

// outcome says how an error is answered: the HTTP status, the statusCode, and a statusMessage that says what to do (agent-api 1.5). It is the
// only place that knows. What went wrong inside is for the log alone.
func outcome(err error) (status int, code statusCode, text string) {
	for _, r := range refusals {
		if errors.Is(err, r.kind) {
			return r.status, r.code, cmp.Or(r.text, err.Error())
		}
	}
	var busy *auth.TooManyError
	switch {
	case errors.As(err, &busy):
		return http.StatusTooManyRequests, unauthenticated, err.Error()
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrConflict), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, internal,
			"the server cannot do this at the moment: try again, with the same Idempotency-Key if it must not happen twice"
	}
	return http.StatusInternalServerError, internal, "the server failed; the operator finds the reason in its log"
}

// answer is the body of a success, after its statusCode: names and values in order.
type answer []member

type member struct {
	name  string
	value any
}

// refuse writes the answer to an error (agent-api 1.5).
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, code, text := outcome(err)
	var busy *auth.TooManyError
	switch {
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="Halley", charset="UTF-8"`)
	case errors.As(err, &busy):
		w.Header().Set("Retry-After", busy.Seconds())
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
		fallthrough
	case status == http.StatusInternalServerError:
		// A caller who has gone away is no failure.
		if r.Context().Err() == nil {
			a.Logger.Error("request failed", "method", r.Method, "route", r.Pattern, "error", err)
		}
	}
	a.write(w, r, status, code, answer{{"statusMessage", text}})
}

// write writes a whole answer. It is encoded before the first byte leaves, so a value that cannot be encoded is still answered properly.
func (a *API) write(w http.ResponseWriter, r *http.Request, status int, code statusCode, body answer) {
	raw, err := encode(code, body)
	if err != nil {
		a.Logger.Error("encode an answer", "route", r.Pattern, "error", err)
		status, raw = http.StatusInternalServerError, []byte(`{"statusCode":4,"statusMessage":"the server failed; the operator finds the reason in its log"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// Whoever does not read the answer learns from its absence.
	_, _ = w.Write(raw)
}

func encode(code statusCode, body answer) ([]byte, error) {
	var b bytes.Buffer
	e := jsontext.NewEncoder(&b, json.Deterministic(true))
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return nil, err
	}
	for _, m := range append(answer{{"statusCode", code}}, body...) {
		if err := e.WriteToken(jsontext.String(m.name)); err != nil {
			return nil, err
		}
		if err := json.MarshalEncode(e, m.value); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := e.WriteToken(jsontext.EndObject); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
