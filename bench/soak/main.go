// Command soak keeps the server under load for long, and says whether what it takes stays the same: memory, goroutines, open files.
//
//	go run ./bench/soak [--binary bin/halley] [--rate 500] [--length 30m] [--json]
//
// The load is the mix of an office, as in bench/durable. The first quarter of the time is for warming up; what the second quarter took is compared
// with what the last one took.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/halley-chat/halley/bench/median"
	"github.com/halley-chat/halley/internal/load"
	"github.com/halley-chat/halley/internal/process"
)

func main() { process.Main("soak", run) }

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	binary := flags.String("binary", "bin/halley", "the server (make build)")
	rate := flags.Float64("rate", 500, "texts per second")
	length := flags.Duration("length", 30*time.Minute, "how long")
	asJSON := flags.Bool("json", false, "print everything as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	// Interrupted, it says what it has found so far.
	report, err := load.Run(context.WithoutCancel(ctx), load.Options{
		Binary: *binary, Agents: 20, Window: 1, Rate: load.PerSecond(*rate), Duration: *length, WebSocket: 0.5, Ack: 0.5, Replies: 0.3, Typing: 0.2,
		Supervisors: -1, Transfers: 0.05, Requeues: 0.05, Meetings: 0.05, Asks: 0.3, Joins: 0.5, Removals: 0.3,
		Texts: 40, Poll: 2 * time.Second, Patience: time.Minute, Stopping: load.ByTerm, Seed: 1,
	}, ctx.Done())
	if err != nil {
		return err
	}
	verdicts, flat := judge(report.Costs.Samples, report.Seconds)
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return err
		}
	} else {
		fmt.Println(process.Machine())
		if err := report.Text(os.Stdout); err != nil {
			return err
		}
		fmt.Println()
		for _, v := range verdicts {
			fmt.Println(v)
		}
	}
	switch {
	case !report.Kept():
		return errors.New("a promise was broken")
	case !flat:
		return errors.New("something grew")
	}
	return nil
}

// judge compares the second quarter of the time with the last one.
func judge(samples []load.Sample, seconds float64) (verdicts []string, flat bool) {
	var early, late []load.Sample
	for _, s := range samples {
		switch at := s.Seconds / seconds; {
		case at >= 0.75:
			late = append(late, s)
		case at >= 0.25 && at < 0.5:
			early = append(early, s)
		}
	}
	if len(early) == 0 || len(late) == 0 {
		return []string{"too short to say whether anything grows"}, true
	}
	flat = true
	hours := seconds / 2 / 3600 // between the middles of the quarters
	check := func(what, unit string, most float64, of func(load.Sample) float64) {
		was, is := median.Of(early, of), median.Of(late, of)
		verdict := "flat"
		if is > was*1.1+most {
			verdict, flat = "GROWS", false
		}
		verdicts = append(verdicts, fmt.Sprintf("%-12s %8.0f -> %8.0f %-3s (%+.1f per hour): %s", what, was, is, unit, (is-was)/hours, verdict))
	}
	check("resident", "MB", 10, func(s load.Sample) float64 { return float64(s.Resident) / (1 << 20) })
	check("goroutines", "", 20, func(s load.Sample) float64 { return float64(s.Goroutines) })
	check("open files", "", 10, func(s load.Sample) float64 { return float64(s.Files) })
	return verdicts, flat
}
