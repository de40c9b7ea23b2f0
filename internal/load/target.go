package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/halley-chat/halley/internal/config"
)

// target is the server under load. Its methods are called by one goroutine at a time, but for pid.
type target struct {
	url     string
	service string
	users   []User
	restart func(kill bool) error // nil: it cannot be restarted
	stop    func() error

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
			url: strings.TrimRight(o.Server, "/"), service: o.Service, users: o.Users, restart: o.Restarter, stop: func() error { return nil }, now: o.PID,
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
	p := &process{binary: o.Binary, listen: "127.0.0.1:0", config: filepath.Join(folder, "halley.yaml"), data: o.Data}
	if p.data == "" {
		p.data = filepath.Join(folder, "data")
	}
	t := &target{service: ownService}
	t.restart = func(kill bool) error {
		err := p.end(kill)
		t.setPID(0)
		if err == nil {
			err = p.start(ctx)
		}
		if err == nil {
			t.setPID(p.cmd.Process.Pid)
		}
		return err
	}
	t.stop = func() error { return errors.Join(p.end(false), os.RemoveAll(folder)) }
	defer func() {
		if err != nil {
			err = errors.Join(err, t.stop())
		}
	}()
	// A demo's users need no password hashes, and its limits leave out this machine.
	var text strings.Builder
	capacity := o.Customers/o.Agents + 3
	fmt.Fprintf(&text, "demo: true\ndemo-customers: 0\ndrain: 5s\nqueues: [{name: %[1]s}]\nservices: [{name: %[1]s, endpoint: %[1]s}]\nusers:\n", ownService)
	for i := range o.Agents {
		u := User{Name: fmt.Sprintf("agent-%04d", i+1), Password: config.DemoPassword}
		t.users = append(t.users, u)
		fmt.Fprintf(&text, "  - {name: %s, queues: [%s], capacity: %d}\n", u.Name, ownService, capacity)
	}
	if err := os.WriteFile(p.config, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	t.setPID(p.cmd.Process.Pid)
	t.url = "http://" + p.listen
	return t, nil
}

// process is a server that was started here.
type process struct {
	binary, config, data string
	listen               string // the address, once it is known
	cmd                  *exec.Cmd
	reading              sync.WaitGroup
	last                 string // line of its log
}

// startTime is what a server may take until it is ready: it may have much to look through.
const startTime = 2 * time.Minute

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

func (p *process) start(ctx context.Context) error {
	p.cmd = exec.Command(p.binary, "serve", "--config", p.config, "--data", p.data, "--listen", p.listen)
	ownGroup(p.cmd)
	log, err := p.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return fmt.Errorf("start the server: %w", err)
	}
	address := make(chan string, 1)
	p.reading.Go(func() {
		defer close(address)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			p.last = lines.Text()
			if m := listening.FindStringSubmatch(p.last); m != nil {
				address <- m[1]
				break
			}
		}
		_, _ = io.Copy(io.Discard, log) // so that it never waits for us
	})
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case listen, ok := <-address:
		if !ok {
			return errors.Join(fmt.Errorf("the server ended before it listened: %s", p.last), p.end(true))
		}
		p.listen = listen
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("the server does not listen: %w", ctx.Err()), p.end(true))
	}
	return p.ready(ctx)
}

// ready waits for /readyz.
func (p *process) ready(ctx context.Context) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.listen+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if !pause(ctx, 20*time.Millisecond) {
			return fmt.Errorf("the server is not ready: %w", ctx.Err())
		}
	}
}

// endTime is what a server may take to stop before it is killed.
const endTime = 30 * time.Second

// end stops the process, and returns when it is gone.
func (p *process) end(kill bool) error {
	if p.cmd == nil {
		return nil
	}
	cmd := p.cmd
	p.cmd = nil
	if kill {
		err := cmd.Process.Kill()
		p.reading.Wait()
		_ = cmd.Wait() // that it was killed is no news
		return err
	}
	late := time.AfterFunc(endTime, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Process.Signal(syscall.SIGTERM)
	p.reading.Wait()
	return errors.Join(err, cmd.Wait())
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
