// Bayeux-conformance checks that a server speaks Bayeux.
//
//	bayeux-conformance -url http://127.0.0.1:8080/cometd
//	bayeux-conformance -exec "bin/openserver"
//	bayeux-conformance -reference -exec "java -jar server.jar" -markdown
//	bayeux-conformance -exec "bin/openserver" -beside "java -jar server.jar"
//
// It exits with 1 if a line fails, with 2 if it was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/halley-chat/halley/bayeux/conformance"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, complaints io.Writer) int {
	flags := flag.NewFlagSet("bayeux-conformance", flag.ContinueOnError)
	flags.SetOutput(complaints)
	var (
		mount     = flags.String("url", "", "`URL` of a server's mount, such as http://127.0.0.1:8080/cometd")
		command   = flags.String("exec", "", "`command` that starts a server: it takes --listen and the options as flags, and prints \"listening host:port\"")
		reference = flags.Bool("reference", false, "the server is CometD: it must differ where that is documented")
		beside    = flags.String("beside", "", "`command` that starts CometD: it is checked as well, and a Markdown table shows both")
		only      = flags.String("only", "", "`numbers` of the checks to run, such as 1,5,40-44")
		slack     = flags.Duration("slack", 200*time.Millisecond, "how late an answer may be")
		parallel  = flags.Int("parallel", 32, "how many lines run at a time")
		crowd     = flags.Int("crowd", 10_000, "how many idle sessions check 60 has")
		markdown  = flags.Bool("markdown", false, "write a Markdown table")
		quiet     = flags.Bool("quiet", false, "do not tell of each line as it ends")
	)
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	numbers, err := parseNumbers(*only)
	if err == nil && (*mount == "") == (*command == "") {
		err = errors.New("give one of -url and -exec")
	}
	if err != nil {
		fmt.Fprintln(complaints, "bayeux-conformance:", err)
		return 2
	}
	check := func(target conformance.Target, reference bool) []conformance.Result {
		defer target.Close()
		suite := conformance.Suite{
			Target: target, Reference: reference, Slack: *slack, Parallel: *parallel, Crowd: *crowd,
			Choose: func(c conformance.Check) bool { return numbers == nil || slices.Contains(numbers, c.N) },
			Done: func(r conformance.Result) {
				if !*quiet {
					fmt.Fprintln(complaints, r)
				}
			},
		}
		return suite.Run(ctx, conformance.Checks())
	}
	target := conformance.URL(*mount)
	if *command != "" {
		target = conformance.Exec(strings.Fields(*command)...)
	}
	results := check(target, *reference)
	var theirs []conformance.Result
	write := func() error { return conformance.WriteText(out, results) }
	switch {
	case *beside != "":
		theirs = check(conformance.Exec(strings.Fields(*beside)...), true)
		write = func() error { return conformance.WriteComparison(out, results, theirs) }
	case *markdown:
		write = func() error { return conformance.WriteMarkdown(out, results) }
	}
	if err := write(); err != nil || conformance.Bad(results) || conformance.Bad(theirs) {
		return 1
	}
	return 0
}

// parseNumbers reads "1,5,40-44"; nil for the empty string.
func parseNumbers(s string) ([]int, error) {
	if s == "" {
		return nil, nil
	}
	var numbers []int
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(to)
		}
		if err != nil || a < 1 || b < a || b > 1000 {
			return nil, fmt.Errorf("-only: %q is not a list of numbers such as 1,5,40-44", s)
		}
		for n := a; n <= b; n++ {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}
