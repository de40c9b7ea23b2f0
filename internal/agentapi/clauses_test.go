package agentapi

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestClausesAreTested holds docs/protocol/agent-api.md and the code together: each clause that the page numbers is named by a test of the packages that
// build it.
func TestClausesAreTested(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/protocol/agent-api.md")
	if err != nil {
		t.Fatal(err)
	}
	clauses := map[string]bool{}
	for _, m := range regexp.MustCompile(`\*\*(\d+(?:\.\d+)+)|\| (\d\.\d+) \|`).FindAllStringSubmatch(string(page), -1) {
		clauses[m[1]+m[2]] = true
	}
	if len(clauses) < 50 {
		t.Fatalf("only %d clauses found: has the page changed its form?", len(clauses))
	}
	var tests strings.Builder
	for _, pkg := range []string{"agentapi", "agent", "auth", "chat", "desk"} {
		files, err := filepath.Glob("../" + pkg + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(raw)
		}
	}
	named := map[string]bool{}
	for _, n := range regexp.MustCompile(`\d+(\.\d+)+`).FindAllString(tests.String(), -1) {
		named[n] = true
	}
	for _, c := range slices.Sorted(maps.Keys(clauses)) {
		if !named[c] {
			t.Errorf("no test names clause %s", c)
		}
	}
}
