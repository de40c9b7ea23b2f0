// Package process runs the real server binary, for loads and benchmarks and for tests that kill it, and reads from the operating system what it costs.
package process

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
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// Server is a running halley serve, or what Run has started.
type Server struct {
	URL     string
	Started time.Duration // from exec to the first answer of /readyz
	cmd     *exec.Cmd
	reading chan struct{} // closed when its log has been read; nil: it has not said where it listens
	remove  string        // a folder of ours, to go with the server
}

// Options say how to run the server. Only Binary is needed.
type Options struct {
	Binary string
	Data   string // empty: a folder that goes with the server
	Listen string // empty: a free port
	Args   []string
	Under  func(*exec.Cmd) error // nil, or puts something between the process and the system before it starts
	Log    io.Writer             // gets what the server logs after its address; nil: nobody
}

// A server has so long to be ready, since it may have much to look through, and to stop, which is more than it drains for. Then it is killed.
const (
	startTime = 2 * time.Minute
	stopTime  = time.Minute
)

// readyPoll is the time between two questions whether it is ready.
const readyPoll = time.Millisecond

// Start runs the binary with demo data and without scripted customers, and returns when it is ready. It is killed when ctx ends.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	s := &Server{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Kill())
		}
	}()
	if o.Data == "" {
		if s.remove, err = os.MkdirTemp("", "halley-"); err != nil {
			return nil, err
		}
		o.Data = filepath.Join(s.remove, "data")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s.cmd = exec.CommandContext(ctx, o.Binary,
		append([]string{"serve", "--demo", "--demo-customers", "0", "--listen", o.Listen, "--data", o.Data}, o.Args...)...)
	if o.Under != nil {
		if err := o.Under(s.cmd); err != nil {
			return nil, err
		}
	}
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s (build it with `make build`): %w", o.Binary, err)
	}
	late := time.AfterFunc(startTime, s.kill)
	defer late.Stop()
	if err := s.listens(log, o.Log); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	s.Started = time.Since(began)
	return s, nil
}

// ready waits for /readyz.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(readyPoll):
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", ctx.Err())
		}
	}
}

// Run starts any server that prints "listening ADDRESS" on its standard output, and returns when it has.
func Run(cmd *exec.Cmd) (_ *Server, err error) {
	s := &Server{cmd: cmd}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if err := s.listens(out, nil); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	s.Started = time.Since(began)
	return s, nil
}

var listening = regexp.MustCompile(`listening.*?(127\.0\.0\.1:\d+)`)

// listens reads the log until the server names its address, and goes on reading, for rest, so that the server never waits for us.
func (s *Server) listens(log io.Reader, rest io.Writer) error {
	if rest == nil {
		rest = io.Discard
	}
	lines := bufio.NewScanner(log)
	var last string
	for lines.Scan() {
		last = lines.Text()
		if m := listening.FindStringSubmatch(last); m != nil {
			s.URL = "http://" + m[1]
			s.reading = make(chan struct{})
			go func() {
				defer close(s.reading)
				_, _ = io.Copy(rest, log) // ends with the process
			}()
			return nil
		}
	}
	return fmt.Errorf("the server ended before it listened: %s", last)
}

// Stop has the server end by itself, and returns its exit status as an error.
func (s *Server) Stop() error {
	late := time.AfterFunc(stopTime, s.kill)
	defer late.Stop()
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	return errors.Join(err, s.wait(), os.RemoveAll(s.remove))
}

// Kill ends the server with SIGKILL.
func (s *Server) Kill() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return os.RemoveAll(s.remove)
	}
	err := s.cmd.Process.Kill()
	_ = s.wait() // that it was killed is no news
	return errors.Join(err, os.RemoveAll(s.remove))
}

// kill is Kill for a server that somebody waits for.
func (s *Server) kill() { _ = s.cmd.Process.Kill() }

// wait returns when the process and the reading of its log have ended.
func (s *Server) wait() error {
	err := s.cmd.Wait()
	if s.reading != nil {
		<-s.reading
	}
	return err
}

// PID is the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Resident is the server's resident memory in bytes.
func (s *Server) Resident() (int64, error) { return Resident(s.PID()) }

// CPU is the processor time that the server has used so far.
func (s *Server) CPU() (time.Duration, error) { return CPU(s.PID()) }

// Machine describes where a benchmark ran: date, processor, cores, Go, commit.
func Machine() string {
	cpu := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.Trim(name, " \t:\n")
				break
			}
		}
	}
	commit := "unknown"
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	} else if b, ok := debug.ReadBuildInfo(); ok {
		commit = b.Main.Version
	}
	return fmt.Sprintf("%s, %s, %d cores, %s/%s, %s, commit %s", time.Now().UTC().Format(time.DateOnly), cpu, runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), commit)
}
