package agentapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/halley-chat/halley/internal/auth"
)

// TestSession checks agent-api 1.3, rules 1, 2 and 5, and F2, F3: the cookie, its flags, wrong passwords, a cookie planted before log-in.
func TestSession(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	r := dana.get("/api/v2/me")
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil || cookie.Name != auth.CookieName || cookie.Path != "/" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Fatalf("cookie %v, %v", r.header["Set-Cookie"], err)
	}
	if r := dana.get("/api/v2/me"); r.header.Get("Set-Cookie") != "" {
		t.Error("a second cookie for the same client")
	}
	withCookie := h.as("")
	if r := withCookie.do("GET", "/api/v2/me", "", "Cookie", auth.CookieName+"="+cookie.Value); r.status != http.StatusOK {
		t.Errorf("the cookie alone: %d %s", r.status, r.body)
	}
	planted := h.as("omar")
	r = planted.do("GET", "/api/v2/me", "", "Cookie", auth.CookieName+"=planted")
	if c, err := http.ParseSetCookie(r.header.Get("Set-Cookie")); err != nil || c.Value == "planted" {
		t.Errorf("log-in with a planted cookie: %v, %v", r.header["Set-Cookie"], err)
	}
	wrong := h.as("dana")
	wrong.password = "guess"
	nobody := h.as("nobody")
	first, second := wrong.get("/api/v2/me"), nobody.get("/api/v2/me")
	if first.status != http.StatusUnauthorized || first.body != second.body {
		t.Errorf("wrong password %d %s, unknown user %d %s", first.status, first.body, second.status, second.body)
	}

	// Who goes on guessing has to wait (F1).
	guesser := h.as("lena")
	guesser.password = "guess"
	r = guesser.get("/api/v2/me")
	for range 30 {
		if r.status != http.StatusUnauthorized {
			break
		}
		r = guesser.get("/api/v2/me")
	}
	if r.status != http.StatusTooManyRequests || r.code() != "20" || r.header.Get("Retry-After") == "" {
		t.Errorf("after many guesses: %d %s %v", r.status, r.body, r.header)
	}

	// Log-out ends this log-in, and no other of the same user.
	other := h.as("dana")
	other.do("GET", "/api/v2/me", "", "Cookie", auth.CookieName+"=worthless")
	other.name, dana.name = "", ""
	dana.ok("/api/v2/me", `{"operationName":"EndContactCenterSession"}`)
	if r := dana.get("/api/v2/me"); r.status != http.StatusUnauthorized {
		t.Errorf("after log-out: %d %s", r.status, r.body)
	}
	if r := other.get("/api/v2/me"); r.status != http.StatusOK {
		t.Errorf("her other log-in: %d %s", r.status, r.body)
	}
}

// TestForeignSites checks F4: what another site makes a browser send is refused, whatever the body's type; clients that are no browsers are not concerned.
func TestForeignSites(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *Settings) { s.AllowedOrigins = []string{"https://wall.example.com"} })
	dana := h.as("dana")
	dana.startWork()
	dana.name = "" // the cookie alone, as a browser
	const body = `{"operationName":"NotReady"}`
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"no browser":              {nil, 200},
		"own page":                {[]string{"Origin", h.server.URL, "Sec-Fetch-Site", "same-origin"}, 200},
		"own page, older browser": {[]string{"Origin", h.server.URL}, 200},
		"allowed site":            {[]string{"Origin", "https://wall.example.com", "Sec-Fetch-Site", "cross-site"}, 200},
		"foreign site":            {[]string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		"foreign form":            {[]string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}, 403},
		"foreign urlencoded form": {[]string{"Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded"}, 403},
		"sibling site":            {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"foreign, older browser":  {[]string{"Origin", "https://evil.example"}, 403},
		"no origin at all":        {[]string{"Origin", "null"}, 403},
		"looks like ours":         {[]string{"Origin", h.server.URL + ".evil.example"}, 403},
	} {
		if r := dana.do("POST", "/api/v2/me/channels/chat", body, c.headers...); r.status != c.status {
			t.Errorf("%s: %d %s, want %d", name, r.status, r.body, c.status)
		}
		if c.status == http.StatusForbidden {
			if r := dana.do("POST", "/api/v2/notifications", `[]`, c.headers...); r.status != c.status {
				t.Errorf("notifications, %s: %d %s, want %d", name, r.status, r.body, c.status)
			}
		}
	}
	// A client that shows its password and no cookie is its own master, unless it is a browser on another site's errand.
	basic := h.as("dana")
	basic.http.Jar = nil
	if r := basic.post("/api/v2/me/channels/chat", body, "Origin", "https://evil.example"); r.status != http.StatusOK {
		t.Errorf("Basic without a cookie: %d %s", r.status, r.body)
	}
	if r := basic.post("/api/v2/me/channels/chat", body, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); r.status != http.StatusForbidden {
		t.Errorf("Basic that a browser remembered: %d %s", r.status, r.body)
	}
}

// TestOwnOrigin checks F5: where our own origin is known, a page of the same host under another scheme is foreign.
func TestOwnOrigin(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *Settings) { s.Origin = "https://desk.example.com" })
	dana := h.as("dana")
	dana.startWork()
	dana.name = "" // the cookie alone, as a browser
	for origin, status := range map[string]int{"https://desk.example.com": 200, "http://desk.example.com": 403, "https://evil.example": 403, "": 200} {
		if r := dana.post("/api/v2/me/channels/chat", `{"operationName":"NotReady"}`, "Origin", origin, "Host", "desk.example.com"); r.status != status {
			t.Errorf("%q: %d %s, want %d", origin, r.status, r.body, status)
		}
	}
}

