package server_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/server/servertest"
)

// poller is a long-polling client that does only what its test says. Its log-in and cookies are those of an agent's desktop.
type poller struct {
	t        *testing.T
	url      string
	http     *http.Client
	clientID string
	last     int // id of the last message sent
}

// message is one of Bayeux, as far as tests look at it.
type message struct {
	Channel    string                     `json:"channel"`
	ID         string                     `json:"id,omitzero"`
	ClientID   string                     `json:"clientId,omitzero"`
	Successful bool                       `json:"successful"`
	Error      string                     `json:"error"`
	Advice     struct{ Reconnect string } `json:"advice"`
	Data       jsontext.Value             `json:"data"`
}

// newPoller shakes hands and subscribes to the agent's chats.
func newPoller(t *testing.T, srv *servertest.Server, a *servertest.Agent) *poller {
	t.Helper()
	p := &poller{t: t, url: srv.URL + "/api/v2/notifications", http: a.HTTP}
	p.handshake()
	return p
}

func (p *poller) handshake() {
	p.t.Helper()
	p.clientID = ""
	reply := p.send(map[string]any{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": []string{"long-polling"}})
	if len(reply) != 1 || !reply[0].Successful {
		p.t.Fatalf("handshake: %+v", reply)
	}
	p.clientID = reply[0].ClientID
	if reply = p.send(map[string]any{"channel": "/meta/subscribe", "subscription": "/v2/me/chats"}); len(reply) != 1 || !reply[0].Successful {
		p.t.Fatalf("subscribe: %+v", reply)
	}
}

// poll sends a connect that is held for at most ms milliseconds, and returns what was pushed with the reply, and the reply. The server takes one with
// the id of the last as its repetition.
func (p *poller) poll(ms int, again bool) (pushed []message, reply message) {
	p.t.Helper()
	if again {
		p.last--
	}
	all := p.send(map[string]any{"channel": "/meta/connect", "connectionType": "long-polling", "advice": map[string]int{"timeout": ms}})
	for _, m := range all {
		if m.Channel == "/meta/connect" {
			reply = m
		} else {
			pushed = append(pushed, m)
		}
	}
	if reply.Channel == "" {
		p.t.Fatalf("no reply to a connect: %+v", all)
	}
	return pushed, reply
}

func (p *poller) send(m map[string]any) []message {
	p.t.Helper()
	p.last++
	m["id"] = strconv.Itoa(p.last)
	if p.clientID != "" {
		m["clientId"] = p.clientID
	}
	body, err := json.Marshal([]any{m})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), servertest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var replies []message
	if err := json.Unmarshal(raw, &replies, json.MatchCaseInsensitiveNames(true)); err != nil {
		p.t.Fatalf("%v: %s", err, raw)
	}
	return replies
}
