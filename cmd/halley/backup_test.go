package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/process"
)

// TestBackupAndRestore (I10, I5): a backup by another process while customers write has every message that was answered before. Restored in the place of data
// that went on, it has no mixed history: desktops are told to shake hands, positions of before are refused, log-ins are over, and what is new arrives.
func TestBackupAndRestore(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	binary, folder := build(t), t.TempDir()
	data, file := filepath.Join(folder, "data"), filepath.Join(folder, "backup.db")
	server, err := process.Start(ctx, process.Options{Binary: binary, Data: data, Listen: freePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.Kill() }()
	chats := startCrashChats(ctx, t, server.URL)
	old := openReplaying(ctx, t, server.URL)
	jar := logIn(ctx, t, server.URL)

	// What is answered until now is in the backup; of what comes meanwhile anything may be.
	sendFor(ctx, chats, 500*time.Millisecond)
	var before []*crashChat
	for _, c := range chats {
		before = append(before, &crashChat{id: c.id, key: c.key, url: c.url, answered: c.answered[:len(c.answered):len(c.answered)]})
	}
	var senders sync.WaitGroup
	sending, stop := context.WithCancel(ctx)
	for _, c := range chats {
		senders.Go(func() { c.send(sending, sendsASec/crashChats) })
	}
	wait(ctx, 200*time.Millisecond)
	halley(ctx, t, binary, exitFine, "checked", "backup", file, "--data", data)
	stop()
	senders.Wait()

	halley(ctx, t, binary, exitFailed, "stop that process", "restore", file, "--data", data, "--replace")
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	session, position := old.ID(), old.position()
	if position == 0 {
		t.Fatal("the desktop was told no position")
	}
	halley(ctx, t, binary, exitUsage, "--replace", "restore", file, "--data", data)
	halley(ctx, t, binary, exitFine, "is kept in", "restore", file, "--data", data, "--replace")
	if err := broken(ctx, data, before); err != nil {
		t.Error(err)
	}

	if server, err = process.Start(ctx, process.Options{Binary: binary, Data: data, Listen: strings.TrimPrefix(server.URL, "http://")}); err != nil {
		t.Fatal(err)
	}
	for old.ID() == session {
		wait(ctx, 20*time.Millisecond)
		if ctx.Err() != nil {
			t.Fatal("the desktop still has its session")
		}
	}
	if code := cookieStatus(ctx, t, server.URL, jar); code != http.StatusUnauthorized {
		t.Errorf("a log-in of before the restore is answered with HTTP %d", code)
	}
	// What is new arrives at the new session, at positions that were never given before.
	fresh := openReplaying(ctx, t, server.URL)
	if _, err := fresh.SubscribeFrom(ctx, "/v2/me/channels", position, fresh.take); err == nil || !strings.Contains(err.Error(), "replay_id_invalid") {
		t.Errorf("a position of before the restore: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if !before[0].sendOne(ctx, client, "after the restore") {
		t.Fatal("a customer cannot go on in her chat")
	}
	for !fresh.heard("after the restore") {
		wait(ctx, 20*time.Millisecond)
		if ctx.Err() != nil {
			t.Fatal("what is new does not arrive")
		}
	}
	if fresh.position()>>31 == position>>31 {
		t.Errorf("position %d is of the epoch of %d", fresh.position(), position)
	}
}

// sendFor has all customers write for a time.
func sendFor(ctx context.Context, chats []*crashChat, d time.Duration) {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	var senders sync.WaitGroup
	for _, c := range chats {
		senders.Go(func() { c.send(ctx, sendsASec/crashChats) })
	}
	senders.Wait()
}

// halley runs a command, and wants how it ends and what it says.
func halley(ctx context.Context, t *testing.T, binary string, status int, says string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, binary, args...)
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status || !strings.Contains(string(out), says) {
		t.Fatalf("halley %s: status %d, %s; want %d and %q", strings.Join(args, " "), got, out, status, says)
	}
}

// replaying is a desktop that keeps positions, and comes in with her password each time.
type replaying struct {
	*bayeuxclient.Client

	mu   sync.Mutex
	last int64
	all  strings.Builder
}

// byPassword adds dana's password to each request.
type byPassword struct{ http.RoundTripper }

func (b byPassword) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth("dana", config.DemoPassword)
	return b.RoundTripper.RoundTrip(r)
}

func openReplaying(ctx context.Context, t *testing.T, server string) *replaying {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Transport{}
	t.Cleanup(web.CloseIdleConnections)
	d := &replaying{}
	d.Client, err = bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: server + "/api/v2/notifications", HTTP: &http.Client{Jar: jar, Transport: byPassword{web}}, Transports: []string{bayeuxclient.LongPolling},
		Replay: true, Backoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(ctx)) }) // the server may be gone
	if _, err := d.SubscribeFrom(ctx, "/v2/me/chats", bayeuxclient.FromOldest, d.take); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *replaying) take(m bayeuxclient.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = m.ReplayID
	d.all.Write(m.Data)
}

func (d *replaying) position() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *replaying) heard(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Contains(d.all.String(), text)
}

// logIn logs dana in, and returns her cookies.
func logIn(ctx context.Context, t *testing.T, server string) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/api/v2/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("dana", config.DemoPassword)
	res, err := (&http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("log in: HTTP %d", res.StatusCode)
	}
	return jar
}

// cookieStatus is how a request is answered that has nothing but the cookies.
func cookieStatus(ctx context.Context, t *testing.T, server string, jar http.CookieJar) int {
	t.Helper()
	u, err := url.Parse(server + "/api/v2/me")
	if err != nil {
		t.Fatal(err)
	}
	if len(jar.Cookies(u)) == 0 {
		t.Fatal("there are no cookies")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
