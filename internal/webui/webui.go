// Package webui is the pages that Halley itself serves: the start page, which says what is here and how much is going on, and
// the styles of all pages.
//
// The pages need nothing from elsewhere, carry no inline script or style, and say so to the browser (D5): a piece of hostile text that made its way onto a page
// would still not run.
package webui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
)

// Assets is the path below which the pages' styles and scripts are.
const Assets = "/static"

//go:embed start.html static
var files embed.FS

// Start is what the start page tells.
type Start struct {
	URL     string // public address of the server, without a slash at the end
	Version string
	Metrics string // address of the metrics
	Demo    bool   // show the users and how to try them
	Users   []User // of the demo
	Service string // through which the page's customer comes in
}

// User is a demo user.
type User struct{ Name, Role string }

// asset is a file with what its answer needs.
type asset struct {
	body        []byte
	contentType string
}

// New renders the start page and returns what serves it at / and its files below Assets. The page does not change afterwards; the figures on it come from /counts.
func New(s Start) (http.Handler, error) {
	page, err := template.ParseFS(files, "start.html")
	if err != nil {
		return nil, fmt.Errorf("start page: %w", err)
	}
	var html bytes.Buffer
	if err := page.Execute(&html, s); err != nil {
		return nil, fmt.Errorf("start page: %w", err)
	}
	served := map[string]asset{"/": {html.Bytes(), "text/html; charset=utf-8"}}
	for name, contentType := range map[string]string{
		"start.css": "text/css; charset=utf-8", "docs.css": "text/css; charset=utf-8", "start.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		body, err := files.ReadFile("static/" + name)
		if err != nil {
			return nil, fmt.Errorf("start page: %w", err)
		}
		served[path.Join(Assets, name)] = asset{body, contentType}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := served[r.URL.Path]
		if !ok {
			NotFound(w)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			Text(w, http.StatusMethodNotAllowed, "This page can only be read.")
			return
		}
		h := w.Header()
		Secure(h)
		h.Set("Content-Type", a.contentType)
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
		h.Set("Cache-Control", "no-cache")
		if r.Method == http.MethodGet {
			_, _ = w.Write(a.body) // a client that has gone needs no answer
		}
	}), nil
}

// NotFound answers for an address that nothing is at.
func NotFound(w http.ResponseWriter) {
	Text(w, http.StatusNotFound, "There is nothing here. The start page is at /")
}

// Text answers with one line of plain text.
func Text(w http.ResponseWriter, status int, line string) {
	h := w.Header()
	Secure(h)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, line)
}

// Secure sets what a browser needs to know to keep a page from being misused.
func Secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "+
		"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers older than frame-ancestors
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}
