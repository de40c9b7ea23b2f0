package load

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Options say what to play. Most of them have no default: the command's flags have.
type Options struct {
	// Server is the address of a running server. Empty: Binary is started, with a folder and users of its own.
	Server  string
	Binary  string // halley
	Data    string // folder for the started server; empty: one that is removed afterwards
	Users   []User // who logs in to Server; there must be Agents of them
	Service string // of Server, for customers
	Queue   string // of Server, to which chats of Service come; empty: named as Service is
	PID     int    // process of Server, to tell what it costs; 0: unknown

	Agents int
	// Supervisors each watch three agents; their users follow those of the agents. Negative: one for every ten agents of the server that is started, else none.
	Supervisors int
	Customers   int           // chats at the same time; 0: three for each agent
	Rate        PerSecond     // texts, of customers and agents together; 0: as fast as it goes
	Window      int           // texts under way when it goes as fast as it can
	Duration    time.Duration // from when all chats are under way
	WebSocket   float64       // share of the agents; the others poll
	Ack         float64       // share of the agents with the acknowledgement extension
	Replies     float64       // share of the texts that are agents'
	Typing      float64       // share of the customers' texts that are announced by typing
	Transfers   float64       // share of the chats that are transferred to another agent half-way
	Requeues    float64       // share of the chats that are transferred to their queue half-way
	Meetings    float64       // share of the chats to which another agent is invited half-way, and as many in which one is consulted
	Asks        float64       // share of these in which routing finds the other agent, in the queue
	Joins       float64       // share of the consulted agents who are made known to the customer
	Removals    float64       // share of the agents called in who are sent away; the others leave
	Texts       int           // in a chat, on average
	Poll        time.Duration // how often a customer's client asks for news
	Patience    time.Duration // for anything that should happen at once

	Cut      PerSecond     // agents whose connections are reset
	Pause    time.Duration // one agent in ten does not read for so long, in turns; 0: none
	Restart  time.Duration // between restarts of the server; 0: none
	Stopping string        // how: kill (SIGKILL), term (SIGTERM) or both in turns

	Seed   uint64
	Logger *slog.Logger // nil: none
}

// User is somebody who can log in to the server.
type User struct{ Name, Password string }

// How a server is stopped.
const (
	ByKill = "kill"
	ByTerm = "term"
	ByBoth = "both"
)

// Bounds of a load. They are wide; they catch slips.
const (
	maxAgents    = 10_000
	maxCustomers = 100_000
	maxRate      = 100_000
	maxWindow    = 10_000
)

// complete fills in what was left out.
func (o Options) complete() Options {
	if o.Customers == 0 {
		o.Customers = 3 * o.Agents
	}
	if o.Supervisors < 0 {
		o.Supervisors = 0
		if o.Server == "" {
			o.Supervisors = (o.Agents + 9) / 10
		}
	}
	if o.Queue == "" {
		o.Queue = o.Service
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	o = o.complete()
	share := func(name string, v float64) error {
		if v < 0 || v > 1 {
			return fmt.Errorf("%s: %v is not a share: give a number from 0 to 1", name, v)
		}
		return nil
	}
	return errors.Join(
		within("agents", o.Agents, 1, maxAgents), within("supervisors", o.Supervisors, 0, maxAgents), within("customers", o.Customers, 1, maxCustomers), within("rate", float64(o.Rate), 0, maxRate),
		within("window", o.Window, 1, maxWindow), within("texts", o.Texts, 1, 1000),
		within("duration", o.Duration, time.Second, 7*24*time.Hour), within("poll", o.Poll, 10*time.Millisecond, 30*time.Second),
		within("pause", o.Pause, 0, 10*time.Minute), within("patience", o.Patience, time.Second, time.Hour),
		within("restart", o.Restart, 0, 24*time.Hour), within("cut", float64(o.Cut), 0, 1000),
		share("websocket", o.WebSocket), share("ack", o.Ack), share("replies", o.Replies), share("typing", o.Typing),
		share("transfers", o.Transfers), share("requeues", o.Requeues), share("meetings", o.Meetings), share("asks", o.Asks),
		share("joins", o.Joins), share("removals", o.Removals), o.checkServer(),
	)
}

func (o Options) checkServer() error {
	if o.Stopping != ByKill && o.Stopping != ByTerm && o.Stopping != ByBoth {
		return fmt.Errorf("stopping: %q is none of %s, %s and %s", o.Stopping, ByKill, ByTerm, ByBoth)
	}
	if o.Server == "" {
		return nil
	}
	u, err := url.Parse(o.Server)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("server: %q is not a server's address: give one such as http://127.0.0.1:8080", o.Server)
	case len(o.Users) < o.Agents+o.Supervisors:
		return fmt.Errorf("users: %d agents and %d supervisors cannot log in as %d users: name more of them, or take fewer",
			o.Agents, o.Supervisors, len(o.Users))
	case o.Service == "":
		return errors.New("service: name a chat service of the server, such as support")
	case o.Restart > 0:
		return errors.New("restart: only a server that was started for the load is restarted: leave out the server, or the restarts")
	}
	return nil
}

func within[N int | float64 | time.Duration](name string, v, least, most N) error {
	if v < least || v > most {
		return fmt.Errorf("%s: %v is not between %v and %v", name, v, least, most)
	}
	return nil
}

// faulty says whether requests may fail through our own doing.
func (o Options) faulty() bool { return o.Cut > 0 || o.Pause > 0 || o.Restart > 0 }

// PerSecond is how often something happens.
type PerSecond float64

// UnmarshalText reads a number per second, minute or hour: 500, 5/s, 90/m, 12/h.
func (p *PerSecond) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	v, err := strconv.ParseFloat(number, 64)
	seconds := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || !(v >= 0) || seconds == 0 {
		return fmt.Errorf("%q is no rate: give one such as 500, 5/s or 30/m", text)
	}
	*p = PerSecond(v / seconds)
	return nil
}

// every is the time between two.
func (p PerSecond) every() time.Duration { return time.Duration(float64(time.Second) / float64(p)) }
