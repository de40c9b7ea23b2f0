// Command halley is the contact-centre chat server and what belongs to it. halley --help lists the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/halley-chat/halley/internal/config"
)

// Exit statuses.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong flags, configuration or input: trying again changes nothing
)

func main() {
	signals := make(chan os.Signal, 2) // the first asks to stop, the second to hurry
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), os.Args[1:], world{os.LookupEnv, os.Stdin, os.Stdout, os.Stderr, signals}))
}

// world is what a command has of its surroundings.
type world struct {
	env      func(name string) (string, bool)
	in       io.Reader
	out, err io.Writer
	signals  <-chan os.Signal
}

// commands are the subcommands. Their fields are their flags.
type commands struct {
	Serve        serve        `cmd:"" help:"Run the server."`
	Customer     scripted     `cmd:"" help:"Be a customer who follows a script."`
	Load         loader       `cmd:"" help:"Play a whole contact centre, measure it, and check that nothing is lost."`
	Backup       backup       `cmd:"" help:"Copy the data into one file, while the server runs or not."`
	Restore      restore      `cmd:"" help:"Put a backup into a data folder that no server uses."`
	Doctor       checkup      `cmd:"" help:"Examine data, disk, clock, settings and the proxies in front, and say what to change."`
	HashPassword hashPassword `cmd:"" help:"Read a password from standard input and print its hash, for password-hash in the configuration."`
	Version      version      `cmd:"" help:"Print version, commit and Go version."`
}

// command is a subcommand whose flags have been read. given names the flags that were on the command line.
type command interface {
	run(ctx context.Context, w world, given []string) error
}

// usageError is a mistake of the caller's.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run does what args say and returns the exit status. An error is one line on w.err.
func run(ctx context.Context, args []string, w world) int {
	err := execute(ctx, args, w)
	if err == nil {
		return exitFine
	}
	fmt.Fprintln(w.err, "halley: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	if _, mistake := errors.AsType[usageError](err); mistake {
		return exitUsage
	}
	if _, mistake := errors.AsType[*config.Error](err); mistake {
		return exitUsage
	}
	return exitFailed
}

func execute(ctx context.Context, args []string, w world) error {
	var cli commands
	helped := false
	parser, err := kong.New(&cli,
		kong.Name("halley"), kong.Description("A self-hosted contact-centre chat server."), kong.Writers(w.out, w.err),
		kong.Exit(func(int) { helped = true }), // kong's own way out, after --help
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Resolvers(kong.ResolverFunc(w.resolveFile), kong.ResolverFunc(w.resolve)), // the last that knows one wins
	)
	if err != nil {
		return fmt.Errorf("the commands contradict each other: %w", err)
	}
	parsed, err := parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return usageError{fmt.Errorf("%w: see halley --help", err)}
	}
	var given []string
	for _, p := range parsed.Path {
		if p.Flag != nil && !p.Resolved {
			given = append(given, p.Flag.Name)
		}
	}
	c, ok := parsed.Selected().Target.Addr().Interface().(command)
	if !ok {
		return fmt.Errorf("%s cannot be run", parsed.Command())
	}
	return c.run(ctx, w, given)
}

// resolve takes flags that are not on the command line from the environment: --count from HALLEY_COUNT.
func (w world) resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	name := "HALLEY_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
	if text, ok := w.env(name); ok && text != "" && flag.Name != "help" && !config.IsSetting(flag.Name) { // config has its own way with settings
		return text, nil
	}
	return nil, nil
}

// oneSignal is how far apart two signals must be to count as two: some who stop a process, such as timeout(1), signal it twice at once.
const oneSignal = time.Second

// untilSignal returns a context that ends with the first signal, and has again called at each later one. stop ends the watch.
func (w world) untilSignal(ctx context.Context, again func()) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	done := make(chan struct{})
	watching.Go(func() {
		var first time.Time
		for {
			select {
			case <-w.signals:
			case <-done:
				return
			}
			switch {
			case first.IsZero():
				first = time.Now()
				cancel()
			case time.Since(first) >= oneSignal:
				again()
			}
		}
	})
	return ctx, func() {
		cancel()
		close(done)
		watching.Wait()
	}
}
