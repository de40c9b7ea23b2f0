package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/doctor"
)

// checkup examines a server from outside. Data and URL are settings, and come from where the server's come from.
type checkup struct {
	Config string `placeholder:"FILE" help:"The server's configuration. Its settings are examined too."`
	Data   string `placeholder:"DIR" help:"The server's data folder; it may be in use. Default: the configuration's, or ./halley-data if it exists."`
	URL    string `placeholder:"URL" help:"Public address, through whatever stands in front of the server. Default: the configuration's."`
	Direct string `placeholder:"URL" help:"Address of the server itself, to compare."`
	CA     string `placeholder:"FILE" help:"PEM file with certificates to believe in besides the system's."`
	JSON   bool   `help:"Print one JSON object."`
}

// errProblems ends a checkup that has told its findings.
var errProblems = errors.New("there are problems")

func (c *checkup) run(ctx context.Context, w world, given []string) error {
	o, err := c.options(w, given)
	if err != nil {
		return err
	}
	ctx, stop := w.untilSignal(ctx, func() {})
	defer stop()

	found := map[doctor.Level]int{}
	all := []doctor.Finding{}
	doctor.Examine(ctx, o, func(f doctor.Finding) {
		found[f.Level]++
		if all = append(all, f); !c.JSON {
			fmt.Fprintln(w.out, f)
		}
	})
	if c.JSON {
		if err := writeJSON(w.out, all); err != nil {
			return err
		}
	}
	switch n := found[doctor.Problem]; {
	case ctx.Err() != nil:
		return errors.New("stopped before everything was examined")
	case n > 0:
		return fmt.Errorf("%w: %d, and %d warnings", errProblems, n, found[doctor.Warning])
	}
	return nil
}

func writeJSON(out io.Writer, all []doctor.Finding) error {
	report := struct {
		Findings []doctor.Finding `json:"findings"`
	}{all}
	if err := json.MarshalWrite(out, report, jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("print the findings: %w", err)
	}
	fmt.Fprintln(out)
	return nil
}

// options finds out what there is to examine.
func (c *checkup) options(w world, given []string) (doctor.Options, error) {
	cfg, err := config.Load(config.Sources{File: c.Config, Env: w.env, Flags: config.Config{Data: c.Data, URL: c.URL}, Given: given})
	if err != nil {
		return doctor.Options{}, fmt.Errorf("configuration: %w", err)
	}
	o := doctor.Options{Config: cfg, Settings: c.Config != "" || cfg.Demo, URL: cfg.URL, Direct: c.Direct}
	_, named := w.env("HALLEY_DATA")
	_, missing := os.Stat(cfg.Data)
	o.Data = o.Settings || named || slices.Contains(given, "data") || missing == nil
	if !o.Settings && !o.Data && o.URL == "" && o.Direct == "" {
		return o, usageError{errors.New("there is nothing to examine here: name --config, --data, --url or --direct")}
	}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return o, usageError{fmt.Errorf("read the certificates: %w", err)}
		}
		if o.Roots, err = x509.SystemCertPool(); err != nil {
			o.Roots = x509.NewCertPool()
		}
		if !o.Roots.AppendCertsFromPEM(pem) {
			return o, usageError{fmt.Errorf("--ca %s: there is no certificate in PEM form in it", c.CA)}
		}
	}
	return o, nil
}
