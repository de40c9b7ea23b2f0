package customerapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const shop = "https://shop.example.org"

// 6.6 test 10: a page on another site may ask first, and may read every answer, also an error. [1.5]
func TestCrossSite(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	for _, tt := range []struct {
		name string
		r    *http.Request
		http int
	}{
		{"success", formRequest(support, "nickname", "Pat"), 200},
		{"refused", formRequest(support), 400},
		{"gone", formRequest(p.url("refresh")), 200},
		{"unknown service", formRequest("/genesys/2/chat/nobody"), 404},
		{"unknown operation", formRequest(p.url("dance")), 404},
		{"elsewhere", formRequest("/genesys/nowhere"), 404},
		{"method", httptest.NewRequest(http.MethodGet, support, nil), 405},
		{"content type", httptest.NewRequest(http.MethodPost, support, strings.NewReader("x")), 415},
	} {
		tt.r.Header.Set("Origin", shop)
		a := o.do(tt.r)
		if a.status != tt.http {
			t.Errorf("%s: %d %s", tt.name, a.status, a.raw)
		}
		if h := a.header; h.Get("Access-Control-Allow-Origin") != shop || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", tt.name, h)
		}
	}
	if a := o.post(support, "nickname", "Pat"); a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") != "Origin" {
		t.Errorf("without an origin: %v", a.header)
	}
}

// The preflight is answered on every URL, without any authentication. [1.5]
func TestPreflight(t *testing.T) {
	t.Parallel()
	o := open(t)
	for _, url := range []string{support, support + "/", support + "/C1/refresh", "/genesys/2/chat/nobody", "/genesys/cometd"} {
		r := httptest.NewRequest(http.MethodOptions, url, nil)
		r.Header.Set("Origin", shop)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "apikey, x-custom")
		a := o.do(r)
		h := a.header
		if a.status != http.StatusNoContent || a.raw != "" || h.Get("Access-Control-Allow-Origin") != shop || h.Get("Access-Control-Allow-Credentials") != "true" ||
			h.Get("Access-Control-Allow-Methods") != "POST, GET, OPTIONS" || h.Get("Access-Control-Allow-Headers") != "apikey, x-custom" ||
			h.Get("Access-Control-Max-Age") != "86400" || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", url, a.status, h)
		}
		r.Header.Del("Access-Control-Request-Headers")
		if got := o.do(r).header.Get("Access-Control-Allow-Headers"); got != crossSiteHeaders {
			t.Errorf("%s: allowed headers %q", url, got)
		}
	}
}

// A service with a list of origins tells no other site, by no trick, and never says "*". The request itself is processed: it may come from no browser. [1.5] Fault F5.
func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	o := open(t)
	for origin, allowed := range map[string]bool{
		shop: true, "https://evil.example": false, "null": false, "https://shop.example.org.evil.example": false,
		"http://shop.example.org": false, "https://shop.example.org:8443": false, "HTTPS://SHOP.EXAMPLE.ORG": false, "*": false,
	} {
		r := formRequest(strict, "firstName", "Pat", "lastName", "Lowe", "subject", "Parcel", "emailAddress", "p@x")
		r.Header.Set("Origin", origin)
		a := o.do(r)
		if got := a.header.Get("Access-Control-Allow-Origin"); a.StatusCode != 0 || allowed && got != origin || !allowed && got != "" {
			t.Errorf("%s: %q %s", origin, got, a.raw)
		}
		r = httptest.NewRequest(http.MethodOptions, strict, nil)
		r.Header.Set("Origin", origin)
		if h := o.do(r).header; (h.Get("Access-Control-Allow-Methods") != "") != allowed {
			t.Errorf("preflight from %s: %v", origin, h)
		}
	}
}
