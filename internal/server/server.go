// Package server puts the parts together: it opens the store, wires desk, APIs and pages, serves them, and lets everybody go when it is told to stop.
//
// New binds the addresses before it opens the store, and starts nothing: whatever can be refused is refused while nobody is served yet. Run starts
// the parts from the bottom up (desk, log-ins, HTTP, demo customers) and stops them in the opposite order.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-chat/halley/internal/adminapi"
	"github.com/halley-chat/halley/internal/agentapi"
	"github.com/halley-chat/halley/internal/apidocs"
	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/customerapi"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/probe"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
	"github.com/halley-chat/halley/internal/telemetry"
	"github.com/halley-chat/halley/internal/webui"
)

// Options are what surrounds a server. The zero value is a silent one.
type Options struct {
	Logger *slog.Logger    // nil: none
	Out    io.Writer       // gets the links of the demo; nil: nobody
	Build  telemetry.Build // what /version tells

	// For tests that look at everything: what is put round the handler of the first listener, and round the store that commits go to. nil: nothing.
	AroundHandler func(http.Handler) http.Handler
	AroundStore   func(store.Store) store.Store
}

// Addrs are the addresses a server really listens on.
type Addrs struct {
	URL    string // the public one
	Listen net.Addr
	Ops    net.Addr // nil: there is no second listener
}

// Server is a whole Halley. Many can live in one process.
type Server struct {
	cfg  config.Config
	log  *slog.Logger
	out  io.Writer
	opt  Options
	url  string // public, without a slash at the end
	base string // of the first listener, for clients on this machine

	listener, ops *cappedListener // ops may be nil
	proxies       []netip.Prefix
	directory     *directory.Directory
	store         *sqlite.Store
	bus           *bus.Local
	desk          *desk.Desk
	auth          *auth.Auth
	admin         *adminapi.API
	agents        *agentapi.API
	customers     *customerapi.API
	probe         *probe.Handler
	metrics       *telemetry.Metrics
	page, docs    http.Handler

	ready    atomic.Bool     // /readyz says yes
	patient  context.Context // ends when a drain must not take its time any more
	hurry    context.CancelFunc
	released sync.Once
}

// New checks the configuration, binds the addresses, opens the store and wires the parts. It starts nothing. Whoever does not call Run calls Close.
func New(cfg config.Config, opt Options) (_ *Server, err error) {
	s := &Server{cfg: cfg, opt: opt, log: opt.Logger, out: opt.Out}
	s.patient, s.hurry = context.WithCancel(context.Background())
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.out == nil {
		s.out = io.Discard
	}
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if s.directory, err = cfg.Directory(); err != nil {
		return nil, err
	}
	if s.proxies, err = cfg.Proxies(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.listen(); err != nil {
		return nil, err
	}
	if err := s.wire(); err != nil {
		return nil, err
	}
	return s, nil
}

// listen binds the addresses, so that they are known, and a port that is taken is noticed before the data is touched.
func (s *Server) listen() (err error) {
	if s.listener, err = s.capped(s.cfg.Listen); err != nil {
		return fmt.Errorf("%w: choose another address with --listen", err)
	}
	if s.cfg.OpsListen != "" {
		if s.ops, err = s.capped(s.cfg.OpsListen); err != nil {
			return fmt.Errorf("for operations, %w: choose another address with --ops-listen", err)
		}
	}
	s.base = "http://" + reachable(s.listener.Addr())
	s.url = strings.TrimRight(s.cfg.URL, "/")
	if s.url == "" {
		s.url = s.base
	}
	return nil
}

// reachable is where a client on this machine finds a listener: one on all addresses is found on the loopback one.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	loopback := "127.0.0.1"
	if tcp.IP.To4() == nil {
		loopback = "::1"
	}
	return net.JoinHostPort(loopback, fmt.Sprint(tcp.Port))
}

// node names this process among those that share a store: with SQLite it is the only one.
const node = "1"

