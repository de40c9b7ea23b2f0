package customer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
)

// maxCount bounds how many customers one Run plays: for more there is a load generator.
const maxCount = 10_000

// Options are who plays where.
type Options struct {
	Server  string // such as http://127.0.0.1:8080
	Service string
	Script  *Script
	Count   int          // customers at the same time; 0: one
	Seed    uint64       // of the first; each further one has the next
	Out     io.Writer    // the conversations; nil: none. Of several customers each line begins with the customer's number.
	Logger  *slog.Logger // nil: none
}

// Run plays a script with one or more customers at the same time, and returns when the last of them has left. If ctx ends they leave, and ctx's error
// is returned.
func Run(ctx context.Context, o Options) error {
	u, err := url.Parse(o.Server)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is not a server's address; give one such as http://127.0.0.1:8080", o.Server)
	case o.Service == "":
		return errors.New("give the name of a chat service, such as support")
	case o.Script == nil:
		return errors.New("give the customer a script or something to say")
	case o.Count < 0 || o.Count > maxCount:
		return fmt.Errorf("%d customers cannot be played; give a number from 1 to %d", o.Count, maxCount)
	}
	if err := o.Script.check(); err != nil {
		return fmt.Errorf("script: %w", err)
	}
	count := max(o.Count, 1)
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: count}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	out := &sharedWriter{to: o.Out}
	failures := make([]error, count)
	var playing sync.WaitGroup
	for i := range count {
		playing.Go(func() {
			po := PlayOptions{Seed: o.Seed + uint64(i), Logger: o.Logger}
			if o.Out != nil {
				po.Out = out.prefixed(i, count)
			}
			err := Play(ctx, &Client{Server: o.Server, Service: o.Service, HTTP: client}, o.Script, po)
			if err != nil && count > 1 {
				err = fmt.Errorf("customer %d: %w", i+1, err)
			}
			failures[i] = err
		})
	}
	playing.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(failures...)
}

// sharedWriter lets several customers print to one writer, a line or more at a time.
type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *sharedWriter) prefixed(i, count int) io.Writer {
	if count == 1 {
		return w.to
	}
	return prefixWriter{shared: w, prefix: fmt.Sprintf("[%d] ", i+1)}
}

type prefixWriter struct {
	shared *sharedWriter
	prefix string
}

func (w prefixWriter) Write(b []byte) (int, error) {
	w.shared.mu.Lock()
	defer w.shared.mu.Unlock()
	if _, err := io.WriteString(w.shared.to, w.prefix); err != nil {
		return 0, err
	}
	return w.shared.to.Write(b)
}
