package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// CookieName is the cookie that stands for a log-in (agent-api 1.3).
const CookieName = "JSESSIONID"

const (
	// DefaultIdleTimeout is how long a log-in outlives its last request (agent-api 2.6).
	DefaultIdleTimeout = 30 * time.Minute
	// rememberFor is how long a right pair of name and password is remembered after its last use (agent-api 1.3).
	rememberFor = 10 * time.Minute
	// maxCookies is how many cookies named JSESSIONID are looked at: a browser may send several of different paths.
	maxCookies = 4
	// waitersPerSlot is how many password checks may wait for each one that is being computed.
	waitersPerSlot = 32
)

// ErrUnauthenticated says that a request has no valid credentials. It does not say what is wrong with them.
var ErrUnauthenticated = errors.New("log in with your user name and password")

// TooManyError refuses a request because of too many failed attempts, or because too many passwords are being checked at this moment.
type TooManyError struct {
	RetryAfter time.Duration // the earliest moment at which it makes sense to try again
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many attempts to log in: wait %s and try again", max(e.RetryAfter.Round(time.Second), time.Second))
}

// Seconds is RetryAfter as the header of that name has it: whole seconds, never fewer.
func (e *TooManyError) Seconds() string {
	return strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10)
}

// Principal is who a request comes from.
type Principal struct {
	User       *directory.User
	Login      string // names the log-in; safe to log, worth nothing as a credential
	CSRF       string // the log-in's token against forged requests (agent-api 1.3)
	FromBasic  bool   // the request carried Basic credentials that are known to be right
	FromCookie bool   // the request carried the log-in's cookie
}

// Config is what New needs. Store, Directory and Logger must be set.
type Config struct {
	Store     store.Store
	Directory *directory.Directory
	// IdleTimeout is how long a log-in outlives its last request. 0: DefaultIdleTimeout.
	IdleTimeout time.Duration
	// SecureCookies marks cookies as Secure also where the request itself did not come over TLS, because a proxy in front does TLS.
	SecureCookies bool
	// TrustLoopback leaves out the limit per address for loopback addresses; the one per name stays.
	TrustLoopback bool
	Logger        *slog.Logger
}

// Auth authenticates requests. Its methods may be called from many goroutines.
type Auth struct {
	cfg    Config
	mac    []byte // key of this process for MACs
	decoy  encoded
	hashes map[string]encoded // by user id, parsed once
	// rows keeps table and store in agreement. Who reads a row into the table or writes one for a log-in that is there holds it shared; who removes a
	// log-in from both holds it alone. So no row comes back after its log-in has ended.
	rows      sync.RWMutex
	logins    *logins
	names     *throttle
	addresses *throttle
	checks    singleflight.Group // equal attempts that arrive together are one
	slots     chan struct{}      // one per core: who holds it may hash
	line      chan struct{}      // a place in the line for slots
	hashed    atomic.Bool        // since the sweeper came round last

	mu         sync.Mutex
	remembered map[string]pair // by user id

	onEnd  func(login string)
	inUse  func(login string) bool
	cancel context.CancelFunc
	swept  sync.WaitGroup
}

// pair is the MAC of a name and password that were right, until.
type pair struct {
	mac   key
	until time.Time
}

// New makes an Auth. It starts nothing.
func New(cfg Config) *Auth {
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = DefaultIdleTimeout
	}
	cores := runtime.GOMAXPROCS(0)
	a := &Auth{
		cfg: cfg, mac: make([]byte, 32), hashes: map[string]encoded{}, logins: newLogins(cfg.IdleTimeout),
		slots: make(chan struct{}, cores), line: make(chan struct{}, cores*(1+waitersPerSlot)),
		remembered: map[string]pair{}, onEnd: func(string) {}, inUse: func(string) bool { return false },
	}
	rand.Read(a.mac) // never fails: crypto/rand ends the program instead
	a.decoy = encoded{memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: a.mac[:saltLength], key: make([]byte, keyLength)}
	var own []key
	for _, u := range cfg.Directory.Users {
		h, err := parseHash(u.PasswordHash)
		if err != nil {
			continue // she cannot log in by password; the configuration has said so
		}
		// The decoy costs as much as the users' own hashes, or the time would tell who exists.
		if len(own) == 0 || h.cost() > a.decoy.cost() {
			a.decoy.memory, a.decoy.passes, a.decoy.threads = h.memory, h.passes, h.threads
		}
		a.hashes[u.ID] = h
		own = append(own, a.sum("name", u.Name))
	}
	a.names, a.addresses = newThrottle(freePerName, own...), newThrottle(freePerAddress)
	return a
}

// OnEnd has f told of every log-in that ends: by End, by being idle, or pushed out by newer ones. It must be called before Start; f is called without locks.
func (a *Auth) OnEnd(f func(login string)) { a.onEnd = f }

// InUse has f asked, before a log-in ends for being idle or to make room for another, whether something still lives by it, such as an open socket, over
// which no further HTTP requests come (agent-api 2.6: connects count too). It must be called before Start; f is called without locks.
func (a *Auth) InUse(f func(login string) bool) { a.inUse = f }

