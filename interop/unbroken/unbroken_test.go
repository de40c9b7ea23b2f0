package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/halley-chat/halley/internal/server" // what is tested: a change of it makes a cached result worthless
)

// programs are built when the first test needs them.
var built = sync.OnceValues(func() (*programs, error) { return build(filepath.Join("..", ".."), folder) })

var folder string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "unbroken-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		status := m.Run()
		if needed {
			if p, err := built(); err == nil {
				err = p.close()
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return 1
				}
			}
		}
		return status
	}())
}

var needed bool

// The promise of product.md, in short: `make soak` has 200 kills and 2,000 faults (DEL-13, DEL-14, DEL-15, AK-14; A6, A7, A14, A20, I1).

func TestKills(t *testing.T) {
	keeps(t, &plan{Mode: killsMode, Times: 4, Rate: 150, ChatLength: 30})
}

func TestFaults(t *testing.T) {
	keeps(t, &plan{Mode: faultsMode, Times: 45, Rate: 150, ChatLength: 30})
}

// keeps runs a plan in which every promise is to be kept, and in which something happened.
func keeps(t *testing.T, p *plan) {
	needed = true
	programs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p.log = t.Logf
	r, err := run(t.Context(), p, programs)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 {
		t.Errorf("%s%s", r, programs.complaints())
	}
	if r.Messages < 200 {
		t.Errorf("only %d messages were answered: the test has not tested much", r.Messages)
	}
	for _, d := range r.Desktops {
		if d.Breaks == 0 && p.Mode == killsMode && d.Library != gobayeux { // which has nobody to tell
			t.Errorf("%s noticed nothing", d.kind)
		}
	}
}
