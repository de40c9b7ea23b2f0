package bayeux

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// Line 35: WS-1, WS-3.
func TestSubprotocol(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ configured, offered, status, selected string }{
		{"", "", "101", ""},
		{"", "bayeux, other", "101", "bayeux"},
		{"X", "", "403", ""},
		{"X", "y", "403", ""},
		{"X", "y, X", "101", "X"},
		{"X", "x", "403", ""},
	} {
		b := start(t, Options{WS: WSOptions{Protocol: tc.configured}})
		conn, err := b.dial()
		must(t, err)
		r := &rawSocket{t: t, conn: conn}
		var headers []string
		if tc.offered != "" {
			headers = append(headers, "Sec-WebSocket-Protocol: "+tc.offered)
		}
		resp := r.upgrade(headers...)
		if fmt.Sprint(resp.StatusCode) != tc.status || resp.Header.Get("Sec-WebSocket-Protocol") != tc.selected {
			t.Errorf("%+v: %d %q", tc, resp.StatusCode, resp.Header.Get("Sec-WebSocket-Protocol"))
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
}

// Line 36, A2, A12: MSG-1, WS-7, WS-8, WS-17, WS-18.
func TestFrames(t *testing.T) {
	t.Parallel()
	masked := func(op ws.OpCode) ws.Header { return ws.Header{Fin: true, OpCode: op, Masked: true} }
	for name, tc := range map[string]struct {
		send func(*rawSocket)
		want string
	}{
		"malformed":         {func(r *rawSocket) { r.text(`[{"channel":`) }, "1011"},
		"trailing":          {func(r *rawSocket) { r.text(`[] []`) }, "1011"},
		"not objects":       {func(r *rawSocket) { r.text(`[1]`) }, "1011"},
		"string":            {func(r *rawSocket) { r.text(`"x"`) }, "1011"},
		"NaN":               {func(r *rawSocket) { r.text(`[{"data":NaN}]`) }, "1011"},
		"BOM":               {func(r *rawSocket) { r.text("\ufeff[{}]") }, "1011"},
		"too deep":          {func(r *rawSocket) { r.text(strings.Repeat("[", 100)) }, "1011"},
		"too many":          {func(r *rawSocket) { r.text("[" + strings.Repeat("{},", 1000) + "{}]") }, "1009"},
		"invalid UTF-8":     {func(r *rawSocket) { r.text("[{\"data\":\"\xff\"}]") }, "1007"},
		"too large":         {func(r *rawSocket) { r.text(`["` + strings.Repeat("x", 70<<10)) }, "1009"},
		"huge announced":    {func(r *rawSocket) { r.raw(0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4) }, "1009"},
		"length MSB":        {func(r *rawSocket) { r.raw(0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4) }, "1002"},
		"unmasked":          {func(r *rawSocket) { r.frame(ws.Header{Fin: true, OpCode: ws.OpText}, []byte("[]")) }, "1002"},
		"reserved opcode":   {func(r *rawSocket) { r.frame(masked(3), nil) }, "1002"},
		"reserved bit":      {func(r *rawSocket) { h := masked(ws.OpText); h.Rsv = ws.Rsv(false, true, false); r.frame(h, nil) }, "1002"},
		"RSV1 unnegotiated": {func(r *rawSocket) { h := masked(ws.OpText); h.Rsv = ws.Rsv(true, false, false); r.frame(h, nil) }, "1002"},
		"continuation":      {func(r *rawSocket) { r.frame(masked(ws.OpContinuation), nil) }, "1002"},
		"interleaved": {func(r *rawSocket) {
			h := masked(ws.OpText)
			h.Fin = false
			r.frame(h, []byte("["))
			r.text("]")
		}, "1002"},
		"long ping":       {func(r *rawSocket) { r.frame(masked(ws.OpPing), make([]byte, 126)) }, "1002"},
		"fragmented ping": {func(r *rawSocket) { h := masked(ws.OpPing); h.Fin = false; r.frame(h, nil) }, "1002"},
		"close":           {func(r *rawSocket) { r.frame(masked(ws.OpClose), nil) }, "1000"},
		"close with code": {func(r *rawSocket) { r.frame(masked(ws.OpClose), []byte{0x0f, 0xa1, 'b', 'y', 'e'}) }, "4001"},
		"close, odd code": {func(r *rawSocket) { r.frame(masked(ws.OpClose), []byte{0x03, 0xed}) }, "1002"},
		"close, one byte": {func(r *rawSocket) { r.frame(masked(ws.OpClose), []byte{3}) }, "1002"},
		"close, bad text": {func(r *rawSocket) { r.frame(masked(ws.OpClose), []byte{0x03, 0xe8, 0xff}) }, "1007"},
		"many fragments": {func(r *rawSocket) {
			h := masked(ws.OpText)
			h.Fin = false
			r.frame(h, make([]byte, 60<<10))
			h.OpCode = ws.OpContinuation
			r.frame(h, make([]byte, 60<<10))
		}, "1009"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			r := b.raw()
			tc.send(r)
			if got := r.outcome(); got != tc.want {
				t.Errorf("closed with %s, want %s", got, tc.want)
			}
		})
	}
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{})
		r := b.raw()
		r.frame(masked(ws.OpBinary), []byte(`[{"channel":"/x"}]`)) // WS-7: ignored
		r.text(``)                                                 // ignored
		r.frame(masked(ws.OpPong), []byte("unasked"))
		h := masked(ws.OpText)
		h.Fin = false
		r.frame(h, []byte(`[`))
		r.frame(masked(ws.OpPing), []byte("p"))
		r.frame(masked(ws.OpContinuation), []byte(`]`)) // WS-8
		r.text(`{"channel":"/x"}`)                      // MSG-1
		f, err := r.read()
		must(t, err)
		if f.Header.OpCode != ws.OpPong || string(f.Payload) != "p" {
			t.Errorf("%v %s", f.Header, f.Payload)
		}
		for _, want := range []string{"[]", `[{"channel":"/x","error":"402::session_unknown","successful":false}]`} {
			if got := r.readText(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
	t.Run("ping flood", func(t *testing.T) { // A12: only the newest ping is answered, nothing piles up
		t.Parallel()
		b := start(t, Options{MaxMessageRate: Unlimited})
		r := b.raw()
		go func() {
			for range 20000 {
				r.frame(masked(ws.OpPing), make([]byte, 125))
			}
			r.text(`[]`)
		}()
		for {
			f, err := r.read()
			must(t, err)
			if f.Header.OpCode == ws.OpText {
				break
			}
		}
	})
}

func (r *rawSocket) raw(b ...byte) { _, _ = r.conn.Write(b) }

// WS-2, A12: compression, and what unpacks to too much.
func TestPermessageDeflate(t *testing.T) {
	t.Parallel()
	b := start(t, Options{MaxInterval: time.Hour}) // packing the bomb takes its time
	e := wsflate.Parameters{ClientNoContextTakeover: true, ClientMaxWindowBits: 1}
	c, err := b.tryWebsocket(nil, ws.Dialer{Extensions: []httphead.Option{e.Option()}})
	must(t, err)
	if n := len(c.hs.Extensions); n != 1 {
		t.Fatalf("%d extensions", n)
	}
	handshake(t, c, "")
	subscribe(t, c, "/s")
	big := `"` + strings.Repeat("compress me ", 1000) + `"`
	var p packers
	p.init()
	text := strings.ReplaceAll(`[{"channel":"/s","clientId":"<A>","data":`+big+`}]`, "<A>", c.cid)
	f := ws.NewTextFrame(p.deflate([]byte(text)))
	f.Header.Rsv = ws.Rsv(true, false, false)
	must(t, c.write(f))
	got, err := c.collect(1)
	must(t, err)
	same(t, got, `{"channel":"/s","data":`+big+`}`, `{"channel":"/s","successful":true}`)

	bomb := ws.NewTextFrame(p.deflate(bytes.Repeat([]byte(" "), 50<<20)))
	bomb.Header.Rsv = ws.Rsv(true, false, false)
	if len(bomb.Payload) > 64<<10 {
		bomb.Payload = bomb.Payload[:60<<10]
		bomb.Header.Length = 60 << 10
	}
	must(t, c.write(bomb))
	if code := c.closed(); code != 1009 {
		t.Errorf("a bomb was closed with %d", code)
	}

	off := start(t, Options{WS: WSOptions{PermessageDeflate: Off}})
	d, err := off.tryWebsocket(nil, ws.Dialer{Extensions: []httphead.Option{e.Option()}})
	must(t, err)
	if len(d.hs.Extensions) != 0 {
		t.Error("compression is switched off, yet negotiated")
	}
	odd, err := b.tryWebsocket(http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; nonsense=1, x-other"}}, ws.Dialer{})
	must(t, err)
	handshake(t, odd, "")
}

// Lines 37 and 38: WS-12, WS-13, WS-14, WS-15, DEL-3; trace 22.5.
func TestMessagesDoNotReleaseTheConnect(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{Timeout: 4 * time.Second})
		c := b.websocket(nil)
		handshake(t, c, "")
		begin := time.Now()
		c.send(connectMessage("3", ""))
		c.send(`[{"id":"4","channel":"/meta/subscribe","subscription":"/w","clientId":"<A>"}]`)
		c.send(`[{"id":"6","channel":"/w","clientId":"<A>","data":2},{"id":"7","channel":"/w","clientId":"<A>","data":3}]`)
		for _, want := range []string{
			`[{"channel":"/meta/subscribe","id":"4","subscription":"/w","successful":true}]`,
			`[{"channel":"/w","data":2}]`,
			`[{"channel":"/w","data":3}]`,
			`[{"channel":"/w","id":"6","successful":true},{"channel":"/w","id":"7","successful":true}]`,
		} {
			if got := c.receive(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if time.Since(begin) != 0 {
			t.Error("they were late")
		}
		if got := c.receive(); got != `[{"channel":"/meta/connect","id":"3","successful":true}]` || time.Since(begin) != 4*time.Second {
			t.Errorf("%s after %v", got, time.Since(begin))
		}
		c.send(`[{"id":"8","channel":"/meta/connect","clientId":"<A>"},{"id":"9","channel":"/w","clientId":"<A>","data":4}]`) // WS-13
		if got := c.receive() + c.receive(); got != `[{"channel":"/w","data":4}][{"channel":"/w","id":"9","successful":true}]` {
			t.Error(got)
		}
	})
}

func TestMessagesPerFrame(t *testing.T) { // WS-15
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{WS: WSOptions{MessagesPerFrame: 2}})
		c := b.websocket(nil)
		handshake(t, c, "")
		b.session(c).Group(func() {
			for i := range 5 {
				must(t, b.session(c).Deliver("/s", value(fmt.Sprint(i))))
			}
		})
		for _, want := range []string{`[{"channel":"/s","data":0},{"channel":"/s","data":1}]`, `[{"channel":"/s","data":2},{"channel":"/s","data":3}]`, `[{"channel":"/s","data":4}]`} {
			if got := c.receive(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestSilenceAfterHandshake(t *testing.T) { // WS-16, HS-11, HS-10
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{OnSession: func(s *Session) { _ = s.Deliver("/welcome", value("1")) }})
		c := b.websocket(nil)
		shake(t, c, "")
		must(t, b.session(c).Deliver("/welcome", value("2")))
		synctest.Wait()
		if len(c.frames) != 0 {
			t.Error("a message before the client's second frame")
		}
		same(t, c.ask(connectMessage("1", "")), `{"channel":"/welcome","data":1}`, `{"channel":"/welcome","data":2}`,
			`{"channel":"/meta/connect","id":"1","successful":true,`+fullAdvice+`}`)
	})
}

