package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// product is what a proxy has given itself away as. Empty: none is known.
type product string

const (
	nginx   product = "nginx"
	haproxy product = "HAProxy"
)

// cure is how to change something in the proxies that we know.
type cure struct{ nginx, haproxy string }

// in says how, for one product, or for all that are known.
func (c cure) in(p product) string {
	switch p {
	case nginx:
		return "in nginx " + c.nginx
	case haproxy:
		return "in HAProxy " + c.haproxy
	}
	return "in nginx " + c.nginx + "; in HAProxy " + c.haproxy
}

// cure says how to change something on this way.
func (w *way) cure(c cure) string {
	if w.direct {
		return "no proxy was met on this way: look at firewalls and address translation"
	}
	return c.in(w.product)
}

// Cures, by what ails. docs/proxies.md has whole configurations.
var (
	cureAddress = cure{"set proxy_set_header X-Forwarded-For $remote_addr;", "set http-request set-header X-Forwarded-For %[src]"}
	cureHTTP    = cure{`set proxy_http_version 1.1; and proxy_set_header Connection "";`, "nothing has to be set: look for another proxy behind it"}
	cureCookies = cure{
		"leave Cookie and Set-Cookie as they are (proxy_set_header, proxy_hide_header, proxy_cookie_path, proxy_cookie_flags)",
		"leave Cookie and Set-Cookie as they are (http-request and http-response del-header and replace-header, cookie rewrite)",
	}
	cureHeaders     = cure{"set large_client_header_buffers 4 16k;", "set tune.bufsize 32768"}
	cureErrors      = cure{"set proxy_intercept_errors off;", "remove http-response return and http-response set-status"}
	cureCompression = cure{"set gzip off;", "remove compression algo"}
	cureCaching     = cure{"set proxy_cache off; and no proxy_ignore_headers Cache-Control;", "remove http-request cache-use"}
	cureBuffering   = cure{"set proxy_buffering off; and gzip off;", "remove http-response wait-for-body"}
	cureLeaving     = cure{"set proxy_ignore_client_abort off;", "set option abortonclose, in defaults"}
	cureRepeats     = cure{
		"set proxy_next_upstream off; (at the least without non_idempotent)",
		"set retry-on conn-failure (the default), and leave h2 out of alpn: over HTTP/2 it says that a request was not processed when its connection to Halley broke",
	}
	cureWebSocket = cure{
		"set proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;",
		"let Upgrade and Connection pass (no http-request del-header of these, no http-request deny for them), in mode http",
	}
)

func cureBody(bytes int64) cure {
	return cure{fmt.Sprintf("set client_max_body_size %dk;", (bytes+1023)/1024), "let larger requests pass (http-request deny with req.body_size or content-length)"}
}

func cureHold(seconds int) cure {
	return cure{fmt.Sprintf("set proxy_read_timeout %ds; and proxy_send_timeout as long", seconds), fmt.Sprintf("set timeout server %ds and timeout client %ds", seconds, seconds)}
}

func cureIdle(seconds int) cure {
	return cure{fmt.Sprintf("set proxy_read_timeout %ds; and proxy_send_timeout as long", seconds), "set timeout tunnel 1h"}
}

// guess tells the product from an answer's header.
func guess(h http.Header) product {
	said := strings.ToLower(strings.Join(append(h.Values("Server"), h.Values("Via")...), " "))
	for _, known := range []struct {
		word string
		is   product
	}{
		{"nginx", nginx},
		{"openresty", nginx},
		{"haproxy", haproxy},
		{"apache", "Apache"},
		{"caddy", "Caddy"},
		{"envoy", "Envoy"},
		{"traefik", "Traefik"},
		{"cloudflare", "Cloudflare"},
		{"varnish", "Varnish"},
		{"awselb", "AWS load balancer"},
		{"iis", "IIS"},
	} {
		if strings.Contains(said, known.word) {
			return known.is
		}
	}
	return ""
}

// nonsense is what no server takes for a request. How it is refused tells who refuses, also of those who do not say so in a header.
const nonsense = "HALLEY DOCTOR\r\n\r\n"

// provoke tells the product from its answer to nonsense.
func (w *way) provoke(ctx context.Context) product {
	conn, err := w.dial(ctx)
	if err != nil {
		return ""
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, nonsense); err != nil {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(conn, 4096))
	if err != nil && len(b) == 0 {
		return ""
	}
	answer := string(b)
	switch {
	case strings.Contains(answer, "<center>nginx"), strings.Contains(answer, "Server: nginx"):
		return nginx
	case strings.Contains(answer, "Your browser sent an invalid request."):
		return haproxy
	}
	return ""
}
