package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/directory"
)

func noEnv(string) (string, bool) { return "", false }

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func file(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "halley.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Flag over environment over file over default, for each kind of value.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	yaml := file(t, `
listen: 127.0.0.1:1
demo-customers: 1
drain: 1s
agent:
  csrf: true
  transports: [long-polling]
  max-body: 1024
`)
	vars := env(map[string]string{
		"HALLEY_LISTEN": "127.0.0.1:2", "HALLEY_DEMO_CUSTOMERS": "2", "HALLEY_DRAIN": "2s", "HALLEY_AGENT_CSRF": "false",
		"HALLEY_AGENT_TRANSPORTS": "websocket, long-polling", "HALLEY_AGENT_MAX_BODY": "2048", "HALLEY_URL": "", // empty: not given
	})
	var flags Config
	flags.Listen, flags.DemoCustomers, flags.Drain, flags.Agent.MaxBody = "127.0.0.1:3", 3, 3*time.Second, 4096
	flags.Data = "not given"
	given := []string{"listen", "demo-customers", "drain", "agent-max-body", "config"}

	type values struct {
		listen     string
		customers  int
		drain      time.Duration
		csrf       bool
		transports string
		body       int64
		data       string
	}
	def := values{"127.0.0.1:8080", 1, 30 * time.Second, false, "websocket long-polling callback-polling", 262144, "./halley-data"}
	fromFile := values{"127.0.0.1:1", 1, time.Second, true, "long-polling", 1024, "./halley-data"}
	fromEnv := values{"127.0.0.1:2", 2, 2 * time.Second, false, "websocket long-polling", 2048, "./halley-data"}
	fromFlags := values{"127.0.0.1:3", 3, 3 * time.Second, false, "websocket long-polling", 4096, "./halley-data"}
	for name, tc := range map[string]struct {
		Sources
		want values
	}{
		"defaults":    {Sources{Env: noEnv}, def},
		"file":        {Sources{File: yaml, Env: noEnv}, fromFile},
		"environment": {Sources{File: yaml, Env: vars}, fromEnv},
		"flags":       {Sources{File: yaml, Env: vars, Flags: flags, Given: given}, fromFlags},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(tc.Sources)
			if err != nil {
				t.Fatal(err)
			}
			got := values{c.Listen, c.DemoCustomers, c.Drain, c.Agent.CSRF, strings.Join(c.Agent.Transports, " "), c.Agent.MaxBody, c.Data}
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// Each mistake is one line that names the place and says what to do.
func TestMistakesInTheFile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		yaml string
		want []string
	}{
		"unknown key":          {"listen: 127.0.0.1:0\nlissten: x\n", []string{`:2: unknown key "lissten" in the file; there are: listen, ops-listen,`}},
		"unknown nested key":   {"routing:\n  offertimeout: 1s\n", []string{`:2: unknown key "offertimeout" in routing; there are: offer-timeout,`}},
		"unknown key in list":  {"users:\n  - name: dana\n    pasword-hash: x\n", []string{`:3: unknown key "pasword-hash" in an entry of users; there are: name,`}},
		"flag's name":          {"routing-offer-timeout: 20s\n", []string{`:1: unknown key "routing-offer-timeout"`}},
		"duplicate key":        {"data: a\nlisten: 127.0.0.1:0\ndata: b\n", []string{":3:", "data"}},
		"duration, no unit":    {"drain: 30\n", []string{`:1: drain: "30" is not a duration: write a number with a unit, such as`}},
		"duration, words":      {"drain: soon\n", []string{`:1: drain: "soon" is not a duration`}},
		"duration in a list":   {"services:\n  - name: s\n    ended-retention: 600\n", []string{`:3: ended-retention: "600" is not a duration`}},
		"text for a number":    {"demo-customers: many\n", []string{":1: demo-customers must be a whole number"}},
		"fraction":             {"demo-customers: 1.5\n", []string{":1: demo-customers must be a whole number"}},
		"number too large":     {"demo-customers: 99999999999999999999\n", []string{":1:"}},
		"text for a switch":    {"demo: maybe\n", []string{":1: demo must be true or false"}},
		"number for text":      {"users:\n  - name: 007\n", []string{":2: name must be text: put it in quotes"}},
		"list for text":        {"data: [a]\n", []string{":1: data must be text"}},
		"text for a list":      {"queues: support\n", []string{":1: queues must be a list"}},
		"text for keys":        {"agent: fast\n", []string{":1: agent must have keys with values"}},
		"list for keys":        {"agent: [fast]\n", []string{":1: agent must have keys with values"}},
		"text for a user":      {"users: [dana]\n", []string{":1: an entry of users must have keys"}},
		"no value":             {"listen:\n", []string{":1: listen has no value"}},
		"whole file is a list": {"- a\n", []string{":1: the file must have keys"}},
		"anchor":               {"data: &d x\n", []string{":1: data uses an anchor"}},
		"alias":                {"data: *d\n", []string{":1:"}},
		"merge key":            {"agent:\n  <<: {csrf: true}\n", []string{":2:"}},
		"tag":                  {"data: !!str 7\n", []string{":1: data uses an anchor, an alias or a tag"}},
		"two documents":        {"data: a\n---\ndata: b\n", []string{"more than one YAML document"}},
		"not YAML":             {"data: [\n", []string{":1"}},
		"tab":                  {"agent:\n\tcsrf: true\n", []string{":2"}},

		"listen without port":   {"listen: localhost\n", []string{`listen: "localhost" is not host:port`}},
		"listen, odd port":      {"listen: 127.0.0.1:99999\n", []string{`is not host:port`}},
		"ops-listen the same":   {"listen: 127.0.0.1:8080\nops-listen: 127.0.0.1:8080\n", []string{"give it a port of its own"}},
		"empty data":            {"data: ''\n", []string{"data: name a folder"}},
		"url with a query":      {"url: https://desk.example.com/?a=b\n", []string{"url:", "write https://host"}},
		"url without scheme":    {"url: desk.example.com\n", []string{"url:", "write https://host"}},
		"log level":             {"log-level: loud\n", []string{`log-level: there is no "loud"; there are: debug, info`}},
		"log format":            {"log-format: xml\n", []string{`log-format: there is no "xml"; there are: text, json`}},
		"negative drain":        {"drain: -1s\n", []string{"drain: -1s is not between 0s and 10m0s"}},
		"short feed":            {"feed-retention: 10m\n", []string{"feed-retention: 10m0s is not between 10m40s"}},
		"endless poll":          {"agent: {timeout: 1h}\n", []string{"agent.timeout: 1h0m0s is not between"}},
		"unknown transport":     {"agent: {transports: [carrier-pigeon]}\n", []string{`there is no "carrier-pigeon"; there are: websocket`}},
		"transport twice":       {"agent: {transports: [websocket, websocket]}\n", []string{"named twice"}},
		"no transport":          {"agent: {transports: []}\n", []string{"name at least one"}},
		"F5: any origin":        {"agent: {allowed-origins: ['*']}\n", []string{`"*" is not an origin`}},
		"F5: wildcard origin":   {"agent: {allowed-origins: ['https://*.example.com']}\n", []string{"is not an origin"}},
		"F5: null origin":       {"agent: {allowed-origins: ['null']}\n", []string{"is not an origin"}},
		"origin with path":      {"agent: {allowed-origins: ['https://a.example/x']}\n", []string{"is not an origin"}},
		"proxy":                 {"trusted-proxies: [proxy.local]\n", []string{`trusted-proxies: "proxy.local" is neither`}},
		"time zone":             {"agent: {time-zone: Mars/Base}\n", []string{`there is no "Mars/Base"`}},
		"negative customers":    {"demo-customers: -1\n", []string{"demo-customers: -1 is not between"}},
		"F10: demo for all":     {"demo: true\nlisten: 0.0.0.0:8080\n", []string{"demo:", "listen on 127.0.0.1, or say demo-public"}},
		"F10: demo, any":        {"demo: true\nlisten: :8080\n", []string{"not a loopback address"}},
		"F10: demo, IPv6":       {"demo: true\nlisten: '[::]:8080'\n", []string{"not a loopback address"}},
		"F10: demo, a name":     {"demo: true\nlisten: desk.example.com:8080\n", []string{"not a loopback address"}},
		"F10: demo, almost one": {"demo: true\nlisten: 127.0.0.1.example.com:8080\n", []string{"not a loopback address"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name := file(t, tc.yaml)
			_, err := Load(Sources{File: name, Env: noEnv})
			checkMistake(t, err, tc.want)
		})
	}
}

func checkMistake(t *testing.T, err error, want []string) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("got %v, want a *Error", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got: %v\nwant it to have: %s", err, w)
		}
	}
}

func TestMistakesElsewhere(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		Sources
		want string
	}{
		"no such file":       {Sources{File: "/nowhere/halley.yaml", Env: noEnv}, "/nowhere/halley.yaml"},
		"a folder":           {Sources{File: t.TempDir(), Env: noEnv}, "read the configuration"},
		"variable, duration": {Sources{Env: env(map[string]string{"HALLEY_DRAIN": "30"})}, `environment variable HALLEY_DRAIN: "30" is not a duration`},
		"variable, number":   {Sources{Env: env(map[string]string{"HALLEY_DEMO_CUSTOMERS": "x"})}, `environment variable HALLEY_DEMO_CUSTOMERS: "x" is not a whole number`},
		"variable, switch":   {Sources{Env: env(map[string]string{"HALLEY_DEMO": "ja"})}, `environment variable HALLEY_DEMO: "ja" is neither true nor false`},
		"variable, listen":   {Sources{Env: env(map[string]string{"HALLEY_LISTEN": "x"})}, `listen: "x" is not host:port`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(tc.Sources)
			checkMistake(t, err, []string{tc.want})
		})
	}
}

func TestFilesThatSayNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "{}\n"} {
		c, err := Load(Sources{File: file(t, text), Env: noEnv})
		if diff := cmp.Diff(Default(), c); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
}

// The demo is what the manual says, and can be changed list by list.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0", "127.8.9.1:0"} {
		c, err := Load(Sources{Env: env(map[string]string{"HALLEY_DEMO": "1", "HALLEY_LISTEN": listen})})
		if err != nil {
			t.Errorf("%s: %v", listen, err)
		}
		if !c.Routing.LeastLoadedFirst {
			t.Error("the demo offers to the least loaded agent first")
		}
	}
	if _, err := Load(Sources{Env: env(map[string]string{"HALLEY_DEMO": "1", "HALLEY_LISTEN": "0.0.0.0:0", "HALLEY_DEMO_PUBLIC": "true"})}); err != nil {
		t.Errorf("demo-public: %v", err)
	}
	c, err := Load(Sources{File: file(t, "demo: true\nrouting: {least-loaded-first: false}\nqueues: [{name: support}, {name: billing}, {name: vip}]\n"), Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	if c.Routing.LeastLoadedFirst || len(c.Queues) != 3 || c.Queues[2].Name != "vip" || len(c.Users) != 5 {
		t.Errorf("the file's queues and the demo's users: %+v", c)
	}
	c, err = Load(Sources{File: file(t, "demo: true\nusers: [{name: pia}]\n"), Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := c.Directory(); err != nil || len(d.Users) != 1 || len(d.Groups) != 0 {
		t.Errorf("the file's users alone: %v, %+v", err, d)
	}
}

func TestDemoDirectory(t *testing.T) {
	t.Parallel()
	c := DemoDefault()
	d, err := c.Directory()
	if err != nil {
		t.Fatal(err)
	}
	type user struct {
		roles    string
		queues   int
		capacity int
	}
	got := map[string]user{}
	for _, u := range d.Users {
		var roles []string
		for _, r := range u.Roles {
			roles = append(roles, string(r))
		}
		got[u.Name] = user{strings.Join(roles, " "), len(u.Queues), u.Capacity}
		if u.PasswordHash != demoHash {
			t.Errorf("%s has the hash %q", u.Name, u.PasswordHash)
		}
	}
	want := map[string]user{
		"dana": {"ROLE_AGENT", 2, 3}, "omar": {"ROLE_AGENT", 2, 3}, "lena": {"ROLE_AGENT", 2, 3},
		"ines": {"ROLE_SUPERVISOR", 0, 3}, "admin": {"ROLE_ADMIN", 0, 3},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("users %v, want %v", got, want)
	}
	if !auth.Verify(demoHash, DemoPassword) {
		t.Error("the demo's hash is not that of its password")
	}
	support, billing := d.Service("support"), d.Service("billing")
	if support == nil || billing == nil || d.Queue(support.Queue).Name != "support" || d.Queue(billing.Queue).Name != "billing" || len(d.Services) != 2 {
		t.Errorf("services %+v", d.Services)
	}
	if support.EndedRetention != 10*time.Minute || support.ClientTimeoutREST != 45*time.Second || !support.TypingPreview {
		t.Errorf("service %+v (customer-api 5.1)", support)
	}
	if len(d.Skills) != 2 || d.Skills[0].Name != "parcels" || d.Skills[1].Name != "returns" {
		t.Errorf("skills %+v", d.Skills)
	}
	now := time.Date(2024, 3, 11, 12, 0, 0, 0, time.UTC)
	var usable []string
	for _, g := range d.ResponseGroups {
		for _, r := range g.Templates {
			if d.ResponseTemplate(r.ID) != r || d.ResponseGroup(r.Group) != g || r.Language != "English" {
				t.Errorf("response %+v", r)
			}
			if r.Usable(now) {
				usable = append(usable, r.Name)
			}
		}
	}
	if !reflect.DeepEqual(usable, []string{"Welcome", "Good bye", "On its way"}) {
		t.Errorf("standard responses that may be used: %v", usable)
	}
	dana := d.GroupsOf(directory.UserID("dana"))
	if len(dana) != 2 || dana[0] != d.GroupByName("Delivery") || dana[0].Type != "BusinessUnit" || dana[1] != d.Group(directory.ResourceID("group", "Returns")) || dana[1].Type != "AgentGroup" {
		t.Errorf("dana's groups %+v", dana)
	}
}

const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$O8MVZRoiWVXIXWW4lEu1d7jPLNQDHQ9F3gVu6Cux4jA"

func TestMistakesInTheDirectory(t *testing.T) {
	t.Parallel()
	dana := "users: [{name: dana, password-hash: '" + hash + "'"
	for name, tc := range map[string]struct{ yaml, want string }{
		"no users":            {"", "users: there are none"},
		"no password":         {"users: [{name: dana}]", "users: dana: password-hash is missing: put there what halley hash-password prints"},
		"plain password":      {"users: [{name: dana, password-hash: demo}]", "users: dana: password-hash: not an argon2id hash"},
		"no name":             {"users: [{first-name: Dana}]", "users: entry 1 has no name"},
		"same name twice":     {dana + "}, {name: dana, password-hash: '" + hash + "'}]", `users: "dana" is there twice`},
		"colon":               {"users: [{name: 'da:na', password-hash: '" + hash + "'}]", "has a colon"},
		"control character":   {`users: [{name: "da\nna", password-hash: '` + hash + "'}]", "control characters"},
		"long name":           {"users: [{name: " + strings.Repeat("d", 256) + "}]", "longer than 255"},
		"negative capacity":   {dana + ", capacity: -1}]", "users: dana: capacity: -1 is not between 0 and 1000"},
		"unknown role":        {dana + ", roles: [boss]}]", `users: dana: there is no role "boss"; there are: agent, supervisor, administrator`},
		"unknown feature":     {dana + ", features: [api-chat]}]", `users: dana: there is no feature "api-chat"; there are: api-multimedia, api-multimedia-chat, api-voice`},
		"unknown queue":       {dana + ", queues: [suport]}]\nqueues: [{name: support}, {name: billing}]", `users: dana: serves queue "suport", which does not exist; there are: support, billing`},
		"unknown skill":       {dana + ", skills: {flying: 3}}]\nskills: [{name: parcels}]", `users: dana: has skill "flying", which does not exist; there are: parcels`},
		"odd level":           {dana + ", skills: {parcels: 11}}]\nskills: [{name: parcels}]", "users: dana: level of skill parcels: 11 is not between 1 and 10"},
		"queue twice":         {dana + "}]\nqueues: [{name: a}, {name: a}]", `queues: "a" is there twice`},
		"response twice":      {dana + "}]\nstandard-responses: [{name: a, templates: [{name: b, body: c}, {name: b, body: c}]}]", `standard-responses: a: templates: "b" is there twice`},
		"category twice":      {dana + "}]\nstandard-responses: [{name: a}, {name: a}]", `standard-responses: "a" is there twice`},
		"response, no body":   {dana + "}]\nstandard-responses: [{name: a, templates: [{name: b}]}]", `standard-responses: a: b: body is missing`},
		"response, odd time":  {dana + "}]\nstandard-responses: [{name: a, templates: [{name: b, body: c, start: soon}]}]", `a: b: start: "soon" is no time: write 2024-03-11`},
		"response, no time":   {dana + "}]\nstandard-responses: [{name: a, templates: [{name: b, body: c, start: 2024-01-02, expiration: 2024-01-02}]}]", `expiration is not after start`},
		"response, long":      {dana + "}]\nstandard-responses: [{name: a, templates: [{name: b, body: " + strings.Repeat("x", 14001) + "}]}]", "body has 14001 characters; at most 14000"},
		"odd suggestion":      {dana + "}]\nqueues: [{name: a, suggest: [b]}, {name: c}]", `queues: a: suggests queue "b", which does not exist; there are: a, c`},
		"group of a stranger": {dana + "}]\ngroups: [{name: Night, users: [omar]}]", `groups: Night: there is no user "omar"; there are: dana`},
		"group twice":         {dana + "}]\ngroups: [{name: a}, {name: a}]", `groups: "a" is there twice`},
		"member twice":        {dana + "}]\ngroups: [{name: a, users: [dana, dana]}]", `group "a" has user`},
		"service, no queue":   {dana + "}]\nservices: [{name: help}]", "services: help: there is no queue"},
		"service, odd queue":  {dana + "}]\nqueues: [{name: a}]\nservices: [{name: help, endpoint: 'Environment:b'}]", `services: help: endpoint: queue "b", which does not exist; there are: a`},
		"service, odd name":   {dana + "}]\nqueues: [{name: a}]\nservices: [{name: a/b}]", "cannot be part of an address"},
		"service, dots":       {dana + "}]\nqueues: [{name: a}]\nservices: [{name: ..}]", "cannot be part of an address"},
		"service, odd field":  {dana + "}]\nqueues: [{name: a}]\nservices: [{name: s, required-fields: [age]}]", `there is no "age"; there are: firstName, lastName, subject, emailAddress`},
		"service, odd origin": {dana + "}]\nqueues: [{name: a}]\nservices: [{name: s, allowed-origins: [www.example.com]}]", "is not an origin"},
		"service, no time":    {dana + "}]\nqueues: [{name: a}]\nservices: [{name: s, client-timeout-rest: 0s}]", "services: s: client-timeout-rest: 0s is not between"},
		"state Ready":         {dana + "}]\nagent-states: [{operation: Ready}]", "agent-states: \"Ready\" is an operation of agents"},
		"state Coach":         {dana + "}]\nagent-states: [{operation: Coach}]", "agent-states: \"Coach\" is an operation of agents"},
		"state twice":         {dana + "}]\nagent-states: [{operation: Lunch}, {operation: Lunch}]", "is there twice"},
		"disposition twice":   {dana + "}]\ndispositions: [{name: ok}, {name: ok}]", "is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Sources{File: file(t, tc.yaml), Env: noEnv})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Directory()
			checkMistake(t, err, []string{tc.want})
		})
	}
}

