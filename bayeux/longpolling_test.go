package bayeux

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func (b *bench) request(method, path, body string, header ...string) (*http.Response, string) {
	b.t.Helper()
	c := b.polling()
	c.path = path
	for i := 0; i+1 < len(header); i += 2 {
		c.header.Set(header[i], header[i+1])
	}
	resp, text, err := c.do(b.t.Context(), method, strings.NewReader(body))
	must(b.t, err)
	return resp, text
}

// Line 32, A1, A11: 11.3, LP-5, LP-9, LP-14, JP-8.
func TestStatusTable(t *testing.T) {
	t.Parallel()
	b := start(t, Options{LongPolling: HTTPOptions{MaxMessageSize: 10000}, MaxMessagesPerRequest: 100})
	packed := func(s string) string {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return buf.String()
	}
	gz := []string{"Content-Encoding", "gzip"}
	for name, tc := range map[string]struct {
		method, body string
		header       []string
		status       int
	}{
		"error inside":       {"POST", `[{"channel":"/x"}]`, nil, 200},
		"empty object":       {"POST", `{}`, nil, 200},
		"50 deep":            {"POST", `[{"channel":"/x","data":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}]`, nil, 200},
		"duplicate keys":     {"POST", `[{"channel":"bad","channel":"/x"}]`, nil, 200},
		"not JSON":           {"POST", `hello`, nil, 400},
		"truncated":          {"POST", `[{"channel":"/x"`, nil, 400},
		"empty body":         {"POST", ``, nil, 400},
		"string":             {"POST", `"x"`, nil, 400},
		"number":             {"POST", `7`, nil, 400},
		"null":               {"POST", `null`, nil, 400},
		"NaN":                {"POST", `[{"data":NaN}]`, nil, 400},
		"non-object":         {"POST", `[{"channel":"/x"},7]`, nil, 400},
		"empty array":        {"POST", `[]`, nil, 400},
		"trailing":           {"POST", `[{}]x`, nil, 400},
		"BOM":                {"POST", "\ufeff[{}]", nil, 400},
		"UTF-16":             {"POST", "\xff\xfe[\x00{\x00}\x00]\x00", nil, 400},
		"invalid UTF-8":      {"POST", "[{\"channel\":\"/\xc3\"}]", nil, 400},
		"65 deep":            {"POST", strings.Repeat("[", 65) + strings.Repeat("]", 65), nil, 400},
		"too many":           {"POST", `[` + strings.Repeat("{},", 100) + `{}]`, nil, 400},
		"too large":          {"POST", `[{"data":"` + strings.Repeat("x", 10000) + `"}]`, nil, 413},
		"gzip":               {"POST", packed(`[{"channel":"/x"}]`), gz, 200},
		"gzip bomb":          {"POST", packed(strings.Repeat(" ", 1<<20)), gz, 413},
		"bad gzip":           {"POST", `[{}]`, gz, 400},
		"other encoding":     {"POST", `[{}]`, []string{"Content-Encoding", "br"}, 415},
		"other charset":      {"POST", `[{}]`, []string{"Content-Type", "application/json; charset=utf-16"}, 415},
		"GET":                {"GET", ``, nil, 400},
		"GET with callback":  {"GET", ``, nil, 400},
		"PUT":                {"PUT", `[{}]`, nil, 405},
		"DELETE":             {"DELETE", ``, nil, 405},
		"HEAD":               {"HEAD", ``, nil, 405},
		"OPTIONS":            {"OPTIONS", ``, nil, 200},
		"form without field": {"POST", `a=b`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 400},
		"form, bad escape":   {"POST", `message=%zz`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/cometd"
			if name == "GET with callback" {
				path += "?jsonp=<script>&message=%5B%7B%7D%5D"
			}
			resp, body := b.request(tc.method, path, tc.body, tc.header...)
			if resp.StatusCode != tc.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, tc.status, body)
			}
			if name == "too large" && !resp.Close {
				t.Error("the connection is not closed")
			}
			if tc.status == 200 && tc.method == "POST" && !strings.HasPrefix(body, `[{`) {
				t.Error(body)
			}
			if tc.status == 405 && resp.Header.Get("Allow") == "" {
				t.Error("no Allow")
			}
			if tc.status >= 400 && (strings.Contains(body, "goroutine") || resp.Header.Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("%q %v", body, resp.Header)
			}
		})
	}
	if n := b.srv.Stats().Malformed; n == 0 {
		t.Error("not counted")
	}
}

