package telemetry

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// internalError is what a client gets when the server itself is at fault. It has the shape that both APIs give their errors (agent-api 1.5: code 4), and tells
// nothing about the inside.
const internalError = `{"statusCode":4,"statusMessage":"internal error; the server's log has the details"}`

// HTTP counts and times the requests of one route, and turns a panic into an answer and a log record. The label is given, not taken from the request: what clients
// put into their paths cannot make labels.
func (m *Metrics) HTTP(log *slog.Logger, route string, next http.Handler) http.Handler {
	seconds := m.duration.WithLabelValues(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		m.inFlight.Inc()
		rec := &recorder{ResponseWriter: w, upgrade: r.Header.Get("Upgrade") != ""}
		defer func() {
			fault := recover()
			cut := fault == http.ErrAbortHandler // the way to cut a connection on purpose
			if fault != nil && !cut {
				m.panics.Inc()
				log.Error("request ended in a panic", "route", route, "method", method(r), "panic", fault, "stack", string(debug.Stack()))
				cut = !rec.fail()
			}
			m.inFlight.Dec()
			m.requests.WithLabelValues(route, method(r), strconv.Itoa(rec.status())).Inc()
			seconds.Observe(time.Since(start).Seconds())
			if cut {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// method returns the request's method, or one word for all that nobody uses: a label must not be a client's free choice.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return r.Method
	}
	return "other"
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	code     int
	upgrade  bool // the request asks for another protocol
	hijacked bool
}

func (rec *recorder) status() int {
	if rec.code == 0 {
		return http.StatusOK
	}
	return rec.code
}

func (rec *recorder) WriteHeader(code int) {
	// 1xx are notes before the answer, except for the one that ends HTTP on this connection.
	if rec.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		rec.code = code
	}
	rec.ResponseWriter.WriteHeader(code)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.code == 0 {
		rec.code = http.StatusOK
	}
	return rec.ResponseWriter.Write(b)
}

// Flush makes the recorder an http.Flusher.
func (rec *recorder) Flush() { _ = rec.FlushError() }

// FlushError is found by http.ResponseController: bayeux must learn which answers did not leave.
func (rec *recorder) FlushError() error {
	return http.NewResponseController(rec.ResponseWriter).Flush()
}

// Hijack makes the recorder an http.Hijacker: websockets need it, and held polls, which are answered later. Those count as what they mostly become, 200, and for the
// time until then.
func (rec *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(rec.ResponseWriter).Hijack()
	if err == nil {
		rec.hijacked = true
		if rec.code == 0 && rec.upgrade {
			rec.code = http.StatusSwitchingProtocols
		}
	}
	return c, rw, err
}

// Unwrap lets http.ResponseController reach the connection.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// fail answers for a handler that broke. Once an answer has begun it reports false: all that is left then is to cut the connection, so that half an answer is not
// taken for a whole one.
func (rec *recorder) fail() bool {
	if rec.hijacked {
		return true // the connection is no longer ours
	}
	if rec.code != 0 {
		return false
	}
	h := rec.Header()
	clear(h)
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	rec.WriteHeader(http.StatusInternalServerError)
	_, _ = rec.Write([]byte(internalError))
	return true
}