// The file that the reference page shows is accepted, and means what it says.
func TestExampleIsAccepted(t *testing.T) {
	t.Parallel()
	c, err := Load(Sources{File: file(t, example), Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Directory()
	if err != nil {
		t.Fatal(err)
	}
	dana := d.UserByName("dana")
	if dana.Capacity != 4 || len(dana.Queues) != 2 || dana.Skills[d.Skills[0].ID] != 8 || !dana.Has(directory.AgentRole) {
		t.Errorf("dana is %+v", dana)
	}
	if q := d.QueueByName("support"); !reflect.DeepEqual(q.Suggests, []string{d.QueueByName("billing").ID}) || c.Settings["interaction-workspace"]["chat.auto-answer"] != "true" {
		t.Errorf("suggested %v, settings %v", q.Suggests, c.Settings)
	}
	if s := d.Service("help"); d.Queue(s.Queue).Name != "support" || s.RequiredFields[0] != "firstName" {
		t.Errorf("service %+v", s)
	}
	if a := d.AgentStates[0]; a.Operation != "Lunch" || a.DisplayName != "Lunch" || a.State != "NotReady" || a.Reason != "Lunch" {
		t.Errorf("state %+v", a)
	}
	if p, err := c.Proxies(); err != nil || len(p) != 1 || p[0].String() != "10.0.0.5/32" {
		t.Errorf("proxies %v, %v", p, err)
	}
}

// A user's own list of features takes the place of what her roles bring, also an empty one (agent-api 1.8).
func TestFeatures(t *testing.T) {
	t.Parallel()
	user := func(name, more string) string {
		return "{name: " + name + ", password-hash: '" + hash + "'" + more + "}"
	}
	c, err := Load(Sources{File: file(t, "users: ["+strings.Join([]string{
		user("agent", ""), user("supervisor", ", roles: [supervisor]"), user("administrator", ", roles: [administrator]"), user("none", ", features: []"),
		user("own", ", roles: [supervisor], features: [api-supervisor-monitoring, api-multimedia]"),
	}, ", ")+"]"), Env: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Directory()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"agent":         "api-multimedia api-multimedia-chat api-voice",
		"supervisor":    "api-multimedia api-multimedia-chat api-voice api-supervisor-agent-control api-supervisor-monitoring",
		"administrator": "",
		"none":          "",
		"own":           "api-multimedia api-supervisor-monitoring",
	} {
		var has []string
		for _, f := range directory.Features() {
			if d.UserByName(name).May(f) {
				has = append(has, string(f))
			}
		}
		if got := strings.Join(has, " "); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
		if chats := strings.Contains(want, "api-multimedia"); d.UserByName(name).MayChat() != chats {
			t.Errorf("%s: may chat %t", name, !chats)
		}
	}
}

// The tags that tell a default for an entry of a list, and the constants that give it, agree.
func TestDefaultsOfEntriesAreTold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		of    reflect.Type
		field string
		value string
	}{
		{reflect.TypeFor[User](), "Capacity", "3"},
		{reflect.TypeFor[Service](), "EndedRetention", "10m"},
		{reflect.TypeFor[Service](), "ClientTimeoutREST", "45s"},
	} {
		f, _ := tc.of.FieldByName(tc.field)
		if f.Tag.Get("default") != tc.value {
			t.Errorf("%s says %q, it is %s", tc.field, f.Tag.Get("default"), tc.value)
		}
	}
	if defaultCapacity != 3 || defaultEndedRetention != 10*time.Minute || defaultClientTimeoutREST != 45*time.Second {
		t.Error("change the tags, and this test, with the constants")
	}
}

// Whatever a file holds, loading it ends in a configuration that is checked, or in one line.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("demo: true\nlisten: '[::1]:0'\nusers: [{name: dana, capacity: 0, settings: {a: {b: c}}}]\n"))
	f.Add([]byte("agent: {transports: [websocket], timeout: 1m}\nservices: [{name: s, ended-retention: 1m, typing-preview: false}]"))
	f.Add([]byte("a: &a [*a]\n<<: *a"))
	f.Add([]byte("? [complex, key]\n: value"))
	f.Add([]byte("drain: 0x7fffffffffffffff\nx: !!binary |\n  AAAA"))
	f.Add([]byte("users:\n- name: \"\\ud800\"\n  skills: {~: 1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := Default()
		err := decode("halley.yaml", data, &c)
		if err == nil {
			err = c.Check()
		}
		if err == nil {
			c.Demo = false
			_, err = c.Directory()
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
	})
}
