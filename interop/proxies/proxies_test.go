// Package proxies_test runs the proxies of docs/proxies with a server behind them.
package proxies_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/doctor"
)

func TestMain(m *testing.M) {
	if out, err := exec.Command("../../tools/npm-ci", "../node").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "tools/npm-ci interop/node: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// Behind the proxies of the documentation all is well, says doctor, and so says the story told by a published client, over long-polling and websocket.
func TestDocumentedProxies(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{nginx, haproxy} {
		t.Run(k.program, func(t *testing.T) {
			t.Parallel()
			f := startProxy(t, k, nil)
			if found := f.findings(t); len(found) > 0 {
				t.Errorf("doctor complains of what the documentation advises: %v", found)
			}
			for _, transport := range []string{"long-polling", "websocket"} {
				story := exec.CommandContext(t.Context(), "node", "story.mjs", "--server", f.url, "--client", "9", "--transport", transport)
				story.Dir, story.Env = "../node", append(os.Environ(), "NODE_EXTRA_CA_CERTS="+f.ca)
				if out, err := story.CombinedOutput(); err != nil {
					t.Errorf("the story over %s: %v\n%s", transport, err, out)
				}
			}
		})
	}
}

// What is wrong with a proxy is found, and nothing else, and the setting is named (A14).
func TestBadProxies(t *testing.T) {
	t.Parallel()
	const aLocation, aBackend, aFrontend, abort = "      proxy_pass http://halley;\n", "  option httpchk GET /readyz\n", "  default_backend halley\n", "  option abortonclose"
	for name, tc := range map[string]struct {
		kind   kind
		set    func(*config.Config)
		change []string
		want   map[string]string // check: what the advice names
	}{
		"buffering, gzip, small requests": {
			kind: nginx,
			change: []string{
				"proxy_buffering off;", "proxy_buffering on;", "gzip off;", "gzip on; gzip_types *; gzip_min_length 1;",
				"client_max_body_size 2m;", "client_max_body_size 64k;", "large_client_header_buffers 4 16k;", "large_client_header_buffers 4 2k;",
			},
			want: map[string]string{
				"way.buffering": "in nginx set proxy_buffering off;", "way.compression": "in nginx set gzip off;",
				"way.body": "in nginx set client_max_body_size 1024k;", "way.headers": "in nginx set large_client_header_buffers",
			},
		},
		"5 s, and everything once more": {
			kind: nginx,
			change: []string{
				"proxy_read_timeout 90s;", "proxy_read_timeout 5s;", "proxy_next_upstream off;", "proxy_next_upstream error timeout http_503 non_idempotent;",
				"    server 127.0.0.1:8080;", "    server 127.0.0.1:8080 max_fails=0;\n    server 127.0.0.1:8080 max_fails=0;",
			},
			want: map[string]string{
				"way.hold": "in nginx set proxy_read_timeout 60s;", "way.silence": "in nginx set proxy_read_timeout 60s;", "way.repeats": "in nginx set proxy_next_upstream off;",
			},
		},
		"no upgrade, no cookies, its own errors": {
			kind: nginx,
			change: []string{
				"      proxy_set_header Upgrade $http_upgrade;\n", "",
				aLocation, aLocation + "proxy_set_header Cookie ''; proxy_intercept_errors on; error_page 404 503 /sorry; proxy_ignore_client_abort on;\n",
			},
			want: map[string]string{
				"way.websocket": "in nginx set proxy_http_version 1.1; proxy_set_header Upgrade", "way.cookies": "in nginx leave Cookie",
				"way.errors": "in nginx set proxy_intercept_errors off;", "way.leaving": "in nginx set proxy_ignore_client_abort off;",
			},
		},
		"as nginx is without settings": {
			kind: nginx,
			set:  func(c *config.Config) { c.URL = "" },
			change: []string{
				"      proxy_http_version 1.1;\n", "", "      proxy_set_header X-Forwarded-For $remote_addr;\n", "",
				"http {\n", "http {\nproxy_cache_path CACHE keys_zone=some:1m;\n",
				aLocation, aLocation + "proxy_cache some; proxy_cache_valid any 1m; proxy_ignore_headers Cache-Control Set-Cookie; proxy_cookie_path / /desk/;\n",
				"proxy_buffering off;", "",
			},
			want: map[string]string{
				"way.http": "in nginx set proxy_http_version 1.1;", "way.websocket": "proxy_http_version", "way.client": "in nginx set proxy_set_header X-Forwarded-For",
				"way.url": "set url: https://127.0.0.1", "way.caching": "in nginx set proxy_cache off;", "way.buffering": "in nginx set proxy_buffering off;",
				"way.cookies": "proxy_cookie_path",
			},
		},
		"HAProxy with 5 s": {
			kind:   haproxy,
			change: []string{"timeout server 90s", "timeout server 5s", "timeout tunnel 1h", "timeout tunnel 5s", abort, ""},
			want: map[string]string{
				"way.hold": "in HAProxy set timeout server 60s", "way.silence": "in HAProxy set timeout tunnel", "way.leaving": "in HAProxy set option abortonclose",
			},
		},
		"HAProxy that meddles": {
			kind: haproxy,
			change: []string{
				aFrontend, aFrontend + "  http-request del-header Upgrade\n  compression algo gzip\n  compression type application/json\n",
				"  http-request set-header X-Forwarded-For %[src]\n", "  http-request del-header X-Forwarded-For\n",
				aBackend, aBackend + "  http-response wait-for-body time 10s\n", "alpn http/1.1", "alpn h2,http/1.1",
			},
			want: map[string]string{
				"way.websocket": "in HAProxy let Upgrade", "way.compression": "in HAProxy remove compression", "way.client": "in HAProxy set http-request set-header",
				"way.buffering": "in HAProxy remove http-response wait-for-body", "way.repeats": "leave h2 out of alpn",
			},
		},
		"HAProxy that repeats": {
			kind: haproxy,
			set:  func(c *config.Config) { c.TrustedProxies = nil },
			change: []string{
				"retry-on conn-failure", "retry-on all-retryable-errors 503", aFrontend, aFrontend + "  http-request deny if { req.body_size gt 65536 }\n",
			},
			want: map[string]string{
				"way.repeats": "in HAProxy set retry-on conn-failure", "way.body": "in HAProxy let larger", "way.client": "set trusted-proxies",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, text := range tc.change {
				tc.change[i] = strings.ReplaceAll(text, "CACHE", filepath.Join(t.TempDir(), "cache"))
			}
			found := startProxy(t, tc.kind, tc.set, tc.change...).findings(t)
			for check, advice := range tc.want {
				if got := found[check].Do; !strings.Contains(got, advice) {
					t.Errorf("%s: the advice is %q, want %q", check, got, advice)
				}
			}
			if got, want := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(tc.want)); !slices.Equal(got, want) {
				t.Errorf("found %v\nwant %v", got, want)
			}
			if t.Failed() {
				for _, f := range found {
					t.Log(f)
				}
			}
		})
	}
}

// findings are what doctor has to complain of, by check.
func (f *front) findings(t *testing.T) map[string]doctor.Finding {
	t.Helper()
	found := map[string]doctor.Finding{}
	doctor.Examine(t.Context(), doctor.Options{Config: config.Default(), URL: f.url, Roots: f.roots}, func(f doctor.Finding) {
		if strings.HasPrefix(f.Check, "way") && f.Level != doctor.OK {
			if before, twice := found[f.Check]; twice {
				t.Errorf("said twice: %v\n%v", before, f)
			}
			found[f.Check] = f
		}
	})
	return found
}
