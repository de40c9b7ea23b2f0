package bayeux

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// maxCookieLength is how long a browser cookie may be that a client brings (CK-2).
const maxCookieLength = 128

// browserCookie returns the value of the request's browser cookie, or "" when it
// has none that can be used (CK-2).
func (srv *Server) browserCookie(r *http.Request) string {
	value := cookieValue(r.Header, srv.opt.BrowserCookie.Name)
	if len(value) > maxCookieLength {
		return ""
	}
	for _, b := range []byte(value) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.':
		default:
			return ""
		}
	}
	return strings.Clone(value) // which is a part of the whole line
}

// cookieValue returns the value of the first cookie with that name, or "".
func cookieValue(h http.Header, name string) string {
	for _, line := range h["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			if n, value, _ := strings.Cut(part, "="); strings.TrimSpace(n) == name {
				value = strings.TrimSpace(value)
				if inner, ok := strings.CutPrefix(value, `"`); ok && strings.HasSuffix(inner, `"`) {
					value = strings.TrimSuffix(inner, `"`)
				}
				return value
			}
		}
	}
	return ""
}

// newBrowserCookie is the Set-Cookie of CK-1 and CK-3.
func (srv *Server) newBrowserCookie(value string, r *http.Request) *http.Cookie {
	o := &srv.opt.BrowserCookie
	return &http.Cookie{
		Name: o.Name, Value: value, Path: o.Path, Domain: o.Domain,
		MaxAge:   int(o.MaxAge / time.Second),
		Secure:   o.Secure && (r.TLS != nil || r.URL.Scheme == "https"),
		HttpOnly: o.HTTPOnly == On,
		SameSite: o.SameSite, Partitioned: o.Partitioned,
	}
}

// cookieHash is the SHA-256 of a browser cookie, or "" for none: all that is kept of it.
type cookieHash string

func hashOf(cookie string) cookieHash {
	if cookie == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(cookie))
	return cookieHash(sum[:])
}

// is reports whether both are of one cookie.
func (h cookieHash) is(other cookieHash) bool {
	return h != "" && subtle.ConstantTimeCompare([]byte(h), []byte(other)) == 1
}