func TestTransportSwitchedOff(t *testing.T) { // 11.3, HS-2, JP-8
	t.Parallel()
	b := start(t, Options{Transports: []Transport{WebSocket}})
	if resp, _ := b.request("POST", "/", `[{"channel":"/meta/handshake"}]`); resp.StatusCode != 400 {
		t.Error(resp.Status)
	}
	w := b.websocket(nil)
	if got := w.ask(`[{"channel":"/meta/handshake"}]`); !strings.Contains(got[0], `"supportedConnectionTypes":["websocket"]`) {
		t.Error(got)
	}
	p := start(t, Options{Transports: []Transport{LongPolling}})
	if resp, _ := p.request("GET", "/", "", "Upgrade", "websocket", "Connection", "Upgrade"); resp.StatusCode != 400 {
		t.Error(resp.Status)
	}
	if resp, _ := p.request("GET", "/?jsonp=a&message=%5B%7B%7D%5D", ""); resp.StatusCode != 400 {
		t.Error(resp.Status)
	}
}

// Line 31: LP-1 to LP-5, LP-9, LP-11, LP-13, JP-2.
func TestRequestForms(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	handshake(t, c, "")
	subscribe(t, c, "/s")
	want := `[{"channel":"/s","data":"é"},{"channel":"/s","successful":true}]`
	message := `[{"channel":"/s","clientId":"` + c.id() + `","data":"é"}]`
	latin := strings.ReplaceAll(message, "é", "\xe9")
	for name, tc := range map[string]struct{ path, contentType, body string }{
		"no type":      {"/cometd", "", message},
		"with a slash": {"/cometd/", "application/json", message},
		"connect":      {"/cometd/connect", "application/json;charset=UTF-8", message},
		"subscribe":    {"/cometd/subscribe", "application/json", message},
		"unsubscribe":  {"/cometd/unsubscribe", "application/json", message},
		"disconnect":   {"/cometd/disconnect", "application/json", message},
		"deeper":       {"/cometd/handshake/x?a=b&c", "text/json", message},
		"odd type":     {"/cometd", "this is/no; type;", message},
		"text":         {"/cometd", "text/plain", message},
		"latin":        {"/cometd", "application/json; charset=ISO-8859-1", latin},
		"ascii":        {"/cometd", "application/json; charset=us-ascii", message},
		"object":       {"/cometd", "application/json", strings.Trim(message, "[]")},
		"form":         {"/cometd", "application/x-www-form-urlencoded", "x=1&message=" + url.QueryEscape(message)},
		"form as JSON": {"/cometd", "application/x-www-form-urlencoded", message},
	} {
		c.path = tc.path
		c.header.Set("Content-Type", tc.contentType)
		resp, body, err := c.post(tc.body)
		must(t, err)
		if resp.StatusCode != 200 || body != want || resp.ContentLength != int64(len(body)) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	c.header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	_, body, err := c.post("message=" + url.QueryEscape(message) + "&message=" + url.QueryEscape(strings.Trim(message, "[]")))
	must(t, err)
	if strings.Count(body, `"data"`) != 2 || strings.Count(body, "successful") != 2 {
		t.Error(body)
	}
}

// Line 30: LP-6.
func TestTwoSessionsInOneRequest(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	shake(t, c, "")
	other := c.id()
	shake(t, c, "") // the same browser
	same(t, c.ask(`[{"channel":"/a","id":"1","clientId":"<A>"},{"channel":"/a","id":"2","clientId":"`+other+`"},{"channel":"/a","id":"3","clientId":"<A>"}]`),
		`{"channel":"/a","id":"1","successful":true}`, `{"channel":"/a","id":"2","error":"402::session_unknown","successful":false}`, `{"channel":"/a","id":"3","successful":true}`)
}

// Line 27, A3, A4: CK-2, CK-3, CK-4, CK-5, CK-6, LP-7.
func TestBrowserCookie(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		trust  bool
		client func(*bench) *pollingClient
	}{{false, (*bench).polling}, {true, (*bench).polling}, {false, (*bench).script}, {true, (*bench).script}} {
		trust := tc.trust
		b := start(t, Options{TrustClientSession: trust})
		c := tc.client(b)
		handshake(t, c, "")
		for _, cookie := range []string{"", "BAYEUX_BROWSER=wrong", "OTHER=1"} {
			d := tc.client(b)
			d.setID(c.id())
			if cookie != "" {
				d.header.Set("Cookie", cookie)
			}
			want := "402::session_unknown"
			if trust {
				want = `"successful":true`
			}
			if got := d.ask(connectMessage("1", `,"advice":{"timeout":0}`)); !strings.Contains(got[0], want) {
				t.Errorf("trust %v, %q: %s", trust, cookie, got)
			}
		}
		if n := b.srv.Stats().StolenIDs; n != 3 && !trust {
			t.Errorf("A4: %d stolen ids", n)
		}
	}
	b := start(t, Options{})
	for _, odd := range []string{strings.Repeat("x", 129), "a b", `a"b`} { // CK-2
		resp, _ := b.request("POST", "/", `[{"channel":"/meta/handshake"}]`, "Cookie", "BAYEUX_BROWSER="+odd)
		if len(resp.Cookies()) != 1 {
			t.Errorf("%q was kept", odd)
		}
	}
	shaped := start(t, Options{BrowserCookie: CookieOptions{
		Name: "B", Domain: "desk.example", Path: "/x", MaxAge: time.Hour, Secure: true, HTTPOnly: Off, SameSite: http.SameSiteNoneMode, Partitioned: true,
	}})
	resp, _ := shaped.request("POST", "/", `[{"channel":"/meta/handshake"}]`)
	if got := resp.Header.Get("Set-Cookie"); !strings.HasSuffix(got, "; Path=/x; Domain=desk.example; Max-Age=3600; SameSite=None; Partitioned") || !strings.HasPrefix(got, "B=") {
		t.Error(got)
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.TLS = new(tls.ConnectionState)
	if got := shaped.srv.newBrowserCookie("v", r).String(); !strings.Contains(got, "; Secure") { // CK-3: only if the request is
		t.Error(got)
	}
}

// Line 28: CK-7 to CK-10, CN-15, CK-11; trace 22.3.
func TestSessionsPerBrowser(t *testing.T) {
	t.Parallel()
	crowded := `"advice":{"reconnect":"retry","interval":2000,"timeout":30000,"multiple-clients":true}}`
	for _, tc := range []struct {
		limit, held int
		interval    time.Duration
		want        string // the answer to who is not held
	}{
		{0, 1, 0, `"successful":true,` + crowded},
		{3, 3, 0, `"successful":true,` + crowded},
		{Unlimited, 4, 0, ""},
		{NeverHold, 0, 0, `"successful":true,` + crowded},
		{1, 1, Never, `"error":"403:multiple_clients:connect_denied","successful":false,"advice":{"reconnect":"none","interval":0,"timeout":30000,"multiple-clients":true}}`}, // CK-9
	} {
		t.Run(fmt.Sprint(tc.limit, tc.interval), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{MaxSessionsPerBrowser: tc.limit, MultiSessionInterval: tc.interval})
				first := b.polling()
				var waiting []*pending
				var clients []*pollingClient
				for i := range 4 {
					c := b.polling()
					c.hc.Jar = first.hc.Jar // the same browser
					handshake(t, c, "")
					p := c.begin(connectMessage("1", ""))
					synctest.Wait()
					waiting, clients = append(waiting, p), append(clients, c)
					if p.isDone() == (i < tc.held) {
						t.Errorf("connect %d is held: %v", i, !p.isDone())
					}
					if p.isDone() {
						same(t, p.wait(), `{"channel":"/meta/connect","id":"1",`+tc.want)
					}
				}
				if tc.held == 0 || tc.held == 4 || tc.interval < 0 {
					return
				}
				pass(2 * time.Second)
				must(t, b.session(clients[0]).Deliver("/x", value("1")))
				waiting[0].wait()
				again := clients[3].begin(connectMessage("2", ""))
				synctest.Wait()
				if again.isDone() { // CK-10
					t.Error("not held although there is room")
				}
				must(t, b.session(clients[3]).Deliver("/x", value("1")))
				same(t, again.wait(), `{"channel":"/x","data":1}`, // CN-6: the advice has changed back
					`{"channel":"/meta/connect","id":"2","successful":true,"advice":{"reconnect":"retry","interval":0,"timeout":30000}}`)
				for _, p := range waiting {
					p.wait()
				}
			})
		})
	}
}

