package main

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/process"
	"github.com/halley-chat/halley/internal/server/servertest"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// The server is killed with SIGKILL in the moment in which it has answered the Accept of an agent who is watched. Her supervisor gets each of the chats all the
// same, once (agent-api 6.8, I1).
func TestDeliveryAfterKill(t *testing.T) {
	t.Parallel()
	const rounds = 8
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	data := filepath.Join(t.TempDir(), "data")
	opt := process.Options{Binary: build(t), Data: data, Listen: freePort(t)}
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
	acked := func(o *servertest.AgentOptions) { o.Transport, o.Ack = bayeuxclient.WebSocket, true }
	dana := srv.Agent(t, "dana", acked)
	ines := srv.Agent(t, "ines", acked, func(o *servertest.AgentOptions) { o.NotReady = true })
	watch := ines.Do(http.MethodPost, "/users/"+directory.UserID("dana")+"/channels/chat", map[string]any{"operationName": "Monitor"})
	if watch.StatusCode != 0 {
		t.Fatal(watch.StatusMessage)
	}
	var chats []string
	late := 0
	for range rounds {
		id := srv.Customer(t, "support").ChatID()
		chats = append(chats, id)
		dana.WaitState(id, "Invited")
		dana.Operate(id, "Accept", nil)
		if err := proc.Kill(); err != nil {
			t.Fatal(err)
		}
		late += waitingDeliveries(ctx, t, data)
		if proc, err = process.Start(ctx, opt); err != nil {
			t.Fatal(err)
		}
		ines.WaitState(id, "Chatting")
		dana.Operate(id, "Complete", nil)
		ines.WaitState(id, "Revoked")
	}
	for _, id := range chats {
		var states []string
		for _, n := range ines.Notices() {
			if n.NotificationType == "StatusChange" && n.Chat.ID == id {
				states = append(states, n.Chat.State)
			}
		}
		if len(states) != 3 || states[0] != "Invited" {
			t.Errorf("of chat %s she was told %v", id, states)
		}
	}
	t.Logf("%d of %d chats were delivered only after the restart", late, rounds)
}

// waitingDeliveries counts the chats on disk that are still to be delivered to a supervisor.
func waitingDeliveries(ctx context.Context, t *testing.T, data string) (n int) {
	t.Helper()
	db, err := sqlite.Open(ctx, data, sqlite.Options{ResumeWindow: time.Hour}) // desktops come back after this, too
	if err != nil {
		t.Fatal(err)
	}
	due, _, err := db.DueTimers(ctx, time.Now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, timer := range due {
		if timer.Kind == "supervise" {
			n++
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}
