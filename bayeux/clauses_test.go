package bayeux

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every clause of docs/protocol/bayeux.md is named by a test.
func TestClauses(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "docs", "protocol", "bayeux.md"))
	must(t, err)
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	named := map[string]bool{}
	id := regexp.MustCompile(`\b([A-Z]{2,3})-(\d+)\b`)
	span := regexp.MustCompile(`\b([A-Z]{2,3})-(\d+) to [A-Z]{2,3}-(\d+)\b`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		for _, m := range id.FindAllString(string(text), -1) {
			named[m] = true
		}
		for _, m := range span.FindAllStringSubmatch(string(text), -1) { // CH-1 to CH-5
			from, _ := strconv.Atoi(m[2])
			to, _ := strconv.Atoi(m[3])
			for n := from; n <= to; n++ {
				named[m[1]+"-"+strconv.Itoa(n)] = true
			}
		}
	}
	clauses := regexp.MustCompile(`(?m)^- \*\*([A-Z]+-\d+)\*\*`).FindAllStringSubmatch(string(doc), -1)
	if len(clauses) < 150 {
		t.Fatalf("%d clauses found", len(clauses))
	}
	var missing []string
	for _, c := range clauses {
		if !named[c[1]] {
			missing = append(missing, c[1])
		}
	}
	if len(missing) > 0 {
		t.Errorf("no test names %s", strings.Join(missing, ", "))
	}
}
