package main

import (
	"context"
	"fmt"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/server"
	"github.com/halley-chat/halley/internal/telemetry"
)

// serve runs the server. Its flags are the settings, so they have one place.
type serve struct {
	Config   string        `placeholder:"FILE" help:"YAML file with settings, users, queues and services."`
	Settings config.Config `embed:""`
}

func (s *serve) run(ctx context.Context, w world, given []string) error {
	cfg, err := config.Load(config.Sources{File: s.Config, Env: w.env, Flags: s.Settings, Given: given})
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	log, err := telemetry.NewLogger(w.err, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return err
	}
	srv, err := server.New(cfg, server.Options{Logger: log, Out: w.out, Build: buildInfo()})
	if err != nil {
		return err
	}
	ctx, stop := w.untilSignal(ctx, srv.Hurry)
	defer stop()
	return srv.Run(ctx, nil)
}
