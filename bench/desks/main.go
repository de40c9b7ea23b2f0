// Command desks measures what agents' desktops feel in a busy centre: the time that SendMessage, Transfer and Accept take while a thousand chats are open and
// two hundred agents poll for their notifications, and the time of the one big answer that a desktop starts with. It does so with a thousand and with
// a million finished chats in the store, in turns within one run: what a command costs must not grow with what was.
//
//	go run ./bench/desks [--binary bin/halley] [--agents 200] [--chats 1000] [--past 1000000] [--rounds 3] [--length 10s] [--json]
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
	"github.com/halley-chat/halley/internal/process"
)

func main() { process.Main("desks", run) }

// The goals (issue "The agent API to the letter").
const (
	goalStart  = 10 * time.Millisecond // p99 of GET /me?subresources=* with ten chats of two hundred messages
	tolerated  = 0.10                  // by how much a command may cost more with a million chats
	littlePast = 1000
	pastTexts  = 4 // of a finished chat
)

// part is one kind of request, as often as it could be done in the time.
type part struct {
	Name  string        `json:"name"`
	Count int           `json:"count"`
	Rate  float64       `json:"rate"` // per second
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
	Worst time.Duration `json:"worst"`
	CPU   time.Duration `json:"cpu"` // of the server, for one
}

// round has the parts of one round, with little in the store and with much.
type round struct {
	Little []part `json:"little"`
	Much   []part `json:"much"`
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("desks", flag.ContinueOnError)
	var c centre
	flags.StringVar(&c.binary, "binary", "bin/halley", "the server (make build)")
	flags.IntVar(&c.agents, "agents", 200, "agents, each with a long-polling session")
	flags.IntVar(&c.chats, "chats", 1000, "chats that are open")
	flags.IntVar(&c.callers, "callers", 16, "requests under way at a time")
	flags.DurationVar(&c.length, "length", 10*time.Second, "length of each part")
	much := flags.Int("past", 1_000_000, "finished chats in the full store")
	rounds := flags.Int("rounds", 3, "how often each runs")
	dir := flags.String("dir", os.TempDir(), "where to put the data")
	asJSON := flags.Bool("json", false, "print everything as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.agents < 2*c.callers {
		return fmt.Errorf("each caller needs two agents of its own: at least %d", 2*c.callers)
	}
	folder, err := os.MkdirTemp(*dir, "desks-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	stores := map[int]string{littlePast: filepath.Join(folder, "little"), *much: filepath.Join(folder, "much")}
	for chats, data := range stores {
		if _, err := past.Fill(ctx, data, chats, pastTexts); err != nil {
			return fmt.Errorf("write %d chats: %w", chats, err)
		}
	}
	var all []round
	for i := range *rounds {
		var r round
		// Who begins changes, so that neither has the warmer machine.
		for _, little := range []bool{i%2 == 0, i%2 != 0} {
			if little {
				r.Little, err = c.day(ctx, stores[littlePast])
			} else {
				r.Much, err = c.day(ctx, stores[*much])
			}
			if err != nil {
				return err
			}
		}
		all = append(all, r)
		fmt.Fprintf(os.Stderr, "round %d of %d\n", i+1, *rounds)
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	report(c, all, *much)
	return nil
}

func report(c centre, all []round, much int) {
	fmt.Println(process.Machine())
	fmt.Printf("%d agents with long-polling, %d open chats, %d requests under way; times to the answer, which means on disk; medians of %d rounds\n\n",
		c.agents, c.chats, c.callers, len(all))
	fmt.Printf("%-30s %10s %9s %9s %9s %12s\n", "", "per second", "p50 ms", "p99 ms", "worst ms", "server µs")
	grew := false
	for i := range all[0].Little {
		little := line(littlePast, all, func(r round) part { return r.Little[i] })
		full := line(much, all, func(r round) part { return r.Much[i] })
		ratio := median.Of(all, func(r round) float64 { return float64(r.Much[i].CPU) / float64(r.Little[i].CPU) })
		fmt.Printf("  ratio of the server's time %23.2f\n", ratio)
		grew = grew || ratio > 1+tolerated
		if little.Name == opening {
			fmt.Printf("  goal: p99 at most %v: %s\n", goalStart, verdict(little.P99 <= goalStart && full.P99 <= goalStart))
		}
	}
	fmt.Printf("\ngoal: with %d finished chats a command costs what it does with %d (within 10 %%): %s\n", much, littlePast, verdict(!grew))
}

// line prints the medians of one part and returns them.
func line(stored int, all []round, of func(round) part) part {
	m := of(all[0])
	in := func(f func(part) time.Duration) time.Duration {
		return median.Of(all, func(r round) time.Duration { return f(of(r)) })
	}
	m.Rate = median.Of(all, func(r round) float64 { return of(r).Rate })
	m.P50, m.P99 = in(func(p part) time.Duration { return p.P50 }), in(func(p part) time.Duration { return p.P99 })
	m.Worst, m.CPU = in(func(p part) time.Duration { return p.Worst }), in(func(p part) time.Duration { return p.CPU })
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%-20s %9d %10.0f %9.2f %9.2f %9.2f %12d\n", m.Name, stored, m.Rate, ms(m.P50), ms(m.P99), ms(m.Worst), m.CPU.Microseconds())
	return m
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}
