package halley_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/halley-chat/halley/"

// line is what a package, or a tree of packages, may import of ours.
type line struct {
	pkg     string
	imports []string
}

// mayImport lists, for each package or tree of packages, what of ours its code may import. Imports point downwards only: a package names packages that
// stand above it in this table. A package that is not here fails the test, so that whoever adds one decides where it stands.
//
// A name with a slash at its end stands for the packages below it as well.
var mayImport = []line{
	// Libraries that others can import: they know nothing of ours.
	{"bayeux/z85", nil},
	{"bayeux/binary", []string{"bayeux/z85"}},
	{"bayeux/", []string{"bayeux/"}},
	{"bayeux/conformance/", []string{"bayeux/conformance"}}, // it judges from outside
	{"bayeuxclient", []string{"bayeux/binary"}},

	{"docs", nil}, // the descriptions of the API, for whoever serves or checks them

	// Pure: no I/O, no clock.
	{"internal/agent", nil},
	{"internal/chat", nil},
	{"internal/routing", nil},
	{"internal/directory", []string{"internal/agent"}},

	// What is kept, and hints.
	{"internal/store", []string{"internal/agent", "internal/chat"}},
	{"internal/store/", []string{"internal/agent", "internal/chat", "internal/store/"}},
	{"internal/bus", nil},
	{"internal/bus/", []string{"internal/bus"}},

	// The application, and who is who.
	{"internal/desk", []string{"internal/agent", "internal/bus", "internal/chat", "internal/directory", "internal/routing", "internal/store"}},
	{"internal/auth", []string{"internal/directory", "internal/store"}},

	// The APIs and pages.
	{"internal/agentapi", []string{"bayeux/", "internal/agent", "internal/auth", "internal/chat", "internal/desk", "internal/directory", "internal/store"}},
	{"internal/customerapi", []string{"internal/agent", "internal/chat", "internal/desk", "internal/directory", "internal/store"}},
	{"internal/adminapi", []string{"bayeux/", "internal/auth", "internal/desk", "internal/directory", "internal/store"}},
	{"internal/webui", nil},
	{"internal/apidocs", []string{"docs", "internal/webui"}},
	{"internal/customer", nil},
	{"internal/probe", nil},

	// All together.
	{"internal/described", []string{"docs", "internal/store"}}, // for tests
	{"internal/line", nil}, // for tests
	{"internal/disk", nil}, // for tests
	{"internal/config", []string{"internal/agent", "internal/auth", "internal/chat", "internal/directory"}},
	{"internal/telemetry", nil},
	{"internal/server", []string{
		"bayeux/", "internal/adminapi", "internal/agentapi", "internal/apidocs", "internal/auth", "internal/bus", "internal/config", "internal/customer",
		"internal/customerapi", "internal/desk", "internal/directory", "internal/probe", "internal/store/", "internal/telemetry", "internal/webui",
	}},
	{"internal/server/servertest", []string{"bayeuxclient", "internal/"}},
	{"internal/process", nil},
	{"internal/load", []string{"bayeuxclient", "internal/config", "internal/customer", "internal/directory", "internal/process"}},
	{"internal/doctor", []string{"internal/config", "internal/probe", "internal/store/"}},
	{"cmd/halley", []string{
		"internal/auth", "internal/config", "internal/customer", "internal/doctor", "internal/load", "internal/server", "internal/store/", "internal/telemetry",
	}},
	{"interop/driver", nil},
	{"interop/", []string{"bayeux/", "bayeuxclient", "internal/line", "interop/driver"}},
	{"bench/", []string{"bayeux/", "bayeuxclient", "bench/", "internal/"}},
	{"interop/unbroken", []string{"bayeuxclient", "interop/driver", "internal/"}},
}

// pkg is what `go list -json` tells of a package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// The direction of imports is what keeps the pure packages pure and the protocol a library.
func TestImportsPointDownwards(t *testing.T) {
	t.Parallel()
	for _, p := range listed(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name+"/" == module {
			continue // this test
		}
		allowed, ok := rule(name)
		if !ok {
			t.Errorf("%s has no line in the table of imports: say what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			of, ours := strings.CutPrefix(imported, module)
			if ours && !slices.ContainsFunc(allowed, func(a string) bool { return covers(a, of) }) {
				t.Errorf("%s imports %s, which it may not", name, of)
			}
		}
		// Tests may look further, but not at what starts processes or servers, unless they belong to it.
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			of, ours := strings.CutPrefix(imported, module)
			if ours && strings.HasPrefix(of, "cmd/") {
				t.Errorf("a test of %s imports %s: a command is nobody's library", name, of)
			}
		}
	}
}

// The rules themselves point downwards: what a line names stands above it.
func TestTheTableOfImportsIsInOrder(t *testing.T) {
	t.Parallel()
	for i, l := range mayImport {
		for _, a := range l.imports {
			if !slices.ContainsFunc(mayImport[:i+1], func(above line) bool { return covers(a, strings.TrimSuffix(above.pkg, "/")) }) {
				t.Errorf("%s may import %s, which does not stand above it", l.pkg, a)
			}
		}
	}
}

// What only tests need is not in the program.
func TestTheProgramHasNothingForTests(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/halley").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"internal/server") {
		t.Fatalf("go list tells nothing of the program: %d packages", len(deps))
	}
	for _, d := range deps {
		for _, unwanted := range []string{"github.com/getkin/", "github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak", module + "internal/described"} {
			if strings.HasPrefix(d, unwanted) {
				t.Errorf("the program has %s in it", d)
			}
		}
	}
}

// rule returns what a package may import: the longest line that covers it decides.
func rule(name string) (imports []string, ok bool) {
	longest := -1
	for _, l := range mayImport {
		if covers(l.pkg, name) && len(l.pkg) > longest {
			imports, ok, longest = l.imports, true, len(l.pkg)
		}
	}
	return imports, ok
}

func covers(pattern, name string) bool {
	return pattern == name || strings.HasSuffix(pattern, "/") && (strings.HasPrefix(name, pattern) || name+"/" == pattern)
}

func listed(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(all) < 10 {
				t.Fatalf("go list found %d packages only", len(all))
			}
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
