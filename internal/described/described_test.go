package described

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"github.com/halley-chat/halley/docs"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ours(t *testing.T) *Description {
	t.Helper()
	d, err := Ours()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	chat = `{"id":"0004XaGQ7T2H001K","uri":"https://desk.example.com/api/v2/chats/0004XaGQ7T2H001K","path":"/chats/0004XaGQ7T2H001K","state":"Chatting",` +
		`"chatType":"Inbound","receivedDate":"2024-03-11 09:41:07.000+0100","capabilities":["Leave"],"participants":[],"userData":{"n":1},` +
		`"suggestedQueueUris":[],"revelantResponseTemplateGroups":[]}`
	envelope = `{"statusCode":0,"chatEnded":false,"chatId":"0004XaGQ7T2H001K","alias":"1","userId":"00B165EEC5A30011",` +
		`"secureKey":"5d0c1fa27be94c6a8a3e61f0972bd413","nextPosition":1,"monitored":false,"messages":[]}`
	jsonType, customerType = "application/json", "application/json;charset=UTF-8"
)

// without takes a member with a string or an empty list from an object.
func without(object, member string) string {
	_, rest, found := strings.Cut(object, `"`+member+`":`)
	value, _, ok := strings.Cut(rest, ",")
	if !found || !ok {
		panic("no " + member + " in " + object)
	}
	return strings.Replace(object, `"`+member+`":`+value+",", "", 1)
}

