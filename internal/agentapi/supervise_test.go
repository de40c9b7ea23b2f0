package agentapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/directory"
)

// channelOfUser is where supervisors control a user.
func channelOfUser(name string) string {
	return "/api/v2/users/" + directory.UserID(name) + "/channels/chat"
}

// TestStateControl checks a supervisor's control of an agent's states (agent-api 1.8, 5.3, 6.3), on both transports: the agent is told, the supervisor is not.
// Offline takes her chats back as a log-out does (2.6), but she stays connected, and may begin anew.
func TestStateControl(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			h := open(t, nil)
			ines := h.as("ines").connect(transport, "/**")
			dana := h.as("dana").connect(transport, TopicChats, TopicChannels)
			dana.startWork()
			dana.hears("channels chat NotReady", "channels chat Ready")
			path := dana.accepted(h.arrive().ChatID)
			dana.hears("chats StatusChange Invited in:0", "chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:2",
				"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined")

			for _, c := range []struct{ operation, hears string }{
				{"NotReady", "channels chat NotReady"},
				{"Ready", "channels chat Ready"},
				{"Lunch", "channels chat NotReady Lunch"},
				{"DoNotDisturbOn", "channels chat NotReady Lunch undisturbed"},
				{"DoNotDisturbOn", "channels chat NotReady Lunch undisturbed"}, // what changes nothing is told all the same
				{"DoNotDisturbOff", "channels chat NotReady Lunch"},
			} {
				if r := ines.ok(channelOfUser("dana"), `{"operationName":"`+c.operation+`"}`); r.body != `{"statusCode":0}` {
					t.Errorf("%s: %s", c.operation, r.body)
				}
				dana.hears(c.hears)
			}
			id := dana.bayeux.ID()
			ines.ok(channelOfUser("dana"), `{"operationName":"Offline"}`)
			dana.hears("chats StatusChange Revoked in:0", "channels chat LoggedOut")
			if r := dana.get(path); r.status != http.StatusNotFound {
				t.Errorf("she still has the chat: %d %s", r.status, r.body)
			}
			if r := ines.post(channelOfUser("dana"), `{"operationName":"Offline"}`); r.code() != "2" {
				t.Errorf("offline twice: %s", r.body)
			}
			dana.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
			ines.ok(channelOfUser("dana"), `{"operationName":"Ready"}`)
			dana.hears("channels chat NotReady", "channels chat Ready", "chats StatusChange Invited in:0")
			if dana.bayeux.ID() != id {
				t.Error("her CometD session was replaced")
			}
			ines.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
			ines.hears("channels chat NotReady") // and nothing before
		})
	}
}

// TestSupervisionIsRefusedInOrder goes through the refusals at users' channels (agent-api 4.0, 6.3, 6.8): feature 5, body 10, name 1 and 10, user 6, channel
// 6, log-in 2.
func TestSupervisionIsRefusedInOrder(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.Directory.User(directory.UserID("lena")).Features = []directory.Feature{directory.Monitoring}
	h.as("dana").startWork()
	nobody := "/api/v2/users/nobody/channels/chat"
	telegraph := strings.Replace(channelOfUser("dana"), "chat", "telegraph", 1)
	voice := strings.Replace(channelOfUser("dana"), "chat", "voice", 1)
	for _, c := range []struct {
		name, who, path, body string
		status                int
		code, text            string
	}{
		{"not logged in", "", nobody, `[`, 401, "20", ""},
		{"an agent", "dana", nobody, `[`, 403, "5", "api-supervisor-agent-control"},
		{"an administrator", "admin", nobody, `[`, 403, "5", ""},
		{"not an object", "ines", nobody, `[]`, 400, "10", ""},
		{"no operation", "ines", nobody, `{}`, 400, "1", "operationName"},
		{"unknown operation", "ines", nobody, `{"operationName":"Fly"}`, 400, "10", "Offline, Monitor"},
		{"wrong case", "ines", nobody, `{"operationName":"offline"}`, 400, "10", "Offline"},
		{"the other feature", "lena", nobody, `{"operationName":"Offline"}`, 403, "5", "api-supervisor-agent-control"},
		{"unknown user", "ines", nobody, `{"operationName":"Ready"}`, 404, "6", "user"},
		{"unknown channel", "ines", telegraph, `{"operationName":"Ready"}`, 404, "6", "channel"},
		{"not logged in to voice", "ines", voice, `{"operationName":"DoNotDisturbOn"}`, 400, "2", ""},
		{"offline from voice", "ines", voice, `{"operationName":"Offline"}`, 400, "2", ""},
		{"not logged in at all", "ines", channelOfUser("omar"), `{"operationName":"Ready"}`, 400, "2", ""},
		{"offline anyway", "ines", channelOfUser("omar"), `{"operationName":"Offline"}`, 400, "2", ""},
	} {
		if r := h.as(c.who).post(c.path, c.body); r.status != c.status || r.code() != c.code || !strings.Contains(r.message(), c.text) {
			t.Errorf("%s: %d %s, want %d, statusCode %s, %q", c.name, r.status, r.body, c.status, c.code, c.text)
		}
	}
	if got := at[[]channel](t, h.as("dana").get("/api/v2/me/channels"), "channels")[0]; got.UserState.State != "Ready" || got.DNDState != "Off" {
		t.Errorf("what was refused has changed dana: %+v", got)
	}
}

