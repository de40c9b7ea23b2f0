package agentapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// Config is what the API works with. All fields are needed.
type Config struct {
	Desk      *desk.Desk
	Auth      *auth.Auth
	Directory *directory.Directory
	Sessions  store.Sessions // where CometD sessions are kept
	Encoder   *Encoder       // the one that Desk has, too
	Settings  Settings
	Logger    *slog.Logger
}

// Settings are what an operator may choose. DefaultSettings gives the documented ones.
type Settings struct {
	EnableCSRF     bool          // demand the documented token on every POST, PUT and DELETE (agent-api 1.3)
	Origin         string        // our own, as scheme://host[:port], where it is known; "": http or https at the host asked for
	AllowedOrigins []string      // sites, as scheme://host[:port], whose pages may use the API with the agent's cookie
	MaxBody        int64         // bytes of a request's body
	Dispositions   []Disposition // offered by desktops; SetDisposition takes any value
	// ContactCenter is sent to each desktop as settings: section, key, value. A user's own settings win over it (agent-api 6.1).
	ContactCenter map[string]map[string]string
	Notifications Notifications
}

// Notifications are the settings of the CometD mount; the names are those of bayeux chapter 19.
type Notifications struct {
	Transports            []string // in the order offered (agent-api 2.1)
	Timeout               time.Duration
	Interval              time.Duration
	MaxInterval           time.Duration
	ResumeWindow          time.Duration // how long a session is kept past MaxInterval, also across restarts; 0: not at all
	MaxSessionsPerBrowser int           // connects held per browser over HTTP/1.1; -1: no limit
	// What is 0 has bayeux's own default.
	MaxMessageSize, MaxFrameSize int // bytes of a request, of a websocket message
	MaxMessages                  int // in one of these
	MaxSubscriptions             int // of one session
	MaxBatch                     int // notifications in one response or frame
	PingInterval                 time.Duration
}

// Disposition is how a chat can have ended, for desktops to offer (agent-api 6.4).
type Disposition struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// DefaultSettings returns the documented defaults.
func DefaultSettings() Settings {
	return Settings{
		MaxBody: 256 << 10,
		ContactCenter: map[string]map[string]string{"interaction-workspace": {
			"chat.nickname": "$Agent.UserName$", "chat.auto-answer": "false", "chat.typing-is-enabled": "true", "chat.typing-timeout": "10",
			"chat.enable-auto-disconnect": "true", "interaction.disposition.is-mandatory": "false", "system.cometd.timeout": "60000",
			"system.notif.enabled-websocket": "false", "privilege.chat.can-use": "true", "privilege.chat.can-one-step-transfer": "true",
			"privilege.chat.can-one-step-conference": "true", "privilege.chat.can-consult": "true",
		}},
		Notifications: Notifications{
			Transports: []string{"websocket", "long-polling", "callback-polling"}, Timeout: 30 * time.Second, MaxInterval: 10 * time.Second,
			ResumeWindow: 10 * time.Minute, MaxSessionsPerBrowser: 3,
		},
	}
}

// API serves agents. It starts nothing by itself but what a CometD session needs, which ends with Shutdown.
type API struct {
	Config
	origins map[string]bool
	cross   *http.CrossOriginProtection
	bayeux  *bayeux.Server
	living  logins
	served  map[string]endpoint // by pattern of mux
	mux     *http.ServeMux
}

// New makes the API and introduces it to the desk, which will tell it of grown feeds, and to auth, which will tell it of ended log-ins. It must be called
// before either of them is started.
func New(cfg Config) (*API, error) {
	if !strings.HasSuffix(cfg.Encoder.base, "/api/v2") {
		return nil, fmt.Errorf("agent API: the public address %q must end in /api/v2", cfg.Encoder.base)
	}
	if cfg.Settings.MaxBody <= 0 {
		return nil, fmt.Errorf("agent API: the limit of a body must be positive, not %d", cfg.Settings.MaxBody)
	}
	a := &API{Config: cfg, origins: map[string]bool{}, cross: http.NewCrossOriginProtection(), mux: http.NewServeMux()}
	if o := cfg.Settings.Origin; o != "" { // also where a proxy asks us under another name
		if err := a.cross.AddTrustedOrigin(o); err != nil {
			return nil, fmt.Errorf("agent API: our own origin %q: write scheme://host or scheme://host:port", o)
		}
	}
	for _, o := range cfg.Settings.AllowedOrigins {
		// A pattern would let in whoever can get a name that it matches.
		if err := a.cross.AddTrustedOrigin(o); err != nil || strings.Contains(o, "*") {
			return nil, fmt.Errorf("agent API: allowed origin %q: write scheme://host or scheme://host:port, without wildcards", o)
		}
		a.origins[o] = true
	}
	var err error
	if a.bayeux, err = a.newNotifications(); err != nil {
		return nil, fmt.Errorf("agent API: notifications: %w", err)
	}
	a.served = a.endpoints()
	for pattern, e := range a.served {
		a.mux.Handle(pattern, a.handle(e))
	}
	a.mux.HandleFunc("/", a.nothingHere)
	return a, nil
}

