package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cheapHash is a hash as Hash makes it, at a hundredth of the price.
func cheapHash(password string) string {
	e := encoded{memory: 64, passes: 1, threads: 1, salt: []byte("saltsaltsaltsalt")}
	e.key = e.derive(password, keyLength)
	return e.String()
}

func office(t *testing.T) *directory.Directory {
	t.Helper()
	user := func(name string) *directory.User {
		return &directory.User{ID: directory.UserID(name), Name: name, Roles: []directory.Role{directory.AgentRole}, PasswordHash: cheapHash("right-" + name)}
	}
	d, err := directory.New(directory.Directory{Users: []*directory.User{user("dana"), user("omar"), user("lena@example.com")}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openStore(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newAuth(t *testing.T, change ...func(*Config)) *Auth {
	t.Helper()
	cfg := Config{Directory: office(t), Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&cfg)
	}
	if cfg.Store == nil {
		cfg.Store = openStore(t, t.TempDir())
	}
	return New(cfg)
}

// request is a request with what its name says.
type request struct {
	user, password string
	cookies        []string
	from           string
	tls            bool
}

func (q request) http() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/v2/me", nil)
	if q.user != "" || q.password != "" {
		r.SetBasicAuth(q.user, q.password)
	}
	for _, c := range q.cookies {
		r.AddCookie(&http.Cookie{Name: CookieName, Value: c})
	}
	if q.from != "" {
		r.RemoteAddr = q.from
	}
	if q.tls {
		r.TLS = &tls.ConnectionState{}
	}
	return r
}

// ask authenticates a request and returns the cookie that its answer sets, if any.
func ask(a *Auth, q request) (Principal, *http.Cookie, error) {
	w := httptest.NewRecorder()
	p, err := a.Authenticate(w, q.http())
	for _, c := range w.Result().Cookies() {
		if c.Name == CookieName {
			return p, c, err
		}
	}
	return p, nil, err
}

func mustAsk(t *testing.T, a *Auth, q request) (Principal, *http.Cookie) {
	t.Helper()
	p, c, err := ask(a, q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return p, c
}

var dana = request{user: "dana", password: "right-dana"}

// Rules 1 to 3 and 5 of agent-api 1.3, one line each.
func TestWhoARequestComesFrom(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	_, danas := mustAsk(t, a, dana)
	_, omars := mustAsk(t, a, request{user: "omar", password: "right-omar"})
	_, fresh := mustAsk(t, a, request{user: "dana", password: "right-dana", cookies: []string{"planted"}})
	for name, tc := range map[string]struct {
		request
		user       string // empty: refused
		cookie     string // set by the answer: "", "same" (the shared one), "new"
		fromBasic  bool
		fromCookie bool
	}{
		"nothing":                         {},
		"Basic":                           {dana, "dana", "same", true, false},
		"Basic, name with @":              {request{user: "lena@example.com", password: "right-lena@example.com"}, "lena@example.com", "new", true, false},
		"wrong password":                  {request: request{user: "dana", password: "wrong"}},
		"another's password":              {request: request{user: "dana", password: "right-omar"}},
		"empty password":                  {request: request{user: "dana"}},
		"unknown user":                    {request: request{user: "nobody", password: "right-dana"}},
		"other case":                      {request: request{user: "Dana", password: "right-dana"}},
		"cookie":                          {request{cookies: []string{danas.Value}}, "dana", "", false, true},
		"cookie of a log-in of its own":   {request{cookies: []string{fresh.Value}}, "dana", "", false, true},
		"unknown cookie":                  {request: request{cookies: []string{"planted"}}},
		"changed cookie":                  {request: request{cookies: []string{danas.Value + "x"}}},
		"empty cookie":                    {request: request{cookies: []string{""}}},
		"huge cookie":                     {request: request{cookies: []string{directory.UserID("dana") + "." + strings.Repeat("x", 8000)}}},
		"second of two cookies":           {request{cookies: []string{"planted", danas.Value}}, "dana", "", false, true},
		"beyond the cookies looked at":    {request: request{cookies: []string{"1", "2", "3", "4", danas.Value}}},
		"both, same user":                 {request{user: "dana", password: "right-dana", cookies: []string{danas.Value}}, "dana", "", true, true},
		"both, same user, wrong password": {request{user: "dana", password: "wrong", cookies: []string{danas.Value}}, "dana", "", false, true},
		"both, another user":              {request{user: "dana", password: "right-dana", cookies: []string{omars.Value}}, "dana", "new", true, false},
		"both, another user, wrong":       {request: request{user: "dana", password: "wrong", cookies: []string{omars.Value}}},
		"F2: planted cookie and Basic":    {request{user: "dana", password: "right-dana", cookies: []string{"planted"}}, "dana", "new", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c, err := ask(a, tc.request)
			if tc.user == "" {
				if !errors.Is(err, ErrUnauthenticated) || err.Error() != ErrUnauthenticated.Error() || c != nil || p.User != nil {
					t.Fatalf("got %+v, cookie %v, error %v; want a plain refusal", p, c, err)
				}
				return
			}
			if err != nil || p.User.Name != tc.user || p.FromBasic != tc.fromBasic || p.FromCookie != tc.fromCookie {
				t.Fatalf("got %+v, error %v; want %s, FromBasic %t, FromCookie %t", p, err, tc.user, tc.fromBasic, tc.fromCookie)
			}
			switch {
			case (tc.cookie == "") != (c == nil):
				t.Errorf("cookie %v; want %q", c, tc.cookie)
			case tc.cookie == "same" && c.Value != danas.Value:
				t.Errorf("a client without a cookie got a log-in of its own")
			case tc.cookie == "new" && (c.Value == danas.Value || c.Value == omars.Value || c.Value == "planted"):
				t.Errorf("the cookie %q is not new", c.Value)
			}
		})
	}
}

// F3: the cookie's flags.
func TestCookieFlags(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tls, proxy, secure bool
	}{"plain": {}, "TLS": {tls: true, secure: true}, "TLS at the proxy": {proxy: true, secure: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuth(t, func(c *Config) { c.SecureCookies = tc.proxy })
			q := dana
			q.tls = tc.tls
			_, c := mustAsk(t, a, q)
			if c.Path != "/" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure != tc.secure || c.MaxAge != 0 || !c.Expires.IsZero() {
				t.Errorf("cookie %v", c)
			}
		})
	}
}

