package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/process"
	"github.com/halley-chat/halley/interop/driver"
)

// programs are what a run needs, built.
type programs struct {
	halley  string
	drivers map[string]*driver.Driver // by library
}

// build makes the programs in a folder and starts the drivers, in the repository whose root is given.
func build(root, folder string) (*programs, error) {
	p := &programs{halley: filepath.Join(folder, "halley"), drivers: map[string]*driver.Driver{}}
	wrapper := filepath.Join(folder, "gobayeux")
	bayeux := filepath.Join(root, "interop", "bayeux")
	for _, step := range [][]string{
		{"go", "build", "-C", root, "-o", p.halley, "./cmd/halley"},
		{"go", "build", "-C", filepath.Join(bayeux, "gobayeux"), "-o", wrapper, "."},
		{filepath.Join(root, "tools", "npm-ci"), filepath.Join(bayeux, "node")},
	} {
		cmd := exec.Command(step[0], step[1:]...)
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%v: %w\n%s", step, err, out)
		}
	}
	for library, command := range map[string][]string{
		gobayeux:   {wrapper},
		"cometd-3": {"node", filepath.Join(bayeux, "node", "driver.mjs"), "cometd-3"},
		"cometd-9": {"node", filepath.Join(bayeux, "node", "driver.mjs"), "cometd-9"},
	} {
		d, err := driver.Start(command...)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.drivers[library] = d
	}
	return p, nil
}

func (p *programs) close() error {
	var errs []error
	for _, d := range p.drivers {
		errs = append(errs, d.Close(10*time.Second))
	}
	return errors.Join(errs...)
}

// complaints are what the drivers wrote to their standard errors of late.
func (p *programs) complaints() string {
	var b strings.Builder
	for _, d := range p.drivers {
		if text := d.Complaints(); text != "" {
			fmt.Fprintf(&b, "\nThe end of what %s complained about:\n%s", d.Library, text)
		}
	}
	return b.String()
}

// stage is the server: its address and data stay the same however often it is killed.
type stage struct {
	options process.Options
	server  *process.Server
	log     driver.Tail

	mu    sync.Mutex
	kills []time.Time
}

// startStage starts the server for some agents. Each has a queue and a service of her name, so that her customers are hers.
func startStage(ctx context.Context, binary, folder string, agents []string) (*stage, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(folder, "halley.yaml")
	if err := os.WriteFile(settings, configFor(agents), 0o600); err != nil {
		return nil, err
	}
	s := &stage{}
	s.options = process.Options{
		Binary: binary, Data: filepath.Join(folder, "data"), Listen: address, Log: &s.log,
		Args: []string{"--config", settings, "--agent-timeout", agentTimeout.String(), "--customer-starts-per-minute", "1000000"},
	}
	return s, s.start(ctx)
}

func configFor(agents []string) []byte {
	var users, queues, services bytes.Buffer
	for _, name := range agents {
		fmt.Fprintf(&users, "  - {name: %[1]s, queues: [%[1]s], capacity: %[2]d}\n", name, 3*chatsEach)
		fmt.Fprintf(&queues, "  - {name: %s}\n", name)
		fmt.Fprintf(&services, "  - {name: %[1]s, endpoint: %[1]s}\n", name)
	}
	return fmt.Appendf(nil, "users:\n%squeues:\n%sservices:\n%s", users.Bytes(), queues.Bytes(), services.Bytes())
}

func (s *stage) start(ctx context.Context) (err error) {
	s.server, err = process.Start(ctx, s.options)
	return err
}

// kill ends the server with SIGKILL.
func (s *stage) kill() error {
	s.mu.Lock()
	s.kills = append(s.kills, time.Now())
	s.mu.Unlock()
	return s.server.Kill()
}

// A crash may repeat what was heard in the second before it. Hearing takes time too, and the place is saved some time after it was known.
const (
	saveInterval = time.Second
	hearingTime  = time.Second
)

// excuses says whether what was heard at one time may come again at another, to a client without acknowledgements.
func (s *stage) excuses(first, again time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kill := range s.kills {
		if first.After(kill.Add(-saveInterval-hearingTime)) && first.Before(kill.Add(hearingTime)) && again.After(kill) {
			return true
		}
	}
	return false
}

// freePort finds an address that stays the same over restarts.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func host(url string) string { return strings.TrimPrefix(url, "http://") }
