package agentapi

import (
	"strings"
	"testing"
	"testing/synctest"
)

// busy: Dana consults Omar, and has invited Lena, who has not answered. Ines is logged in, and has no part in it.
var busy = then(consulting, `dana: Invite {"targetPath":"/users/<lena>"}`)

// parameter is what an operation is given. The rest of what it needs is with it, so that nothing else is wrong.
type parameter struct {
	operation, name string
	rest            string // the operation's other parameters
	by              string // "": Dana
}

func (p parameter) body(value string) string {
	members := []string{`"operationName":"` + p.operation + `"`}
	if p.rest != "" {
		members = append(members, p.rest)
	}
	if value != "" {
		members = append(members, `"`+p.name+`":`+value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// needs are the parameters without which an operation is refused with 1: missing, null, or with nothing in them (agent-api 4.0, 4.4 to 4.12).
var needs = map[string][]parameter{
	"string": {
		{operation: "SendMessage", name: "text"},
		{operation: "SendToAgents", name: "text"},
		{operation: "SendToAgents", name: "text", by: "omar"},
		{operation: "SendUrl", name: "url"},
		{operation: "SendCustomNotice", name: "noticeText"},
		{operation: "SendCustomNoticeToAgents", name: "noticeText"},
		{operation: "SetDisposition", name: "disposition"},
		{operation: "SetDisposition", name: "disposition", rest: `"dispositionKey":"k"`},
		{operation: "Transfer", name: "targetUri"},
		{operation: "Transfer", name: "targetPath"},
		{operation: "Transfer", name: "queueName"},
		{operation: "Consult", name: "targetUri"},
		{operation: "Consult", name: "targetPath"},
		{operation: "Invite", name: "targetUri"},
		{operation: "Invite", name: "targetPath"},
		{operation: "RemoveParticipantFromConference", name: "targetUri"},
		{operation: "RemoveParticipantFromConference", name: "targetPath"},
		{operation: "RemoveParticipantFromConference", name: "userUri"},
		{operation: "ReportResponseTemplateUsage", name: "responseTemplateId"},
		{operation: "ReportResponseTemplateUsage", name: "responseTemplateId", by: "lena"},
	},
	"object": {{operation: "AttachUserData", name: "userData"}, {operation: "UpdateUserData", name: "userData"}},
	"array":  {{operation: "DeleteUserData", name: "keys"}},
}

// takes are the parameters that may be left out.
var takes = map[string][]parameter{
	"string": {
		{operation: "SendMessage", name: "messageType", rest: `"text":"x"`},
		{operation: "SendMessage", name: "treatAs", rest: `"text":"x"`},
		{operation: "SendToAgents", name: "messageType", rest: `"text":"x"`},
		{operation: "SendToAgents", name: "treatAs", rest: `"text":"x"`},
		{operation: "Leave", name: "text"},
		{operation: "Leave", name: "messageType", rest: `"text":"x"`},
		{operation: "Leave", name: "treatAs", rest: `"text":"x"`},
		{operation: "Complete", name: "text"},
		{operation: "Complete", name: "messageType", rest: `"text":"x"`},
		{operation: "Complete", name: "queueName"},
		{operation: "Transfer", name: "text", rest: `"queueName":"billing"`},
		{operation: "Transfer", name: "treatAs", rest: `"queueName":"billing","text":"x"`},
		{operation: "RemoveParticipantFromConference", name: "text", rest: `"targetPath":"/users/<omar>"`},
		{operation: "SetDisposition", name: "dispositionKey", rest: `"disposition":"x"`},
		{operation: "Accept", name: "nickname", by: "lena"},
		{operation: "ReportResponseTemplateUsage", name: "usageType", rest: `"responseTemplateId":"x"`},
		{operation: "ReportResponseTemplateUsage", name: "responseType", rest: `"responseTemplateId":"x"`},
	},
	"flag": {{operation: "Accept", name: "saveLAR", by: "lena"}, {operation: "Complete", name: "saveLAR"}},
}

// wrongTypes are values that a parameter of a type can't have.
var wrongTypes = map[string][]string{
	"string": {`7`, `-1.5e3`, `true`, `false`, `{}`, `[]`, `["x"]`, `{"text":"x"}`},
	"object": {`7`, `true`, `"x"`, `""`, `[]`, `[{"a":1}]`},
	"array":  {`7`, `true`, `"x"`, `{}`, `{"0":"x"}`, `[7]`, `["a",null]`, `["a",["b"]]`},
	"flag":   {`7`, `0`, `"yes"`, `"TRUE"`, `""`, `{}`, `[true]`},
}

// nothing are the ways to say nothing: left out, null, or nothing in it.
var nothing = map[string][]string{"string": {``, `null`, `""`}, "object": {``, `null`, `{}`}, "array": {``, `null`, `[]`}}

// TestWrongParameters: what is wrong with a parameter is refused, and nothing has changed (agent-api 4.0, 4.4 to 4.12, faults B2, B7, B8, B9, B12). Each type of
// each parameter comes first, then the values, then pairs of faults, of which the table of 4.0 tells the first.
func TestWrongParameters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, busy)
		before := s.look()
		refused := func(by, body, code, text string) {
			t.Helper()
			if by == "" {
				by = "dana"
			}
			r := s.agents[by].post("/api/v2/me/chats/"+s.pat.chatID, s.real(body))
			if r.code() != code || r.status != httpStatus[code] || !strings.Contains(r.message(), text) {
				t.Errorf("%s: %.300s: %d %s, want %s, %q", by, body, r.status, r.body, code, text)
			}
		}
		for kind, list := range needs {
			for _, p := range list {
				for _, none := range nothing[kind] {
					refused(p.by, p.body(none), "1", p.name)
				}
				for _, value := range wrongTypes[kind] {
					refused(p.by, p.body(value), "10", p.name)
				}
			}
		}
		for kind, list := range takes {
			for _, p := range list {
				for _, value := range wrongTypes[kind] {
					refused(p.by, p.body(value), "10", p.name)
				}
			}
		}
		s.unchanged(before, "a wrong type")
		for _, c := range wrongValues {
			by, operation, ok := strings.Cut(c.operation, ": ")
			if !ok {
				by, operation = "", c.operation
			}
			refused(by, attempt{operation: operation}.body(c.parameters), c.code, c.text)
			s.unchanged(before, c.operation+" "+c.parameters)
		}
	})
}

