package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Target gives servers to check.
type Target interface {
	// Start returns a server that was started with the options; one that others use as well, unless alone is set. The caller releases it.
	// A target that cannot give such a server returns an error that is [ErrOptions].
	Start(ctx context.Context, options string, alone bool) (*Server, error)
	// Close stops what was started.
	Close()
}

// ErrOptions says that a target has no server with the options that a check needs.
var ErrOptions = errors.New("needs")

// A Server is one that is being checked.
type Server struct {
	URL     string // of the mount
	release func()
	cmd     *exec.Cmd
	exited  chan struct{}
}

// URL is the target of one server whose options are not known: checks that need some are not applicable.
func URL(mount string) Target { return &fixed{mount: strings.TrimSuffix(mount, "/")} }

type fixed struct {
	mount string
	users sync.RWMutex // written by lines that must be alone
}

func (f *fixed) Start(_ context.Context, options string, alone bool) (*Server, error) {
	if options != "" {
		return nil, fmt.Errorf("%w %s", ErrOptions, options)
	}
	if alone {
		f.users.Lock()
		return &Server{URL: f.mount, release: f.users.Unlock}, nil
	}
	f.users.RLock()
	return &Server{URL: f.mount, release: f.users.RUnlock}, nil
}

func (f *fixed) Close() {}

// Exec is the target of a program that starts a server: it takes --listen host:port and the options of chapter 19 as flags, prints "listening host:port"
// and serves at /cometd, until SIGTERM.
func Exec(command ...string) Target {
	return &program{command: command, shared: map[string]*start{}, starting: make(chan struct{}, 2)}
}

type program struct {
	command  []string
	starting chan struct{} // bounds the starts under way

	mu     sync.Mutex
	shared map[string]*start
}

// start is a server that several lines use.
type start struct {
	ready  chan struct{}
	server *Server
	err    error
}

func (p *program) Start(ctx context.Context, options string, alone bool) (*Server, error) {
	if alone {
		return p.start(ctx, options)
	}
	p.mu.Lock()
	s := p.shared[options]
	if s == nil {
		s = &start{ready: make(chan struct{})}
		p.shared[options] = s
		go func() {
			defer close(s.ready)
			s.server, s.err = p.start(context.WithoutCancel(ctx), options)
		}()
	}
	p.mu.Unlock()
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.err != nil {
		return nil, s.err
	}
	shared := *s.server
	shared.release = func() {}
	return &shared, nil
}

func (p *program) start(ctx context.Context, options string) (*Server, error) {
	p.starting <- struct{}{}
	defer func() { <-p.starting }()

	args := append(append([]string{}, p.command[1:]...), "--listen", "127.0.0.1:0")
	cmd := exec.Command(p.command[0], append(args, strings.Fields(options)...)...)
	complaints := &tail{}
	cmd.Stderr = complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s := &Server{cmd: cmd, exited: make(chan struct{})}
	s.release = s.Kill
	listening := make(chan string, 1)
	go func() {
		defer close(s.exited)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if addr, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
				select {
				case listening <- addr:
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // how it ended is in ProcessState
	}()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	select {
	case addr := <-listening:
		s.URL = "http://" + addr + "/cometd"
		return s, nil
	case <-s.exited:
		if cmd.ProcessState.ExitCode() == 2 {
			return nil, fmt.Errorf("%w %s, which the server does not know: %s", ErrOptions, options, complaints)
		}
		return nil, fmt.Errorf("the server ended at once (%v): %s", cmd.ProcessState, complaints)
	case <-limit.C:
		s.Kill()
		return nil, fmt.Errorf("the server did not say within 30 s where it listens: %s", complaints)
	case <-ctx.Done():
		s.Kill()
		return nil, context.Cause(ctx)
	}
}

func (p *program) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range p.shared {
		wg.Go(func() {
			<-s.ready
			if s.server != nil {
				s.server.Kill()
			}
		})
	}
	wg.Wait()
	clear(p.shared)
}

// PID is the server's process; 0 if it is not ours.
func (s *Server) PID() int {
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Terminate asks the server to shut down; [Server.Exited] tells when it has.
func (s *Server) Terminate() error { return s.cmd.Process.Signal(syscall.SIGTERM) }

// Exited is closed when the server's process has ended.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Kill ends the server at once, and waits for that.
func (s *Server) Kill() {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	<-s.exited
}

const tailSize = 4096

// tail keeps the last of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > tailSize {
		t.b = append(t.b[:0], t.b[len(t.b)-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
