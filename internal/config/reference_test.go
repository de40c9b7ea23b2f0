package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const referencePage = "../../docs/configuration.md"

// The page of settings says what the code does: it is written from the struct, and this test fails when it is not current.
func TestReferencePageIsCurrent(t *testing.T) {
	t.Parallel()
	want := reference()
	if *update {
		if err := os.WriteFile(referencePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not what the settings say; go test ./internal/config -update\n%s", diff)
	}
}

// Every setting and every key of the file has a name in the file and a description.
func TestEverySettingIsNamedAndDescribed(t *testing.T) {
	t.Parallel()
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Tag.Get("yaml") == "" {
				t.Errorf("%s.%s has no name", typ.Name(), f.Name)
			}
			elem := f.Type
			if elem.Kind() == reflect.Slice {
				elem = elem.Elem()
			}
			if elem.Kind() == reflect.Struct && elem != reflect.TypeFor[time.Duration]() {
				check(elem)
			}
			if f.Tag.Get("help") == "" && f.Tag.Get("embed") == "" && !strings.Contains(string(f.Tag), "embed") {
				t.Errorf("%s.%s has no description", typ.Name(), f.Name)
			}
		}
	}
	check(reflect.TypeFor[Config]())
}

func reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Written from internal/config/config.go by: go test ./internal/config -update -->

Each setting can be given as a flag of ` + "`halley serve`" + `, as an environment variable, or in the YAML file named by ` + "`--config`" + `
(or ` + "`HALLEY_CONFIG`" + `). A flag wins over the environment, that over the file, that over the default. An unknown key in the file is an error which
names the line and the keys there are. Durations are a number with a unit (` + "`500ms`, `30s`, `10m`" + `); lists are separated by commas in flags and
variables.

## Settings

`)
	group := "general"
	table(&b, "Key in the file", "Flag", "Environment", "Default", "")
	for _, s := range settings() {
		if g := s.path[0]; len(s.path) > 1 && g != group {
			group = g
			field, _ := fieldOf(reflect.TypeFor[Config](), g)
			fmt.Fprintf(&b, "\n### %s\n\n", field.Tag.Get("group"))
			table(&b, "Key in the file", "Flag", "Environment", "Default", "")
		}
		row(&b, code(s.key()), code("--"+s.flag()), code(s.env()), code(s.field.Tag.Get("default")), s.field.Tag.Get("help"))
	}
	b.WriteString("\nIn demo mode `routing.least-loaded-first` is on by default, and the lists below have the demo's entries unless the file has its own.\n")
	b.WriteString("\n## Lists, in the file only\n")
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		f := config.Field(i)
		if f.Tag.Get("kong") != "-" {
			continue
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n", f.Tag.Get("yaml"), f.Tag.Get("help"))
		entries(&b, f.Type.Elem(), "")
	}
	b.WriteString("\n## Example\n\n```yaml\n" + example + "```\n")
	return b.String()
}

// entries writes the keys of a list's entries, then those of the lists in them.
func entries(b *strings.Builder, t reflect.Type, of string) {
	if t.Kind() != reflect.Struct {
		return
	}
	b.WriteString("\n" + of)
	table(b, "Key", "Default", "")
	for i := range t.NumField() {
		k := t.Field(i)
		row(b, code(k.Tag.Get("yaml")), k.Tag.Get("default"), k.Tag.Get("help"))
	}
	for i := range t.NumField() {
		if k := t.Field(i); k.Type.Kind() == reflect.Slice {
			entries(b, k.Type.Elem(), "Each of the "+code(k.Tag.Get("yaml"))+":\n\n")
		}
	}
}

func table(b *strings.Builder, heads ...string) {
	row(b, heads...)
	fmt.Fprintf(b, "|%s\n", strings.Repeat(" --- |", len(heads)))
}

func row(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// example is the file that the reference page shows, and which TestExampleIsAccepted loads.
const example = `listen: 0.0.0.0:8443
url: https://desk.example.com
data: /var/lib/halley
trusted-proxies: [10.0.0.5]
routing:
  offer-timeout: 20s
  least-loaded-first: true
queues:
  - name: support
    suggest: [billing]
  - name: billing
skills:
  - name: parcels
services:
  - name: help
    endpoint: support
    required-fields: [firstName]
    allowed-origins: [https://www.example.com]
users:
  - name: dana
    first-name: Dana
    last-name: Reyes
    queues: [support, billing]
    skills: {parcels: 8}
    capacity: 4
    password-hash: $argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$O8MVZRoiWVXIXWW4lEu1d7jPLNQDHQ9F3gVu6Cux4jA
agent-states:
  - operation: Lunch
dispositions:
  - name: solved
    display-name: Solved
settings:
  interaction-workspace:
    chat.auto-answer: "true"
`
