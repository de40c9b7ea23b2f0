package conformance

import (
	"net/http"
	"strings"
)

const origins = "--allowed-origins https://good.example,https://*.good.example --allowed-headers X-CSRF-TOKEN"

// originChecks are about pages of other sites: 34 and, for websocket, 59. The reference leaves allowed origins to what stands in front of it.
func originChecks() []Check {
	handshake := `[{"channel":"/meta/handshake","id":"1"}]`
	return []Check{
		{N: 34, Title: "an allowed origin may read each answer", Rules: []string{"CO-1", "CO-2"}, On: []Transport{L}, Mark: O, Options: origins, Run: func(l *Line) {
			for _, origin := range []string{"https://good.example", "https://a.good.example"} {
				for body, status := range map[string]int{handshake: http.StatusOK, "[": http.StatusBadRequest} {
					r := l.Browser().Request(http.MethodPost, "", body, Fields{"Origin": origin})
					Is(l, "the status for "+origin, r.Status, status)
					mayRead(l, r, origin)
				}
			}
		}},
		{N: 34, Title: "other origins may not", Rules: []string{"CO-1", "CO-4"}, On: []Transport{L}, Mark: O, Options: origins, Run: func(l *Line) {
			for _, origin := range []string{
				"https://evil.example", "http://good.example", "https://good.example.evil.example", "https://evilgood.example", "https://good.example:8443", "null",
			} {
				r := l.Browser().Request(http.MethodPost, "", handshake, Fields{"Origin": origin})
				Is(l, "the status for "+origin, r.Status, http.StatusForbidden)
				Is(l, "Access-Control-Allow-Origin for "+origin, r.Header.Get("Access-Control-Allow-Origin"), "")
			}
		}},
		{N: 34, Title: "preflight of each suffix", Rules: []string{"CO-3"}, On: []Transport{L}, Mark: O, Options: origins, Run: func(l *Line) {
			for _, suffix := range []string{"", "/", "/handshake", "/connect", "/subscribe", "/unsubscribe", "/disconnect"} {
				r := l.Browser().Request(http.MethodOptions, suffix, "", Fields{
					"Origin": "https://good.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
				})
				Is(l, "the status for "+suffix, r.Status, http.StatusNoContent)
				mayRead(l, r, "https://good.example")
				Is(l, "Access-Control-Max-Age", r.Header.Get("Access-Control-Max-Age"), "86400")
				listed(l, r, "Access-Control-Allow-Methods", "GET", "POST", "OPTIONS")
				listed(l, r, "Access-Control-Allow-Headers", "Accept", "Authorization", "Content-Type", "Pragma", "X-Requested-With", "X-CSRF-TOKEN")
			}
		}},
		{N: 34, Title: "preflight of a foreign origin", Rules: []string{"CO-1", "11.3"}, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			r := l.Browser().Request(http.MethodOptions, "/handshake", "", Fields{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
			Is(l, "the status", r.Status, http.StatusOK)
			Is(l, "the body", string(r.Body), "")
			Is(l, "Access-Control-Allow-Origin", r.Header.Get("Access-Control-Allow-Origin"), "")
		}},
		{
			N: 34, Title: "by default only the server's own origin", Rules: []string{"CO-1", "CO-4"}, On: []Transport{L}, Mark: D,
			Run: func(l *Line) {
				Is(l, "the status for a foreign origin", l.Browser().Request(http.MethodPost, "", handshake, Fields{"Origin": "https://evil.example"}).Status, http.StatusForbidden)
				for _, own := range []string{"", strings.TrimSuffix(l.URL, "/cometd")} {
					Is(l, "the status for origin "+own, l.Browser().Request(http.MethodPost, "", handshake, Fields{"Origin": own}).Status, http.StatusOK)
				}
			},
			Reference: func(l *Line) {
				Is(l, "the status for a foreign origin", l.Browser().Request(http.MethodPost, "", handshake, Fields{"Origin": "https://evil.example"}).Status, http.StatusOK)
			},
		},
		{N: 34, Title: "upgrade from the own origin, or from none", Rules: []string{"CO-5"}, On: []Transport{W}, Mark: R, Run: func(l *Line) {
			upgrade(l, http.StatusSwitchingProtocols, "", strings.TrimSuffix(l.URL, "/cometd"))
		}},
		{N: 34, Title: "upgrade from an allowed origin", Rules: []string{"CO-1", "CO-5"}, On: []Transport{W}, Mark: O, Options: origins, Run: func(l *Line) {
			upgrade(l, http.StatusSwitchingProtocols, "https://good.example", "https://a.good.example")
			upgrade(l, http.StatusForbidden, "https://evil.example", "https://good.example.evil.example")
		}},
		{
			N: 59, Title: "an upgrade from a foreign origin is refused", Rules: []string{"CO-5"}, On: []Transport{W}, Mark: D,
			Run:       func(l *Line) { upgrade(l, http.StatusForbidden, "https://evil.example", "null") },
			Reference: func(l *Line) { upgrade(l, http.StatusSwitchingProtocols, "https://evil.example") },
		},
	}
}

func mayRead(l *Line, r Response, origin string) {
	Is(l, "Access-Control-Allow-Origin", r.Header.Get("Access-Control-Allow-Origin"), origin)
	Is(l, "Access-Control-Allow-Credentials", r.Header.Get("Access-Control-Allow-Credentials"), "true")
	listed(l, r, "Vary", "Origin")
}

// listed demands that each name is in the list that a header holds.
func listed(l *Line, r Response, header string, names ...string) {
	list := ", " + strings.ToLower(strings.Join(r.Header.Values(header), ", ")) + ","
	for _, name := range names {
		if !strings.Contains(list, " "+strings.ToLower(name)+",") {
			l.Errorf("%s is %q, without %s", header, list, name)
		}
	}
}

func upgrade(l *Line, want int, origins ...string) {
	for _, origin := range origins {
		s, err := l.Browser().TryDial("", Fields{"Origin": origin})
		l.Need("upgrade from "+origin, err)
		Is(l, "the status for origin "+origin, s.Upgrade.Status, want)
	}
}
