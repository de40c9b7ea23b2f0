package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// fromProxy puts the client's address into RemoteAddr where a trusted proxy has told it, for everybody who counts by address, and the public scheme into
// the URL, for those who set cookies.
func (s *Server) fromProxy(next http.Handler) http.Handler {
	https := strings.HasPrefix(s.url, "https://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(s.proxies) > 0 {
			r.RemoteAddr = clientOf(r, s.proxies)
		}
		if https {
			r.URL.Scheme = "https"
		}
		next.ServeHTTP(w, r)
	})
}

// hearsay is the port of a client whose address a proxy has told: no connection comes from it.
const hearsay = "0"

// believed tells the address of a request's client if a proxy has told it, and was believed.
func believed(r *http.Request) (client string, ok bool) {
	client, port, err := net.SplitHostPort(r.RemoteAddr)
	return client, err == nil && port == hearsay
}

// clientOf is where a request comes from: the last address of X-Forwarded-For that is not one of our proxies', if the connection is from one. What stands
// before it was sent by the client herself, and is hearsay.
func clientOf(r *http.Request, proxies []netip.Prefix) string {
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(n netip.Prefix) bool { return n.Contains(a) })
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !trusted(peer.Addr().Unmap()) {
		return r.RemoteAddr
	}
	client := r.RemoteAddr
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		a = a.Unmap()
		client = net.JoinHostPort(a.String(), hearsay)
		if !trusted(a) {
			break
		}
	}
	return client
}

// readInTime gives a client ReadTimeout to send a body. http.Server's own ReadTimeout would also end polls that are held for longer than that, so
// the deadline is lifted when the body has been read.
func (s *Server) readInTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			conn := http.NewResponseController(w)
			if err := conn.SetReadDeadline(time.Now().Add(s.cfg.ReadTimeout)); err == nil {
				r.Body = &timedBody{ReadCloser: r.Body, conn: conn}
			}
		}
		next.ServeHTTP(w, r)
	})
}

type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

// Read reads the body, and lifts the deadline at its end.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.conn.SetReadDeadline(time.Time{}) // a connection that has gone needs no deadline
	}
	return n, err // io.EOF must stay io.EOF
}

// answerInTime gives a client so long to take an answer, from its first byte on: who does not read must not hold a connection, and the answer's memory, for
// ever. http.Server's own WriteTimeout would begin with the request, and end polls that are held. A handler that sets a deadline of its own is left to it.
func answerInTime(within time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&timedAnswer{ResponseWriter: w, within: within}, r)
	})
}

// timedAnswer sets the deadline when the answer begins. http.Server lifts it when the last byte has left, which may be after the handler has returned, and
// when a connection is hijacked.
type timedAnswer struct {
	http.ResponseWriter
	within time.Duration
	timed  bool
}

func (a *timedAnswer) begin() {
	if !a.timed {
		_ = a.SetWriteDeadline(time.Now().Add(a.within)) // a connection that has gone needs no deadline
	}
}

// WriteHeader begins the answer.
func (a *timedAnswer) WriteHeader(code int) {
	a.begin()
	a.ResponseWriter.WriteHeader(code)
}

// Write begins the answer if WriteHeader has not.
func (a *timedAnswer) Write(b []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(b)
}

// SetWriteDeadline is found by http.ResponseController: from now on the deadline is its caller's affair.
func (a *timedAnswer) SetWriteDeadline(t time.Time) error {
	a.timed = true
	return http.NewResponseController(a.ResponseWriter).SetWriteDeadline(t)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *timedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
