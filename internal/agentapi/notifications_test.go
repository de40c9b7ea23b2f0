package agentapi

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// desktop is a client that is connected to its notifications.
type desktop struct {
	*client
	bayeux *bayeuxclient.Client
	told   chan string // one line per notification
}

// connect shakes hands over a transport and subscribes. The client uses its cookie alone from then on.
func (c *client) connect(transport string, topics ...string) *desktop {
	c.t.Helper()
	c.get("/api/v2/me")
	c.name = ""
	d := &desktop{client: c, told: make(chan string, 100)}
	var err error
	d.bayeux, err = bayeuxclient.Dial(c.t.Context(), bayeuxclient.Options{
		URL: c.base + notificationsPath, HTTP: c.http, Transports: []string{transport}, Backoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { d.bayeux.Close(c.t.Context()) })
	for _, topic := range topics {
		if _, err := d.bayeux.Subscribe(c.t.Context(), topic, func(m bayeuxclient.Message) { d.told <- line(m) }); err != nil {
			c.t.Fatal(err)
		}
	}
	return d
}

// line says in short what a notification says.
func line(m bayeuxclient.Message) string {
	var data struct {
		MessageType      string       `json:"messageType"`
		NotificationType string       `json:"notificationType"`
		ReferenceID      int          `json:"referenceId"`
		Chat             chatResource `json:"chat"`
		Messages         []message    `json:"messages"`
		Channels         []channel    `json:"channels"`
		Action           string       `json:"action"`
		Aside            chatResource `json:"chatStateResourceV2"`
	}
	if err := json.Unmarshal(m.Data, &data); err != nil {
		return err.Error()
	}
	said := []string{strings.TrimPrefix(m.Channel, "/v2/me/")}
	switch data.MessageType {
	case "ChannelStateChangeMessageV2":
		for _, c := range data.Channels {
			said = append(said, c.Channel, c.UserState.State)
			if c.UserState.Reason != "" {
				said = append(said, c.UserState.Reason)
			}
			if c.DNDState != "Off" {
				said = append(said, "undisturbed")
			}
		}
	case "MessageLogUpdated":
		for _, m := range data.Messages {
			said = append(said, fmt.Sprintf("%d:%s", m.Index, m.Type))
		}
	case "ChatStateChangeMessage":
		said = append(said, data.NotificationType, string(data.Chat.State), fmt.Sprintf("in:%d", len(data.Chat.Participants)))
		if data.ReferenceID != 0 {
			said = append(said, fmt.Sprintf("ref:%d", data.ReferenceID))
		}
	case "WorkbinStateChangeMessage":
		said = append(said, data.Action, string(data.Aside.State))
		if data.ReferenceID != 0 {
			said = append(said, fmt.Sprintf("ref:%d", data.ReferenceID))
		}
	default:
		said = append(said, data.MessageType)
	}
	return strings.Join(said, " ")
}

// hears waits for notifications: these, in this order, and nothing between them.
func (d *desktop) hears(want ...string) {
	d.t.Helper()
	for _, w := range want {
		select {
		case got := <-d.told:
			if got != w {
				d.t.Fatalf("heard %q, want %q", got, w)
			}
		case <-time.After(20 * time.Second):
			d.t.Fatalf("heard nothing, want %q", w)
		}
	}
}

// TestStory is the main job, on both transports (agent-api 1.7, 2.1 to 2.6, 4.1 to 4.7, 4.12): dana hears all that concerns her, in the documented order, and
// omar, who listens to everything, hears nothing of it (2.3, 2.5, A9).
func TestStory(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			h := open(t, nil)
			omar := h.as("omar").connect(transport, "/v2/me/chats", "/**")
			dana := h.as("dana").connect(transport, TopicChats, TopicChannels, "/v2/me/unheard/of")

			dana.startWork()
			dana.hears("channels chat NotReady", "channels chat Ready")
			pat := h.arrive()
			dana.hears("chats StatusChange Invited in:0")
			path := "/api/v2/me/chats/" + pat.ChatID
			dana.ok(path, `{"operationName":"Accept","nickname":"Dana"}`)
			dana.hears("chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:2", "chats 1:ParticipantJoined 2:Text 3:ParticipantJoined")

			dana.ok(path, `{"operationName":"SendMessage","text":"Hello Pat"}`)
			h.does(pat, chat.Type{})
			h.does(pat, chat.Say{Text: "At last"})
			dana.ok(path, `{"operationName":"SendStartTypingNotification"}`)
			dana.ok(path, `{"operationName":"SendStopTypingNotification"}`)
			dana.ok(path, `{"operationName":"SendUrl","url":"https://example.com/track"}`)
			dana.hears("chats 4:Text", "chats 5:TypingStarted", "chats 6:Text", "chats 7:TypingStarted", "chats 8:TypingStopped", "chats 9:PushUrl")

			dana.ok(path, `{"operationName":"AttachUserData","userData":{"Parcel":12}}`)
			dana.ok(path, `{"operationName":"SetInFocus"}`)
			dana.ok(path, `{"operationName":"DeleteUserData","keys":["Parcel"]}`)
			dana.ok(path, `{"operationName":"SetDisposition","disposition":"refunded"}`)
			dana.hears("chats PropertiesUpdated Chatting in:2 ref:2", "chats PropertiesUpdated Chatting in:2 ref:3", "chats PropertiesUpdated Chatting in:2 ref:4")

			h.does(pat, chat.Disconnect{})
			dana.ok(path, `{"operationName":"Complete"}`)
			dana.hears("chats 10:ParticipantLeft", "chats ParticipantsUpdated Chatting in:1", "chats StatusChange Completed in:0 ref:5")

			// The log-out reaches her with her held connect, before her session ends (2.6).
			h.holds(2)
			dana.ok("/api/v2/me", `{"operationName":"EndContactCenterSession"}`)
			dana.hears("channels chat LoggedOut")
			if r := dana.get("/api/v2/me"); r.status != http.StatusUnauthorized {
				t.Errorf("after log-out: %d %s", r.status, r.body)
			}

			omar.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
			omar.hears("channels chat NotReady")
		})
	}
}

