package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/server/servertest"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// RP-2, RP-3, RP-5: a client that shakes hands anew reads what it missed from its user's feed.
func TestReplayOfNotifications(t *testing.T) {
	t.Parallel()
	srv := servertest.Start(t)
	dana := srv.Agent(t, "dana") // her log-in and readiness are in her feed
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		c := replaying(ctx, t, srv, dana, transport)
		defer func() {
			if err := c.Close(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		}()
		if _, err := c.SubscribeFrom(ctx, "/v2/me/channels", 12, nil); !refusedWith(err, 400) {
			t.Errorf("a number that her feed never had: %v", err)
		}
		got := make(chan bayeuxclient.Message, 100)
		if _, err := c.SubscribeFrom(ctx, "/v2/me/**", bayeuxclient.FromOldest, func(m bayeuxclient.Message) { got <- m }); err != nil {
			t.Fatal(err)
		}
		var last int64
		for ready := false; !ready; {
			select {
			case m := <-got:
				if m.ReplayID <= last || !strings.Contains(string(m.Data), `"messageType"`) {
					t.Fatalf("%d after %d: %s", m.ReplayID, last, m.Data)
				}
				last = m.ReplayID
				ready = strings.Contains(string(m.Data), `"Ready"`)
			case <-ctx.Done():
				t.Fatal("her being ready never came again")
			}
		}
	}
}

// replaying opens another CometD session of the agent, one with replay.
func replaying(ctx context.Context, t *testing.T, srv *servertest.Server, a *servertest.Agent, transport string) *bayeuxclient.Client {
	t.Helper()
	c, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: srv.URL + "/api/v2/notifications", HTTP: a.HTTP, Transports: []string{transport}, Replay: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// feedOf reads the numbers that are in the agent's feed.
func feedOf(t *testing.T, srv *servertest.Server, a *servertest.Agent) (numbers []int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	c := replaying(ctx, t, srv, a, bayeuxclient.WebSocket)
	got := make(chan int64, 100)
	if _, err := c.SubscribeFrom(ctx, "/v2/me/**", bayeuxclient.FromOldest, func(m bayeuxclient.Message) { got <- m.ReplayID }); err != nil {
		t.Fatal(err)
	}
	for quiet := time.After(500 * time.Millisecond); ; {
		select {
		case n := <-got:
			numbers = append(numbers, n)
		case <-quiet:
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
			return numbers
		}
	}
}

func refusedWith(err error, code int) bool {
	reply, ok := errors.AsType[*bayeuxclient.ReplyError](err)
	return ok && reply.Code() == code
}

// RP-5, RP-2: a position is good for as long as what came after it is kept. One whose successors were deleted, one of another history of the feed, and one
// that was never given are refused, also after a restart; the oldest that is kept is always to be had.
func TestReplayOfWhatIsGone(t *testing.T) {
	t.Parallel()
	srv := servertest.Start(t)
	dana := srv.Agent(t, "dana", func(o *servertest.AgentOptions) { o.Topics = nil; o.NotReady = true })
	numbers := feedOf(t, srv, dana)
	if len(numbers) < 1 {
		t.Fatal("her log-in is not in her feed")
	}
	srv.Stop(t)
	db, err := sqlite.Open(t.Context(), srv.Config().Data, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Prune(t.Context(), store.Horizons{Feed: time.Now().Add(time.Hour)})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	srv.StartAgain(t)
	dana = srv.Agent(t, "dana") // being Ready is what is kept
	kept := feedOf(t, srv, dana)
	gone := numbers[len(numbers)-1]
	if len(kept) < 1 || kept[0] != gone+1 {
		t.Fatalf("kept are %v after %v", kept, numbers)
	}
	const epoch = 1 << 31
	for position, good := range map[int64]bool{
		gone: true, kept[0]: true, kept[len(kept)-1]: true,
		gone - 1: false, kept[len(kept)-1] + 1: false, gone + epoch: false, gone - epoch: false, 0: false, -3: false,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
		c := replaying(ctx, t, srv, dana, bayeuxclient.LongPolling)
		_, err := c.SubscribeFrom(ctx, "/v2/me/chats", position, nil)
		if good && err != nil || !good && !refusedWith(err, 400) {
			t.Errorf("after %d, of which %d is gone and %v are kept: %v", position, gone, kept, err)
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	}
}
