// Package probe answers requests that tell what becomes of them on the way to the server: what a proxy adds, takes away, delays, cuts or repeats.
// halley doctor asks them.
//
// The paths lie below that of CometD, so that whatever a proxy does to polls and websockets it does to these too. Anybody may ask, and is told of the
// request itself and of a few settings that are no secret: never an address or a cookie's value. Rate, number, size and time are limited, for all
// who ask together.
package probe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Path is where a Handler is mounted. Parameters stand in the query: id (up to MaxID characters) has the request counted under it, for (a duration)
// says how long Hold and Stream take, status which one Fail answers with, and claim which address the asker has put into X-Forwarded-For.
const (
	Path   = "/api/v2/notifications/probe" // GET, POST: answers at once
	Hold   = Path + "/hold"                // GET, POST: answers after a while, as a connect does; at most Settings.Timeout + Longer
	Stream = Path + "/stream"              // GET: answers at once but for the last byte, which follows after a while of at most MaxStream
	Fail   = Path + "/fail"                // GET, POST: cuts the connection without an answer, or answers with an error
	Socket = Path + "/socket"              // GET: a websocket that sends back what it gets
)

// Limits of what is asked.
const (
	MaxID     = 32
	MaxStream = 5 * time.Second
	MaxFrame  = 64 << 10
	Longer    = time.Minute // than a connect is held: a poll or a socket of ours
)

// Limits for all who ask together. One examination takes about 20 requests, 4 of them failures, and 3 at the same time.
const (
	perSecond = 5
	atOnce    = 100
	maxHeld   = 32 // polls, streams and sockets

	// Failures are dearer: proxies that see too many of them send nobody any more.
	failuresPerSecond = 0.2
	failuresAtOnce    = 12

	maxIDs    = 256
	maxFrames = 16 // of a socket
)

// Marker is a token of the Connection header, which every proxy must take for its own: where it arrives, there was none on the way.
const Marker = "halley-probe"

// Cookie is set by each answer, expired already, so that no browser keeps it.
const Cookie = "HALLEY_PROBE"

// Answer is what the server saw of a request.
type Answer struct {
	Halley    bool      `json:"halley"` // true: this is an answer of a probe
	Time      time.Time `json:"time"`
	Count     int       `json:"count"` // how many requests there were with this id, this one included
	Left      bool      `json:"left"`  // one of them was held, and left by its client
	Method    string    `json:"method"`
	Proto     string    `json:"proto"` // such as HTTP/1.1
	Host      string    `json:"host"`
	Direct    bool      `json:"direct"` // Marker arrived
	Upgrade   bool      `json:"upgrade"`
	Cookies   []string  `json:"cookies"` // names
	Body      int64     `json:"body"`    // bytes
	Forwarded Forwarded `json:"forwarded"`
	Settings  Settings  `json:"settings"`
}

// Forwarded tells what became of X-Forwarded-For.
type Forwarded struct {
	Hops     int  `json:"hops"`     // addresses in it
	Believed bool `json:"believed"` // it came from a trusted proxy
	Claimed  bool `json:"claimed"`  // and the client is taken to have the address that the query names as claim
}

// Settings are those of the server that a way to it must be fit for.
type Settings struct {
	URL          string `json:"url"`          // by which resources name themselves
	Timeout      Millis `json:"timeout"`      // how long a connect is held
	PingInterval Millis `json:"pingInterval"` // between pings on a websocket
	MaxBody      int64  `json:"maxBody"`      // bytes of the largest request
	WebSocket    bool   `json:"webSocket"`    // the transport is offered
}

// Millis is a time in milliseconds, as Bayeux has them.
type Millis int64

// Duration is the time in Go's terms.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Handler answers probes.
type Handler struct {
	settings Settings
	believed func(*http.Request) (client string, ok bool)
	rate     *rate.Limiter
	failures *rate.Limiter
	held     chan struct{} // a token for each that takes its time

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	mu    sync.Mutex
	asked *lru.LRU[string, asked] // by id
	busy  sync.WaitGroup          // requests; entered under mu, while ctx lives
}

