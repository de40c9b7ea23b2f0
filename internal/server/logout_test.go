package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// An agent who logs out with a chat on offer is told that it was revoked and that she is logged out before her session ends (agent-api 2.6).
func TestLogOutWithAnOffer(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			srv := servertest.Start(t)
			dana := srv.Agent(t, "dana", func(o *servertest.AgentOptions) { o.Transport = transport })
			pat := srv.Customer(t, "support")
			dana.WaitState(pat.ChatID(), "Invited")
			if transport == bayeuxclient.LongPolling {
				waitMetric(t, srv.URL, "halley_cometd_held 1")
			}
			if a := dana.Do(http.MethodPost, "/me", map[string]any{"operationName": "EndContactCenterSession"}); a.StatusCode != 0 {
				t.Fatalf("EndContactCenterSession: %s", a.Body)
			}
			dana.WaitState(pat.ChatID(), "Revoked")
			dana.Wait("being logged out", func(n servertest.Notice) bool {
				return len(n.Channels) > 0 && n.Channels[0].UserState.State == "LoggedOut"
			})
			if a := dana.Do(http.MethodGet, "/me", nil); a.HTTP != http.StatusUnauthorized || a.StatusCode != 20 {
				t.Errorf("her cookie is still good for: HTTP %d %s", a.HTTP, a.Body)
			}
			omar := srv.Agent(t, "omar")
			omar.WaitState(pat.ChatID(), "Invited")
		})
	}
}

// waitMetric reads the metrics until one of their lines is line.
func waitMetric(t *testing.T, server, line string) {
	t.Helper()
	for end := time.Now().Add(servertest.Patience); time.Now().Before(end); {
		res, err := http.Get(server + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(all), "\n"+line+"\n") {
			return
		}
	}
	t.Fatalf("the metrics never had the line %q", line)
}
