package agentapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
)

// TestWorkingDay follows dana over REST from log-in to log-out (agent-api 1.6, 3.4, 4.1 to 4.7, 4.12, 4.13, 4.15, 5.2.5, 6.1 to 6.3).
func TestWorkingDay(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")

	me := dana.get("/api/v2/me?subresources=*")
	if got := at[string](t, me, "user", "userName"); got != "dana" {
		t.Fatalf("userName %q", got)
	}
	if got := at[[]channel](t, me, "user", "channels"); len(got) != 1 || got[0].UserState.State != agent.LoggedOutState {
		t.Errorf("before log-in: %+v", got)
	}
	dana.name = "" // from here on the cookie is enough
	r := dana.ok("/api/v2/me/", `{"operationName":"StartContactCenterSession","channels":["voice","chat"],"loginCode":null,"place":"P1"}`)
	if r.body != `{"statusCode":0}` {
		t.Errorf("session start: %s", r.body)
	}
	if got := at[channel](t, dana.get("/api/v2/me/channels/chat"), "channel"); got.UserState.State != agent.NotReadyState || got.DNDState != "Off" {
		t.Errorf("after log-in: %+v", got)
	}
	dana.ok("/api/v2/me/channels/chat", `{"operationName":"Ready"}`)

	pat := h.arrive()
	path := dana.offered(pat.ChatID)
	if got := at[chatResource](t, dana.get(path), "chat"); got.State != chat.Invited || !slices.Equal(got.Capabilities, []chat.Operation{"Accept", "Reject"}) || len(got.Participants) != 0 {
		t.Errorf("offered: %+v", got)
	}
	if r := dana.get(path + "/messages"); r.status != http.StatusBadRequest || r.code() != "2" {
		t.Errorf("messages while Invited: %d %s", r.status, r.body)
	}

	if got := dana.ok(path, `{"operationName":"Accept","nickname":"Dana"}`).body; got != `{"statusCode":0,"referenceId":1}` {
		t.Errorf("Accept: %s", got)
	}
	if got := dana.ok(path, `{"operationName":"SendMessage","text":"Hello Pat"}`).body; got != `{"statusCode":0}` {
		t.Errorf("SendMessage: %s", got)
	}
	dana.ok("/api/v2/me/interactions/"+pat.ChatID, `{"operationName":"InFocus"}`)
	for _, more := range []string{"", "/messages"} { // the alias of 1.2
		if old, now := dana.get("/api/v2/me/interactions/"+pat.ChatID+more), dana.get(path+more); old.status != http.StatusOK || old.body != now.body {
			t.Errorf("/me/interactions%s: %d %s", more, old.status, old.body)
		}
	}
	if got := dana.ok(path, `{"operationName":"SetDisposition","disposition":"refunded"}`).body; got != `{"statusCode":0,"referenceId":2}` {
		t.Errorf("SetDisposition: %s", got)
	}
	dana.ok(path, `{"operationName":"AttachUserData","userData":{"Rate":1.50,"__proto__":{"a":null}}}`)
	dana.ok(path, `{"operationName":"DeleteUserData","keys":["Rate","unknown"]}`)
	got := at[chatResource](t, dana.get("/api/v2/chats/"+pat.ChatID), "chat")
	if len(got.UserData) != 3 || string(got.UserData["__proto__"]) != `{"a":null}` || string(got.UserData["DispositionCode"]) != `"refunded"` {
		t.Errorf("user data: %v", got.UserData)
	}

	messages := at[[]message](t, dana.get(path+"/messages/"), "messages")
	var types []chat.MessageType
	for i, m := range messages {
		if types = append(types, m.Type); m.Index != int64(i+1) {
			t.Errorf("message %d has index %d", i, m.Index)
		}
	}
	if want := []chat.MessageType{"ParticipantJoined", "Text", "ParticipantJoined", "Text"}; !slices.Equal(types, want) {
		t.Errorf("messages %v, want %v", types, want)
	}
	if got := at[[]message](t, dana.get(path+"/messages?startIndex=2&count=1"), "messages"); len(got) != 1 || got[0].Index != 2 {
		t.Errorf("one message from the second on: %+v", got)
	}
	if got := at[[]message](t, dana.get(path+"/messages?startIndex=0&count=0"), "messages"); len(got) != len(messages) {
		t.Errorf("0 means all: %d of %d", len(got), len(messages))
	}

	if got := at[[]string](t, dana.get("/api/v2/me/chats"), "uris"); !slices.Equal(got, []string{testBase + "/chats/" + pat.ChatID}) {
		t.Errorf("uris %v", got)
	}
	if got := at[[]chatResource](t, dana.get("/api/v2/me/chats/?fields=*"), "chats"); len(got) != 1 || got[0].State != chat.Chatting || len(got[0].Participants) != 2 {
		t.Errorf("chats %+v", got)
	}
	if got := string(at[jsontext.Value](t, dana.get("/api/v2/me/chats?fields=state"), "chats")); got !=
		`[{"id":"`+pat.ChatID+`","uri":"`+testBase+`/chats/`+pat.ChatID+`","path":"/chats/`+pat.ChatID+`","state":"Chatting"}]` {
		t.Errorf("fields=state: %s", got)
	}
	if got := at[[]chatResource](t, dana.get("/api/v2/me?subresources=chats,channelStates&fields=userName"), "user", "chats"); len(got) != 1 {
		t.Errorf("chats of /me: %+v", got)
	}

	if _, err := h.Desk.CustomerDo(t.Context(), desk.Caller{Service: "support", ChatID: pat.ChatID, Key: pat.Key}, chat.Disconnect{}, nil); err != nil {
		t.Fatal(err)
	}
	dana.ok(path, `{"operationName":"Complete"}`)
	if got := at[[]string](t, dana.get("/api/v2/me/chats"), "uris"); len(got) != 0 {
		t.Errorf("still in the list: %v", got)
	}
	if r := dana.get(path); r.status != http.StatusNotFound {
		t.Errorf("completed chat: %d %s", r.status, r.body)
	}

	if got := dana.ok("/api/v2/me", `{"operationName":"EndContactCenterSession"}`).body; got != `{"statusCode":0}` {
		t.Errorf("session end: %s", got)
	}
	if r := dana.get("/api/v2/me"); r.status != http.StatusUnauthorized || r.code() != "20" {
		t.Errorf("the cookie after log-out: %d %s", r.status, r.body)
	}
}

