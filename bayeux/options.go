package bayeux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// Transport names a way in which messages travel, as it stands in
// supportedConnectionTypes.
type Transport string

// The transports that are built.
const (
	WebSocket       Transport = "websocket"
	LongPolling     Transport = "long-polling"
	CallbackPolling Transport = "callback-polling" // JSONP
)

// ErrorStyle chooses the texts of error fields (9.2); the codes are the same in all.
type ErrorStyle int

// The styles of CometD 5 and later, of CometD 4 and of CometD 3.
const (
	ErrorStyleDefault ErrorStyle = iota
	ErrorStyleV4
	ErrorStyleV3
)

// Switch turns something on or off whose default is not "off". The zero Switch
// is the default.
type Switch int8

// Values of a Switch.
const (
	_ Switch = iota
	On
	Off
)

// Values for limits and times whose zero value means "the default".
const (
	// Unlimited takes a limit away.
	Unlimited = -1
	// NeverHold is a limit of no held connect at all (CK-7).
	NeverHold = -2
	// Never is a time that is switched off, or zero where zero is not the default.
	Never time.Duration = -1
)

// Options configure a Server (chapter 19). The zero value of each field is its
// documented default. Times are advised to clients in whole milliseconds.
type Options struct {
	// Transports lists what is allowed, in the order in which the handshake reply
	// names it (HS-2). Default: websocket, long-polling, callback-polling.
	Transports []Transport

	// Timeout is how long a connect is held (CN-3). Default 30 s; Never: not held.
	Timeout time.Duration
	// MaxTimeout caps the hold time that a client asks for (CN-8). Default 10 min.
	MaxTimeout time.Duration
	// Interval is how long clients are told to wait between connects. Default 0.
	Interval time.Duration
	// MaxInterval is how long a silent session is kept beyond Interval (SS-1, SS-2).
	// Default 10 s.
	MaxInterval time.Duration
	// ResumeWindow is how long a session past its deadline is parked (DEL-14): its
	// subscriptions and what waits for it are kept, within the limits below, and its
	// client may go on as if it had not been away. Default 0: not at all.
	ResumeWindow time.Duration
	// MaxProcessing is how long server code may take for one message of a client;
	// a session whose message takes longer is removed, and the context of its handler
	// ends (SS-8). Default Never.
	MaxProcessing time.Duration
	// MaxLazyTimeout is how long a lazy message waits for company on a channel
	// without a time-out of its own (LZ-2). Default 5 s; Never: lazy messages are
	// sent at once there.
	MaxLazyTimeout time.Duration
	// LongPolling, JSONP and WS override these per transport (AD-4). Errors name
	// what is in them with the prefixes long-polling.json, long-polling.jsonp and ws.
	LongPolling, JSONP HTTPOptions
	WS                 WSOptions

	// MetaConnectDeliverOnly lets messages travel with connect replies only (DEL-6), on
	// transports that do not say otherwise.
	MetaConnectDeliverOnly bool
	// MaxQueue and MaxQueueBytes bound what waits in memory for one session
	// (DEL-11). Default 1000 messages and 4 MiB; Unlimited takes a bound away.
	MaxQueue, MaxQueueBytes int
	// MaxBatch and MaxBatchBytes bound one response or frame (DEL-16). Default 200
	// messages and 256 KiB.
	MaxBatch, MaxBatchBytes int

	// MaxMessageSize bounds a request or a websocket message, in bytes, on transports
	// without a bound of their own. Default: see there.
	MaxMessageSize int
	// JSONDepth is how deep a request may nest (MSG-4). Default 64.
	JSONDepth int
	// MaxMessagesPerRequest bounds the array of one request or frame. Default 1000.
	MaxMessagesPerRequest int
	// MaxMessageRate is how many messages a second are read from one connection for
	// long; a second's worth may come at once. Frames and requests without a message
	// count as one, each 4 KiB and each channel in a subscription as one more, and a
	// handshake as so many that 50 a second are the most. Nothing is refused: who sends
	// faster is read later. Over HTTP it needs Track; a proxy that sends the requests of
	// many clients over one connection needs a higher rate. Default 1000; Unlimited.
	MaxMessageRate int
	// MaxSubscriptionsPerSession is the limit of SUB-11. Default 1000.
	MaxSubscriptionsPerSession int

	// MaxSessionsPerBrowser is how many connects of one browser cookie are held at a
	// time over HTTP/1.1 (CK-7). Default 1; Unlimited, NeverHold.
	MaxSessionsPerBrowser int
	// HTTP2MaxSessionsPerBrowser is the same for HTTP/2. Default Unlimited; NeverHold.
	HTTP2MaxSessionsPerBrowser int
	// MultiSessionInterval is the interval advised to a session above the limit
	// (CK-8). Default 2 s; negative: it is told to stop (CK-9).
	MultiSessionInterval time.Duration
	// TrustClientSession accepts a client id without its cookie (CK-6).
	TrustClientSession bool
	// BrowserCookie shapes the cookie of chapter 13.
	BrowserCookie CookieOptions

	// CallbackParameter is the parameter of a callback-polling request that names its
	// callback (JP-1). Default jsonp.
	CallbackParameter string
	// CallbackParameterMaxLength bounds that name, in bytes. Default 64.
	CallbackParameterMaxLength int

	// DuplicateMetaConnectHTTPResponseCode answers the older of two connects of a
	// session (CN-10). Default 500; at least 400.
	DuplicateMetaConnectHTTPResponseCode int
	// HandshakeReconnect adds maxInterval to the advice of a handshake (HS-13).
	HandshakeReconnect bool
	// AllowMessageDeliveryDuringHandshake lets messages that OnSession sends travel
	// with the handshake reply (HS-12), behind it. Some clients expect one object there.
	AllowMessageDeliveryDuringHandshake bool
	// BroadcastToPublisher gives a publisher its own messages when it is subscribed
	// (PUB-4), unless Server.Channel says otherwise. Default On.
	BroadcastToPublisher Switch
	// ValidateMessageFields checks the characters of ids and channels (MSG-8, CH-1).
	// Default On.
	ValidateMessageFields Switch
	// AllowWildcardPublish accepts a publish to a pattern, for the subscribers of
	// that very pattern (PUB-6).
	AllowWildcardPublish bool
	ErrorStyle           ErrorStyle

	// Origin is the server's own, such as "https://desk.example", where it is known.
	// Default: http or https at the host that the request names; which of the two
	// cannot be told behind a proxy.
	Origin string
	// AllowedOrigins lists the foreign origins that may use the server (CO-1), for
	// example "https://desk.example" or "https://*.desk.example". Default: none,
	// only the server's own origin. A lone "*" is not accepted: answers carry credentials.
	AllowedOrigins []string
	// AllowedHeaders are request headers that a preflight allows besides the usual ones (CO-3).
	AllowedHeaders []string

	// SweepPeriod is the time between two looks for unused channels, which are
	// forgotten at the third (CH-11). Default 997 ms.
	SweepPeriod time.Duration

	// Extensions lists those of chapter 17 that are on. Default, when nil: ack and
	// timesync; an empty list is none.
	Extensions []ExtensionName
	// Activity configures the extension activity.
	Activity ActivityOptions
	// TimestampFormat is that of the extension timestamp. Default TimestampISO.
	TimestampFormat TimestampFormat

	// Policy says who may do what. Default: DefaultPolicy.
	Policy Policy
	// Source holds durable streams of messages, one per user (DEL-14). Default:
	// none, messages live in memory only.
	Source Source
	// Stream names the stream of the Source that a session of the principal reads;
	// "" is none. Default: the user's own.
	Stream func(Principal) string
	// Sessions keeps the sessions that read a stream, so that they outlive the server (DEL-14). It needs Source and ResumeWindow. Default: none.
	Sessions SessionStore
	// OnSession is told of each new session before its handshake is answered.
	OnSession func(*Session)
	// OnPark is told of each session that is parked (DEL-14), and with false when its
	// client is back: also of one that has come back from the SessionStore, which OnSession of this server does not know. Calls for one session may overlap, so
	// count them. A session that ends while it is parked is told to OnEnd alone, where Session.Parked says so.
	OnPark func(s *Session, parked bool)
	// OnEnd is told of each session that has ended, and why (SS-5).
	OnEnd func(*Session, EndReason)
	// OnSubscribe is asked before a subscription of a client comes into force, after
	// the policy and the authorisers allowed it. A *Refusal refuses it as
	// 403::subscribe_failed (SUB-4); other errors are as with a Listener. Channel may
	// be a pattern. It is not asked again for a subscription that exists.
	OnSubscribe func(ctx context.Context, s *Session, channel string, m *Message) error
	// OnUnsubscribe is asked before a client's subscription is given up; a refusal is
	// 403::unsubscribe_failed (UN-4). It is not asked when the session ends.
	OnUnsubscribe func(ctx context.Context, s *Session, channel string, m *Message) error
	// Logger gets refusals (AZ-6) and failures; never message text. Default: slog.Default().
	Logger *slog.Logger
}

