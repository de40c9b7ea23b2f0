package agentapi

// leaving: agent-api 4.6.
var leaving = []scene{
	{
		file: "4.6-leave-last", about: "Dana, the last agent, leaves: the chat is over for Pat, and Dana's to wrap up.",
		given: talking, when: "dana: Leave",
		told: hears{"dana": "SC(LeftChat)+ref", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "4.6-leave-last-with-text", about: "The same with a farewell.",
		given: talking, when: `dana: Leave {"text":"Good bye","messageType":"Farewell"}`,
		told: hears{"dana": "MSG(Text), SC(LeftChat)+ref", "pat": "Message, ParticipantLeft, chat ended"},
	},
	{
		file: "4.6-leave-last-with-hidden-agents", about: "Dana leaves while Omar is consulted and Lena is asked to be. Pat sees neither: Dana counts as the last one, and both are out.",
		given: then(consulting, `dana: Consult {"targetPath":"/users/<lena>"}`), when: "dana: Leave",
		told: hears{"dana": "SC(LeftChat)+ref", "omar": "SC(Revoked)", "lena": "SC(Revoked)", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "4.6-leave-others-remain", about: "Dana leaves a conference. Omar has the chat now; Lena, consulted, stays too.",
		given: crowded, when: `dana: Leave {"text":"Omar will help you"}`,
		told: hears{
			"dana": "MSG(Text), SC(Completed)+ref", "omar": "MSG(Text), MSG(ParticipantLeft), PU", "lena": "MSG(Text), MSG(ParticipantLeft), PU",
			"pat": "Message, ParticipantLeft",
		},
	},
	{
		file: "4.6-leave-of-a-member", about: "Omar leaves the conference that he was invited to.",
		given: conferring, when: "omar: Leave",
		told: hears{"dana": "MSG(ParticipantLeft), PU", "omar": "SC(Completed)+ref", "pat": "ParticipantLeft"},
	},
	{
		file: "4.6-leave-without-customer", about: "Pat has gone before. Dana leaves what remains to be wrapped up.",
		given: then(talking, "pat: disconnect"), when: "dana: Leave",
		told: hears{"dana": "SC(LeftChat)+ref", "pat": "ParticipantLeft"},
	},
}

// completing: agent-api 4.7.
var completing = []scene{
	{
		file: "4.7-complete", about: "Dana is done: it is over for Pat, and for her.",
		given: talking, when: "dana: Complete",
		told: hears{"dana": "SC(Completed)+ref", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "4.7-complete-with-text", about: "The same with a farewell, by its name before 2014.",
		given: talking, when: `dana: StopProcessing {"text":"Good bye","treatAs":"Normal"}`,
		told: hears{"dana": "MSG(Text), SC(Completed)+ref", "pat": "Message, ParticipantLeft, chat ended"},
	},
	{
		file: "4.7-complete-in-company", about: "Dana completes a chat that Omar is in, Lena is consulted about and Ines is invited to: it is over for all of them.",
		given: then(crowded, `dana: Invite {"targetPath":"/users/<ines>"}`), when: "dana: Complete",
		told: hears{
			"dana": "SC(Completed)+ref", "omar": "SC(Revoked)", "lena": "SC(Revoked)", "ines": "SC(Revoked)",
			"pat": "ParticipantLeft, ParticipantLeft, chat ended",
		},
	},
	{
		file: "4.7-complete-after-leaving", about: "Dana has wrapped up.",
		given: then(talking, "dana: Leave"), when: "dana: Complete",
		told: hears{"dana": "SC(Completed)+ref"},
	},
	{
		file: "4.7-complete-of-a-failed-join", about: "Omar, who came too late, has wrapped up.",
		given: then(talking, omarReady, "pat: disconnect", `dana: Complete {"queueName":"billing"}`, `omar: Accept {"nickname":"Omar"}`), when: "omar: Complete",
		told: hears{"omar": "SC(Completed)+ref"},
	},
	{
		file: "4.7-complete-without-customer", about: "Pat has gone before.",
		given: then(talking, "pat: disconnect"), when: "dana: Complete",
		told: hears{"dana": "SC(Completed)+ref", "pat": "ParticipantLeft"},
	},
	{
		file: "4.7-complete-into-queue", about: "Dana is done, but the chat is not: it goes to the queue billing, and rings at Omar's. Pat waits.",
		given: then(talking, omarReady), when: `dana: Complete {"queueName":"billing","text":"A colleague will help you"}`,
		told: hears{"dana": "MSG(Text), SC(Completed)+ref", "omar": "SC(Invited)", "pat": "Message, ParticipantLeft"},
	},
}

// transfers: agent-api 4.8. Lena is in the conference, where there is one.
var transfers = []scene{
	{
		file: "4.8-transfer-asked", about: "Dana hands the chat to Omar. Until he has it, she stays in and can go on.",
		given: trio, when: `dana: Transfer {"targetUri":"https://another.name/api/v2/users/<omar>"}`,
		told: hears{"omar": "SC(Invited)"},
	},
	{
		file: "4.8-transfer-asked-with-text", about: "The same with a farewell, which goes out at once, and a contact as the target.",
		given: trio, when: `dana: Transfer {"targetPath":"/contacts/<omar>","text":"Omar will help you"}`,
		told: hears{"dana": "MSG(Text)", "omar": "SC(Invited)", "lena": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "4.8-transfer-accepted", about: "Omar takes it. When he first sees the chat, Dana is out already.",
		given: then(trio, `dana: Transfer {"targetPath":"/users/<omar>"}`), when: `omar: Accept {"nickname":"Omar"}`,
		told: hears{
			"dana": "SC(Completed)+ref", "lena": "MSG(ParticipantJoined), MSG(ParticipantLeft), PU",
			"omar": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined ParticipantJoined ParticipantLeft)",
			"pat":  "ParticipantJoined, ParticipantLeft",
		},
	},
	{
		file: "4.8-transfer-rejected", about: "Omar does not want it. Dana still has the chat.",
		given: then(trio, `dana: Transfer {"targetPath":"/users/<omar>"}`), when: "omar: Reject",
		told: hears{"dana": "Error+ref", "omar": "SC(Completed)+ref"},
	},
	{
		file: "4.8-transfer-not-answered", about: "Omar does not answer.",
		given: then(trio, `dana: Transfer {"targetPath":"/users/<omar>"}`), when: "wait 30s",
		told: hears{"dana": "Error+ref", "omar": "SC(Revoked)"},
	},
	{
		file: "4.8-transfer-target-logs-out", about: "Omar logs out.",
		given: then(trio, `dana: Transfer {"targetPath":"/users/<omar>"}`), when: `omar: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"dana": "Error+ref", "omar": "SC(Revoked), channels(chat Offline)"},
	},
	{
		file: "4.8-transfer-customer-leaves", about: "Pat leaves before Omar has answered.",
		given: then(trio, `dana: Transfer {"targetPath":"/users/<omar>"}`), when: "pat: disconnect",
		told: hears{
			"dana": "MSG(ParticipantLeft), PU, Error+ref", "omar": "SC(Revoked)", "lena": "MSG(ParticipantLeft), PU", "pat": "ParticipantLeft, chat ended",
		},
	},
	{
		file: "4.8-transfer-pending", about: "A second transfer is refused while one is pending.",
		given: then(trio, `dana: Transfer {"targetPath":"/users/<omar>"}`), when: `dana: Transfer {"queueName":"billing"}`, answers: `{"statusCode":2,`,
	},
	{
		file: "4.8-transfer-not-reachable", about: "A target with do-not-disturb is refused at once.",
		given: then(trio, `omar: POST /me/channels/chat {"operationName":"DoNotDisturbOn"}`), when: `dana: Transfer {"targetPath":"/users/<omar>"}`,
		answers: `{"statusCode":2,`,
	},
	{
		file: "4.8-transfer-to-the-consulted", about: "Dana hands the chat to Omar, whom she consults: Pat sees him join, and Dana leave.",
		given: consulting, when: `dana: Transfer {"targetPath":"/users/<omar>"}`,
		told: hears{"dana": "SC(Completed)+ref", "omar": "PU, MSG(ParticipantJoined), MSG(ParticipantLeft)", "pat": "ParticipantJoined, ParticipantLeft"},
	},
	{
		file: "4.8-transfer-to-a-member", about: "Dana hands the chat to Omar, who is in the conference. Lena listens, consulted.",
		given: crowded, when: `dana: Transfer {"targetPath":"/users/<omar>"}`,
		told: hears{"dana": "SC(Completed)+ref", "omar": "PU, MSG(ParticipantLeft)", "lena": "PU, MSG(ParticipantLeft)", "pat": "ParticipantLeft"},
	},
	{
		file: "4.8-transfer-to-queue", about: "Dana puts the chat into the queue billing and is out at once. It rings at Omar's; Pat waits.",
		given: then(talking, omarReady), when: `dana: Transfer {"queueName":"billing","text":"A colleague will help you"}`,
		told: hears{"dana": "MSG(Text), SC(Completed)+ref", "omar": "SC(Invited)", "pat": "Message, ParticipantLeft"},
	},
	{
		file: "4.8-transfer-to-queue-by-uri", about: "The queue as a target.",
		given: then(talking, omarReady), when: `dana: Transfer {"targetUri":"https://desk.example.com/api/v2/queues/<queue billing>"}`,
		told: hears{"dana": "SC(Completed)+ref", "omar": "SC(Invited)", "pat": "ParticipantLeft"},
	},
	{
		file: "4.8-transfer-to-queue-from-conference", about: "Lena, whom Pat sees, stays while the chat is routed again; Ines, who is consulted, does not.",
		given: then(trio, omarReady, `dana: Consult {"targetPath":"/users/<ines>"}`, `ines: Accept {"nickname":"Ines"}`), when: `dana: Transfer {"queueName":"billing"}`,
		told: hears{"dana": "SC(Completed)+ref", "omar": "SC(Invited)", "lena": "MSG(ParticipantLeft), MSG(ParticipantLeft), PU", "ines": "SC(Revoked)", "pat": "ParticipantLeft"},
	},
	{
		file: "4.8-transfer-to-queue-accepted", about: "Omar takes what Dana had put into his queue.",
		given: then(talking, omarReady, `dana: Transfer {"queueName":"billing"}`), when: `omar: Accept {"nickname":"Omar"}`,
		told: hears{"omar": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantLeft ParticipantJoined)", "pat": "ParticipantJoined"},
	},
}

// trio: Dana and Lena are in with Pat.
var trio = then(talking, `dana: Invite {"targetPath":"/users/<lena>"}`, `lena: Accept {"nickname":"Lena"}`)