// New returns a Handler. believed tells the address of a request's client where a trusted proxy has told it, and ok is false elsewhere.
func New(settings Settings, believed func(r *http.Request) (client string, ok bool)) *Handler {
	h := &Handler{
		settings: settings, believed: believed, held: make(chan struct{}, maxHeld),
		rate: rate.NewLimiter(perSecond, atOnce), failures: rate.NewLimiter(failuresPerSecond, failuresAtOnce),
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.asked, _ = lru.NewLRU[string, asked](maxIDs, nil) // fails for sizes below 1 only
	return h
}

// Close lets everybody go who is held: polls get their answers, for which http.Server's Shutdown waits, and Close returns when sockets have ended.
func (h *Handler) Close() {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	h.busy.Wait()
}

// ServeHTTP answers one probe.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.ctx.Err() != nil {
		stopping(w)
		return
	}
	if !h.rate.Allow() || r.URL.Path == Fail && !h.failures.Allow() {
		later(w)
		return
	}
	if r.Method != http.MethodGet && (r.Method != http.MethodPost || r.URL.Path == Stream || r.URL.Path == Socket) {
		refuse(w, http.StatusMethodNotAllowed, "this probe cannot be asked so")
		return
	}
	switch r.URL.Path {
	case Hold, Stream, Socket:
		select {
		case h.held <- struct{}{}:
			defer func() { <-h.held }()
		default:
			later(w)
			return
		}
	}
	if r.URL.Path == Socket && opens(r) {
		h.echo(w, r)
		return
	}
	a, err := h.answer(w, r)
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			refuse(w, http.StatusRequestEntityTooLarge, "the body has more than "+strconv.FormatInt(h.settings.MaxBody, 10)+" bytes")
		} else {
			refuse(w, http.StatusBadRequest, "the body could not be read")
		}
		return
	}
	switch r.URL.Path {
	case Path:
		write(w, http.StatusOK, a)
	case Hold:
		if h.wait(r, h.settings.Timeout.Duration()+Longer) {
			write(w, http.StatusOK, a)
		}
	case Stream:
		h.stream(w, r, a)
	case Fail:
		fail(w, r, a)
	case Socket: // of the upgrade nothing has arrived, or not enough
		write(w, http.StatusUpgradeRequired, a)
	default:
		refuse(w, http.StatusNotFound, "there is no such probe")
	}
}

// answer reads the request.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) (Answer, error) {
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, h.settings.MaxBody))
	a := Answer{
		Halley: true, Time: time.Now().UTC(), Method: r.Method, Proto: r.Proto, Host: r.Host,
		Direct: hasToken(r, "Connection", Marker), Upgrade: isUpgrade(r), Cookies: []string{}, Body: n, Settings: h.settings,
	}
	for _, c := range r.Cookies() {
		a.Cookies = append(a.Cookies, c.Name)
	}
	if hops := r.Header.Values("X-Forwarded-For"); len(hops) > 0 {
		client, believed := h.believed(r)
		a.Forwarded = Forwarded{len(strings.Split(strings.Join(hops, ","), ",")), believed, believed && client == r.URL.Query().Get("claim")}
	}
	before := h.note(r, func(of *asked) { of.count++ })
	a.Count, a.Left = before.count, before.left
	return a, err
}

// asked is what is known of the requests with one id.
type asked struct {
	count int
	left  bool
}

// note changes what is known of a request's id, and returns it.
func (h *Handler) note(r *http.Request, change func(*asked)) asked {
	id := r.URL.Query().Get("id")
	if id == "" || len(id) > MaxID {
		return asked{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	of, _ := h.asked.Get(id)
	change(&of)
	h.asked.Add(id, of)
	return of
}

// wait waits as long as the request says, and reports whether it is still to be answered.
func (h *Handler) wait(r *http.Request, most time.Duration) bool {
	long, _ := time.ParseDuration(r.URL.Query().Get("for")) // 0 is as good as nonsense
	timer := time.NewTimer(min(long, most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.ctx.Done(): // the answer comes early, which is for the asker to judge
		return true
	case <-r.Context().Done():
		h.note(r, func(of *asked) { of.left = true })
		return false
	}
}

// stream sends all but the end, and the end when the time is over.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, a Answer) {
	body := encode(a)
	head(w)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // as with the answers of CometD
	if _, err := w.Write(body); err != nil {
		return // the client has gone
	}
	if err := http.NewResponseController(w).Flush(); err == nil && h.wait(r, MaxStream) {
		_, _ = w.Write([]byte("\n"))
	}
}

// fail answers with an error, or cuts the connection.
func fail(w http.ResponseWriter, r *http.Request, a Answer) {
	if status, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil && status >= 400 && status <= 599 {
		write(w, status, a)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(w, http.StatusBadRequest, "this connection cannot be cut")
		return
	}
	_ = conn.Close() // all that was wanted
}

func isUpgrade(r *http.Request) bool {
	return hasToken(r, "Connection", "upgrade") && hasToken(r, "Upgrade", "websocket")
}

func hasToken(r *http.Request, header, token string) bool {
	return slices.ContainsFunc(r.Header.Values(header), func(list string) bool { return nameIn(list, token) })
}

func nameIn(list, token string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}

func stopping(w http.ResponseWriter) {
	refuse(w, http.StatusServiceUnavailable, "the server is stopping")
}

func later(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusTooManyRequests, "there are too many probes: try again later")
}

func refuse(w http.ResponseWriter, status int, why string) {
	write(w, status, struct {
		Error string `json:"error"`
	}{why})
}

// head sets what the answers to CometD's requests have too, and a cookie.
func head(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	http.SetCookie(w, SetCookie())
}

// SetCookie is the cookie that answers set, with the attributes of CometD's.
func SetCookie() *http.Cookie {
	return &http.Cookie{Name: Cookie, Value: "0", Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func write(w http.ResponseWriter, status int, v any) {
	body := encode(v)
	head(w)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// encode encodes a value of this package, which always can be.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("probe: " + err.Error())
	}
	return body
}
