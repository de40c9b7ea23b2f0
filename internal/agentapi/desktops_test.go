package agentapi

import (
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
)

// rawDesktop speaks Bayeux with its own hands, as the two published clients do, and is as strict as they are.
type rawDesktop struct {
	*client
	clientID string
	headers  []string // on each request
}

// bayeux posts messages and returns the replies. path is appended to the address of the notifications.
func (d *rawDesktop) bayeux(path, messages string) []bayeuxMessage {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.base+notificationsPath+path, strings.NewReader(strings.ReplaceAll(messages, "<client>", d.clientID)))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	if d.name != "" {
		req.SetBasicAuth(d.name, d.password)
	}
	for i := 0; i < len(d.headers); i += 2 {
		req.Header.Set(d.headers[i], d.headers[i+1])
	}
	resp, err := d.http.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	var replies []bayeuxMessage
	if err := json.UnmarshalRead(resp.Body, &replies); err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: %d, %v", messages, resp.StatusCode, err)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		d.t.Errorf("Content-Type %q", resp.Header.Get("Content-Type"))
	}
	for _, m := range replies {
		if strings.HasPrefix(m.Channel, "/meta/") && !m.Successful {
			d.t.Fatalf("%s was answered %+v", messages, m)
		}
	}
	return replies
}

type bayeuxMessage struct {
	Channel      string         `json:"channel"`
	ClientID     string         `json:"clientId"`
	Successful   bool           `json:"successful"`
	Subscription any            `json:"subscription"`
	Data         jsontext.Value `json:"data"`
}

// until polls until a notification passes, and returns its data.
func (d *rawDesktop) until(topic string, passes func(data map[string]jsontext.Value) bool) map[string]jsontext.Value {
	d.t.Helper()
	for range 50 {
		for _, m := range d.bayeux("", `[{"id":"7","channel":"/meta/connect","clientId":"<client>","connectionType":"long-polling","advice":{"timeout":2000}}]`) {
			var data map[string]jsontext.Value
			if m.Channel != topic {
				continue
			}
			if err := json.Unmarshal(m.Data, &data); err != nil || data["messageType"] == nil {
				d.t.Fatalf("a notification without messageType: %s", m.Data)
			}
			if passes(data) {
				return data
			}
		}
	}
	d.t.Fatalf("nothing on %s", topic)
	return nil
}

// is says whether a member is this string.
func is(m map[string]jsontext.Value, name, value string) bool {
	return string(m[name]) == `"`+value+`"`
}

func members(t *testing.T, raw jsontext.Value) (m map[string]jsontext.Value) {
	t.Helper()
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("not an object: %s", raw)
	}
	return m
}

