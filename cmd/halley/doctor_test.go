package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/doctor"
)

// Doctor prints a line for each finding, or all of them as JSON, and its status says whether there are problems.
func TestDoctor(t *testing.T) {
	t.Parallel()
	server := &console{signals: make(chan os.Signal, 2)}
	url, status := serving(t, server, "--agent-timeout", "1s", "--agent-ping-interval", "1s")

	c := &console{vars: map[string]string{"HALLEY_URL": url}} // as the server's own settings come
	if s := c.run(t.Context(), "doctor"); s != exitFine || c.err.String() != "" {
		t.Errorf("status %d, %q", s, c.err.String())
	}
	if got := c.out.String(); !strings.Contains(got, "\nok       way.hold        a poll is held for 6.0 s") {
		t.Errorf("printed %s", got)
	}

	c = &console{}
	if s := c.run(t.Context(), "doctor", "--json", "--direct", url, "--data", t.TempDir()+"/nowhere"); s != exitFailed {
		t.Errorf("status %d", s)
	}
	if got := c.err.String(); !strings.HasPrefix(got, "halley: there are problems: 2, and ") {
		t.Errorf("standard error is %q", got)
	}
	var report struct{ Findings []doctor.Finding }
	if err := json.Unmarshal([]byte(c.out.String()), &report, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, c.out.String())
	}
	levels := map[string]doctor.Level{}
	for _, f := range report.Findings {
		levels[f.Check] = f.Level
	}
	if levels["data"] != doctor.Problem || levels["disk"] != doctor.Problem || levels["direct.hold"] != doctor.OK {
		t.Errorf("found %v", levels)
	}
	server.signals <- syscall.SIGTERM
	if s := <-status; s != exitFine {
		t.Errorf("the server ended with status %d: %s", s, server.err.String())
	}
}
