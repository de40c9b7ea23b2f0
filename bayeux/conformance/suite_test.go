package conformance

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// No check may pass on a server that does nothing, or each check says nothing.
func TestNoCheckPassesOnAServerThatOnlyFails(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"status 500":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"empty array": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("[]")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(answer)
			defer server.Close()
			suite := Suite{Target: anyOptions{URL(server.URL)}, Crowd: 10}
			for _, r := range suite.Run(t.Context(), Checks()) {
				if r.Verdict != Fail {
					t.Errorf("%v", r)
				}
			}
		})
	}
}

// anyOptions claims to have what every check asks for.
type anyOptions struct{ Target }

func (a anyOptions) Start(ctx context.Context, _ string, alone bool) (*Server, error) {
	return a.Target.Start(ctx, "", alone)
}

// What decides on a verdict, for each mark.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	good := func(*Line) {}
	bad := func(l *Line) { l.Fatalf("no") }
	for _, c := range []struct {
		name      string
		check     Check
		reference bool
		want      Verdict
	}{
		{"R passes", Check{Mark: R, Run: good}, false, Pass},
		{"R fails", Check{Mark: R, Run: bad}, false, Fail},
		{"R passes on the reference", Check{Mark: R, Run: good}, true, Pass},
		{"R fails on the reference", Check{Mark: R, Run: bad}, true, Fail},
		{"D passes", Check{Mark: D, Run: good, Reference: bad}, false, Pass},
		{"D differs as said", Check{Mark: D, Run: bad, Reference: good}, true, Differs},
		{"D differs in another way", Check{Mark: D, Run: bad, Reference: bad}, true, Fail},
		{"D differs somehow", Check{Mark: D, Run: bad}, true, Differs},
		{"D does not differ", Check{Mark: D, Run: good}, true, Fail},
		{"O is not asked", Check{Mark: O, Run: bad}, true, NotApplicable},
		{"O passes", Check{Mark: O, Run: good}, false, Pass},
		{"options of a server that is there", Check{Mark: R, Run: good, Options: "--timeout 1"}, false, NotApplicable},
		{"an error only noted", Check{Mark: R, Run: func(l *Line) { l.Errorf("no") }}, false, Fail},
		{"a failure beside", Check{Mark: R, Run: func(l *Line) { l.Together(func() { bad(l) }, func() {}) }}, false, Fail},
		{"too slow, always", Check{Mark: R, Run: func(l *Line) { l.Again("no") }}, false, Fail},
		{"too slow, once", Check{Mark: R, Run: firstTime(func(l *Line) { l.Again("no") })}, false, Pass},
		{"heavy", Check{Mark: R, Run: good, Heavy: true}, false, Pass},
		{"too late", Check{Mark: R, Limit: time.Millisecond, Run: func(l *Line) { l.Pause(time.Minute) }}, false, Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check.On = []Transport{L}
			suite := Suite{Target: URL("http://127.0.0.1:1"), Reference: c.reference}
			if got := suite.Run(t.Context(), []Check{c.check}); len(got) != 1 || got[0].Verdict != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// firstTime runs f the first time only.
func firstTime(f func(*Line)) func(*Line) {
	done := false
	return func(l *Line) {
		if !done {
			done = true
			f(l)
		}
	}
}

// A server that is only known by its URL is lent to a line alone while no other has it.
func TestAloneOnOneServer(t *testing.T) {
	t.Parallel()
	var on atomic.Int32
	together := Check{N: 1, Title: "together", Mark: R, Run: func(l *Line) {
		on.Add(1)
		l.Pause(time.Millisecond)
		on.Add(-1)
	}}
	alone := Check{N: 2, Title: "alone", Mark: R, Alone: true, Run: func(l *Line) {
		Is(l, "the number of others at the start", on.Load(), 0)
		l.Pause(time.Millisecond)
		Is(l, "the number of others at the end", on.Load(), 0)
	}}
	var checks []Check
	for range 10 {
		checks = append(checks, together, together, together, alone)
	}
	for i := range checks {
		checks[i].On = []Transport{L, W}
	}
	suite := Suite{Target: URL("http://127.0.0.1:1")}
	if results := suite.Run(t.Context(), checks); Bad(results) {
		t.Error(results)
	}
}

// Numbers are those of the list, and the pair of number and title names a check.
func TestTheListIsWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Checks() {
		if c.N < 1 || c.N > 62 || c.Title == "" || len(c.Rules) == 0 || len(c.On) == 0 || c.Run == nil || !slices.Contains([]Mark{R, D, O}, c.Mark) {
			t.Errorf("incomplete: %+v", c)
		}
		if key := strings.ToLower(string(rune(c.N)) + c.Title); seen[key] {
			t.Errorf("twice: %d %s", c.N, c.Title)
		} else {
			seen[key] = true
		}
		if c.Mark != D && c.Reference != nil {
			t.Errorf("%d %s: only a D check says what the reference does instead", c.N, c.Title)
		}
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	started := Exec("sh", "-c", `echo "listening 127.0.0.1:$(($# + 1))"; exec tail -f /dev/null`, "sh")
	defer started.Close()
	s, err := started.Start(t.Context(), "--timeout 1", false)
	if err != nil || s.URL != "http://127.0.0.1:5/cometd" || s.PID() == 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	again, err := started.Start(t.Context(), "--timeout 1", false)
	if err != nil || again.PID() != s.PID() {
		t.Errorf("a second server for the same options: %+v, %v", again, err)
	}
	own, err := started.Start(t.Context(), "--timeout 1", true)
	if err != nil || own.PID() == s.PID() {
		t.Errorf("no server of its own: %+v, %v", own, err)
	}
	own.release()

	picky := Exec("sh", "-c", "echo unknown flag >&2; exit 2")
	defer picky.Close()
	if _, err := picky.Start(t.Context(), "--odd 1", false); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "unknown flag") {
		t.Errorf("an unknown option: %v", err)
	}
	broken := Exec("sh", "-c", "echo out of luck >&2; exit 1")
	defer broken.Close()
	if _, err := broken.Start(t.Context(), "", false); err == nil || errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("a server that does not start: %v", err)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	results := []Result{
		{Check: Check{N: 1, Title: "a|b", Rules: []string{"HS-3", "CK-1"}, Mark: R}, On: L, Verdict: Pass},
		{Check: Check{N: 12, Title: "c", Rules: []string{"CH-3"}, Mark: D}, On: W, Verdict: Fail, Note: "got `x`\nwant <y>"},
	}
	var text, markdown strings.Builder
	if err := errors.Join(WriteText(&text, results), WriteMarkdown(&markdown, results)); err != nil {
		t.Fatal(err)
	}
	if want := "1   L  pass  HS-3 CK-1  a|b  0s  \n12  W  FAIL  CH-3       c    0s  got `x`\nwant <y>\n2 lines: 1 pass, 1 FAIL\n"; text.String() != want {
		t.Errorf("text: %q, want %q", text.String(), want)
	}
	want := "| # | check | rules | mark | on | verdict | note |\n|---|---|---|---|---|---|---|\n" +
		"| 1 | a\\|b | HS-3, CK-1 | R | L | pass |  |\n" +
		"| 12 | c | CH-3 | D | W | FAIL | `got 'x' want <y>` |\n\n2 lines: 1 pass, 1 FAIL.\n"
	if markdown.String() != want {
		t.Errorf("markdown: %q, want %q", markdown.String(), want)
	}
	if !Bad(results) || Bad(results[:1]) {
		t.Error("Bad does not tell a failure")
	}
}

// A row has one verdict where the transports agree, and each note once.
func TestComparison(t *testing.T) {
	t.Parallel()
	held := Check{N: 5, Title: "held", Rules: []string{"CN-3"}, On: []Transport{L, W}, Mark: D}
	capped := Check{N: 6, Title: "capped", Rules: []string{"CN-8"}, On: []Transport{L}, Mark: R}
	ours := []Result{{Check: held, On: L, Verdict: Pass}, {Check: held, On: W, Verdict: Fail, Note: "too late"}, {Check: capped, On: L, Verdict: Pass}}
	reference := []Result{{Check: held, On: L, Verdict: Differs}, {Check: held, On: W, Verdict: Differs}, {Check: capped, On: L, Verdict: NotApplicable, Note: "needs `it`"}}
	var got strings.Builder
	if err := WriteComparison(&got, ours, reference); err != nil {
		t.Fatal(err)
	}
	want := "| # | check | rules | mark | on | ours | reference | note |\n|---|---|---|---|---|---|---|---|\n" +
		"| 5 | held | CN-3 | D | L W | L: pass, W: FAIL | differs as documented | `too late` |\n" +
		"| 6 | capped | CN-8 | R | L | pass | not applicable | `needs 'it'` |\n" +
		"\nOurs: 3 lines: 2 pass, 1 FAIL. Reference: 3 lines: 2 differs as documented, 1 not applicable.\n"
	if got.String() != want {
		t.Errorf("got %s\nwant %s", got.String(), want)
	}
}
