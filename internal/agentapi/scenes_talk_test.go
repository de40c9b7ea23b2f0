package agentapi

// messages: agent-api 4.4. Omar is consulted, so he gets what Pat gets, and what is for agents only.
var messages = []scene{
	{
		file: "4.4-SendMessage", about: "Dana writes to everybody. There is no referenceId: she knows her own text by from.uri.",
		given: consulting, when: `dana: SendMessage {"text":"Hello Pat"}`,
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "4.4-SendMessage-as-system", about: "A text with a type and a treatment of its own. The type is shown to agents only with the option includeMessageType (5.2.6).",
		given: consulting, when: `dana: SendMessage {"text":"We close in ten minutes","messageType":"Closing","treatAs":"System"}`,
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "4.4-SendToAgents", about: "Dana writes to the agents only.",
		given: consulting, when: `dana: SendToAgents {"text":"Refund her?"}`,
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)"},
	},
	{
		file: "4.4-SendToAgents-by-the-consulted", about: "Omar answers.",
		given: consulting, when: `omar: SendToAgents {"text":"Refund her"}`,
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)"},
	},
	{
		file: "4.4-SendUrl", about: "Dana has Pat's browser open a page.",
		given: consulting, when: `dana: SendUrl {"url":"https://example.com/track?parcel=12&lang=en"}`,
		told: hears{"dana": "MSG(PushUrl)", "omar": "MSG(PushUrl)", "pat": "PushUrl"},
	},
	{
		file: "4.4-SendCustomNotice", about: "A notice whose meaning the two applications have agreed on.",
		given: consulting, when: `dana: SendCustomNotice {"noticeText":"survey:12"}`,
		told: hears{"dana": "MSG(CustomNotice)", "omar": "MSG(CustomNotice)", "pat": "CustomNotice"},
	},
	{
		file: "4.4-SendCustomNoticeToAgents", about: "The same, for agents only.",
		given: consulting, when: `dana: SendCustomNoticeToAgents {"noticeText":"case:12"}`,
		told: hears{"dana": "MSG(CustomNotice)", "omar": "MSG(CustomNotice)"},
	},
	{
		file: "4.4-SendStartTypingNotification", about: "Dana types.",
		given: consulting, when: `dana: SendStartTypingNotification`,
		told: hears{"dana": "MSG(TypingStarted)", "omar": "MSG(TypingStarted)", "pat": "TypingStarted"},
	},
	{
		file: "4.4-SendStartTypingNotification-again", about: "Dana types on. It is delivered again, at most once in a second.",
		given: then(consulting, `dana: SendStartTypingNotification`, "wait 2s"), when: `dana: SendStartTypingNotification`,
		told: hears{"dana": "MSG(TypingStarted)", "omar": "MSG(TypingStarted)", "pat": "TypingStarted"},
	},
	{
		file: "4.4-SendStartTypingNotification-too-soon", about: "Less than a second later it is accepted, and nothing more.",
		given: then(consulting, `dana: SendStartTypingNotification`, "wait 500ms"), when: `dana: SendStartTypingNotification`,
	},
	{
		file: "4.4-SendStopTypingNotification", about: "Dana types no more.",
		given: then(consulting, `dana: SendStartTypingNotification`), when: `dana: SendStopTypingNotification`,
		told: hears{"dana": "MSG(TypingStopped)", "omar": "MSG(TypingStopped)", "pat": "TypingStopped"},
	},
	{
		file: "4.4-SendStopTypingNotification-without-typing", about: "Dana does not type, and says so. It is delivered all the same.",
		given: consulting, when: `dana: SendStopTypingNotification`,
		told: hears{"dana": "MSG(TypingStopped)", "omar": "MSG(TypingStopped)", "pat": "TypingStopped"},
	},
	{
		file: "4.4-SendStartTypingToAgentsNotification", about: "Dana types something for the agents only.",
		given: consulting, when: `dana: SendStartTypingToAgentsNotification`,
		told: hears{"dana": "MSG(TypingStarted)", "omar": "MSG(TypingStarted)"},
	},
	{
		file: "4.4-SendStopTypingToAgentsNotification", about: "And types no more.",
		given: then(consulting, `dana: SendStartTypingToAgentsNotification`), when: `dana: SendStopTypingToAgentsNotification`,
		told: hears{"dana": "MSG(TypingStopped)", "omar": "MSG(TypingStopped)"},
	},
	{
		file: "4.4-typing-ends-by-itself", about: "Dana's desktop has said that she types, and then nothing for 30 seconds.",
		given: then(consulting, `dana: SendStartTypingNotification`), when: "wait 30s",
		told: hears{"dana": "MSG(TypingStopped)", "omar": "MSG(TypingStopped)", "pat": "TypingStopped"},
	},
}

