package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteComparison writes what came out for ours beside what came out for the reference, as a Markdown table with a row for each check.
func WriteComparison(w io.Writer, ours, reference []Result) error {
	var b strings.Builder
	b.WriteString("| # | check | rules | mark | on | ours | reference | note |\n|---|---|---|---|---|---|---|---|\n")
	rows := rowsOf(ours, reference)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | %s | %s |\n", r.check.N, cell(r.check.Title), strings.Join(r.check.Rules, ", "), r.check.Mark,
			letters(r.check.On), verdicts(r.ours), verdicts(r.reference), notes(r))
	}
	fmt.Fprintf(&b, "\nOurs: %s. Reference: %s.\n", Summary(ours), Summary(reference))
	_, err := io.WriteString(w, b.String())
	return err
}

// row is a check with its results on each transport.
type row struct {
	check           Check
	ours, reference []Result
}

func rowsOf(ours, reference []Result) []*row {
	type key struct {
		n     int
		title string
	}
	var rows []*row
	byCheck := map[key]*row{}
	collect := func(results []Result, into func(*row) *[]Result) {
		for _, result := range results {
			k := key{result.Check.N, result.Check.Title}
			if byCheck[k] == nil {
				byCheck[k] = &row{check: result.Check}
				rows = append(rows, byCheck[k])
			}
			of := into(byCheck[k])
			*of = append(*of, result)
		}
	}
	collect(ours, func(r *row) *[]Result { return &r.ours })
	collect(reference, func(r *row) *[]Result { return &r.reference })
	slices.SortStableFunc(rows, func(a, b *row) int { return a.check.N - b.check.N })
	return rows
}

func letters(on []Transport) string {
	var s []string
	for _, t := range on {
		s = append(s, t.Letter())
	}
	return strings.Join(s, " ")
}

// verdicts is one word where all transports agree.
func verdicts(results []Result) string {
	differ := slices.ContainsFunc(results, func(r Result) bool { return r.Verdict != results[0].Verdict })
	var s []string
	for _, r := range results {
		if !differ {
			return string(r.Verdict)
		}
		s = append(s, r.On.Letter()+": "+string(r.Verdict))
	}
	return strings.Join(s, ", ")
}

// notes are those of both servers, each once.
func notes(r *row) string {
	var s []string
	for _, result := range slices.Concat(r.ours, r.reference) {
		if note := literal(result.Note); note != "" && !slices.Contains(s, note) {
			s = append(s, note)
		}
	}
	return strings.Join(s, " ")
}
