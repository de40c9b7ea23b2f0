package agentapi

import (
	"crypto/subtle"
	"net/http"

	"github.com/halley-chat/halley/internal/auth"
)

// Who may ask what from where (agent-api 1.3):
//
//   - Everybody must be known to auth, by password or cookie. Only an OPTIONS is answered to strangers.
//   - A cookie is sent by the browser, whoever made it do so. So what changes something and is vouched for by a cookie must come from our own
//     pages or from an allowed origin; see sameSite. This holds always, and costs the client nothing.
//   - With EnableCSRF the documented token is demanded on top.
//   - Pages of allowed origins, named exactly, may read the answers (CORS); those of others may not.

const (
	csrfNameHeader = "X-CSRF-HEADER" // tells the name of the header to use
	csrfHeader     = "X-CSRF-TOKEN"
)

// authenticate finds out who sent a request and that it may have been sent. For a GET it hands out the CSRF token.
func (a *API) authenticate(w http.ResponseWriter, r *http.Request) (auth.Principal, error) {
	who, err := a.Auth.Authenticate(w, r)
	if err != nil {
		return auth.Principal{}, err
	}
	if safe(r.Method) {
		if a.Settings.EnableCSRF {
			w.Header().Set(csrfNameHeader, csrfHeader)
			w.Header().Set(csrfHeader, who.CSRF)
		}
		return who, nil
	}
	if err := a.sameSite(r, who); err != nil {
		return auth.Principal{}, err
	}
	if a.Settings.EnableCSRF {
		token := r.Header.Get(csrfHeader)
		if !who.FromCookie || subtle.ConstantTimeCompare([]byte(token), []byte(who.CSRF)) != 1 {
			// The text is documented, and clients know it.
			return auth.Principal{}, refuse(errCSRF, "Missing or invalid Csrf token")
		}
	}
	return who, nil
}

// sameSite refuses what another site made a browser send. A client that shows a password itself, without a cookie, is not concerned, unless
// it says itself that it is a browser on another site's errand: browsers remember passwords, too.
func (a *API) sameSite(r *http.Request, who auth.Principal) error {
	if !who.FromCookie && r.Header.Get("Sec-Fetch-Site") == "" {
		return nil
	}
	origin := r.Header.Get("Origin")
	foreign := origin != "" && a.Settings.Origin != "" && origin != a.Settings.Origin && !a.origins[origin]
	if err := a.cross.Check(r); err != nil || foreign {
		return refuse(errForeign, "this request comes from a page of another site: its origin is not among the allowed ones")
	}
	return nil
}

// safe says whether a method changes nothing.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// allowOrigin lets the pages of an allowed origin read the answer, be it good or bad.
func (a *API) allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); a.origins[origin] {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", csrfNameHeader+","+csrfHeader)
	}
}

// preflight tells a browser, before its page's real request, what may be asked. The lists are the documented ones.
func (a *API) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if a.origins[r.Header.Get("Origin")] {
		h.Set("Access-Control-Allow-Methods", "GET,POST,PUT,DELETE,OPTIONS")
		h.Set("Access-Control-Allow-Headers",
			"X-Requested-With,Content-Type,Accept,Origin,Cookie,authorization,ssid,surl,ContactCenterId,Idempotency-Key,"+csrfHeader)
		h.Set("Access-Control-Max-Age", "120")
	}
	w.WriteHeader(http.StatusNoContent)
}
