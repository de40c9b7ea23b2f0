package agentapi

import (
	"slices"
	"strconv"
	"strings"
)

// scenes are all golden files, in the order of the clauses.
func scenes() []scene {
	all := slices.Concat(
		logOuts, lists, checks, offers, messages, customers, leaving, completing, transfers, consultations, conferences, removals, data, reading, types, channelStates, supervision, workbins,
	)
	slices.SortStableFunc(all, func(a, b scene) int { return slices.Compare(a.clause(), b.clause()) })
	return all
}

// clause is the number with which the name begins.
func (s scene) clause() (numbers []int) {
	clause, _, _ := strings.Cut(s.file, "-")
	for part := range strings.SplitSeq(clause, ".") {
		n, _ := strconv.Atoi(part)
		numbers = append(numbers, n)
	}
	return numbers
}

// What scenes begin with.
var (
	danaReady = `dana: POST /me/channels/chat {"operationName":"Ready"}`
	lenaReady = `lena: POST /me/channels/chat {"operationName":"Ready"}`
	omarReady = `omar: POST /me/channels/chat {"operationName":"Ready"}`

	// offered: Pat's chat rings at Dana's.
	offered = []string{danaReady, "pat: comes"}
	// talking: Dana and Pat are in.
	talking = then(offered, `dana: Accept {"nickname":"Dana"}`)
	// consulting: Omar is in too, unseen by Pat.
	consulting = then(talking, `dana: Consult {"targetPath":"/users/<omar>"}`, `omar: Accept {"nickname":"Omar"}`)
	// conferring: Omar is in, and Pat knows.
	conferring = then(talking, `dana: Invite {"targetPath":"/users/<omar>"}`, `omar: Accept {"nickname":"Omar"}`)
	// crowded: as conferring, and Lena listens, unseen by Pat.
	crowded = then(conferring, `dana: Consult {"targetPath":"/users/<lena>"}`, `lena: Accept {"nickname":"Lena"}`)
)

var logOuts = []scene{
	{
		file:  "2.6-log-out-while-offered",
		about: "Dana logs out while a chat rings at hers. It is taken back and rings at Lena's. LoggedOut comes last, before her CometD session ends.",
		given: then(offered, lenaReady), when: `dana: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"dana": "SC(Revoked), channels(chat Offline)", "lena": "SC(Invited)"},
	},
	{
		file:  "2.6-log-out-of-the-only-agent",
		about: "Dana logs out in the middle of a chat. Pat stays in, and waits in the queue that she came from: Lena is offered the chat.",
		given: then(talking, lenaReady), when: `dana: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"dana": "SC(Revoked), channels(chat Offline)", "lena": "SC(Invited)", "pat": "ParticipantLeft"},
	},
	{
		file:  "2.6-log-out-of-the-owner-with-a-consulted-agent",
		about: "Dana logs out while she consults Omar. Pat has never seen him, so the chat counts as left alone: it goes back to its queue, and he is out.",
		given: then(consulting, lenaReady), when: `dana: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"dana": "SC(Revoked), channels(chat Offline)", "omar": "SC(Revoked)", "lena": "SC(Invited)", "pat": "ParticipantLeft"},
	},
	{
		file:  "2.6-log-out-of-a-consulted-agent",
		about: "Omar logs out while he is consulted.",
		given: consulting, when: `omar: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"omar": "SC(Revoked), channels(chat Offline)", "dana": "MSG(ParticipantLeft), PU"},
	},
	{
		file:  "2.6-log-out-of-a-conference",
		about: "Dana, who owns the chat, logs out of a conference. Omar, whom Pat sees, has it now.",
		given: conferring, when: `dana: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"dana": "SC(Revoked), channels(chat Offline)", "omar": "MSG(ParticipantLeft), PU", "pat": "ParticipantLeft"},
	},
	{
		file:  "2.6-log-out-of-wrap-up",
		about: "Dana logs out with a chat that she has left, but not completed. It is completed for her.",
		given: then(talking, "dana: Leave"), when: `dana: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"dana": "SC(Revoked), channels(chat Offline)"},
	},
}

// checks: the table of agent-api 4.0, in its order. Nobody is told anything of a request that was refused.
var checks = []scene{
	{
		file: "4.0-not-authenticated", about: "Neither a cookie nor a password.",
		given: talking, when: `nobody: POST /me/chats/<chat> {"operationName":"Complete"}`, answers: `{"statusCode":20,`,
	},
	{
		file: "4.0-feature-missing", about: "An administrator has no feature for chats.",
		given: talking, when: `admin: POST /me/chats/<chat> {"operationName":"Complete"}`, answers: `{"statusCode":5,`,
	},
	{
		file: "4.0-body-not-an-object", about: "A body that is JSON, but no object.",
		given: talking, when: `dana: POST /me/chats/<chat> ["Complete"]`, answers: `{"statusCode":10,`,
	},
	{
		file: "4.0-operation-missing", about: "No operationName.",
		given: talking, when: `dana: POST /me/chats/<chat> {"text":"Hello"}`, answers: `{"statusCode":1,`,
	},
	{
		file: "4.0-operation-unknown", about: "Names are case-sensitive.",
		given: talking, when: `dana: complete`, answers: `{"statusCode":10,`,
	},
	{
		file: "4.0-chat-unknown", about: "A chat that somebody else has is as unknown as one that is not there.",
		given: talking, when: "omar: Complete", answers: `{"statusCode":6,`,
	},
	{
		file: "4.0-refused-in-this-state", about: "What the capabilities do not list is refused.",
		given: talking, when: `dana: SendToAgents {"text":"Anybody there?"}`, answers: `{"statusCode":2,`,
	},
	{
		file: "4.0-refused-for-this-role", about: "What a consulted agent may never do is refused with another code.",
		given: consulting, when: `omar: SendMessage {"text":"Hello Pat"}`, answers: `{"statusCode":3,`,
	},
	{
		file: "4.0-parameter-missing", about: "A parameter is missing.",
		given: talking, when: "dana: SendMessage", answers: `{"statusCode":1,`,
	},
	{
		file: "4.0-parameter-of-another-type", about: "A parameter has another type.",
		given: talking, when: `dana: SendMessage {"text":["Hello"]}`, answers: `{"statusCode":10,`,
	},
	{
		file: "4.0-target-unknown", about: "There is no such user.",
		given: talking, when: `dana: Transfer {"targetPath":"/users/00000000000000000000000000000000"}`, answers: `{"statusCode":6,`,
	},
	{
		file: "4.0-target-oneself", about: "Nobody can hand a chat to herself.",
		given: talking, when: `dana: Transfer {"targetPath":"/users/<dana>"}`, answers: `{"statusCode":2,`,
	},
}

