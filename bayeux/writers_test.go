package bayeux

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// DEL-12, A17: over TCP, where a publisher writes to its subscribers itself, one of
// them that never reads holds up neither the publisher nor the others.
func TestWritersWaitForNobody(t *testing.T) {
	t.Parallel()
	b := start(t, Options{MaxQueue: Unlimited, MaxQueueBytes: Unlimited, MaxMessageRate: Unlimited, MaxInterval: time.Hour})
	conn, err := b.dial()
	must(t, err)
	defer conn.Close()
	must(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	deaf := &rawSocket{t: t, conn: conn}
	deaf.upgrade()
	deaf.text(`[{"channel":"/meta/handshake"}]`)
	deaf.readText()
	stuck := b.srv.sessions.all()[0]
	deaf.text(`[{"channel":"/meta/subscribe","subscription":"/s","clientId":"` + stuck.id + `"}]`)
	deaf.readText()
	other, publisher := b.websocket(nil), b.websocket(nil)
	for _, c := range []*socketClient{other, publisher} {
		handshake(t, c, "")
	}
	subscribe(t, other, "/s")

	const n = 100 // 60 KB each are more than all buffers on the way
	text := strings.Repeat("x", 60_000)
	for i := range n {
		same(t, publisher.ask(fmt.Sprintf(`[{"channel":"/s","id":"%d","clientId":"<A>","data":"%s"}]`, i, text)),
			fmt.Sprintf(`{"channel":"/s","id":"%d","successful":true}`, i))
		if got := other.receive(); len(got) < len(text) {
			t.Fatalf("message %d: %.100s", i, got)
		}
	}
	stuck.mu.Lock()
	defer stuck.mu.Unlock()
	if stuck.sock == nil || stuck.sock.idle() || len(stuck.out.waiting) == 0 {
		t.Errorf("the socket that is not read: %p, %d messages wait", stuck.sock, len(stuck.out.waiting))
	}
}

// DEL-1, DEL-2: whoever writes, sees to it that all get all, in the same order: clients
// that publish one by one, in arrays and in floods, and server code.
func TestWritersKeepOrder(t *testing.T) {
	t.Parallel()
	b := start(t, Options{MaxMessageRate: Unlimited, MaxInterval: time.Hour})
	var readers []*socketClient
	for range 3 {
		c := b.websocket(nil)
		handshake(t, c, "")
		subscribe(t, c, "/s")
		readers = append(readers, c)
	}
	const rounds, perRound = 25, 5 + 5 + 5 + 1
	var publishing sync.WaitGroup
	for _, publish := range []func(c *socketClient){
		func(c *socketClient) {
			for range 5 {
				c.ask(`[{"channel":"/s","clientId":"<A>","data":"one"}]`)
			}
		},
		func(c *socketClient) {
			c.ask("[" + strings.Repeat(`{"channel":"/s","clientId":"<A>","data":"array"},`, 4) + `{"channel":"/s","clientId":"<A>","data":"array"}]`)
		},
		func(c *socketClient) {
			for range 5 {
				c.send(`[{"channel":"/s","clientId":"<A>","data":"flood"}]`)
			}
			for range 5 {
				c.receive()
			}
		},
		func(*socketClient) { b.publish("/s", `"server"`) },
	} {
		c := b.websocket(nil)
		handshake(t, c, "")
		publishing.Go(func() {
			for range rounds {
				publish(c)
			}
		})
	}
	var orders [3]string
	for range rounds * perRound {
		for i, c := range readers {
			orders[i] += data([]string{strings.Trim(c.receive(), "[]")}) + " "
		}
	}
	publishing.Wait()
	if orders[0] != orders[1] || orders[0] != orders[2] {
		t.Errorf("different orders:\n%s\n%s\n%s", orders[0], orders[1], orders[2])
	}
	if n := strings.Count(orders[0], "flood"); n != 5*rounds {
		t.Errorf("%d of the flood", n)
	}
}