func TestPrincipalNamesTheLoginWithoutGivingItAway(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	p, c := mustAsk(t, a, dana)
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(p.Login) || strings.Contains(c.Value, p.Login) {
		t.Errorf("login %q, cookie %q", p.Login, c.Value)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(p.CSRF) {
		t.Errorf("CSRF token %q is not a UUID (agent-api 1.9)", p.CSRF)
	}
	other, _ := mustAsk(t, a, request{user: "dana", password: "right-dana", cookies: []string{"planted"}})
	if other.CSRF == p.CSRF || other.Login == p.Login {
		t.Errorf("two log-ins share %q or %q", p.CSRF, p.Login)
	}
	if _, _, err := ask(a, request{cookies: []string{p.Login}}); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("the log-in's name was taken for its token: %v", err)
	}
}

// F3: log-out. What follows for CometD is told through OnEnd.
func TestEndMakesTheCookieWorthless(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, dir)
	a := newAuth(t, func(c *Config) { c.Store = s })
	var ended []string
	a.OnEnd(func(login string) { ended = append(ended, login) })
	p, c := mustAsk(t, a, dana)
	if err := a.End(t.Context(), p.Login); err != nil {
		t.Fatal(err)
	}
	if err := a.End(t.Context(), p.Login); err != nil {
		t.Errorf("ending it twice: %v", err)
	}
	if len(ended) != 1 || ended[0] != p.Login {
		t.Errorf("told of %v; want %s once", ended, p.Login)
	}
	for name, other := range map[string]*Auth{"this server": a, "the next one": newAuth(t, func(c *Config) { c.Store = s })} {
		if _, _, err := ask(other, request{cookies: []string{c.Value}}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: the old cookie still works: %v", name, err)
		}
	}
	again, fresh := mustAsk(t, a, dana)
	if again.Login == p.Login || fresh.Value == c.Value {
		t.Errorf("the next log-in has the old id")
	}
}

