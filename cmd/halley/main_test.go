package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alecthomas/kong"

	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/config"
)

// console is a world for a test: what a command prints, and what it is told.
type console struct {
	out, err output
	signals  chan os.Signal
	vars     map[string]string
	in       string
}

// output is a buffer that can be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (c *console) run(ctx context.Context, args ...string) int {
	env := func(name string) (string, bool) { v, ok := c.vars[name]; return v, ok }
	return run(ctx, args, world{env, strings.NewReader(c.in), &c.out, &c.err, c.signals})
}

// Wrong use ends with status 2 and one line that says what to do; what may work another time ends with 1.
func TestMistakes(t *testing.T) {
	t.Parallel()
	odd := filepath.Join(t.TempDir(), "odd.yaml")
	if err := os.WriteFile(odd, []byte("listen: 127.0.0.1:0\nlissten: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	keys, list := filepath.Join(t.TempDir(), "keys.yaml"), filepath.Join(t.TempDir(), "list.yaml")
	if err := os.WriteFile(keys, []byte("rate: 10/s\nagents: 0\nduration: 5s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte("agents: [1, 2]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte("dana:demo\nomar\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "halley.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args   []string
		vars   map[string]string
		status int
		says   string
	}{
		"nothing":               {nil, nil, exitUsage, "halley --help"},
		"unknown command":       {[]string{"fly"}, nil, exitUsage, "unexpected argument fly"},
		"unknown flag":          {[]string{"serve", "--loud"}, nil, exitUsage, "unknown flag --loud"},
		"not a duration":        {[]string{"serve", "--drain", "soon"}, nil, exitUsage, "--drain"},
		"F10: public demo":      {[]string{"serve", "--demo", "--listen", "0.0.0.0:0"}, nil, exitUsage, "demo-public"},
		"F10: by environment":   {[]string{"serve"}, map[string]string{"HALLEY_DEMO": "true", "HALLEY_LISTEN": ":0"}, exitUsage, "demo-public"},
		"no users":              {[]string{"serve", "--listen", "127.0.0.1:0"}, nil, exitUsage, "--demo"},
		"no such file":          {[]string{"serve", "--config", "/nowhere.yaml"}, nil, exitUsage, "/nowhere.yaml"},
		"unknown key":           {[]string{"serve", "--config", odd}, nil, exitUsage, odd + `:2: unknown key "lissten"`},
		"file by environment":   {[]string{"serve"}, map[string]string{"HALLEY_CONFIG": odd}, exitUsage, odd + ":2:"},
		"odd variable":          {[]string{"serve", "--demo"}, map[string]string{"HALLEY_DRAIN": "1"}, exitUsage, "HALLEY_DRAIN"},
		"data is a file":        {[]string{"serve", "--demo", "--listen", "127.0.0.1:0", "--data", file}, nil, exitFailed, file},
		"address of another":    {[]string{"serve", "--demo", "--demo-public", "--listen", "203.0.113.1:8080"}, nil, exitFailed, "--listen"},
		"script and say":        {[]string{"customer", "--script", "x", "--say", "y"}, nil, exitUsage, "exclude each other"},
		"no script":             {[]string{"customer", "--script", "/nowhere.yaml"}, nil, exitUsage, "/nowhere.yaml"},
		"script by environment": {[]string{"customer"}, map[string]string{"HALLEY_SCRIPT": "/nowhere.yaml"}, exitUsage, "/nowhere.yaml"},
		"not a script":          {[]string{"customer", "--script", odd}, nil, exitUsage, odd},
		"no customers":          {[]string{"customer", "--count", "0"}, nil, exitUsage, "--count 0"},
		"no server":             {[]string{"customer", "--server", "http://127.0.0.1:1", "--say", "x"}, nil, exitFailed, "127.0.0.1:1"},
		"load without agents":   {[]string{"load", "--agents", "0"}, nil, exitUsage, "agents: 0"},
		"load by environment":   {[]string{"load"}, map[string]string{"HALLEY_RATE": "often"}, exitUsage, "--rate"},
		"load without users":    {[]string{"load", "--server", "http://127.0.0.1:1"}, nil, exitUsage, "users: 20 agents"},
		"load with odd users":   {[]string{"load", "--server", "http://127.0.0.1:1", "--users-file", words}, nil, exitUsage, words + ": line 2 is not name:password"},
		"load, unknown key":     {[]string{"load", "--file", odd}, nil, exitUsage, odd + `:1: unknown key "listen"`},
		"load, key by file":     {[]string{"load", "--file", keys}, nil, exitUsage, "agents: 0"},
		"load, file by name":    {[]string{"load"}, map[string]string{"HALLEY_FILE": keys}, exitUsage, "agents: 0"},
		"load, environment":     {[]string{"load", "--file", keys}, map[string]string{"HALLEY_AGENTS": "-1"}, exitUsage, "agents: -1"},
		"load, flag":            {[]string{"load", "--file", keys, "--agents=-2"}, map[string]string{"HALLEY_AGENTS": "-1"}, exitUsage, "agents: -2"},
		"load, file is missing": {[]string{"load", "--file", "/nowhere.yaml"}, nil, exitUsage, "/nowhere.yaml"},
		"load, list":            {[]string{"load", "--file", list}, nil, exitUsage, list + ":1: agents: give a single value"},
		"load with no file":     {[]string{"load", "--users-file", "/nowhere.txt"}, nil, exitUsage, "/nowhere.txt"},
		"load restarts another": {[]string{"load", "--server", "http://127.0.0.1:1", "--agents", "1", "--users-file", odd, "--restart", "1s"}, nil, exitUsage, "restart"},
		"no data to back up":    {[]string{"backup", "b.db", "--data", "/nowhere"}, nil, exitFailed, "name the folder with --data"},
		"backup over a file":    {[]string{"backup", odd, "--data", full}, nil, exitUsage, "choose another name"},
		"backup by environment": {[]string{"backup", "b.db"}, map[string]string{"HALLEY_DATA": "/nowhere"}, exitFailed, "/nowhere"},
		"backup by file":        {[]string{"backup", "b.db", "--config", odd}, nil, exitUsage, odd + ":2:"},
		"no backup":             {[]string{"restore", "/nowhere.db", "--data", full}, nil, exitFailed, "/nowhere.db"},
		"restore over data":     {[]string{"restore", odd, "--data", full}, nil, exitUsage, "--replace"},
		"not a backup":          {[]string{"restore", odd, "--data", full, "--replace"}, nil, exitFailed, odd},
		"nothing to examine":    {[]string{"doctor"}, nil, exitUsage, "--url"},
		"examine nowhere":       {[]string{"doctor", "--config", "/nowhere.yaml"}, nil, exitUsage, "/nowhere.yaml"},
		"certificates nowhere":  {[]string{"doctor", "--url", "https://127.0.0.1:1", "--ca", "/nowhere.pem"}, nil, exitUsage, "/nowhere.pem"},
		"no certificates":       {[]string{"doctor", "--url", "https://127.0.0.1:1", "--ca", odd}, nil, exitUsage, odd},
		"odd address":           {[]string{"doctor", "--url", "desk"}, nil, exitUsage, "url"},
		"no password":           {[]string{"hash-password"}, nil, exitUsage, "standard input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &console{vars: tc.vars}
			if status := c.run(t.Context(), tc.args...); status != tc.status {
				t.Errorf("status %d, want %d", status, tc.status)
			}
			if got := c.err.String(); !strings.HasPrefix(got, "halley: ") || strings.Count(got, "\n") != 1 || !strings.Contains(got, tc.says) {
				t.Errorf("standard error is %q, want one line with %q", got, tc.says)
			}
			if c.out.String() != "" {
				t.Errorf("standard output is %q", c.out.String())
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--help"}, "serve"},
		{[]string{"serve", "--help"}, "--routing-offer-timeout"},
		{[]string{"customer", "--help"}, "--say"},
		{[]string{"load", "--help"}, "--restart"},
		{[]string{"doctor", "--help"}, "--direct"},
		{[]string{"hash-password", "--help"}, "Read a password from standard input"},
		{[]string{"version"}, ", go1."},
	} {
		c := &console{}
		if status := c.run(t.Context(), tc.args...); status != exitFine || c.err.String() != "" {
			t.Errorf("%v: status %d, %q", tc.args, status, c.err.String())
		}
		if !strings.Contains(c.out.String(), tc.want) {
			t.Errorf("%v prints %q, want %q", tc.args, c.out.String(), tc.want)
		}
	}
}

func TestHashPassword(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"correct horse", "correct horse\n", "correct horse\r\nmore"} {
		c := &console{in: in}
		if status := c.run(t.Context(), "hash-password"); status != exitFine {
			t.Fatalf("status %d, %q", status, c.err.String())
		}
		if hash := strings.TrimSuffix(c.out.String(), "\n"); !auth.Verify(hash, "correct horse") {
			t.Errorf("%q is hashed to %q", in, hash)
		}
	}
	c := &console{in: strings.Repeat("x", maxPassword+1)}
	if status := c.run(t.Context(), "hash-password"); status != exitUsage {
		t.Errorf("a password that is too long: status %d", status)
	}
}

// Kong's names for the flags are those of the settings: a setting that could not be given on the command line, or by another name, would be missed here.
func TestEverySettingIsAFlag(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{}
	for _, group := range parsed.Selected().AllFlags(true) {
		for _, f := range group {
			if f.Name != "help" && f.Name != "config" {
				flags[f.Name] = true
				if !config.IsSetting(f.Name) {
					t.Errorf("--%s is not a setting", f.Name)
				}
				if f.Target.Kind() == reflect.Bool && f.HasDefault && f.Default == "true" {
					t.Errorf("--%s is on by default, and could not be switched off", f.Name)
				}
			}
		}
	}
	if len(flags) < 25 {
		t.Errorf("serve has %d flags only", len(flags))
	}
}

var address = regexp.MustCompile(`address=(127\.0\.0\.1:\d+)`)

// serving starts a demo server through the command line and returns its address and where its exit status will come.
func serving(t *testing.T, c *console, args ...string) (url string, status <-chan int) {
	t.Helper()
	done := make(chan int, 1)
	var running sync.WaitGroup
	running.Go(func() {
		done <- c.run(context.Background(), append([]string{"serve", "--demo", "--demo-customers", "0", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, args...)...)
	})
	t.Cleanup(running.Wait)
	timeout := time.After(20 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-tick.C:
			if m := address.FindStringSubmatch(c.err.String()); m != nil {
				tick.Stop()
				return "http://" + m[1], done
			}
		case s := <-done:
			t.Fatalf("ended with status %d: %s", s, c.err.String())
		case <-timeout:
			t.Fatalf("not listening: %s", c.err.String())
		}
	}
}

// From the command line to a served page, and with SIGTERM back to status 0.
func TestServe(t *testing.T) {
	t.Parallel()
	c := &console{signals: make(chan os.Signal, 2), vars: map[string]string{"HALLEY_LOG_FORMAT": "text"}}
	url, status := serving(t, c)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "ok\n" {
		t.Errorf("readyz: %q", body)
	}
	c.signals <- syscall.SIGTERM
	if s := <-status; s != exitFine {
		t.Errorf("status %d: %s", s, c.err.String())
	}
	if !strings.Contains(c.out.String(), "Halley with demo data: "+url+"/") {
		t.Errorf("printed %q", c.out.String())
	}
}

// Two signals at once are one, as timeout(1) sends them; a later second one is a second one.
func TestTheSecondSignalHurries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal)
		hurried := 0
		ctx, stop := world{signals: signals}.untilSignal(t.Context(), func() { hurried++ })
		signals <- syscall.SIGTERM
		<-ctx.Done()
		signals <- syscall.SIGTERM
		<-time.After(oneSignal / 2)
		signals <- syscall.SIGTERM
		synctest.Wait()
		if hurried != 0 {
			t.Error("a signal that came at once was taken for a second one")
		}
		<-time.After(oneSignal)
		signals <- syscall.SIGTERM
		stop()
		if hurried != 1 {
			t.Errorf("hurried %d times, want once", hurried)
		}
	})
}
