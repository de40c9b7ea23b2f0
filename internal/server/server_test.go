package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/described"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

// cheapHash is that of the demo password, at a fraction of the price.
const cheapHash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$Luv0baQ8lMPznJEaivxGPffhsknMO33M8kp+XFYuhuA"

func testConfig(t *testing.T, change ...func(*config.Config)) config.Config {
	t.Helper()
	cfg := config.DemoDefault()
	cfg.Listen, cfg.Data, cfg.DemoCustomers, cfg.Drain = "127.0.0.1:0", t.TempDir(), 0, 3*time.Second
	for i := range cfg.Users {
		cfg.Users[i].PasswordHash = cheapHash
	}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

// running is a server that serves.
type running struct {
	*Server
	Addrs
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

func run(t *testing.T, cfg config.Config, opt Options) *running {
	t.Helper()
	opt.AroundHandler = func(h http.Handler) http.Handler { return described.Handler(t, h) }
	opt.AroundStore = func(st store.Store) store.Store { return described.Store(t, st) }
	s, err := New(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Server: s, cancel: cancel, ended: make(chan struct{})}
	ready := make(chan Addrs, 1)
	go func() {
		defer close(r.ended)
		r.err = s.Run(ctx, func(a Addrs) { ready <- a })
	}()
	t.Cleanup(func() { r.stop(t) })
	select {
	case r.Addrs = <-ready:
	case <-r.ended:
		t.Fatalf("ended before it was ready: %v", r.err)
	}
	return r
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	r.waitEnd(t)
}

func (r *running) waitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
		if r.err != nil {
			t.Errorf("Run: %v", r.err)
			r.err = nil
		}
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
}

// fetch does a request on a connection of its own.
func fetch(t *testing.T, method, url string, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(req)
	}
	resp, err := alone().Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// alone is a client that leaves nothing behind.
func alone() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func isDana(r *http.Request) { r.SetBasicAuth("dana", "demo") }

// product: whatever is asked for below the APIs' prefixes, the answer is JSON with a statusCode; elsewhere it is a line of text.
func TestEveryPathHasAnAnswerOfItsKind(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t), Options{})
	for _, path := range []string{
		"/api", "/api/", "/api/v2", "/api/v2/", "/api/v2/nothing", "/api/v3/me", "/api/v2/me/nothing", "/api/../x", "/api//v2/me", "/api/v2/../../x", "/api/./v2",
		"/api/%2e%2e/x", "/api/v2/me/chats/..%2f..%2fx", "/api/admin/users", "/api/v2/%00", "/%61pi/x", "/api/" + strings.Repeat("x", 4096),
		"/internal-api", "/internal-api/nothing",
		"/genesys", "/genesys/", "/genesys/2", "/genesys/2/chat", "/genesys/2/chat/", "/genesys/nothing", "/genesys//2", "/genesys/2/chat/support/../x",
		"/genesys/1/chat/support", "/genesys/2/chat/nothing", "/genesys/cometd", "/genesys/2/chat-ntf",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "BREW"} {
			resp, body := fetch(t, method, srv.URL+path, isDana)
			var answer struct {
				StatusCode *int `json:"statusCode"`
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.StatusCode == nil || *answer.StatusCode == 0 {
				t.Errorf("%s %s: not a JSON error: %d %q", method, path, resp.StatusCode, body)
			}
			if resp.StatusCode < 400 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
				t.Errorf("%s %s: status %d, type %q", method, path, resp.StatusCode, resp.Header.Get("Content-Type"))
			}
		}
	}
	for _, path := range []string{"/nothing", "/apix", "/genesysx/2", "/static", "/static/", "/static/nothing", "/static/../server.go", "//", "/healthz/", "/index.html", "/API"} {
		resp, body := fetch(t, "GET", srv.URL+path)
		if resp.StatusCode != http.StatusNotFound || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") || strings.Contains(body, "<") {
			t.Errorf("%s: %d %s %q", path, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
	}
}

