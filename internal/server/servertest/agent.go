package servertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
)

// AgentOptions say how an agent comes in.
type AgentOptions struct {
	Transport string   // of CometD: bayeuxclient.WebSocket or LongPolling; empty: long-polling
	Ack       bool     // with the acknowledgement extension
	Topics    []string // to subscribe to; nil: her chats and channels
	NotReady  bool     // she logs in to chat, but is not Ready
	LoggedOut bool     // she does not log in to chat either
}

// Agent is an agent with a desktop: an HTTP log-in, a CometD session, and everything that was pushed to her. Her methods are for the test's goroutine.
type Agent struct {
	Name   string
	ChatID string // of the chat she accepted last: what Say and the like are about
	HTTP   *http.Client
	CometD *bayeuxclient.Client

	t      testing.TB
	server string

	mu      sync.Mutex
	notices []Notice
	changed chan struct{} // closed, and replaced, when notices grows
	taken   map[string]bool
}

// Notice is a notification as it came, with the fields that tests ask for most.
type Notice struct {
	Topic string         `json:"-"`
	Data  jsontext.Value `json:"-"`

	MessageType      string `json:"messageType"`
	NotificationType string `json:"notificationType"`
	ReferenceID      int64  `json:"referenceId"`
	ChatPath         string `json:"chatPath"`
	Chat             struct {
		ID           string   `json:"id"`
		State        string   `json:"state"`
		Capabilities []string `json:"capabilities"`
	} `json:"chat"`
	Messages []struct {
		Index int64  `json:"index"`
		Type  string `json:"type"`
		Text  string `json:"text"`
	} `json:"messages"`
	Channels []struct {
		Channel   string `json:"channel"`
		UserState struct {
			State string `json:"state"`
		} `json:"userState"`
	} `json:"channels"`
}

// About returns the id of the chat that the notice is about, or "".
func (n Notice) About() string {
	if n.Chat.ID != "" {
		return n.Chat.ID
	}
	return strings.TrimPrefix(n.ChatPath, "/chats/")
}

// Agent logs a demo user in, opens her CometD session, and makes her Ready for chats. It returns when that has been confirmed to her by a notification.
func (s *Server) Agent(t testing.TB, name string, change ...func(*AgentOptions)) *Agent {
	t.Helper()
	opt := AgentOptions{Transport: bayeuxclient.LongPolling, Topics: []string{"/v2/me/chats", "/v2/me/channels"}}
	for _, f := range change {
		f(&opt)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	a := &Agent{
		Name: name, HTTP: &http.Client{Jar: jar, Transport: transport}, t: t, server: s.URL,
		changed: make(chan struct{}), taken: map[string]bool{},
	}
	t.Cleanup(transport.CloseIdleConnections)

	a.must(http.MethodGet, "/me", nil, func(r *http.Request) { r.SetBasicAuth(name, config.DemoPassword) })
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	a.CometD, err = bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: s.URL + "/api/v2/notifications", HTTP: a.HTTP, Transports: []string{opt.Transport}, Ack: opt.Ack,
	})
	if err != nil {
		t.Fatalf("%s: open a CometD session: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		_ = a.CometD.Close(ctx) // the server may be gone
	})
	for _, topic := range opt.Topics {
		if _, err := a.CometD.Subscribe(ctx, topic, a.take); err != nil {
			t.Fatalf("%s: subscribe to %s: %v", name, topic, err)
		}
	}
	if opt.LoggedOut {
		return a
	}
	a.must(http.MethodPost, "/me", map[string]any{"operationName": "StartContactCenterSession", "channels": []string{"chat"}})
	if !opt.NotReady {
		a.Ready()
	}
	return a
}

// Ready makes her ready for chats, and returns when that has been confirmed.
func (a *Agent) Ready() {
	a.t.Helper()
	a.must(http.MethodPost, "/me/channels/chat", map[string]any{"operationName": "Ready"})
	a.Wait("being ready", func(n Notice) bool {
		return n.MessageType == "ChannelStateChangeMessageV2" && len(n.Channels) > 0 && n.Channels[0].UserState.State == "Ready"
	})
}

// Answer is the agent API's to a request.
type Answer struct {
	HTTP          int            `json:"-"`
	StatusCode    int            `json:"statusCode"`
	StatusMessage string         `json:"statusMessage"`
	ReferenceID   int64          `json:"referenceId"`
	Body          jsontext.Value `json:"-"`
}

// Do sends a request to the agent API: path is below /api/v2, body is sent as JSON unless it is nil. Only a missing or unreadable answer fails the test.
func (a *Agent) Do(method, path string, body any, change ...func(*http.Request)) Answer {
	a.t.Helper()
	answer, err := a.ask(method, path, a.encode(body), change...)
	if err != nil {
		a.t.Fatalf("%s: %s %s: %v", a.Name, method, path, err)
	}
	return answer
}

