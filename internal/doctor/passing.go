package doctor

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/halley-chat/halley/internal/probe"
)

// Sizes that desks and their log-ins reach, and that proxies let pass unless they are told otherwise.
const (
	wideCookie = 6 << 10
	longQuery  = 2000 // of callback-polling
)

// somebody is an address that is nobody's (RFC 5737).
const somebody = "192.0.2.77"

// uploadTime is for the largest body over a slow line.
const uploadTime = 2 * time.Minute

// client looks at how Halley is told who asks.
func (w *way) client(ctx context.Context) {
	if w.direct {
		return
	}
	ctx, cancel := soon(ctx)
	defer cancel()
	check := w.check("client")
	a := w.ask(ctx, http.MethodGet, probe.Path, "claim="+somebody, nil, func(r *http.Request) { r.Header.Set("X-Forwarded-For", somebody) })
	const consequence = "all clients share the proxy's address, and its limits"
	switch f := a.answer.Forwarded; {
	case !a.fine():
		w.problem(check, w.cure(cureAddress), "a request with X-Forwarded-For: %s", a.fate())
	case f.Hops == 0:
		w.problem(check, w.cure(cureAddress), "the proxy does not tell who asks: "+consequence)
	case !f.Believed:
		w.problem(check, "set trusted-proxies to the addresses from which the proxy connects", "Halley does not believe the proxy's X-Forwarded-For: "+consequence)
	case f.Claimed && f.Hops == 1:
		w.problem(check, w.cure(cureAddress), "the proxy passes on what clients write into X-Forwarded-For, and Halley believes it: they can claim any address")
	case f.Claimed:
		w.ok(check, "the proxy tells who asks; this machine itself is among trusted-proxies, and may claim any address")
	default:
		w.ok(check, "the proxy tells who asks, and is believed")
	}
}

// cookies looks at whether the cookies of log-ins and CometD pass.
func (w *way) cookies(ctx context.Context) {
	ctx, cancel := soon(ctx)
	defer cancel()
	sent := []string{"BAYEUX_BROWSER", "JSESSIONID"}
	a := w.ask(ctx, http.MethodGet, probe.Path, "", nil, func(r *http.Request) {
		for _, name := range sent {
			r.AddCookie(&http.Cookie{Name: name, Value: "0"})
		}
	})
	check := w.check("cookies")
	if !a.fine() {
		w.problem(check, w.cure(cureCookies), "a request with cookies: %s", a.fate())
		return
	}
	for _, name := range sent {
		if !slices.Contains(a.answer.Cookies, name) {
			w.problem(check, w.cure(cureCookies), "the cookie %s does not reach Halley", name)
			return
		}
	}
	set := (&http.Response{Header: a.header}).Cookies()
	i := slices.IndexFunc(set, func(c *http.Cookie) bool { return c.Name == probe.Cookie })
	switch want := probe.SetCookie(); {
	case i < 0:
		w.problem(check, w.cure(cureCookies), "a cookie that Halley sets does not reach clients")
	case set[i].Value != want.Value || set[i].Path != want.Path || set[i].Domain != want.Domain || set[i].MaxAge != want.MaxAge:
		w.problem(check, w.cure(cureCookies), "a cookie that Halley sets reaches clients altered, as %q", set[i].Raw)
	default:
		w.ok(check, "cookies pass unchanged, both ways")
	}
}

// headers sends as much header as a desktop may.
func (w *way) headers(ctx context.Context) {
	ctx, cancel := soon(ctx)
	defer cancel()
	a := w.ask(ctx, http.MethodGet, probe.Path, "pad="+strings.Repeat("x", longQuery), nil, func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: probe.Cookie, Value: strings.Repeat("x", wideCookie)})
	})
	if !a.fine() {
		w.warn(w.check("headers"), w.cure(cureHeaders), "a request with %d KiB of cookies and %d characters of query: %s", wideCookie>>10, longQuery, a.fate())
		return
	}
	w.ok(w.check("headers"), "%d KiB of cookies and %d characters of query pass", wideCookie>>10, longQuery)
}

// body sends as large a request as Halley takes.
func (w *way) body(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	size := w.settings.MaxBody
	a := w.ask(ctx, http.MethodPost, probe.Path, "", bytes.Repeat([]byte(" "), int(size)))
	if !a.fine() || a.answer.Body != size {
		w.problem(w.check("body"), w.cure(cureBody(size)), "a request of %d bytes, as large as Halley takes: %s", size, a.fate())
		return
	}
	w.ok(w.check("body"), "requests of %d bytes pass", size)
}

// compression looks at whether answers come as they were sent, to a browser that would take others.
func (w *way) compression(ctx context.Context) {
	ctx, cancel := soon(ctx)
	defer cancel()
	a := w.ask(ctx, http.MethodGet, probe.Path, "", nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd") })
	switch packed := a.header.Get("Content-Encoding"); {
	case packed != "":
		w.warn(w.check("compression"), w.cure(cureCompression), "the proxy packs answers (%q), which costs time, and lets who sees their lengths guess at secrets in them", packed)
	case !a.fine():
		w.problem(w.check("compression"), w.cure(cureCompression), "a request that accepts packed answers: %s", a.fate())
	default:
		w.ok(w.check("compression"), "answers come as they were sent")
	}
}

// caching asks the same twice: the second answer counts one more request.
func (w *way) caching(ctx context.Context) {
	ctx, cancel := soon(ctx)
	defer cancel()
	same := id()
	for want := 1; want <= 2; want++ {
		a := w.ask(ctx, http.MethodGet, probe.Path, same, nil)
		if !a.fine() {
			w.problem(w.check("caching"), w.cure(cureCaching), "a request that was made before: %s", a.fate())
			return
		}
		if a.answer.Count < want {
			w.problem(w.check("caching"), w.cure(cureCaching), "the proxy answers from a cache what Halley forbids to keep")
			return
		}
	}
	w.ok(w.check("caching"), "nothing is answered from a cache")
}
