//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is one measurement of one peer: figures by name.
type row map[string]float64

// column says how a figure is printed.
type column struct{ key, title, format string }

var (
	deliveryColumns = []column{
		{"rate", "deliveries/s", "%.0f"},
		{"perCPU", "per CPU-second", "%.0f"},
		{"p50", "p50 ms", "%.2f"},
		{"p99", "p99 ms", "%.2f"},
		{"p999", "p99.9 ms", "%.2f"},
		{"rss", "resident MB", "%.0f"},
		{"lost", "lost", "%.0f"},
		{"repeated", "repeated", "%.0f"},
		{"disorder", "out of order", "%.0f"},
		{"ended", "ended", "%.0f"},
		{"server", "server %", "%.0f"},
		{"generator", "generator %", "%.0f"},
	}
	memoryColumns = []column{{"KB", "KB per session", "%.1f"}, {"empty", "empty server MB", "%.1f"}, {"ended", "ended", "%.0f"}}
	restColumns   = []column{
		{"begin", "MB at the begin", "%.1f"}, {"end", "at the end", "%.1f"}, {"most", "most", "%.1f"}, {"server", "% of one core", "%.1f"}, {"ended", "ended", "%.0f"},
	}
	hostileColumns = []column{
		{"p50", "p50 ms without", "%.2f"},
		{"p99", "p99 ms without", "%.2f"},
		{"hp50", "p50 ms with", "%.2f"},
		{"hp99", "p99 ms with", "%.2f"},
		{"times", "p99 with : without", "%.2f"},
		{"lost", "lost", "%.0f"},
		{"repeated", "repeated", "%.0f"},
		{"disorder", "out of order", "%.0f"},
		{"ended", "good ones ended", "%.0f"},
		{"rate", "deliveries/s with", "%.0f"},
		{"server", "server %", "%.0f"},
	}
)

func (f figures) row() row {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	return row{
		"rate": f.perSecond, "perCPU": f.perCPUSecond, "p50": ms(f.p50), "p99": ms(f.p99), "p999": ms(f.p999), "rss": f.resident / (1 << 20),
		"lost": float64(f.lost), "repeated": float64(f.repeated), "disorder": float64(f.outOfOrder), "ended": float64(f.ended),
		"server": 100 * f.serverShare, "generator": 100 * f.generatorShare,
	}
}

// median is that of each figure, but the sum of those that ought to be zero in every round.
func median(rows []row) row {
	m := make(row)
	for key := range rows[0] {
		var all []float64
		sum := 0.0
		for _, r := range rows {
			all = append(all, r[key])
			sum += r[key]
		}
		slices.Sort(all)
		m[key] = all[len(all)/2]
		if slices.Contains([]string{"lost", "repeated", "disorder", "ended"}, key) {
			m[key] = sum
		}
	}
	return m
}

// report prints a table, with each peer's figures and ours in proportion to them.
func (p *plan) report(w workload, rows map[string][]row) {
	titles, rules := []string{"peer"}, []string{"---"}
	for _, c := range w.columns {
		titles, rules = append(titles, c.title), append(rules, "---:")
	}
	fmt.Printf("\n## %s\n\n| %s |\n|%s|\n", w.title, strings.Join(titles, " | "), strings.Join(rules, "|"))
	ours := rows["ours"]
	for _, peer := range p.peers {
		if len(rows[peer.name]) == 0 {
			continue
		}
		m := median(rows[peer.name])
		cells := []string{peer.name}
		for _, c := range w.columns {
			cell := fmt.Sprintf(c.format, m[c.key])
			if len(ours) > 0 && peer.name != "ours" && m[c.key] != 0 && slices.Contains([]string{"rate", "perCPU", "p99", "KB"}, c.key) {
				cell += fmt.Sprintf(" (%.2f)", median(ours)[c.key]/m[c.key])
			}
			cells = append(cells, cell)
		}
		fmt.Printf("| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Println("\nIn brackets: ours divided by that.")
}