func TestOperationsAreServed(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t), Options{Build: telemetry.Build{Version: "1.2.3", Commit: "abc", Go: "go1"}})
	for path, want := range map[string]string{
		"/":        "<title>Halley</title>",
		"/healthz": "ok\n",
		"/readyz":  "ok\n",
		"/version": `{"version":"1.2.3","commit":"abc","go":"go1"}`,
		"/counts":  `{"waiting":0,"active":0,"wrapUp":0,"agentsLoggedIn":0,"agentsReady":0,"sessions":0}`,
		"/metrics": "halley_chats{phase=\"waiting\"} 0\n",
	} {
		resp, body := fetch(t, "GET", srv.URL+path)
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %q, want %q", path, resp.StatusCode, body, want)
		}
		if resp, body := fetch(t, "HEAD", srv.URL+path); resp.StatusCode != http.StatusOK || body != "" {
			t.Errorf("HEAD %s: %d %q", path, resp.StatusCode, body)
		}
		for _, method := range []string{"POST", "TRACE", "DELETE", "BREW"} {
			if resp, _ := fetch(t, method, srv.URL+path); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, resp.StatusCode, resp.Header.Get("Allow"))
			}
		}
	}
}

func TestOpsListenTakesTheMetrics(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t, func(c *config.Config) { c.OpsListen = "127.0.0.1:0" }), Options{})
	ops := "http://" + srv.Ops.String()
	for url, want := range map[string]int{
		srv.URL + "/metrics": 404, srv.URL + "/readyz": 200, ops + "/metrics": 200, ops + "/readyz": 200, ops + "/healthz": 200, ops + "/version": 200,
		ops + "/": 404, ops + "/api/v2/me": 404, ops + "/genesys/2/chat/support": 404,
	} {
		if resp, _ := fetch(t, "GET", url, isDana); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
}

// The public address is what resources name themselves by, and decides whether cookies are for TLS only (F3).
func TestThePublicAddressIsUsed(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t, func(c *config.Config) { c.URL = "https://desk.example.com/" }), Options{})
	resp, body := fetch(t, "GET", "http://"+srv.Listen.String()+"/api/v2/me", isDana)
	if !strings.Contains(body, `"uri":"https://desk.example.com/api/v2/users/`) {
		t.Errorf("body %s", body)
	}
	if c := resp.Header.Get("Set-Cookie"); !strings.Contains(c, "; Secure") || !strings.Contains(c, "; HttpOnly") || !strings.Contains(c, "; SameSite=Lax") {
		t.Errorf("cookie %q", c)
	}
}

// I5: a second server on the same folder is refused, and says what to do; the first goes on.
func TestTwoServersOnOneFolder(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	srv := run(t, cfg, Options{})
	if _, err := New(cfg, Options{}); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), cfg.Data) {
		t.Errorf("got %v, want ErrLocked with the folder", err)
	}
	if resp, _ := fetch(t, "GET", srv.URL+"/readyz"); resp.StatusCode != http.StatusOK {
		t.Errorf("the first server: %d", resp.StatusCode)
	}
}

func TestNewGivesBackWhatItTook(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t), Options{})
	cfg := testConfig(t, func(c *config.Config) { c.OpsListen = srv.Listen.String() })
	if _, err := New(cfg, Options{}); err == nil || !strings.Contains(err.Error(), "--ops-listen") {
		t.Errorf("a taken port: %v", err)
	}
	cfg.OpsListen = ""
	for range 2 { // neither the port nor the folder is held
		s, err := New(cfg, Options{})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Listen = s.Addrs().Listen.String()
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for name, change := range map[string]func(*config.Config){
		"F10: demo on a public address": func(c *config.Config) { c.Listen = "0.0.0.0:0" },
		"no users":                      func(c *config.Config) { c.Users = nil },
	} {
		cfg := testConfig(t, change)
		_, err := New(cfg, Options{})
		if _, ok := errors.AsType[*config.Error](err); !ok {
			t.Errorf("%s: %v, want a *config.Error", name, err)
		}
	}
}

