package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/halley-chat/halley/internal/telemetry"
)

type version struct{}

func (*version) run(_ context.Context, w world, _ []string) error {
	b := buildInfo()
	_, err := fmt.Fprintf(w.out, "halley %s, commit %s, %s\n", b.Version, b.Commit, b.Go)
	return err
}

// buildInfo tells what the Go tool has noted in the binary.
func buildInfo() telemetry.Build {
	b := telemetry.Build{Version: "devel", Commit: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	changed := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if changed {
		b.Commit += " with changes"
	}
	return b
}
