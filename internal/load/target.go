package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/process"
)

// target is the server under load. Its methods are called by one goroutine at a time, but for pid.
type target struct {
	url     string
	service string
	queue   string // to which the chats of service come
	// queuePath is how agents name the queue as a target; "" until it is looked up.
	queuePath string
	users     []User
	restart   func(kill bool) error // nil: it was not started here
	stop      func() error

	mu  sync.Mutex
	now int // its process; 0: unknown
}

// pid is the server's process, 0 if it is not known or not there.
func (t *target) pid() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

func (t *target) setPID(pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = pid
}

// find returns the server that the options name, or starts one.
func find(ctx context.Context, o Options) (*target, error) {
	if o.Server != "" {
		return &target{
			url: strings.TrimRight(o.Server, "/"), service: o.Service, queue: o.Queue, users: o.Users, stop: func() error { return nil }, now: o.PID,
		}, nil
	}
	return launch(ctx, o)
}

const ownService = "load"

// launch starts a server with users enough, in a folder of its own.
func launch(ctx context.Context, o Options) (_ *target, err error) {
	folder, err := os.MkdirTemp("", "halley-load-")
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(folder, "halley.yaml")
	options := process.Options{Binary: o.Binary, Data: cmp.Or(o.Data, filepath.Join(folder, "data")), Args: []string{"--config", settings}, Under: ownGroup}
	t := &target{service: ownService, queue: ownService}
	var server *process.Server
	end := func(kill bool) error {
		s := server
		server = nil
		t.setPID(0)
		switch {
		case s == nil:
			return nil
		case kill:
			return s.Kill()
		}
		return s.Stop()
	}
	start := func() (err error) {
		life, kill := context.WithCancel(context.WithoutCancel(ctx)) // agents go home when ctx has ended
		defer context.AfterFunc(ctx, kill)()
		if server, err = process.Start(life, options); err == nil {
			t.setPID(server.PID())
		}
		return err
	}
	t.restart = func(kill bool) error {
		if err := end(kill); err != nil {
			return err
		}
		return start()
	}
	t.stop = func() error { return errors.Join(end(false), os.RemoveAll(folder)) }
	defer func() {
		if err != nil {
			err = errors.Join(err, t.stop())
		}
	}()
	// A demo's users need no password hashes, and its limits leave out this machine.
	var text strings.Builder
	capacity := o.Customers/o.Agents + 3
	fmt.Fprintf(&text, "drain: 5s\nqueues: [{name: %[1]s}]\nservices: [{name: %[1]s, endpoint: %[1]s}]\nusers:\n", ownService)
	for i := range o.Agents {
		u := User{Name: fmt.Sprintf("agent-%04d", i+1), Password: config.DemoPassword}
		t.users = append(t.users, u)
		fmt.Fprintf(&text, "  - {name: %s, queues: [%s], capacity: %d}\n", u.Name, ownService, capacity)
	}
	for i := range o.Supervisors {
		u := User{Name: fmt.Sprintf("supervisor-%04d", i+1), Password: config.DemoPassword}
		t.users = append(t.users, u)
		fmt.Fprintf(&text, "  - {name: %s, roles: [supervisor]}\n", u.Name)
	}
	if err := os.WriteFile(settings, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	if err := start(); err != nil {
		return nil, err
	}
	t.url = server.URL
	options.Listen = strings.TrimPrefix(server.URL, "http://") // the same address after a restart
	return t, nil
}

// pause reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
