package bayeuxclient

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Names of the transports.
const (
	WebSocket   = "websocket"
	LongPolling = "long-polling"
)

// Defaults of Options.
const (
	DefaultBackoff         = 500 * time.Millisecond
	DefaultMaxBackoff      = 30 * time.Second
	DefaultMaxNetworkDelay = 10 * time.Second
	DefaultMaxResponse     = 1 << 20
	DefaultMaxQueue        = 8 << 20
)

// Options say how to reach a server. Only URL is needed.
type Options struct {
	// URL is where the server is mounted, for example "https://desk.example/api/v2/notifications".
	URL string

	// HTTP makes all requests, the websocket upgrade among them, so its cookies, proxy, dialer and TLS settings serve both
	// transports. Its Timeout is ignored: a connect is meant to be held. Without a cookie jar, the Bayeux client uses one of its
	// own, as servers bind sessions to a cookie [CK-5]; so many of them can share one HTTP client. Default: one of its own.
	HTTP *http.Client

	// Header is sent with every request and upgrade, for example an Authorization.
	Header http.Header

	// Transports are tried in this order. Default: WebSocket, LongPolling.
	Transports []string

	// Ack asks for acknowledged messages [AK-1]; a server without them goes on without.
	Ack bool

	// Replay asks for messages that tell their position in the server's stream [RP-1]. Each subscription then goes on from the last
	// message received, also in a new session, and none comes twice. A server without a stream goes on without.
	Replay bool

	// Timesync measures the server's clock [TS-1]; Client.Clock has the result.
	Timesync bool

	// Ext has further fields for the ext of the handshake, for example authentication [HS-14].
	Ext map[string]jsontext.Value

	// OnState is told what becomes of the session, in order, from the goroutine that calls the message handlers.
	OnState func(State)

	// OnMessage gets the messages of channels that no Subscribe or Listen of this client matches.
	OnMessage func(Message)

	// PlainURL posts everything to URL itself. Otherwise /handshake, /connect and /disconnect are appended for these messages, as
	// CometD's JavaScript client does, unless URL has a query [LP-1].
	PlainURL bool

	// Backoff is the longest pause before the first attempt to come back after a break; the pause doubles up to MaxBackoff. Each
	// pause is drawn at random from its upper half. Defaults: DefaultBackoff, DefaultMaxBackoff.
	Backoff, MaxBackoff time.Duration

	// MaxNetworkDelay is how long a reply may take on top of the time the server was asked to hold a connect. After that the
	// connection counts as broken. Default: DefaultMaxNetworkDelay.
	MaxNetworkDelay time.Duration

	// MaxResponse is the largest response body or websocket message accepted, in bytes. Default: DefaultMaxResponse.
	MaxResponse int64

	// MaxQueue is how many bytes of messages may wait for the handlers before the client stops taking more from the server.
	// Default: DefaultMaxQueue.
	MaxQueue int

	// Logger gets breaks and returns at debug level; never data, cookies or headers. Default: none.
	Logger *slog.Logger
}

// complete returns o with every default filled in, or what is wrong with it. It shares nothing that the caller may change later.
func (o Options) complete() (Options, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return o, fmt.Errorf("bayeuxclient: URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return o, fmt.Errorf("bayeuxclient: URL %q: want http://host/base or https://host/base", o.URL)
	}
	if o.Transports == nil {
		o.Transports = []string{WebSocket, LongPolling}
	}
	if len(o.Transports) == 0 {
		return o, errors.New("bayeuxclient: Transports is empty: name at least one")
	}
	for _, name := range o.Transports {
		if name != WebSocket && name != LongPolling {
			return o, fmt.Errorf("bayeuxclient: transport %q: want %q or %q", name, WebSocket, LongPolling)
		}
	}
	o.Transports = slices.Clone(o.Transports)
	o.Header = o.Header.Clone()
	o.Ext = maps.Clone(o.Ext)
	setDefault(&o.Backoff, DefaultBackoff)
	setDefault(&o.MaxBackoff, DefaultMaxBackoff)
	setDefault(&o.MaxNetworkDelay, DefaultMaxNetworkDelay)
	setDefault(&o.MaxResponse, DefaultMaxResponse)
	setDefault(&o.MaxQueue, DefaultMaxQueue)
	if o.OnState == nil {
		o.OnState = func(State) {}
	}
	if o.OnMessage == nil {
		o.OnMessage = func(Message) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// httpClient returns the client to use, and what is to be done with it when the Bayeux client ends.
func (o Options) httpClient() (hc *http.Client, release func()) {
	release = func() {}
	var own http.Client
	if o.HTTP != nil {
		own = *o.HTTP
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		// Connections of its own, so that closing the client closes them.
		t = t.Clone()
		own.Transport = t
		release = t.CloseIdleConnections
	}
	own.Timeout = 0
	if own.Jar == nil {
		own.Jar, _ = cookiejar.New(nil) // fails for no options
	}
	return &own, release
}
