package agentapi

import (
	"testing"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/directory"
)

// TestAskThroughQueue: Consult and Invite take a queue as the target, by uri, path or contact; whom routing finds there is invited, and A hears of it when she has
// accepted (agent-api 4.9, 4.10), or by an Error when the wish is over (5.1.4).
func TestAskThroughQueue(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	billing := directory.ResourceID("queue", "billing")
	dana, omar, lena := h.as("dana").connect(bayeuxclient.WebSocket, TopicChats), h.as("omar").connect(bayeuxclient.LongPolling, TopicChats), h.as("lena")
	dana.startWork()
	lena.startWork()
	pat := h.arrive()
	path := dana.accepted(pat.ChatID)
	dana.hears("chats StatusChange Invited in:0", "chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:2",
		"chats 1:ParticipantJoined 2:Text 3:ParticipantJoined")

	consult := `{"operationName":"Consult","targetUri":"https://another.name/api/v2/queues/` + billing + `"}`
	if got := dana.ok(path, consult).body; got != `{"statusCode":0,"referenceId":2}` {
		t.Errorf("Consult: %s", got)
	}
	if r := dana.post(path, consult); r.code() != "2" {
		t.Errorf("asked already: %s", r.body)
	}
	omar.startWork()
	omar.hears("chats StatusChange Invited in:0")
	omar.ok(path, `{"operationName":"Accept"}`)
	omar.hears("chats StatusChange Chatting in:0 ref:1", "chats ParticipantsUpdated Chatting in:3", "chats 1:ParticipantJoined 2:Text 3:ParticipantJoined 4:ParticipantJoined")
	dana.hears("chats ParticipantsUpdated Chatting in:3", "chats 4:ParticipantJoined")
	if got := at[[]participant](t, dana.get(path), "chat", "participants")[2].Visibility; got != "Agents" {
		t.Errorf("the consulted agent's visibility is %s", got)
	}
	omar.ok(path, `{"operationName":"Leave"}`)
	omar.hears("chats StatusChange Completed in:0 ref:2")
	dana.hears("chats 5:ParticipantLeft", "chats ParticipantsUpdated Chatting in:2")

	dana.ok(path, `{"operationName":"Invite","targetPath":"/contacts/`+billing+`"}`)
	omar.hears("chats StatusChange Invited in:0")
	omar.ok(path, `{"operationName":"Accept"}`)
	dana.hears("chats ParticipantsUpdated Chatting in:3", "chats 6:ParticipantJoined")
	if got := at[[]participant](t, dana.get(path), "chat", "participants")[2].Visibility; got != "All" {
		t.Errorf("the invited agent's visibility is %s", got)
	}

	dana.ok(path, `{"operationName":"Consult","targetPath":"/queues/`+directory.ResourceID("queue", "support")+`"}`) // nobody is there
	omar.ok(path, `{"operationName":"Transfer","queueName":"support"}`)
	dana.hears("chats 7:ParticipantLeft", "chats ParticipantsUpdated Chatting in:2", "chats Error Chatting in:2 ref:4")
}