// customers: agent-api 4.5.
var customers = []scene{
	{
		file: "4.5-customer-writes", about: "Pat writes.",
		given: consulting, when: "pat: send message=At last",
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "4.5-customer-writes-with-attributes", about: "Her client may give a text attributes; agents get them as they are (5.2.1).",
		given: consulting, when: `pat: send message=At last&messageType=text&eventAttributes={"general-properties":{"related-event-id":"3"}}`,
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "4.5-customer-types", about: "Pat types.",
		given: consulting, when: "pat: startTyping",
		told: hears{"dana": "MSG(TypingStarted)", "omar": "MSG(TypingStarted)", "pat": "TypingStarted"},
	},
	{
		file: "4.5-customer-types-with-preview", about: "Where the service allows it, agents see what she has typed so far (5.2.2).",
		given: []string{danaReady, "pat: comes through shop", `dana: Accept {"nickname":"Dana"}`}, when: "pat: startTyping message=My par",
		told: hears{"dana": "MSG(TypingStarted)", "pat": "TypingStarted"},
	},
	{
		file: "4.5-customer-stops-typing", about: "Pat types no more.",
		given: then(consulting, "pat: startTyping"), when: "pat: stopTyping",
		told: hears{"dana": "MSG(TypingStopped)", "omar": "MSG(TypingStopped)", "pat": "TypingStopped"},
	},
	{
		file: "4.5-customer-leaves", about: "Pat leaves. The agents are still Chatting: what tells them is that no participant is a Customer, and their shorter lists.",
		given: consulting, when: "pat: disconnect",
		told: hears{"dana": "MSG(ParticipantLeft), PU", "omar": "MSG(ParticipantLeft), PU", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "4.5-customer-leaves-while-offered", about: "Pat leaves while her chat still rings.",
		given: offered, when: "pat: disconnect",
		told: hears{"dana": "SC(Revoked)", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "4.5-customer-is-lost", about: "Pat's browser has not been heard of for as long as the service waits.",
		given: []string{danaReady, "pat: comes through shop", `dana: Accept {"nickname":"Dana"}`}, when: "wait 46s",
		told: hears{"dana": "MSG(ParticipantLeft), PU", "pat": "ParticipantLeft, chat ended"},
	},
	{
		file: "4.5-customer-changes-data", about: "Pat's browser attaches data. Lena, who is only invited, is told too.",
		given: then(consulting, `dana: Invite {"targetPath":"/users/<lena>"}`), when: "pat: updateData userData[Order]=12",
		told: hears{"dana": "PROP", "omar": "PROP", "lena": "PROP"},
	},
}

// data: agent-api 4.12, 4.13. Omar is consulted, and Lena invited.
var data = []scene{
	{
		file: "4.12-AttachUserData", about: "Dana adds pairs. Everybody gets the full set; the referenceId is for her alone. Values keep their digits.",
		given: then(consulting, `dana: Invite {"targetPath":"/users/<lena>"}`), when: `dana: AttachUserData {"userData":{"Parcel":12,"Rate":1.50,"Case":null,"Subject":"Lost parcel"}}`,
		told: hears{"dana": "PROP+ref", "omar": "PROP", "lena": "PROP"},
	},
	{
		file: "4.12-UpdateUserData", about: "Omar overwrites a value; the other keys stay.",
		given: then(consulting, `dana: AttachUserData {"userData":{"Parcel":12}}`), when: `omar: UpdateUserData {"userData":{"Parcel":13}}`,
		told: hears{"dana": "PROP", "omar": "PROP+ref"},
	},
	{
		file: "4.12-DeleteUserData", about: "Dana removes keys. One that is not there is no matter.",
		given: then(consulting, `dana: AttachUserData {"userData":{"Parcel":12}}`), when: `dana: DeleteUserData {"keys":["Parcel","Colour"]}`,
		told: hears{"dana": "PROP+ref", "omar": "PROP"},
	},
	{
		file: "4.12-SetDisposition", about: "Dana notes how it went, under the configured key.",
		given: consulting, when: `dana: SetDisposition {"disposition":"refunded"}`,
		told: hears{"dana": "PROP+ref", "omar": "PROP"},
	},
	{
		file: "4.12-SetDisposition-with-key", about: "The same under another key, while she wraps up.",
		given: then(talking, "dana: Leave"), when: `dana: SetDisposition {"disposition":"refunded","dispositionKey":"Outcome"}`,
		told: hears{"dana": "PROP+ref"},
	},
	{
		file: "4.13-SetInFocus", about: "Dana looks at the chat. That is noted, and told to nobody.",
		given: consulting, when: "dana: SetInFocus",
	},
	{
		file: "4.16-InFocus", about: "The same by its old name, at the address before 2014.",
		given: talking, when: `dana: POST /me/interactions/<chat> {"operationName":"InFocus","inFocus":true}`,
	},
}

// reading: agent-api 4.15.
var reading = []scene{
	{
		file: "4.15-chats", about: "Which chats Dana has.",
		given: talking, when: "dana: GET /me/chats",
	},
	{
		file: "4.15-chats-with-fields", about: "And what they are: all live ones, no finished one. streamPosition is where a subscription goes on from (2.6).",
		given: consulting, when: "omar: GET /me/chats?fields=*",
	},
	{
		file: "4.15-chat", about: "One chat.",
		given: talking, when: "dana: GET /me/chats/<chat>",
	},
	{
		file: "4.15-messages", about: "What Dana may see of the transcript. Typing is left out, and has used up an index.",
		given: then(consulting, "pat: startTyping", "pat: send message=Hello?", `omar: SendToAgents {"text":"Refund her"}`), when: "dana: GET /me/chats/<chat>/messages",
	},
	{
		file: "4.15-messages-page", about: "Two messages, from index 5 on: it is compared with index, so what was typing is passed over.",
		given: then(consulting, "pat: startTyping", "pat: send message=Hello?", `omar: SendToAgents {"text":"Refund her"}`, `dana: SendMessage {"text":"Yes"}`),
		when:  "dana: GET /me/chats/<chat>/messages?startIndex=5&count=2",
	},
	{
		file: "4.15-messages-after-leaving", about: "In LeftChat the transcript is all there.",
		given: then(talking, `dana: Leave {"text":"Good bye"}`), when: "dana: GET /me/chats/<chat>/messages",
	},
	{
		file: "4.15-messages-while-invited", about: "There is nothing to read before Accept.",
		given: offered, when: "dana: GET /me/chats/<chat>/messages", answers: `{"statusCode":2,`,
	},
}

// types: agent-api 5.2.6.
var types = []scene{
	{
		file: "5.2.6-message-with-type", about: "With the option, agents see the type that was given with a text.",
		given: then([]string{includeMessageType}, consulting...), when: `dana: SendMessage {"text":"Hello Pat","messageType":"Greeting"}`,
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "5.2.6-message-without-type", about: "None was given.",
		given: then([]string{includeMessageType}, consulting...), when: `dana: SendMessage {"text":"Hello Pat"}`,
		told: hears{"dana": "MSG(Text)", "omar": "MSG(Text)", "pat": "Message"},
	},
	{
		file: "5.2.6-farewell-without-type", about: "A farewell has the type Text then.",
		given: then([]string{includeMessageType}, conferring...), when: `dana: Leave {"text":"Good bye"}`,
		told: hears{"dana": "MSG(Text), SC(Completed)+ref", "omar": "MSG(Text), MSG(ParticipantLeft), PU", "pat": "Message, ParticipantLeft"},
	},
	{
		file: "5.2.6-customer-message-with-type", about: "The type that Pat's client gave.",
		given: then([]string{includeMessageType}, talking...), when: "pat: send message=At last&messageType=text",
		told: hears{"dana": "MSG(Text)", "pat": "Message"},
	},
}