// Each answer is as described, or is told what is wrong with it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		request     string // method, target and body
		status      int
		contentType string
		body        string
		wrong       string // "": nothing
	}{
		{"GET /api/v2/me/chats/c1", 200, jsonType, `{"statusCode":0,"chat":` + chat + `}`, ""},
		{"GET /api/v2/me/chats/c1/", 200, jsonType, `{"statusCode":0,"chat":` + chat + `}`, ""},
		{"HEAD /api/v2/me/chats/c1", 200, jsonType, ``, ""},
		{"GET /api/v2/me/chats/c1", 200, jsonType, `{"statusCode":0,"chat":` + chat + `,"extra":1}`, "extra"},
		{"GET /api/v2/me/chats/c1", 200, jsonType, `{"statusCode":0,"chat":` + strings.Replace(chat, "{", `{"extra":1,`, 1) + `}`, "extra"},
		{"GET /api/v2/me/chats/c1", 200, jsonType, `{"statusCode":0,"chat":` + strings.Replace(chat, "Chatting", "Dreaming", 1) + `}`, "/chat/state"},
		{"GET /api/v2/me/chats/c1", 200, jsonType, `{"statusCode":0,"chat":` + strings.Replace(chat, "Leave", "Fly", 1) + `}`, "/chat/capabilities/0"},
		{"GET /api/v2/me/chats/c1", 200, jsonType, `{"statusCode":0}`, "chat"},
		{"GET /api/v2/me/chats/c1", 200, jsonType, `not JSON`, "not JSON"},
		{"GET /api/v2/me/chats/c1", 200, "text/html", `<p>`, "text/html"},
		{"GET /api/v2/me/chats/c1", 418, jsonType, `{"statusCode":4,"statusMessage":"tea"}`, "418"},
		{"GET /api/v2/me/chats/c1", 404, jsonType, `{"statusCode":6,"statusMessage":"there is no such chat"}`, ""},
		{"GET /api/v2/me/chats/c1", 404, jsonType, `{"statusCode":6,"statusMessage":"there is no such chat","chat":null}`, "chat"},
		{"GET /api/v2/me/chats/c1", 503, jsonType, `{"statusCode":4,"statusMessage":"try again"}`, ""},

		// `fields` narrows a resource; without it, all must be there.
		{"GET /api/v2/me/chats/c1?fields=id", 200, jsonType, `{"statusCode":0,"chat":` + without(chat, "participants") + `}`, ""},
		{"GET /api/v2/me/chats/c1?fields=*", 200, jsonType, `{"statusCode":0,"chat":` + without(chat, "participants") + `}`, "participants"},
		{"GET /api/v2/me/chats/c1", 200, jsonType, `{"statusCode":0,"chat":` + without(chat, "participants") + `}`, "participants"},
		{"GET /api/v2/me/chats", 200, jsonType, `{"statusCode":0,"streamPosition":1,"uris":[]}`, ""},
		{"GET /api/v2/me/chats", 200, jsonType, `{"statusCode":0,"streamPosition":1,"uris":[],"chats":[]}`, `"chats" is unsupported`},

		// What was carried out must be described, too.
		{`POST /api/v2/me/chats/c1 {"operationName":"Leave","text":null}`, 200, jsonType, `{"statusCode":0,"referenceId":3}`, ""},
		{`POST /api/v2/me/chats/c1 {"operationName":"Fly"}`, 200, jsonType, `{"statusCode":0,"referenceId":3}`, "operationName"},
		{`POST /api/v2/me/chats/c1 {"operationName":"Fly"}`, 400, jsonType, `{"statusCode":10,"statusMessage":"operationName …"}`, ""},
		{`POST /api/v2/me/chats/c1 {"operationName":"SendMessage"}`, 200, jsonType, `{"statusCode":0}`, "text"},
		{`POST /api/v2/me {"operationName":"EndContactCenterSession"}`, 200, jsonType, `{"statusCode":0}`, ""},
		{`POST /api/v2/me {"operationName":"StartContactCenterSession"}`, 200, jsonType, `{"statusCode":0}`, `"channels" is missing`},
		{`POST /api/v2/me/channels/chat {"operationName":"Lunch"}`, 200, jsonType, `{"statusCode":0}`, ""},
		{`POST /api/v2/me/channels/chat {}`, 200, jsonType, `{"statusCode":0}`, "operationName"},
		{
			"GET /api/v2/me?fields=id&depth=7", 200, jsonType,
			`{"statusCode":0,"user":{"id":"u","uri":"https://desk.example.com/api/v2/users/u","path":"/users/u"}}`, "depth",
		},

		// Addresses and methods that are not described can only be refused.
		{"GET /api/v2/wishes", 404, jsonType, `{"statusCode":6,"statusMessage":"nothing is served at this address"}`, ""},
		{"GET /api/v2/wishes", 200, jsonType, `{"statusCode":0}`, "no such address"},
		{"GET /api/v2/wishes", 404, jsonType, `{"error":"no"}`, "error"},
		{"PUT /api/v2/me", 405, jsonType, `{"statusCode":3,"statusMessage":"use GET"}`, ""},
		{"PUT /api/v2/me", 200, jsonType, `{"statusCode":0}`, "method"},
		{"PUT /api/v2/me", 404, jsonType, `{"statusCode":6,"statusMessage":"nothing"}`, "method"},
		{"OPTIONS /api/v2/me", 204, "", ``, ""},
		{"OPTIONS /api/v2/me", 204, "", `{}`, "method"},
		{"GET /wishes", 404, "text/plain; charset=utf-8", `There is nothing here.`, ""},

		// Customers.
		{"POST /genesys/2/chat/support//c1/send message=Hi", 200, customerType, envelope, ""},
		{"POST /genesys/2/chat/support/", 200, customerType, envelope, ""},
		{"POST /genesys/2/chat/support", 200, customerType, without(envelope, "userId"), `"userId" is missing`},
		{"POST /genesys/2/chat/support", 400, customerType, `{"statusCode":2,"chatId":"","messages":[]}`, "chatEnded"},
		{"POST /genesys/2/chat/support/c1/sing", 404, customerType, `{"statusCode":2,"chatEnded":false,"chatId":"c1","messages":[]}`, ""},
		{"POST /genesys/2/chat/support/c1/sing", 200, customerType, envelope, "no such address"},

		{"GET /readyz", 503, "text/plain; charset=utf-8", "the server is stopping", ""},
		{"GET /healthz", 503, "text/plain; charset=utf-8", "no", "503"},
		{"GET /counts", 200, jsonType, `{"waiting":0}`, "active"},
	} {
		method, rest, _ := strings.Cut(tt.request, " ")
		target, asked, _ := strings.Cut(rest, " ")
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		x := Exchange{Method: method, URL: u, Asked: []byte(asked), Status: tt.status, Header: http.Header{"Content-Type": {tt.contentType}}, Body: []byte(tt.body)}
		judge(t, fmt.Sprintf("%s, answered by %d %s", tt.request, tt.status, tt.body), ours(t).Answer(x), tt.wrong)
	}
}

func judge(t *testing.T, what string, err error, wrong string) {
	t.Helper()
	switch {
	case err == nil && wrong != "":
		t.Errorf("%s: nothing was found; want something about %q", what, wrong)
	case err != nil && wrong == "":
		t.Errorf("%s: %v", what, err)
	case err != nil && !strings.Contains(err.Error(), wrong):
		t.Errorf("%s: %v; want something about %q", what, err, wrong)
	}
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	status := `{"messageType":"ChatStateChangeMessage","notificationType":"StatusChange","chat":` + chat + `}`
	for _, tt := range []struct{ topic, data, wrong string }{
		{"/v2/me/chats", status, ""},
		{"/v2/me/chats", strings.Replace(status, `"chat":`, `"referenceId":3,"chat":`, 1), ""},
		{"/v2/me/chats", strings.Replace(status, `"chat":`, `"reference":3,"chat":`, 1), "reference"},
		{"/v2/me/chats", strings.Replace(status, `"chat":`, `"errorCode":3,"chat":`, 1), "errorCode"},
		{"/v2/me/chats", strings.Replace(status, "StatusChange", "Dream", 1), "Dream"},
		{"/v2/me/chats", strings.Replace(status, "StatusChange", "Error", 1), "errorCode"},
		{"/v2/me/chats", without(status, "capabilities"), "capabilities"},
		{"/v2/me/chats", `[]`, "not a JSON object"},
		{"/v2/me/channels", status, "ChatStateChangeMessage"},
		{"/v2/me/dreams", status, "/v2/me/dreams"},
	} {
		judge(t, tt.topic+" "+tt.data, ours(t).Notification(tt.topic, []byte(tt.data)), tt.wrong)
	}
}

