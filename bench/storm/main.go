// Command storm takes the connections of all agents away at one moment, and measures how they come back: how long until each goes on with its session, how
// many had to shake hands anew, what the store had to write for it, and whether anything was lost, repeated or out of order.
//
//	go run ./bench/storm [--binary bin/halley] [--sessions 2000] [--json]
//
// One half of the agents uses websockets, the other polls; one half of each acknowledges. They are cut off three times: by a line that breaks, while the server
// goes on and notifies a tenth of them meanwhile; by SIGKILL; and by SIGTERM, with a drain of five seconds. The server is started again at once.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/halley-chat/halley/internal/line"
	"github.com/halley-chat/halley/internal/process"
)

func main() { process.Main("storm", run) }

// goal is the time within which all must be back.
const goal = 10 * time.Second

// calm is how long nothing happens before a break: what had come is confirmed then, and saved.
const calm = 3 * time.Second

// storm is what one break did. Times are in seconds after it, or after the server was back.
type storm struct {
	Name       string  `json:"name"`
	Away       float64 `json:"away"` // until the server was back, the drain among it
	Half       float64 `json:"half"` // until half of the sessions went on
	All        float64 `json:"all"`
	Handshakes int     `json:"handshakes"`
	Written    int     `json:"written"` // changes that the store wrote until all were back
	Commits    int     `json:"commits"`
	CPU        float64 `json:"cpu"` // seconds of the server's processor time until then
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("storm", flag.ContinueOnError)
	binary := flags.String("binary", "bin/halley", "the server (make build)")
	sessions := flags.Int("sessions", 2000, "CometD sessions, each of an agent of its own")
	asJSON := flags.Bool("json", false, "print everything as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "storm-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	o := process.Options{Binary: *binary, Data: filepath.Join(folder, "data"), Args: []string{"--config", filepath.Join(folder, "halley.yaml")}}
	if err := os.WriteFile(filepath.Join(folder, "halley.yaml"), settings(*sessions), 0o600); err != nil {
		return err
	}
	server, err := process.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Kill()) }()
	o.Listen = strings.TrimPrefix(server.URL, "http://")
	way, err := line.Listen(o.Listen)
	if err != nil {
		return err
	}
	defer way.Close()
	crowd, err := gather(ctx, *sessions, server.URL, "http://"+way.Address())
	defer crowd.leave()
	if err != nil {
		return err
	}

	cut, err := crowd.weather(ctx, "the line breaks", server, func() error {
		way.Reset()
		return crowd.notify(ctx, 10)
	})
	if err != nil {
		return err
	}
	storms := []storm{cut}
	for _, end := range []struct {
		name string
		end  func(*process.Server) error
	}{{"the server is killed", (*process.Server).Kill}, {"the server is restarted", (*process.Server).Stop}} {
		s, err := crowd.weather(ctx, end.name, server, func() error {
			if err := end.end(server); err != nil {
				return err
			}
			again, err := process.Start(ctx, o)
			if err == nil {
				*server = *again
			}
			return err
		})
		if err != nil {
			return err
		}
		storms = append(storms, s)
	}
	return conclude(storms, *sessions, crowd.faults(), *asJSON)
}

// settings make a demo with many agents. The password is the demo's, with a hash that costs little: 2,000 log-ins are not what is measured.
func settings(agents int) []byte {
	const hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$Luv0baQ8lMPznJEaivxGPffhsknMO33M8kp+XFYuhuA"
	var text strings.Builder
	text.WriteString("drain: 5s\nqueues: [{name: support}]\nservices: [{name: support, endpoint: support}]\nusers:\n")
	for i := range agents {
		fmt.Fprintf(&text, "  - {name: %s, queues: [support], password-hash: '%s'}\n", agentName(i), hash)
	}
	return []byte(text.String())
}

// conclude prints the report. The error says which promise was broken.
func conclude(storms []storm, sessions int, faults []string, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"machine": process.Machine(), "sessions": sessions, "storms": storms, "faults": faults}); err != nil {
			return err
		}
	} else {
		fmt.Printf("%s\n%d sessions, half of them websockets, half of each with ack\n\n", process.Machine(), sessions)
		fmt.Println("| | server away | half were back after | all after | handshakes | changes written | commits | server's processor time |")
		fmt.Println("|---|---|---|---|---|---|---|---|")
		for _, s := range storms {
			fmt.Printf("| %s | %.2f s | %.2f s | %.2f s | %d | %d | %d | %.2f s |\n", s.Name, s.Away, s.Half, s.All, s.Handshakes, s.Written, s.Commits, s.CPU)
		}
		fmt.Printf("\n%d sessions with something lost, repeated or out of order\n", len(faults))
		for _, f := range faults[:min(len(faults), 10)] {
			fmt.Println(f)
		}
	}
	for _, s := range storms {
		if s.All > goal.Seconds() || s.Handshakes > 0 {
			return fmt.Errorf("%s: all back after %.1f s (goal %v), %d handshakes (goal 0)", s.Name, s.All, goal, s.Handshakes)
		}
	}
	if len(faults) > 0 {
		return errors.New("a promise was broken")
	}
	return nil
}