// CO-1, CO-4, A13: where the server's own origin is known, the scheme counts too.
func TestOwnOrigin(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Origin: "https://desk.example", AllowedOrigins: []string{"https://app.example"}})
	for origin, want := range map[string]int{
		"": 200, "https://desk.example": 200, "https://desk.example:443": 200, "https://app.example": 200,
		"http://desk.example": 403, "https://desk.example:8443": 403, "https://evil.example": 403,
	} {
		if resp, _ := b.request("POST", "/cometd", `[{"channel":"/x"}]`, "Origin", origin); resp.StatusCode != want {
			t.Errorf("from %q: %d, want %d", origin, resp.StatusCode, want)
		}
	}
	if _, err := New(Options{Origin: "desk.example"}); err == nil {
		t.Error("an origin without a scheme is accepted")
	}
}

// Line 34, A13, F5: CO-1 to CO-5.
func TestOrigins(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AllowedOrigins: []string{"https://app.example", "https://*.trusted.example", "http://localhost:3000"}, AllowedHeaders: []string{"X-CSRF"}})
	for origin, want := range map[string]originCheck{
		"":                                 originOwn,
		"http://desk.example":              originOwn,
		"https://desk.example":             originOwn, // TLS ends at a proxy
		"https://desk.example:443":         originOwn,
		"https://app.example":              originAllowed,
		"https://APP.example":              originAllowed,
		"https://a.b.trusted.example":      originAllowed,
		"http://localhost:3000":            originAllowed,
		"http://app.example":               originForeign,
		"https://app.example:8443":         originForeign,
		"https://trusted.example":          originForeign,
		"https://eviltrusted.example":      originForeign,
		"https://x.trusted.example.evil":   originForeign,
		"https://desk.example.evil":        originForeign,
		"http://desk.example:81":           originForeign,
		"null":                             originForeign,
		"*":                                originForeign,
		"https://evil.example/app.example": originForeign,
	} {
		for _, method := range []string{"POST", "OPTIONS", "PUT"} {
			for _, path := range []string{"/cometd", "/cometd/", "/cometd/handshake", "/cometd/connect", "/cometd/subscribe", "/cometd/unsubscribe", "/cometd/disconnect"} {
				resp, _ := b.request(method, path, `[{"channel":"/x"}]`, "Origin", origin)
				status := map[string]int{"POST": 200, "OPTIONS": 200, "PUT": 405}[method]
				allowed := ""
				switch {
				case want == originAllowed:
					allowed = origin
					if method == "OPTIONS" {
						status = 204
						if h := resp.Header; h.Get("Access-Control-Allow-Methods") != "GET, POST, OPTIONS" || !strings.HasSuffix(h.Get("Access-Control-Allow-Headers"), "X-Requested-With, X-CSRF") || h.Get("Access-Control-Max-Age") != "86400" {
							t.Errorf("%v", h)
						}
					}
				case want == originForeign && method != "OPTIONS":
					status = 403
				}
				if resp.StatusCode != status || resp.Header.Get("Access-Control-Allow-Origin") != allowed || resp.Header.Get("Vary") != "Origin" {
					t.Errorf("%s %s from %q: %d %v", method, path, origin, resp.StatusCode, resp.Header)
				}
				if creds := resp.Header.Get("Access-Control-Allow-Credentials"); (creds == "true") != (allowed != "") {
					t.Errorf("credentials %q for %q", creds, origin)
				}
			}
		}
		conn, err := b.dial()
		must(t, err)
		r := &rawSocket{t: t, conn: conn}
		var headers []string
		if origin != "" {
			headers = append(headers, "Origin: "+origin)
		}
		resp := r.upgrade(headers...)
		if status := map[bool]int{true: 403, false: 101}[want == originForeign]; resp.StatusCode != status { // CO-5
			t.Errorf("upgrade from %q: %d", origin, resp.StatusCode)
		}
		_ = conn.Close()
	}
}

