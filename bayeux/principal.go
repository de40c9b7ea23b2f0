package bayeux

import (
	"context"
	"net/http"
	"net/url"
)

// Principal says who is behind a session (SS-10). The embedding server
// authenticates requests itself and hands the result over with WithPrincipal.
type Principal struct {
	// User names the owner of the session: her topics (DEL-7) and her stream in a
	// Source. Empty: nobody known.
	User string
	// Login is the log-in (an HTTP session, a token) that vouches for her. Revoke
	// names it. It may be empty.
	Login string
}

// same reports whether p and q are one person (SS-10). A user who logged in
// again is still herself; of people without a user name the log-in is all we know.
func (p Principal) same(q Principal) bool {
	if p.User != "" || q.User != "" {
		return p.User == q.User
	}
	return p.Login == q.Login
}

type principalKey struct{}

// WithPrincipal returns a context that tells ServeHTTP who sent the request.
// Without it the request is anonymous.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

func principalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// Peer is the other side of a request or of a websocket, as a Policy sees it
// (HS-14). Its fields must not be changed.
type Peer struct {
	Transport  Transport
	Principal  Principal
	RemoteAddr string      // as net/http gives it, for example "192.0.2.7:51123"
	URL        *url.URL    // of the POST, or of the upgrade
	Header     http.Header // of the POST, or of the upgrade; cookies included
}
