package server

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/customer"
	"github.com/halley-chat/halley/internal/webui"
)

// startDemo prints where to begin and lets the scripted customers come in, if this is a demo. The returned function has them leave and returns when they have.
func (s *Server) startDemo(ctx context.Context) (end func()) {
	if !s.cfg.Demo {
		return func() {}
	}
	s.printLinks()
	if s.cfg.DemoCustomers == 0 || len(s.directory.Services) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var playing sync.WaitGroup
	playing.Go(func() {
		err := customer.Run(ctx, customer.Options{
			Server: s.base, Service: s.directory.Services[0].Name, Script: customer.DemoScript(), Count: s.cfg.DemoCustomers, Seed: 1, Logger: s.log,
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			s.log.Warn("the scripted customer has given up", "error", err)
		}
	})
	return func() {
		cancel()
		playing.Wait()
	}
}

func (s *Server) printLinks() {
	agent, err := url.Parse(s.url + "/api/v2/me?subresources=*")
	if err != nil { // s.url was checked
		return
	}
	agent.User = url.UserPassword(s.directory.Users[0].Name, config.DemoPassword)
	fmt.Fprintf(s.out, "Halley with demo data: %s/\n", s.url)
	fmt.Fprintf(s.out, "  agent     %s\n", agent)
	if len(s.directory.Services) > 0 {
		fmt.Fprintf(s.out, "  customer  %s/#customer\n", s.url)
	}
}

// startPage is what the start page tells about this server.
func (s *Server) startPage() webui.Start {
	p := webui.Start{URL: s.url, Version: s.opt.Build.Version, Demo: s.cfg.Demo}
	if s.ops == nil {
		p.Metrics = "/metrics"
	}
	if len(s.directory.Services) > 0 {
		p.Service = s.directory.Services[0].Name
	}
	if s.cfg.Demo {
		for _, u := range s.directory.Users {
			var roles []string
			for _, r := range u.Roles {
				roles = append(roles, strings.ToLower(strings.TrimPrefix(string(r), "ROLE_")))
			}
			p.Users = append(p.Users, webui.User{Name: u.Name, Role: strings.Join(roles, ", ")})
		}
	}
	return p
}