// HTTPOptions are those of one transport over HTTP.
type HTTPOptions struct {
	// Timeout, Interval and MaxInterval override those of Options when not zero.
	Timeout, Interval, MaxInterval time.Duration
	// MetaConnectDeliverOnly overrides that of Options (DEL-6). Callback-polling has it
	// always On.
	MetaConnectDeliverOnly Switch
	// MaxMessageSize bounds a request's body, also after unpacking, and the query of
	// callback-polling, in bytes. Default 1 MiB; a query ends at the limit that the
	// http.Server sets to headers, if that is lower.
	MaxMessageSize int
	// ReadTimeout bounds the reading of one request's body. Default 30 s; Never
	// leaves it to the http.Server.
	ReadTimeout time.Duration
	// WriteTimeout bounds the writing of one response. Default 30 s.
	WriteTimeout time.Duration
	// Compress packs responses above 1 KiB with gzip where the client accepts it
	// (LP-12). Off by default: a proxy in front may do it, and packing secrets
	// together with text of strangers tells something about the secrets.
	Compress bool
}

// WSOptions are those of the transport websocket.
type WSOptions struct {
	// Timeout, Interval and MaxInterval override those of Options when not zero.
	Timeout, Interval, MaxInterval time.Duration
	// MetaConnectDeliverOnly overrides that of Options (DEL-6).
	MetaConnectDeliverOnly Switch
	// MaxMessageSize bounds a message from the client, also after unpacking, in
	// bytes (WS-18). Default 64 KiB.
	MaxMessageSize int
	// WriteTimeout bounds one write; a peer that takes longer is dropped. Default 30 s.
	WriteTimeout time.Duration
	// MessagesPerFrame is how many messages may share a frame (WS-15). Default 1.
	MessagesPerFrame int
	// IdleTimeout closes a connection without any frame in either direction (WS-19).
	// Default 5 min; Never.
	IdleTimeout time.Duration
	// PingInterval is the time between pings of the server (WS-20). Default 25 s; Never.
	PingInterval time.Duration
	// RequireHandshakePerConnection refuses sessions made elsewhere (WS-27).
	RequireHandshakePerConnection bool
	// Protocol is the subprotocol that clients must offer (WS-3). Default: none.
	Protocol string
	// PermessageDeflate offers compression, without context takeover. Default On.
	PermessageDeflate Switch
	// CompressAbove is the size in bytes from which on a frame is compressed. Default 1024.
	CompressAbove int
	// BindBrowserCookie ties sessions to the browser cookie of the upgrade, or to a
	// fresh one (WS-5). Default On.
	BindBrowserCookie Switch
	// ConfirmByPing keeps messages until the pong of a ping sent after them (DEL-13).
	ConfirmByPing bool
	// ConfirmTimeout ends a connection whose confirming pong does not come. Default 20 s.
	ConfirmTimeout time.Duration
}

