package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/process"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// Desktops go on with their sessions when the server was killed with SIGKILL: the same client ids, nothing lost, nothing out of order, and with
// acknowledgement nothing twice (DEL-14, AK-14, A20).
func TestSessionsAfterKill(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	binary := build(t)
	opt := process.Options{Binary: binary, Data: filepath.Join(t.TempDir(), "data"), Listen: freePort(t)}
	proc, err := process.Start(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := proc.Kill(); err != nil {
			t.Error(err)
		}
	}()

	srv := &servertest.Server{URL: proc.URL}
	dana := srv.Agent(t, "dana")
	type desktop struct {
		*servertest.Agent
		name, id string
		ack      bool
	}
	var desktops []desktop
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		for _, ack := range []bool{false, true} {
			a := srv.Agent(t, "dana", func(o *servertest.AgentOptions) { o.Transport, o.Ack, o.LoggedOut = transport, ack, true })
			desktops = append(desktops, desktop{Agent: a, name: fmt.Sprintf("%s, ack %t", transport, ack), id: a.CometD.ID(), ack: ack})
		}
	}
	pat := srv.Customer(t, "support")
	dana.Accept()
	var want []string
	say := func(n int, when string) {
		for range n {
			want = append(want, fmt.Sprintf("%d, %s kill", len(want), when))
			pat.Say(want[len(want)-1])
		}
	}
	for round := range 4 {
		say(5, "before")
		if err := proc.Kill(); err != nil {
			t.Fatal(err)
		}
		if proc, err = process.Start(ctx, opt); err != nil {
			t.Fatalf("restart %d: %v", round, err)
		}
		say(5, "after")
		for _, d := range desktops {
			d.WaitText(want[len(want)-1])
			if id := d.CometD.ID(); id != d.id {
				t.Fatalf("%s: after kill %d it had to shake hands anew", d.name, round)
			}
		}
	}
	for _, d := range desktops {
		var got []string
		for _, n := range d.Notices() {
			for _, m := range n.Messages {
				// A batch that comes again comes as a whole, so what is new in it still stands in order.
				if strings.HasSuffix(m.Text, "kill") && (d.ack || !slices.Contains(got, m.Text)) {
					got = append(got, m.Text)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: it got\n%s\nwant\n%s", d.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