// TestStates checks agent-api 6.1, 6.3: operations on one channel and on all, custom states, what is refused.
func TestStates(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	omar := h.as("omar")
	refused := func(path, body string, status int, code string) {
		t.Helper()
		if r := omar.post(path, body); r.status != status || r.code() != code {
			t.Errorf("POST %s %s: %d %s, want %d and %s", path, body, r.status, r.body, status, code)
		}
	}
	state := func() channel {
		t.Helper()
		return at[[]channel](t, omar.get("/api/v2/me/channels"), "channels")[0]
	}

	refused("/api/v2/me/channels/chat", `{"operationName":"Ready"}`, 400, "2")
	refused("/api/v2/me", `{"operationName":"Ready"}`, 400, "2")
	refused("/api/v2/me", `{"operationName":"StartContactCenterSession"}`, 400, "1")
	refused("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":[]}`, 400, "1")
	refused("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":"chat"}`, 400, "10")
	refused("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat","telegraph"]}`, 400, "10")
	refused("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["voice"]}`, 400, "2")
	omar.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat","chat"]}`)
	omar.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)

	omar.ok("/api/v2/me", `{"operationName":"Ready"}`)
	if got := state(); got.UserState.ID != agent.Ready.ID {
		t.Errorf("ready: %+v", got)
	}
	omar.ok("/api/v2/me/channels/chat/", `{"operationName":"Lunch"}`)
	if got := state(); got.UserState != (userState{ID: lunch[0].ID, DisplayName: "Lunch", State: "NotReady", Reason: "Lunch"}) {
		t.Errorf("lunch: %+v", got)
	}
	omar.ok("/api/v2/me", `{"operationName":"DoNotDisturbOn"}`)
	if got := state(); got.DNDState != "On" || got.UserState.DisplayName != "Lunch" {
		t.Errorf("do not disturb: %+v", got)
	}
	refused("/api/v2/me/channels/chat", `{"operationName":"ready"}`, 400, "10")
	refused("/api/v2/me/channels/chat", `{"operationName":"StartContactCenterSession"}`, 400, "10")
	refused("/api/v2/me/channels/voice", `{"operationName":"Ready"}`, 400, "2")
	refused("/api/v2/me/channels/telegraph", `{"operationName":"Ready"}`, 404, "6")
	if r := omar.post("/api/v2/me", `{"operationName":"Dinner"}`); !strings.Contains(r.message(), "StartContactCenterSession") || !strings.Contains(r.message(), "Lunch") {
		t.Errorf("an unknown operation should be told what there is: %s", r.body)
	}
	if r := omar.get("/api/v2/me/channels/voice"); r.status != http.StatusNotFound {
		t.Errorf("no voice here: %d %s", r.status, r.body)
	}
}
