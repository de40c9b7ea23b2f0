package webui

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func demo() Start {
	return Start{
		URL: "http://127.0.0.1:8080", Version: "1.2.3", Metrics: "/metrics", Demo: true, Service: "support",
		Users: []User{{"dana", "agent"}, {"ines", "supervisor"}},
	}
}

func get(t *testing.T, s Start, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestTheStartPageNamesWhatIsHere(t *testing.T) {
	t.Parallel()
	page := get(t, demo(), "GET", "/").Body.String()
	for _, want := range []string{
		"/api/v2/me", "/api/v2/notifications", `href="/docs/"`, `href="/openapi.yaml"`, `href="/asyncapi.yaml"`, "/genesys/2/chat/support", `href="/healthz"`, `href="/readyz"`, `href="/metrics"`, `href="/version"`,
		"README.md", "docs/protocol", "<code>dana</code>", "supervisor", "curl -u dana:demo http://127.0.0.1:8080/api/v2/me", "1.2.3", `lang="en"`,
		`action="/genesys/2/chat/support"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	plain := get(t, Start{URL: "https://desk.example.com", Service: "help"}, "GET", "/").Body.String()
	for _, unwanted := range []string{"dana", "demo", "<form", `href="/metrics"`} {
		if strings.Contains(plain, unwanted) {
			t.Errorf("the page of a server without demo has %s", unwanted)
		}
	}
}

// D1: names from the configuration are text.
func TestNamesAreEscaped(t *testing.T) {
	t.Parallel()
	s := demo()
	s.Users = []User{{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`}}
	s.Service = `"><script>alert(2)</script>`
	s.URL = `http://x/"><script>alert(3)</script>`
	page := get(t, s, "GET", "/").Body.String()
	if n := strings.Count(page, "<script"); n != 1 || strings.Contains(page, "<img") {
		t.Errorf("%d scripts in the page:\n%s", n, page)
	}
}

// D5: nothing on a page runs but what we serve, and no other site can frame it.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/static/start.js", "/static/start.css", "/static/icon.svg", "/static/nothing"} {
		h := get(t, demo(), "GET", path).Header()
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q has no %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
}

// The page obeys its own policy: no inline script, style or handler, nothing from elsewhere.
func TestThePageObeysItsPolicy(t *testing.T) {
	t.Parallel()
	page := get(t, demo(), "GET", "/").Body.String()
	for _, pattern := range []string{`<script[^>]*>[^<]`, `<style`, `\sstyle=`, `\son[a-z]+=`, `(src|action)="(https?:)?//`, `<link[^>]*href="(https?:)?//`, `javascript:`} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	script := get(t, demo(), "GET", "/static/start.js").Body.String()
	for _, unwanted := range []string{"innerHTML", "eval(", "document.write", "Function("} {
		if strings.Contains(script, unwanted) {
			t.Errorf("the script uses %s", unwanted)
		}
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if w := get(t, demo(), "GET", m[1]); w.Code != http.StatusOK {
			t.Errorf("%s: %d", m[1], w.Code)
		}
	}
}

// Each file says what it is, and can only be read.
func TestContentTypesAndMethods(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/static/start.js": "text/javascript; charset=utf-8", "/static/start.css": "text/css; charset=utf-8", "/static/icon.svg": "image/svg+xml",
	} {
		if got := get(t, demo(), "GET", path).Header().Get("Content-Type"); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		if w := get(t, demo(), "HEAD", path); w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("HEAD %s: %d with %d bytes", path, w.Code, w.Body.Len())
		}
		if w := get(t, demo(), "POST", path); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	if w := get(t, demo(), "GET", "/static/../webui.go"); w.Code != http.StatusNotFound {
		t.Errorf("outside the assets: %d", w.Code)
	}
}
