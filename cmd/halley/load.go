package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/load"
)

// loader plays a contact centre against a server.
type loader struct {
	File        string         `placeholder:"FILE" help:"YAML file with any of these flags as keys."`
	Server      string         `placeholder:"URL" help:"Address of a running server. Default: one is started, with users and a folder of its own, and removed."`
	UsersFile   string         `placeholder:"FILE" help:"Who logs in to --server: a line with name:password for each agent."`
	Service     string         `default:"support" help:"Chat service of --server that customers use."`
	Queue       string         `help:"Queue of --server to which those chats come. Default: named as the service is."`
	PID         int            `name:"pid" help:"Process of --server, to tell what it costs."`
	Folder      string         `placeholder:"FOLDER" help:"Data of the server that is started. Default: a folder that is removed."`
	Agents      int            `default:"20" help:"Agents at work."`
	Supervisors int            `default:"-1" help:"Supervisors, who each watch three agents; in --users-file they follow the agents. Default: one for every ten agents, none with --server."`
	Customers   int            `help:"Chats at the same time. Default: three for each agent."`
	Rate        load.PerSecond `help:"Texts, of customers and agents together, such as 500 or 30/m. Default: as fast as it goes."`
	Window      int            `default:"64" help:"Texts under way when it goes as fast as it can."`
	Duration    time.Duration  `default:"30s" help:"Length of the load."`
	WebSocket   float64        `name:"websocket" default:"0.5" help:"Share of agents over websocket; the others poll."`
	Ack         float64        `default:"0.5" help:"Share of agents with the acknowledgement extension."`
	Replies     float64        `default:"0.3" help:"Share of texts that agents write."`
	Typing      float64        `default:"0.2" help:"Share of customers' texts that are followed by typing."`
	Transfers   float64        `default:"0.05" help:"Share of chats that are transferred to another agent."`
	Requeues    float64        `default:"0.05" help:"Share of chats that are transferred to their queue."`
	Meetings    float64        `default:"0.05" help:"Share of chats with a conference, and of those with a consultation."`
	Asks        float64        `default:"0.3" help:"Share of these in which routing finds the colleague, in the queue."`
	Joins       float64        `default:"0.5" help:"Share of consulted agents who are made known to the customer."`
	Removals    float64        `default:"0.3" help:"Share of the colleagues called in who are sent away; the others leave."`
	Texts       int            `default:"40" help:"Texts in a chat, on average."`
	Poll        time.Duration  `default:"2s" help:"How often a customer's client asks for news."`
	Patience    time.Duration  `default:"30s" help:"How long anything may take before it has failed."`
	Cut         load.PerSecond `help:"Agents and customers whose connections are reset, such as 5/s. Default: none."`
	Pause       time.Duration  `help:"One agent in ten stops reading for so long, in turns. Default: none."`
	Restart     time.Duration  `help:"Time between restarts of the server that was started. Default: none."`
	Stopping    string         `default:"both" help:"How a restarted server is stopped: kill, term or both in turns."`
	Seed        uint64         `default:"1" help:"The same seed draws the same chats."`
	JSON        bool           `name:"json" help:"Print the report as JSON."`
	Verbose     bool           `help:"Tell on standard error what goes wrong when it does."`
}

// errBroken is what a load ends with that found a broken promise.
var errBroken = errors.New("a promise was broken: see the report")

func (l *loader) run(ctx context.Context, w world, _ []string) error {
	opt := load.Options{
		Server: l.Server, Service: l.Service, Queue: l.Queue, PID: l.PID, Data: l.Folder, Agents: l.Agents, Supervisors: l.Supervisors, Customers: l.Customers, Rate: l.Rate, Window: l.Window,
		Duration: l.Duration, WebSocket: l.WebSocket, Ack: l.Ack, Replies: l.Replies, Typing: l.Typing, Transfers: l.Transfers, Meetings: l.Meetings,
		Requeues: l.Requeues, Asks: l.Asks, Joins: l.Joins, Removals: l.Removals,
		Texts: l.Texts, Poll: l.Poll, Patience: l.Patience, Cut: l.Cut, Pause: l.Pause, Restart: l.Restart, Stopping: l.Stopping, Seed: l.Seed,
	}
	var err error
	if opt.Users, err = l.users(); err != nil {
		return usageError{err}
	}
	if opt.Binary, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program, to start the server: %w", err)
	}
	if l.Verbose {
		opt.Logger = slog.New(slog.NewTextHandler(w.err, nil))
	}
	if err := opt.Check(); err != nil {
		return usageError{err}
	}
	life, end := context.WithCancel(ctx)
	defer end()
	first, stop := w.untilSignal(ctx, end)
	defer stop()
	report, err := load.Run(life, opt, first.Done())
	if err != nil {
		return err
	}
	if l.JSON {
		if err := json.MarshalWrite(w.out, report, jsontext.WithIndent("  ")); err != nil {
			return err
		}
		fmt.Fprintln(w.out)
	} else if err := report.Text(w.out); err != nil {
		return err
	}
	if !report.Kept() {
		return errBroken
	}
	return nil
}

// users reads who can log in.
func (l *loader) users() (users []load.User, err error) {
	if l.UsersFile == "" {
		return nil, nil
	}
	f, err := os.Open(l.UsersFile)
	if err != nil {
		return nil, fmt.Errorf("--users-file: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		name, password, ok := strings.Cut(lines.Text(), ":")
		switch {
		case lines.Text() == "":
		case !ok || name == "":
			return nil, fmt.Errorf("--users-file %s: line %d is not name:password", l.UsersFile, n)
		default:
			users = append(users, load.User{Name: name, Password: password})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--users-file %s: %w", l.UsersFile, err)
	}
	return users, nil
}
