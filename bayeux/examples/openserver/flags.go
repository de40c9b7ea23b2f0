package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halley-chat/halley/bayeux"
)

// settings are what the command line says.
type settings struct {
	listen   string
	drain    time.Duration
	logLevel slog.Level
	options  bayeux.Options
}

// parse reads the flags. One that is not given leaves the library's default.
func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{listen: "127.0.0.1:8080", drain: 2 * time.Second, logLevel: slog.LevelError}
	fs := flag.NewFlagSet("openserver", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&s.listen, "listen", s.listen, "`address` to listen on; port 0 takes a free one")
	fs.TextVar(&s.logLevel, "log-level", s.logLevel, "least `level` that is logged: debug, info, warn, error")
	define(fs, "drain", &s.drain, "time for clients to leave after SIGTERM")
	for _, f := range flags(&s.options) {
		define(fs, f.name, f.target, f.help)
	}
	if err := fs.Parse(args); err != nil {
		if err != flag.ErrHelp {
			err = usageError{err}
		}
		return s, err
	}
	if fs.NArg() > 0 {
		return s, usageError{fmt.Errorf("%q is not a flag", fs.Arg(0))}
	}
	return s, nil
}

// option is a flag and the field that it sets.
type option struct {
	name   string
	target any
	help   string
}

// seconds is a time of which a plain number counts seconds, as in the attribute Max-Age.
type seconds time.Duration

// held is a limit of which 0 means none at all.
type held int

