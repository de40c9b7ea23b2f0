package load

import (
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	fine := Options{
		Agents: 1, Window: 1, Texts: 1, Duration: time.Second, Poll: time.Second, Patience: time.Second, Stopping: ByKill,
	}
	if err := fine.Check(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Options){
		"agents":      func(o *Options) { o.Agents = 0 },
		"supervisors": func(o *Options) { o.Supervisors = maxAgents + 1 },
		"customers":   func(o *Options) { o.Customers = -1 },
		"rate":        func(o *Options) { o.Rate = maxRate + 1 },
		"window":      func(o *Options) { o.Window = 0 },
		"texts":       func(o *Options) { o.Texts = 0 },
		"duration":    func(o *Options) { o.Duration = 0 },
		"poll":        func(o *Options) { o.Poll = 0 },
		"patience":    func(o *Options) { o.Patience = 0 },
		"pause":       func(o *Options) { o.Pause = -1 },
		"cut":         func(o *Options) { o.Cut = 1e9 },
		"websocket":   func(o *Options) { o.WebSocket = 1.5 },
		"ack":         func(o *Options) { o.Ack = -0.5 },
		"replies":     func(o *Options) { o.Replies = 2 },
		"typing":      func(o *Options) { o.Typing = 2 },
		"transfers":   func(o *Options) { o.Transfers = 2 },
		"requeues":    func(o *Options) { o.Requeues = 2 },
		"meetings":    func(o *Options) { o.Meetings = 2 },
		"asks":        func(o *Options) { o.Asks = 2 },
		"joins":       func(o *Options) { o.Joins = 2 },
		"removals":    func(o *Options) { o.Removals = 2 },
		"stopping":    func(o *Options) { o.Stopping = "politely" },
		"server":      func(o *Options) { o.Server = "halley.example" },
		"users":       func(o *Options) { o.Server = "http://halley.example" },
		"service":     func(o *Options) { o.Server, o.Users = "http://halley.example", []User{{}} },
		"restart": func(o *Options) {
			o.Server, o.Users, o.Service, o.Restart = "http://halley.example", []User{{}}, "support", time.Second
		},
	} {
		o := fine
		change(&o)
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), says+": ") {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestPerSecond(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]PerSecond{"500": 500, "5/s": 5, "90/m": 1.5, "36/h": 0.01, "0": 0, "2.5": 2.5} {
		var got PerSecond
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "5/d", "NaN", "5/s/s"} {
		var got PerSecond
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}
