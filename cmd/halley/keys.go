package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// fileFlag names the flag of a command whose other flags can stand in a YAML file, under their names. (Those of serve are in config's.)
const fileFlag = "file"

// maxKeys is the largest file that is read, in bytes.
const maxKeys = 1 << 20

// resolveFile takes flags that are neither on the command line nor in the environment from the file that the command names.
func (w world) resolveFile(parsed *kong.Context, path *kong.Path, flag *kong.Flag) (any, error) {
	at := slices.IndexFunc(path.Flags, func(f *kong.Flag) bool { return f.Name == fileFlag })
	if at < 0 || flag.Name == fileFlag || flag.Name == "help" {
		return nil, nil
	}
	name, _ := parsed.FlagValue(path.Flags[at]).(string)
	if name == "" {
		name, _ = w.env("HALLEY_FILE")
	}
	if name == "" {
		return nil, nil
	}
	keys, err := readKeys(name, path.Flags)
	return keys[flag.Name], err
}

// readKeys reads a file of flags. Errors are one line with the file's name and the line in it.
func readKeys(name string, flags []*kong.Flag) (map[string]any, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKeys {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxKeys)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: it is not YAML: %w", name, err)
	}
	keys := map[string]any{}
	for _, doc := range tree.Docs {
		body, ok := doc.Body.(*ast.MappingNode)
		if !ok {
			return nil, fmt.Errorf("%s: write a line for each flag, such as agents: 20", name)
		}
		for _, pair := range body.Values {
			key, line := pair.Key.String(), pair.Key.GetToken().Position.Line
			if !slices.ContainsFunc(flags, func(f *kong.Flag) bool { return f.Name == key && key != fileFlag && key != "help" }) {
				return nil, fmt.Errorf("%s:%d: unknown key %q", name, line, key)
			}
			var value any
			if err := yaml.NodeToValue(pair.Value, &value); err != nil {
				return nil, fmt.Errorf("%s:%d: %s: it cannot be read", name, line, key)
			}
			switch value.(type) {
			case string, bool, int, int64, uint64, float64:
				keys[key] = fmt.Sprint(value)
			default:
				return nil, fmt.Errorf("%s:%d: %s: give a single value", name, line, key)
			}
		}
	}
	return keys, nil
}
