package server_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/line"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// DEL-14: a crowd that is cut off at one moment goes on with its sessions. Nobody shakes hands anew, and each notification, also that of the
// time between, comes once. bench/storm does this with 2,000.
func TestAllCutAtOnce(t *testing.T) {
	t.Parallel()
	const crowd = 40
	srv := servertest.Start(t)
	way, err := line.Listen(strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	dana := srv.Agent(t, "dana")
	pat := srv.Customer(t, "support")
	dana.Accept()
	who, err := http.NewRequest(http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	who.SetBasicAuth("dana", config.DemoPassword)
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	var mu sync.Mutex
	told := make([][]string, crowd)
	for i := range crowd {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		c, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{
			URL: "http://" + way.Address() + "/api/v2/notifications", Transports: []string{[]string{bayeuxclient.WebSocket, bayeuxclient.LongPolling}[i%2]},
			Ack: i%4 < 2, Header: who.Header, HTTP: &http.Client{Transport: transport},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
		if _, err := c.Subscribe(ctx, "/v2/me/chats", func(m bayeuxclient.Message) {
			mu.Lock()
			defer mu.Unlock()
			for _, text := range []string{"before", "meanwhile", "after"} {
				if strings.Contains(string(m.Data), `"`+text+`"`) {
					told[i] = append(told[i], text)
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	all := func(want ...string) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for missing := true; missing; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("not everybody was told %q", want)
			}
			mu.Lock()
			missing = slices.ContainsFunc(told, func(got []string) bool { return len(got) < len(want) })
			mu.Unlock()
		}
		mu.Lock()
		defer mu.Unlock()
		for i, got := range told {
			if !slices.Equal(got, want) {
				t.Errorf("client %d was told %q, want %q", i, got, want)
			}
		}
	}
	pat.Say("before")
	all("before")
	handshakes := fmt.Sprintf("halley_cometd_handshakes_total %d", crowd+1) // with dana's own
	waitMetric(t, srv.URL, handshakes)
	way.Reset()
	pat.Say("meanwhile")
	all("before", "meanwhile")
	pat.Say("after")
	all("before", "meanwhile", "after")
	waitMetric(t, srv.URL, handshakes)
}
