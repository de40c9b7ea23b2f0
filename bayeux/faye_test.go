package bayeux

import (
	"net/http"
	"strings"
	"testing"
)

func TestFayeStyle(t *testing.T) { // 16, 22.8, CN-4: handshake by POST, the rest over a socket without handshake
	t.Parallel()
	b := start(t, Options{})
	p := b.polling()
	shake(t, p, "")
	same(t, p.ask(`[{"channel":"/meta/connect","clientId":"<A>","connectionType":"long-polling","id":"2","advice":{"timeout":0}},{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/chat/room","id":"3"}]`),
		`{"channel":"/meta/connect","id":"2","successful":true,`+fullAdvice+`}`,
		`{"channel":"/meta/subscribe","id":"3","subscription":"/chat/room","successful":true}`)
	w := b.websocket(nil)
	w.cid = p.id()
	w.send(`[{"channel":"/meta/connect","clientId":"<A>","connectionType":"websocket","id":"4"}]`)
	b.held(1)
	same(t, w.ask(`[{"channel":"/chat/room","clientId":"<A>","data":{"text":"hi"},"id":"5"}]`),
		`{"channel":"/chat/room","data":{"text":"hi"}}`, `{"channel":"/chat/room","id":"5","successful":true}`)
}

// Faye opens its socket while it shakes hands by POST, so in a browser without a cookie both responses set one, and either may stay. The session goes
// on with either: over the next socket, and by long-polling (WS-5, CK-5, WS-25).
func TestFayeInFreshBrowser(t *testing.T) {
	t.Parallel()
	for _, stays := range []string{"that of the handshake", "that of the upgrade"} {
		t.Run(stays, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			conn, err := b.dial()
			must(t, err)
			r := &rawSocket{t: t, conn: conn}
			cookie := r.upgrade().Cookies()[0].String()
			p := b.polling()
			handshake(t, p, "")
			if u, _ := http.NewRequest("GET", "http://desk.example/cometd", nil); stays == "that of the handshake" {
				cookie = p.hc.Jar.Cookies(u.URL)[0].String()
			}
			cookie, _, _ = strings.Cut(cookie, ";")
			r.text(`[{"channel":"/meta/connect","clientId":"` + p.id() + `","connectionType":"websocket","id":"2"}]`)
			r.text(`[{"channel":"/meta/subscribe","clientId":"` + p.id() + `","subscription":"/s","id":"3"}]`)
			if got := r.readText(); !strings.Contains(got, `"id":"3"`) {
				t.Fatal(got)
			}
			_ = conn.Close()
			w := b.websocket(http.Header{"Cookie": {cookie}})
			w.cid = p.id()
			same(t, w.ask(connectMessage("4", `,"advice":{"timeout":0}`)), `{"channel":"/meta/connect","id":"4","successful":true,`+fullAdvice+`}`)
			other := b.polling()
			other.setID(p.id())
			other.header.Set("Cookie", cookie)
			same(t, other.ask(connectMessage("5", `,"advice":{"timeout":0}`)), `{"channel":"/meta/connect","id":"5","successful":true,`+fullAdvice+`}`)
		})
	}
	t.Run("not that of another upgrade", func(t *testing.T) { // 16
		t.Parallel()
		b := start(t, Options{})
		p := b.polling()
		handshake(t, p, "")
		conn, err := b.dial()
		must(t, err)
		defer conn.Close()
		stranger := &rawSocket{t: t, conn: conn}
		cookie, _, _ := strings.Cut(stranger.upgrade().Cookies()[0].String(), ";")
		other := b.polling()
		other.setID(p.id())
		other.header.Set("Cookie", cookie)
		if got := other.ask(connectMessage("5", "")); !strings.Contains(got[0], "402") {
			t.Error(got)
		}
	})
}