func TestLoginsOutliveARestart(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	before := newAuth(t, func(c *Config) { c.Store = s })
	p, c := mustAsk(t, before, dana)
	after := newAuth(t, func(c *Config) { c.Store = s })
	q, set := mustAsk(t, after, request{cookies: []string{c.Value}})
	if q.User.Name != "dana" || q.Login != p.Login || q.CSRF != p.CSRF || set != nil {
		t.Errorf("after the restart %+v, before %+v, cookie %v", q, p, set)
	}
}

// F3: password change, and a user who was removed.
func TestLoginsEndWithThePasswordAndTheUser(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	_, c := mustAsk(t, newAuth(t, func(c *Config) { c.Store = s }), dana)
	for name, change := range map[string]func(*directory.Directory){
		"password changed": func(d *directory.Directory) { d.Users[0].PasswordHash = cheapHash("another") },
		"user removed":     func(d *directory.Directory) { d.Users = d.Users[1:] },
	} {
		d := office(t)
		change(d)
		d, err := directory.New(directory.Directory{Users: d.Users})
		if err != nil {
			t.Fatal(err)
		}
		a := newAuth(t, func(c *Config) { c.Store, c.Directory = s, d })
		if _, _, err := ask(a, request{cookies: []string{c.Value}}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%s: the old cookie still works: %v", name, err)
		}
	}
}

func TestTheDatabaseHoldsNoToken(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	a := newAuth(t, func(c *Config) { c.Store = s })
	_, c := mustAsk(t, a, dana)
	row, err := s.Login(t.Context(), hashToken(c.Value, a.cfg.Directory.UserByName("dana")))
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(c.Value, ".") {
		if part != directory.UserID("dana") && strings.Contains(fmt.Sprintf("%+v %x", row, row.TokenHash), part) {
			t.Errorf("the row %+v has a part of the token", row)
		}
	}
}

func TestTooManyLoginsOfOneUserPushOutTheOldest(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	var mu sync.Mutex
	ended := map[string]bool{}
	a.OnEnd(func(login string) { mu.Lock(); defer mu.Unlock(); ended[login] = true })
	first, c := mustAsk(t, a, request{user: "dana", password: "right-dana", cookies: []string{"stale"}})
	for range maxLogins {
		mustAsk(t, a, request{user: "dana", password: "right-dana", cookies: []string{"stale"}})
	}
	if !ended[first.Login] || len(ended) != 1 {
		t.Errorf("%d log-ins ended, the first among them: %t", len(ended), ended[first.Login])
	}
	if _, _, err := ask(a, request{cookies: []string{c.Value}}); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("the pushed out log-in still works: %v", err)
	}
}

// agent-api 2.6: a desktop that works over a socket makes no requests, and must not be pushed out for that. If all work, the oldest goes, never the new one.
func TestTooManyLoginsSpareThoseInUse(t *testing.T) {
	t.Parallel()
	another := request{user: "dana", password: "right-dana", cookies: []string{"stale"}}
	for name, tc := range map[string]struct {
		inUse func(i int) bool
		ended int
	}{
		"the oldest is in use":  {func(i int) bool { return i == 0 }, 1},
		"the newest is not":     {func(i int) bool { return i < maxLogins-1 }, maxLogins - 1},
		"all are in use":        {func(int) bool { return true }, 0},
		"none but the last are": {func(i int) bool { return i == maxLogins-1 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuth(t)
			working, order, ended := map[string]bool{}, []string{}, []string{}
			a.InUse(func(login string) bool { return working[login] })
			a.OnEnd(func(login string) { ended = append(ended, login) })
			for i := range maxLogins {
				p, _ := mustAsk(t, a, another)
				working[p.Login] = tc.inUse(i)
				order = append(order, p.Login)
			}
			_, c := mustAsk(t, a, another)
			if len(ended) != 1 || ended[0] != order[tc.ended] {
				t.Errorf("ended %v, want %s", ended, order[tc.ended])
			}
			mustAsk(t, a, request{cookies: []string{c.Value}})
		})
	}
}

