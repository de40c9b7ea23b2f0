package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// RP-2, RP-3, RP-5: a client that shakes hands anew reads what it missed from its user's feed.
func TestReplayOfNotifications(t *testing.T) {
	t.Parallel()
	srv := servertest.Start(t)
	dana := srv.Agent(t, "dana") // her log-in and readiness are in her feed
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		c, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{
			URL: srv.URL + "/api/v2/notifications", HTTP: dana.HTTP, Transports: []string{transport}, Replay: true,
		})
		if err != nil {
			t.Fatal(err)
		}
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

func refusedWith(err error, code int) bool {
	reply, ok := errors.AsType[*bayeuxclient.ReplyError](err)
	return ok && reply.Code() == code
}
