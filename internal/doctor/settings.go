package doctor

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// spareFiles is what a server opens besides connections: database, listeners, logs.
const spareFiles = 100

// examineSettings judges a configuration that Config.Check has let pass.
func examineSettings(r *report, c *config.Config) {
	if _, err := c.Directory(); err != nil {
		r.problem("settings", "mend the configuration; halley serve refuses it too", "%v", err)
	} else {
		r.ok("settings", "%d users, %d queues, %d services", len(c.Users), len(c.Queues), len(c.Services))
	}
	public := c.Public()
	switch {
	case c.Demo && public:
		r.problem("demo", "leave out demo and demo-public", "the demo, whose passwords everybody knows, is served on %s", c.Listen)
	case c.Demo && c.URL != "":
		r.warn("demo", "leave out demo if others than you can reach it", "the demo, whose passwords everybody knows, may be served through %s", c.URL)
	}
	switch {
	case public && !strings.HasPrefix(c.URL, "https://"):
		r.warn("encryption", "put a proxy with TLS in front (docs/proxies.md), let Halley listen where only that reaches it, and set url to https://...",
			"passwords and chats travel unencrypted to %s", c.Listen)
	case strings.HasPrefix(c.URL, "https://"):
		r.ok("encryption", "clients are told to use %s", c.URL)
	}
	if public && c.OpsListen == "" {
		r.warn("metrics", "set ops-listen to an inner address", "everybody who reaches %s can read /metrics", c.Listen)
	}
	examineTrust(r, c)
	examineFiles(r, c)
}

func examineTrust(r *report, c *config.Config) {
	proxies, err := c.Proxies()
	if err != nil {
		return // Check has refused it before
	}
	if strings.HasPrefix(c.URL, "https://") && len(proxies) == 0 {
		r.warn("trusted-proxies", "set trusted-proxies to the addresses from which the proxy connects",
			"a proxy must stand in front (Halley itself has no TLS), but none is trusted: all clients share its address and its limits")
	}
	for _, p := range proxies {
		if p.Bits() < 8 {
			r.problem("trusted-proxies", "name the proxies' own addresses only", "%v: whoever connects from there can claim any address, and escape its limits", p)
		}
	}
}

// examineFiles compares the limit of open files with that of connections: of the server that runs, if there is one, and else of this process.
func examineFiles(r *report, c *config.Config) {
	whose := "the running server"
	limit, err := serverFiles(c.Data)
	if err != nil {
		var l unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
			return // a system without
		}
		whose, limit = "a process started here", uint64(l.Max) //nolint:unconvert // signed on some systems; Go raises its own limit up to that
	}
	need := uint64(c.MaxConnections) + spareFiles
	if limit < need {
		r.warn("files", fmt.Sprintf("set LimitNOFILE=%d in the unit of systemd (ulimit -n elsewhere), or max-connections below %d", need, limit-min(limit, spareFiles)),
			"%s may open %d files, and max-connections is %d", whose, limit, c.MaxConnections)
		return
	}
	r.ok("files", "%s may open %d files, enough for max-connections %d", whose, limit, c.MaxConnections)
}

// serverFiles reads how many files the process may open that holds the data folder. It is for systems with /proc.
func serverFiles(data string) (uint64, error) {
	pid, err := sqlite.Holder(data)
	if err != nil {
		return 0, err
	}
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err != nil || strings.TrimSpace(string(name)) != "halley" {
		return 0, os.ErrNotExist // it has ended, and the number is another's
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 0 {
				return strconv.ParseUint(fields[0], 10, 64)
			}
		}
	}
	return 0, os.ErrNotExist
}
