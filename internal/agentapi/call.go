package agentapi

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

var errNothingHere = refuse(chat.ErrNotFound, "nothing is served at this address")

// call is one request of somebody we know.
type call struct {
	api  *API
	w    http.ResponseWriter
	r    *http.Request
	user *directory.User
	auth auth.Principal
}

// handler does what a call wants, or says why not. It writes nothing itself.
type handler func(c *call) (answer, error)

// endpoint is what is served at one address: a handler for each method, or one for any.
type endpoint struct{ get, post, any handler }

// method returns the handler of a method, and which methods there are.
func (e endpoint) method(name string) (handler, []string) {
	if e.any != nil {
		return e.any, nil
	}
	var allowed []string
	if e.get != nil {
		allowed = append(allowed, http.MethodGet, http.MethodHead)
	}
	if e.post != nil {
		allowed = append(allowed, http.MethodPost)
	}
	allowed = append(allowed, http.MethodOptions)
	switch name {
	case http.MethodGet, http.MethodHead:
		return e.get, allowed
	case http.MethodPost:
		return e.post, allowed
	}
	return nil, allowed
}

// handle makes an HTTP handler of an endpoint.
func (a *API) handle(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := a.answer(e, w, r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		a.write(w, r, http.StatusOK, succeeded, body)
	}
}

func (a *API) answer(e endpoint, w http.ResponseWriter, r *http.Request) (answer, error) {
	who, err := a.authenticate(w, r)
	if err != nil {
		return nil, err
	}
	h, allowed := e.method(r.Method)
	if h == nil {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return nil, refuse(errMethod, "%s is not possible at this address: use %s", quote(r.Method), strings.Join(allowed, ", "))
	}
	return h(&call{api: a, w: w, r: r, user: who.User, auth: who})
}

// permitted lets those in who have one of the features. That comes before all else but the log-in (agent-api 1.8, 4.0).
func permitted(next handler, oneOf ...directory.Feature) handler {
	return func(c *call) (answer, error) {
		if err := c.needs(oneOf...); err != nil {
			return nil, err
		}
		return next(c)
	}
}

// chatters lets those in who may take part in chats.
func chatters(next handler) handler {
	return permitted(next, directory.ForChats()...)
}

// needs refuses a user who has none of the features.
func (c *call) needs(oneOf ...directory.Feature) error {
	if c.user.May(oneOf...) {
		return nil
	}
	names := make([]string, len(oneOf))
	for i, f := range oneOf {
		names[i] = string(f)
	}
	return refuse(errPermission, "you lack the feature %s; the administrator grants it, by role or by itself", strings.Join(names, " or "))
}

// notOffered answers for what the original product has and we do not.
func notOffered(what string) handler {
	return func(*call) (answer, error) {
		return nil, refuse(chat.ErrNotAllowed, "%s: not offered by this server", what)
	}
}

// nobody answers for a single resource of a kind that is not there.
func nobody(kind string) handler {
	return func(*call) (answer, error) { return nil, errNobody("resource of " + kind) }
}

// none answers a collection that is always empty here.
func none(plural string) handler {
	return func(c *call) (answer, error) { return list[user](plural, nil, c.look()) }
}

// selected reads a comma list from the query.
func (c *call) selected(name string) selection {
	return parseSelection(strings.Join(c.r.URL.Query()[name], ","))
}

// request is the body of a POST with what makes it repeatable.
type request struct {
	operation  string
	parameters parameters
	once       *desk.Once
}

// body reads it: at most Settings.MaxBody bytes.
func (c *call) body() ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, c.api.Settings.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse(errTooLarge, "the body is too large: at most %d bytes are taken", tooLarge.Limit)
	case err != nil:
		return nil, refuse(chat.ErrInvalid, "the body ended early or came too slowly")
	}
	return body, nil
}

// parameters reads a body that names no operation, and may be empty.
func (c *call) parameters() (parameters, error) {
	body, err := c.body()
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return nil, err
	}
	return parseParameters(body)
}

// request reads the body: at most Settings.MaxBody bytes, a JSON object, with an operationName (agent-api 4.0, in this order).
func (c *call) request() (request, error) {
	body, err := c.body()
	if err != nil {
		return request{}, err
	}
	var q request
	if q.parameters, err = parseParameters(body); err != nil {
		return request{}, err
	}
	if q.operation, err = q.parameters.operationName(); err != nil {
		return request{}, err
	}
	q.once, err = c.once(body)
	return q, err
}

// maxIdempotencyKey is the most characters of an Idempotency-Key (agent-api 1.4).
const maxIdempotencyKey = 128

// once reads the header Idempotency-Key; nil if there is none. A key belongs to its user and path: the same body gets the first answer, another
// one is refused by the store.
func (c *call) once(body []byte) (*desk.Once, error) {
	keys := c.r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return nil, nil
	}
	visible := func(b byte) bool { return b > ' ' && b < 0x7f }
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxIdempotencyKey ||
		slices.ContainsFunc([]byte(keys[0]), func(b byte) bool { return !visible(b) }) {
		return nil, refuse(chat.ErrInvalid, "Idempotency-Key must be one key of 1 to %d visible ASCII characters", maxIdempotencyKey)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n", c.r.Method, c.r.URL.Path)
	if c.r.URL.RawQuery != "" {
		fmt.Fprintf(h, "?%s\n", c.r.URL.RawQuery) // as ?agentGroup (agent-api 6.9)
	}
	h.Write(body)
	return &desk.Once{Key: c.user.ID + " " + c.r.URL.Path + " " + keys[0], Sum: [sha256.Size]byte(h.Sum(nil))}, nil
}
