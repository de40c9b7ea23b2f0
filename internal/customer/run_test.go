package customer

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// Several customers play at once over a real network; each line says whose it is.
func TestRun(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	script := &Script{Nickname: "Pat", Lines: []Line{{Text: "Hello"}, {Text: "Never mind", Leave: true}}}
	out := &page{}
	if err := Run(t.Context(), Options{Server: server.URL, Service: "support", Script: script, Count: 5, Seed: 3, Out: out}); err != nil {
		t.Fatal(err)
	}
	lines := out.lines()
	for _, want := range []string{"[1] Pat: Hello", "[5] Pat: Never mind", "[3] (the chat is over)"} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q is missing in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if len(lines) != 5*5 {
		t.Errorf("%d lines", len(lines))
	}
	counts, err := s.desk.Counts(t.Context())
	if err != nil || counts.Finished != 5 {
		t.Errorf("%+v %v", counts, err)
	}

	out = &page{}
	if err := Run(t.Context(), Options{Server: server.URL + "/", Service: "support", Script: script, Out: out}); err != nil || out.lines()[1] != "Pat: Hello" {
		t.Errorf("one customer: %v %q", err, out.lines())
	}
	var refused *Error
	if err := Run(t.Context(), Options{Server: server.URL, Service: "nobody", Script: script, Count: 2}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "customer 2: ") {
		t.Errorf("unknown service: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Run(ctx, Options{Server: server.URL, Service: "support", Script: SayScript("Hello"), Count: 2}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stopped: %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	ok := Options{Server: "http://127.0.0.1:1", Service: "support", Script: SayScript("Hello")}
	for says, change := range map[string]func(*Options){
		"server's address": func(o *Options) { o.Server = "127.0.0.1:8080" },
		"ftp":              func(o *Options) { o.Server = "ftp://x" },
		"chat service":     func(o *Options) { o.Service = "" },
		"script or":        func(o *Options) { o.Script = nil },
		"line 1":           func(o *Options) { o.Script = SayScript("") },
		"1 to 10000":       func(o *Options) { o.Count = 10_001 },
		"-1":               func(o *Options) { o.Count = -1 },
		"refused":          func(*Options) {},
	} {
		o := ok
		change(&o)
		if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}