// TestHTCCSampleStarts plays the published iPad desktop from its first request to its last (agent-api 1.2, 1.3, 2.2, 2.5, 2.6, 4.15, 6.1 to 6.5): Basic once, then
// cookie and CSRF header; trailing slashes; statusCode 0 or 7; ids out of the last part of a uri; from must be an object with a uri that names the sender.
func TestHTCCSampleStarts(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *Settings) { s.EnableCSRF = true })
	dana := h.as("dana")
	first := dana.get("/api/v2/me?subresources=*")
	me := at[map[string]jsontext.Value](t, first, "user")
	for _, name := range []string{
		"id", "userName", "firstName", "lastName", "roles", "uri", "path", "devices", "calls", "interactions", "channels", "channelStates", "chats", "skills", "groups", "features", "settings",
	} {
		if me[name] == nil {
			t.Errorf("/me without %s", name)
		}
	}
	workspace := at[map[string]map[string]string](t, first, "user", "settings")["interaction-workspace"]
	for _, name := range []string{
		"chat.nickname", "chat.auto-answer", "chat.typing-is-enabled", "chat.typing-timeout", "chat.enable-auto-disconnect", "interaction.disposition.is-mandatory",
		"interaction.disposition.key-name", "interaction.disposition.value-business-attribute", "system.cometd.timeout", "system.notif.enabled-websocket",
		"privilege.chat.can-use", "privilege.chat.can-one-step-transfer", "privilege.chat.can-one-step-conference", "privilege.chat.can-consult", "privilege.teamlead.can-monitor-chat",
	} {
		if workspace[name] == "" {
			t.Errorf("settings without %s", name)
		}
	}
	dana.name = "" // her cookie from here on
	header := first.header.Get("X-CSRF-HEADER")
	token := []string{header, first.header.Get(header)}
	if token[0] == "" || token[1] == "" {
		t.Fatalf("no CSRF token: %v", first.header)
	}
	post := func(path, body string) reply {
		t.Helper()
		r := dana.post(path, body, token...)
		if r.code() != "0" && r.code() != "7" {
			t.Fatalf("POST %s %s: %d %s", path, body, r.status, r.body)
		}
		return r
	}

	var states []string
	for _, s := range at[[]agentStateSetting](t, dana.get("/api/v2/settings/agent-states"), "settings") {
		states = append(states, s.OperationName)
	}
	if strings.Join(states, " ") != "Ready NotReady AfterCallWork Offline Lunch" {
		t.Errorf("states %v", states)
	}
	attribute := workspace["interaction.disposition.value-business-attribute"]
	found := false
	for _, b := range at[[]businessAttribute](t, dana.get("/internal-api/business-attributes"), "businessAttributes") {
		found = found || b.Name == attribute && len(b.Values) == 2
	}
	if !found {
		t.Errorf("no business attribute %s", attribute)
	}

	d := &rawDesktop{client: dana, headers: token}
	d.clientID = d.bayeux("", `[{"id":"1","channel":"/meta/handshake","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"],"advice":{"timeout":60000,"interval":0}}]`)[0].ClientID
	topics := []string{"/v2/me/chats", "/v2/me/channels", "/v2/me/devices", "/v2/me/calls", "/v2/me", "/notifications/services"}
	var subscriptions []string
	for _, topic := range topics {
		subscriptions = append(subscriptions, `{"id":"2","channel":"/meta/subscribe","clientId":"<client>","subscription":"`+topic+`"}`)
	}
	for i, confirmed := range d.bayeux("", "["+strings.Join(subscriptions, ",")+"]") {
		if confirmed.Subscription != topics[i] {
			t.Errorf("confirmed %v, want %s", confirmed.Subscription, topics[i])
		}
	}
	d.bayeux("", `[{"id":"3","channel":"/meta/connect","clientId":"<client>","connectionType":"long-polling","advice":{"timeout":0}}]`)
	post("/api/v2/me/", `{"operationName":"StartContactCenterSession","channels":["voice","chat"],"place":null,"loginCode":null,"queue":null,"devicePath":null,`+
		`"mobileSession":{"mobileDeviceId":"x","mobilePushType":"ios","debug":true}}`)
	d.until(TopicChannels, func(n map[string]jsontext.Value) bool {
		return is(n, "messageType", "ChannelStateChangeMessageV2") && strings.Contains(string(n["channels"]), agent.NotReady.ID)
	})
	if got := at[[]chatResource](t, dana.get("/api/v2/me/chats/?fields=*"), "chats"); len(got) != 0 {
		t.Errorf("chats %v", got)
	}
	post("/api/v2/me/channels/chat/", `{"operationName":"Ready"}`)
	pat := h.arrive()
	offered := d.until(TopicChats, func(n map[string]jsontext.Value) bool { return is(n, "notificationType", "StatusChange") })
	chat := members(t, offered["chat"])
	if !is(chat, "state", "Invited") || string(chat["capabilities"]) != `["Accept","Reject"]` || chat["participants"] == nil || chat["userData"] == nil {
		t.Fatalf("offered %s", offered["chat"])
	}
	post("/api/v2/me/chats/"+pat.ChatID+"/", `{"operationName":"Accept","nickname":"Dana"}`)
	post("/api/v2/me/chats/"+pat.ChatID, `{"operationName":"SendMessage","text":"Hello"}`)
	mine := 0
	d.until(TopicChats, func(n map[string]jsontext.Value) bool {
		if !is(n, "messageType", "MessageLogUpdated") {
			return false
		}
		var uri string
		if err := json.Unmarshal(n["chatUri"], &uri); err != nil || path.Base(uri) != pat.ChatID {
			t.Errorf("chatUri %s", n["chatUri"])
		}
		var list []map[string]jsontext.Value
		if err := json.Unmarshal(n["messages"], &list); err != nil {
			t.Fatal(err)
		}
		last := ""
		for _, m := range list {
			from := members(t, m["from"])
			if m["type"].Kind() != '"' {
				t.Errorf("a message without a type: %s", n["messages"])
			}
			if from["uri"] != nil {
				var sender string
				if err := json.Unmarshal(from["uri"], &sender); err != nil || !is(me, "id", path.Base(sender)) {
					t.Errorf("the sender %s is not dana", from["uri"])
				}
				mine++
			}
			last = string(m["text"])
		}
		return last == `"Hello"`
	})
	if mine != 2 { // her joining and her text
		t.Errorf("%d messages are her own", mine)
	}
	for _, path := range []string{
		"/api/v2/contacts?filterName=NamesOrPhoneNumberMatches&filterParameters=om*&limit=50", "/api/v2/me/chats/" + pat.ChatID + "/messages/", "/api/v2/queues?fields=*", "/api/v2/users?fields=*",
	} {
		if r := dana.get(path); r.code() != "0" {
			t.Errorf("GET %s: %s", path, r.body)
		}
	}
	post("/api/v2/platform/contactserver/GetApprovedRootCategories", `{}`)
	post("/api/v2/me/chats/"+pat.ChatID, `{"operationName":"Complete"}`)
	d.bayeux("", `[{"id":"8","channel":"/meta/unsubscribe","clientId":"<client>","subscription":"/v2/me/chats"},{"id":"9","channel":"/meta/disconnect","clientId":"<client>"}]`)
	post("/api/v2/me/", `{"operationName":"EndContactCenterSession"}`)
	if r := dana.get("/api/v2/me"); r.status != http.StatusUnauthorized {
		t.Errorf("after the end: %d", r.status)
	}
}

