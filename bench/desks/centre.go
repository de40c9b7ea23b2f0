package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-chat/halley/internal/process"
)

const (
	opening   = "GET /me?subresources=*"
	deepChats = 10  // of the agent who asks for it
	deepTexts = 200 // of each of these chats
)

// centre is what is measured: a server with so many agents and open chats.
type centre struct {
	binary                 string
	agents, chats, callers int
	length                 time.Duration

	server *process.Server
	web    *http.Client // of everybody's REST requests
	desks  []*desk      // the last one is in a queue of her own, with the long chats
	open   []*conversation
}

// conversation is an open chat and who has it.
type conversation struct {
	id    string
	owner int // index of her desk; of the caller that works on this chat
}

// day opens the centre on a data folder, measures, and leaves the folder without open chats.
func (c *centre) day(ctx context.Context, data string) (parts []part, err error) {
	settings := filepath.Join(filepath.Dir(data), "halley.yaml")
	if err := os.WriteFile(settings, c.settings(), 0o600); err != nil {
		return nil, err
	}
	if c.server, err = process.Start(ctx, process.Options{Binary: c.binary, Data: data, Args: []string{"--config", settings}}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.server.Stop()) }()
	c.web = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * c.callers}}
	defer c.web.CloseIdleConnections()
	c.desks, c.open = nil, nil
	defer func() {
		for _, d := range c.desks {
			d.close(context.WithoutCancel(ctx))
		}
	}()
	for i := range c.agents + 1 {
		d, err := c.comeIn(ctx, deskName(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", deskName(i), err)
		}
		c.desks = append(c.desks, d)
	}
	if err := c.fillUp(ctx); err != nil {
		return nil, err
	}
	for _, measure := range []func(context.Context) ([]part, error){c.sends, c.transfers, c.starts, c.completes} {
		p, err := measure(ctx)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p...)
	}
	return parts, nil
}

func deskName(i int) string { return fmt.Sprintf("agent-%04d", i) }

// settings are a demo's, whose users need no password hashes of their own and whose limits leave out this machine.
func (c *centre) settings() []byte {
	var text strings.Builder
	room := 6*(c.chats/c.agents) + 2 // many may be handed on to her before she has handed on hers
	text.WriteString("drain: 1s\nqueues: [{name: busy}, {name: deep}]\n" +
		"services: [{name: busy, endpoint: busy, client-timeout-rest: 24h}, {name: deep, endpoint: deep, client-timeout-rest: 24h}]\nusers:\n")
	for i := range c.agents {
		fmt.Fprintf(&text, "  - {name: %s, queues: [busy], capacity: %d}\n", deskName(i), room)
	}
	fmt.Fprintf(&text, "  - {name: %s, queues: [deep], capacity: %d}\n", deskName(c.agents), deepChats)
	return []byte(text.String())
}

