package server_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/bayeuxclient"
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
	bad := newBadLine(t, strings.TrimPrefix(srv.URL, "http://"))

	var mu sync.Mutex
	var got []int64 // indices in the order of arrival
	complete := make(chan struct{})
	web := &http.Transport{}
	t.Cleanup(web.CloseIdleConnections)
	client, err := bayeuxclient.Dial(t.Context(), bayeuxclient.Options{
		URL: "http://" + bad.address + "/api/v2/notifications", HTTP: &http.Client{Jar: dana.HTTP.Jar, Transport: web},
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
				close(complete)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	bad.turnBad() // only now: the log-in is not what is tested

	pat := srv.Customer(t, "support")
	dana.Accept()
	for i := range messages {
		pat.Say(fmt.Sprint(i))
	}
	select {
	case <-complete:
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
	if last != messages+2 || bad.cuts() < 3 {
		t.Errorf("%d of %d arrived; the line was cut %d times", last, messages+2, bad.cuts())
	}
	t.Logf("%d cuts, %d repeated", bad.cuts(), repeated)
}

// badLine passes connections on to a server. Once it has turned bad it cuts each after a random number of bytes, in either direction, with a reset or a close.
type badLine struct {
	address string
	mu      sync.Mutex
	random  *rand.Rand
	bad     bool
	early   []net.Conn // made before it turned bad
	cut     int
}

func newBadLine(t *testing.T, server string) *badLine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &badLine{address: l.Addr().String(), random: rand.New(rand.NewPCG(4, 2))}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			running.Go(func() { b.carry(near, far) })
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return b
}

// turnBad cuts what is there, and each connection that comes.
func (b *badLine) turnBad() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = true
	for _, c := range b.early {
		c.Close()
	}
}

// carry copies both ways until one side ends or the line is cut.
func (b *badLine) carry(near, far net.Conn) {
	b.mu.Lock()
	limits := [2]int64{int64(1000 + b.random.IntN(3000)), int64(500 + b.random.IntN(9500))} // from the client, from the server
	if b.random.IntN(4) == 0 {
		limits[1] = 1 << 20 // or else a full batch would never get through
	}
	reset := b.random.IntN(2) == 0
	if !b.bad {
		limits = [2]int64{1 << 40, 1 << 40}
		b.early = append(b.early, near)
	}
	b.mu.Unlock()
	var copying sync.WaitGroup
	for i, pair := range [][2]net.Conn{{far, near}, {near, far}} {
		copying.Go(func() {
			n, _ := io.Copy(pair[0], io.LimitReader(pair[1], limits[i]))
			if n == limits[i] {
				b.mu.Lock()
				b.cut++
				b.mu.Unlock()
				if tcp, ok := near.(*net.TCPConn); ok && reset {
					tcp.SetLinger(0)
				}
			}
			near.Close()
			far.Close()
		})
	}
	copying.Wait()
}

func (b *badLine) cuts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cut
}