func (h *house) does(pat desk.CustomerChat, a chat.Action) {
	h.t.Helper()
	if _, err := h.Desk.CustomerDo(h.t.Context(), desk.Caller{Service: "support", ChatID: pat.ChatID, Key: pat.Key}, a, nil); err != nil {
		h.t.Fatal(err)
	}
}

// TestTwoAgents follows a consultation that becomes a transfer (agent-api 4.8 to 4.11): each agent has a projection of her own (1.1, 3.3), a refusal arrives as
// Error (5.1.4), and the consulted one is not heard by the customer.
func TestTwoAgents(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, omar := h.as("dana").connect(bayeuxclient.WebSocket, TopicChats), h.as("omar").connect(bayeuxclient.LongPolling, TopicChats)
	dana.startWork()
	omar.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	pat := h.arrive()
	path := dana.accepted(pat.ChatID)
	dana.hears("chats StatusChange Invited in:0", "chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:2",
		"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined")

	consult := `{"operationName":"Consult","targetUri":"https://another.name/api/v2/users/` + directory.UserID("omar") + `"}`
	if got := dana.ok(path, consult).body; got != `{"statusCode":0,"referenceId":2}` {
		t.Errorf("Consult: %s", got)
	}
	omar.hears("chats StatusChange Invited in:0")
	if his, hers := at[string](t, omar.get(path), "chat", "state"), at[string](t, dana.get(path), "chat", "state"); his != "Invited" || hers != "Chatting" {
		t.Errorf("omar sees %s, dana %s", his, hers)
	}
	if r := dana.post(path, consult); r.code() != "2" {
		t.Errorf("invited already: %s", r.body)
	}
	omar.ok(path, `{"operationName":"Reject"}`)
	omar.hears("chats StatusChange Completed in:0 ref:1")
	dana.hears("chats Error Chatting in:2 ref:2")

	dana.ok(path, consult)
	omar.hears("chats StatusChange Invited in:0")
	omar.ok(path, `{"operationName":"Accept","nickname":"Omar"}`)
	omar.hears("chats StatusChange Chatting in:0 ref:2", "chats ParticipantsUpdated Chatting in:3", "chats 1:ParticipantJoined 2:Text 3:ParticipantJoined 4:ParticipantJoined")
	dana.hears("chats ParticipantsUpdated Chatting in:3", "chats 4:ParticipantJoined")
	if r := omar.post(path, `{"operationName":"SendMessage","text":7}`); r.status != http.StatusForbidden || r.code() != "3" {
		t.Errorf("a consulted agent writes to the customer: %d %s", r.status, r.body)
	}
	omar.ok(path, `{"operationName":"SendToAgents","text":"Refund her"}`)
	omar.hears("chats 5:Text")
	dana.hears("chats 5:Text")
	seen, err := h.customer(pat).Messages(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range seen {
		if m.Index > 3 {
			t.Errorf("the customer sees %+v", m)
		}
	}

	dana.ok(path, `{"operationName":"Transfer","targetPath":"/contacts/`+directory.UserID("omar")+`","text":"Omar will help you"}`)
	dana.hears("chats 6:Text", "chats StatusChange Completed in:0 ref:4")
	omar.hears("chats 6:Text", "chats ParticipantsUpdated Chatting in:2", "chats 7:ParticipantJoined", "chats 8:ParticipantLeft")
	if r := dana.get(path); r.status != http.StatusNotFound {
		t.Errorf("dana still has it: %d %s", r.status, r.body)
	}
	omar.ok(path, `{"operationName":"Leave"}`)
	omar.hears("chats StatusChange LeftChat in:0 ref:3")
	omar.ok(path, `{"operationName":"StopProcessing"}`)
	omar.hears("chats StatusChange Completed in:0 ref:4")
}

// customer is what the customer may know now.
func (h *house) customer(pat desk.CustomerChat) desk.CustomerChat {
	h.t.Helper()
	cc, err := h.Desk.Customer(h.t.Context(), desk.Caller{Service: "support", ChatID: pat.ChatID, Key: pat.Key})
	if err != nil {
		h.t.Fatal(err)
	}
	return cc
}

// holds waits until so many connects are held: what ends with a held connect is not told to a client that is just between two.
func (h *house) holds(n int) {
	h.t.Helper()
	eventually(h.t, "connects are held", func() bool { return h.Bayeux().Stats().Held == n })
}

// TestLogOutEndsItsOwnSessionsOnly checks agent-api 2.6: all her sessions hear the log-out, those of another HTTP session go on.
func TestLogOutEndsItsOwnSessionsOnly(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	first, second := h.as("dana"), h.as("dana")
	// A cookie that is worth nothing makes a log-in of its own; without any she would share one.
	second.do("GET", "/api/v2/me", "", "Cookie", auth.CookieName+"=x")
	one, two := first.connect(bayeuxclient.LongPolling, TopicChannels), second.connect(bayeuxclient.WebSocket, TopicChannels)
	one.startWork()
	one.hears("channels chat NotReady", "channels chat Ready")
	two.hears("channels chat NotReady", "channels chat Ready")
	id := two.bayeux.ID()
	h.holds(2)
	one.ok("/api/v2/me", `{"operationName":"EndContactCenterSession"}`)
	one.hears("channels chat LoggedOut")
	two.hears("channels chat LoggedOut")
	two.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	two.hears("channels chat NotReady")
	if two.bayeux.ID() != id {
		t.Error("the other session was replaced")
	}
	if sessions := h.Bayeux().Stats().Sessions; sessions != 1 {
		t.Errorf("%d sessions are left, want 1", sessions)
	}
}

// exchange sends Bayeux messages and returns the answers.
func (c *client) exchange(messages string, headers ...string) (status int, replies []bayeuxReply) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.base+notificationsPath+"/handshake", strings.NewReader(messages))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.name != "" {
		req.SetBasicAuth(c.name, c.password)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(raw, &replies); err != nil {
			c.t.Fatalf("%v: %s", err, raw)
		}
	}
	return resp.StatusCode, replies
}