// Line 52, A3, A4: SS-10, WS-28.
func TestForeignPrincipal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mine, theirs Principal
		known        bool
	}{
		"another user":             {Principal{User: "dana"}, Principal{User: "omar"}, false},
		"nobody":                   {Principal{User: "dana"}, Principal{}, false},
		"a user for anonymous":     {Principal{}, Principal{User: "omar"}, false},
		"another log-in":           {Principal{User: "dana", Login: "1"}, Principal{User: "dana", Login: "2"}, true},
		"another anonymous log-in": {Principal{Login: "1"}, Principal{Login: "2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			head := func(p Principal) http.Header { return http.Header{"X-User": {p.User}, "X-Login": {p.Login}} }
			c := b.polling()
			c.header = head(tc.mine)
			handshake(t, c, "")
			d := b.polling()
			d.header, d.hc.Jar = head(tc.theirs), c.hc.Jar
			d.setID(c.id())
			w := b.websocket(head(tc.theirs))
			w.cid = c.id()
			for _, e := range []client{d, w} {
				if got := e.ask(connectMessage("1", `,"advice":{"timeout":0}`)); strings.Contains(got[0], `"successful":true`) != tc.known {
					t.Error(got)
				}
			}
			if n := b.srv.Stats().StolenIDs; (n == 2) == tc.known {
				t.Errorf("%d stolen ids", n)
			}
		})
	}
}