// A desktop starts with many requests at once; they are one log-in, and one that is right is never refused.
func TestManyRequestsAtOnceShareOneLogin(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	logins := make(chan string, 100)
	var asking sync.WaitGroup
	for range cap(logins) {
		asking.Go(func() {
			p, _, err := ask(a, dana)
			if err != nil {
				t.Error(err)
			}
			logins <- p.Login
		})
	}
	asking.Wait()
	close(logins)
	one := <-logins
	for l := range logins {
		if l != one {
			t.Fatalf("log-ins %s and %s", one, l)
		}
	}
}

// Requests, log-outs and sweeps of one user at once: nobody is let in by an ended log-in.
func TestEndRacesWithRequests(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir())
	a := newAuth(t, func(c *Config) { c.Store = s })
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer a.Stop()
	for range 20 {
		p, c := mustAsk(t, a, dana)
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() { _, _, _ = ask(a, request{cookies: []string{c.Value}}) })
		}
		asking.Go(func() {
			if err := a.End(context.Background(), p.Login); err != nil {
				t.Error(err)
			}
		})
		asking.Go(func() { a.sweep(context.Background(), time.Now()) })
		asking.Wait()
		if _, _, err := ask(a, request{cookies: []string{c.Value}}); !errors.Is(err, ErrUnauthenticated) {
			t.Fatalf("an ended log-in works: %v", err)
		}
	}
}

// brokenStore cannot write log-ins, as with a full disk.
type brokenStore struct{ store.Store }

func (brokenStore) SaveLogin(context.Context, store.Login) error { return store.ErrUnavailable }

// I3: reads go on when the disk is full, so agents must be able to log in.
func TestAFullDiskKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	a := newAuth(t, func(c *Config) { c.Store = brokenStore{openStore(t, t.TempDir())} })
	_, c := mustAsk(t, a, dana)
	mustAsk(t, a, request{cookies: []string{c.Value}})
}

// inBubble runs f with a clock of its own and a real store.
func inBubble(t *testing.T, f func(t *testing.T, s store.Store)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { f(t, openStore(t, dir)) })
}

// pass lets time go by, in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestIdleLoginsEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s store.Store) {
		a := newAuth(t, func(c *Config) { c.Store = s })
		var ended []string
		a.OnEnd(func(login string) { ended = append(ended, login) })
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer a.Stop()
		idle, c := mustAsk(t, a, dana)
		_, busy := mustAsk(t, a, request{user: "omar", password: "right-omar"})
		for range 7 {
			pass(DefaultIdleTimeout / 7)
			mustAsk(t, a, request{cookies: []string{busy.Value}})
		}
		if len(ended) > 0 {
			t.Fatalf("ended before its time: %v", ended)
		}
		pass(time.Second)
		if _, _, err := ask(a, request{cookies: []string{c.Value}}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("after the idle time the cookie still works: %v", err)
		}
		pass(maxRound)
		synctest.Wait()
		if len(ended) != 1 || ended[0] != idle.Login {
			t.Errorf("ended: %v, want %s", ended, idle.Login)
		}
		mustAsk(t, a, request{cookies: []string{busy.Value}})
	})
}

