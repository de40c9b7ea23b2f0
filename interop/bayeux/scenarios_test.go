package interop_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// scenarios are what a client goes through over a transport.
func scenarios(transport string) []scenario {
	all := append(breaks(transport),
		scenario{name: "subscribe", run: subscribes},
		scenario{name: "wildcard", needs: []string{"wildcard"}, run: matches},
		scenario{name: "publish", needs: []string{"publish", "wildcard"}, run: publishes},
		scenario{name: "service", needs: []string{"publish"}, run: serves},
		scenario{name: "call", needs: []string{"call"}, run: calls},
		scenario{name: "disconnect", run: disconnects},
		scenario{name: "dismissed", needs: []string{"publish"}, run: isDismissed},
		scenario{name: "refused", run: isRefused},
	)
	if transport == "websocket" {
		all = append(all, scenario{name: "fallback", needs: []string{"fallback"}, run: fallsBack})
	}
	if transport != "callback-polling" { // two clients of CometD in one page would use the same names for their callbacks
		all = append(all, scenario{name: "two-sessions", needs: []string{"cookies"}, run: shareCookie})
	}
	return all
}

// A client gets what is published on a channel while it is subscribed: in order, and nothing of other channels (SUB-10, DEL-1, UN-1).
func subscribes(t *testing.T, p party) {
	a := newAuthor(t, p.server)
	c := p.open(t, "b", at(p.address, p.transport))
	if got := c.handshake().Transport; got != p.transport {
		t.Errorf("the client uses %q", got)
	}
	c.subscribe("/a")
	c.subscribe("/b")
	a.publish("/a", 1)
	a.publish("/other", 2)
	a.publish("/a", map[string]any{"three": []int{3}})
	a.publish("/b", "four")
	c.hears("/a", `/a 1`, `/a {"three":[3]}`)
	c.hears("/b", `/b "four"`)
	c.do(order{"do": "unsubscribe", "channel": "/a"})
	a.publish("/a", 5)
	a.publish("/b", 6)
	c.hears("/b", `/b "four"`, `/b 6`)
	c.hears("/a", `/a 1`, `/a {"three":[3]}`)

	if got := c.try(order{"do": "subscribe", "channel": "/nosub/a"}); got.OK || !strings.Contains(got.Error, "subscribe_denied") {
		t.Errorf("subscribing where it is forbidden: %+v", got) // SUB-4
	}
	a.publish("/b", 7)
	c.hears("/b", `/b "four"`, `/b 6`, `/b 7`)
}

// A pattern yields the messages of the channels that it matches, under the names they were published to; each subscription has its own callback, and
// a client gets every message once from the server (CH-8, CH-9).
func matches(t *testing.T, p party) {
	a := newAuthor(t, p.server)
	c := p.open(t, "b", at(p.address, p.transport))
	c.handshake()
	c.subscribe("/w/*")
	c.subscribe("/w/**")
	c.subscribe("/w/a")
	for i, channel := range []string{"/w", "/w/a", "/w/a/b", "/w/c", "/w/end/end", "/w/end"} {
		a.publish(channel, i)
	}
	c.hears("/w/*", `/w/a 1`, `/w/c 3`, `/w/end 5`)
	c.hears("/w/**", `/w/a 1`, `/w/a/b 2`, `/w/c 3`, `/w/end/end 4`, `/w/end 5`)
	c.hears("/w/a", `/w/a 1`)
}

// Publishing is confirmed or refused, alone and in a batch; the publisher gets its own messages, like all others in order (PUB-1..4, PUB-13, DEL-1).
func publishes(t *testing.T, p party) {
	c, other := p.open(t, "b", at(p.address, p.transport)), p.open(t, "other", at(p.address, p.transport))
	c.handshake()
	other.handshake()
	c.subscribe("/p/*")
	other.subscribe("/p/*")
	c.publish("/p/a", map[string]any{"n": 1.5, "text": "grüß <b>"})
	c.publish("/p/a", nil)
	c.do(order{"do": "batch", "messages": []order{{"channel": "/p/b", "data": 3}, {"channel": "/p/c", "data": []int{4}}, {"channel": "/p/b", "data": "five"}}})
	for _, hearer := range []*client{c, other} {
		hearer.hears("/p/*", `/p/a {"n":1.5,"text":"grüß <b>"}`, `/p/a null`, `/p/b 3`, `/p/c [4]`, `/p/b "five"`)
	}
	if got := c.try(order{"do": "publish", "channel": "/nopub/a", "data": 1}); got.OK || got.Error != "403:denied_by_security_policy:publish_denied" {
		t.Errorf("publishing where it is forbidden: %+v", got)
	}
	got := c.try(order{"do": "batch", "messages": []order{{"channel": "/vetoed", "data": 1}, {"channel": "/p/d", "data": 6}}})
	if got.OK || got.Error != "404::message_deleted" {
		t.Errorf("a batch with a message that is deleted: %+v", got) // PUB-12
	}
	other.hears("/p/*", `/p/a {"n":1.5,"text":"grüß <b>"}`, `/p/a null`, `/p/b 3`, `/p/c [4]`, `/p/b "five"`, `/p/d 6`)
}

