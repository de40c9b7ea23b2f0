// Package customerapi is the customer's side of Halley over REST: the Chat API version 2 as browser widgets, bots and gateways speak it
// (customer-api 1 and 2).
//
// It translates, and nothing else: a URL and a form become one action on the desk, and what the customer may see of her chat becomes one
// envelope. Each rule has one place:
//
//	target.go      which URL means what                              (1.2)
//	form.go        every encoding of parameters                      (1.3)
//	userdata.go    the grammar of userData[key]                      (1.3, 2.1)
//	position.go    which part of the transcript is asked for         (1.9)
//	operations.go  what each operation does                          (2.0, 2.2 to 2.5, 2.9)
//	start.go       what a request for a chat must hold               (2.1)
//	envelope.go    what an answer looks like                         (1.7, 4, 7.1 to 7.3)
//	refusal.go     which error becomes which status and body         (1.8, 2.15)
//	cors.go        what a browser on another site needs              (1.5)
//	limits.go      how often                                         (5.2)
//
// Whoever holds a chat's secureKey is its customer. The key is compared by the desk, stands in answers to its holder only, and is never
// logged; a wrong key, an unknown chat and a chat that is over and gone get the same answer, byte for byte.
package customerapi

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// Config is what the API works with. All fields are needed.
type Config struct {
	Desk      *desk.Desk
	Directory *directory.Directory
	Settings  Settings
	Logger    *slog.Logger
}

// Settings are the limits of the API (5.2). DefaultSettings gives the documented ones.
type Settings struct {
	MaxBody             int64 // bytes of a request body
	StartsPerMinute     int   // chats requested per client address; 0: no limit
	OperationsPerSecond int   // operations per chat; 0: no limit
	FreeLoopback        bool  // neither rate counts for clients on a loopback address
}

// DefaultSettings returns the documented limits.
func DefaultSettings() Settings {
	return Settings{MaxBody: 256 << 10, StartsPerMinute: 10, OperationsPerSecond: 20}
}

// API serves customers. It starts no goroutine and keeps nothing but its rate limits.
type API struct {
	desk      *desk.Desk
	directory *directory.Directory
	settings  Settings
	log       *slog.Logger

	starts     *gate // by client address
	operations *gate // by chat
}

// New makes an API.
func New(cfg Config) *API {
	return &API{
		desk: cfg.Desk, directory: cfg.Directory, settings: cfg.Settings, log: cfg.Logger,
		starts:     newGate(cfg.Settings.StartsPerMinute, time.Minute),
		operations: newGate(cfg.Settings.OperationsPerSecond, time.Second),
	}
}

// Handler serves everything below /genesys/, and answers every URL there in JSON. It must get the paths as the client wrote them: a mux that
// cleans paths by a redirect loses the body of a POST to a URL with a double slash (1.2).
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// serve answers one request. What every answer needs, whatever becomes of the request, is done here: cross-site headers, JSON, no caching.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	t := parseTarget(r.URL.EscapedPath())
	service := a.directory.Service(t.service)
	allowOrigin(w.Header(), r, service)
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	defer func() {
		bug := recover()
		if bug == nil {
			return
		}
		if bug == http.ErrAbortHandler { // net/http panics with this very value
			panic(bug)
		}
		a.log.Error("a request of a customer met a bug", "operation", t.operation, "panic", bug, "stack", string(debug.Stack()))
		a.refuse(w, t, errBug)
	}()
	answer, err := a.handle(w, r, t, service)
	if err != nil {
		a.refuse(w, t, err)
		return
	}
	write(w, http.StatusOK, answer)
}

// handle checks in the order of 2.0: method, service, (caller,) content type, chat and key, chat ended, parameters.
func (a *API) handle(w http.ResponseWriter, r *http.Request, t target, service *directory.Service) (envelope, error) {
	switch {
	case !t.chatAPI:
		return envelope{}, errNotServed
	case r.Method != http.MethodPost:
		return envelope{}, errMethod
	case service == nil:
		return envelope{}, errService
	case t.depth == requestChat:
		return a.start(w, r, service)
	}
	op, known := operations[t.operation]
	if !known || t.depth != chatOperation {
		return envelope{}, errOperation
	}
	f, err := readForm(w, r, a.settings.MaxBody)
	if err != nil {
		return envelope{}, err
	}
	return a.operate(r, t, service, op, f)
}

// refuse writes the answer that an error amounts to.
func (a *API) refuse(w http.ResponseWriter, t target, err error) {
	f := refusalOf(err)
	if f.unexpected {
		reference := newReference()
		f.advise(reference)
		a.log.Error("a request of a customer failed", "operation", t.operation, "chat", t.chatID, "reference", reference, "error", err)
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.retryAfter+time.Second-1)/time.Second), 10))
	}
	if f.http == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allowedMethods)
	}
	write(w, f.http, f.body(t))
}

// write sends one JSON object.
func write(w http.ResponseWriter, status int, body any) {
	raw, err := encode(body)
	if err != nil {
		// Only raw JSON from the store could fail here, and it was checked when it came in: the recovery of serve reports it.
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(status)
	// A client that has gone needs no answer, and there is nobody to tell.
	_, _ = w.Write(raw)
}

// encode writes JSON in which eventAttributes stand as they came in.
func encode(v any) ([]byte, error) { return json.Marshal(v, jsontext.PreserveRawStrings(true)) }

// newReference draws what joins an answer to a line of the log.
func newReference() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