// Line 39: WS-21, WS-25, WS-26, WS-9, WS-10, DEL-9; line 44.
func TestResume(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{
		"connect":   connectMessage("27", `,"advice":{"timeout":0}`),
		"publish":   `[{"channel":"/x","id":"27","clientId":"<A>"}]`,
		"subscribe": `[{"channel":"/meta/subscribe","id":"27","clientId":"<A>","subscription":"/y"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{})
				c := b.websocket(nil)
				handshake(t, c, "")
				subscribe(t, c, "/s")
				c.send(connectMessage("1", ""))
				synctest.Wait()
				_ = c.conn.Close() // cut
				synctest.Wait()
				b.publish("/s", "1", "2")
				pass(10*time.Second - 1)
				d := b.websocket(nil)
				d.cid = c.cid
				got := d.ask(first)
				if data(got) != "1 2" || !strings.Contains(got[2], `"successful":true`) || !strings.Contains(got[2], `"id":"27"`) {
					t.Error(got)
				}
				// A third connection takes the session over while the second is open.
				synctest.Wait() // the second's write has been seen to succeed
				e := b.websocket(nil)
				e.cid = c.cid
				if got := e.ask(connectMessage("28", `,"advice":{"timeout":0}`)); len(got) != 1 {
					t.Error(got)
				}
				if code := d.closed(); code != 1000 {
					t.Errorf("the old connection was closed with %d", code)
				}
				b.publish("/s", "3")
				if got := e.receive(); got != `[{"channel":"/s","data":3}]` {
					t.Error(got)
				}
				same(t, e.ask(`[{"channel":"/x","id":"1","clientId":"other"}]`), `{"channel":"/x","id":"1","error":"402::session_unknown","successful":false}`) // WS-10
			})
		})
	}
}

// WS-21, SS-2: the deadline runs from the end of a connection with a held connect.
func TestDeadlineAfterCut(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.websocket(nil)
		handshake(t, c, "")
		c.send(connectMessage("1", ""))
		pass(20 * time.Second)
		_ = c.conn.Close()
		pass(10*time.Second - 1)
		if b.session(c) == nil {
			t.Error("expired early")
		}
		pass(1)
		if b.session(c) != nil {
			t.Error("not expired")
		}
	})
}

func TestRequireHandshakePerConnection(t *testing.T) { // line 40: WS-27
	t.Parallel()
	b := start(t, Options{WS: WSOptions{RequireHandshakePerConnection: true}})
	c := b.websocket(nil)
	handshake(t, c, "")
	d := b.websocket(nil)
	d.cid = c.cid
	same(t, d.ask(connectMessage("1", "")),
		`{"channel":"/meta/connect","id":"1","error":"402::session_unknown","successful":false,"advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`)
}

// Line 41, A8: SS-12, SS-13, SS-15, WS-10.
func TestSecondHandshakeOnASocket(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.websocket(nil)
		handshake(t, c, "")
		subscribe(t, c, "/s")
		old := c.cid
		c.send(connectMessage("1", "")) // outstanding
		got := c.ask(`[{"channel":"/meta/connect","id":"2","clientId":"<A>","advice":{"timeout":0}},{"channel":"/meta/handshake","id":"h"},{"channel":"/s","id":"3","clientId":"<A>"}]`)
		if len(got) != 3 || c.cid == old || !strings.Contains(got[0], "clientId") {
			t.Fatal(got)
		}
		same(t, got[1:], `{"channel":"/meta/connect","id":"2","successful":true,`+fullAdvice+`}`,
			`{"channel":"/s","id":"3","error":"402::session_unknown","successful":false}`)
		subscribe(t, c, "/t")
		b.publish("/s", "1")
		b.publish("/t", "2")
		if got := c.receive(); got != `[{"channel":"/t","data":2}]` {
			t.Error(got)
		}
		if b.srv.sessions.find(old) == nil {
			t.Error("SS-14: the old session ended at once")
		}
		pass(10 * time.Second)
		if b.srv.sessions.find(old) != nil || b.srv.sessions.find(c.cid) != nil {
			t.Error("SS-15: the old session did not expire")
		}
	})
}

