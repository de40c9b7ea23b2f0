package agentapi

var (
	monitorDana = `ines: POST /users/<dana>/channels/chat {"operationName":"Monitor","nickname":"Ines"}`
	coachDana   = `ines: POST /users/<dana>/channels/chat {"operationName":"Coach","nickname":"Ines"}`
	bargeInDana = `ines: POST /users/<dana>/channels/chat {"operationName":"BargeIn","nickname":"Ines"}`

	// monitored, coached, bargedIn: Dana talks with Pat, and Ines is with them.
	monitored = then([]string{monitorDana}, talking...)
	coached   = then([]string{coachDana}, talking...)
	bargedIn  = then([]string{bargeInDana}, talking...)

	// lenaListens: another supervisor is there first.
	lenaListens = then([]string{lenaSupervises, `lena: POST /users/<dana>/channels/chat {"operationName":"Monitor","nickname":"Lena"}`}, talking...)
)

// supervision: agent-api 6.8.
var supervision = []scene{
	{
		file: "6.8-set-up", about: "Ines wants to listen to Dana's chats. Nobody is told; the one that Dana is in goes on without her.",
		given: talking, when: `ines: POST /users/<dana>/channels/chat {"operationName":"Monitor","supervisorMonitoringMode":"AllChats","nickname":"Ines"}`,
	},
	{
		file: "6.8-set-up-without-the-right", about: "Agents may not.",
		when: `omar: POST /users/<dana>/channels/chat {"operationName":"Monitor"}`, answers: `{"statusCode":5,`,
	},
	{
		file: "6.8-cancel", about: "Ines has heard enough. She stays in the chats that she is in.",
		given: monitored, when: `ines: POST /users/<dana>/channels/chat {"operationName":"CancelSupervisorMonitoring"}`,
	},
	{
		file: "6.8-cancel-without-monitoring", about: "There is nothing to cancel.",
		given: []string{danaReady}, when: `ines: POST /users/<dana>/channels/chat {"operationName":"CancelSupervisorMonitoring"}`, answers: `{"statusCode":2,`,
	},
	{
		file: "6.8-monitor", about: "Dana takes a chat, and Ines listens: she is in without an Accept of hers, and only supervisors see her.",
		given: []string{monitorDana, danaReady, "pat: comes"}, when: `dana: Accept {"nickname":"Dana"}`,
		told: hears{
			"dana": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined)",
			"ines": "SC(Invited), SC(Chatting), PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined)",
			"pat":  "ParticipantJoined",
		},
	},
	{
		file: "6.8-coach", about: "The same as a coach: Dana sees her, Pat does not.",
		given: []string{coachDana, danaReady, "pat: comes"}, when: `dana: Accept {"nickname":"Dana"}`,
		told: hears{
			"dana": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined), PU, MSG(ParticipantJoined)",
			"ines": "SC(Invited), SC(Chatting), PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined)",
			"pat":  "ParticipantJoined",
		},
	},
	{
		file: "6.8-barge-in", about: "The same, seen by everybody.",
		given: []string{bargeInDana, danaReady, "pat: comes"}, when: `dana: Accept {"nickname":"Dana"}`,
		told: hears{
			"dana": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined), PU, MSG(ParticipantJoined)",
			"ines": "SC(Invited), SC(Chatting), PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined)",
			"pat":  "ParticipantJoined, ParticipantJoined",
		},
	},
	{
		file: "6.8-monitor-joins-another-supervisor", about: "Lena listens already. She sees Ines join, and nobody else does.",
		given: then(lenaListens, `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Monitor"}`),
		when:  `ines: Accept {"nickname":"Ines"}`,
		told: hears{
			"lena": "PU, MSG(ParticipantJoined)",
			"ines": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined ParticipantJoined)",
		},
	},
	{
		file: "6.8-switch-seen-by-another-supervisor", about: "Ines shows herself to Dana. Lena, who has seen her all the time, is told what Dana is told.",
		given: then(lenaListens, `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Monitor"}`, `ines: Accept {"nickname":"Ines"}`),
		when:  "ines: SwitchToCoach",
		told:  hears{"lena": "PU, MSG(ParticipantJoined)", "ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantJoined)"},
	},
	{
		file: "6.8-switch-back-seen-by-another-supervisor", about: "Ines hides from Dana, not from Lena.",
		given: then(lenaListens, `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`, `ines: Accept {"nickname":"Ines"}`),
		when:  "ines: SwitchToMonitor",
		told:  hears{"lena": "PU, MSG(ParticipantLeft)", "ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantLeft)"},
	},
	{
		file: "6.8-intrude", about: "Ines wants to join a chat that Dana is in already. She is invited.",
		given: talking, when: `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`,
		told: hears{"ines": "SC(Invited)+ref"},
	},
	{
		file: "6.8-intrude-accepted", about: "And accepts, as any agent.",
		given: then(talking, `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`), when: `ines: Accept {"nickname":"Ines"}`,
		told: hears{"ines": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined)", "dana": "PU, MSG(ParticipantJoined)"},
	},
	{
		file: "6.8-intrude-accepted-unseen", about: "In the mode Monitor nobody notices.",
		given: then(talking, `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Monitor"}`), when: `ines: Accept {"nickname":"Ines"}`,
		told: hears{"ines": "SC(Chatting)+ref, PU, MSG(ParticipantJoined Text ParticipantJoined ParticipantJoined)"},
	},
	{
		file: "6.8-intrude-rejected", about: "Ines thinks better of it.",
		given: then(talking, `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`), when: `ines: Reject`,
		told: hears{"ines": "SC(Completed)+ref"},
	},
	{
		file: "6.8-intrude-elsewhere", about: "Omar is not in that chat.",
		given: then(talking, omarReady), when: `ines: POST /users/<omar>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`, answers: `{"statusCode":6,`,
	},
	{
		file: "6.8-switch-monitor-to-coach", about: "Ines shows herself to Dana. To herself it is a Notice without words.",
		given: monitored, when: "ines: SwitchToCoach",
		told: hears{"ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantJoined)"},
	},
	{
		file: "6.8-switch-monitor-to-barge-in", about: "Ines shows herself to everybody.",
		given: monitored, when: "ines: SwitchToBargeIn",
		told: hears{"ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantJoined)", "pat": "ParticipantJoined"},
	},
	{
		file: "6.8-switch-coach-to-barge-in", about: "Ines, whom Dana sees, shows herself to Pat, too. The name is the one that old samples have.",
		given: coached, when: "ines: SwitchBargeIn",
		told: hears{"ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantJoined)", "pat": "ParticipantJoined"},
	},
	{
		file: "6.8-switch-barge-in-to-coach", about: "Ines hides from Pat. The event has the visibility that she had.",
		given: bargedIn, when: "ines: SwitchToCoach",
		told: hears{"ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantLeft)", "pat": "ParticipantLeft"},
	},
	{
		file: "6.8-switch-barge-in-to-monitor", about: "Ines hides from everybody.",
		given: bargedIn, when: "ines: SwitchToMonitor",
		told: hears{"ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantLeft)", "pat": "ParticipantLeft"},
	},
	{
		file: "6.8-switch-coach-to-monitor", about: "Ines hides from Dana.",
		given: coached, when: "ines: SwitchToMonitor",
		told: hears{"ines": "PU, MSG(Notice)", "dana": "PU, MSG(ParticipantLeft)"},
	},
	{
		file: "6.8-switch-to-the-same", about: "The mode that she has already.",
		given: coached, when: "ines: SwitchToCoach", answers: `{"statusCode":2,`,
	},
	{
		file: "6.8-monitor-hears", about: "Ines gets what Pat says; Dana does not know.",
		given: monitored, when: "pat: send message=At last",
		told: hears{"dana": "MSG(Text)", "ines": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "6.8-monitor-writes", about: "A supervisor who listens cannot write.",
		given: monitored, when: `ines: SendMessage {"text":"Hello Pat"}`, answers: `{"statusCode":3,`,
	},
	{
		file: "6.8-coach-writes", about: "Ines writes to Dana.",
		given: coached, when: `ines: SendToAgents {"text":"Refund her"}`,
		told: hears{"dana": "MSG(Text)", "ines": "MSG(Text)"},
	},
	{
		file: "6.8-barge-in-writes", about: "Ines writes to Pat.",
		given: bargedIn, when: `ines: SendMessage {"text":"We will refund you"}`,
		told: hears{"dana": "MSG(Text)", "ines": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "6.8-monitor-leaves", about: "Ines has heard enough of this chat. Dana does not notice.",
		given: monitored, when: "ines: Leave",
		told: hears{"ines": "SC(Completed)+ref"},
	},
	{
		file: "6.8-coach-leaves", about: "Dana sees her coach go.",
		given: coached, when: "ines: Leave",
		told: hears{"ines": "SC(Completed)+ref", "dana": "MSG(ParticipantLeft), PU"},
	},
	{
		file: "6.8-watched-agent-leaves", about: "Dana, whom Ines watches, leaves; Omar is still there. So Ines stays.",
		given: then(monitored, `dana: Invite {"targetPath":"/users/<omar>"}`, `omar: Accept {"nickname":"Omar"}`), when: "dana: Leave",
		told: hears{"dana": "SC(Completed)+ref", "omar": "MSG(ParticipantLeft), PU", "ines": "MSG(ParticipantLeft), PU", "pat": "ParticipantLeft"},
	},
	{
		file: "6.8-last-agent-leaves", about: "Dana, the last agent whom Pat sees, leaves. A supervisor does not count, even one who has barged in.",
		given: bargedIn, when: "dana: Leave",
		told: hears{"dana": "SC(LeftChat)+ref", "ines": "SC(Revoked)", "pat": "ParticipantLeft, ParticipantLeft, chat ended"},
	},
	{
		file: "6.8-completed", about: "Dana completes the chat that Ines watches.",
		given: monitored, when: "dana: Complete",
		told: hears{"dana": "SC(Completed)+ref", "ines": "SC(Revoked)", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "6.8-placed-in-queue", about: "Dana puts the chat that Ines watches into a queue.",
		given: monitored, when: `dana: Transfer {"queueName":"billing"}`,
		told: hears{"dana": "SC(Completed)+ref", "ines": "SC(Revoked)", "pat": "ParticipantLeft"},
	},
	{
		file: "6.8-customer-leaves", about: "Pat leaves. Ines keeps what does not go to the customer.",
		given: coached, when: "pat: disconnect",
		told: hears{"dana": "MSG(ParticipantLeft), PU", "ines": "MSG(ParticipantLeft), PU", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "6.8-supervisor-logs-out", about: "Ines logs out: her watching ends with her log-in. Dana does not notice.",
		given: monitored, when: `ines: POST /me {"operationName":"EndContactCenterSession"}`,
		told: hears{"ines": "SC(Revoked), channels(chat Offline)"},
	},
	{
		file: "2.6-log-out-by-a-supervisor", about: "Ines logs Dana out of chat in the middle of one (6.3). For the chat it is as if Dana had logged out.",
		given: then(talking, lenaReady), when: `ines: POST /users/<dana>/channels/chat {"operationName":"Offline"}`,
		told: hears{"dana": "SC(Revoked), channels(chat Offline)", "lena": "SC(Invited)", "pat": "ParticipantLeft"},
	},
	{
		file: "4.8-transfer-to-the-coach", about: "Dana hands the chat to Ines, who coaches her.",
		given: coached, when: `dana: Transfer {"targetPath":"/users/<ines>"}`,
		told: hears{"dana": "SC(Completed)+ref", "ines": "PU, MSG(ParticipantJoined), MSG(ParticipantLeft)", "pat": "ParticipantJoined, ParticipantLeft"},
	},
	{
		file: "4.11-remove-the-coach", about: "Dana removes her coach.",
		given: coached, when: `dana: RemoveParticipantFromConference {"targetPath":"/users/<ines>"}`,
		told: hears{"dana": "PU, MSG(ParticipantLeft)", "ines": "SC(Completed)"},
	},
	{
		file: "4.11-remove-an-unseen-supervisor", about: "Whom Dana does not see she cannot remove: the answer is the one for somebody who is not there.",
		given: then(monitored, `dana: Invite {"targetPath":"/users/<omar>"}`, `omar: Accept {"nickname":"Omar"}`),
		when:  `dana: RemoveParticipantFromConference {"targetPath":"/users/<ines>"}`, answers: `{"statusCode":6,`,
	},
	{
		file: "5.3-supervisor-sets-state", about: "Ines sets Dana's state (6.3). It is Dana who is told.",
		given: []string{danaReady}, when: `ines: POST /users/<dana>/channels/chat {"operationName":"NotReady"}`,
		told: hears{"dana": "channels(chat Not Ready)"},
	},
	{
		file: "5.3-supervisor-logs-agent-out", about: "Ines logs Dana out of chat (6.3).",
		given: []string{danaReady}, when: `ines: POST /users/<dana>/channels/chat {"operationName":"Offline"}`,
		told: hears{"dana": "channels(chat Offline)"},
	},
	{
		file: "3.5-monitor", about: "Ines listens. She can write to nobody.",
		given: monitored, when: "ines: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Leave","SetInFocus","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData","SwitchToCoach","SwitchToBargeIn"]`,
	},
	{
		file: "3.5-alone-with-a-monitor", about: "Dana's list does not tell that Ines listens.",
		given: monitored, when: "dana: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Transfer","Leave","Invite","Consult","SetInFocus","SetDisposition","AttachUserData","DeleteUserData",` +
			`"UpdateUserData","Complete","SendMessage","SendUrl","SendStartTypingNotification","SendStopTypingNotification","SendCustomNotice"]`,
	},
	{
		file: "3.5-together-with-a-coach", about: "A coach is another agent, to Dana.",
		given: coached, when: "dana: GET /me/chats/<chat>?fields=state,capabilities", answers: together,
	},
	{
		file: "3.5-coach", about: "Ines coaches.",
		given: coached, when: "ines: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Leave","SetInFocus","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData","SendToAgents",` +
			`"SendStartTypingToAgentsNotification","SendStopTypingToAgentsNotification","SwitchToMonitor","SwitchToBargeIn"]`,
	},
	{
		file: "3.5-barge-in", about: "Ines has barged in. Completing is the agents' matter.",
		given: bargedIn, when: "ines: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Leave","SetInFocus","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData","Transfer","Invite","Consult",` +
			`"SendToAgents","SendStartTypingToAgentsNotification","SendStopTypingToAgentsNotification","SendMessage","SendStartTypingNotification",` +
			`"SendStopTypingNotification","SwitchToMonitor","SwitchToCoach"]`,
	},
	{
		file: "3.5-barge-in-without-customer", about: "Pat has gone: what would go to her is gone from the list.",
		given: then(bargedIn, "pat: disconnect"), when: "ines: GET /me/chats/<chat>?fields=state,capabilities",
		answers: `"state":"Chatting","capabilities":["Leave","SetInFocus","SetDisposition","AttachUserData","DeleteUserData","UpdateUserData",` +
			`"SendToAgents","SendStartTypingToAgentsNotification","SendStopTypingToAgentsNotification","SwitchToMonitor","SwitchToCoach"]`,
	},
}
