package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	interop "github.com/halley-chat/halley/interop/driver"
)

// patience is how long a scenario waits for what must come.
const patience = time.Minute

// driver is a published client, wrapped in a child process.
type driver struct{ *interop.Driver }

type (
	order  = interop.Order
	answer = interop.Answer
	event  = interop.Event
)

// startDriver starts a driver that lives as long as the test.
func startDriver(t *testing.T, command ...string) *driver {
	t.Helper()
	d, err := interop.Start(command...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(patience); err != nil {
			t.Errorf("%s: %v", d.Library, err)
		}
		if t.Failed() {
			t.Logf("the end of what %s wrote to its standard error:\n%s", d.Library, d.Complaints())
		}
	})
	return &driver{d}
}

// client is one client in a driver. A test and its subtests use it from one goroutine.
type client struct {
	*interop.Client
	t *testing.T

	mu      sync.Mutex
	events  []event
	changed chan struct{} // closed and renewed with each event
}

// open makes a client that is closed with the test. Those of one browser share cookies.
func (d *driver) open(t *testing.T, browser string, settings order) *client {
	t.Helper()
	c := &client{t: t, changed: make(chan struct{})}
	o := order{"browser": fmt.Sprintf("%s of %s", browser, t.Name())}
	maps.Copy(o, settings)
	var err error
	if c.Client, err = d.Open(t.Context(), o, c.add); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.do(order{"do": "close"})
		if t.Failed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Logf("what %s %s told: %s", d.Library, c.Name, told(c.events))
		}
	})
	return c
}

// try gives an order and returns the answer, whatever it is.
func (c *client) try(o order) answer {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), patience)
	defer cancel()
	a, err := c.Do(ctx, o)
	if a.N == 0 { // there is none
		c.t.Fatal(err)
	}
	return a
}

// do gives an order that must go well.
func (c *client) do(o order) answer {
	c.t.Helper()
	a := c.try(o)
	if !a.OK {
		c.t.Fatalf("order %v failed: %s", o, a.Error)
	}
	return a
}

func (c *client) handshake() answer {
	c.t.Helper()
	return c.do(order{"do": "handshake"})
}

func (c *client) subscribe(channel string) {
	c.t.Helper()
	c.do(order{"do": "subscribe", "channel": channel})
}

func (c *client) publish(channel string, data any) {
	c.t.Helper()
	c.do(order{"do": "publish", "channel": channel, "data": data})
}

func (c *client) add(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until enough is told.
func (c *client) await(what string, enough func([]event) bool) {
	c.t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		events, changed := c.events, c.changed
		c.mu.Unlock()
		if enough(events) {
			return
		}
		select {
		case <-changed:
		case <-c.Ended():
			c.t.Fatal("the driver ended")
		case <-late:
			c.t.Fatalf("%s did not come", what)
		}
	}
}

// awaitAfter waits for an event that comes after the first n. It returns how many there are up to it.
func (c *client) awaitAfter(n int, what string, is func(event) bool) int {
	c.t.Helper()
	found := -1
	c.await(what, func(events []event) bool {
		found = slices.IndexFunc(events[n:], is)
		return found >= 0
	})
	return n + found + 1
}

func (c *client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

// heard are the messages that the callback of a subscription got, as "<channel> <data>", in order.
func (c *client) heard(subscription string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return heard(c.events, subscription)
}

// hears waits until the callback of a subscription has got just these messages, as "<channel> <data>", in this order.
func (c *client) hears(subscription string, want ...string) {
	c.t.Helper()
	c.await(fmt.Sprintf("%q on %s", want, subscription), func(events []event) bool { return len(heard(events, subscription)) >= len(want) })
	if got := c.heard(subscription); !slices.Equal(got, want) {
		c.t.Errorf("on %s came %q, want %q", subscription, got, want)
	}
}

func heard(events []event, subscription string) []string {
	var texts []string
	for _, e := range events {
		if e.Event == "message" && e.Subscription == subscription {
			texts = append(texts, e.Channel+" "+ordered(e.Data))
		}
	}
	return texts
}

// ordered writes JSON with the fields of objects in order: libraries keep them as they like (MSG-5).
func ordered(data json.RawMessage) string {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return fmt.Sprintf("%q: %v", data, err)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}

func isState(state string) func(event) bool {
	return func(e event) bool { return e.Event == "state" && e.State == state }
}

func isReturned(e event) bool { return e.Event == "returned" }

// told words events for a report: the last of many.
func told(events []event) string {
	var b bytes.Buffer
	for _, e := range events[max(0, len(events)-60):] {
		fmt.Fprintf(&b, "\n  %s %s%s%s %s", e.Event, e.State, e.Transport, e.Channel, e.Data)
	}
	return b.String()
}