// agent-api 2.6: connects count as use, also over a socket, which makes no requests.
func TestALoginInUseIsNotIdle(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s store.Store) {
		a := newAuth(t, func(c *Config) { c.Store = s })
		var socket atomic.Bool
		socket.Store(true)
		a.InUse(func(string) bool { return socket.Load() })
		a.OnEnd(func(string) {
			if socket.Load() {
				t.Error("ended while a socket was open")
			}
		})
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer a.Stop()
		_, c := mustAsk(t, a, dana)
		pass(3 * DefaultIdleTimeout)
		synctest.Wait()
		mustAsk(t, a, request{cookies: []string{c.Value}})
		socket.Store(false)
		pass(2 * DefaultIdleTimeout)
		synctest.Wait()
		if _, _, err := ask(a, request{cookies: []string{c.Value}}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("after the socket had gone: %v", err)
		}
	})
}

// What Stop saves is what a restart goes by.
func TestLastSeenSurvivesARestart(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s store.Store) {
		before := newAuth(t, func(c *Config) { c.Store = s })
		if err := before.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, c := mustAsk(t, before, dana)
		pass(DefaultIdleTimeout - time.Minute)
		mustAsk(t, before, request{cookies: []string{c.Value}})
		before.Stop()
		before.Stop()

		pass(DefaultIdleTimeout - time.Minute)
		after := newAuth(t, func(c *Config) { c.Store = s })
		mustAsk(t, after, request{cookies: []string{c.Value}})
		pass(DefaultIdleTimeout + time.Minute)
		last := newAuth(t, func(c *Config) { c.Store = s })
		if _, _, err := ask(last, request{cookies: []string{c.Value}}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("idle while no server ran, and still good: %v", err)
		}
	})
}

// slowStore takes a second for each log-in, and as many at a time as it is given.
type slowStore struct {
	store.Store
	saved atomic.Int32
}

func (s *slowStore) SaveLogin(ctx context.Context, l store.Login) error {
	pass(time.Second)
	s.saved.Add(1)
	return s.Store.SaveLogin(ctx, l)
}

// A round saves many at a time, so that they share commits, and not all at once. Stop does so with a context that has ended.
func TestLoginsAreSavedTogether(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s store.Store) {
		slow := &slowStore{Store: s}
		a := newAuth(t, func(c *Config) { c.Store = slow })
		start := time.Now()
		for range 2 * maxSaves {
			l, err := newLogin(a.cfg.Directory.UserByName("dana"), start)
			if err != nil {
				t.Fatal(err)
			}
			a.logins.enter(l, false)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		a.saveSeen(ended)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("%d log-ins took %v, want two rounds of a second", 2*maxSaves, took)
		}
		if n := slow.saved.Load(); n != 2*maxSaves || len(a.logins.unsaved()) > 0 {
			t.Errorf("%d were saved, %d are still to be", n, len(a.logins.unsaved()))
		}
	})
}

func TestRightPairsAreRememberedForAWhile(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s store.Store) {
		a := newAuth(t, func(c *Config) { c.Store = s })
		d := a.cfg.Directory.UserByName("dana")
		if a.isRemembered(d, "right-dana", time.Now()) {
			t.Error("remembered before it was shown")
		}
		mustAsk(t, a, dana)
		pass(rememberFor - time.Second)
		if !a.isRemembered(d, "right-dana", time.Now()) || a.isRemembered(d, "wrong", time.Now()) {
			t.Error("not remembered, or a wrong one is")
		}
		pass(rememberFor)
		if a.isRemembered(d, "right-dana", time.Now()) {
			t.Error("remembered for too long")
		}
	})
}

func TestStartAndStopAreHarmlessTwice(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	a.Stop()
	for range 2 {
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.Stop()
	a.Stop()
}

// K4: neither passwords nor tokens reach the log.
func TestTheLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	a := newAuth(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Store = brokenStore{openStore(t, t.TempDir())}
	})
	_, c := mustAsk(t, a, dana)
	_, _, _ = ask(a, request{user: "hunter2", password: "s3cret"})
	_, _, _ = ask(a, request{user: "dana", password: "s3cret"})
	if text.Len() == 0 {
		t.Fatal("nothing was logged")
	}
	for _, secret := range []string{"s3cret", "hunter2", "right-dana", c.Value} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}
