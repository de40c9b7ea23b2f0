package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/halley-chat/halley/internal/customer"
)

// scripted plays customers against a server.
type scripted struct {
	Server  string `default:"http://127.0.0.1:8080" help:"Address of the server."`
	Service string `default:"support" help:"Service through which to come in."`
	Script  string `placeholder:"FILE" help:"YAML file with what to say. Default: a late parcel."`
	Say     string `placeholder:"TEXT" help:"Say just this, print the answers, and stay until there is one."`
	Count   int    `default:"1" help:"Customers at the same time."`
	Seed    uint64 `default:"1" help:"The same seed gives the same pauses."`
}

// maxScript is the largest script that is read, in bytes.
const maxScript = 1 << 20

func (c *scripted) run(ctx context.Context, w world, _ []string) error {
	script, err := c.script()
	if err != nil {
		return usageError{err}
	}
	if c.Count < 1 {
		return usageError{fmt.Errorf("--count %d: there must be at least one customer", c.Count)}
	}
	ctx, stop := w.untilSignal(ctx, func() {})
	defer stop()
	err = customer.Run(ctx, customer.Options{
		Server: c.Server, Service: c.Service, Script: script, Count: c.Count, Seed: c.Seed, Out: w.out, Logger: slog.New(slog.NewTextHandler(w.err, nil)),
	})
	if errors.Is(err, context.Canceled) {
		return nil // told to leave
	}
	return err
}

func (c *scripted) script() (*customer.Script, error) {
	switch {
	case c.Script != "" && c.Say != "":
		return nil, errors.New("--script and --say exclude each other: leave one out")
	case c.Say != "":
		return customer.SayScript(c.Say), nil
	case c.Script == "":
		return customer.DemoScript(), nil
	}
	info, err := os.Stat(c.Script)
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	if info.Size() > maxScript {
		return nil, fmt.Errorf("read the script: %s has more than %d bytes", c.Script, maxScript)
	}
	text, err := os.ReadFile(c.Script)
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	script, err := customer.ParseScript(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Script, err)
	}
	return script, nil
}
