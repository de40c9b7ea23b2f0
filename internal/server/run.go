package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a connection. What one request may take is in config.Config.
const (
	headerTimeout  = 10 * time.Second // for a request's header: a client that sends it byte by byte is cut
	answerTimeout  = 30 * time.Second // for an answer, from its first byte on: a client that does not read it is cut
	idleTimeout    = 2 * time.Minute  // between two requests; longer than clients pause
	maxHeaderBytes = 64 << 10
	// lastWords is what requests that were cut off at the end of a drain may take to notice it, before the store is closed.
	lastWords = 5 * time.Second
	// resignTime is how long a drain waits until this node offers no chats any more: a disk that hangs must not hold clients back.
	resignTime = time.Second
)

// Run starts everything, calls ready (if it is not nil), and serves until ctx ends. Then it lets everybody go within Config.Drain and returns when nothing of
// it runs any more. The error is nil if that is how it ended. A server runs once.
func (s *Server) Run(ctx context.Context, ready func(Addrs)) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()

	if err := s.desk.Start(ctx); err != nil {
		return err
	}
	defer s.desk.Stop()
	if err := s.auth.Start(ctx); err != nil {
		return err
	}
	defer s.auth.Stop()

	var serving sync.WaitGroup
	defer serving.Wait()
	failed := make(chan error, 2) // one per listener
	servers := s.httpServers()
	for l, hs := range servers {
		serving.Go(func() {
			if err := hs.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
			}
		})
	}
	s.ready.Store(true)
	addrs := s.Addrs()
	s.log.Info("listening", "address", addrs.Listen.String(), "url", addrs.URL, "data", s.cfg.Data)
	if addrs.Ops != nil {
		s.log.Info("listening for operations", "address", addrs.Ops.String())
	}
	if ready != nil {
		ready(addrs)
	}
	endDemo := s.startDemo(ctx)

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.drain(servers, endDemo)
	return err
}

// httpServers returns a server for each listener.
func (s *Server) httpServers() map[net.Listener]*http.Server {
	complaints := slog.NewLogLogger(s.log.Handler(), slog.LevelWarn) // such as: too many open files
	serve := func(table []route) *http.Server {
		return &http.Server{
			Handler: s.handler(table), ErrorLog: complaints, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		}
	}
	first := serve(s.routes())
	if s.opt.AroundHandler != nil {
		first.Handler = s.opt.AroundHandler(first.Handler)
	}
	s.agents.Bayeux().Track(first)
	servers := map[net.Listener]*http.Server{s.listener: first}
	if s.ops != nil {
		servers[s.ops] = serve(s.opsRoutes())
	}
	return servers
}

// Hurry ends a drain at once: connections are closed, and the store is still flushed. It may be called at any time, and more than once.
func (s *Server) Hurry() { s.hurry() }

// drain lets everybody go. From its first moment /readyz tells balancers to send nobody any more, and nothing is offered by this node. Held polls and sockets
// are answered over the first two thirds of the time, so that the clients do not come back all at once; requests under way have until its end.
func (s *Server) drain(servers map[net.Listener]*http.Server, endDemo func()) {
	s.ready.Store(false)
	s.log.Info("stopping", "within", s.cfg.Drain.String())
	ctx, cancel := context.WithTimeout(s.patient, s.cfg.Drain)
	defer cancel()

	resigning, resigned := context.WithTimeout(ctx, resignTime)
	s.desk.Resign(resigning)
	resigned()
	endDemo()
	s.probe.Close()
	if err := s.agents.Shutdown(ctx); err != nil {
		s.cutOff("agents", err)
	}
	var closed sync.WaitGroup
	for l, hs := range servers {
		closed.Go(func() {
			if err := hs.Shutdown(ctx); err != nil {
				s.cutOff("requests on "+l.Addr().String(), err)
				_ = hs.Close() // it has nothing new to say
			}
		})
	}
	closed.Wait()
}

// cutOff tells that the drain's time was too short for some; if somebody was in a hurry that is no surprise.
func (s *Server) cutOff(whom string, err error) {
	level := slog.LevelWarn
	if s.patient.Err() != nil {
		level = slog.LevelInfo
	}
	s.log.Log(context.Background(), level, "cut off at the end of the drain", "whom", whom, "error", err)
}
