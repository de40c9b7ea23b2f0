package agentapi

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

func workbinPath(id string) string { return "/api/v2/me/workbins/" + id }

// TestWorkbins is a day with workbins over the wire (agent-api 1.6, 6.9): who is told what, who sees what, and what is answered; each POST twice under its key.
func TestWorkbins(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana").connect(bayeuxclient.LongPolling, "/**")
	omar := h.as("omar").connect(bayeuxclient.WebSocket, TopicWorkbins)
	lena := h.as("lena").connect(bayeuxclient.LongPolling, "/**")
	dana.startWork()
	dana.hears("channels chat NotReady", "channels chat Ready")
	delivery, mine := directory.ResourceID("group", "Delivery"), directory.UserID("dana")

	r := dana.get("/api/v2/me/workbins?fields=*")
	if want := `{"statusCode":0,"workbins":[` +
		`{"id":"` + mine + `","name":"My workbin","uri":"` + testBase + `/me/workbins/` + mine + `","path":"/me/workbins/` + mine + `"},` +
		`{"id":"` + delivery + `","name":"Delivery","uri":"` + testBase + `/me/workbins/` + delivery + `","path":"/me/workbins/` + delivery + `"}]}`; r.body != want {
		t.Errorf("the workbins are %s", r.body)
	}
	if r := lena.get("/api/v2/me/workbins"); len(at[[]string](t, r, "uris")) != 2 {
		t.Errorf("lena's are %s", r.body)
	}

	pat := h.arrive()
	dana.accepted(pat.ChatID)
	h.does(pat, chat.Disconnect{})
	dana.hears("chats StatusChange Invited in:0", "chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:2",
		"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined", "chats 4:ParticipantLeft", "chats ParticipantsUpdated Chatting in:1")
	add := `{"operationName":"AddChat","id":"` + pat.ChatID + `","saveLAR":"true"}`
	h.repeat(dana.client, "add", workbinPath("ours")+"?agentGroup=Delivery", add)
	dana.hears("chats StatusChange Completed in:0 ref:2", "workbins ItemAdded Completed ref:2")
	omar.hears("workbins ItemAdded Completed")
	if r := dana.post(workbinPath("ours")+"?agentGroup=Delivery&x", add, "Idempotency-Key", "add"); r.status != http.StatusConflict {
		t.Errorf("the key with another query: %d %s", r.status, r.body)
	}

	for _, path := range []string{workbinPath(delivery), workbinPath("x") + "?agentGroup=Delivery"} {
		r := omar.get(path)
		if n, id := at[int](t, r, "totalCount"), at[string](t, r, "workbin", "id"); n != 1 || id != delivery {
			t.Errorf("GET %s: %s", path, r.body)
		}
		in := at[[]chatResource](t, r, "chats")
		if len(in) != 1 || in[0].ID != pat.ChatID || in[0].State != chat.Completed || in[0].Capabilities == nil || string(in[0].UserData["Subject"]) != `"Late parcel"` {
			t.Errorf("GET %s: %s", path, r.body)
		}
	}
	if r := omar.get(workbinPath(delivery) + "?offset=1&limit=5&fields=state"); at[int](t, r, "totalCount") != 1 || len(at[[]chatResource](t, r, "chats")) != 0 {
		t.Errorf("past the end: %s", r.body)
	}

	omar.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	h.repeat(omar.client, "pull", workbinPath(delivery), `{"operationName":"PullChat","id":"`+pat.ChatID+`"}`)
	omar.hears("workbins ItemRemoved Completed ref:1")
	dana.hears("workbins ItemRemoved Completed")
	if r := omar.get("/api/v2/me/chats/" + pat.ChatID); at[string](t, r, "chat", "state") != "LeftChat" {
		t.Errorf("omar has %s", r.body)
	}
	h.repeat(omar.client, "again", workbinPath(directory.UserID("omar")), `{"operationName":"AddInteraction","id":"`+pat.ChatID+`"}`)
	omar.hears("workbins ItemAdded Completed ref:2")
	lena.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	lena.hears("channels chat NotReady") // and nothing before
}

// TestWorkbinRefusals: what is refused of requests to workbins, in the order of agent-api 4.0, 6.9; nothing gives away what another has in hers.
func TestWorkbinRefusals(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	dana.startWork()
	pat := h.arrive()
	dana.accepted(pat.ChatID)
	mine, hers := workbinPath(directory.UserID("dana")), workbinPath(directory.UserID("omar"))
	night := "?agentGroup=" + url.QueryEscape("Night shift")
	id := `"id":"` + pat.ChatID + `"`
	for _, c := range []struct{ name, as, path, body, code string }{
		{"not an agent", "admin", mine, `{"operationName":"AddChat",` + id + `}`, "5"},
		{"no object", "dana", mine, `[]`, "10"},
		{"no operation", "dana", hers, `{}`, "1"},
		{"an unknown operation", "dana", hers, `{"operationName":"addchat"}`, "10"},
		{"an unknown workbin", "dana", workbinPath("x"), `{"operationName":"AddChat"}`, "6"},
		{"another's workbin", "dana", hers, `{"operationName":"AddChat"}`, "6"},
		{"another group's", "dana", mine + night, `{"operationName":"AddChat"}`, "6"},
		{"an unknown group's", "dana", mine + "?agentGroup=x", `{"operationName":"PullChat"}`, "6"},
		{"no chat", "dana", mine, `{"operationName":"AddChat"}`, "1"},
		{"no chat", "dana", mine, `{"operationName":"PullChat","id":""}`, "1"},
		{"a number", "dana", mine, `{"operationName":"AddChat","id":7}`, "10"},
		{"what is no flag", "dana", mine, `{"operationName":"AddChat",` + id + `,"saveLAR":"yes"}`, "10"},
		{"no id", "dana", mine, `{"operationName":"AddChat","id":"../x"}`, "6"},
		{"an unknown chat", "dana", mine, `{"operationName":"AddChat","id":"x"}`, "6"},
		{"another's chat", "omar", hers, `{"operationName":"AddChat",` + id + `}`, "6"},
		{"what is not aside", "dana", mine, `{"operationName":"PullChat",` + id + `}`, "6"},
		{"while the customer is in", "dana", mine, `{"operationName":"AddChat",` + id + `}`, "2"},
	} {
		if r := h.as(c.as).post(c.path, c.body); r.code() != c.code {
			t.Errorf("%s: %s, want %s", c.name, r.body, c.code)
		}
	}
	for _, path := range []string{hers, mine + night, workbinPath("%2e%2e")} {
		if r := dana.get(path); r.code() != "6" {
			t.Errorf("GET %s: %s", path, r.body)
		}
	}
	if r := dana.get(mine + "?limit=x"); r.code() != "10" {
		t.Errorf("a limit of x: %s", r.body)
	}
	if r := dana.get("/api/v2/me/chats/" + pat.ChatID); at[string](t, r, "chat", "state") != "Chatting" {
		t.Errorf("in the end: %s", r.body)
	}
}
