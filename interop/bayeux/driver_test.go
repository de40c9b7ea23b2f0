package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a scenario waits for what must come.
const patience = time.Minute

// driver is a running child process that wraps one published client; README.md has its protocol.
type driver struct {
	library    string
	transports []string
	can        []string

	stderr  tail
	mu      sync.Mutex
	stdin   io.Writer
	count   int
	answers map[int]chan answer
	clients map[string]*client
	ended   chan struct{} // closed when its output has ended
}

type order map[string]any

type answer struct {
	N         int             `json:"n"`
	OK        bool            `json:"ok"`
	Error     string          `json:"error"`
	Transport string          `json:"transport"`
	Data      json.RawMessage `json:"data"`
}

type event struct {
	Event        string          `json:"event"`
	Client       string          `json:"client"`
	State        string          `json:"state"`
	Transport    string          `json:"transport"`
	Subscription string          `json:"subscription"`
	Channel      string          `json:"channel"`
	Data         json.RawMessage `json:"data"`
}

// startDriver starts a driver that lives as long as the test.
func startDriver(t *testing.T, command ...string) *driver {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	d := &driver{answers: map[int]chan answer{}, clients: map[string]*client{}, ended: make(chan struct{})}
	cmd.Stderr = &d.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	t.Cleanup(func() {
		stdin.Close()
		select {
		case <-d.ended:
		case <-time.After(patience):
			t.Errorf("%s did not end with its input", d.library)
			cmd.Process.Kill()
			<-d.ended
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v", d.library, err)
		}
		if t.Failed() {
			t.Logf("the end of what %s wrote to its standard error:\n%s", d.library, d.stderr.String())
		}
	})
	var ready struct {
		Library, Event  string
		Transports, Can []string
	}
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &ready) != nil || ready.Event != "ready" {
		close(d.ended)
		t.Fatalf("%v is not ready but says %q\n%s", command, lines.Text(), d.stderr.String())
	}
	d.library, d.transports, d.can = ready.Library, ready.Transports, ready.Can
	go d.read(lines)
	return d
}

// read takes what the driver tells, until it ends.
func (d *driver) read(lines *bufio.Scanner) {
	defer close(d.ended)
	for lines.Scan() {
		var e event
		var a answer
		if json.Unmarshal(lines.Bytes(), &e) != nil || json.Unmarshal(lines.Bytes(), &a) != nil {
			fmt.Fprintf(&d.stderr, "not a line of the protocol: %s\n", lines.Text())
			continue
		}
		d.mu.Lock()
		answered, client := d.answers[a.N], d.clients[e.Client]
		delete(d.answers, a.N)
		d.mu.Unlock()
		switch {
		case e.Event == "" && answered != nil:
			answered <- a
		case e.Event != "" && client != nil:
			client.add(e)
		}
	}
}

func (d *driver) knows(what ...string) bool {
	for _, w := range what {
		if !slices.Contains(d.can, w) {
			return false
		}
	}
	return true
}

// client is one client in a driver. A test and its subtests use it from one goroutine.
type client struct {
	t    *testing.T
	d    *driver
	name string

	mu      sync.Mutex
	events  []event
	changed chan struct{} // closed and renewed with each event
}

// open makes a client that is closed with the test. Those of one browser share cookies.
func (d *driver) open(t *testing.T, browser string, settings order) *client {
	t.Helper()
	d.mu.Lock()
	d.count++
	c := &client{t: t, d: d, name: fmt.Sprintf("c%d", d.count), changed: make(chan struct{})}
	d.clients[c.name] = c
	d.mu.Unlock()
	o := order{"do": "open", "browser": fmt.Sprintf("%s of %s", browser, t.Name())}
	for k, v := range settings {
		o[k] = v
	}
	c.do(o)
	t.Cleanup(func() {
		c.do(order{"do": "close"})
		if t.Failed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Logf("what %s %s told: %s", d.library, c.name, told(c.events))
		}
	})
	return c
}

// try gives an order and returns the answer, whatever it is.
func (c *client) try(o order) answer {
	c.t.Helper()
	answered := make(chan answer, 1)
	c.d.mu.Lock()
	c.d.count++
	o["n"], o["client"] = c.d.count, c.name
	c.d.answers[c.d.count] = answered
	line, err := json.Marshal(o)
	if err == nil {
		_, err = c.d.stdin.Write(append(line, '\n'))
	}
	c.d.mu.Unlock()
	if err != nil {
		c.t.Fatalf("order %v: %v", o, err)
	}
	select {
	case a := <-answered:
		return a
	case <-c.d.ended:
		c.t.Fatalf("%s ended before it answered %s", c.d.library, line)
	case <-time.After(patience):
		c.t.Fatalf("%s does not answer %s", c.d.library, line)
	}
	panic("not reached")
}

// do gives an order that must go well.
func (c *client) do(o order) answer {
	c.t.Helper()
	a := c.try(o)
	if !a.OK {
		c.t.Fatalf("%s: order %v failed: %s", c.d.library, o, a.Error)
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
		case <-c.d.ended:
			c.t.Fatalf("%s ended", c.d.library)
		case <-late:
			c.t.Fatalf("%s: %s did not come", c.d.library, what)
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

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = append(w.end, p...)
	w.end = w.end[max(0, len(w.end)-8<<10):]
	return len(p), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.end)
}
