// Command openserver is a Bayeux server on which everybody may create channels, subscribe and publish, with a few channels on which some rule of the
// protocol can be tried (see open.go). Every option of the library is a flag. It is what the conformance suite and the tests with published clients run
// against, and a place to see how the library is embedded.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/halley-chat/halley/bayeux"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, "openserver:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "openserver:", err)
		os.Exit(1)
	}
}

// usageError is a flag that cannot be.
type usageError struct{ error }

// run serves until ctx ends, and then drains.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	s.options.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: s.logLevel}))
	srv, err := open(s.options)
	if err != nil {
		return usageError{err}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}

	hs := &http.Server{
		Handler:           mount(srv),
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
	}
	hs.Protocols.SetHTTP1(true)
	hs.Protocols.SetUnencryptedHTTP2(true)
	srv.Track(hs)
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(listener) }()
	fmt.Fprintln(stdout, "listening", listener.Addr())

	select {
	case <-ctx.Done():
	case err := <-ended:
		return err
	}
	// The library first: it answers held connects and closes websockets, which net/http would wait for, or not know of.
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	_ = srv.Shutdown(drain)
	if err := hs.Shutdown(drain); err != nil {
		_ = hs.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// mount serves srv at /cometd and below. Who sends Basic credentials is taken at her word: any password will do.
func mount(srv *bayeux.Server) http.Handler {
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, ok := r.BasicAuth(); ok {
			r = r.WithContext(bayeux.WithPrincipal(r.Context(), bayeux.Principal{User: user}))
		}
		srv.ServeHTTP(w, r)
	})
	mux := http.NewServeMux()
	mux.Handle("/cometd", serve)
	mux.Handle("/cometd/", serve)
	return mux
}