// flags lists the options by their names in the protocol's documentation, written as flags.
func flags(o *bayeux.Options) []option {
	return slices.Concat([]option{
		{"transports", &o.Transports, "what is allowed, in the order of the handshake reply"},
		{"timeout", &o.Timeout, "how long a connect is held; 0: not at all"},
		{"max-timeout", &o.MaxTimeout, "most that a client may ask for"},
		{"interval", &o.Interval, "pause between connects"},
		{"max-interval", &o.MaxInterval, "how long a silent session is kept beyond the interval"},
		{"meta-connect-deliver-only", &o.MetaConnectDeliverOnly, "messages travel with connect replies only"},
		{"resume-window", &o.ResumeWindow, "how long a session past its deadline is parked; 0: not at all"},
		{"max-lazy-timeout", &o.MaxLazyTimeout, "how long a lazy message waits for company, where its channel does not say; 0: not at all"},
		{"max-queue", &o.MaxQueue, "messages that may wait for a session; -1: any number"},
		{"max-queue-bytes", &o.MaxQueueBytes, "bytes that may wait for a session; -1: any number"},
		{"max-batch", &o.MaxBatch, "messages in one response or frame"},
		{"max-batch-bytes", &o.MaxBatchBytes, "bytes of messages in one response or frame"},
		{"max-processing", &o.MaxProcessing, "how long server code may take for one message; -1: any time"},
		{"max-message-size", &o.MaxMessageSize, "bytes of a request or websocket message"},
		{"json-depth", &o.JSONDepth, "how deep a request may nest"},
		{"max-messages-per-request", &o.MaxMessagesPerRequest, "messages in one request or frame"},
		{"max-message-rate", &o.MaxMessageRate, "messages a second that are read from one connection; -1: any number"},
		{"max-subscriptions-per-session", &o.MaxSubscriptionsPerSession, "subscriptions of one session"},
		{"max-sessions-per-browser", (*held)(&o.MaxSessionsPerBrowser), "connects of one cookie held over HTTP/1.1; -1: any number"},
		{"http2-max-sessions-per-browser", (*held)(&o.HTTP2MaxSessionsPerBrowser), "the same over HTTP/2"},
		{"multi-session-interval", &o.MultiSessionInterval, "pause for sessions above that limit; 0: they are told to stop"},
		{"trust-client-session", &o.TrustClientSession, "a client id is enough, without its cookie"},
		{"browser-cookie-name", &o.BrowserCookie.Name, "name of the browser cookie"},
		{"browser-cookie-domain", &o.BrowserCookie.Domain, "its Domain"},
		{"browser-cookie-path", &o.BrowserCookie.Path, "its Path"},
		{"browser-cookie-max-age", (*seconds)(&o.BrowserCookie.MaxAge), "its Max-Age; -1: until the browser is closed"},
		{"browser-cookie-secure", &o.BrowserCookie.Secure, "Secure, where the request is"},
		{"browser-cookie-http-only", &o.BrowserCookie.HTTPOnly, "HttpOnly"},
		{"browser-cookie-same-site", &o.BrowserCookie.SameSite, "its SameSite: lax, strict, none"},
		{"browser-cookie-partitioned", &o.BrowserCookie.Partitioned, "Partitioned"},
		{"duplicate-meta-connect-http-response-code", &o.DuplicateMetaConnectHTTPResponseCode, "status for the older of two connects"},
		{"allow-message-delivery-during-handshake", &o.AllowMessageDeliveryDuringHandshake, "messages may travel with the handshake reply"},
		{"handshake-reconnect", &o.HandshakeReconnect, "advise of max-interval at handshake"},
		{"broadcast-to-publisher", &o.BroadcastToPublisher, "publishers get what they publish"},
		{"validate-message-fields", &o.ValidateMessageFields, "check the characters of ids and channels"},
		{"allow-wildcard-publish", &o.AllowWildcardPublish, "accept a publish to a pattern"},
		{"error-style", &o.ErrorStyle, "texts of errors: default, v4, v3"},
		{"origin", &o.Origin, "the server's own origin"},
		{"allowed-origins", &o.AllowedOrigins, "foreign origins that may use the server"},
		{"allowed-headers", &o.AllowedHeaders, "request headers that a preflight allows besides the usual ones"},
		{"callback-parameter", &o.CallbackParameter, "parameter that names the callback"},
		{"callback-parameter-max-length", &o.CallbackParameterMaxLength, "bytes of that name"},
		{"sweep-period", &o.SweepPeriod, "time between two looks for unused channels"},
		{"extensions", &o.Extensions, "those that are on: ack, timesync, timestamp, activity, binary, replay"},
		{"max-inactivity", &o.Activity.MaxInactivity, "with the extension activity: how long a session may do nothing but connect"},
		{"activity-mode", &o.Activity.Mode, "what counts as activity: client, client_server"},
		{"timestamp-format", &o.TimestampFormat, "what the extension timestamp writes: iso, reference"},

		{"ws-timeout", &o.WS.Timeout, "timeout over websocket"},
		{"ws-interval", &o.WS.Interval, "interval over websocket"},
		{"ws-max-interval", &o.WS.MaxInterval, "max-interval over websocket"},
		{"ws-meta-connect-deliver-only", &o.WS.MetaConnectDeliverOnly, "messages travel with connect replies only"},
		{"ws-max-message-size", &o.WS.MaxMessageSize, "bytes of a websocket message"},
		{"ws-write-timeout", &o.WS.WriteTimeout, "time for one write"},
		{"ws-messages-per-frame", &o.WS.MessagesPerFrame, "messages that may share a frame"},
		{"ws-idle-timeout", &o.WS.IdleTimeout, "connections without a frame for so long are closed; 0: never"},
		{"ws-ping-interval", &o.WS.PingInterval, "time between pings; 0: none"},
		{"ws-require-handshake-per-connection", &o.WS.RequireHandshakePerConnection, "refuse sessions made elsewhere"},
		{"ws-protocol", &o.WS.Protocol, "subprotocol that clients must offer"},
		{"ws-enable-extension-permessage-deflate", &o.WS.PermessageDeflate, "offer compression"},
		{"ws-compress-above", &o.WS.CompressAbove, "bytes from which on a frame is compressed"},
		{"ws-bind-browser-cookie", &o.WS.BindBrowserCookie, "tie sessions to the browser cookie"},
		{"ws-confirm-by-ping", &o.WS.ConfirmByPing, "keep messages until the pong of a ping after them"},
		{"ws-confirm-timeout", &o.WS.ConfirmTimeout, "time for that pong"},
	}, overHTTP("long-polling-json-", &o.LongPolling), overHTTP("long-polling-jsonp-", &o.JSONP))
}