// encode returns the body of a request; nil: none.
func (a *Agent) encode(body any) []byte {
	a.t.Helper()
	if body == nil {
		return nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

func (a *Agent) ask(method, path string, body []byte, change ...func(*http.Request)) (answer Answer, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.server+"/api/v2"+path, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(req)
	}
	resp, err := a.HTTP.Do(req)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	answer.HTTP, answer.StatusCode = resp.StatusCode, -1
	if answer.Body, err = io.ReadAll(resp.Body); err != nil {
		return answer, err
	}
	if err := json.Unmarshal(answer.Body, &answer); err != nil {
		return answer, fmt.Errorf("HTTP %d with a body that is not JSON: %w\n%s", resp.StatusCode, err, answer.Body)
	}
	return answer, nil
}

// must is Do for a request that has to succeed. It has an idempotency key, and is repeated as long as there is no clear answer: a server that is away for a
// moment is no failure.
func (a *Agent) must(method, path string, body any, change ...func(*http.Request)) Answer {
	a.t.Helper()
	key, raw := rand.Text(), a.encode(body) // once: members may come in another order the next time, which would be another body
	change = append(change, func(r *http.Request) { r.Header.Set("Idempotency-Key", key) })
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for late := time.After(Patience); ; {
		answer, err := a.ask(method, path, raw, change...)
		if err == nil && answer.StatusCode == 0 {
			return answer
		}
		if err == nil && answer.HTTP < http.StatusInternalServerError {
			a.t.Fatalf("%s: %s %s %v: statusCode %d, %s", a.Name, method, path, body, answer.StatusCode, answer.StatusMessage)
		}
		select {
		case <-again.C:
		case <-late:
			a.t.Fatalf("%s: %s %s %v: no clear answer in %v: %v, %s", a.Name, method, path, body, Patience, err, answer.StatusMessage)
		}
	}
}

// askAgain is the pause before a request is repeated.
const askAgain = 20 * time.Millisecond

// Operate does an operation on a chat, which has to succeed, and returns its referenceId.
func (a *Agent) Operate(chatID, operation string, parameters map[string]any) (referenceID int64) {
	a.t.Helper()
	body := map[string]any{"operationName": operation}
	for k, v := range parameters {
		body[k] = v
	}
	return a.must(http.MethodPost, "/me/chats/"+chatID, body).ReferenceID
}

// Accept waits for an offer that she has not accepted yet, accepts it, and returns the chat's id when she is in. The chat is her current one from then on.
func (a *Agent) Accept() (chatID string) {
	a.t.Helper()
	offer := a.Wait("an offer", func(n Notice) bool { return n.Chat.State == "Invited" && !a.taken[n.Chat.ID] })
	a.ChatID = offer.Chat.ID
	a.taken[a.ChatID] = true
	a.Operate(a.ChatID, "Accept", map[string]any{"nickname": strings.ToUpper(a.Name[:1]) + a.Name[1:]})
	a.WaitState(a.ChatID, "Chatting")
	return a.ChatID
}

// Say writes to her current chat.
func (a *Agent) Say(text string) {
	a.t.Helper()
	a.Operate(a.ChatID, "SendMessage", map[string]any{"text": text})
}

// Leave leaves her current chat, and Complete finishes it.
func (a *Agent) Leave() { a.t.Helper(); a.Operate(a.ChatID, "Leave", nil) }

// Complete finishes her current chat.
func (a *Agent) Complete() { a.t.Helper(); a.Operate(a.ChatID, "Complete", nil) }

// WaitState waits until she was told that a chat is in a state.
func (a *Agent) WaitState(chatID, state string) Notice {
	a.t.Helper()
	return a.Wait("chat "+chatID+" "+state, func(n Notice) bool { return n.Chat.ID == chatID && n.Chat.State == state })
}

// WaitText waits until a message with this text was pushed to her.
func (a *Agent) WaitText(text string) Notice {
	a.t.Helper()
	return a.Wait("the text "+text, func(n Notice) bool {
		for _, m := range n.Messages {
			if m.Text == text {
				return true
			}
		}
		return false
	})
}

// Wait returns the first of all notices pushed to her that fits, and waits for one if there is none yet. what says what is waited for.
func (a *Agent) Wait(what string, fits func(Notice) bool) Notice {
	a.t.Helper()
	timeout := time.After(Patience)
	for looked := 0; ; {
		a.mu.Lock()
		notices, changed := a.notices, a.changed
		a.mu.Unlock()
		for ; looked < len(notices); looked++ {
			if fits(notices[looked]) {
				return notices[looked]
			}
		}
		select {
		case <-changed:
		case <-timeout:
			var all strings.Builder
			for _, n := range notices {
				all.WriteString("\n  " + n.Topic + " " + string(n.Data))
			}
			a.t.Fatalf("%s waited %v for %s; pushed to her was:%s", a.Name, Patience, what, all.String())
		}
	}
}

// Notices returns all that was pushed to her so far.
func (a *Agent) Notices() []Notice {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.notices[:len(a.notices):len(a.notices)]
}

// take keeps a notification. It is called by the CometD client's goroutine, in the order of arrival.
func (a *Agent) take(m bayeuxclient.Message) {
	n := Notice{Topic: m.Channel, Data: m.Data}
	if err := json.Unmarshal(m.Data, &n); err != nil {
		a.t.Errorf("%s: a notification that is not JSON: %v\n%s", a.Name, err, m.Data)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notices = append(a.notices, n)
	close(a.changed)
	a.changed = make(chan struct{})
}