// long is a text of n code points.
func long(n int) string { return strings.Repeat("ж", n) }

// A farewell that is wrong, and a target that is.
const (
	half        = `"treatAs":"Normal"` // without a text
	loud        = `"text":"x","treatAs":"Loud"`
	nobodyThere = `"targetPath":"/users/00000000000000000000000000000000"`
)

// wrongValues are right in type. Those with two faults are told of the one whose check comes first (agent-api 4.0).
var wrongValues = []struct{ operation, parameters, code, text string }{
	{"SendMessage", `"text":"` + long(14_001) + `"`, "10", "14000"},
	{"SendToAgents", `"text":"` + long(14_001) + `"`, "10", "14000"},
	{"SendMessage", `"text":"x","messageType":"` + long(256) + `"`, "10", "messageType"},
	{"SendMessage", `"text":"x","treatAs":"system"`, "10", "treatAs must be Normal or System"},
	{"SendCustomNotice", `"noticeText":"` + long(14_001) + `"`, "10", "noticeText"},
	{"omar: SendCustomNoticeToAgents", `"noticeText":"` + long(14_001) + `"`, "10", "noticeText"},
	{"SendUrl", `"url":"javascript:alert(1)"`, "10", "url"},
	{"SendUrl", `"url":"data:text/html,x"`, "10", "url"},
	{"SendUrl", `"url":"/help"`, "10", "url"},
	{"SendUrl", `"url":"//example.com/"`, "10", "url"},
	{"SendUrl", `"url":"http://"`, "10", "url"},
	{"SendUrl", `"url":"ftp://example.com/"`, "10", "url"},
	{"SendUrl", `"url":" https://example.com/"`, "10", "url"},
	{"SendUrl", `"url":"http://[::1/"`, "10", "url"},
	{"SendUrl", `"url":"https://example.com/` + long(2048) + `"`, "10", "2048"},
	{"AttachUserData", `"userData":{"` + long(256) + `":1}`, "10", "255"},
	{"UpdateUserData", `"userData":{"good":1,"bad":"` + strings.Repeat("x", 4097) + `"}`, "10", "4096"},
	{"AttachUserData", `"userData":{` + manyKeys(201) + `}`, "10", "200"},
	{"DeleteUserData", `"keys":["Subject","` + long(256) + `"]`, "10", "255"},
	{"SetDisposition", `"disposition":"` + long(256) + `"`, "10", "255"},
	{"SetDisposition", `"disposition":"x","dispositionKey":"` + long(256) + `"`, "10", "255"},
	{"lena: Accept", `"nickname":"` + long(256) + `"`, "10", "255"},

	{"Leave", half, "1", "text"},
	{"Leave", `"messageType":"Bye"`, "1", "text"},
	{"Leave", loud, "10", "treatAs"},
	{"Complete", half, "1", "text"},
	{"Complete", `"text":"` + long(14_001) + `"`, "10", "14000"},
	{"Transfer", `"queueName":"billing",` + half, "1", "text"},
	{"Transfer", `"queueName":"billing",` + loud, "10", "treatAs"},
	{"RemoveParticipantFromConference", `"targetPath":"/users/<omar>","messageType":"Bye"`, "1", "text"},

	{"Transfer", `"targetPath":"dana"`, "10", "/users/{id}"},
	{"Transfer", `"targetPath":"/skills/<lena>"`, "10", "/users/{id}"},
	{"Transfer", `"targetPath":"/users/"`, "10", ""},
	{"Transfer", `"targetPath":"/users/<lena>/.."`, "10", ""},
	{"Transfer", `"targetUri":"/users/<lena>"`, "10", "/users/{id}"},
	{"Transfer", `"targetUri":"javascript://x/users/<lena>"`, "10", ""},
	{"Transfer", `"targetPath":"/users/` + strings.Repeat("a", 4096) + `"`, "10", ""},
	{"Transfer", `"queueName":"billing","targetPath":"/users/<ines>"`, "10", "one target"},
	{"Transfer", `"targetUri":"http://x/users/<ines>","targetPath":"/users/<ines>"`, "10", "one target"},
	{"Consult", `"queueName":"billing"`, "1", "targetUri"},
	{"RemoveParticipantFromConference", `"targetPath":"/queues/<queue billing>"`, "10", "user"},
	{"Transfer", nobodyThere, "6", "targetPath"},
	{"Consult", nobodyThere, "6", "targetPath"},
	{"Invite", `"targetPath":"/queues/<lena>"`, "6", "targetPath"},
	{"Consult", `"targetPath":"/contacts/x"`, "6", "targetPath"},
	{"RemoveParticipantFromConference", nobodyThere, "6", "targetPath"},
	{"Transfer", `"queueName":"Billing"`, "6", "queueName"},
	{"Complete", `"queueName":"nowhere"`, "6", "queueName"},
	{"RemoveParticipantFromConference", `"targetPath":"/users/<ines>"`, "6", "not in the chat"},
	{"RemoveParticipantFromConference", `"targetPath":"/users/<lena>"`, "6", "not in the chat"}, // she is only invited

	{"Transfer", `"targetPath":"/users/<dana>"`, "2", "yourself"},
	{"Consult", `"targetPath":"/contacts/<dana>"`, "2", "yourself"},
	{"Invite", `"targetUri":"http://x/api/v2/users/<dana>"`, "2", "yourself"},
	{"RemoveParticipantFromConference", `"userUri":"http://x/api/v2/users/<dana>"`, "2", "yourself"},
	{"Consult", `"targetPath":"/users/<omar>"`, "2", "in the chat already"},
	{"Consult", `"targetPath":"/users/<lena>"`, "2", "invited already"},
	{"Invite", `"targetPath":"/users/<lena>"`, "2", "invited already"},
	{"Transfer", `"targetPath":"/users/<lena>"`, "2", "invited already"},
	{"Transfer", `"targetPath":"/users/<admin>"`, "2", "not available on chat"},
	{"Invite", `"targetPath":"/users/<guest>"`, "2", "not available on chat"},
	{"Consult", `"targetPath":"/users/<guest>"`, "2", "not available on chat"},

	// Two faults.
	{"SendMessage", `"treatAs":"Loud"`, "1", "text"},
	{"Transfer", nobodyThere + `,` + half, "1", "text"},
	{"Transfer", nobodyThere + `,` + loud, "10", "treatAs"},
	{"Transfer", nobodyThere + `,"text":"` + long(14_001) + `"`, "10", "14000"},
	{"Transfer", nobodyThere + `,"text":7`, "10", "text"},
	{"Transfer", `"queueName":"nowhere","text":"x","messageType":"` + long(256) + `"`, "10", "messageType"},
	{"Transfer", nobodyThere + `,"queueName":"billing"`, "10", "one target"},
	{"Transfer", `"queueName":7,"targetPath":"/users/<dana>"`, "10", "queueName"},
	{"Transfer", `"targetPath":"/users/<dana>",` + half, "1", "text"},
	{"Transfer", `"targetPath":"/users/<guest>",` + loud, "10", "treatAs"},
	{"Complete", `"queueName":"nowhere",` + half, "1", "text"},
	{"Complete", `"queueName":"nowhere","saveLAR":"yes"`, "10", "saveLAR"},
	{"RemoveParticipantFromConference", nobodyThere + `,` + half, "1", "text"},
	{"RemoveParticipantFromConference", `"targetPath":"/users/<dana>",` + loud, "10", "treatAs"},
	{"RemoveParticipantFromConference", `"targetPath":"/users/<ines>",` + half, "1", "text"},
	{"ReportResponseTemplateUsage", `"responseTemplateId":"x","usageType":"Read"`, "10", "usageType"},
	{"ReportResponseTemplateUsage", `"usageType":"Read"`, "1", "responseTemplateId"},
	{"omar: SendMessage", `"text":7`, "3", "possible now"},
	{"lena: SendMessage", `"text":7`, "2", "Accept, Reject"},
	{"ines: Accept", `"nickname":7`, "6", "no such chat"},
}

