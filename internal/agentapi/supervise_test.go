package agentapi

import (
	"net/http"
	"slices"
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

// watching has a supervisor ask for something at a user's chat channel.
func (c *client) watching(user, operation, more string) reply {
	c.t.Helper()
	return c.post(channelOfUser(user), `{"operationName":"`+operation+`"`+more+`}`)
}

// TestMonitoring follows a supervisor who listens, coaches and barges in (agent-api 3.5, 5.2.3, 6.8), on both transports: what she, the agent and the customer
// get, in which order.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			h := open(t, nil)
			ines, dana := h.as("ines").connect(transport, "/**"), h.as("dana").connect(transport, TopicChats)
			ines.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
			ines.hears("channels chat NotReady")
			if r := ines.watching("dana", "BargeIn", ``); r.body != `{"statusCode":0}` {
				t.Errorf("%s", r.body)
			}
			ines.ok(channelOfUser("dana"), `{"operationName":"Monitor","supervisorMonitoringMode":"NextChat","nickname":"Ines M."}`) // replaces it
			dana.startWork()
			pat := h.arrive()
			path := dana.accepted(pat.ChatID)
			dana.hears("chats StatusChange Invited in:0", "chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:2",
				"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined")
			ines.hears("chats StatusChange Invited in:0", "chats StatusChange Chatting in:0", "chats ParticipantsUpdated Chatting in:3",
				"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined 4:ParticipantJoined")
			capable := func(want string) {
				t.Helper()
				if got := strings.Join(at[[]string](t, ines.get(path), "chat", "capabilities"), " "); got != want {
					t.Errorf("she may %s, want %s", got, want)
				}
			}
			const data = "Leave SetInFocus SetDisposition AttachUserData DeleteUserData UpdateUserData"
			const toAgents = " SendToAgents SendStartTypingToAgentsNotification SendStopTypingToAgentsNotification"
			capable(data + " SwitchToCoach SwitchToBargeIn")
			if r := ines.post(path, `{"operationName":"SendMessage","text":"x"}`); r.code() != "3" {
				t.Errorf("she writes while she listens: %s", r.body)
			}
			if r := ines.post(path, `{"operationName":"SwitchToMonitor"}`); r.code() != "2" {
				t.Errorf("the same mode: %s", r.body)
			}
			if r := dana.post(path, `{"operationName":"SwitchToCoach"}`); r.code() != "3" {
				t.Errorf("the agent coaches: %s", r.body)
			}

			if r := ines.ok(path, `{"operationName":"SwitchToCoach"}`); r.body != `{"statusCode":0}` {
				t.Errorf("a change of mode has no referenceId: %s", r.body)
			}
			ines.hears("chats ParticipantsUpdated Chatting in:3", "chats 5:Notice")
			dana.hears("chats ParticipantsUpdated Chatting in:3", "chats 5:ParticipantJoined")
			capable(data + toAgents + " SwitchToMonitor SwitchToBargeIn")
			ines.ok(path, `{"operationName":"SendToAgents","text":"Offer her a refund"}`)
			ines.hears("chats 6:Text")
			dana.hears("chats 6:Text")

			ines.ok(path, `{"operationName":"SwitchBargeIn"}`) // the older name
			ines.hears("chats ParticipantsUpdated Chatting in:3", "chats 7:Notice")
			dana.hears("chats ParticipantsUpdated Chatting in:3", "chats 7:ParticipantJoined")
			capable(data + " Transfer Invite Consult" + toAgents + " SendMessage SendStartTypingNotification SendStopTypingNotification SwitchToMonitor SwitchToCoach")
			ines.ok(path, `{"operationName":"SendMessage","text":"I am Ines"}`)
			ines.hears("chats 8:Text")
			dana.hears("chats 8:Text")

			ines.ok(path, `{"operationName":"SwitchToMonitor"}`)
			ines.hears("chats ParticipantsUpdated Chatting in:3", "chats 9:Notice")
			dana.hears("chats ParticipantsUpdated Chatting in:2", "chats 9:ParticipantLeft")
			seen, err := h.customer(pat).Messages(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			var indices []int64
			for _, m := range seen {
				indices = append(indices, m.Index)
			}
			if want := []int64{1, 2, 3, 7, 8, 9}; !slices.Equal(indices, want) {
				t.Errorf("the customer sees %v, want %v", indices, want)
			}
			if r := dana.get(path + "/messages"); strings.Contains(r.body, "Supervisors") {
				t.Errorf("the agent sees what is for supervisors: %s", r.body)
			}

			if r := ines.watching("dana", "CancelSupervisorMonitoring", ``); r.code() != "2" {
				t.Errorf("the one chat was delivered: %s", r.body)
			}
			if r := ines.ok(path, `{"operationName":"Leave"}`); r.body != `{"statusCode":0,"referenceId":1}` {
				t.Errorf("the first referenceId: %s", r.body)
			}
			ines.hears("chats StatusChange Completed in:0 ref:1")
			dana.ok(path, `{"operationName":"Complete"}`)
			dana.hears("chats StatusChange Completed in:0 ref:2")
		})
	}
}