// TestFeatures checks agent-api 1.8: what a user may do follows from her features, which /features lists; each feature has a name and a description.
func TestFeatures(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	own := func(name string, features ...directory.Feature) {
		h.Directory.User(directory.UserID(name)).Features = features
	}
	own("omar", directory.MultimediaChat)                                   // no sessions
	own("lena", directory.Voice)                                            // no chats
	own("admin", append(directory.Features(), directory.Multimedia)[1:]...) // everything, though without a role for it
	const session = `{"operationName":"StartContactCenterSession","channels":["chat"]}`
	for _, c := range []struct {
		who, path, body, code string
		lacks                 string
	}{
		{"guest", "/api/v2/me", session, "5", "api-voice"},
		{"guest", "/api/v2/me", `nonsense`, "5", "api-voice"},
		{"guest", "/api/v2/me/channels/chat", `{"operationName":"Ready"}`, "5", "api-multimedia-chat"},
		{"omar", "/api/v2/me", session, "5", "api-voice"},
		{"omar", "/api/v2/me/channels/chat", `{"operationName":"Ready"}`, "2", ""},
		{"omar", "/api/v2/me/chats/x", `{"operationName":"Accept"}`, "6", ""},
		{"lena", "/api/v2/me", session, "5", "api-multimedia-chat"},
		{"lena", "/api/v2/me/chats/x", `nonsense`, "5", "api-multimedia-chat"},
		{"dana", "/api/v2/me", session, "0", ""},
		{"admin", "/api/v2/me", session, "0", ""},
		{"admin", channelOfUser("dana"), `{"operationName":"NotReady"}`, "0", ""},
		{"ines", "/api/v2/me", session, "0", ""},
	} {
		if r := h.as(c.who).post(c.path, c.body); r.code() != c.code || !strings.Contains(r.message(), c.lacks) {
			t.Errorf("%s at %s: %s, want %s", c.who, c.path, r.body, c.code)
		}
	}
	for who, want := range map[string]int{"guest": 0, "omar": 1, "lena": 1, "dana": 3, "ines": 5, "admin": 5} {
		list := at[[]feature](t, h.as(who).get("/api/v2/features?fields=*"), "features")
		if len(list) != want {
			t.Errorf("%s has %d features, want %d", who, len(list), want)
		}
		for _, f := range list {
			if f.DisplayName == "" || f.Description == "" || f.Path != "/features/"+f.ID {
				t.Errorf("%s: %+v", who, f)
			}
			if r := h.as(who).get("/api/v2" + f.Path); r.code() != "0" {
				t.Errorf("%s: %s", f.Path, r.body)
			}
		}
		if me := at[[]feature](t, h.as(who).get("/api/v2/me?subresources=features"), "user", "features"); len(me) != want {
			t.Errorf("%s has %d features in /me, want %d", who, len(me), want)
		}
	}
	if got := h.as("lena").get("/api/v2/contacts?type=User").body; strings.Contains(got, directory.UserID("lena")) || !strings.Contains(got, directory.UserID("omar")) {
		t.Errorf("contacts are those who may chat: %s", got)
	}
}