// Line 53, A20: 11.3, WS-23.
func TestShutdown(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		const n = 20
		var mu sync.Mutex
		var ends []EndReason
		b := startInMemory(t, Options{MaxInterval: time.Minute, OnEnd: func(_ *Session, why EndReason) {
			mu.Lock()
			defer mu.Unlock()
			ends = append(ends, why)
		}})
		type end struct {
			at   time.Duration
			text string
		}
		begin := time.Now()
		results := make(chan end, 2*n+1)
		for i := range n {
			c := b.polling()
			handshake(t, c, "")
			go func() {
				got := c.begin(connectMessage("1", "")).wait()
				results <- end{time.Since(begin), got[0]}
			}()
			w := b.websocket(nil)
			handshake(t, w, "")
			subscribe(t, w, "/s")
			if i%2 == 0 {
				w.send(connectMessage("1", ""))
			}
			go func() {
				var text string
				for f := range w.frames {
					text += f
				}
				results <- end{time.Since(begin), text + fmt.Sprint(w.code)}
			}()
		}
		idle := b.websocket(nil) // no session
		left := b.websocket(nil) // its session has gone
		handshake(t, left, "")
		left.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- b.srv.Shutdown(ctx) }()
		synctest.Wait()
		resp, _ := b.request("POST", "/", `[{"channel":"/meta/handshake"}]`)
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("a new request got %d", resp.StatusCode)
		}
		b.publish("/s", "1") // still flushed
		must(t, <-done)
		if idle, left := idle.closed(), left.closed(); idle != 1001 || left != 1001 {
			t.Errorf("without a session: %d, %d", idle, left)
		}
		moments, lastReplies := map[time.Duration]bool{}, 0
		for range 2 * n {
			e := <-results
			moments[e.at] = true
			if strings.Contains(e.text, `"channel":"/meta/connect","id":"1","successful":true`) {
				lastReplies++
			}
			if e.at > 20*time.Second {
				t.Errorf("sent away after %v", e.at)
			}
			if strings.HasSuffix(e.text, "1001") {
				if e.at > 0 && !strings.Contains(e.text, `"data":1`) { // published after the first had gone
					t.Errorf("not flushed: %s", e.text)
				}
			} else if !strings.HasPrefix(e.text, `{"channel":"/meta/connect","id":"1","successful":true,"advice":{"reconnect":"retry","interval":`) {
				t.Error(e.text)
			}
		}
		if lastReplies != n+n/2 {
			t.Errorf("%d of %d connects were answered", lastReplies, n+n/2)
		}
		if len(moments) < n {
			t.Errorf("all at %d moments", len(moments))
		}
		if st := b.srv.Stats(); st.Sessions+st.Held+st.Sockets != 0 || len(ends) != 2*n+1 || ends[0] != EndDisconnected || ends[1] != EndShutdown {
			t.Errorf("%+v, %d ends", st, len(ends))
		}
		must(t, b.srv.Shutdown(context.Background())) // again
	})
}

func TestShutdownCutOff(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		conn, err := b.dial()
		must(t, err)
		(&rawSocket{t: t, conn: conn}).upgrade() // and reads no more
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := b.srv.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if n := b.srv.Stats().Sockets; n != 0 {
			t.Errorf("%d sockets", n)
		}
	})
}

// Options that cannot work are refused with their name.
func TestOptionErrors(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]Options{
		"transports":                           {Transports: []Transport{"carrier-pigeon"}},
		"duplicateMetaConnectHttpResponseCode": {DuplicateMetaConnectHTTPResponseCode: 200},
		"maxBatch":                             {MaxBatch: -1},
		"jsonDepth":                            {JSONDepth: -1},
		"maxInterval":                          {MaxInterval: Never},
		"ws.idleTimeout":                       {WS: WSOptions{IdleTimeout: time.Second, PingInterval: Never}},
		"browserCookie":                        {BrowserCookie: CookieOptions{Name: "a b"}},
		"allowedOrigins":                       {AllowedOrigins: []string{"*"}},
		"allowedOrigins: \"desk.example\"":     {AllowedOrigins: []string{"desk.example"}},
	} {
		if _, err := New(opt); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two servers in one process share nothing.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	a, b := start(t, Options{}), start(t, Options{TrustClientSession: true})
	c := a.polling()
	handshake(t, c, "")
	d := b.polling()
	d.setID(c.id())
	if got := d.ask(connectMessage("1", "")); !strings.Contains(got[0], "402") {
		t.Error(got)
	}
}