// SS-14, A8: over HTTP the old session stays usable.
func TestSecondHandshakeOverHTTP(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.polling()
	handshake(t, c, "")
	subscribe(t, c, "/s")
	old := c.id()
	shake(t, c, "")
	c.setID(old)
	b.publish("/s", "1")
	if got := data(c.ask(connectMessage("1", ""))); got != "1" {
		t.Error(got)
	}
}

// WS-19, WS-20.
func TestPingsAndIdleness(t *testing.T) {
	t.Parallel()
	t.Run("pings keep it open", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, Options{})
			c := b.websocket(nil)
			pass(20 * time.Minute)
			shake(t, c, "")
		})
	})
	t.Run("no pong", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, Options{})
			c := b.websocket(nil)
			c.hush()
			pass(74 * time.Second)
			if b.srv.Stats().Sockets != 1 {
				t.Error("ended early")
			}
			pass(2 * time.Second)
			if n := b.srv.Stats().Sockets; n != 0 || len(c.pings) != 2 {
				t.Errorf("%d sockets, %d pings", n, len(c.pings))
			}
		})
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			b := startInMemory(t, Options{WS: WSOptions{PingInterval: Never}})
			c := b.websocket(nil)
			pass(4 * time.Minute)
			c.send("[]")
			begin := time.Now()
			if code := c.closed(); code != 1001 || time.Since(begin) != 5*time.Minute {
				t.Errorf("closed with %d after %v", code, time.Since(begin))
			}
		})
	})
}

