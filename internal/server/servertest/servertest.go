// Package servertest starts whole servers for tests, and gives them agents and customers who come in the way real ones do: over REST and CometD, on a real
// socket, with a real database.
//
//	srv := servertest.Start(t)
//	dana := srv.Agent(t, "dana")
//	pat := srv.Customer(t, "support")
//	pat.Say("hello")
//	dana.Accept()
//	dana.WaitText("hello")
//
// Whatever goes wrong fails the test at once, with what was expected. So does an answer or a notification that docs/openapi.yaml or docs/asyncapi.yaml does not
// describe, whoever asked for it. Everything that is started ends with the test.
package servertest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/described"
	"github.com/halley-chat/halley/internal/server"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/telemetry"
)

// Patience is how long a test waits for something that should happen at once. It is long, because a machine that runs many tests is slow.
const Patience = 20 * time.Second

// cheapHash is that of config.DemoPassword, at a fraction of the price: a test should not spend its time on hashing.
const cheapHash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$Luv0baQ8lMPznJEaivxGPffhsknMO33M8kp+XFYuhuA"

// Server is a running server.
type Server struct {
	URL string // such as http://127.0.0.1:41234

	cfg     config.Config
	log     *slog.Logger
	stop    context.CancelFunc
	hurry   func()
	stopped chan struct{} // closed when it has stopped
	err     error         // of Run; read after stopped
	idle    []func()      // close the idle connections of customers
}

// Start starts a server with demo data, an empty folder and a free port, and returns when it serves. change may alter the configuration first.
func Start(t testing.TB, change ...func(*config.Config)) *Server {
	t.Helper()
	cfg := config.DemoDefault()
	cfg.Listen, cfg.Data, cfg.DemoCustomers, cfg.Drain = "127.0.0.1:0", t.TempDir(), 0, 2*time.Second
	for i := range cfg.Users {
		cfg.Users[i].PasswordHash = cheapHash
	}
	for _, f := range change {
		f(&cfg)
	}
	s := &Server{cfg: cfg, log: slog.New(slog.NewTextHandler(&lines{t: t}, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	s.start(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	srv, err := server.New(s.cfg, server.Options{
		Logger: s.log, Build: telemetry.Build{Version: "test"},
		AroundHandler: func(h http.Handler) http.Handler { return described.Handler(t, h) },
		AroundStore:   func(st store.Store) store.Store { return described.Store(t, st) },
	})
	if err != nil {
		t.Fatalf("servertest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.hurry, s.stopped = cancel, srv.Hurry, make(chan struct{})
	ready := make(chan server.Addrs, 1)
	go func() {
		defer close(s.stopped)
		s.err = srv.Run(ctx, func(a server.Addrs) { ready <- a })
	}()
	select {
	case a := <-ready:
		s.URL = a.URL
		s.cfg.Listen = a.Listen.String() // a restart comes back at the same address
	case <-s.stopped:
		t.Fatalf("servertest: the server ended before it served: %v", s.err)
	}
}

// Config returns the configuration that the server runs with.
func (s *Server) Config() config.Config { return s.cfg }

// Stop stops the server as SIGTERM does, and returns when it has ended. Calling it twice is harmless.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.stop()
	select {
	case <-s.stopped:
	case <-time.After(s.cfg.Drain + Patience):
		t.Fatalf("servertest: the server has not stopped %v after its drain time", Patience)
	}
	if s.err != nil {
		t.Errorf("servertest: the server ended with: %v", s.err)
		s.err = nil
	}
}

// StartAgain starts a server that was stopped anew, with the same data and address. Customers make new connections: a POST over one that the former server has
// just ended would fail, and their client does not repeat it.
func (s *Server) StartAgain(t testing.TB) {
	t.Helper()
	for _, closeIdle := range s.idle {
		closeIdle()
	}
	s.start(t)
}

// Restart stops the server at once, as two signals do, and starts it anew.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.hurry()
	s.Stop(t)
	s.StartAgain(t)
}

// lines passes what is written to a test's log, line by line.
type lines struct {
	t  testing.TB
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(p)
	for {
		line, err := l.b.ReadString('\n')
		if err != nil {
			l.b.Reset()
			l.b.WriteString(line)
			return len(p), nil
		}
		l.t.Log(strings.TrimSuffix(line, "\n"))
	}
}