// A service answers the sender, and nobody else (PUB-8, PUB-10). What it delivers on another channel arrives, all of it and in order (DEL-7).
func serves(t *testing.T, p party) {
	c, other := p.open(t, "b", at(p.address, p.transport)), p.open(t, "other", at(p.address, p.transport))
	c.handshake()
	other.handshake()
	for _, channel := range []string{"/service/echo", "/burst"} {
		c.do(order{"do": "listen", "channel": channel})
		other.do(order{"do": "listen", "channel": channel})
	}
	c.publish("/service/echo", map[string]any{"q": 1})
	c.hears("/service/echo", `/service/echo {"q":1}`)
	c.publish("/service/burst", map[string]any{})
	c.hears("/burst", `/burst {"n":0}`, `/burst {"n":1}`, `/burst {"n":2}`)
	other.publish("/service/echo", "mine")
	other.hears("/service/echo", `/service/echo "mine"`)
	if got := other.heard("/burst"); len(got) > 0 {
		t.Errorf("another client got %q", got)
	}
}

// A remote call is answered, with success or failure (PUB-11).
func calls(t *testing.T, p party) {
	c := p.open(t, "b", at(p.address, p.transport))
	c.handshake()
	for data, ok := range map[string]bool{`{"a":[1,2]}`: true, `{"fail":true}`: false} {
		got := c.try(order{"do": "call", "channel": "/service/call", "data": json.RawMessage(data)})
		if got.OK != ok || string(got.Data) != data {
			t.Errorf("a call with %s was answered %+v", data, got)
		}
	}
}

// After a disconnect nothing arrives (DC-1, DC-2).
func disconnects(t *testing.T, p party) {
	a := newAuthor(t, p.server)
	c := p.open(t, "b", at(p.address, p.transport))
	c.handshake()
	c.subscribe("/d")
	a.publish("/d", 1)
	c.hears("/d", `/d 1`)
	c.do(order{"do": "disconnect"})
	a.publish("/d", 2)
	c.await("the end", func(events []event) bool { return slices.ContainsFunc(events, isState("disconnected")) })
	c.hears("/d", `/d 1`)
}

// A client that the server disconnects while its connect is held knows it, and does not come back; one that has just no connect under way shakes hands
// anew (DC-5).
func isDismissed(t *testing.T, p party) {
	c := p.open(t, "b", at(p.address, p.transport))
	c.handshake()
	c.subscribe("/e")
	told := 0
	for range 10 {
		c.try(order{"do": "publish", "channel": "/service/bye", "data": 1})
		ended := false
		told = c.awaitAfter(told, "the end", func(e event) bool {
			ended = isState("disconnected")(e)
			return ended || isReturned(e)
		})
		if ended {
			return
		}
	}
	t.Error("it came back again and again")
}

// A handshake that the policy refuses is refused for the client, which does not try again by itself (HS-6, HS-7, HS-14).
func isRefused(t *testing.T, p party) {
	c := p.open(t, "b", at(p.address, p.transport))
	if got := c.try(order{"do": "handshake", "ext": order{"auth": "bad"}}); got.OK || !strings.Contains(got.Error, "403::handshake_denied") {
		t.Errorf("the handshake: %+v", got)
	}
	again := p.open(t, "again", at(p.address, p.transport))
	again.do(order{"do": "handshake", "ext": order{"auth": "good"}})
	again.subscribe("/r")
}

// Where no websocket gets through, or the server has none, the client goes on by long-polling (HS-2, LP-9).
func fallsBack(t *testing.T, p party) {
	refusing := newGate(t, p.server)
	without := startServer(t, "--transports", "long-polling")
	for address, s := range map[string]*server{refusing.address: p.server, without.address: without} {
		a := newAuthor(t, s)
		c := p.open(t, address, at(address, "websocket", "long-polling"))
		if got := c.handshake().Transport; got != "long-polling" {
			t.Errorf("the client uses %q", got)
		}
		c.subscribe("/f")
		a.publish("/f", 1)
		c.hears("/f", `/f 1`)
	}
	if refused, _ := refusing.seen(); refused == 0 {
		t.Error("the client never tried a websocket")
	}
}

// Two sessions with one browser cookie both get everything, each once: one by a connect that is held, the other at the pace that the server advises
// (CK-2, CK-7, CK-8).
func shareCookie(t *testing.T, p party) {
	s := startServer(t, "--multi-session-interval", "100")
	a := newAuthor(t, s)
	address := s.address
	var watched *gate
	if p.transport != "websocket" {
		watched = newGate(t, s)
		address = watched.address
	}
	first, second := p.open(t, "b", at(address, p.transport)), p.open(t, "b", at(address, p.transport))
	for _, c := range []*client{first, second} {
		c.handshake()
		c.subscribe("/c")
	}
	var want []string
	for i := range 5 {
		a.publish("/c", i)
		want = append(want, "/c "+string(rune('0'+i)))
		first.hears("/c", want...)
		second.hears("/c", want...)
	}
	if watched != nil {
		if _, cookies := watched.seen(); cookies != 1 {
			t.Errorf("the two have %d cookies", cookies)
		}
	}
}