// endpoints is the table of everything that is served below /api and /internal-api but the notifications (agent-api 1.2).
func (a *API) endpoints() map[string]endpoint {
	all := map[string]endpoint{
		"/api/v2/me":                               {get: a.me, post: permitted(a.operateMe, directory.Voice)},
		"/api/v2/me/chats":                         {get: chatters(a.chats)},
		"/api/v2/me/chats/{id}":                    {get: chatters(a.chat), post: chatters(a.operate)},
		"/api/v2/me/interactions":                  {get: none("interactions")},
		"/api/v2/me/interactions/{id}":             {get: chatters(a.chat), post: chatters(a.operate)}, // before 2014
		"/api/v2/me/interactions/{id}/messages":    {get: chatters(a.messages)},
		"/api/v2/me/chats/{id}/messages":           {get: chatters(a.messages)},
		"/api/v2/chats/{id}":                       {get: chatters(a.chat)},
		"/api/v2/me/channels":                      {get: a.channels},
		"/api/v2/me/channels/{channel}":            {get: a.channel, post: chatters(a.operateChannel)},
		"/api/v2/me/workbins":                      {get: chatters(a.workbins)},
		"/api/v2/me/workbins/{id}":                 {get: chatters(a.workbin), post: chatters(a.operateWorkbin)},
		"/api/v2/users":                            {get: a.users().list},
		"/api/v2/users/{id}":                       {get: a.users().item},
		"/api/v2/users/{id}/channels/{channel}":    {post: permitted(a.superviseChannel, directory.AgentControl, directory.Monitoring)},
		"/api/v2/users/{id}/chats/{chat}":          {post: permitted(a.superviseChat, directory.Monitoring)},
		"/api/v2/contacts":                         {get: a.contacts().list},
		"/api/v2/contacts/{id}":                    {get: a.contacts().item},
		"/api/v2/queues":                           {get: a.queues().list},
		"/api/v2/queues/{id}":                      {get: a.queues().item},
		"/api/v2/skills":                           {get: a.skills().list},
		"/api/v2/skills/{id}":                      {get: a.skills().item},
		"/api/v2/groups":                           {get: a.groups().list},
		"/api/v2/groups/{id}":                      {get: a.groups().item},
		"/api/v2/features":                         {get: a.features().list},
		"/api/v2/features/{id}":                    {get: a.features().item},
		"/api/v2/platform/contactserver/{request}": {post: chatters(a.contactServer)},
		"/api/v2/response-templates":               {get: chatters(a.responseTemplates().list)},
		"/api/v2/response-templates/{id}":          {get: chatters(a.responseTemplates().item)},
		"/api/v2/response-template-groups":         {get: chatters(a.responseGroups().list)},
		"/api/v2/response-template-groups/{id}":    {get: chatters(a.responseGroups().item)},
		"/api/v2/settings":                         {get: a.settingsGroups},
		"/api/v2/settings/{group}":                 {get: a.settingsGroup},
		"/internal-api/business-attributes":        {get: a.businessAttributes},
		"/api/v1/stats/{id}":                       {get: a.statistics},
	}
	for _, what := range otherMedia {
		all["/api/v2/me/"+what] = endpoint{get: none(what), post: notOffered(what)}
		all["/api/v2/me/"+what+"/{id}"] = endpoint{any: nobody(what)}
	}
	return all
}

// otherMedia is what an agent has of media that are not served here: nothing, and nothing can be begun (agent-api 2.4).
var otherMedia = []string{"devices", "calls", "emails", "workitems", "openmedia", "outbound", "im-sessions", "sms-sessions", "facebook-sessions"}

// Handler serves everything below /api/ and /internal-api/. Whatever is asked, the answer is JSON.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// Bayeux returns the server behind the notifications, for its figures.
func (a *API) Bayeux() *bayeux.Server { return a.bayeux }

// Shutdown ends the CometD sessions' held connects and sockets and returns when all that belongs to them has ended, or ctx.
func (a *API) Shutdown(ctx context.Context) error { return a.bayeux.Shutdown(ctx) }

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.Path; p == notificationsPath || strings.HasPrefix(p, notificationsPath+"/") {
		a.notifications(w, r)
		return
	}
	a.allowOrigin(w, r)
	tidy, ok := tidyPath(r)
	switch {
	case r.Method == http.MethodOptions:
		if ok {
			a.tellMethods(w, tidy)
		}
		a.preflight(w, r)
	case !ok:
		a.nothingHere(w, r)
	default:
		a.mux.ServeHTTP(w, tidy)
	}
}

// tellMethods says what is possible at an address. That is no secret: it is written down.
func (a *API) tellMethods(w http.ResponseWriter, r *http.Request) {
	_, pattern := a.mux.Handler(r)
	if e, ok := a.served[pattern]; ok && e.any == nil {
		_, allowed := e.method(r.Method)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
	}
}

// tidyPath lets /me/ mean /me, as real clients need (agent-api 1.2). ok is false for a path that is not clean otherwise, with //, /./ or /../: it
// is nobody's, and the multiplexer must not see it, for it would redirect.
func tidyPath(r *http.Request) (tidy *http.Request, ok bool) {
	escaped := r.URL.EscapedPath()
	trimmed := strings.TrimRight(escaped, "/")
	if path.Clean(trimmed) != trimmed {
		return nil, false
	}
	if trimmed == escaped {
		return r, true
	}
	u := *r.URL
	u.Path, u.RawPath = strings.TrimRight(r.URL.Path, "/"), trimmed
	tidy = r.WithContext(r.Context())
	tidy.URL = &u
	return tidy, true
}

// nothingHere answers for a path that nothing is served at. Below the API's roots one must be known even to learn that.
func (a *API) nothingHere(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.Path + "/"; strings.HasPrefix(p, "/api/v2/") || strings.HasPrefix(p, "/internal-api/") {
		if _, err := a.authenticate(w, r); err != nil {
			a.refuse(w, r, err)
			return
		}
	}
	a.refuse(w, r, errNothingHere)
}
