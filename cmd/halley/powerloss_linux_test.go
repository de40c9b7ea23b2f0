package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/disk"
	"github.com/halley-chat/halley/internal/process"
)

// powerCuts is how often TestPowerLoss cuts the power, unless the environment has a number.
const (
	powerCuts     = 5
	powerCutsName = "HALLEY_TEST_POWER_CUTS"
)

// fragile is a server on a disk that can lose what was not made safe.
type fragile struct {
	t      *testing.T
	binary string
	root   string // of this disk; the data folder is in it
	listen string
	random *rand.Rand
	server *process.Server
	disk   *disk.Disk
}

func startFragile(ctx context.Context, t *testing.T) *fragile {
	t.Helper()
	u := &fragile{t: t, binary: build(t), root: t.TempDir(), listen: freePort(t), random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))}
	if err := u.start(ctx); err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *fragile) data() string { return filepath.Join(u.root, "data") }

func (u *fragile) start(ctx context.Context) (err error) {
	u.server, err = process.Start(ctx, process.Options{
		Binary: u.binary, Data: u.data(), Listen: u.listen,
		Under: func(cmd *exec.Cmd) (err error) {
			u.disk, err = disk.Under(cmd, u.root)
			return err
		},
	})
	return err
}

// powerLoss cuts the power. The disk is then one that holds what was left.
func (u *fragile) powerLoss() {
	u.t.Helper()
	u.disk.Cut()
	if err := u.server.Kill(); err != nil {
		u.t.Fatal(err)
	}
	u.disk.Wait()
	left := u.t.TempDir()
	if err := u.disk.Image(left, u.random); err != nil {
		u.t.Fatal(err)
	}
	if err := os.RemoveAll(u.root); err != nil {
		u.t.Fatal(err)
	}
	u.root = left
}

// TestPowerLoss (I2, I1): the power fails at random moments, of starting too, while customers send 200 messages a second. What was not made safe with fsync
// is lost, torn or in another order; sometimes fsync has failed before. Every message whose send was answered is there, and logs and feeds fit their rules.
func TestPowerLoss(t *testing.T) {
	cuts := powerCuts
	if text := os.Getenv(powerCutsName); text != "" {
		var err error
		if cuts, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", powerCutsName, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(cuts)*10*time.Second)
	defer cancel()
	u := startFragile(ctx, t)
	chats := startCrashChats(ctx, t, u.server.URL)
	desktops := []*desktop{
		openDesktop(ctx, t, u.server.URL, bayeuxclient.LongPolling), openDesktop(ctx, t, u.server.URL, bayeuxclient.WebSocket),
	}
	sending, stop := context.WithCancel(ctx)
	var senders sync.WaitGroup
	defer senders.Wait()
	defer stop()
	for _, c := range chats {
		senders.Go(func() { c.send(sending, sendsASec/crashChats) })
	}
	for i := range cuts {
		wait(ctx, time.Duration(100+u.random.IntN(700))*time.Millisecond)
		if i%3 == 1 { // a disk that fails shortly before
			u.disk.Set(disk.Faults{Sync: syscall.EIO})
			wait(ctx, time.Duration(u.random.IntN(300))*time.Millisecond)
			u.disk.Set(disk.Faults{})
			wait(ctx, time.Duration(u.random.IntN(300))*time.Millisecond)
		}
		u.powerLoss()
		if err := unsound(ctx, u.data()); err != nil {
			t.Fatalf("after power loss %d: %v", i+1, err)
		}
		if err := u.start(ctx); err != nil {
			t.Fatalf("after power loss %d: %v", i+1, err)
		}
	}
	wait(ctx, 300*time.Millisecond)
	stop()
	senders.Wait()
	// The desktops go on with the sessions that they had before all this.
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range chats {
		if !c.sendOne(ctx, client, "at last") {
			t.Error("a customer cannot write any more")
		}
	}
	for _, d := range desktops {
		for !d.heard("at last") {
			if wait(ctx, 20*time.Millisecond); ctx.Err() != nil {
				t.Fatal("a desktop does not hear what is new")
			}
		}
		if d.ID() != d.id {
			t.Error("a desktop has lost its session")
		}
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	// What the disk has noted of the server is all that it did: the images were right.
	if err := u.server.Stop(); err != nil {
		t.Error(err)
	}
	u.disk.Wait()
	if err := u.disk.Seen(); err != nil {
		t.Error(err)
	}
	if err := broken(ctx, u.data(), chats); err != nil {
		t.Error(err)
	}
	answered := 0
	for _, c := range chats {
		answered += len(c.answered)
	}
	if answered < 20*cuts {
		t.Errorf("only %d messages were answered: the test has not tested much", answered)
	}
	t.Logf("%d power losses; %d messages answered, none lost", cuts, answered)
}

// On a disk that only says that it has made things safe, the check finds that promises were broken: it bites.
func TestPowerLossOfLyingDisk(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	u := startFragile(ctx, t)
	chats := startCrashChats(ctx, t, u.server.URL)
	u.disk.Set(disk.Faults{Lies: true})
	for _, c := range chats {
		sending, stop := context.WithTimeout(ctx, 200*time.Millisecond)
		c.send(sending, sendsASec)
		stop()
	}
	u.random = rand.New(rand.NewPCG(0, noLuck()))
	u.powerLoss()
	err := broken(ctx, u.data(), chats)
	if err == nil || !strings.Contains(err.Error(), "was answered and is there 0 times") {
		t.Errorf("got %v, want messages that were answered and are lost", err)
	}
}

// noLuck is a seed with which nothing arrives that was not made safe.
func noLuck() uint64 {
	for seed := uint64(0); ; seed++ {
		if rand.New(rand.NewPCG(0, seed)).IntN(4) == 0 {
			return seed
		}
	}
}
