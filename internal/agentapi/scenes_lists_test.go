package agentapi

// lists are the lists of agent-api 3.5, to the letter and in their order, as GET shows them. Notifications carry the same.
var lists = []scene{
	{
		file: "3.5-invited", about: "Dana is offered a chat.",
		given: offered, when: "dana: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Invited","capabilities":["Accept","Reject"]`,
	},
	{
		file: "3.5-alone", about: "Dana is in, and no other agent.",
		given: talking, when: "dana: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Transfer","Leave","Invite","Consult","SetInFocus","SetDisposition","AttachUserData","DeleteUserData",` +
			`"UpdateUserData","Complete","SendMessage","SendUrl","SendStartTypingNotification","SendStopTypingNotification","SendCustomNotice"]`,
	},
	{
		file: "3.5-together-consultation", about: "Dana consults Omar. (A pending offer alone would not change her list.)",
		given: consulting, when: "dana: GET /me/chats/<chat>?fields=state,capabilities", answers: together,
	},
	{
		file: "3.5-together-conference", about: "Dana and Omar confer with Pat. Omar's list is the same.",
		given: conferring, when: "omar: GET /me/chats/<chat>?fields=state,capabilities", answers: together,
	},
	{
		file: "3.5-consulted", about: "Omar is consulted: Pat does not know of him, and nothing of his reaches her.",
		given: consulting, when: "omar: GET /me/chats/<chat>?fields=state,capabilities", answers: consulted,
	},
	{
		file: "3.5-alone-without-customer", about: "Pat has gone. Dana can wrap up, and go.",
		given: then(talking, "pat: disconnect"), when: "dana: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Leave","SetInFocus","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData","Complete"]`,
	},
	{
		file: "3.5-together-without-customer", about: "Pat has gone, Omar is still there to talk to.",
		given: then(consulting, "pat: disconnect"), when: "dana: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Leave","SetInFocus","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData","SendToAgents",` +
			`"SendStartTypingToAgentsNotification","SendStopTypingToAgentsNotification","Complete","SendCustomNoticeToAgents"]`,
	},
	{
		file: "3.5-consulted-without-customer", about: "Pat has gone. For Omar, who is consulted, nothing is different: nothing of his went to her.",
		given: then(consulting, "pat: disconnect"), when: "omar: GET /me/chats/<chat>?fields=state,capabilities", answers: consulted,
	},
	{
		file: "3.5-left-chat", about: "Dana, the last agent, has left. The chat is over for Pat, and Dana's to wrap up.",
		given: then(talking, "dana: Leave"), when: "dana: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"LeftChat","capabilities":["SetInFocus","Complete","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData"]`,
	},
	{
		file: "3.5-join-failed", about: "Omar came too late. The list is that of LeftChat.",
		given:   then(talking, omarReady, "pat: disconnect", `dana: Complete {"queueName":"billing"}`, `omar: Accept {"nickname":"Omar"}`),
		when:    "omar: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"JoinFailed","capabilities":["SetInFocus","Complete","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData"]`,
	},
}

const (
	together = `"state":"Chatting","capabilities":["Transfer","Leave","Invite","Consult","SetInFocus","SetDisposition","AttachUserData","DeleteUserData",` +
		`"UpdateUserData","SendToAgents","SendStartTypingToAgentsNotification","SendStopTypingToAgentsNotification","Complete","SendMessage","SendUrl",` +
		`"SendStartTypingNotification","SendStopTypingNotification","SendCustomNotice","SendCustomNoticeToAgents","RemoveParticipantFromConference"]`
	consulted = `"state":"Chatting","capabilities":["Leave","SetInFocus","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData","SendToAgents",` +
		`"SendStartTypingToAgentsNotification","SendStopTypingToAgentsNotification","SendCustomNoticeToAgents"]`
)
