// Package interop_test lets published Bayeux clients, unchanged, talk to the open server. README.md explains.
package interop_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "github.com/halley-chat/halley/bayeux" // what is tested: a change of it makes a cached result worthless
)

// Programs that TestMain builds.
var openserver, gobayeux string

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16") // scenarios wait rather than work
	os.Exit(run(m))
}

func run(m *testing.M) int {
	bin, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	openserver, gobayeux = filepath.Join(bin, "openserver"), filepath.Join(bin, "gobayeux")
	for _, step := range [][]string{
		{"go", "build", "-race", "-o", openserver, "../../bayeux/examples/openserver"},
		{"go", "build", "-C", "gobayeux", "-o", gobayeux, "."},
		{"../../tools/npm-ci", "node"},
		{"../../tools/java-build"},
	} {
		if out, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", step, err, out)
			return 1
		}
	}
	return m.Run()
}

// published are the drivers of the clients, and whatever else it takes to start them.
func published() map[string][]string {
	all := map[string][]string{"gobayeux": {gobayeux}, "java": {"../java/client/driver"}}
	for _, library := range []string{"cometd-3", "cometd-5", "cometd-8", "cometd-9", "faye"} {
		all[library] = []string{"node", "node/driver.mjs", library}
	}
	return all
}

// scenario is something that a client goes through with each of its transports.
type scenario struct {
	name  string
	needs []string // what a client must know for it
	run   func(t *testing.T, p party)
}

// party is what takes part in a scenario. Other scenarios are under way with the same driver and server, on other channels.
type party struct {
	*driver
	*server
	transport string
}

func TestPublishedClients(t *testing.T) {
	for name, command := range published() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDriver(t, command...)
			for _, transport := range d.Transports {
				t.Run(transport, func(t *testing.T) {
					t.Parallel()
					p := party{d, startServer(t), transport}
					for _, s := range scenarios(transport) {
						if d.Knows(s.needs...) {
							t.Run(s.name, func(t *testing.T) {
								t.Parallel()
								s.run(t, p)
							})
						}
					}
				})
			}
		})
	}
}
