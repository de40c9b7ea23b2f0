package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/line"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// Through a network that cuts connections at random bytes, in requests and in replies, every notification arrives, in order; with
// acknowledgements none arrives twice (A6, A7, A14; DEL-8, DEL-15, AK-4).
func TestBrokenNetwork(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ack=%v", transport, ack), func(t *testing.T) {
				t.Parallel()
				throughBrokenNetwork(t, transport, ack)
			})
		}
	}
}

func throughBrokenNetwork(t *testing.T, transport string, ack bool) {
	const messages = 400
	srv := servertest.Start(t)
	dana := srv.Agent(t, "dana") // her REST calls, and a desktop with a good line
	bad, err := line.Listen(strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bad.Close)

	var mu sync.Mutex
	var got []int64                                   // indices in the order of arrival
	complete, done := context.WithCancel(t.Context()) // the last message may come twice
	defer done()
	web := &http.Transport{}
	t.Cleanup(web.CloseIdleConnections)
	client, err := bayeuxclient.Dial(t.Context(), bayeuxclient.Options{
		URL: "http://" + bad.Address() + "/api/v2/notifications", HTTP: &http.Client{Jar: dana.HTTP.Jar, Transport: web},
		Transports: []string{transport}, Ack: ack, Backoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond,
		MaxNetworkDelay: 2 * time.Second,
		OnState: func(s bayeuxclient.State) {
			if s.Phase == bayeuxclient.Handshaken && len(got) > 0 {
				t.Error("the session was lost")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(t.Context())
	if _, err := client.Subscribe(t.Context(), "/v2/me/chats", func(m bayeuxclient.Message) {
		var n struct {
			Messages []struct{ Index int64 } `json:"messages"`
		}
		if err := json.Unmarshal(m.Data, &n, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, msg := range n.Messages {
			got = append(got, msg.Index)
			if msg.Index == messages+2 { // after two who joined
				done()
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	turnBad(bad) // only now: the log-in is not what is tested

	pat := srv.Customer(t, "support")
	dana.Accept()
	for i := range messages {
		pat.Say(fmt.Sprint(i))
	}
	select {
	case <-complete.Done():
	case <-time.After(servertest.Patience):
		t.Errorf("the last message did not arrive")
	}
	mu.Lock()
	defer mu.Unlock()
	var last int64
	repeated := 0
	for i, index := range got {
		// A repetition may begin anywhere before, and be cut and begin again; it leaves nothing out.
		if i > 0 && index > got[i-1]+1 {
			t.Fatalf("notification %d has index %d after %d", i, index, got[i-1])
		}
		if index <= last {
			repeated++
		}
		last = max(last, index)
	}
	if ack && repeated > 0 {
		t.Errorf("%d notifications came twice in spite of acknowledgements", repeated)
	}
	if last != messages+2 || bad.Cuts() < 3 {
		t.Errorf("%d of %d arrived; the line was cut %d times", last, messages+2, bad.Cuts())
	}
	t.Logf("%d cuts, %d repeated", bad.Cuts(), repeated)
}

// turnBad cuts the connections that there are, and each that comes after a random number of bytes, in either direction, with a reset or a close.
func turnBad(bad *line.Line) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(4, 2))
	bad.Next(func() line.Fault {
		mu.Lock()
		defer mu.Unlock()
		up, down := int64(1000+random.IntN(3000)), int64(500+random.IntN(9500))
		if random.IntN(4) == 0 {
			down = 1 << 20 // or else a full batch would never get through
		}
		reset := random.IntN(2) == 0
		return line.Fault{Up: line.Way{Cut: up, Reset: reset}, Down: line.Way{Cut: down, Reset: reset}}
	})
	bad.Reset()
}
