// Command lag measures what sessions cost that never come for what waits for them.
//
//	go run ./bench/lag [--binary bin/halley] [--sessions 2000] [--rate 1000] [--length 1m]
//
// It plays the same load twice, each against a server of its own: once as it is, and once with many more CometD sessions of the same agents, which shake
// hands, subscribe and never poll. Each text of the load is a notification for all sessions of one agent. What the sessions cost while they lag behind
// is the difference between what the two servers grew by.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/load"
	"github.com/halley-chat/halley/internal/process"
)

const (
	most   = 20 << 20 // bytes that lagging may cost
	settle = 20 * time.Second
	margin = 5 * time.Second // of the load, after the last reading
	makers = 8
	// saturated is the time in milliseconds above which it is the server's lines that take the memory.
	saturated = 250
	inWindow  = 9 * time.Minute // sessions are kept for ten
)

func main() { process.Main("lag", run) }

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lag", flag.ContinueOnError)
	binary := flags.String("binary", "bin/halley", "the server (make build)")
	sessions := flags.Int("sessions", 2000, "how many never poll")
	rate := flags.Float64("rate", 1000, "texts per second")
	length := flags.Duration("length", time.Minute, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *length > inWindow {
		return fmt.Errorf("--length: after %v the sessions would end", inWindow)
	}
	fmt.Println(process.Machine())
	var grew [2]int64
	for i, n := range []int{0, *sessions} {
		var err error
		if grew[i], err = measure(ctx, *binary, n, *rate, *length); err != nil {
			return err
		}
	}
	cost := grew[1] - grew[0]
	fmt.Printf("%d sessions that never poll: %+.1f MB (goal: less than %d MB)\n", *sessions, mb(cost), most>>20)
	if cost >= most {
		return errors.New("lagging costs memory")
	}
	return nil
}

// measure returns by how much a server grew under the load.
func measure(ctx context.Context, binary string, sessions int, rate float64, length time.Duration) (grew int64, err error) {
	s, err := process.Start(ctx, process.Options{Binary: binary})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	var users []load.User // the demo's agents
	for _, name := range []string{"dana", "omar", "lena"} {
		users = append(users, load.User{Name: name, Password: config.DemoPassword})
	}
	if err := shakeHands(ctx, s.URL, users, sessions); err != nil {
		return 0, err
	}
	type reading struct {
		resident int64
		parked   int
		err      error
	}
	reads, end := context.WithCancel(ctx)
	defer end()
	read := func(at time.Duration, to chan<- reading) {
		var r reading
		select {
		case <-time.After(at):
		case <-reads.Done():
			r.err = errors.New("the load ended too early")
			to <- r
			return
		}
		if r.resident, r.err = s.Resident(); r.err == nil {
			r.parked, r.err = metric(ctx, s.URL, "halley_cometd_parked")
		}
		to <- r
	}
	first, last := make(chan reading, 1), make(chan reading, 1)
	go read(settle, first) // when caches are full
	go read(settle+length, last)
	report, err := load.Run(ctx, load.Options{
		Server: s.URL, Users: users, Service: "support", Agents: len(users), Customers: 3 * len(users), Rate: load.PerSecond(rate),
		Duration: settle + length + margin, WebSocket: 1, Texts: 1000, Replies: 0.3, Poll: 5 * time.Second, Patience: time.Minute, Window: 1,
		Stopping: load.ByTerm, Seed: 1,
	}, nil)
	end()
	before, after := <-first, <-last
	if err := errors.Join(err, before.err, after.err); err != nil {
		return 0, err
	}
	notify := report.Step("notify")
	fmt.Printf("%4d sessions never poll: %.0f texts a second, told within %.0f ms (p90), resident %.1f -> %.1f MB within %v; %d sessions are parked then\n",
		sessions, report.Rate, notify.P90, mb(before.resident), mb(after.resident), length, after.parked)
	switch {
	case notify.P90 > saturated:
		return 0, errors.New("the machine does not keep up, so what waits in line is measured: take a lower --rate, or a quiet machine")
	case after.parked < sessions:
		return 0, fmt.Errorf("of %d sessions %d are left: nothing was measured", sessions, after.parked)
	case !report.Kept():
		return 0, fmt.Errorf("a promise was broken under the load: %v", report.Broken)
	}
	return after.resident - before.resident, nil
}

// shakeHands makes sessions that subscribe and are not heard of again.
func shakeHands(ctx context.Context, server string, users []load.User, sessions int) error {
	clients := make([]*http.Client, len(users))
	for i, u := range users {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return err
		}
		clients[i] = &http.Client{Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: makers}}
		defer clients[i].CloseIdleConnections()
		if err := post(ctx, clients[i], http.MethodGet, server+"/api/v2/me", &u, nil, nil); err != nil {
			return err
		}
	}
	errs := make([]error, makers)
	var all sync.WaitGroup
	for w := range makers {
		all.Go(func() {
			for i := w; i < sessions && errs[w] == nil; i += makers {
				errs[w] = shakeHand(ctx, clients[i%len(clients)], server+"/api/v2/notifications")
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func shakeHand(ctx context.Context, c *http.Client, url string) error {
	var reply []struct {
		ClientID   string `json:"clientId"`
		Successful bool   `json:"successful"`
	}
	hand := []any{map[string]any{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}}}
	if err := post(ctx, c, http.MethodPost, url, nil, hand, &reply); err != nil {
		return err
	}
	if len(reply) != 1 || !reply[0].Successful {
		return errors.New("a handshake was refused")
	}
	subscribe := []any{map[string]any{"channel": "/meta/subscribe", "clientId": reply[0].ClientID, "subscription": "/v2/me/chats"}}
	if err := post(ctx, c, http.MethodPost, url, nil, subscribe, &reply); err != nil {
		return err
	}
	if len(reply) != 1 || !reply[0].Successful {
		return errors.New("a subscription was refused")
	}
	return nil
}

// post sends a request, as a user if one is given, and decodes the answer into v.
func post(ctx context.Context, c *http.Client, method, url string, user *load.User, body, v any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if user != nil {
		req.SetBasicAuth(user.Name, user.Password)
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if raw, err = io.ReadAll(res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(raw, v)
}

// metric reads a figure of the server.
func metric(ctx context.Context, server, name string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	line := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindSubmatch(all)
	if line == nil {
		return 0, fmt.Errorf("the metrics have no %s", name)
	}
	return strconv.Atoi(string(line[1]))
}

func mb(n int64) float64 { return float64(n) / (1 << 20) }
