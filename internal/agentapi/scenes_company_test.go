package agentapi

// consultations: agent-api 4.9. Lena is in the conference.
var consultations = []scene{
	{
		file: "4.9-consult-asked", about: "Dana asks Omar for advice. Nobody but he is told.",
		given: trio, when: `dana: Consult {"targetUri":"https://desk.example.com/api/v2/users/<omar>"}`,
		told: hears{"omar": "SC(Invited)"},
	},
	{
		file: "4.9-consult-accepted", about: "Omar takes the consultation, and reads what was for agents only. Pat notices nothing of it.",
		given: then(trio, `dana: SendToAgents {"text":"Let us ask Omar"}`, `dana: Consult {"targetPath":"/users/<omar>"}`), when: `omar: Accept {"nickname":"Omar"}`,
		told: hears{
			"dana": "PU, MSG(ParticipantJoined)", "lena": "PU, MSG(ParticipantJoined)",
			"omar": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined Text ParticipantJoined)",
		},
	},
	{
		file: "4.9-consult-rejected", about: "Omar has no time. This is what an Error looks like (5.1.4).",
		given: then(talking, `dana: Consult {"targetPath":"/users/<omar>"}`), when: "omar: Reject",
		told: hears{"dana": "Error+ref", "omar": "SC(Completed)+ref"},
	},
	{
		file: "4.9-consult-not-answered", about: "Omar does not answer.",
		given: then(trio, `dana: Consult {"targetPath":"/users/<omar>"}`), when: "wait 30s",
		told: hears{"dana": "Error+ref", "omar": "SC(Revoked)"},
	},
	{
		file: "4.9-consulted-leaves", about: "Omar has given his advice.",
		given: then(trio, `dana: Consult {"targetPath":"/users/<omar>"}`, `omar: Accept {"nickname":"Omar"}`), when: "omar: Leave",
		told: hears{"dana": "MSG(ParticipantLeft), PU", "lena": "MSG(ParticipantLeft), PU", "omar": "SC(Completed)+ref"},
	},
	{
		file: "4.9-consultation-becomes-conference", about: "Dana invites Omar, whom she consults: he is not asked again. It is a second join event of the same participant.",
		given: then(trio, `dana: Consult {"targetPath":"/users/<omar>"}`, `omar: Accept {"nickname":"Omar"}`), when: `dana: Invite {"targetPath":"/users/<omar>"}`,
		told: hears{
			"dana": "PU, MSG(ParticipantJoined)", "lena": "PU, MSG(ParticipantJoined)", "omar": "PU, MSG(ParticipantJoined)", "pat": "ParticipantJoined",
		},
	},
	{
		file: "4.9-consult-owner-goes", about: "Lena, who asked, leaves before Omar has answered: his invitation ends (3.4).",
		given: then(trio, `lena: Consult {"targetPath":"/users/<omar>"}`), when: "lena: Leave",
		told: hears{"dana": "MSG(ParticipantLeft), PU", "lena": "SC(Completed)+ref", "omar": "SC(Revoked)", "pat": "ParticipantLeft"},
	},
	{
		file: "4.9-consult-through-a-queue", about: "Dana asks whoever serves the queue billing. Routing chooses Omar; she is told nothing yet.",
		given: then(talking, omarReady), when: `dana: Consult {"targetUri":"https://desk.example.com/api/v2/queues/<queue billing>"}`,
		told: hears{"omar": "SC(Invited)"},
	},
	{
		file: "4.9-consult-through-a-queue-waiting", about: "Nobody who serves the queue is free: routing waits for one.",
		given: talking, when: `dana: Consult {"targetPath":"/queues/<queue billing>"}`,
	},
	{
		file: "4.9-consult-through-a-queue-accepted", about: "Omar takes it, and all is as if she had asked him.",
		given: then(talking, omarReady, `dana: Consult {"targetPath":"/queues/<queue billing>"}`), when: `omar: Accept {"nickname":"Omar"}`,
		told: hears{"dana": "PU, MSG(ParticipantJoined)", "omar": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined)"},
	},
	{
		file: "4.9-consult-through-a-queue-rejected", about: "Omar has no time. Routing looks for another one, and Dana is told nothing.",
		given: then(talking, omarReady, `dana: Consult {"targetPath":"/queues/<queue billing>"}`), when: "omar: Reject",
		told: hears{"omar": "SC(Completed)+ref"},
	},
	{
		file: "4.9-consult-through-a-queue-in-vain", about: "Nobody has come in the time that the settings give.",
		given: then(talking, `dana: Consult {"targetPath":"/queues/<queue billing>"}`), when: "wait 2m",
		told: hears{"dana": "Error+ref"},
	},
	{
		file: "4.9-consult-through-a-queue-owner-goes", about: "Dana leaves before anybody has come: nobody is asked any more.",
		given: then(talking, omarReady, `dana: Consult {"targetPath":"/queues/<queue billing>"}`), when: "dana: Leave",
		told: hears{"dana": "SC(LeftChat)+ref", "omar": "SC(Revoked)", "pat": "ParticipantLeft, chat ended"},
	},
}