// Line 57, A6: DEL-13.
func TestConfirmByPing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{WS: WSOptions{ConfirmByPing: true}})
		c := b.websocket(nil)
		c.hush()
		handshake(t, c, "")
		subscribe(t, c, "/s")
		resume := func() {
			_ = c.conn.Close()
			synctest.Wait()
			d := b.websocket(nil)
			d.hush()
			d.cid = c.cid
			c = d
		}
		b.publish("/s", "1")
		if got := c.receive(); data([]string{strings.Trim(got, "[]")}) != "1" {
			t.Fatal(got)
		}
		ping := <-c.pings
		b.publish("/s", "2", "3") // behind the ping
		synctest.Wait()
		if len(c.pings) != 0 {
			t.Error("two pings under way")
		}
		must(t, c.write(ws.NewPongFrame([]byte("whatever"))))
		must(t, c.write(ws.NewPongFrame(ping)))
		<-c.pings // asks for 2 and 3
		resume()
		if got := data(c.ask(connectMessage("1", `,"advice":{"timeout":0}`))); got != "2 3" { // after the pong: not 1
			t.Errorf("resumed with %q", got)
		}
		must(t, c.write(ws.NewPongFrame(<-c.pings)))
		synctest.Wait()
		resume()
		if got := data(c.ask(connectMessage("2", `,"advice":{"timeout":0}`))); got != "" {
			t.Errorf("resumed with %q", got)
		}
		c.send(connectMessage("3", ""))
		b.publish("/s", "4")
		synctest.Wait()
		begin := time.Now()
		c.closed()
		if took := time.Since(begin); took != 20*time.Second {
			t.Errorf("without a pong it ended after %v", took)
		}
	})
}

