//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/halley-chat/halley/internal/process"
)

// peer is a server that is measured. While it runs, it is a process of its own on a port of its own.
type peer struct {
	name    string
	bare    bool // the floor: no Bayeux, websocket only
	dir     string
	command []string
	prepare []string // what makes the command runnable

	*process.Server
	addr netip.AddrPort
}

// peers are all there are. Programs of ours are built into dir, unless ours is built already.
func peers(root, dir, ours string) []*peer {
	binary := func(name string) string { return filepath.Join(dir, name) }
	build := func(name, pkg string) []string { return []string{"go", "build", "-o", binary(name), pkg} }
	prepare := build("ours", "./bayeux/examples/openserver")
	if ours == "" {
		ours = binary("ours")
	} else {
		prepare = nil
	}
	return []*peer{
		{name: "ours", dir: root, prepare: prepare, command: []string{ours, "--max-message-rate", "-1"}},
		{name: "floor", bare: true, dir: root, prepare: build("floor", "./bench/bayeux/floor"), command: []string{binary("floor")}},
		{
			name: "cometd", dir: root, prepare: []string{"tools/java-build"},
			command: []string{filepath.Join(root, "interop", "java", "server", "reference")},
		},
		{
			name: "faye", dir: filepath.Join(root, "bench", "bayeux", "faye"), prepare: []string{"npm", "ci", "--silent", "--no-fund", "--no-audit"},
			command: []string{"node", "server.js"},
		},
	}
}

// build makes the peer's command runnable.
func (p *peer) build(ctx context.Context) error {
	if len(p.prepare) == 0 {
		return nil
	}
	cmd := exec.CommandContext(ctx, p.prepare[0], p.prepare[1:]...)
	cmd.Dir = p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("prepare %s (%s): %w\n%s", p.name, strings.Join(p.prepare, " "), err, out)
	}
	return nil
}

// start runs the server. It is killed when this process ends, however that comes about.
func (p *peer) start(ctx context.Context, timeout time.Duration) error {
	args := append(p.command[1:len(p.command):len(p.command)], "--listen", "127.0.0.1:0")
	if !p.bare {
		args = append(args, "--timeout", strconv.FormatInt(timeout.Milliseconds(), 10))
	}
	cmd := exec.CommandContext(ctx, p.command[0], args...)
	cmd.Dir, cmd.Stderr = p.dir, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if p.Server, err = process.Run(cmd); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.addr, err = netip.ParseAddrPort(strings.TrimPrefix(p.URL, "http://"))
	return err
}

// stop ends the server. How it ends does not matter here.
func (p *peer) stop() {
	if p.Server != nil {
		_ = p.Kill()
		p.Server = nil
	}
}

// root is the folder of the module.
func root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	file := strings.TrimSpace(string(out))
	if err == nil && filepath.Base(file) != "go.mod" {
		err = errors.New("run it within the project's folder")
	}
	return filepath.Dir(file), err
}
