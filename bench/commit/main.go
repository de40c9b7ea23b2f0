// Command commit measures how many commands per second the SQLite store commits, beside bare loops of the same SQL on the same disk in the same run.
//
//	go run -buildvcs=true ./bench/commit [--rounds 5] [--seconds 2] [--dir .] [--json]
//
// A command is what one message in a chat commits: an expectation, the chat's row, an event, a timer, the head of a feed and a row in it. The peers:
//
//   - store: callers call Store.Commit;
//   - bare: one loop, each command in a transaction of its own, as a server without group commit would do however many callers it has;
//   - grouped: one loop with as many commands in each transaction as there are callers: the best that sharing an fsync could give.
//
// The peers take turns within each round. What is printed are medians over the rounds, also of the ratios.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/halley-chat/halley/bench/bare"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "commit:", err)
		os.Exit(1)
	}
}

// report is what a run found out.
type report struct {
	Date     time.Time `json:"date"`
	Commit   string    `json:"commit"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	CPUs     int       `json:"cpus"`
	SQLite   string    `json:"sqlite"`
	Rounds   int       `json:"rounds"`
	Seconds  float64   `json:"seconds"` // of each peer in each round
	Results  []result  `json:"results"`
}

// result is about one number of callers. Rates are commands per second.
type result struct {
	Callers        int     `json:"callers"`
	Store          float64 `json:"store"`
	Bare           float64 `json:"bare"`
	Grouped        float64 `json:"grouped"`
	StoreToBare    float64 `json:"storeToBare"`
	StoreToGrouped float64 `json:"storeToGrouped"`
	P50            float64 `json:"p50Millis"` // of Store.Commit
	P99            float64 `json:"p99Millis"`
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("commit", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how often each peer runs")
	seconds := flags.Float64("seconds", 2, "how long each peer runs in each round")
	dir := flags.String("dir", os.TempDir(), "where to put the databases: on the disk that is to be measured")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 || *seconds <= 0 {
		return fmt.Errorf("--rounds and --seconds must be positive")
	}
	r := report{
		Date: time.Now().UTC().Truncate(time.Second), Commit: revision(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPUs: runtime.NumCPU(), Rounds: *rounds, Seconds: *seconds,
	}
	d := time.Duration(*seconds * float64(time.Second))
	for _, callers := range []int{1, 8, 64} {
		res, err := compare(ctx, *dir, callers, *rounds, d)
		if err != nil {
			return fmt.Errorf("%d callers: %w", callers, err)
		}
		r.Results = append(r.Results, res)
	}
	var err error
	if r.SQLite, err = sqliteVersion(ctx); err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(out)
}

// compare lets the peers take turns.
func compare(ctx context.Context, dir string, callers, rounds int, d time.Duration) (result, error) {
	var store, alone, grouped, toBare, toGrouped, p50, p99 []float64
	for range rounds {
		s, took, err := measureStore(ctx, dir, callers, d)
		if err != nil {
			return result{}, fmt.Errorf("store: %w", err)
		}
		b, err := bare.Measure(ctx, dir, callers, 1, d)
		if err != nil {
			return result{}, fmt.Errorf("bare loop: %w", err)
		}
		g := b
		if callers > 1 {
			if g, err = bare.Measure(ctx, dir, callers, callers, d); err != nil {
				return result{}, fmt.Errorf("bare loop, grouped: %w", err)
			}
		}
		store, alone, grouped = append(store, s), append(alone, b), append(grouped, g)
		toBare, toGrouped = append(toBare, s/b), append(toGrouped, s/g)
		p50, p99 = append(p50, quantile(took, 0.5)), append(p99, quantile(took, 0.99))
	}
	return result{
		Callers: callers, Store: quantile(store, 0.5), Bare: quantile(alone, 0.5), Grouped: quantile(grouped, 0.5),
		StoreToBare: quantile(toBare, 0.5), StoreToGrouped: quantile(toGrouped, 0.5), P50: quantile(p50, 0.5), P99: quantile(p99, 0.5),
	}, nil
}

// quantile returns the value below which the share q of the values lies. It sorts them.
func quantile[T cmp.Ordered](values []T, q float64) (v T) {
	if len(values) == 0 {
		return v
	}
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

func (r report) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s, %s, %d CPUs, SQLite %s, commit %s; medians of %d rounds of %gs\n\n",
		r.Date.Format(time.DateTime), r.Go, r.Platform, r.CPUs, r.SQLite, r.Commit, r.Rounds, r.Seconds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "callers\tstore/s\tbare/s\tgrouped/s\tstore:bare\tstore:grouped\tp50 ms\tp99 ms\t")
	for _, x := range r.Results {
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t\n",
			x.Callers, x.Store, x.Bare, x.Grouped, x.StoreToBare, x.StoreToGrouped, x.P50, x.P99)
	}
	return w.Flush()
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return rev + changed
}
