package agentapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// TestEveryPostMayBeRepeated does everything that can be done by POST under a key, and again, one after the other and at once: each time the answer is the
// first one, byte for byte, nobody is told anything a second time, and another body under the key is refused (agent-api 1.4, B5). Whatever is added to the
// API must be added here.
func TestEveryPostMayBeRepeated(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, omar := h.as("dana"), h.as("omar")
	dana.startWork()
	omar.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`) // colleagues reach him, routing does not
	byOmar := `"targetPath":"/users/` + directory.UserID("omar") + `"`
	const data = `"userData":{"a":1}`

	// What a POST to one chat can do, on a chat that is offered or, for most, accepted.
	done := map[string]bool{}
	for _, c := range []struct{ operation, parameters string }{
		{"Accept", `"nickname":"Dana"`},
		{"Reject", ``},
		{"SendMessage", `"text":"Hi"`},
		{"SendToAgents", `"text":"Hi"`},
		{"SendUrl", `"url":"https://example.com"`},
		{"SendCustomNotice", `"noticeText":"x"`},
		{"SendCustomNoticeToAgents", `"noticeText":"x"`},
		{"SendStartTypingNotification", ``},
		{"SendStopTypingNotification", ``},
		{"SendStartTypingToAgentsNotification", ``},
		{"SendStopTypingToAgentsNotification", ``},
		{"Leave", ``},
		{"Complete", ``},
		{"Transfer", `"queueName":"billing"`},
		{"Consult", byOmar},
		{"Invite", byOmar},
		{"RemoveParticipantFromConference", byOmar},
		{"AttachUserData", data},
		{"UpdateUserData", data},
		{"DeleteUserData", `"keys":["never-there"]`}, // which changes nothing
		{"SetDisposition", `"disposition":"refunded"`},
		{"SetInFocus", ``},
		{"ReportResponseTemplateUsage", `"responseTemplateId":"` + responses()[0].Templates[0].ID + `"`},
	} {
		done[c.operation] = true
		cc := h.arrive()
		path := dana.offered(cc.ChatID)
		if c.operation != "Accept" && c.operation != "Reject" {
			dana.ok(path, `{"operationName":"Accept"}`)
		}
		if with := company(c.operation); with != "" {
			dana.ok(path, `{"operationName":"`+with+`",`+byOmar+`}`)
			omar.accepted(cc.ChatID)
		}
		body := `{"operationName":"` + c.operation + `"}`
		if c.parameters != "" {
			body = `{"operationName":"` + c.operation + `",` + c.parameters + `}`
		}
		h.repeat(dana, c.operation, path, body)
		dana.post(path, `{"operationName":"Complete"}`) // if she is still in it; and nothing is left that could be offered again
		if _, err := h.Desk.CustomerDo(t.Context(), desk.Caller{Service: "support", ChatID: cc.ChatID, Key: cc.Key}, chat.Disconnect{}, nil); err != nil {
			t.Error(err)
		}
	}
	// What only a supervisor can do to one.
	ines := h.as("ines")
	ines.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	cc := h.arrive()
	path := dana.accepted(cc.ChatID)
	h.repeat(ines, "Intrude", "/api/v2/users/"+directory.UserID("dana")+"/chats/"+cc.ChatID, `{"operationName":"Intrude","supervisorVisibilityMode":"Monitor"}`)
	ines.ok(path, `{"operationName":"Accept"}`)
	for _, operation := range []string{"SwitchToBargeIn", "SwitchToCoach", "SwitchToMonitor"} {
		done[operation] = true
		h.repeat(ines, operation, path, `{"operationName":"`+operation+`"}`)
	}
	dana.ok(path, `{"operationName":"Complete"}`) // as above
	for _, op := range operations {
		if !done[op.name] {
			t.Errorf("%s is not tested", op.name)
		}
	}

	// What can be done elsewhere. Those that are not offered are refused, and may be asked again like all else.
	served := map[string][]struct{ path, operation string }{
		"/api/v2/me/channels/{channel}": {
			{"/api/v2/me/channels/chat", "NotReady"},
			{"/api/v2/me/channels/chat", "Ready"},
			{"/api/v2/me/channels/chat", "Lunch"},
			{"/api/v2/me/channels/chat", "DoNotDisturbOn"},
			{"/api/v2/me/channels/chat", "DoNotDisturbOff"},
		},
		"/api/v2/users/{id}/channels/{channel}": {
			{channelOfUser("dana"), "NotReady"},
			{channelOfUser("dana"), "Lunch"},
			{channelOfUser("dana"), "DoNotDisturbOn"},
			{channelOfUser("dana"), "DoNotDisturbOff"},
			{channelOfUser("dana"), "Monitor"},
			{channelOfUser("dana"), "Coach"},
			{channelOfUser("dana"), "BargeIn"},
			{channelOfUser("dana"), "CancelSupervisorMonitoring"},
			{channelOfUser("dana"), "Offline"},
		},
		"/api/v2/me": {
			{"/api/v2/me", "StartContactCenterSession"},
			{"/api/v2/me", "Ready"},
			{"/api/v2/me", "NotReady"},
			{"/api/v2/me", "Lunch"},
			{"/api/v2/me", "EndContactCenterSession"},
		},
	}
	// All that they do is above, or in TestWorkbins.
	elsewhere := []string{"/api/v2/me/chats/{id}", "/api/v2/me/interactions/{id}", "/api/v2/users/{id}/chats/{chat}", "/api/v2/me/workbins/{id}"}
	refused := []string{
		"/api/v2/platform/contactserver/{request}",
	}
	for _, what := range otherMedia {
		refused = append(refused, "/api/v2/me/"+what)
		elsewhere = append(elsewhere, "/api/v2/me/"+what+"/{id}") // there is none
	}
	for pattern, e := range h.endpoints() {
		if post, _ := e.method(http.MethodPost); post != nil && len(served[pattern]) == 0 && !slices.Contains(append(elsewhere, refused...), pattern) {
			t.Errorf("POST %s is not tested", pattern)
		}
	}
	for _, pattern := range []string{"/api/v2/me/channels/{channel}", "/api/v2/users/{id}/channels/{channel}", "/api/v2/me"} { // the last two log her out
		who := dana
		if strings.Contains(pattern, "/users/") {
			who = ines
		}
		for _, c := range served[pattern] {
			h.repeat(who, c.operation, c.path, `{"operationName":"`+c.operation+`","channels":["chat"]}`)
		}
	}
	for _, path := range refused {
		for _, who := range []string{"omar", "ines"} {
			first := h.as(who).post(path, `{"operationName":"x"}`, "Idempotency-Key", "r")
			if again := h.as(who).post(path, `{"operationName":"x"}`, "Idempotency-Key", "r"); first.status != http.StatusForbidden || again.body != first.body {
				t.Errorf("%s as %s: %s, then %s", path, who, first.body, again.body)
			}
		}
	}
}

// company is how a colleague is brought in for an operation that needs one.
func company(operation string) string {
	switch {
	case operation == "RemoveParticipantFromConference":
		return "Invite"
	case strings.Contains(operation, "ToAgents"):
		return "Consult"
	}
	return ""
}

// repeat does a POST under a key and checks what becomes of its repetitions.
func (h *house) repeat(c *client, name, path, body string) {
	h.t.Helper()
	const key = "Idempotency-Key"
	first := c.post(path, body, key, name)
	if first.status != http.StatusOK || first.code() != "0" {
		h.t.Errorf("%s %s: %s", path, body, first.body)
		return
	}
	told := h.heads()
	replies := make(chan reply, 4)
	for range cap(replies) {
		go func() { replies <- c.post(path, body, key, name) }()
	}
	for range cap(replies) {
		if r := <-replies; r.status != http.StatusOK || r.body != first.body {
			h.t.Errorf("%s %s again: %d %s, first %s", path, body, r.status, r.body, first.body)
		}
	}
	if r := c.post(path, body[:len(body)-1]+`,"more":1}`, key, name); r.status != http.StatusConflict || r.code() != "19" {
		h.t.Errorf("%s %s, then another body: %d %s", path, body, r.status, r.body)
	}
	if now := h.heads(); !slices.Equal(now, told) {
		h.t.Errorf("%s %s: the repetitions were notified: the feeds ended at %v, now at %v", path, body, told, now)
	}
}

// heads are the ends of the agents' feeds.
func (h *house) heads() (ends []int64) {
	h.t.Helper()
	for _, name := range []string{"dana", "omar", "ines"} {
		n, err := h.Desk.Head(h.t.Context(), directory.UserID(name))
		if err != nil {
			h.t.Fatal(err)
		}
		ends = append(ends, n)
	}
	return ends
}

// TestIdempotencyKey checks agent-api 1.4 and B5: the same request gets its first answer, in parallel too; another one under the key is refused.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	dana.startWork()
	path := dana.accepted(h.arrive().ChatID)
	const key = "Idempotency-Key"
	body := `{"operationName":"SetDisposition","disposition":"refunded"}`

	first := dana.post(path, body, key, "k-1")
	replies := make(chan reply, 8)
	for range cap(replies) {
		go func() { replies <- dana.post(path, body, key, "k-1") }()
	}
	for range cap(replies) {
		if r := <-replies; r.status != http.StatusOK || r.body != first.body {
			t.Errorf("again: %d %s, first %s", r.status, r.body, first.body)
		}
	}
	for range cap(replies) {
		go func() { replies <- dana.post(path, `{"operationName":"SendMessage","text":"once"}`, key, "k-2") }()
	}
	for range cap(replies) {
		if r := <-replies; r.body != `{"statusCode":0}` {
			t.Errorf("in parallel: %d %s", r.status, r.body)
		}
	}
	if r := dana.get(path + "/messages"); strings.Count(r.body, `"once"`) != 1 {
		t.Errorf("written once: %s", r.body)
	}

	for _, other := range []string{`{"operationName":"SetDisposition","disposition":"spam"}`, `{"operationName":"SetDisposition"}`} {
		if r := dana.post(path, other, key, "k-1"); r.status != http.StatusConflict || r.code() != "19" {
			t.Errorf("another body: %d %s", r.status, r.body)
		}
	}
	// The key of another path and of another user is another key.
	if r := dana.post("/api/v2/me/channels/chat", `{"operationName":"Ready"}`, key, "k-1"); r.status != http.StatusOK {
		t.Errorf("another path: %d %s", r.status, r.body)
	}
	omar := h.as("omar")
	if r := omar.post("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`, key, "k-1"); r.status != http.StatusOK {
		t.Errorf("another user: %d %s", r.status, r.body)
	}
	for _, bad := range []string{strings.Repeat("x", maxIdempotencyKey+1), "a b", "é"} {
		if r := dana.post(path, body, key, bad); r.status != http.StatusBadRequest || r.code() != "10" {
			t.Errorf("key %.20q: %d %s", bad, r.status, r.body)
		}
	}
	if r := dana.post(path, body, key, strings.Repeat("~", maxIdempotencyKey)); r.status != http.StatusOK {
		t.Errorf("the longest key: %d %s", r.status, r.body)
	}
}

// TestRepeatedLogOut checks B5: a log-out that is repeated under its key, late, does not log out who has come in since.
func TestRepeatedLogOut(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	const end = `{"operationName":"EndContactCenterSession"}`
	old := h.as("dana")
	old.startWork()
	if r := old.post("/api/v2/me", end, "Idempotency-Key", "e1"); r.status != http.StatusOK {
		t.Fatalf("the first: %d %s", r.status, r.body)
	}
	now := h.as("dana")
	now.startWork()
	now.name = "" // her cookie alone
	late := h.as("dana")
	if r := late.post("/api/v2/me", end, "Idempotency-Key", "e1"); r.status != http.StatusOK || r.body != `{"statusCode":0}` {
		t.Errorf("the repetition: %d %s", r.status, r.body)
	}
	if r := now.post("/api/v2/me/channels/chat", `{"operationName":"Ready"}`); r.status != http.StatusOK {
		t.Errorf("the new log-in after it: %d %s", r.status, r.body)
	}
}