// desktop opens a CometD session by hand, to see the wire: it returns the cookie and the clientId.
func desktop(t *testing.T, url string) (cookies []*http.Cookie, clientID string) {
	t.Helper()
	resp, _ := fetch(t, "GET", url+"/api/v2/me", isDana)
	cookies = resp.Cookies()
	resp, body := fetch(t, "POST", url+"/api/v2/notifications/handshake", send(cookies,
		`[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]`))
	var replies []struct {
		ClientID string `json:"clientId"`
	}
	if err := json.Unmarshal([]byte(body), &replies); err != nil || len(replies) != 1 || replies[0].ClientID == "" {
		t.Fatalf("handshake: %v %s", err, body)
	}
	cookies = append(cookies, resp.Cookies()...)
	fetch(t, "POST", url+"/api/v2/notifications", send(cookies, connect(replies[0].ClientID))) // the first connect is answered at once
	return cookies, replies[0].ClientID
}

func connect(clientID string) string {
	return `[{"channel":"/meta/connect","clientId":"` + clientID + `","connectionType":"long-polling"}]`
}

func send(cookies []*http.Cookie, body string) func(*http.Request) {
	return func(r *http.Request) {
		for _, c := range cookies {
			r.AddCookie(c)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
}

// held waits until the server holds n connects.
func (r *running) held(t *testing.T, n int) {
	t.Helper()
	timeout := time.After(patience)
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case <-tick.C:
			if r.agents.Bayeux().Stats().Held == n {
				tick.Stop()
				return
			}
		case <-timeout:
			t.Fatalf("never %d connects were held", n)
		}
	}
}

// architecture 9: while the server stops /readyz says so, held connects are answered, requests under way are finished, and Run returns.
func TestDrain(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t, func(c *config.Config) { c.OpsListen = "127.0.0.1:0"; c.Drain = 10 * time.Second }), Options{})
	cookies, id := desktop(t, srv.URL)
	answered := make(chan string, 1)
	var polling sync.WaitGroup
	polling.Go(func() {
		_, body := fetch(t, "POST", srv.URL+"/api/v2/notifications", send(cookies, connect(id)))
		answered <- body
	})
	srv.held(t, 1)

	// A request that is being sent when the drain begins is finished, and keeps the server up for so long.
	slow := dial(t, srv.Listen)
	slow.say("POST /genesys/2/chat/support HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\n")
	if answer := slow.hear() + slow.hear(); !strings.HasPrefix(answer, "HTTP/1.1 100") { // it is being read
		t.Fatalf("got %q", answer)
	}
	srv.cancel()
	polling.Wait()
	if body := <-answered; !strings.Contains(body, `"successful":true`) || !strings.Contains(body, `"/meta/connect"`) {
		t.Errorf("the held connect was answered with %s", body)
	}
	if srv.ready.Load() {
		t.Error("still ready")
	}
	slow.say("nickname=Pat")
	if answer := slow.hear(); !strings.HasPrefix(answer, "HTTP/1.1 200") {
		t.Errorf("the request under way was answered with %q", answer)
	}
	srv.waitEnd(t)
	if _, err := net.DialTimeout("tcp", srv.Listen.String(), time.Second); err == nil {
		t.Error("the port is still open")
	}
}

// architecture 9: while clients are sent away one by one, balancers are told so on each listener, and another node may offer chats.
func TestDrainTellsFirst(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t, func(c *config.Config) { c.OpsListen = "127.0.0.1:0"; c.Drain = time.Minute }), Options{})
	var polling sync.WaitGroup
	for n := range 2 { // the second is answered a third of the time after the first
		cookies, id := desktop(t, srv.URL)
		polling.Go(func() {
			req, err := http.NewRequest("POST", srv.URL+"/api/v2/notifications", nil)
			if err != nil {
				t.Error(err)
				return
			}
			send(cookies, connect(id))(req)
			if resp, err := alone().Do(req); err == nil { // it is cut when the test has seen enough
				_ = resp.Body.Close()
			}
		})
		srv.held(t, n+1)
	}
	srv.cancel()
	srv.held(t, 1)
	for _, at := range []string{srv.URL, "http://" + srv.Ops.String()} {
		if resp, body := fetch(t, "GET", at+"/readyz"); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "stopping") {
			t.Errorf("%s: %d %q", at, resp.StatusCode, body)
		}
	}
	if ok, err := srv.store.Lease(t.Context(), "dispatcher", "another node", time.Now(), time.Second); !ok || err != nil {
		t.Errorf("another node gets the dispatcher's lease: %t, %v", ok, err)
	}
	if n := srv.agents.Bayeux().Stats().Held; n != 1 {
		t.Errorf("%d connects are held after that, want 1", n)
	}
	srv.Hurry()
	srv.waitEnd(t)
	polling.Wait()
}