// TestCSRF checks the documented token of agent-api 1.3.
func TestCSRF(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *Settings) { s.EnableCSRF = true })
	dana := h.as("dana")
	r := dana.get("/api/v2/me")
	token := r.header.Get("X-CSRF-TOKEN")
	if r.header.Get("X-CSRF-HEADER") != "X-CSRF-TOKEN" || len(token) != 36 || strings.Count(token, "-") != 4 {
		t.Fatalf("headers %v", r.header)
	}
	if again := dana.get("/api/v2/me/chats").header.Get("X-CSRF-TOKEN"); again != token {
		t.Errorf("the token changed within the session: %s, %s", token, again)
	}
	const start = `{"operationName":"StartContactCenterSession","channels":["chat"]}`
	const want = `{"statusCode":3,"statusMessage":"Missing or invalid Csrf token"}`
	others := h.as("omar").get("/api/v2/me").header.Get("X-CSRF-TOKEN")
	for name, headers := range map[string][]string{"none": nil, "wrong": {"X-CSRF-TOKEN", "x"}, "empty": {"X-CSRF-TOKEN", ""}, "another's": {"X-CSRF-TOKEN", others}} {
		for _, path := range []string{"/api/v2/me", "/api/v2/notifications"} {
			if r := dana.post(path, start, headers...); r.status != http.StatusForbidden || r.body != want {
				t.Errorf("%s, %s: %d %s", path, name, r.status, r.body)
			}
		}
	}
	if r := dana.post("/api/v2/me", start, "X-CSRF-TOKEN", token); r.status != http.StatusOK {
		t.Errorf("with the token: %d %s", r.status, r.body)
	}
	cookieless := h.as("dana")
	cookieless.http.Jar = nil
	if r := cookieless.post("/api/v2/me", start, "X-CSRF-TOKEN", token); r.status != http.StatusForbidden {
		t.Errorf("without JSESSIONID: %d %s", r.status, r.body)
	}
}

// TestCORS checks agent-api 1.3 and F5: exact origins only, on errors too, and the documented preflight.
func TestCORS(t *testing.T) {
	t.Parallel()
	const wall = "https://wall.example.com"
	h := open(t, func(s *Settings) { s.AllowedOrigins = []string{wall} })
	dana, stranger := h.as("dana"), h.as("")
	for _, c := range []struct {
		who    *client
		path   string
		status int
	}{{dana, "/api/v2/me", 200}, {dana, "/api/v2/nothing", 404}, {stranger, "/api/v2/me", 401}, {stranger, "/api/v2/notifications", 401}} {
		r := c.who.do("GET", c.path, "", "Origin", wall)
		if r.status != c.status || r.header.Get("Access-Control-Allow-Origin") != wall || r.header.Get("Access-Control-Allow-Credentials") != "true" ||
			!strings.Contains(strings.Join(r.header.Values("Vary"), ","), "Origin") || r.header.Get("Access-Control-Expose-Headers") != "X-CSRF-HEADER,X-CSRF-TOKEN" {
			t.Errorf("%s: %d %v", c.path, r.status, r.header)
		}
	}
	for _, origin := range []string{"null", "*", "https://evil.example", "https://wall.example.com.evil.example", "https://WALL.example.com", "http://wall.example.com", "https://wall.example.com:8443"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			if r := dana.do(method, "/api/v2/me", "", "Origin", origin); r.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s for %s: %v", method, origin, r.header)
			}
		}
	}
	r := stranger.do("OPTIONS", "/api/v2/me/chats/x", "", "Origin", wall, "Access-Control-Request-Method", "POST")
	if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Methods") != "GET,POST,PUT,DELETE,OPTIONS" ||
		!strings.HasPrefix(r.header.Get("Access-Control-Allow-Headers"), "X-Requested-With,Content-Type,Accept,Origin,Cookie,authorization,ssid,surl,ContactCenterId") ||
		!strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "X-CSRF-TOKEN") || r.header.Get("Access-Control-Max-Age") != "120" {
		t.Errorf("preflight: %d %v", r.status, r.header)
	}
}

// TestSettingsAreChecked checks that a server does not start with an origin list that means something else than it says, or nothing.
func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for name, tune := range map[string]func(*Config){
		"pattern":    func(c *Config) { c.Settings.AllowedOrigins = []string{"https://*.example.com"} },
		"any origin": func(c *Config) { c.Settings.AllowedOrigins = []string{"*"} },
		"null":       func(c *Config) { c.Settings.AllowedOrigins = []string{"null"} },
		"path":       func(c *Config) { c.Settings.AllowedOrigins = []string{"https://x.example/desk"} },
		"no body":    func(c *Config) { c.Settings.MaxBody = 0 },
		"base":       func(c *Config) { c.Encoder = NewEncoder("https://desk.example.com", false, berlin) },
		"transport":  func(c *Config) { c.Settings.Notifications.Transports = []string{"carrier-pigeon"} },
	} {
		c := h.Config
		c.Settings.AllowedOrigins = nil
		tune(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