type bayeuxReply struct {
	Channel    string   `json:"channel"`
	ClientID   string   `json:"clientId"`
	Successful bool     `json:"successful"`
	Error      string   `json:"error"`
	Types      []string `json:"supportedConnectionTypes"`
	Advice     struct {
		Reconnect string `json:"reconnect"`
		Timeout   int    `json:"timeout"`
	} `json:"advice"`
}

const shakeHands = `[{"id":"1","channel":"/meta/handshake","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}]`

// TestHandshakeIsForThoseWithARole checks agent-api 2.1: strangers get 401, users without permission a refusal in the words of CometD 3.
func TestHandshakeIsForThoseWithARole(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *Settings) { s.Notifications.Transports = []string{"long-polling"} })
	if status, _ := h.as("").exchange(shakeHands); status != http.StatusUnauthorized {
		t.Errorf("a stranger: HTTP %d", status)
	}
	for name, may := range map[string]bool{"dana": true, "ines": true, "admin": true, "guest": false} {
		status, replies := h.as(name).exchange(shakeHands)
		if status != http.StatusOK || len(replies) != 1 || replies[0].Successful != may {
			t.Fatalf("%s: HTTP %d %+v", name, status, replies)
		}
		r := replies[0]
		if !may && (r.Error != "403::Handshake denied" || r.Advice.Reconnect != "none") {
			t.Errorf("%s: %+v", name, r)
		}
		if may && (r.Advice.Timeout != 30_000 || !slices.Equal(r.Types, []string{"long-polling"})) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestCallbackPolling checks agent-api 2.1 and JP-7: callback-polling is there unless the settings leave it out, behind the same log-in, and not for pages of
// other sites.
func TestCallbackPolling(t *testing.T) {
	t.Parallel()
	const query = notificationsPath + "/handshake?jsonp=cb&message=%5B%7B%22channel%22%3A%22%2Fmeta%2Fhandshake%22%7D%5D"
	get := func(c *client, headers ...string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.name != "" {
			req.SetBasicAuth(c.name, c.password)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(raw)
	}
	without := open(t, func(s *Settings) { s.Notifications.Transports = []string{"websocket", "long-polling"} })
	if status, body := get(without.as("dana")); status != http.StatusBadRequest {
		t.Errorf("not named in the settings: HTTP %d %s", status, body)
	}
	h := open(t, nil)
	if status, body := get(h.as("dana")); status != http.StatusOK || !strings.HasPrefix(body, `/**/cb([{"channel":"/meta/handshake"`) ||
		!strings.Contains(body, `["websocket","long-polling","callback-polling"]`) {
		t.Errorf("HTTP %d %s", status, body)
	}
	if status, _ := get(h.as("")); status != http.StatusUnauthorized {
		t.Errorf("a stranger: HTTP %d", status)
	}
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Referer": "https://evil.example/page", "Origin": "https://evil.example"} {
		if status, body := get(h.as("dana"), name, value); status != http.StatusForbidden || strings.Contains(body, "clientId") {
			t.Errorf("%s %s: HTTP %d %s", name, value, status, body)
		}
	}
}

// TestSubscriptionRules checks agent-api 2.2, 2.4 and A9: patterns and unknown topics are fine, the topics of others are for supervisors, nobody publishes.
func TestSubscriptionRules(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for name, others := range map[string]bool{"dana": false, "ines": true, "admin": true} {
		c := h.as(name)
		_, hello := c.exchange(shakeHands)
		id := hello[0].ClientID
		for topic, may := range map[string]bool{
			"/v2/me/chats": true, "/**": true, "/*": true, "/v2/**": true, "/v2/me/*": true, "/v2/me/interactions": true, "/notifications/services": true,
			"/v2/usersabc": true, "/v2/users": others, "/v2/users/*": others, "/v2/users/**": others, "/v2/users/x/chats": others, "/meta/connect": false,
		} {
			_, replies := c.exchange(`[{"channel":"/meta/subscribe","clientId":"` + id + `","subscription":"` + topic + `"}]`)
			if len(replies) != 1 || replies[0].Successful != may {
				t.Errorf("%s to %s: %+v", name, topic, replies)
			}
			if !may && topic != "/meta/connect" && replies[0].Error != "403:denied_by_security_policy:subscribe_denied" {
				t.Errorf("%s to %s: %q", name, topic, replies[0].Error)
			}
		}
		for _, topic := range []string{"/v2/me/chats", "/somewhere", "/service/x"} {
			_, replies := c.exchange(`[{"channel":"` + topic + `","clientId":"` + id + `","data":{"x":1}}]`)
			if len(replies) != 1 || replies[0].Successful || replies[0].Error != "403:denied_by_security_policy:publish denied" {
				t.Errorf("%s publishes to %s: %+v", name, topic, replies)
			}
		}
	}
}

// TestSessionsOfOthers checks A3, A4: a client id is worth nothing to another user.
func TestSessionsOfOthers(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	_, hello := h.as("dana").exchange(shakeHands)
	_, replies := h.as("omar").exchange(`[{"channel":"/meta/connect","connectionType":"long-polling","clientId":"` + hello[0].ClientID + `"}]`)
	if len(replies) != 1 || replies[0].Successful || replies[0].Error != "402::Unknown client" || replies[0].Advice.Reconnect != "handshake" {
		t.Errorf("%+v", replies)
	}
}

// TestLogins checks that a log-in counts as used while a CometD session of it lives (2.6).
func TestLogins(t *testing.T) {
	t.Parallel()
	var l logins
	l.add("a", 1)
	l.add("a", 1)
	l.add("b", 1)
	l.add("a", -1)
	l.add("b", -1)
	if !l.has("a") || l.has("b") || l.has("c") || len(l.sessions) != 1 {
		t.Errorf("%v", l.sessions)
	}
}

// TestSessionKeepsTheLogInAlive checks that the server's sessions are counted, and that the end of a log-in ends them (2.6, DC-7, F3).
func TestSessionKeepsTheLogInAlive(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana").connect(bayeuxclient.WebSocket, TopicChannels)
	h.holds(1)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	u, err := url.Parse(dana.base)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range dana.http.Jar.Cookies(u) {
		r.AddCookie(c)
	}
	who, err := h.Auth.Authenticate(httptest.NewRecorder(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !h.living.has(who.Login) {
		t.Error("the log-in of an open websocket does not count as used")
	}
	if err := h.Auth.End(t.Context(), who.Login); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session has ended", func() bool { return h.Bayeux().Stats().Sessions == 0 && !h.living.has(who.Login) })
}
