// Command unbroken holds the server to its promise with clients that know nothing of it: no notification is lost and none out of order, for unchanged CometD
// clients, while the server is killed again and again, or the network between them fails in every way. README.md explains.
//
//	go run ./interop/unbroken kills     kill -9 at random moments
//	go run ./interop/unbroken faults    a line that cuts, delays, half-closes, drops and repeats
//
// Exit status 1 when a promise was broken.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"
)

// Modes.
const (
	killsMode  = "kills"
	faultsMode = "faults"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "unbroken:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// command runs what the arguments say, and reports whether every promise was kept.
func command(ctx context.Context, args []string) (ok bool, err error) {
	flags := flag.NewFlagSet("unbroken", flag.ContinueOnError)
	p := &plan{}
	flags.IntVar(&p.Times, "times", 0, "how many kills or faults; 0: 200 kills, 2000 faults")
	flags.IntVar(&p.Rate, "rate", 500, "customers' messages a second")
	flags.IntVar(&p.ChatLength, "chat", 300, "messages of a chat")
	flags.StringVar(&p.Only, "only", "", "only clients whose name has this, such as cometd-9")
	results := flags.String("results", "", "a name, to write NAME.txt and NAME.json")
	if len(args) == 0 || args[0] != killsMode && args[0] != faultsMode {
		return false, errors.New("say `kills` or `faults`")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return false, err
	}
	p.Mode = args[0]
	if p.Times == 0 {
		p.Times = map[string]int{killsMode: 200, faultsMode: 2000}[p.Mode]
	}
	began := time.Now()
	p.log = func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	folder, err := os.MkdirTemp("", "unbroken-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	programs, err := build(".", folder)
	if err != nil {
		return false, err
	}
	r, err := run(ctx, p, programs)
	if err := errors.Join(err, programs.close()); err != nil {
		return false, err
	}
	fmt.Print(r)
	if len(r.Broken) > 0 {
		fmt.Print(programs.complaints())
	}
	if *results != "" {
		err = r.write(*results)
	}
	return len(r.Broken) == 0, err
}

func (r *report) write(name string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(name+".json", append(text, '\n'), 0o644), os.WriteFile(name+".txt", []byte(r.String()), 0o644))
}

// counts are how often each fault happened.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[name]++
}
