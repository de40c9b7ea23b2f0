package servertest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The package comment's example, over both transports.
func TestAChat(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			srv := servertest.Start(t)
			dana := srv.Agent(t, "dana", func(o *servertest.AgentOptions) { o.Transport = transport })
			pat := srv.Customer(t, "support")
			pat.Say("hello")
			dana.Accept()
			dana.WaitText("hello")
			dana.Say("hello yourself")
			pat.WaitText("hello yourself")
			pat.Leave()
			dana.Complete()
			dana.WaitState(dana.ChatID, "Completed")
		})
	}
}

// What was said before a restart is there after it, at the same address.
func TestRestart(t *testing.T) {
	t.Parallel()
	srv := servertest.Start(t)
	pat := srv.Customer(t, "support")
	pat.Say("hello")
	url := srv.URL
	srv.Restart(t)
	if srv.URL != url {
		t.Fatalf("the server came back at %s, it was at %s", srv.URL, url)
	}
	pat.WaitText("hello")
	dana := srv.Agent(t, "dana")
	if dana.Accept() != pat.ChatID() {
		t.Error("dana got another chat")
	}
	dana.WaitText("hello")
}