// wire opens the store and makes the parts, from the bottom up.
func (s *Server) wire() (err error) {
	zone, err := s.cfg.Location()
	if err != nil {
		return err
	}
	if s.store, err = sqlite.Open(context.Background(), s.cfg.Data, sqlite.Options{ResumeWindow: s.cfg.Agent.ResumeWindow}); err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	s.bus = bus.NewLocal()
	encoder := agentapi.NewEncoder(s.url+"/api/v2", s.cfg.Agent.IncludeMessageType, zone)
	encoder.SuggestQueues(s.directory.Queues)
	s.desk, err = desk.New(desk.Config{
		Node:  node,
		Store: s.aroundStore(), Bus: s.bus, Directory: s.directory, Encoder: encoder, Settings: s.deskSettings(zone), Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.auth = auth.New(auth.Config{
		Store: s.store, Directory: s.directory, IdleTimeout: s.cfg.SessionTimeout, SecureCookies: strings.HasPrefix(s.url, "https://"),
		TrustLoopback: s.cfg.Demo, Logger: s.log,
	})
	s.agents, err = agentapi.New(agentapi.Config{
		Desk: s.desk, Auth: s.auth, Directory: s.directory, Sessions: s.store, Encoder: encoder, Settings: s.agentSettings(), Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.admin = adminapi.New(adminapi.Config{Store: s.store, Auth: s.auth, Directory: s.directory, Logger: s.log})
	s.customers = customerapi.New(customerapi.Config{
		Desk: s.desk, Directory: s.directory, Settings: s.customerSettings(), Logger: s.log,
	})
	s.probe = probe.New(probe.Settings{
		URL: s.url, Timeout: probe.Millis(s.cfg.Agent.Timeout.Milliseconds()), PingInterval: probe.Millis(s.cfg.Agent.PingInterval.Milliseconds()),
		MaxBody:   max(int64(s.cfg.Agent.MaxMessageSize), s.cfg.Agent.MaxBody, s.cfg.Customer.MaxBody),
		WebSocket: slices.Contains(s.cfg.Agent.Transports, "websocket"),
	}, believed)
	s.metrics = telemetry.NewMetrics(s.opt.Build)
	s.metrics.Register(s.figures())
	s.docs = apidocs.New(s.opt.Build.Version, s.log)
	s.page, err = webui.New(s.startPage())
	return err
}

func (s *Server) aroundStore() store.Store {
	if s.opt.AroundStore == nil {
		return s.store
	}
	return s.opt.AroundStore(s.store)
}

func (s *Server) deskSettings(zone *time.Location) desk.Settings {
	d := desk.DefaultSettings()
	d.OfferTimeout, d.DeclinePause, d.LeastLoadedFirst = s.cfg.Routing.OfferTimeout, s.cfg.Routing.DeclinePause, s.cfg.Routing.LeastLoadedFirst
	d.AskTimeout = s.cfg.Routing.AskTimeout
	d.DispositionKey, d.Zone = s.cfg.Agent.DispositionKey, zone
	d.FeedRetention, d.AnswerRetention = s.cfg.FeedRetention, s.cfg.KeyRetention
	return d
}

func (s *Server) agentSettings() agentapi.Settings {
	from := s.cfg.Agent
	a := agentapi.DefaultSettings()
	a.EnableCSRF, a.AllowedOrigins, a.MaxBody = from.CSRF, from.AllowedOrigins, from.MaxBody
	if u, err := url.Parse(strings.ToLower(s.cfg.URL)); err == nil && u.Host != "" {
		a.Origin = u.Scheme + "://" + u.Host
	}
	a.Notifications.Transports = from.Transports
	a.Notifications.Timeout, a.Notifications.Interval, a.Notifications.MaxInterval = from.Timeout, from.Interval, from.MaxInterval
	a.Notifications.ResumeWindow, a.Notifications.MaxSessionsPerBrowser = from.ResumeWindow, from.MaxSessionsPerBrowser
	a.Notifications.MaxMessageSize, a.Notifications.MaxFrameSize, a.Notifications.MaxMessages = from.MaxMessageSize, from.MaxFrameSize, from.MaxMessages
	a.Notifications.MaxSubscriptions, a.Notifications.MaxBatch, a.Notifications.PingInterval = from.MaxSubscriptions, from.MaxBatch, from.PingInterval
	for section, values := range s.cfg.Settings {
		if a.ContactCenter[section] == nil {
			a.ContactCenter[section] = map[string]string{}
		}
		maps.Copy(a.ContactCenter[section], values)
	}
	for _, d := range s.cfg.Dispositions {
		if d.DisplayName == "" {
			d.DisplayName = d.Name
		}
		a.Dispositions = append(a.Dispositions, agentapi.Disposition{Name: d.Name, DisplayName: d.DisplayName})
	}
	return a
}

func (s *Server) customerSettings() customerapi.Settings {
	c := customerapi.DefaultSettings()
	c.MaxBody, c.StartsPerMinute, c.OperationsPerSecond = s.cfg.Customer.MaxBody, s.cfg.Customer.StartsPerMinute, s.cfg.Customer.OperationsPerSecond
	c.FreeLoopback = s.cfg.Demo
	return c
}

// Addrs returns where the server listens.
func (s *Server) Addrs() Addrs {
	a := Addrs{URL: s.url, Listen: s.listener.Addr()}
	if s.ops != nil {
		a.Ops = s.ops.Addr()
	}
	return a
}

// Close gives up what New took, for a server that does not run. Calling it twice is harmless.
func (s *Server) Close() (err error) {
	s.released.Do(func() {
		s.hurry()
		for _, l := range []*cappedListener{s.listener, s.ops} {
			if l != nil {
				if e := l.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
					err = errors.Join(err, e)
				}
			}
		}
		if s.agents != nil {
			ctx, cancel := context.WithTimeout(context.Background(), lastWords)
			err = errors.Join(err, s.agents.Shutdown(ctx))
			cancel()
		}
		if s.bus != nil {
			err = errors.Join(err, s.bus.Close())
		}
		if s.store != nil {
			err = errors.Join(err, s.store.Close())
		}
	})
	return err
}
