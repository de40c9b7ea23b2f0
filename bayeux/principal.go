package bayeux

import (
	"bufio"
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
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

// packedHeader is what a websocket keeps of the header of its upgrade for a Policy, which asks
// at handshakes only: one string instead of the dozens that an http.Header is made of.
type packedHeader string

func packHeader(h http.Header) packedHeader {
	var b strings.Builder
	_ = h.Write(&b) // a strings.Builder does not fail
	return packedHeader(b.String())
}

func (p packedHeader) unpack() http.Header {
	in := textproto.NewReader(bufio.NewReader(strings.NewReader(string(p) + "\r\n")))
	h, _ := in.ReadMIMEHeader() // what was written can be read
	return http.Header(h)
}

// described is the peer as a Policy sees it.
func (x *exchange) described() Peer {
	p := *x.peer
	if x.sock != nil {
		p.Header = x.sock.header.unpack()
	}
	return p
}