// Line 42, chapter 16: XT-1, XT-2, XT-3, WS-5, LP-7, LP-8.
func TestSeveralTransports(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	p := b.polling()
	handshake(t, p, "")
	subscribe(t, p, "/s")
	held := newPending(t, func() ([]string, error) {
		resp, _, err := p.post(connectMessage("1", ""))
		if err == nil && resp.StatusCode != 500 {
			t.Errorf("XT-1: the connect left behind got %d", resp.StatusCode)
		}
		return nil, err
	})
	b.held(1)
	// The upgrade of a browser carries the cookie.
	u, _ := http.NewRequest("GET", "http://desk.example/cometd", nil)
	cookie := p.hc.Jar.Cookies(u.URL)[0].String()
	w := b.websocket(http.Header{"Cookie": {cookie}})
	w.cid = p.id()
	same(t, w.ask(connectMessage("2", `,"advice":{"timeout":0}`)), `{"channel":"/meta/connect","id":"2","successful":true,`+fullAdvice+`}`)
	held.wait()
	b.publish("/s", "1") // XT-3
	if got := w.receive(); got != `[{"channel":"/s","data":1}]` {
		t.Error(got)
	}
	s := b.srv.sessions.find(p.id())
	eventually(t, "the server to know that it left", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.out.parcels) == 0
	})
	w.send(connectMessage("3", ""))
	b.held(1)
	// Back to long-polling while the socket is open.
	same(t, p.ask(connectMessage("4", `,"advice":{"timeout":0}`)), `{"channel":"/meta/connect","id":"4","successful":true,`+fullAdvice+`}`)
	b.publish("/s", "2")
	if got := data(p.ask(connectMessage("5", ""))); got != "2" {
		t.Error(got)
	}
	// XT-1: connect 3, left behind on the socket, is not answered there.
	if got := strings.Join(w.ask(`[{"channel":"/x","id":"5","clientId":"<A>"}]`), ""); strings.Contains(got, "/meta/connect") {
		t.Error(got)
	}
	p.ask(connectMessage("5", `,"advice":{"timeout":0}`))
	// A foreign cookie is refused, none is accepted (16).
	foreign := b.websocket(http.Header{"Cookie": {"BAYEUX_BROWSER=foreign"}})
	foreign.cid = p.id()
	if got := foreign.ask(connectMessage("6", "")); !strings.Contains(got[0], "402") {
		t.Error(got)
	}
	none := b.websocket(nil)
	none.cid = p.id()
	if got := none.ask(connectMessage("7", `,"advice":{"timeout":0}`)); !strings.Contains(got[len(got)-1], `"successful":true`) {
		t.Error(got)
	}
	if n := b.srv.Stats().StolenIDs; n != 1 {
		t.Errorf("%d stolen ids", n)
	}
}