// fillUp lets the customers come and their chats be accepted, and has the long ones talk.
func (c *centre) fillUp(ctx context.Context) error {
	deep := make([]customer, deepChats)
	var mu sync.Mutex
	err := c.each(c.chats+deepChats, func(i int) error {
		service := "busy"
		if i >= c.chats {
			service = "deep"
		}
		pat, err := c.arrive(ctx, service)
		if err != nil {
			return err
		}
		if service == "deep" {
			deep[i-c.chats] = pat
			return nil
		}
		owner, err := c.accepted(ctx, pat.chatID)
		mu.Lock()
		defer mu.Unlock()
		c.open = append(c.open, &conversation{id: pat.chatID, owner: owner})
		return err
	})
	if err != nil {
		return err
	}
	return c.each(deepChats, func(i int) error {
		if _, err := c.accepted(ctx, deep[i].chatID); err != nil {
			return err
		}
		for n := range deepTexts {
			if err := c.say(ctx, deep[i], fmt.Sprintf("This is text %d of a long conversation about a parcel.", n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// accepted waits until somebody is offered the chat, accepts for her, and returns who it is.
func (c *centre) accepted(ctx context.Context, chatID string) (owner int, err error) {
	for {
		for i, d := range c.desks {
			if d.was(chatID) {
				return i, c.operate(ctx, i, chatID, `{"operationName":"Accept"}`)
			}
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// each does n things, callers at a time.
func (c *centre) each(n int, do func(i int) error) error {
	var all sync.WaitGroup
	var next atomic.Int64
	errs := make(chan error, c.callers)
	for range c.callers {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

// sends has agents write, each in one of her chats.
func (c *centre) sends(ctx context.Context) ([]part, error) {
	return c.measure(ctx, []string{"SendMessage"}, func(caller, turn int, took func(int, time.Duration)) error {
		chat := c.mine(caller, turn)
		began := time.Now()
		err := c.operate(ctx, chat.owner, chat.id, `{"operationName":"SendMessage","text":"Your parcel is on its way, it will be with you tomorrow morning."}`)
		took(0, time.Since(began))
		return err
	})
}

// transfers has agents hand chats on, and the others accept them.
func (c *centre) transfers(ctx context.Context) ([]part, error) {
	return c.measure(ctx, []string{"Transfer", "Accept"}, func(caller, turn int, took func(int, time.Duration)) error {
		chat := c.mine(caller, turn)
		// Each caller passes its chats round among agents of its own, so that none of them is ever full.
		to := (chat.owner + c.callers) % c.agents
		if to%c.callers != chat.owner%c.callers {
			to = chat.owner % c.callers
		}
		invited := c.desks[to].expect(chat.id)
		began := time.Now()
		err := c.operate(ctx, chat.owner, chat.id, fmt.Sprintf(`{"operationName":"Transfer","targetPath":"/users/%s"}`, c.desks[to].userID))
		took(0, time.Since(began))
		if err != nil {
			return err
		}
		select {
		case <-invited:
		case <-ctx.Done():
			return ctx.Err()
		}
		began = time.Now()
		err = c.operate(ctx, to, chat.id, `{"operationName":"Accept"}`)
		took(1, time.Since(began))
		chat.owner = to
		return err
	})
}

// mine is the chat that a caller works on next: those of the agents whose number, modulo the callers, is its own.
func (c *centre) mine(caller, turn int) *conversation {
	n := len(c.open)
	for i := range n {
		if chat := c.open[(turn*c.callers+caller+i)%n]; chat.owner%c.callers == caller {
			return chat
		}
	}
	return nil
}

// starts asks for what a desktop needs when it starts, one request after the other.
func (c *centre) starts(ctx context.Context) ([]part, error) {
	callers := c.callers
	defer func() { c.callers = callers }()
	c.callers = 1
	return c.measure(ctx, []string{opening}, func(_, _ int, took func(int, time.Duration)) error {
		began := time.Now()
		err := c.get(ctx, c.desks[c.agents], "/me?subresources=*")
		took(0, time.Since(began))
		return err
	})
}

// completes ends all chats.
func (c *centre) completes(ctx context.Context) ([]part, error) {
	deep := c.desks[c.agents].held()
	var mu sync.Mutex
	var times []time.Duration
	cpu, err := c.server.CPU()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = c.each(len(c.open)+len(deep), func(i int) error {
		start := time.Now()
		var err error
		if i < len(c.open) {
			err = c.operate(ctx, c.open[i].owner, c.open[i].id, `{"operationName":"Complete"}`)
		} else {
			err = c.operate(ctx, c.agents, deep[i-len(c.open)], `{"operationName":"Complete"}`)
		}
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Since(start))
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.sum(cpu, time.Since(began), []string{"Complete"}, [][]time.Duration{times})
}

// measure has the callers do something again and again for the length of a part.
func (c *centre) measure(ctx context.Context, names []string, do func(caller, turn int, took func(int, time.Duration)) error) ([]part, error) {
	times := make([][]time.Duration, len(names))
	var mu sync.Mutex
	took := func(i int, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		times[i] = append(times[i], d)
	}
	cpu, err := c.server.CPU()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var all sync.WaitGroup
	errs := make(chan error, c.callers)
	for caller := range c.callers {
		all.Go(func() {
			for turn := 0; time.Since(began) < c.length; turn++ {
				if err := do(caller, turn, took); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(names, ", "), err)
	}
	return c.sum(cpu, time.Since(began), names, times)
}

// sum sums parts up that ran together: what the server spent is shared among them.
func (c *centre) sum(before, length time.Duration, names []string, times [][]time.Duration) ([]part, error) {
	after, err := c.server.CPU()
	if err != nil {
		return nil, err
	}
	total := 0
	for _, t := range times {
		total += len(t)
	}
	var parts []part
	for i, t := range times {
		if len(t) == 0 {
			return nil, fmt.Errorf("%s: not one was done", names[i])
		}
		slices.Sort(t)
		parts = append(parts, part{
			Name: names[i], Count: len(t), Rate: float64(len(t)) / length.Seconds(), P50: t[len(t)/2], P99: t[len(t)*99/100], Worst: t[len(t)-1],
			CPU: (after - before) / time.Duration(total),
		})
	}
	return parts, nil
}

// customer is somebody with an open chat.
type customer struct{ service, chatID, key string }

func (c *centre) arrive(ctx context.Context, service string) (customer, error) {
	a, err := c.form(ctx, "/genesys/2/chat/"+service, url.Values{"nickname": {"Pat"}, "text": {"Where is my parcel?"}})
	return customer{service, a.ChatID, a.SecureKey}, err
}

func (c *centre) say(ctx context.Context, pat customer, text string) error {
	_, err := c.form(ctx, "/genesys/2/chat/"+pat.service+"/"+pat.chatID+"/send", url.Values{"secureKey": {pat.key}, "message": {text}})
	return err
}
