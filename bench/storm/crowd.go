package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/process"
)

// atOnce is how many requests of its own the crowd has under way.
const atOnce = 32

// crowd is all agents. REST requests go to the server itself; CometD over a line that can break.
type crowd struct {
	rest   *http.Client
	server string
	agents []*agent
}

// agent is a session, and what was told to it.
type agent struct {
	name  string
	asked []string // states she was brought into, in order; of one goroutine at a time
	line  *http.Transport
	comet *bayeuxclient.Client

	mu    sync.Mutex
	told  []string
	since time.Time // when her connection was made, or made again; zero: it is broken
}

func agentName(i int) string { return fmt.Sprintf("agent-%04d", i+1) }

// gather opens the sessions and logs the agents in.
func gather(ctx context.Context, n int, server, way string) (*crowd, error) {
	c := &crowd{server: server, rest: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}}
	for i := range n {
		c.agents = append(c.agents, &agent{name: agentName(i), line: &http.Transport{}})
	}
	err := c.each(func(i int, a *agent) error {
		if err := a.open(ctx, way, []string{bayeuxclient.WebSocket, bayeuxclient.LongPolling}[i%2], i/2%2 == 0); err != nil {
			return fmt.Errorf("open the session of %s: %w", a.name, err)
		}
		return c.post(ctx, a, "/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`, "NotReady")
	})
	return c, err
}

func (a *agent) open(ctx context.Context, way, transport string, ack bool) (err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	credentials, err := http.NewRequest(http.MethodGet, way, nil)
	if err != nil {
		return err
	}
	credentials.SetBasicAuth(a.name, config.DemoPassword)
	a.comet, err = bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: way + "/api/v2/notifications", HTTP: &http.Client{Jar: jar, Transport: a.line}, Header: credentials.Header,
		Transports: []string{transport}, Ack: ack, OnState: a.state,
	})
	if err != nil {
		return err
	}
	_, err = a.comet.Subscribe(ctx, "/v2/me/channels", a.take)
	return err
}

// state is told what becomes of the connection.
func (a *agent) state(s bayeuxclient.State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.Phase == bayeuxclient.Broken {
		a.since = time.Time{}
	} else {
		a.since = time.Now()
	}
}

