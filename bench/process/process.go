// Package process runs the real server binary, for benchmarks and for tests that kill it, and reads its figures from the operating system.
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

	"github.com/halley-chat/halley/internal/proc"
)

// Server is a running halley serve, or what Run has started.
type Server struct {
	URL     string
	Started time.Duration // from exec to the first answer of /readyz
	cmd     *exec.Cmd
	remove  string // a folder of ours, to go with the server
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

// Start runs the binary with demo data and without scripted customers, and returns when it is ready.
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
	if s.URL, err = address(log, o.Log); err != nil {
		return nil, err
	}
	for ctx.Err() == nil {
		res, err := http.Get(s.URL + "/readyz")
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			s.Started = time.Since(began)
			return s, nil
		}
	}
	return nil, ctx.Err()
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
	if s.URL, err = address(out, nil); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	s.Started = time.Since(began)
	return s, nil
}

var listening = regexp.MustCompile(`listening.*?(127\.0\.0\.1:\d+)`)

// address reads the log until the server names its address, and goes on reading, for rest, so that the server never waits for us.
func address(log io.Reader, rest io.Writer) (string, error) {
	if rest == nil {
		rest = io.Discard
	}
	lines := bufio.NewScanner(log)
	var last string
	for lines.Scan() {
		last = lines.Text()
		if m := listening.FindStringSubmatch(last); m != nil {
			go io.Copy(rest, log) // ends with the process
			return "http://" + m[1], nil
		}
	}
	return "", fmt.Errorf("the server ended before it listened: %s", last)
}

// Stop has the server end by itself, and returns its exit status as an error.
func (s *Server) Stop() error {
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	return errors.Join(err, s.cmd.Wait(), os.RemoveAll(s.remove))
}

// Kill ends the server with SIGKILL.
func (s *Server) Kill() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return os.RemoveAll(s.remove)
	}
	err := s.cmd.Process.Kill()
	s.cmd.Wait() // that it was killed is no news
	return errors.Join(err, os.RemoveAll(s.remove))
}

// Resident is the server's resident memory in bytes.
func (s *Server) Resident() (int64, error) { return proc.Resident(s.cmd.Process.Pid) }

// CPU is the processor time that the server has used so far.
func (s *Server) CPU() (time.Duration, error) { return proc.CPU(s.cmd.Process.Pid) }

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