// TestIntrude follows a supervisor who joins a running chat: an invitation with the referenceId of her request, which she accepts as any agent does; and two
// supervisors at once, who see each other, until the chat is completed (agent-api 1.6, 4.2, 4.7, 6.8).
func TestIntrude(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.Directory.User(directory.UserID("lena")).Roles = []directory.Role{directory.AgentRole, directory.SupervisorRole}
	ines, lena := h.as("ines").connect(bayeuxclient.WebSocket, TopicChats), h.as("lena").connect(bayeuxclient.LongPolling, TopicChats)
	dana := h.as("dana").connect(bayeuxclient.WebSocket, TopicChats)
	dana.startWork()
	for _, supervisor := range []*desktop{ines, lena} {
		supervisor.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	}
	pat := h.arrive()
	path := dana.accepted(pat.ChatID)
	dana.hears("chats StatusChange Invited in:0", "chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:2",
		"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined")
	danas := "/api/v2/users/" + directory.UserID("dana") + "/chats/" + pat.ChatID

	if r := ines.ok(danas, `{"operationName":"Intrude","supervisorVisibilityMode":"Monitor"}`); r.body != `{"statusCode":0,"referenceId":1}` {
		t.Errorf("Intrude: %s", r.body)
	}
	ines.hears("chats StatusChange Invited in:0 ref:1")
	ines.ok(path, `{"operationName":"Accept","nickname":"Ines"}`)
	ines.hears("chats StatusChange Chatting in:0 ref:2", "chats ParticipantsUpdated Chatting in:3", "chats 1:ParticipantJoined 2:Text 3:ParticipantJoined 4:ParticipantJoined")

	lena.ok(channelOfUser("dana"), `{"operationName":"Coach"}`)
	lena.ok(danas, `{"operationName":"Intrude"}`) // in the mode in which she watches dana
	lena.hears("chats StatusChange Invited in:0 ref:1")
	lena.ok(path, `{"operationName":"Reject"}`)
	lena.hears("chats StatusChange Completed in:0 ref:2")
	lena.ok(danas, `{"operationName":"Intrude"}`)
	lena.ok(path, `{"operationName":"Accept"}`)
	lena.hears("chats StatusChange Invited in:0 ref:3", "chats StatusChange Chatting in:0 ref:4", "chats ParticipantsUpdated Chatting in:4",
		"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined 4:ParticipantJoined 5:ParticipantJoined")
	ines.hears("chats ParticipantsUpdated Chatting in:4", "chats 5:ParticipantJoined")
	dana.hears("chats ParticipantsUpdated Chatting in:3", "chats 5:ParticipantJoined")

	dana.ok(path, `{"operationName":"Complete"}`)
	dana.hears("chats StatusChange Completed in:0 ref:2")
	ines.hears("chats StatusChange Revoked in:0")
	lena.hears("chats StatusChange Revoked in:0")
}

// TestTheDirectoryDoesNotTellWhoListens checks that an agent cannot read from the contacts that a supervisor has just been invited to her chat, or listens to
// it (agent-api 5.2.3, 6.5).
func TestTheDirectoryDoesNotTellWhoListens(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, ines := h.as("dana"), h.as("ines")
	dana.startWork()
	ines.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	pat := h.arrive()
	path := dana.accepted(pat.ChatID)
	contact := func(name string) string { return dana.get("/api/v2/contacts/" + directory.UserID(name)).body }
	before := contact("ines")
	ines.ok("/api/v2/users/"+directory.UserID("dana")+"/chats/"+pat.ChatID, `{"operationName":"Intrude","supervisorVisibilityMode":"Monitor"}`)
	if got := contact("ines"); got != before {
		t.Errorf("invited, she is\n%s, before\n%s", got, before)
	}
	ines.ok(path, `{"operationName":"Accept"}`)
	if got := contact("ines"); got != before {
		t.Errorf("listening, she is\n%s, before\n%s", got, before)
	}
	if got := contact("dana"); !strings.Contains(got, `"userActivity":"Busy"`) {
		t.Errorf("who serves a customer is busy: %s", got)
	}
}

