// Package telemetry is what an operator sees of a running server: its log and its metrics.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger makes the server's log. level is debug, info, warn or error; format is text or json. Both forms quote control characters, so nothing that
// comes from a client can forge a line or colour a terminal (D6).
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: use debug, info, warn or error", level)
	}
	opt := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opt)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opt)), nil
	}
	return nil, fmt.Errorf("log format %q: use text or json", format)
}