// A description that contradicts itself is refused, and one that leaves something out is noticed.
func TestTamperedDescriptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, old, replacement, wrong string }{
		{"rest", "state: Ready}", "state: Dreaming}", "Dreaming"}, // in an example
		{"rest", "    UserFields:\n", "    UsersFields:\n", "UserFields"},
		{"rest", "allOf:\n      - $ref: '#/components/schemas/QueueFields'", "allOf:\n      - $ref: '#/components/schemas/SkillFields'", "QueueFields"},
		{"rest", "openapi: 3.0.3", "openapi: [", "openapi.yaml"},
		{"async", "notificationType: Error\n", "notificationType: Dream\n", "Dream"}, // in an example
		{"async", "    StatusChangeData:\n", "    Chat:\n", "Chat"},
		{"async", "$ref: '#/components/messages/NewMessages'", "$ref: '#/components/messages/OldMessages'", "OldMessages"},
		{"async", "messageType: {type: string, enum: [MessageLogUpdated]}", "messageType: {type: string}", "messageType"},
	} {
		rest, async := string(docs.OpenAPI), string(docs.AsyncAPI)
		file := map[string]*string{"rest": &rest, "async": &async}[tt.file]
		if !strings.Contains(*file, tt.old) {
			t.Fatalf("there is no %q to tamper with", tt.old)
		}
		*file = strings.Replace(*file, tt.old, tt.replacement, 1)
		_, err := Parse([]byte(rest), []byte(async))
		judge(t, fmt.Sprintf("%q for %q", tt.replacement, tt.old), err, tt.wrong)
	}

	// The descriptions agree with each other that a chat has no chatType, and the server does not.
	gone := strings.NewReplacer("        chatType: {type: string, enum: [Inbound]}\n", "", "required: [state, chatType,", "required: [state,", "            chatType: Inbound\n", "")
	d, err := Parse([]byte(gone.Replace(string(docs.OpenAPI))), []byte(gone.Replace(string(docs.AsyncAPI))))
	if err != nil {
		t.Fatal(err)
	}
	err = d.Notification("/v2/me/chats", []byte(`{"messageType":"ChatStateChangeMessage","notificationType":"StatusChange","chat":`+chat+`}`))
	judge(t, "a chat with chatType, which is not described", err, "chatType")
}

// spectator is a test that is told of failures, and does not fail.
type spectator struct {
	testing.TB
	failures []string
}

func (s *spectator) Errorf(format string, args ...any) {
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

// An undescribed answer fails the test round whose handler it came, and changes nothing for the client.
func TestHandler(t *testing.T) {
	t.Parallel()
	s := &spectator{TB: t}
	h := Handler(s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(bytes.ReplaceAll(body, []byte("asked"), []byte("answered")))
	}))
	for _, tt := range []struct{ path, body, failure string }{
		{"/api/v2/me/channels", `{"asked":1}`, "answered"},
		{"/api/v2/notifications/connect", `{"asked":1}`, ""},
		{"/", `asked`, ""},
		{"/docs", `asked`, ""},
		{"/static/asked.js", `asked`, ""},
		{"/docsy", `asked`, "no such address"},
	} {
		s.failures = nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", tt.path, strings.NewReader(tt.body)))
		if got, want := w.Body.String(), strings.ReplaceAll(tt.body, "asked", "answered"); got != want {
			t.Errorf("%s: the client got %s, want %s", tt.path, got, want)
		}
		switch {
		case tt.failure == "" && len(s.failures) > 0:
			t.Errorf("%s: %q", tt.path, s.failures)
		case tt.failure != "" && (len(s.failures) != 1 || !strings.Contains(s.failures[0], tt.failure) || !strings.Contains(s.failures[0], "GET "+tt.path)):
			t.Errorf("%s: failures %q, want one about %s", tt.path, s.failures, tt.failure)
		}
	}
}

// An undescribed notification fails the test round whose store it is committed.
func TestStore(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &spectator{TB: t}
	st := Store(s, db)
	for data, failures := range map[string]int{
		`{"messageType":"ChannelStateChangeMessageV2","channels":[]}`: 1,
		`{"messageType":"ChannelStateChangeMessageV2","channels":[{"channel":"chat","dndState":"Off","userState":{"id":"1","displayName":"Ready","state":"Ready"}}]}`: 0,
	} {
		s.failures = nil
		b := store.Batch{Notifications: []store.Notification{{Subscriber: "agent/dana", Topic: "/v2/me/channels", Data: jsontext.Value(data)}}}
		if _, err := st.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if len(s.failures) != failures {
			t.Errorf("%s: failures %q", data, s.failures)
		}
	}
}