// TestWatchingIsRefusedInOrder goes through the refusals of 6.8, each also where all later ones would apply (agent-api 4.0).
func TestWatchingIsRefusedInOrder(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, ines := h.as("dana"), h.as("ines")
	own := func(name string, features ...directory.Feature) {
		h.Directory.User(directory.UserID(name)).Features = features
	}
	own("lena", directory.AgentControl)
	dana.startWork()
	chat := dana.accepted(h.arrive().ChatID)
	at := func(user, id string) string { return "/api/v2/users/" + directory.UserID(user) + "/chats/" + id }
	id := strings.TrimPrefix(chat, "/api/v2/me/chats/")
	channel, nobody := channelOfUser("dana"), "/api/v2/users/nobody/channels/chat"
	voice := strings.Replace(channel, "chat", "voice", 1)
	refused := func(name string, who *client, path, body string, status int, code, text string) {
		t.Helper()
		if r := who.post(path, body); r.status != status || r.code() != code || !strings.Contains(r.message(), text) {
			t.Errorf("%s: %d %s, want %d, statusCode %s, %q", name, r.status, r.body, status, code, text)
		}
	}
	refused("an agent", dana, nobody, `{"operationName":"Monitor"}`, 403, "5", "api-supervisor-monitoring")
	refused("an agent intrudes", dana, at("nobody", "x"), `{"operationName":"Intrude"}`, 403, "5", "api-supervisor-monitoring")
	refused("the other feature", h.as("lena"), nobody, `{"operationName":"Coach"}`, 403, "5", "api-supervisor-monitoring")
	refused("the other feature, intrudes", h.as("lena"), at("nobody", "x"), `[`, 403, "5", "api-supervisor-monitoring")
	refused("not an object", ines, at("nobody", "x"), `[`, 400, "10", "")
	refused("no operation", ines, at("nobody", "x"), `{}`, 400, "1", "operationName")
	refused("another operation", ines, at("nobody", "x"), `{"operationName":"intrude"}`, 400, "10", "Intrude")
	refused("an old spelling", ines, nobody, `{"operationName":"Bargein"}`, 400, "10", "BargeIn")
	refused("unknown user", ines, nobody, `{"operationName":"Monitor","nickname":7}`, 404, "6", "user")
	refused("unknown user, intrudes", ines, at("nobody", "x"), `{"operationName":"Intrude"}`, 404, "6", "user")
	refused("unknown chat", ines, at("dana", "0000XaAAAAAAAAAA"), `{"operationName":"Intrude"}`, 404, "6", "no such chat")
	refused("no id", ines, at("dana", "%00"), `{"operationName":"Intrude"}`, 404, "6", "no such chat")
	refused("an agent who is not in it", ines, at("omar", id), `{"operationName":"Intrude"}`, 404, "6", "no such chat")
	refused("unknown channel", ines, strings.Replace(channel, "chat", "telegraph", 1), `{"operationName":"Monitor"}`, 404, "6", "channel")
	refused("not chats", ines, voice, `{"operationName":"Monitor","nickname":7}`, 400, "2", "chat")
	refused("not logged in", ines, channel, `{"operationName":"Monitor","nickname":7}`, 400, "2", "logged in")
	refused("not logged in, herself", ines, channelOfUser("ines"), `{"operationName":"Monitor"}`, 400, "2", "logged in")
	refused("not logged in, cancels", ines, channel, `{"operationName":"CancelSupervisorMonitoring"}`, 400, "2", "")
	refused("not logged in, intrudes", ines, at("dana", id), `{"operationName":"Intrude","supervisorVisibilityMode":7}`, 400, "2", "logged in")
	ines.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	refused("type of the mode", ines, channel, `{"operationName":"Monitor","supervisorMonitoringMode":7}`, 400, "10", "supervisorMonitoringMode must be a string")
	refused("no such mode", ines, channel, `{"operationName":"Coach","supervisorMonitoringMode":"nextchat"}`, 400, "10", "NextChat or AllChats")
	refused("type of the nickname, herself", ines, channelOfUser("ines"), `{"operationName":"Coach","nickname":7}`, 400, "10", "nickname must be a string")
	refused("long nickname", ines, channel, `{"operationName":"Coach","nickname":"`+strings.Repeat("x", 256)+`"}`, 400, "10", "255")
	refused("herself", ines, channelOfUser("ines"), `{"operationName":"Coach"}`, 400, "2", "yourself")
	refused("no watch", ines, channel, `{"operationName":"CancelSupervisorMonitoring"}`, 400, "2", "watch")
	refused("no mode to intrude in", ines, at("dana", id), `{"operationName":"Intrude"}`, 400, "1", "supervisorVisibilityMode")
	refused("none at all", ines, at("dana", id), `{"operationName":"Intrude","supervisorVisibilityMode":""}`, 400, "1", "supervisorVisibilityMode")
	refused("no such mode to intrude in", ines, at("dana", id), `{"operationName":"Intrude","supervisorVisibilityMode":"coach"}`, 400, "10", "Coach")
	refused("type of the mode to intrude in", ines, at("dana", id), `{"operationName":"Intrude","supervisorVisibilityMode":["Coach"]}`, 400, "10", "must be a string")
	if r := ines.get(chat); r.status != http.StatusNotFound {
		t.Errorf("what was refused has given her the chat: %s", r.body)
	}
	ines.ok(at("dana", id), `{"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`)
	refused("twice", ines, at("dana", id), `{"operationName":"Intrude"}`, 400, "2", "")
	ines.ok(channel, `{"operationName":"Monitor","supervisorMonitoringMode":null}`)
	ines.ok(channel, `{"operationName":"CancelSupervisorMonitoring"}`)
}
