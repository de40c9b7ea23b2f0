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
		client = net.JoinHostPort(a.String(), "0")
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
