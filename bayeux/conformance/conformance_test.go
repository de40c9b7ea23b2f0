package conformance

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// The open server passes every line, each on the transports it names. A race that the detector finds ends the server, and so fails lines.
func TestConformance(t *testing.T) {
	t.Parallel()
	server := filepath.Join(t.TempDir(), "openserver")
	args := []string{"build", "-o", server, "../examples/openserver"}
	if build, ok := debug.ReadBuildInfo(); ok && slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = slices.Insert(args, 1, "-race")
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build the open server: %v\n%s", err, out)
	}
	target := Exec("env", "GORACE=halt_on_error=1", server)
	defer target.Close()
	suite := Suite{Target: target, Slack: time.Second, Crowd: 500}
	for _, r := range suite.Run(t.Context(), Checks()) {
		t.Run(fmt.Sprintf("%02d %s/%s", r.Check.N, r.On.Letter(), r.Check.Title), func(t *testing.T) {
			if r.Verdict != Pass {
				t.Errorf("%s after %v: %s", r.Verdict, r.Took.Round(time.Millisecond), r.Note)
			}
		})
	}
}

// Every line of the list has a check, on each transport that the list marks.
func TestTheListIsComplete(t *testing.T) {
	t.Parallel()
	marked := map[int]string{
		1: "LJ", 2: "LW", 3: "LW", 4: "LW", 5: "LWJ", 6: "LW", 7: "LW", 8: "LW", 9: "LJ", 10: "LWJ", 11: "LW", 12: "LW", 13: "LW", 14: "LW", 15: "LW", 16: "LW",
		17: "LWJ", 18: "LW", 19: "LW", 20: "LW", 21: "L", 22: "L", 23: "LW", 24: "LW", 25: "LW", 26: "LW", 27: "LJ", 28: "L", 29: "L", 30: "L", 31: "L",
		32: "LJ", 33: "J", 34: "LW", 35: "W", 36: "W", 37: "W", 38: "W", 39: "W", 40: "W", 41: "W", 42: "LW", 43: "L", 44: "W", 45: "LW", 46: "LW", 47: "LW",
		48: "LW", 49: "LW", 50: "LW", 51: "LW", 52: "LW", 53: "LW", 54: "LW", 55: "LW", 56: "LW", 57: "W", 58: "LW", 59: "JW", 60: "LW", 61: "L", 62: "LW",
	}
	has := map[string]bool{}
	for _, c := range Checks() {
		for _, on := range c.On {
			has[fmt.Sprint(c.N, on.Letter())] = true
		}
	}
	for n, letters := range marked {
		for _, letter := range letters {
			if !has[fmt.Sprint(n, string(letter))] {
				t.Errorf("no check %d on %c", n, letter)
			}
		}
	}
}