func TestWebsocketToLongPolling(t *testing.T) { // WS-4, WS-5, LP-8, chapter 16
	t.Parallel()
	for _, bind := range []Switch{On, Off} {
		b := start(t, Options{WS: WSOptions{BindBrowserCookie: bind}})
		conn, err := b.dial()
		must(t, err)
		r := &rawSocket{t: t, conn: conn}
		resp := r.upgrade()
		r.text(`[{"channel":"/meta/handshake"}]`)
		id := clientIDs.FindStringSubmatch(r.readText())[1]
		p := b.polling()
		p.setID(id)
		want := "402"
		if bind == On {
			want = `"successful":true`
			if len(resp.Cookies()) != 1 {
				t.Fatalf("cookies %v", resp.Cookies())
			}
			p.header.Set("Cookie", resp.Cookies()[0].Name+"="+resp.Cookies()[0].Value)
		} else if len(resp.Cookies()) != 0 {
			t.Errorf("cookies %v", resp.Cookies())
		}
		if got := p.ask(connectMessage("1", "")); !strings.Contains(got[0], want) {
			t.Error(got)
		}
		_ = conn.Close()
	}
}

// Frames on the heels of the upgrade request are not lost.
func TestEarlyFrames(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	conn, err := b.dial()
	must(t, err)
	defer conn.Close()
	r := &rawSocket{t: t, conn: conn}
	var early bytes.Buffer
	must(t, ws.WriteFrame(&early, ws.MaskFrame(ws.NewTextFrame([]byte(`[]`)))))
	_, err = conn.Write(append([]byte("GET / HTTP/1.1\r\nHost: desk.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), early.Bytes()...))
	must(t, err)
	buf := make([]byte, 4096)
	var got string
	for !strings.Contains(got, "\x81\x02[]") {
		n, err := conn.Read(buf)
		must(t, err)
		got += string(buf[:n])
	}
	_ = r
}

// WS-11, WS-24: frames are handled one after the other, and a failure in one does
// not end the connection.
func TestFramesInTurn(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	entered, leave := make(chan string, 2), make(chan bool)
	must(t, b.srv.Listen("/slow", func(_ context.Context, _ *Session, m *Message) error {
		entered <- m.ID
		<-leave
		panic("slow")
	}))
	c := b.websocket(nil)
	handshake(t, c, "")
	c.send(`[{"channel":"/slow","id":"1","clientId":"<A>"}]`)
	c.send(`[{"channel":"/slow","id":"2","clientId":"<A>"}]`)
	if id := <-entered; id != "1" || len(entered) != 0 {
		t.Error("both at once")
	}
	close(leave)
	for _, id := range []string{"1", "2"} {
		if got := c.receive(); got != `[{"channel":"/slow","id":"`+id+`","error":"500::internal_error","successful":false}]` {
			t.Error(got)
		}
	}
}
