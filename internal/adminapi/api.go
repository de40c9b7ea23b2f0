// Package adminapi serves administrators: /api/admin. Whatever is asked, the answer is a JSON object with a statusCode, whose values are those of the agent
// API (agent-api 1.5). Nothing can be changed here.
package adminapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// Config is what the API works with. All fields are needed.
type Config struct {
	Store     store.Store
	Auth      *auth.Auth
	Directory *directory.Directory
	Logger    *slog.Logger
}

// API serves administrators. It starts nothing.
type API struct {
	Config
	mux *http.ServeMux
}

// New makes the API.
func New(cfg Config) *API {
	a := &API{Config: cfg, mux: http.NewServeMux()}
	for path, get := range a.endpoints() {
		a.mux.Handle("GET "+path, a.handle(get))
		a.mux.Handle(path, a.handle(func(*http.Request) (any, error) { return nil, errMethod }))
	}
	a.mux.Handle("/", a.handle(func(*http.Request) (any, error) { return nil, errNothingHere }))
	return a
}

// endpoints is the table of everything that is served, to GET.
func (a *API) endpoints() map[string]func(*http.Request) (any, error) {
	return map[string]func(*http.Request) (any, error){
		"/api/admin/agents/{id}/deliveries": a.deliveries,
	}
}

// Handler serves everything below /api/admin.
func (a *API) Handler() http.Handler {
	nothing := a.handle(func(*http.Request) (any, error) { return nil, errNothingHere })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path { // the multiplexer would redirect
			nothing.ServeHTTP(w, r)
			return
		}
		a.mux.ServeHTTP(w, r)
	})
}

// The refusals that are the API's own.
var (
	errNotAdmin    = errors.New("only administrators may ask this")
	errMethod      = errors.New("this address can only be read: use GET")
	errNothingHere = errors.New("nothing is served at this address")
	errNoAgent     = errors.New("there is no such user: give an id, or the name to log in with")
)

// invalid says what is wrong with a parameter.
type invalid string

func (e invalid) Error() string { return string(e) }

// refusal is the body of an error.
type refusal struct {
	StatusCode    int    `json:"statusCode"`
	StatusMessage string `json:"statusMessage"`
}

// outcome says how an error is answered. It is the only place that knows. What went wrong inside is for the log alone.
func outcome(err error) (status int, body refusal) {
	for _, r := range []struct {
		kind         error
		status, code int
	}{
		{auth.ErrUnauthenticated, http.StatusUnauthorized, 20},
		{errNotAdmin, http.StatusForbidden, 5},
		{errMethod, http.StatusMethodNotAllowed, 3},
		{errNothingHere, http.StatusNotFound, 6},
		{errNoAgent, http.StatusNotFound, 6},
	} {
		if errors.Is(err, r.kind) {
			return r.status, refusal{r.code, r.kind.Error()}
		}
	}
	if bad, ok := errors.AsType[invalid](err); ok {
		return http.StatusBadRequest, refusal{10, bad.Error()}
	}
	if busy, ok := errors.AsType[*auth.TooManyError](err); ok {
		return http.StatusTooManyRequests, refusal{20, busy.Error()}
	}
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed) || errors.Is(err, context.DeadlineExceeded) {
		return http.StatusServiceUnavailable, refusal{4, "the server cannot do this at the moment: try again"}
	}
	return http.StatusInternalServerError, refusal{4, "the server failed; the operator finds the reason in its log"}
}

// handle lets administrators in, and writes what answer returns.
func (a *API) handle(answer func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := a.asAdmin(w, r, answer)
		status := http.StatusOK
		if err != nil {
			status, body = a.refuse(w, r, err)
		}
		raw, err := json.Marshal(body)
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
		_, _ = w.Write(raw) // whoever does not read the answer learns from its absence
	})
}

func (a *API) asAdmin(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) (any, error) {
	who, err := a.Auth.Authenticate(w, r)
	if err != nil {
		return nil, err
	}
	if !who.User.Has(directory.AdminRole) {
		return nil, errNotAdmin
	}
	return answer(r)
}

// refuse sets the headers that go with an error.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) (status int, body any) {
	status, body = outcome(err)
	busy, _ := errors.AsType[*auth.TooManyError](err)
	switch {
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="Halley", charset="UTF-8"`)
	case status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD")
	case busy != nil:
		w.Header().Set("Retry-After", busy.Seconds())
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
		fallthrough
	case status == http.StatusInternalServerError:
		if r.Context().Err() == nil { // a caller who has gone away is no failure
			a.Logger.Error("request failed", "method", r.Method, "route", r.Pattern, "error", err)
		}
	}
	return status, body
}