// TestDotNetClientStarts plays the published .NET client (agent-api 1.3, 1.4, 2.1, 2.2, 3.1, 5.2, 6.1): Basic on every request, those of CometD too; one subscription
// to /**; channel names as suffixes of the address; settings must be an object of objects, capabilities are never missing, and a transcript belongs to the chat
// of its chatPath.
func TestDotNetClientStarts(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	omar := h.as("omar")
	omar.post("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	d := &rawDesktop{client: h.as("dana")}
	me := d.get("/api/v2/me?subresources=*")
	for name, section := range at[map[string]map[string]jsontext.Value](t, me, "user", "settings") {
		for key, value := range section {
			if value.Kind() != '"' {
				t.Errorf("setting %s of %s is %s", key, name, value)
			}
		}
	}
	d.clientID = d.bayeux("/handshake", `[{"id":"1","channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]`)[0].ClientID
	d.bayeux("/subscribe", `[{"id":"2","channel":"/meta/subscribe","clientId":"<client>","subscription":"/**"}]`)
	d.bayeux("/connect", `[{"id":"3","channel":"/meta/connect","clientId":"<client>","connectionType":"long-polling","advice":{"timeout":0}}]`)
	d.startWork()
	pat := h.arrive()
	state := func(want string) map[string]jsontext.Value {
		t.Helper()
		n := d.until(TopicChats, func(n map[string]jsontext.Value) bool {
			if !is(n, "messageType", "ChatStateChangeMessage") {
				return false
			}
			chat := members(t, n["chat"])
			if chat["capabilities"].Kind() != '[' || chat["participants"].Kind() != '[' || !is(chat, "path", "/chats/"+pat.ChatID) {
				t.Errorf("a chat that this client fails on: %s", n["chat"])
			}
			return is(chat, "state", want)
		})
		return members(t, n["chat"])
	}
	state("Invited")
	d.ok("/api/v2/me/chats/"+pat.ChatID, `{"operationName":"Accept","nickname":"Dana"}`)
	state("Chatting")
	d.until(TopicChats, func(n map[string]jsontext.Value) bool {
		return is(n, "messageType", "MessageLogUpdated") && is(n, "chatPath", "/chats/"+pat.ChatID)
	})
	d.ok("/api/v2/me/chats/"+pat.ChatID, `{"operationName":"Complete"}`)
	if done := state("Completed"); string(done["capabilities"]) != `[]` {
		t.Errorf("completed with %s", done["capabilities"])
	}
	d.ok("/api/v2/me", `{"operationName":"EndContactCenterSession"}`)
}