// CookieOptions shape the browser cookie (CK-3).
type CookieOptions struct {
	Name   string // default BAYEUX_BROWSER
	Domain string
	Path   string        // default /
	MaxAge time.Duration // default 0: until the browser is closed
	// Secure marks the cookie when the request came over TLS, or with an https URL
	// where the embedding server has put one.
	Secure      bool
	HTTPOnly    Switch // default On
	SameSite    http.SameSite
	Partitioned bool
}

// streamOf returns the name of the principal's stream; "" for none.
func (o *Options) streamOf(p Principal) string {
	switch {
	case o.Source == nil:
		return ""
	case o.Stream != nil:
		return o.Stream(p)
	}
	return p.User
}

// withDefaults returns o with every default filled in, or says what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	if len(o.Transports) == 0 {
		o.Transports = []Transport{WebSocket, LongPolling, CallbackPolling}
	}
	for _, t := range o.Transports {
		if t != WebSocket && t != LongPolling && t != CallbackPolling {
			return o, fmt.Errorf("transports: %q is not known; use %q, %q and %q", t, WebSocket, LongPolling, CallbackPolling)
		}
	}
	if o.Extensions == nil {
		o.Extensions = []ExtensionName{ExtensionAck, ExtensionTimesync}
	}
	duration(&o.Activity.MaxInactivity, 10*time.Minute)
	if err := o.Activity.check(); err != nil {
		return o, err
	}
	duration(&o.Timeout, 30*time.Second)
	duration(&o.MaxTimeout, 10*time.Minute)
	duration(&o.MaxInterval, 10*time.Second)
	duration(&o.MaxProcessing, Never)
	duration(&o.MaxLazyTimeout, 5*time.Second)
	duration(&o.MultiSessionInterval, 2*time.Second)
	duration(&o.SweepPeriod, 997*time.Millisecond)
	toggle(&o.BroadcastToPublisher, On)
	toggle(&o.ValidateMessageFields, On)
	toggle(&o.BrowserCookie.HTTPOnly, On)
	o.Interval = max(o.Interval, 0)
	o.ResumeWindow = max(o.ResumeWindow, 0)
	count(&o.MaxQueue, 1000)
	count(&o.MaxQueueBytes, 4<<20)
	count(&o.MaxBatch, 200)
	count(&o.MaxBatchBytes, 256<<10)
	count(&o.JSONDepth, 64)
	count(&o.MaxMessagesPerRequest, 1000)
	count(&o.MaxSubscriptionsPerSession, 1000)
	count(&o.MaxMessageRate, 1000)
	if o.MaxMessageRate < Unlimited {
		return o, fmt.Errorf("maxMessageRate: %d is not a number of messages per second", o.MaxMessageRate)
	}
	count(&o.MaxSessionsPerBrowser, 1)
	count(&o.HTTP2MaxSessionsPerBrowser, Unlimited)
	if o.CallbackParameter == "" {
		o.CallbackParameter = "jsonp"
	}
	count(&o.CallbackParameterMaxLength, 64)
	count(&o.DuplicateMetaConnectHTTPResponseCode, http.StatusInternalServerError)
	if c := o.DuplicateMetaConnectHTTPResponseCode; c < 400 || c > 599 {
		return o, fmt.Errorf("duplicateMetaConnectHttpResponseCode: %d is not a status from 400 to 599", c)
	}

	deliverOnly := Off
	if o.MetaConnectDeliverOnly {
		deliverOnly = On
	}
	for _, h := range []*HTTPOptions{&o.LongPolling, &o.JSONP} {
		duration(&h.Timeout, o.Timeout)
		duration(&h.Interval, o.Interval)
		duration(&h.MaxInterval, o.MaxInterval)
		toggle(&h.MetaConnectDeliverOnly, deliverOnly)
		count(&h.MaxMessageSize, cmp.Or(o.MaxMessageSize, 1<<20))
		duration(&h.ReadTimeout, 30*time.Second)
		duration(&h.WriteTimeout, 30*time.Second)
	}
	o.JSONP.MetaConnectDeliverOnly = On // DEL-6

	duration(&o.WS.Timeout, o.Timeout)
	duration(&o.WS.Interval, o.Interval)
	duration(&o.WS.MaxInterval, o.MaxInterval)
	toggle(&o.WS.MetaConnectDeliverOnly, deliverOnly)
	count(&o.WS.MaxMessageSize, cmp.Or(o.MaxMessageSize, 64<<10))
	duration(&o.WS.WriteTimeout, 30*time.Second)
	count(&o.WS.MessagesPerFrame, 1)
	duration(&o.WS.IdleTimeout, 5*time.Minute)
	duration(&o.WS.PingInterval, 25*time.Second)
	count(&o.WS.CompressAbove, 1024)
	toggle(&o.WS.PermessageDeflate, On)
	toggle(&o.WS.BindBrowserCookie, On)
	duration(&o.WS.ConfirmTimeout, 20*time.Second)

	for name, n := range map[string]int{
		"maxBatch": o.MaxBatch, "maxBatchBytes": o.MaxBatchBytes, "jsonDepth": o.JSONDepth,
		"maxMessagesPerRequest": o.MaxMessagesPerRequest, "maxSubscriptionsPerSession": o.MaxSubscriptionsPerSession,
		"long-polling.json.maxMessageSize": o.LongPolling.MaxMessageSize, "long-polling.jsonp.maxMessageSize": o.JSONP.MaxMessageSize,
		"ws.maxMessageSize": o.WS.MaxMessageSize, "ws.messagesPerFrame": o.WS.MessagesPerFrame,
		"callbackParameterMaxLength": o.CallbackParameterMaxLength,
	} {
		if n < 1 {
			return o, fmt.Errorf("%s: %d is not a positive number", name, n)
		}
	}
	if err := o.checkTimes(); err != nil {
		return o, err
	}
	if o.Sessions != nil && (o.Source == nil || o.ResumeWindow == 0) {
		return o, errors.New("sessions: a store keeps places in the streams of a Source for the time of resumeWindow; give both")
	}
	if min(o.MaxInterval, o.LongPolling.MaxInterval, o.JSONP.MaxInterval, o.WS.MaxInterval) < 0 {
		return o, errors.New("maxInterval: sessions that never end are not offered; give a positive time")
	}
	if idle := o.WS.IdleTimeout; idle > 0 && o.WS.PingInterval < 0 && idle <= max(o.WS.Timeout, 0)+max(o.WS.Interval, 0) {
		return o, fmt.Errorf("ws.idleTimeout: %v must exceed timeout + interval, or every quiet socket is closed (WS-19)", idle)
	}

	if o.BrowserCookie.Name == "" {
		o.BrowserCookie.Name = "BAYEUX_BROWSER"
	}
	if o.BrowserCookie.Path == "" {
		o.BrowserCookie.Path = "/"
	}
	if err := (&http.Cookie{Name: o.BrowserCookie.Name, Path: o.BrowserCookie.Path, Domain: o.BrowserCookie.Domain, Value: "x"}).Valid(); err != nil {
		return o, fmt.Errorf("browserCookie: %w", err)
	}
	if slices.Contains(o.AllowedOrigins, "*") {
		return o, errors.New(`allowedOrigins: "*" would let every site use its visitors' credentials; list the origins (CO-2)`)
	}
	if o.Policy == nil {
		o.Policy = DefaultPolicy{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}

// checkTimes looks for times within which nothing could be done, and for such as overflow when they are added.
func (o *Options) checkTimes() error {
	for name, d := range map[string]time.Duration{
		"sweepPeriod": o.SweepPeriod, "ws.writeTimeout": o.WS.WriteTimeout, "ws.confirmTimeout": o.WS.ConfirmTimeout,
		"long-polling.json.writeTimeout": o.LongPolling.WriteTimeout, "long-polling.jsonp.writeTimeout": o.JSONP.WriteTimeout,
	} {
		if d < 0 {
			return fmt.Errorf("%s: give a positive time", name)
		}
	}
	for name, longest := range map[string]time.Duration{
		"timeout": o.Timeout, "ws.timeout": o.WS.Timeout, "long-polling.json.timeout": o.LongPolling.Timeout, "long-polling.jsonp.timeout": o.JSONP.Timeout,
		"interval": o.Interval, "ws.interval": o.WS.Interval, "long-polling.json.interval": o.LongPolling.Interval, "long-polling.jsonp.interval": o.JSONP.Interval,
		"maxInterval": o.MaxInterval, "ws.maxInterval": o.WS.MaxInterval, "long-polling.json.maxInterval": o.LongPolling.MaxInterval,
		"long-polling.jsonp.maxInterval": o.JSONP.MaxInterval, "maxTimeout": o.MaxTimeout, "resumeWindow": o.ResumeWindow,
	} {
		if longest > longestTime {
			return fmt.Errorf("%s: %v is longer than a year", name, longest)
		}
	}
	return nil
}

func duration(d *time.Duration, byDefault time.Duration) {
	if *d == 0 {
		*d = byDefault
	}
}

func toggle(w *Switch, byDefault Switch) {
	if *w == 0 {
		*w = byDefault
	}
}

func count(n *int, byDefault int) {
	if *n == 0 {
		*n = byDefault
	}
}

// times are the values that clients are advised of on a transport (AD-4).
type times struct {
	timeout, interval, maxInterval time.Duration
}

func (o *Options) times(t Transport) times {
	var v times
	if t == WebSocket {
		v = times{o.WS.Timeout, o.WS.Interval, o.WS.MaxInterval}
	} else {
		h := o.overHTTP(t)
		v = times{h.Timeout, h.Interval, h.MaxInterval}
	}
	v.timeout, v.interval = max(v.timeout, 0), max(v.interval, 0)
	return v
}

func (o *Options) overHTTP(t Transport) *HTTPOptions {
	if t == CallbackPolling {
		return &o.JSONP
	}
	return &o.LongPolling
}
