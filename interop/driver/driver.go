// Package driver lets Go code use published Bayeux clients of other languages, unchanged: each is wrapped in a child process that does what it is told
// over a small line protocol. ../bayeux/README.md has the protocol.
package driver

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// ErrEnded means that the child process has ended.
var ErrEnded = errors.New("the driver has ended")

// maxLine is the longest line a driver may write.
const maxLine = 1 << 20

// Order is a line to a driver, but for its number and client.
type Order map[string]any

// Answer is what a driver says to an order.
type Answer struct {
	N         int             `json:"n"`
	OK        bool            `json:"ok"`
	Error     string          `json:"error"`
	Transport string          `json:"transport"`
	Data      json.RawMessage `json:"data"`
}

// Event is something that happened to a client.
type Event struct {
	Event        string          `json:"event"`
	Client       string          `json:"client"`
	State        string          `json:"state"`
	Transport    string          `json:"transport"`
	Subscription string          `json:"subscription"`
	Why          string          `json:"why"`
	Channel      string          `json:"channel"`
	Data         json.RawMessage `json:"data"`
}

// Driver is a running child process that wraps one library. Its methods may be called from several goroutines.
type Driver struct {
	Library    string   // with its version
	Transports []string // that it knows
	Can        []string // what else it knows

	cmd    *exec.Cmd
	stderr Tail
	ended  chan struct{} // closed when its output has ended

	mu      sync.Mutex
	stdin   io.WriteCloser
	count   int
	answers map[int]chan Answer
	clients map[string]func(Event)
}

// Start starts a driver and waits until it says that it is ready. It runs until Close.
func Start(command ...string) (*Driver, error) {
	d := &Driver{
		cmd: exec.Command(command[0], command[1:]...), ended: make(chan struct{}),
		answers: map[int]chan Answer{}, clients: map[string]func(Event){},
	}
	d.cmd.Stderr = &d.stderr
	stdin, err := d.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	d.stdin = stdin
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxLine)
	var ready struct {
		Library, Event  string
		Transports, Can []string
	}
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &ready) != nil || ready.Event != "ready" {
		said := lines.Text()
		stdin.Close()
		_ = d.cmd.Process.Kill() // it may have ended
		return nil, errors.Join(fmt.Errorf("%v is not ready but says %q", command, said), d.cmd.Wait(), errors.New(d.Complaints()))
	}
	d.Library, d.Transports, d.Can = ready.Library, ready.Transports, ready.Can
	go d.read(lines) // Close waits for its end
	return d, nil
}

// Close ends the driver, and waits until it has ended: by force, and with an error, if it takes longer than patience.
func (d *Driver) Close(patience time.Duration) error {
	d.stdin.Close()
	var slow error
	select {
	case <-d.ended:
	case <-time.After(patience):
		slow = fmt.Errorf("%s did not end with its input", d.Library)
		_ = d.cmd.Process.Kill() // it may have ended by now
		<-d.ended
	}
	return errors.Join(slow, d.cmd.Wait())
}

// Complaints is the end of what the driver has written to its standard error.
func (d *Driver) Complaints() string { return d.stderr.String() }

// Knows says whether the library knows all of these.
func (d *Driver) Knows(what ...string) bool {
	for _, w := range what {
		if !slices.Contains(d.Can, w) {
			return false
		}
	}
	return true
}

// Client is one client in a driver.
type Client struct {
	Name   string
	driver *Driver
}

// Open makes a client. tell gets its events in order, from one goroutine for all clients of the driver; it must not wait for answers.
func (d *Driver) Open(ctx context.Context, settings Order, tell func(Event)) (*Client, error) {
	d.mu.Lock()
	d.count++
	c := &Client{Name: fmt.Sprintf("c%d", d.count), driver: d}
	d.clients[c.Name] = tell
	d.mu.Unlock()
	order := maps.Clone(settings)
	order["do"] = "open"
	_, err := c.Do(ctx, order)
	return c, err
}

// Do gives an order and returns the answer. The error says that it was refused, with the refusal's text in the answer, or that no answer came.
func (c *Client) Do(ctx context.Context, o Order) (Answer, error) {
	d := c.driver
	answered := make(chan Answer, 1)
	line := maps.Clone(o)
	d.mu.Lock()
	d.count++
	n := d.count
	line["n"], line["client"] = n, c.Name
	d.answers[n] = answered
	text, err := json.Marshal(line)
	if err == nil {
		_, err = d.stdin.Write(append(text, '\n'))
	}
	d.mu.Unlock()
	if err != nil {
		return Answer{}, fmt.Errorf("%s: order %v: %w", d.Library, o, err)
	}
	select {
	case a := <-answered:
		if !a.OK {
			return a, fmt.Errorf("%s: order %v was refused: %s", d.Library, o, a.Error)
		}
		return a, nil
	case <-d.ended:
		return Answer{}, fmt.Errorf("%s: order %v: %w", d.Library, o, ErrEnded)
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("%s does not answer order %v: %w", d.Library, o, context.Cause(ctx))
	}
}

// Ended is closed when the driver has ended.
func (c *Client) Ended() <-chan struct{} { return c.driver.ended }

// read takes what the driver tells, until it ends.
func (d *Driver) read(lines *bufio.Scanner) {
	defer close(d.ended)
	for lines.Scan() {
		var e Event
		var a Answer
		if json.Unmarshal(lines.Bytes(), &e) != nil || json.Unmarshal(lines.Bytes(), &a) != nil {
			fmt.Fprintf(&d.stderr, "not a line of the protocol: %s\n", lines.Text())
			continue
		}
		d.mu.Lock()
		answered, tell := d.answers[a.N], d.clients[e.Client]
		delete(d.answers, a.N)
		d.mu.Unlock()
		switch {
		case e.Event == "" && answered != nil:
			answered <- a
		case e.Event != "" && tell != nil:
			tell(e)
		}
	}
}

// Tail keeps the end of what is written to it, for a report.
type Tail struct {
	mu  sync.Mutex
	end []byte
}

// Write never fails.
func (w *Tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = append(w.end, p...)
	w.end = w.end[max(0, len(w.end)-8<<10):]
	return len(p), nil
}

// String returns the end.
func (w *Tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.end)
}