func TestReadyzSaysThatTheServerIsStopping(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t), Options{})
	srv.ready.Store(false)
	if resp, body := fetch(t, "GET", srv.URL+"/readyz"); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "stopping") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if resp, _ := fetch(t, "GET", srv.URL+"/healthz"); resp.StatusCode != http.StatusOK {
		t.Errorf("healthz: %d: a server that stops is alive", resp.StatusCode)
	}
}

// I3: health is red while the store cannot be used.
func TestReadyzLooksAtTheStore(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t), Options{})
	if err := srv.store.Close(); err != nil {
		t.Fatal(err)
	}
	if resp, body := fetch(t, "GET", srv.URL+"/readyz"); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "store") {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

// A second signal ends the drain at once, with a request still under way.
func TestHurry(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t, func(c *config.Config) { c.Drain = 5 * time.Minute }), Options{})
	slow := dial(t, srv.Listen)
	slow.say("POST /genesys/2/chat/support HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\nnick")
	cookies, id := desktop(t, srv.URL)
	var polling sync.WaitGroup
	polling.Go(func() {
		req, err := http.NewRequest("POST", srv.URL+"/api/v2/notifications", nil)
		if err != nil {
			t.Error(err)
			return
		}
		send(cookies, connect(id))(req)
		if resp, err := alone().Do(req); err == nil { // cut or answered: both may be
			_ = resp.Body.Close()
		}
	})
	srv.held(t, 1)
	srv.cancel()
	srv.Hurry()
	srv.Hurry()
	srv.waitEnd(t)
	polling.Wait()
}

// product: with --demo a scripted customer writes within ten seconds; when the server stops she leaves first.
func TestDemoCustomer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	srv := run(t, testConfig(t, func(c *config.Config) { c.DemoCustomers = 1 }), Options{Out: &out})
	timeout := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !hasWritten(t, srv.store) {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("no customer has written within ten seconds")
		}
	}
	srv.stop(t)
	for _, want := range []string{"Halley with demo data: " + srv.URL + "/\n", "  agent     http://dana:demo@", "/api/v2/me?subresources=*\n", "  customer  " + srv.URL + "/#customer\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed %q, want %q", out.String(), want)
		}
	}
	db, err := New(srv.cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if c, err := db.desk.Counts(t.Context()); err != nil || c.Waiting != 0 {
		t.Errorf("after the stop: %+v, %v", c, err)
	}
}

// hasWritten says whether a waiting customer has said something.
func hasWritten(t *testing.T, db store.Store) bool {
	t.Helper()
	waiting, err := db.Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range waiting {
		events, err := db.Events(t.Context(), w.ChatID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if m, ok := chat.MessageOf(e); ok && m.Type == chat.TextMessage {
				return true
			}
		}
	}
	return false
}

// The log names the real address, which scripts look for.
func TestTheLogNamesTheAddress(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	srv := run(t, testConfig(t), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	srv.stop(t)
	if want := "msg=listening address=" + srv.Listen.String() + " url=" + srv.URL; !strings.Contains(log.String(), want) {
		t.Errorf("log %q, want %q", log.String(), want)
	}
}

// Each place for a figure on the start page has one in /counts.
func TestTheStartPageShowsWhatIsCounted(t *testing.T) {
	t.Parallel()
	srv := run(t, testConfig(t), Options{})
	_, page := fetch(t, "GET", srv.URL+"/")
	_, body := fetch(t, "GET", srv.URL+"/counts")
	var figures map[string]int
	if err := json.Unmarshal([]byte(body), &figures); err != nil {
		t.Fatal(err)
	}
	places := regexp.MustCompile(`data-count="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(places) != len(figures) {
		t.Errorf("%d places for %d figures", len(places), len(figures))
	}
	for _, p := range places {
		if _, ok := figures[p[1]]; !ok {
			t.Errorf("nothing is counted for %s", p[1])
		}
	}
}