var offers = []scene{
	{
		file: "4.1-offer", about: "A customer has come, and routing offers her chat to Dana, who is Ready.",
		given: []string{danaReady}, when: "pat: comes",
		told: hears{"dana": "SC(Invited)", "pat": "ParticipantJoined, Message"},
	},
	{
		file: "4.1-offer-not-answered", about: "Dana does not answer. The chat goes back to routing, which finds Lena.",
		given: then(offered, lenaReady), when: "wait 30s",
		told: hears{"dana": "SC(Revoked)", "lena": "SC(Invited)"},
	},
	{
		file: "4.2-accept", about: "Dana takes the chat. The history goes up to her own joining, which she is not sent apart from it.",
		given: offered, when: `dana: Accept {"nickname":"Dana","saveLAR":true}`,
		told: hears{"dana": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined)", "pat": "ParticipantJoined"},
	},
	{
		file: "4.2-accept-without-nickname", about: "Without a nickname it is the user name that Pat sees.",
		given: offered, when: "dana: Accept",
		told: hears{"dana": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined)", "pat": "ParticipantJoined"},
	},
	{
		file: "4.2-accept-of-a-chat-that-is-over", about: "Pat has gone, and Dana has put the chat into another queue. Omar takes it: there is nobody to join, so he can only wrap it up.",
		given: then(talking, omarReady, "pat: disconnect", `dana: Complete {"queueName":"billing"}`), when: `omar: Accept {"nickname":"Omar"}`,
		told: hears{"omar": "SC(JoinFailed)+ref"},
	},
	{
		file: "4.3-reject", about: "Dana does not want the chat. It is offered to Lena.",
		given: then(offered, lenaReady), when: "dana: Reject",
		told: hears{"dana": "SC(Completed)+ref", "lena": "SC(Invited)"},
	},
}

var channelStates = []scene{
	{
		file: "5.3-session-start", about: "Dana logs in to chat. Her first state is NotReady.",
		when: `dana: POST /me {"operationName":"StartContactCenterSession","channels":["voice","chat"]}`,
		told: hears{"dana": "channels(chat Not Ready)"},
	},
	{
		file: "5.3-session-start-again", about: "She logs in from a second place as well: nothing changes, and nothing is told.",
		given: []string{`dana: POST /me {"operationName":"StartContactCenterSession","channels":["chat"]}`},
		when:  `dana: POST /me {"operationName":"StartContactCenterSession","channels":["chat"]}`,
	},
	{
		file: "5.3-ready", about: "Dana is ready for chats.",
		when: danaReady, told: hears{"dana": "channels(chat Ready)"},
	},
	{
		file: "5.3-ready-again", about: "An operation that changes nothing is told all the same.",
		given: []string{danaReady}, when: danaReady, told: hears{"dana": "channels(chat Ready)"},
	},
	{
		file: "5.3-ready-on-all-channels", about: "The same operation at /me is for all media of her session.",
		when: `dana: POST /me {"operationName":"Ready"}`, told: hears{"dana": "channels(chat Ready)"},
	},
	{
		file: "5.3-not-ready", about: "Dana takes no further chats. Those that she has go on.",
		given: talking, when: `dana: POST /me/channels/chat {"operationName":"NotReady"}`, told: hears{"dana": "channels(chat Not Ready)"},
	},
	{
		file: "5.3-custom-state", about: "Lunch is a state from the settings: a NotReady with a reason.",
		given: []string{danaReady}, when: `dana: POST /me/channels/chat {"operationName":"Lunch"}`, told: hears{"dana": "channels(chat Lunch)"},
	},
	{
		file: "5.3-do-not-disturb-on", about: "Do not disturb leaves the state as it is.",
		given: []string{danaReady}, when: `dana: POST /me/channels/chat {"operationName":"DoNotDisturbOn"}`, told: hears{"dana": "channels(chat Ready DND)"},
	},
	{
		file: "5.3-do-not-disturb-off", about: "And it ends.",
		given: []string{danaReady, `dana: POST /me/channels/chat {"operationName":"DoNotDisturbOn"}`},
		when:  `dana: POST /me/channels/chat {"operationName":"DoNotDisturbOff"}`, told: hears{"dana": "channels(chat Ready)"},
	},
	{
		file: "5.3-session-end", about: "Dana logs out.",
		given: []string{danaReady}, when: `dana: POST /me {"operationName":"EndContactCenterSession"}`, told: hears{"dana": "channels(chat Offline)"},
	},
}
