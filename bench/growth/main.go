// Command growth measures whether the server gets slower with what it keeps: the same load against an empty folder and one with ten million messages, in
// turns within one run.
//
//	go run ./bench/growth [--binary bin/halley] [--messages 10000000] [--rate 500] [--rounds 3] [--length 20s] [--json]
//
// The messages are written through SQL, as finished chats of forty messages each, with the notices that their agents had. That takes some minutes and
// about 600 bytes for each on the disk of --dir.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/halley-chat/halley/bench/median"
	"github.com/halley-chat/halley/bench/past"
	"github.com/halley-chat/halley/internal/load"
	"github.com/halley-chat/halley/internal/process"
)

func main() { process.Main("growth", run) }

// texts is how many a chat has.
const texts = 40

// tolerated is by how much latencies may differ.
const tolerated = 0.10

// round has the loads of one round, at the same rate.
type round struct {
	Empty *load.Report `json:"empty"`
	Full  *load.Report `json:"full"`
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	binary := flags.String("binary", "bin/halley", "the server (make build)")
	messages := flags.Int("messages", 10_000_000, "messages that are there")
	rate := flags.Float64("rate", 500, "texts per second")
	rounds := flags.Int("rounds", 3, "how often each load runs")
	length := flags.Duration("length", 20*time.Second, "length of each load")
	dir := flags.String("dir", os.TempDir(), "where to put the data")
	asJSON := flags.Bool("json", false, "print everything as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(*dir, "growth-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	empty, full := filepath.Join(folder, "empty"), filepath.Join(folder, "full")
	began := time.Now()
	size, err := past.Fill(ctx, full, *messages/texts, texts)
	if err != nil {
		return fmt.Errorf("write %d messages: %w", *messages, err)
	}
	fmt.Fprintf(os.Stderr, "%d messages, %d MB, written in %v\n", *messages, size>>20, time.Since(began).Round(time.Second))

	opt := load.Options{
		Binary: *binary, Agents: 20, Window: 1, Rate: load.PerSecond(*rate), Duration: *length, WebSocket: 0.5, Ack: 0.5, Replies: 0.3, Typing: 0.2,
		Transfers: 0.05, Meetings: 0.05, Texts: texts, Poll: 2 * time.Second, Patience: time.Minute, Stopping: load.ByTerm, Seed: 1,
	}
	play := func(data string) (*load.Report, error) {
		o := opt
		o.Data = data
		report, err := load.Run(ctx, o, nil)
		if err == nil && !report.Kept() {
			err = fmt.Errorf("a promise was broken: %+v %q", report.Delivery, report.Broken)
		}
		return report, err
	}
	var all []round
	for i := range *rounds {
		var r round
		// Who begins changes, so that neither has the warmer machine.
		for _, first := range []bool{i%2 == 0, i%2 != 0} {
			if first {
				r.Empty, err = play(filepath.Join(empty, fmt.Sprint(i))) // a fresh one each time
			} else {
				r.Full, err = play(full)
			}
			if err != nil {
				return err
			}
		}
		all = append(all, r)
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	report(all, *messages, *rate)
	return nil
}

func report(all []round, messages int, rate float64) {
	fmt.Println(process.Machine())
	fmt.Printf("the mix of an office at %g texts a second; medians of %d rounds; ratios are medians of the rounds' own\n\n", rate, len(all))
	fmt.Printf("%-28s %12s %12s %8s\n", "", "empty", fmt.Sprintf("%d", messages), "ratio")
	line := func(what string, of func(*load.Report) float64) float64 {
		ratio := median.Of(all, func(r round) float64 { return of(r.Full) / max(of(r.Empty), 1e-9) })
		fmt.Printf("%-28s %12.2f %12.2f %8.2f\n", what, median.Of(all, func(r round) float64 { return of(r.Empty) }),
			median.Of(all, func(r round) float64 { return of(r.Full) }), ratio)
		return ratio
	}
	p50 := line("send, p50 ms", func(r *load.Report) float64 { return r.Step("send").P50 })
	line("send, p99 ms", func(r *load.Report) float64 { return r.Step("send").P99 })
	notify := line("notify, p50 ms", func(r *load.Report) float64 { return r.Step("notify").P50 })
	line("notify, p99 ms", func(r *load.Report) float64 { return r.Step("notify").P99 })
	line("accept, p50 ms", func(r *load.Report) float64 { return r.Step("accept").P50 })
	line("server, share of a core", func(r *load.Report) float64 { return r.Costs.Cores })
	line("server, resident MB", func(r *load.Report) float64 { return float64(r.Costs.Peak >> 20) })
	verdict := "reached"
	if p50 > 1+tolerated || notify > 1+tolerated {
		verdict = "MISSED"
	}
	fmt.Printf("\ngoal: the same latency (p50 of send and notify, within 10 %%): %s\n", verdict)
}