func overHTTP(prefix string, o *bayeux.HTTPOptions) []option {
	return []option{
		{prefix + "timeout", &o.Timeout, "timeout over this transport"},
		{prefix + "interval", &o.Interval, "interval over this transport"},
		{prefix + "max-interval", &o.MaxInterval, "max-interval over this transport"},
		{prefix + "meta-connect-deliver-only", &o.MetaConnectDeliverOnly, "messages travel with connect replies only"},
		{prefix + "max-message-size", &o.MaxMessageSize, "bytes of a request"},
		{prefix + "read-timeout", &o.ReadTimeout, "time for reading a request's body; 0: any"},
		{prefix + "write-timeout", &o.WriteTimeout, "time for writing a response"},
		{prefix + "compress", &o.Compress, "pack large responses with gzip"},
	}
}

// define adds a flag to fs. Times are milliseconds, or durations such as 2s; lists are separated by commas.
func define(fs *flag.FlagSet, name string, target any, help string) {
	value := func(kind string, set func(string) error) { fs.Func(name, "`"+kind+"`: "+help, set) }
	toggle := func(set func(bool)) {
		fs.BoolFunc(name, help, func(s string) error {
			on, err := strconv.ParseBool(s)
			if err == nil {
				set(on)
			}
			return err
		})
	}
	switch to := target.(type) {
	case *string:
		fs.StringVar(to, name, *to, help)
	case *bool:
		toggle(func(on bool) { *to = on })
	case *bayeux.Switch:
		toggle(func(on bool) { *to = map[bool]bayeux.Switch{true: bayeux.On, false: bayeux.Off}[on] })
	case *time.Duration:
		value("time", func(s string) (err error) {
			*to, err = duration(s, time.Millisecond)
			return err
		})
	case *seconds:
		value("seconds", func(s string) error {
			d, err := duration(s, time.Second)
			*to = seconds(max(d, 0))
			return err
		})
	case *int:
		value("number", func(s string) (err error) {
			*to, err = strconv.Atoi(s)
			return err
		})
	case *held:
		value("number", func(s string) error {
			n, err := strconv.Atoi(s)
			if n == 0 {
				n = bayeux.NeverHold
			}
			*to = held(n)
			return err
		})
	case *[]string:
		value("list", list(to))
	case *[]bayeux.Transport:
		value("list", list(to))
	case *[]bayeux.ExtensionName:
		value("list", list(to))
	case *bayeux.ActivityMode:
		value("mode", choice(to, map[string]bayeux.ActivityMode{"client": bayeux.ActivityClient, "client_server": bayeux.ActivityClientServer}))
	case *bayeux.TimestampFormat:
		value("format", choice(to, map[string]bayeux.TimestampFormat{"iso": bayeux.TimestampISO, "reference": bayeux.TimestampReference}))
	case *bayeux.ErrorStyle:
		value("style", choice(to, map[string]bayeux.ErrorStyle{
			"default": bayeux.ErrorStyleDefault, "v4": bayeux.ErrorStyleV4, "v3": bayeux.ErrorStyleV3,
		}))
	case *http.SameSite:
		value("value", choice(to, map[string]http.SameSite{
			"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
		}))
	default:
		panic(fmt.Sprintf("flag %s: no way to read a %T", name, target)) // a mistake in the table above
	}
}

// list sets several values. An empty list is not nil, which would be the default.
func list[T ~string](to *[]T) func(string) error {
	return func(s string) error {
		*to = []T{}
		for v := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			*to = append(*to, T(v))
		}
		return nil
	}
}

// duration reads a number of units, or a Go duration. None at all is bayeux.Never: 0 would be the default.
func duration(s string, unit time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, notANumber := strconv.ParseInt(s, 10, 32); notANumber == nil {
		d, err = time.Duration(n)*unit, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a duration such as 1500ms", s)
	}
	if d <= 0 {
		d = bayeux.Never
	}
	return d, nil
}

// choice sets one of several named values.
func choice[T any](to *T, values map[string]T) func(string) error {
	return func(s string) error {
		v, ok := values[strings.ToLower(s)]
		if !ok {
			return fmt.Errorf("%q is not known", s)
		}
		*to = v
		return nil
	}
}
