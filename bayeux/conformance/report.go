package conformance

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Row is a result in one line of text.
func (r Result) String() string {
	s := fmt.Sprintf("%2d %s  %s  %s (%s)", r.Check.N, r.On.Letter(), r.Verdict, r.Check.Title, strings.Join(r.Check.Rules, ", "))
	if r.Note != "" {
		s += ": " + r.Note
	}
	return s
}

// Bad tells whether one of the results is a failure.
func Bad(results []Result) bool { return count(results, Fail) > 0 }

func count(results []Result, v Verdict) int {
	n := 0
	for _, r := range results {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

// Summary counts the verdicts.
func Summary(results []Result) string {
	var parts []string
	for _, v := range []Verdict{Pass, Differs, NotApplicable, Fail} {
		if n := count(results, v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return fmt.Sprintf("%d lines: %s", len(results), strings.Join(parts, ", "))
}

// WriteText writes the results as a table of text.
func WriteText(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range results {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%v\t%s\n",
			r.Check.N, r.On.Letter(), r.Verdict, strings.Join(r.Check.Rules, " "), r.Check.Title, r.Took.Round(10*time.Millisecond), r.Note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, Summary(results))
	return err
}

// WriteMarkdown writes the results as a Markdown table.
func WriteMarkdown(w io.Writer, results []Result) error {
	var b strings.Builder
	b.WriteString("| # | check | rules | mark | on | verdict | note |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | %s |\n",
			r.Check.N, cell(r.Check.Title), strings.Join(r.Check.Rules, ", "), r.Check.Mark, r.On.Letter(), r.Verdict, literal(r.Note))
	}
	fmt.Fprintf(&b, "\n%s.\n", Summary(results))
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is text for a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}

// literal is text for a cell that is shown as it is. Of one that would fill the page the middle is cut out: what was asked stands at its beginning, what is
// wrong at its end.
func literal(text string) string {
	if text == "" {
		return ""
	}
	const most = 240
	if letters := []rune(text); len(letters) > most {
		text = string(letters[:most/2]) + " … " + string(letters[len(letters)-most/2:])
	}
	return "`" + strings.NewReplacer("|", `\|`, "\n", " ", "`", "'").Replace(text) + "`"
}
