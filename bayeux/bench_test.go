package bayeux

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

const typical = `[{"id":"12","channel":"/meta/connect","connectionType":"websocket","clientId":"2k3jh4k2j3h4kj23h4kjh234kj","ext":{"ack":17}}]`

func BenchmarkParse(b *testing.B) {
	body := []byte(typical)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(body, roomy); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	ev, err := newEvent(Outgoing{Channel: "/v2/me/chats", Data: value(`{"text":"` + strings.Repeat("x", 900) + `"}`)}, "")
	must(b, err)
	r := replyTo(&Message{Channel: metaConnect, channel: present, ID: "12", id: present})
	r.ext.setInt("ack", 17)
	b.ReportAllocs()
	for b.Loop() {
		encode([]*event{ev, ev}, nil, []reply{r})
	}
}

func BenchmarkSubscribers(b *testing.B) {
	srv, err := New(Options{})
	must(b, err)
	for range 100 {
		s := &Session{srv: srv, id: newID()}
		srv.channels.subscribe("/a/b", s, 0)
		srv.channels.subscribe("/a/*", s, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		if exact, more, _ := srv.channels.subscribers("/a/b"); len(exact) != 100 || len(more) != 0 {
			b.Fatal(len(exact), len(more))
		}
	}
}

// BenchmarkFanOut publishes to 100 websockets and waits until all have it.
func BenchmarkFanOut(b *testing.B) {
	for _, size := range []int{100, 4000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			bench := start(b, Options{})
			var clients []*socketClient
			for range 100 {
				c := bench.websocket(nil)
				handshake(b, c, "")
				subscribe(b, c, "/s")
				clients = append(clients, c)
			}
			text := value(`"` + strings.Repeat("x", size) + `"`)
			b.ReportAllocs()
			for b.Loop() {
				must(b, bench.srv.Publish(b.Context(), "/s", text))
				for _, c := range clients {
					<-c.frames
				}
			}
		})
	}
}

// BenchmarkPoll is a connect that is answered at once, over one connection.
func BenchmarkPoll(b *testing.B) {
	bench := start(b, Options{})
	c := bench.polling()
	handshake(b, c, "")
	message := connectMessage("1", `,"advice":{"timeout":0}`)
	b.ReportAllocs()
	for b.Loop() {
		c.ask(message)
	}
}

// BenchmarkIdleMemory reports the memory (live heap and stacks) of an idle session: a websocket
// with an outstanding connect, and a held poll. The clients live in this process
// too, with nothing but their connections.
func BenchmarkIdleMemory(b *testing.B) {
	for _, kind := range []string{"websocket", "poll"} {
		b.Run(kind, func(b *testing.B) {
			const n = 2000
			for b.Loop() {
				bench := start(b, Options{MaxSessionsPerBrowser: Unlimited})
				conns := make([]net.Conn, n)
				before := resident()
				for i := range conns {
					var err error
					if conns[i], err = bench.dial(); err != nil {
						b.Fatal(err)
					}
				}
				for _, conn := range conns {
					idle(b, conn, kind)
				}
				bench.held(n)
				after := resident()
				b.ReportMetric(float64(after-before)/n, "B/session")
				for _, conn := range conns {
					_ = conn.Close()
				}
			}
		})
	}
}

// idle brings a bare connection into its resting state, with little garbage.
func idle(b *testing.B, conn net.Conn, kind string) {
	buf := make([]byte, 4096)
	exchange := func(out string) string {
		if _, err := conn.Write([]byte(out)); err != nil {
			b.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		return string(buf[:n])
	}
	post := func(cookie, body string) string {
		return fmt.Sprintf("POST /cometd HTTP/1.1\r\nHost: x\r\nCookie: %s\r\nContent-Length: %d\r\n\r\n%s", cookie, len(body), body)
	}
	frame := func(text string) string {
		var sb strings.Builder
		_ = ws.WriteFrame(&sb, ws.MaskFrame(ws.NewTextFrame([]byte(text))))
		return sb.String()
	}
	wrap := frame
	cookie := ""
	if kind == "poll" {
		wrap = func(text string) string { return post(cookie, text) }
	} else {
		exchange("GET /cometd HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	}
	answer := exchange(wrap(`[{"channel":"/meta/handshake"}]`))
	id := clientIDs.FindStringSubmatch(answer)[1]
	if _, after, ok := strings.Cut(answer, "Set-Cookie: "); ok {
		cookie, _, _ = strings.Cut(after, ";")
	}
	exchange(wrap(`[{"channel":"/meta/connect","id":"1","clientId":"` + id + `","connectionType":"x"}]`))
	exchange(wrap(`[{"channel":"/meta/subscribe","id":"2","clientId":"` + id + `","subscription":["/v2/me/chats","/v2/me/channels"]}]`))
	if _, err := conn.Write([]byte(wrap(`[{"channel":"/meta/connect","id":"3","clientId":"` + id + `","connectionType":"x"}]`))); err != nil {
		b.Fatal(err)
	}
}

// resident returns the live heap and the stacks, after collection.
func resident() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

var _ http.Handler = (*Server)(nil)
