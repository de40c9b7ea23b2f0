package agentapi

// aside: Dana has put the chat into the workbin of a group that Omar is in, too.
var aside = then(talking, "dana: Leave", `dana: POST /me/workbins/<group Delivery>?agentGroup=Delivery {"operationName":"AddChat","id":"<chat>"}`)

// workbins: agent-api 6.9.
var workbins = []scene{
	{
		file: "6.9-add-chat", about: "Dana has left a chat, and puts it aside in her own workbin: it is not in her list any more, and not done either.",
		given: then(talking, "dana: Leave"), when: `dana: POST /me/workbins/<dana> {"operationName":"AddChat","id":"<chat>","saveLAR":"true"}`,
		told: hears{"dana": "SC(Completed)+ref, workbin(ItemAdded)+ref"},
	},
	{
		file: "6.9-add-chat-without-customer", about: "Pat has gone, and Dana has not left yet. The other name of the operation.",
		given: then(talking, "pat: disconnect"), when: `dana: POST /me/workbins/<dana> {"operationName":"AddInteraction","id":"<chat>"}`,
		told: hears{"dana": "SC(Completed)+ref, workbin(ItemAdded)+ref", "pat": "ParticipantLeft"},
	},
	{
		file: "6.9-add-chat-to-a-group", about: "Dana puts it into the workbin of a group. Omar, who is in that group, sees it come; Lena is not.",
		given: then(talking, "dana: Leave", lenaReady), when: `dana: POST /me/workbins/<group Delivery>?agentGroup=Delivery {"operationName":"AddChat","id":"<chat>"}`,
		told: hears{"dana": "SC(Completed)+ref, workbin(ItemAdded)+ref", "omar": "workbin(ItemAdded)"},
	},
	{
		file: "6.9-add-chat-too-early", about: "A chat that its customer is in cannot be put aside.",
		given: talking, when: `dana: POST /me/workbins/<dana> {"operationName":"AddChat","id":"<chat>"}`, answers: `{"statusCode":2,`,
	},
	{
		file: "6.9-pull-chat", about: "Omar takes the chat out of the group's workbin, to wrap it up. A first state is always Invited (2.5).",
		given: aside, when: `omar: POST /me/workbins/<group Delivery> {"operationName":"PullChat","id":"<chat>"}`,
		told: hears{"omar": "SC(Invited)+ref, SC(LeftChat), workbin(ItemRemoved)+ref", "dana": "workbin(ItemRemoved)"},
	},
	{
		file: "6.9-pull-chat-of-others", about: "A workbin that Lena does not see is not there for her.",
		given: aside, when: `lena: POST /me/workbins/<group Delivery> {"operationName":"PullChat","id":"<chat>"}`, answers: `{"statusCode":6,`,
	},
	{
		file: "6.9-workbins", about: "Which workbins Dana sees.",
		when: "dana: GET /me/workbins?fields=*",
	},
	{
		file: "6.9-chats-in-a-workbin", about: "And what is in one.",
		given: aside, when: "omar: GET /me/workbins/<group Delivery>",
	},
}
