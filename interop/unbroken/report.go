package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/halley-chat/halley/internal/process"
)

// report is what came of a run.
type report struct {
	Mode     string         `json:"mode"`
	Machine  string         `json:"machine"`
	Took     string         `json:"took"`
	Mishaps  map[string]int `json:"mishaps"`  // what went wrong, by its name
	Messages int            `json:"messages"` // of customers, answered
	Rate     float64        `json:"rate"`     // of them, a second
	Chats    int            `json:"chats"`    // written and read to the end
	Desktops []result       `json:"desktops"`
	Broken   []string       `json:"broken"` // promises, in words
}

// result is what one desktop heard.
type result struct {
	kind
	verdict
	Breaks  int `json:"breaks"`
	Returns int `json:"returns"` // handshakes after the first
}

func newReport(p *plan, took time.Duration, stage *stage, parties []*party) *report {
	r := &report{Mode: p.Mode, Machine: process.Machine(), Took: took.Round(time.Second).String(), Mishaps: maps.Clone(p.counts.of), Broken: []string{}}
	if len(stage.kills) > 0 {
		r.Mishaps = map[string]int{"kill": len(stage.kills)}
	}
	for _, x := range parties {
		for _, c := range x.customers {
			r.Messages += c.answered
			r.Chats += c.chats
			r.Broken = append(r.Broken, c.wrong...)
		}
		r.Broken = append(r.Broken, x.agent.wrong...)
	}
	r.Rate = float64(r.Messages) / took.Seconds()
	return r
}

// add judges what a desktop heard.
func (r *report) add(x *party, feed []sum, stage *stage) {
	d := x.desktop
	d.mu.Lock()
	defer d.mu.Unlock()
	excused := stage.excuses
	switch {
	case d.kind.exact():
		excused = func(time.Time, time.Time) bool { return false }
	case x.front != nil:
		excused = x.front.excuses
	}
	v := judge(feed, d.heard, excused)
	r.Desktops = append(r.Desktops, result{kind: d.kind, verdict: v, Breaks: d.breaks, Returns: d.returns})
	for _, w := range d.wrong {
		r.Broken = append(r.Broken, fmt.Sprintf("%s: %s", d.kind, w))
	}
	if v.First != "" {
		r.Broken = append(r.Broken, fmt.Sprintf("%s: %s; it heard %s", d.kind, v.First, v.Course))
		if x.front != nil {
			r.Broken = append(r.Broken, fmt.Sprintf("%s: its line: %s", d.kind, x.front))
		}
	}
}

// String is the report as text.
func (r *report) String() string {
	var b strings.Builder
	total := 0
	for _, n := range r.Mishaps {
		total += n
	}
	fmt.Fprintf(&b, "%s\n\n%d %s in %s: %d messages of customers answered, %.0f a second, in %d chats read to the end\n\n",
		r.Machine, total, r.Mode, r.Took, r.Messages, r.Rate, r.Chats)
	for _, name := range slices.Sorted(maps.Keys(r.Mishaps)) {
		fmt.Fprintf(&b, "  %5d  %s\n", r.Mishaps[name], name)
	}
	fmt.Fprintf(&b, "\n%-34s %8s %8s %6s %12s %9s %10s %7s %10s\n",
		"client", "sent", "heard", "lost", "out of order", "repeated", "unexcused", "breaks", "handshakes")
	for _, d := range r.Desktops {
		fmt.Fprintf(&b, "%-34s %8d %8d %6d %12d %9d %10d %7d %10d\n",
			d.kind, d.Expected, d.Heard, d.Lost, d.OutOfOrder+d.Unknown, d.Repeated, d.Unexcused, d.Breaks, 1+d.Returns)
	}
	if len(r.Broken) == 0 {
		b.WriteString("\nEvery promise was kept.\n")
		return b.String()
	}
	fmt.Fprintf(&b, "\n%d promises were broken:\n", len(r.Broken))
	for i, broken := range r.Broken {
		if i == 40 {
			fmt.Fprintf(&b, "  and %d more\n", len(r.Broken)-i)
			break
		}
		fmt.Fprintf(&b, "  %s\n", broken)
	}
	return b.String()
}
