package bayeux

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// originPattern is one of Options.AllowedOrigins (CO-1).
type originPattern struct {
	scheme, host string // host with its port, if any; in lower case
}

func parseOrigins(option string, list []string) ([]originPattern, error) {
	var all []originPattern
	for _, s := range list {
		scheme, host, ok := strings.Cut(strings.ToLower(s), "://")
		if !ok || scheme == "" || host == "" || strings.ContainsAny(host, "/ ?#@") {
			return nil, fmt.Errorf("%s: %q is not an origin such as https://desk.example or https://*.desk.example", option, s)
		}
		all = append(all, originPattern{scheme, host})
	}
	return all, nil
}

// matches compares an origin label by label, so that "*" stands for something
// within the host part and never reaches past its end.
func (p originPattern) matches(scheme, host string) bool {
	if p.scheme != scheme {
		return false
	}
	before, after, wild := strings.Cut(p.host, "*")
	if !wild {
		return p.host == host
	}
	return len(host) > len(before)+len(after) && strings.HasPrefix(host, before) && strings.HasSuffix(host, after)
}

// originCheck says what a request's Origin header allows.
type originCheck int8

const (
	originOwn     originCheck = iota // none, or our own
	originAllowed                    // foreign, on the list
	originForeign
)

func (srv *Server) checkOrigin(r *http.Request) originCheck {
	if origin := r.Header.Get("Origin"); origin != "" {
		return srv.originOf(origin, r)
	}
	return originOwn
}

// originOf checks the origin of a URL that the request names.
func (srv *Server) originOf(origin string, r *http.Request) originCheck {
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || u.Host == "" {
		return originForeign // "null" among others
	}
	for _, p := range srv.origins {
		if p.matches(u.Scheme, u.Host) {
			return originAllowed
		}
	}
	if own := srv.own; own != nil {
		if u.Scheme == own.scheme && sameHost(u.Host, u.Scheme, own.host) {
			return originOwn
		}
		return originForeign
	}
	// TLS may end at a proxy, so the scheme cannot be compared; the host can.
	if sameHost(u.Host, u.Scheme, strings.ToLower(r.Host)) {
		return originOwn
	}
	return originForeign
}

// sameHost compares an origin's host with the Host header; a browser leaves the
// scheme's own port out of both.
func sameHost(origin, scheme, host string) bool {
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return strings.TrimSuffix(origin, port) == strings.TrimSuffix(host, port)
}

// allowedHeaders are those of CO-3.
const allowedHeaders = "Accept, Authorization, Content-Type, Pragma, X-Requested-With"

// cors adds the headers that let the page of an allowed foreign origin read the
// response (CO-2).
func (srv *Server) cors(h http.Header, r *http.Request, check originCheck) {
	if len(srv.origins) > 0 {
		h.Add("Vary", "Origin")
	}
	if check == originAllowed {
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// preflight answers OPTIONS (CO-3).
func (srv *Server) preflight(w http.ResponseWriter, check originCheck) {
	if check != originAllowed {
		w.WriteHeader(http.StatusOK)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", strings.Join(append([]string{allowedHeaders}, srv.opt.AllowedHeaders...), ", "))
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