// conferences: agent-api 4.10.
var conferences = []scene{
	{
		file: "4.10-invite-asked", about: "Dana invites Omar into the chat.",
		given: trio, when: `dana: Invite {"targetUri":"https://desk.example.com/api/v2/contacts/<omar>"}`,
		told: hears{"omar": "SC(Invited)"},
	},
	{
		file: "4.10-invite-accepted", about: "Omar comes, and Pat sees him.",
		given: then(trio, `dana: Invite {"targetPath":"/users/<omar>"}`), when: `omar: Accept {"nickname":"Omar"}`,
		told: hears{
			"dana": "PU, MSG(ParticipantJoined)", "lena": "PU, MSG(ParticipantJoined)",
			"omar": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined ParticipantJoined)", "pat": "ParticipantJoined",
		},
	},
	{
		file: "4.10-invite-rejected", about: "Omar does not come.",
		given: then(trio, `dana: Invite {"targetPath":"/users/<omar>"}`), when: "omar: Reject",
		told: hears{"dana": "Error+ref", "omar": "SC(Completed)+ref"},
	},
	{
		file: "4.10-invite-not-answered", about: "Omar does not answer.",
		given: then(trio, `dana: Invite {"targetPath":"/users/<omar>"}`), when: "wait 30s",
		told: hears{"dana": "Error+ref", "omar": "SC(Revoked)"},
	},
	{
		file: "4.10-invite-again", about: "One who is invited already cannot be invited again.",
		given: then(trio, `dana: Invite {"targetPath":"/users/<omar>"}`), when: `lena: Invite {"targetPath":"/users/<omar>"}`, answers: `{"statusCode":2,`,
	},
	{
		file: "4.10-invite-through-a-queue", about: "Dana invites whoever serves the queue billing.",
		given: then(talking, omarReady), when: `dana: Invite {"targetPath":"/queues/<queue billing>"}`,
		told: hears{"omar": "SC(Invited)"},
	},
	{
		file: "4.10-invite-through-a-queue-accepted", about: "Omar takes it, and Pat sees him.",
		given: then(talking, omarReady, `dana: Invite {"targetPath":"/queues/<queue billing>"}`), when: `omar: Accept {"nickname":"Omar"}`,
		told: hears{
			"dana": "PU, MSG(ParticipantJoined)", "omar": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined)", "pat": "ParticipantJoined",
		},
	},
}

// removals: agent-api 4.11.
var removals = []scene{
	{
		file: "4.11-remove-a-member", about: "Dana removes Omar from the conference: first who is in, then who has left. Lena listens, consulted.",
		given: crowded, when: `dana: RemoveParticipantFromConference {"targetUri":"https://desk.example.com/api/v2/users/<omar>"}`,
		told: hears{"dana": "PU, MSG(ParticipantLeft)", "lena": "PU, MSG(ParticipantLeft)", "omar": "SC(Completed)", "pat": "ParticipantLeft"},
	},
	{
		file: "4.11-remove-a-member-with-text", about: "The same with a farewell to Pat, and the oldest spelling of the parameter.",
		given: conferring, when: `dana: RemoveParticipantFromConference {"userUri":"https://desk.example.com/api/v2/users/<omar>","text":"Omar has to go"}`,
		told: hears{"dana": "MSG(Text), PU, MSG(ParticipantLeft)", "omar": "MSG(Text), SC(Completed)", "pat": "Message, ParticipantLeft"},
	},
	{
		file: "4.11-remove-the-consulted", about: "Omar, who is in the conference, removes Lena, who is consulted. Pat notices nothing.",
		given: crowded, when: `omar: RemoveParticipantFromConference {"targetPath":"/users/<lena>"}`,
		told: hears{"dana": "PU, MSG(ParticipantLeft)", "omar": "PU, MSG(ParticipantLeft)", "lena": "SC(Completed)"},
	},
}
