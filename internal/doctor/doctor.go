// Package doctor examines what a Halley stands on (data, disk, clock, settings) and the way that clients have to it, and says what it found and what to change.
//
// The way is examined by probes (internal/probe) that go where polls and websockets go: what a proxy does to those, it does to these.
package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"github.com/halley-chat/halley/internal/config"
)

// Level says how bad a finding is.
type Level string

// Levels of findings.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, but less well or less safely than it could
	Problem Level = "problem" // something that was promised is broken, or will be
)

// Finding is one line of the report.
type Finding struct {
	Level Level  `json:"level"`
	Check string `json:"check"`        // such as disk.sync
	Saw   string `json:"saw"`          // what was seen
	Do    string `json:"do,omitempty"` // what to change; empty if all is well
}

// String is the finding in one line. What servers and proxies have said is in it, so nothing in it moves a terminal's cursor.
func (f Finding) String() string {
	line := fmt.Sprintf("%-8s %-15s %s", f.Level, f.Check, f.Saw)
	if f.Do != "" {
		line += ": " + f.Do
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
}

// Options say what to examine.
type Options struct {
	Config   config.Config
	Settings bool           // Config is that of a server: judge it
	Data     bool           // examine the folder Config.Data, and the disk under it
	URL      string         // public address, to be examined. Empty: not the way
	Direct   string         // address of the server itself, to compare. Empty: none
	Roots    *x509.CertPool // believed in besides the system's; nil: none
}

// Examine looks at everything that the options name, and tells each finding as soon as it is there, one at a time. The way takes as long as a poll is
// held, and a little more. It returns when all is told or ctx ends.
func Examine(ctx context.Context, o Options, tell func(Finding)) {
	r := &report{tell: tell}
	clock := startClock()
	if o.Settings {
		examineSettings(r, &o.Config)
	}
	if o.Data {
		examineData(ctx, r, o.Config.Data)
		examineDisk(ctx, r, o.Config.Data)
	}
	examineZone(r, &o.Config)
	examineSync(r)
	var ways sync.WaitGroup
	for _, to := range []struct{ name, url string }{{"way", o.URL}, {"direct", o.Direct}} {
		if to.url != "" {
			ways.Go(func() { examineWay(ctx, r, to.name, to.url, o.Roots) })
		}
	}
	ways.Wait()
	clock.examine(ctx, r)
}

// report passes findings on, one at a time.
type report struct {
	mu   sync.Mutex
	tell func(Finding)
}

func (r *report) say(f Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(f)
}

func (r *report) ok(check, format string, args ...any) {
	r.say(Finding{OK, check, fmt.Sprintf(format, args...), ""})
}

func (r *report) warn(check, do, format string, args ...any) {
	r.say(Finding{Warning, check, fmt.Sprintf(format, args...), do})
}

func (r *report) problem(check, do, format string, args ...any) {
	r.say(Finding{Problem, check, fmt.Sprintf(format, args...), do})
}
