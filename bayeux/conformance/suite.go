package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Suite runs checks against a target.
type Suite struct {
	Target Target
	// Reference says that the target is the reference: D checks must find it different in the way that is documented, O checks are not asked.
	Reference bool
	// Choose tells which checks are run. Nil: all.
	Choose func(Check) bool
	// Slack is how late an answer may be. Default 200 ms.
	Slack time.Duration
	// Parallel is how many lines run at a time. Default 32: they mostly wait.
	Parallel int
	// Crowd is how many idle sessions check 60 has. Default 10 000.
	Crowd int
	// Done is told of each result as it comes; by several goroutines, one at a time.
	Done func(Result)

	lines  atomic.Uint64 // so that each has channels of its own
	crowds sync.Mutex    // one at a time: each takes many file descriptors
}

// Verdict is what came out of a line.
type Verdict string

// Verdicts. Only the reference may be found to differ.
const (
	Pass          Verdict = "pass"
	Fail          Verdict = "FAIL"
	Differs       Verdict = "differs as documented"
	NotApplicable Verdict = "not applicable"
)

// Result is the outcome of one line.
type Result struct {
	Check   Check
	On      Transport
	Verdict Verdict
	Note    string // what failed, or why the line is not applicable
	Took    time.Duration
}

const (
	defaultLimit    = 40 * time.Second // for one line, once its server stands
	defaultSlack    = 200 * time.Millisecond
	defaultParallel = 32
	attempts        = 4 // at a line, where the machine is too slow
	defaultCrowd    = 10_000
)

// Run runs the chosen checks on each of their transports and returns the results in the order of the list.
func (s *Suite) Run(ctx context.Context, checks []Check) []Result {
	var results []Result
	for _, c := range checks {
		if s.Choose == nil || s.Choose(c) {
			for _, t := range c.On {
				results = append(results, Result{Check: c, On: t})
			}
		}
	}
	parallel := s.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	var (
		slots   = make(chan struct{}, parallel)
		wg      sync.WaitGroup
		telling sync.Mutex
	)
	run := func(r *Result) {
		defer func() { <-slots }()
		began := time.Now()
		r.Verdict, r.Note = s.line(ctx, r.Check, r.On)
		r.Took = time.Since(began)
		if s.Done != nil {
			telling.Lock()
			defer telling.Unlock()
			s.Done(*r)
		}
	}
	for i := range results {
		if !results[i].Check.Heavy {
			slots <- struct{}{}
			wg.Go(func() { run(&results[i]) })
		}
	}
	wg.Wait()
	for i := range results {
		if results[i].Check.Heavy {
			slots <- struct{}{}
			run(&results[i])
		}
	}
	return results
}

// line decides on one line.
func (s *Suite) line(ctx context.Context, c Check, on Transport) (Verdict, string) {
	what, good := c.Run, Pass
	switch {
	case s.Reference && c.Mark == O:
		return NotApplicable, "the reference does not have this option"
	case s.Reference && c.Mark == D && c.Reference != nil:
		what, good = c.Reference, Differs
	}
	failures, needs, again := s.try(ctx, c, on, what)
	for n := 1; again != "" && len(failures) == 0; n++ {
		if n == attempts {
			return Fail, "the machine is too slow: " + again
		}
		failures, needs, again = s.try(ctx, c, on, what)
	}
	note := strings.Join(failures, "; ")
	switch {
	case needs != "":
		return NotApplicable, needs
	case s.Reference && c.Mark == D && c.Reference == nil:
		if len(failures) == 0 {
			return Fail, "the reference does this as well, though the rule says that it differs"
		}
		return Differs, note
	case len(failures) > 0:
		return Fail, note
	}
	return good, ""
}

// try runs f on a server with the options of the check, and returns what failed, or why it is not applicable or says nothing.
func (s *Suite) try(ctx context.Context, c Check, on Transport, f func(*Line)) (failures []string, needs, again string) {
	server, err := s.Target.Start(ctx, c.Options, c.Alone)
	if errors.Is(err, ErrOptions) {
		return nil, err.Error(), ""
	}
	if err != nil {
		return []string{err.Error()}, "", ""
	}
	defer server.release()

	limit := c.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the line took more than %v", limit))
	defer cancel()
	run := strconv.FormatInt(time.Now().UnixNano(), 36) // an earlier run may have left something on a server that lives on
	l := &Line{
		On: on, URL: server.URL, Slack: s.Slack,
		ctx: ctx, suite: s, server: server, prefix: fmt.Sprintf("/%s%d-%d%s", run, s.lines.Add(1), c.N, on.Letter()),
	}
	if l.Slack == 0 {
		l.Slack = defaultSlack
	}
	var wg sync.WaitGroup
	wg.Go(func() { f(l) }) // Fatalf ends this goroutine, no other
	wg.Wait()
	cancel()
	for _, clean := range slices.Backward(l.cleanups) {
		clean()
	}
	return l.failures, l.needs, l.again
}
