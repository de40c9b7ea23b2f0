package agentapi

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// notificationsPath is where CometD clients connect (agent-api 2.1).
const notificationsPath = "/api/v2/notifications"

// topicUsers is the topic of other users' affairs, for supervisors and administrators (agent-api 2.4). Nothing is sent there yet.
const topicUsers = "/v2/users"

// newNotifications makes the Bayeux server of the mount: its durable source are the feeds, its policy is agent-api 2.2.
func (a *API) newNotifications() (*bayeux.Server, error) {
	s := a.Settings.Notifications
	opt := bayeux.Options{
		Timeout: s.Timeout, Interval: s.Interval, MaxInterval: s.MaxInterval, ResumeWindow: s.ResumeWindow, MaxSessionsPerBrowser: s.MaxSessionsPerBrowser,
		MaxMessagesPerRequest: s.MaxMessages, MaxSubscriptionsPerSession: s.MaxSubscriptions, MaxBatch: s.MaxBatch,
		LongPolling:   bayeux.HTTPOptions{MaxMessageSize: s.MaxMessageSize, ReadTimeout: bayeux.Never}, // the server has one for all its paths
		JSONP:         bayeux.HTTPOptions{MaxMessageSize: s.MaxMessageSize},
		WS:            bayeux.WSOptions{ConfirmByPing: true, MaxMessageSize: s.MaxFrameSize, PingInterval: s.PingInterval},
		BrowserCookie: bayeux.CookieOptions{Secure: true}, // where the request is
		ErrorStyle:    bayeux.ErrorStyleV3,                // we take the place of a CometD 3 product
		Origin:        a.Settings.Origin, AllowedOrigins: a.Settings.AllowedOrigins, AllowedHeaders: []string{csrfHeader},
		Extensions: []bayeux.ExtensionName{bayeux.ExtensionAck, bayeux.ExtensionTimesync, bayeux.ExtensionReplay},
		Policy:     policy{directory: a.Directory}, Source: feeds{a.Desk}, Logger: a.Logger,
	}
	if s.ResumeWindow > 0 {
		opt.Sessions = sessions{a.Sessions, a.Directory}
	}
	for _, t := range s.Transports {
		opt.Transports = append(opt.Transports, bayeux.Transport(t))
	}
	opt.OnSession = func(s *bayeux.Session) { a.living.add(s.Principal().Login, 1) }
	opt.OnPark = func(s *bayeux.Session, parked bool) {
		if parked {
			a.living.add(s.Principal().Login, -1)
		} else { // also one that an earlier server made
			a.living.add(s.Principal().Login, 1)
		}
	}
	opt.OnEnd = func(s *bayeux.Session, _ bayeux.EndReason) {
		if !s.Parked() {
			a.living.add(s.Principal().Login, -1)
		}
	}
	server, err := bayeux.New(opt)
	if err != nil {
		return nil, err
	}
	a.Desk.Watch(server.Wake)
	a.Auth.InUse(a.living.has)
	a.Auth.OnEnd(func(login string) {
		if err := a.endSessions(context.Background(), login); err != nil {
			a.Logger.Warn("CometD sessions of an ended log-in are still stored", "login", login, "error", err)
		}
	})
	return server, nil
}

// endSessions sees to it that whose log-in ends is not told anything more (DC-7), also where only the store knows the session since the server was started.
func (a *API) endSessions(ctx context.Context, login string) error {
	err := a.Sessions.EndSessionsOf(ctx, login, time.Now()) // first: from now on none comes back
	a.bayeux.Revoke(func(p bayeux.Principal) bool { return p.Login == login })
	return err
}

// notifications serves CometD to those who are known. Strangers get 401 before the protocol begins (agent-api 2.1); only the preflight of a browser, which
// carries no credentials, passes.
func (a *API) notifications(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		a.bayeux.ServeHTTP(w, r)
		return
	}
	who, err := a.authenticate(w, r)
	if err != nil {
		a.allowOrigin(w, r)
		a.refuse(w, r, err)
		return
	}
	ctx := bayeux.WithPrincipal(r.Context(), bayeux.Principal{User: who.User.ID, Login: who.Login})
	a.bayeux.ServeHTTP(w, r.WithContext(ctx))
}

// feeds are the desk's feeds, as the Bayeux server reads them.
type feeds struct{ desk *desk.Desk }

// Head returns the number of the user's last notification.
func (f feeds) Head(ctx context.Context, user string) (int64, error) { return f.desk.Head(ctx, user) }

// After returns the user's notifications above a number.
func (f feeds) After(ctx context.Context, user string, after int64, limit int) ([]bayeux.Entry, error) {
	rows, err := f.desk.Feed(ctx, user, after, limit)
	if err != nil {
		return nil, err
	}
	entries := make([]bayeux.Entry, 0, len(rows))
	for _, n := range rows {
		entries = append(entries, bayeux.Entry{N: n.N, Channel: n.Topic, Data: n.Data})
	}
	return entries, nil
}

// policy is what clients may do (agent-api 2.2). Topics are relative to the user, and a session reads its own user's feed only, so there is
// nothing that one agent could see of another's by subscribing: any name and any pattern is fine, and an unknown one yields nothing.
type policy struct {
	bayeux.DefaultPolicy
	directory *directory.Directory
}

// CanHandshake lets in whoever may do anything here.
func (p policy) CanHandshake(_ context.Context, peer bayeux.Peer, _ *bayeux.Message) error {
	u := p.directory.User(peer.Principal.User)
	if u == nil || !mayConnect(u) {
		return &bayeux.Refusal{}
	}
	return nil
}

// mayConnect reports whether a user has a feature or a role that brings her notifications.
func mayConnect(u *directory.User) bool {
	return u.May(directory.Features()...) || u.Has(directory.AdminRole)
}

// CanSubscribe keeps the topics of other users for supervisors and administrators.
func (p policy) CanSubscribe(ctx context.Context, s *bayeux.Session, channel string, m *bayeux.Message) error {
	if !p.MayRead(s, channel) {
		return &bayeux.Refusal{}
	}
	return p.DefaultPolicy.CanSubscribe(ctx, s, channel, m)
}

// CanPublish says no: agents act over REST.
func (policy) CanPublish(context.Context, *bayeux.Session, string, *bayeux.Message) error {
	return &bayeux.Refusal{}
}

// MayRead is the rule of CanSubscribe, for what comes through a pattern.
func (p policy) MayRead(s *bayeux.Session, channel string) bool {
	if channel != topicUsers && !strings.HasPrefix(channel, topicUsers+"/") {
		return true
	}
	u := p.directory.User(s.Principal().User)
	return u != nil && (u.Has(directory.SupervisorRole) || u.Has(directory.AdminRole))
}

// logins counts the living CometD sessions of each HTTP log-in: those that are not parked. Over a websocket no HTTP requests come that would keep the
// log-in alive, so the session must (agent-api 2.6). A count may be below 0 for a moment, since what is told of a session may come in any order.
type logins struct {
	mu       sync.Mutex
	sessions map[string]int
}

func (l *logins) add(login string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions == nil {
		l.sessions = map[string]int{}
	}
	if l.sessions[login] += n; l.sessions[login] == 0 {
		delete(l.sessions, login)
	}
}

func (l *logins) has(login string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions[login] > 0
}