// Authenticate says who sent r, and marks her log-in as seen. If the answer has to set a cookie, its header is added to w. The errors are
// ErrUnauthenticated, *TooManyError, and those of the store.
func (a *Auth) Authenticate(w http.ResponseWriter, r *http.Request) (Principal, error) {
	now := time.Now()
	name, password, basic := r.BasicAuth()
	cookies := r.CookiesNamed(CookieName)

	l, err := a.byCookies(r.Context(), cookies, now)
	if err != nil {
		return Principal{}, err
	}
	if !basic {
		if l == nil {
			return Principal{}, ErrUnauthenticated
		}
		return principal(l, false, true), nil
	}
	if l != nil && l.user.Name == name {
		return principal(l, a.isRemembered(l.user, password, now), true), nil
	}

	u, err := a.check(r, name, password, now)
	if err != nil {
		return Principal{}, err
	}
	l, err = a.logIn(r.Context(), u, len(cookies) == 0, now)
	if err != nil {
		return Principal{}, err
	}
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: l.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.cfg.SecureCookies || r.TLS != nil,
	})
	return principal(l, true, false), nil
}

func principal(l *login, fromBasic, fromCookie bool) Principal {
	return Principal{User: l.user, Login: l.name(), CSRF: l.csrf, FromBasic: fromBasic, FromCookie: fromCookie}
}

// byCookies returns the log-in that the first valid cookie stands for, or nil.
func (a *Auth) byCookies(ctx context.Context, cookies []*http.Cookie, now time.Time) (*login, error) {
	for _, c := range cookies[:min(len(cookies), maxCookies)] {
		l, err := a.byToken(ctx, c.Value, now)
		if l != nil || err != nil {
			return l, err
		}
	}
	return nil, nil
}

func (a *Auth) byToken(ctx context.Context, token string, now time.Time) (*login, error) {
	id, _, ok := strings.Cut(token, ".")
	if !ok || len(token) > maxToken {
		return nil, nil
	}
	u := a.cfg.Directory.User(id)
	if u == nil {
		return nil, nil
	}
	h := hashToken(token, u)
	if l := a.logins.find(h, now); l != nil {
		return l, nil
	}
	l, crowd, err := a.fromStore(ctx, h, token, u, now)
	a.makeRoom(ctx, crowd)
	return l, err
}

// fromStore takes a log-in into the table which an earlier run of the server has made.
func (a *Auth) fromStore(ctx context.Context, h tokenHash, token string, u *directory.User, now time.Time) (_ *login, crowd []string, err error) {
	a.rows.RLock()
	defer a.rows.RUnlock()
	row, err := a.cfg.Store.Login(ctx, h)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("look up a log-in: %w", err)
	case row.UserID != u.ID || now.Sub(row.Seen) > a.cfg.IdleTimeout:
		return nil, nil, nil
	}
	l, crowd := a.logins.adopt(&login{hash: h, token: token, user: u, csrf: row.CSRF, created: row.Created, seen: now, saved: row.Seen})
	return l, crowd, nil
}

// logIn makes a log-in, or finds the user's shared one.
func (a *Auth) logIn(ctx context.Context, u *directory.User, share bool, now time.Time) (*login, error) {
	if share {
		if l := a.logins.findShared(u.ID, now); l != nil {
			return l, nil
		}
	}
	fresh, err := newLogin(u, now)
	if err != nil {
		return nil, err
	}
	row := fresh.row() // now: once it is entered, other requests see and change it
	l, crowd := a.logins.enter(fresh, share)
	a.makeRoom(ctx, crowd)
	if l != fresh {
		return l, nil
	}
	// A disk that cannot be written now must not keep anybody out: the sweeper tries again, and a crash before that costs this client one more log-in.
	if err := a.save(ctx, row); err != nil {
		a.cfg.Logger.Warn("log-in not saved; a restart would end it", "user", u.Name, "login", fresh.name(), "error", err)
	}
	return l, nil
}

// save writes the row of a log-in, unless it has ended.
func (a *Auth) save(ctx context.Context, row store.Login) error {
	a.rows.RLock()
	defer a.rows.RUnlock()
	if !a.logins.has(row.TokenHash) {
		return nil
	}
	// The log-in is made, whether or not the client waits for the answer.
	if err := a.cfg.Store.SaveLogin(context.WithoutCancel(ctx), row); err != nil {
		return fmt.Errorf("save a log-in: %w", err)
	}
	a.logins.saved(row)
	return nil
}

// End ends a log-in: its cookie is worth nothing from now on. A log-in that has ended already is not an error. After an error the cookie is worthless to this
// server, and may be good again after a restart.
func (a *Auth) End(ctx context.Context, login string) error {
	ended, err := a.remove(ctx, login)
	if ended {
		a.onEnd(login)
	}
	return err
}

func (a *Auth) remove(ctx context.Context, login string) (ended bool, err error) {
	a.rows.Lock()
	defer a.rows.Unlock()
	l := a.logins.take(login)
	if l == nil {
		return false, nil
	}
	if err := a.cfg.Store.DeleteLogins(context.WithoutCancel(ctx), l.hash); err != nil {
		return true, fmt.Errorf("delete a log-in: %w", err)
	}
	return true, nil
}

// makeRoom ends one log-in of a crowd: the first by which nothing lives, or else the first. A desktop on an open socket makes no requests, so it may well be the
// one seen least recently.
func (a *Auth) makeRoom(ctx context.Context, crowd []string) {
	if len(crowd) == 0 {
		return
	}
	free := slices.IndexFunc(crowd, func(login string) bool { return !a.inUse(login) })
	a.drop(ctx, crowd[max(free, 0)])
}

// drop ends a log-in that nobody has asked to end, if there is one of this name.
func (a *Auth) drop(ctx context.Context, login string) {
	if err := a.End(ctx, login); err != nil {
		a.cfg.Logger.Warn("an ended log-in is still stored; it will be pruned when it is idle", "login", login, "error", err)
	}
}
