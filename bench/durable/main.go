// Command durable measures what the whole server makes of a disk: customers' texts per second that are on disk, answered, and in the hands of agents'
// CometD clients, beside the bare loop of the same SQL, in turns within one run.
//
//	go run ./bench/durable [--binary bin/halley] [--rounds 3] [--length 15s] [--json]
//
// Server and load share the machine. Every load is one of `halley load`, with its checks: a fast server that loses something is not fast. The parts of a
// round:
//
//   - bare: one loop of the store's SQL for a text, a transaction for each, with nothing else around it;
//   - most: customers write as fast as they are answered, --window texts under way;
//   - steady: the same at 2,000 texts a second, each when its time has come;
//   - office: the mix of a contact centre at 500 texts a second: customers and agents, typing, transfers, conferences, chats that begin and end.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/halley-chat/halley/bench/bare"
	"github.com/halley-chat/halley/bench/median"
	"github.com/halley-chat/halley/internal/load"
	"github.com/halley-chat/halley/internal/process"
)

func main() { process.Main("durable", run) }

// The goals (issue "Nothing lost").
const (
	goalRate   = 2000.0 // texts per second
	goalP99    = 50.0   // milliseconds, at that rate
	goalShare  = 0.5    // of the bare loop
	officeRate = 500
	officeP50  = 5.0
	officeP99  = 20.0
)

// round is what one round found out.
type round struct {
	Bare   float64      `json:"bare"` // commits per second
	Most   *load.Report `json:"most"`
	Steady *load.Report `json:"steady"`
	Office *load.Report `json:"office"`
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("durable", flag.ContinueOnError)
	binary := flags.String("binary", "bin/halley", "the server (make build)")
	rounds := flags.Int("rounds", 3, "how often each part runs")
	length := flags.Duration("length", 15*time.Second, "length of each load")
	agents := flags.Int("agents", 20, "agents")
	window := flags.Int("window", 64, "texts under way when it goes as fast as it can")
	asJSON := flags.Bool("json", false, "print everything as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	customers := load.Options{
		Binary: *binary, Agents: *agents, Window: *window, Duration: *length, WebSocket: 0.5, Ack: 0.5, Texts: 500,
		Poll: 2 * time.Second, Patience: time.Minute, Stopping: load.ByTerm, Seed: 1,
	}
	steady := customers
	steady.Rate = goalRate
	office := customers
	office.Rate, office.Replies, office.Typing, office.Transfers, office.Meetings, office.Texts = officeRate, 0.3, 0.2, 0.05, 0.05, 40
	var all []round
	for i := range *rounds {
		var r round
		var err error
		if r.Bare, err = bare.Measure(ctx, os.TempDir(), 64, 1, min(*length, 5*time.Second)); err != nil {
			return fmt.Errorf("bare loop: %w", err)
		}
		for _, part := range []struct {
			into **load.Report
			opt  load.Options
		}{{&r.Most, customers}, {&r.Steady, steady}, {&r.Office, office}} {
			if *part.into, err = load.Run(ctx, part.opt, nil); err != nil {
				return err
			}
			if !(*part.into).Kept() {
				return fmt.Errorf("a promise was broken: %+v %q", (*part.into).Delivery, (*part.into).Broken)
			}
		}
		all = append(all, r)
		fmt.Fprintf(os.Stderr, "round %d: bare %.0f/s, most %.0f/s\n", i+1, r.Bare, r.Most.Rate)
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	report(all)
	return nil
}

func report(all []round) {
	fmt.Println(process.Machine())
	fmt.Printf("medians of %d rounds; %d agents, half over websocket, half of each with ack; every text on disk before its answer\n\n", len(all), all[0].Most.Load.Agents)
	part := func(name string, of func(round) *load.Report) {
		figure := func(f func(*load.Report) float64) float64 {
			return median.Of(all, func(r round) float64 { return f(of(r)) })
		}
		step := func(name string, f func(load.Step) float64) float64 {
			return figure(func(r *load.Report) float64 { return f(r.Step(name)) })
		}
		p50, p99, p999 := func(s load.Step) float64 { return s.P50 }, func(s load.Step) float64 { return s.P99 }, func(s load.Step) float64 { return s.P999 }
		fmt.Printf("%-7s %7.0f texts/s   send p50 %6.2f p99 %7.2f   notify p50 %6.2f p99 %7.2f p99.9 %7.2f ms   server %.2f, load %.2f of one core, %3.0f MB\n",
			name, figure(func(r *load.Report) float64 { return r.Rate }), step("send", p50), step("send", p99), step("notify", p50), step("notify", p99),
			step("notify", p999), figure(func(r *load.Report) float64 { return r.Costs.Cores }),
			figure(func(r *load.Report) float64 { return r.Costs.OwnCPU / r.Seconds }), figure(func(r *load.Report) float64 { return float64(r.Costs.Peak >> 20) }))
	}
	fmt.Printf("%-7s %7.0f commits/s\n", "bare", median.Of(all, func(r round) float64 { return r.Bare }))
	part("most", func(r round) *load.Report { return r.Most })
	part("steady", func(r round) *load.Report { return r.Steady })
	part("office", func(r round) *load.Report { return r.Office })
	fmt.Println()
	goal := func(what string, got float64, fine bool, want string) {
		verdict := "reached"
		if !fine {
			verdict = "MISSED"
		}
		fmt.Printf("%-44s %8.2f   goal %s: %s\n", what, got, want, verdict)
	}
	most := median.Of(all, func(r round) float64 { return r.Most.Rate })
	goal("most: texts per second", most, most >= goalRate, ">= 2,000")
	share := median.Of(all, func(r round) float64 { return r.Most.Rate / r.Bare })
	goal("most: share of the bare loop", share, share >= goalShare, ">= 0.5")
	p99 := median.Of(all, func(r round) float64 { return r.Steady.Step("notify").P99 })
	goal("steady: send to notification, p99 ms", p99, p99 <= goalP99, "<= 50")
	notify := func(r round) load.Step { return r.Office.Step("notify") }
	o50, o99 := median.Of(all, func(r round) float64 { return notify(r).P50 }), median.Of(all, func(r round) float64 { return notify(r).P99 })
	goal("office: send to notification, p50 ms", o50, o50 <= officeP50, "<= 5")
	goal("office: send to notification, p99 ms", o99, o99 <= officeP99, "<= 20")
	var lost, again int64
	for _, r := range all {
		for _, p := range []*load.Report{r.Most, r.Steady, r.Office} {
			lost += p.Delivery.Lost + p.Delivery.OutOfOrder
			again += p.Delivery.Repeated
		}
	}
	fmt.Printf("lost or out of order: %d, repeated: %d\n", lost, again)
}