// take keeps the state that a notification tells.
func (a *agent) take(m bayeuxclient.Message) {
	state := "?"
	for _, name := range []string{"NotReady", "Ready"} {
		if strings.Contains(string(m.Data), `"state":"`+name+`"`) {
			state = name
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, state)
}

// each does something for all agents, many at once, and returns the first error.
func (c *crowd) each(do func(i int, a *agent) error) error {
	var all sync.WaitGroup
	next := make(chan int)
	errs := make(chan error, atOnce)
	for range atOnce {
		all.Go(func() {
			var first error
			for i := range next {
				if first == nil {
					first = do(i, c.agents[i])
				}
			}
			errs <- first
		})
	}
	for i := range c.agents {
		next <- i
	}
	close(next)
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// post does a request of an agent, which brings her into a state.
func (c *crowd) post(ctx context.Context, a *agent, path, body, state string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(a.name, config.DemoPassword)
	res, err := c.rest.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if answer, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s of %s: HTTP %d: %w: %s", path, a.name, res.StatusCode, err, answer)
	}
	a.asked = append(a.asked, state)
	return nil
}

// notify brings every nth agent into another state, of which she is notified.
func (c *crowd) notify(ctx context.Context, nth int) error {
	return c.each(func(i int, a *agent) error {
		if i%nth != 0 {
			return nil
		}
		state := map[string]string{"Ready": "NotReady", "NotReady": "Ready"}[a.asked[len(a.asked)-1]]
		return c.post(ctx, a, "/api/v2/me/channels/chat", `{"operationName":"`+state+`"}`, state)
	})
}

// weather breaks all connections and measures how the sessions come back. Then everybody is notified, and has been told everything in the end.
func (c *crowd) weather(ctx context.Context, name string, server *process.Server, breaks func() error) (storm, error) {
	if err := c.told(ctx); err != nil {
		return storm{}, fmt.Errorf("before %s: %w", name, err)
	}
	pause(ctx, calm)
	before, err := c.figures(ctx)
	if err != nil {
		return storm{}, err
	}
	began, started := time.Now(), server.Started
	cpu, err := server.CPU()
	if err != nil {
		return storm{}, err
	}
	if err := breaks(); err != nil {
		return storm{}, fmt.Errorf("%s: %w", name, err)
	}
	s := storm{Name: name}
	back := began
	if server.Started != started { // another process
		back, cpu, before = time.Now(), 0, figures{}
		s.Away = back.Sub(began).Seconds()
	}
	count := func() (int, error) { return c.connected(began), nil }
	if s.Away > 0 {
		count = func() (int, error) { f, err := c.figures(ctx); return f["halley_cometd_resumed_total"], err }
	}
	if s.Half, s.All, err = c.back(ctx, back, count); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	after, err := c.figures(ctx)
	if err != nil {
		return s, err
	}
	used, err := server.CPU()
	if err != nil {
		return s, err
	}
	s.CPU = (used - cpu).Seconds()
	s.Handshakes = after["halley_cometd_handshakes_total"] - before["halley_cometd_handshakes_total"]
	s.Written = after["halley_store_written_total"] - before["halley_store_written_total"]
	s.Commits = after["halley_store_commits_total"] - before["halley_store_commits_total"]
	if err := c.notify(ctx, 1); err != nil {
		return s, err
	}
	return s, c.told(ctx)
}

// patience is how long the crowd waits for what should take seconds.
const patience = time.Minute

// back waits until all sessions go on, as count tells, and returns how many seconds after a moment half of them and all of them did.
func (c *crowd) back(ctx context.Context, since time.Time, count func() (int, error)) (half, all float64, err error) {
	for ; ; pause(ctx, 10*time.Millisecond) {
		n, err := count()
		now := time.Since(since)
		if half == 0 && n >= len(c.agents)/2 {
			half = now.Seconds()
		}
		if n == len(c.agents) {
			return half, now.Seconds(), nil
		}
		if err == nil && now > patience {
			err = fmt.Errorf("only %d of %d sessions came back in %v", n, len(c.agents), patience)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return 0, 0, err
		}
	}
}

// connected is how many connections were made after a moment.
func (c *crowd) connected(after time.Time) (n int) {
	for _, a := range c.agents {
		a.mu.Lock()
		if a.since.After(after) {
			n++
		}
		a.mu.Unlock()
	}
	return n
}

// told waits until every agent was told of as many states as she was brought into.
func (c *crowd) told(ctx context.Context) error {
	for late := time.Now().Add(patience); ; pause(ctx, 10*time.Millisecond) {
		waiting := 0
		for _, a := range c.agents {
			a.mu.Lock()
			if len(a.told) < len(a.asked) {
				waiting++
			}
			a.mu.Unlock()
		}
		if waiting == 0 {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(late) {
			return errors.Join(ctx.Err(), fmt.Errorf("%d agents were not told everything in %v", waiting, patience))
		}
	}
}

// faults says whom something else was told than what happened.
func (c *crowd) faults() (list []string) {
	for _, a := range c.agents {
		a.mu.Lock()
		if !slices.Equal(a.told, a.asked) {
			list = append(list, fmt.Sprintf("%s was told %v of %v", a.name, a.told, a.asked))
		}
		a.mu.Unlock()
	}
	return list
}

// leave ends the sessions.
func (c *crowd) leave() {
	_ = c.each(func(_ int, a *agent) error { // the server may be gone
		if a.comet != nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = a.comet.Close(ctx)
		}
		a.line.CloseIdleConnections()
		return nil
	})
	c.rest.CloseIdleConnections()
}

// figures are the server's metrics without labels.
type figures map[string]int

func (c *crowd) figures(ctx context.Context) (figures, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := c.rest.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	f := figures{}
	for l := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(l), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			f[name] = int(n)
		}
	}
	return f, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
