package doctor

import (
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestJudgements(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	many := func(most, worst time.Duration) []time.Duration {
		return append([]time.Duration{worst}, slices.Repeat([]time.Duration{most}, 9)...)
	}
	for name, tc := range map[string]struct {
		got  Finding
		want Level
		saw  string
	}{
		"rights: the owner's":     {judgeRights("x", 0o700), OK, "mode 0700"},
		"rights: readable":        {judgeRights("x", 0o750), Warning, "look into x"},
		"rights: writable":        {judgeRights("x", 0o770), Problem, "write into x"},
		"rights: everybody's":     {judgeRights("x", fs.ModePerm), Problem, "write into x"},
		"kind: a good one":        {judgeKind("xfs"), OK, "xfs"},
		"kind: not known":         {judgeKind(""), OK, "not known"},
		"kind: in memory":         {judgeKind("tmpfs"), Problem, "gone"},
		"kind: on a network":      {judgeKind("nfs"), Problem, "locks"},
		"kind: of a container":    {judgeKind("overlay"), Warning, "container"},
		"space: enough":           {judgeSpace(volume{free: 9 << 30}), OK, "9216 MiB"},
		"space: little":           {judgeSpace(volume{free: 1 << 30}), Warning, "1024 MiB"},
		"space: none":             {judgeSpace(volume{}), Problem, "0 MiB"},
		"space: few files":        {judgeSpace(volume{free: 9 << 30, files: 7}), Warning, "7 more files"},
		"sync: an SSD":            {judgeSyncs(many(ms, 20*ms)), OK, "1ms in the middle and 20ms at the worst (of 10)"},
		"sync: a disk":            {judgeSyncs(many(30*ms, 40*ms)), Warning, "30ms"},
		"sync: a slow disk":       {judgeSyncs(many(200*ms, 200*ms)), Problem, "200ms"},
		"sync: once":              {judgeSyncs(many(ms, 2*time.Second)), Warning, "2s at the worst"},
		"sync: not at all":        {judgeSyncs(many(time.Microsecond, ms)), Warning, "faster than any disk"},
		"clock: even":             {judgeClock(30*time.Second, 30*time.Second-50*ms), OK, "evenly"},
		"clock: forward":          {judgeClock(30*time.Second, 90*time.Second), Problem, "set by 1m0s within 30s"},
		"clock: backward":         {judgeClock(30*time.Second, 29*time.Second), Problem, "set by -1s"},
		"clock: synchronized":     {judgeSync(syncState{true, 40 * ms}), OK, "40ms"},
		"clock: not synchronized": {judgeSync(syncState{false, 0}), Warning, "not synchronized"},
		"clock: far off":          {judgeSync(syncState{true, 16 * time.Second}), Warning, "wrong by 16s"},
	} {
		if tc.got.Level != tc.want || !strings.Contains(tc.got.Saw, tc.saw) || (tc.got.Do == "") != (tc.want == OK) {
			t.Errorf("%s: %+v", name, tc.got)
		}
	}
}

// What a server or proxy says cannot move the cursor of who reads it.
func TestFindingIsOneLine(t *testing.T) {
	t.Parallel()
	f := Finding{Warning, "way", "it said \"\x1b[2J\r\n\u0085\"", "mend it"}
	if got, want := f.String(), `warning  way             it said " [2J   ": mend it`; got != want {
		t.Errorf("%q", got)
	}
}

// hash is of a password that nobody knows.
const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$O8MVZRoiWVXIXWW4lEu1d7jPLNQDHQ9F3gVu6Cux4jA"

func TestSettings(t *testing.T) {
	t.Parallel()
	good := func(c *config.Config) {
		c.URL, c.TrustedProxies, c.MaxConnections = "https://desk.example", []string{"10.0.0.5"}, 10
		c.Data = t.TempDir() // nobody's
	}
	for name, tc := range map[string]struct {
		set  func(*config.Config)
		want []string // what is complained of
	}{
		"good":               {func(*config.Config) {}, nil},
		"F10: public demo":   {func(c *config.Config) { c.Demo, c.DemoPublic, c.Listen, c.OpsListen = true, true, ":8080", ":1" }, []string{"demo problem"}},
		"demo behind proxy":  {func(c *config.Config) { c.Demo = true }, []string{"demo warning"}},
		"no TLS":             {func(c *config.Config) { c.URL, c.Listen, c.OpsListen = "http://desk.example", "0.0.0.0:80", ":1" }, []string{"encryption warning"}},
		"public metrics":     {func(c *config.Config) { c.Listen = "192.0.2.1:80" }, []string{"metrics warning"}},
		"nobody trusted":     {func(c *config.Config) { c.TrustedProxies = nil }, []string{"trusted-proxies warning"}},
		"everybody trusted":  {func(c *config.Config) { c.TrustedProxies = []string{"0.0.0.0/0"} }, []string{"trusted-proxies problem"}},
		"too few files":      {func(c *config.Config) { c.MaxConnections = 1 << 40 }, []string{"files warning"}},
		"an unknown queue":   {func(c *config.Config) { c.Users[0].Queues = []string{"nowhere"} }, []string{"settings problem"}},
		"an unknown zone":    {func(c *config.Config) { c.Agent.TimeZone = "Nowhere/Else" }, []string{"settings problem", "clock.zone problem"}},
		"no folder for data": {nil, []string{"data problem", "disk problem"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // the clock is watched for a while
				c := config.DemoDefault()
				c.Demo = false
				for i := range c.Users {
					c.Users[i].PasswordHash = hash
				}
				good(&c)
				o := Options{Config: c, Settings: true}
				if tc.set != nil {
					tc.set(&o.Config)
				} else {
					o.Data, o.Config.Data = true, t.TempDir()+"/nowhere"
				}
				var got []string
				Examine(t.Context(), o, func(f Finding) {
					if f.Level != OK && f.Check != "clock.sync" { // that is the machine's
						got = append(got, f.Check+" "+string(f.Level))
					}
				})
				if !slices.Equal(got, tc.want) {
					t.Errorf("complains of %q, want %q", got, tc.want)
				}
			})
		})
	}
}

func TestProductsGiveThemselvesAway(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value string
		want        product
	}{
		{"Server", "nginx/1.22.1", nginx},
		{"Server", "openresty", nginx},
		{"Via", "1.1 haproxy", haproxy},
		{"Server", "Apache/2.4.57 (Debian)", "Apache"},
		{"Server", "something else", ""},
	} {
		if got := guess(http.Header{tc.name: {tc.value}}); got != tc.want {
			t.Errorf("%s: %s is taken for %q", tc.name, tc.value, got)
		}
	}
	if got := cureBuffering.in("Apache"); !strings.Contains(got, "in nginx set proxy_buffering off;") || !strings.Contains(got, "in HAProxy remove") {
		t.Errorf("for a proxy that is not known the advice is %q", got)
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[probe.Millis]int{2_000: 60, 30_000: 60, 31_000: 120, 90_000: 120} {
		if got := patientFor(probe.Settings{Timeout: timeout, PingInterval: 25_000}); got != want {
			t.Errorf("for polls of %v a proxy should wait %d s, want %d", timeout.Duration(), got, want)
		}
	}
}