// TestPendingTransfer: while one is pending, a second one is refused for its parameters (agent-api 3.5, 4.8); what is wrong with its target is told before.
func TestPendingTransfer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, then(talking, `dana: Transfer {"targetPath":"/users/<omar>"}`))
		before := s.look()
		for parameters, code := range map[string]string{
			`"targetPath":"/users/<lena>"`: "2", `"targetPath":"/users/<omar>"`: "2", `"queueName":"billing"`: "2",
			nobodyThere: "6", `"queueName":"nowhere"`: "6", half: "1", `"targetPath":"/users/<lena>",` + loud: "10",
		} {
			if r := s.agents["dana"].post("/api/v2/me/chats/"+s.pat.chatID, s.real(attempt{operation: "Transfer"}.body(parameters))); r.code() != code {
				t.Errorf("%s: %s, want %s", parameters, r.body, code)
			}
		}
		s.unchanged(before, "a second transfer")
	})
}

// TestSupervisorsWrongParameters: the same for what supervisors do at their own addresses (agent-api 6.8); the order of checks is in TestWatchingIsRefusedInOrder.
func TestSupervisorsWrongParameters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, busy)
		channel, intrusion := "/api/v2/users/<dana>/channels/chat", "/api/v2/users/<dana>/chats/<chat>"
		before := s.look()
		refused := func(path, body, code, text string) {
			t.Helper()
			r := s.agents["ines"].post(s.real(path), s.real(body))
			if r.code() != code || r.status != httpStatus[code] || !strings.Contains(r.message(), text) {
				t.Errorf("%s %.200s: %d %s, want %s, %q", path, body, r.status, r.body, code, text)
			}
		}
		for _, value := range wrongTypes["string"] {
			for _, mode := range []string{"Monitor", "Coach", "BargeIn"} {
				refused(channel, `{"operationName":"`+mode+`","supervisorMonitoringMode":`+value+`}`, "10", "supervisorMonitoringMode")
				refused(channel, `{"operationName":"`+mode+`","nickname":`+value+`}`, "10", "nickname")
			}
			refused(intrusion, `{"operationName":"Intrude","supervisorVisibilityMode":`+value+`}`, "10", "supervisorVisibilityMode")
			refused(channel, `{"operationName":`+value+`}`, "10", "operationName")
		}
		for _, none := range []string{``, `,"supervisorVisibilityMode":null`, `,"supervisorVisibilityMode":""`} {
			refused(intrusion, `{"operationName":"Intrude"`+none+`}`, "1", "supervisorVisibilityMode")
		}
		for _, wrong := range []string{"monitor", "NextChat", "Owner", "Monitor "} {
			refused(intrusion, `{"operationName":"Intrude","supervisorVisibilityMode":"`+wrong+`"}`, "10", "Monitor, Coach or BargeIn")
			refused(channel, `{"operationName":"Coach","supervisorMonitoringMode":"`+wrong+"x"+`"}`, "10", "NextChat or AllChats")
		}
		refused(channel, `{"operationName":"Coach","nickname":"`+long(256)+`"}`, "10", "255")
		refused(channel, `{"operationName":"CancelSupervisorMonitoring"}`, "2", "watch")
		refused("/api/v2/users/<ines>/channels/chat", `{"operationName":"Coach"}`, "2", "yourself")
		refused("/api/v2/users/<ines>/chats/<chat>", `{"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`, "6", "no such chat")
		refused("/api/v2/users/<lena>/chats/<chat>", `{"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`, "6", "no such chat") // only invited
		for _, by := range []string{"dana", "lena", "admin", "guest", ""} {
			who := s.visitor(s.agents["pat"].http.Transport)
			who.name = by
			code := "5"
			if by == "" {
				code = "20"
			}
			for _, path := range []string{channel, intrusion, "/api/v2/users/nobody/channels/chat", "/api/v2/users/<dana>/chats/0000XaAAAAAAAAAA"} {
				for _, operation := range []string{"Monitor", "Coach", "BargeIn", "CancelSupervisorMonitoring", "Intrude", "Fly"} {
					r := who.post(s.real(path), `{"operationName":"`+operation+`","supervisorVisibilityMode":7,"nickname":7}`)
					// Whether there is such an operation comes after whether she may do any of those at this address.
					if r.code() != code || r.status != httpStatus[code] {
						t.Errorf("%s: %s %s: %d %s, want %s", by, path, operation, r.status, r.body, code)
					}
				}
			}
		}
		s.unchanged(before, "what supervisors were refused")
	})
}
