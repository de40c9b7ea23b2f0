package bayeux

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// SUB-4, SUB-5, SUB-6, SUB-9, UN-4, ER-1, ER-2: server code refuses subscriptions.
func TestSubscriptionHooks(t *testing.T) {
	t.Parallel()
	h := &subscriptionHook{names: map[*Session]string{}}
	both(t, Options{OnSubscribe: h.on, OnUnsubscribe: h.on}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		s := b.session(c)
		ask := func(verb, names string) []string {
			return c.ask(`[{"channel":"/meta/` + verb + `","id":"1","clientId":"<A>","subscription":` + names + `}]`)
		}
		reply := func(verb, names, err string) string {
			if err == "" {
				return `{"channel":"/meta/` + verb + `","id":"1","subscription":` + names + `,"successful":true}`
			}
			return `{"channel":"/meta/` + verb + `","id":"1","subscription":` + names + `,"error":"` + err + `","successful":false}`
		}
		for _, tt := range []struct{ verb, names, err, asked string }{
			{"subscribe", `["/a","/no","/b"]`, "403::subscribe_failed", "/a /no "}, // /a stays, /b is not tried
			{"subscribe", `["/a","/b/*"]`, "", "/b/* "},                            // SUB-6: /a is there
			{"subscribe", `"/full"`, "403:room_full:subscribe_failed", "/full "},
			{"subscribe", `"/token"`, "401::token_expired", "/token "},
			{"subscribe", `"/veto"`, "404::message_deleted", "/veto "},
			{"subscribe", `"/broken"`, "500::internal_error", "/broken "},
			{"subscribe", `"/panics"`, "500::internal_error", "/panics "},
			{"subscribe", `"/service/x"`, "", ""}, // SUB-9: nothing is recorded
			{"unsubscribe", `"/a"`, "", "/a "},
			{"unsubscribe", `"/a"`, "", ""}, // UN-2: it is not subscribed
			{"unsubscribe", `"/b/*"`, "", "/b/* "},
		} {
			same(t, ask(tt.verb, tt.names), reply(tt.verb, tt.names, tt.err))
			if got := h.asked(s); got != tt.asked {
				t.Errorf("%s %s: asked about %q, want %q", tt.verb, tt.names, got, tt.asked)
			}
		}
		subscribe(t, c, "/stay")
		same(t, ask("unsubscribe", `"/stay"`), reply("unsubscribe", `"/stay"`, "403::unsubscribe_failed")) // UN-4
		if !s.Subscribed("/stay") {
			t.Error("a refused unsubscription came into force")
		}
	})
}

// subscriptionHook refuses some channels, and notes what it was asked about.
type subscriptionHook struct {
	mu    sync.Mutex
	names map[*Session]string
}

func (h *subscriptionHook) asked(s *Session) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer delete(h.names, s)
	return h.names[s]
}

func (h *subscriptionHook) on(_ context.Context, s *Session, channel string, m *Message) error {
	h.mu.Lock()
	h.names[s] += channel + " "
	h.mu.Unlock()
	switch channel {
	case "/stay":
		if m.Channel == "/meta/unsubscribe" {
			return &Refusal{}
		}
	case "/no":
		return &Refusal{}
	case "/full":
		return &Refusal{Reason: "room_full"}
	case "/token":
		return &Refusal{Text: "401::token_expired"}
	case "/veto":
		return ErrVeto
	case "/broken":
		return errors.New("disk full")
	case "/panics":
		panic("oops")
	}
	return nil
}

// UN-3, UN-5: an unknown channel ends the message, members before it are done and
// those after it are not; and what waits already is delivered all the same.
func TestPartialUnsubscribe(t *testing.T) {
	t.Parallel()
	both(t, Options{MetaConnectDeliverOnly: true}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/a", "/b")
		b.publish("/a", "1")
		same(t, c.ask(`[{"channel":"/meta/unsubscribe","id":"1","clientId":"<A>","subscription":["/a","/none","/b"]}]`),
			`{"channel":"/meta/unsubscribe","id":"1","subscription":["/a","/none","/b"],"error":"400::channel_missing","successful":false}`)
		b.publish("/a", "2")
		b.publish("/b", "3")
		same(t, c.ask(connectMessage("2", "")), `{"channel":"/a","data":1}`, `{"channel":"/b","data":3}`, `{"channel":"/meta/connect","id":"2","successful":true}`)
	})
}
