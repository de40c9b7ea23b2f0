package servertest_test

import (
	"errors"
	"fmt"
	"net/http"
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

// What an agent does is done once, on a line that loses every other request or answer.
func TestOperateOnABadLine(t *testing.T) {
	t.Parallel()
	srv := servertest.Start(t)
	dana := srv.Agent(t, "dana")
	pat := srv.Customer(t, "support")
	dana.Accept()
	line := &lossy{RoundTripper: dana.HTTP.Transport}
	dana.HTTP = &http.Client{Jar: dana.HTTP.Jar, Transport: line}
	const texts = 10
	for i := range texts {
		dana.Say(fmt.Sprint("text ", i))
	}
	pat.WaitText(fmt.Sprint("text ", texts-1))
	said := 0
	for _, m := range pat.Read {
		if m.From.Type == "Agent" && m.Type == "Message" {
			if want := fmt.Sprint("text ", said); m.Text != want {
				t.Fatalf("%q where %q was due", m.Text, want)
			}
			said++
		}
	}
	if line.requests < 2*texts {
		t.Errorf("%d requests for %d texts: nothing was lost", line.requests, texts)
	}
}

// lossy loses a request, then an answer, then lets one through.
type lossy struct {
	http.RoundTripper
	requests int
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	l.requests++
	if l.requests%3 == 1 {
		return nil, errors.New("the request is lost")
	}
	resp, err := l.RoundTripper.RoundTrip(r)
	if l.requests%3 == 2 && err == nil {
		return nil, errors.Join(errors.New("the answer is lost"), resp.Body.Close())
	}
	return resp, err
}
