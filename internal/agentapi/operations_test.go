package agentapi

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// TestOperations checks how each operation's parameters become an action (agent-api 4.2 to 4.13), and which mistakes only the wire can make.
func TestOperations(t *testing.T) {
	t.Parallel()
	d := centre(t)
	omar, support := directory.UserID("omar"), directory.ResourceID("queue", "support")
	bye := chat.Farewell{Text: "Bye", MessageType: "Closing", TreatAs: "System"}
	const farewell = `"text":"Bye","messageType":"Closing","treatAs":"System"`
	cases := []struct {
		operation, parameters string
		want                  chat.Action
		err                   error
	}{
		{"Accept", ``, chat.Accept{}, nil},
		{"Accept", `"nickname":"Dana","saveLAR":true,"whatever":[]`, chat.Accept{Nickname: "Dana", SaveLAR: true}, nil},
		{"Accept", `"nickname":null,"saveLAR":"true"`, chat.Accept{SaveLAR: true}, nil},
		{"Accept", `"saveLAR":"false"`, chat.Accept{}, nil},
		{"Accept", `"saveLAR":"yes"`, nil, chat.ErrInvalid},
		{"Accept", `"saveLAR":1`, nil, chat.ErrInvalid},
		{"Accept", `"nickname":7`, nil, chat.ErrInvalid},
		{"Reject", `"text":7`, chat.Reject{}, nil},
		{"SendMessage", `"text":"Hi","messageType":"Greeting","treatAs":"Normal"`, chat.SendMessage{Text: "Hi", MessageType: "Greeting", TreatAs: "Normal"}, nil},
		{"SendMessage", `"text":" \u0000\u202e"`, chat.SendMessage{Text: " \x00\u202e"}, nil},
		{"SendMessage", ``, chat.SendMessage{}, nil}, // missing: the domain says so
		{"SendMessage", `"text":{}`, nil, chat.ErrInvalid},
		{"SendMessage", `"text":"Hi","treatAs":true`, nil, chat.ErrInvalid},
		{"SendToAgents", `"text":"Hi"`, chat.SendToAgents{Text: "Hi"}, nil},
		{"SendUrl", `"url":"https://example.com"`, chat.SendURL{URL: "https://example.com"}, nil},
		{"SendCustomNotice", `"noticeText":"x"`, chat.SendCustomNotice{NoticeText: "x"}, nil},
		{"SendCustomNoticeToAgents", `"noticeText":"x"`, chat.SendCustomNoticeToAgents{NoticeText: "x"}, nil},
		{"SendStartTypingNotification", ``, chat.SendStartTypingNotification{}, nil},
		{"SendStopTypingNotification", ``, chat.SendStopTypingNotification{}, nil},
		{"SendStartTypingToAgentsNotification", ``, chat.SendStartTypingToAgentsNotification{}, nil},
		{"SendStopTypingToAgentsNotification", ``, chat.SendStopTypingToAgentsNotification{}, nil},
		{"Leave", ``, chat.Leave{}, nil},
		{"Leave", farewell, chat.Leave{Farewell: bye}, nil},
		{"Complete", farewell + `,"queueName":"support","saveLAR":true`, chat.Complete{Queue: support, SaveLAR: true, Farewell: bye}, nil},
		{"Complete", `"queueName":"nowhere"`, nil, chat.ErrNotFound},
		{"Complete", `"queueName":1`, nil, chat.ErrInvalid},
		{"StopProcessing", ``, chat.Complete{}, nil},
		{"Transfer", `"targetUri":"https://other.host/x/api/v2/users/` + omar + `",` + farewell, chat.Transfer{UserID: omar, Farewell: bye}, nil},
		{"Transfer", `"targetPath":"/queues/` + support + `"`, chat.Transfer{Queue: support}, nil},
		{"Transfer", `"queueName":"support","targetUri":null`, chat.Transfer{Queue: support}, nil},
		{"Transfer", ``, nil, chat.ErrMissing},
		{"Transfer", `"queueName":"support","targetPath":"/users/` + omar + `"`, nil, chat.ErrInvalid},
		{"Transfer", `"queueName":"nowhere"`, nil, chat.ErrNotFound},
		{"Consult", `"targetPath":"/contacts/` + omar + `"`, chat.Consult{UserID: omar}, nil},
		{"Consult", `"queueName":"support"`, nil, chat.ErrMissing},
		{"Consult", `"targetPath":"/queues/` + support + `"`, chat.Consult{Queue: support}, nil},
		{"Invite", `"targetPath":"/contacts/` + support + `"`, chat.Invite{Queue: support}, nil},
		{"Invite", `"targetUri":"http://x/api/v2/users/` + omar + `/"`, chat.Invite{UserID: omar}, nil},
		{"RemoveParticipantFromConference", `"userUri":"http://x/api/v2/users/` + omar + `",` + farewell, chat.RemoveParticipantFromConference{UserID: omar, Farewell: bye}, nil},
		{"RemoveParticipantFromConference", `"targetPath":"/contacts/` + support + `"`, nil, chat.ErrInvalid},
		{"AttachUserData", `"userData":{"__proto__":{"a":1},"n":1.50}`, chat.AttachUserData{UserData: chat.UserData{
			"__proto__": jsontext.Value(`{"a":1}`), "n": jsontext.Value(`1.50`),
		}}, nil},
		{"AttachUserData", ``, chat.AttachUserData{}, nil},
		{"AttachUserData", `"userData":["a"]`, nil, chat.ErrInvalid},
		{"UpdateUserData", `"userData":{"a":null}`, chat.UpdateUserData{UserData: chat.UserData{"a": jsontext.Value(`null`)}}, nil},
		{"DeleteUserData", `"keys":["a","b/c"]`, chat.DeleteUserData{Keys: []string{"a", "b/c"}}, nil},
		{"DeleteUserData", `"keys":"a"`, nil, chat.ErrInvalid},
		{"DeleteUserData", `"keys":["a",1]`, nil, chat.ErrInvalid},
		{"SetDisposition", `"disposition":"refunded","dispositionKey":"Outcome"`, chat.SetDisposition{Key: "Outcome", Disposition: "refunded"}, nil},
		{"SetDisposition", `"disposition":["refunded"]`, nil, chat.ErrInvalid}, // B12
		{"SwitchToMonitor", ``, chat.SwitchToMonitor{}, nil},
		{"SwitchToCoach", `"text":7`, chat.SwitchToCoach{}, nil},
		{"SwitchToBargeIn", ``, chat.SwitchToBargeIn{}, nil},
		{"SwitchBargeIn", ``, chat.SwitchToBargeIn{}, nil},
		{"SetInFocus", `"inFocus":"maybe"`, chat.SetInFocus{}, nil},
		{"InFocus", ``, chat.SetInFocus{}, nil},
		{"ReportResponseTemplateUsage", `"responseTemplateId":"t","usageType":"AdministratorResponse"`, chat.ReportResponseTemplateUsage{TemplateID: "t", UsageType: "AdministratorResponse"}, nil},
		{"ReportResponseTemplateUsage", `"responseTemplateId":"t","responseType":"x"`, chat.ReportResponseTemplateUsage{TemplateID: "t", UsageType: "x"}, nil},
		{"ReportResponseTemplateUsage", `"responseTemplateId":["t"]`, nil, chat.ErrInvalid},
	}
	for _, c := range cases {
		op, err := findOperation(c.operation)
		if err != nil {
			t.Errorf("%s: %v", c.operation, err)
			continue
		}
		p, err := parseParameters([]byte("{" + c.parameters + "}"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := op.decode(d, p)
		if !errors.Is(err, c.err) {
			t.Errorf("%s {%s}: error %v, want %v", c.operation, c.parameters, err, c.err)
		}
		if diff := cmp.Diff(c.want, got); c.err == nil && diff != "" {
			t.Errorf("%s {%s} (-want +got):\n%s", c.operation, c.parameters, diff)
		}
	}
}

// TestOperationNames checks B1: names are case-sensitive, and who is wrong is told what there is.
func TestOperationNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"accept", "ACCEPT", "Accept ", "SendNotification", "SendUrlToAgents", "PlaceInQueue", strings.Repeat("x", 100_000)} {
		_, err := findOperation(name)
		if !errors.Is(err, chat.ErrInvalid) {
			t.Fatalf("%.20s: %v, want chat.ErrInvalid", name, err)
		}
		if text := err.Error(); !strings.Contains(text, "SetDisposition") || len(text) > 2000 {
			t.Errorf("%.20s: the answer should name the operations and stay short: %.100s", name, text)
		}
	}
}

// TestOperationsAgreeWithTheDomain checks that each decoder makes the action of its own name, so capabilities and operationNames are one list.
func TestOperationsAgreeWithTheDomain(t *testing.T) {
	t.Parallel()
	d := centre(t)
	for _, op := range operations {
		p, err := parseParameters([]byte(`{"targetPath":"/users/` + directory.UserID("omar") + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		action, err := op.decode(d, p)
		if err != nil || string(action.Operation()) != op.name {
			t.Errorf("%s makes %T (%v)", op.name, action, err)
		}
	}
}

// FuzzOperation checks that whatever comes with whichever name is decoded or refused by a kind that the API can answer.
func FuzzOperation(f *testing.F) {
	for _, op := range operations {
		f.Add(op.name, []byte(`{"text":"x","keys":["a"],"userData":{"a":1},"targetPath":"/users/x"}`))
	}
	f.Add("Transfer", []byte(`{"targetUri":"http://[::1/users/x"}`))
	f.Add("InFocus", []byte(`{"inFocus":{}}`))
	d := centre(f)
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		op, err := findOperation(name)
		if err == nil {
			var p parameters
			if p, err = parseParameters(body); err == nil {
				_, err = op.decode(d, p)
			}
		}
		if err == nil {
			return
		}
		if status, code, text := outcome(err); status >= 500 || code == succeeded || len(text) > 4000 {
			t.Fatalf("%v: status %d, code %d, %d bytes", err, status, code, len(text))
		}
	})
}

func TestTargets(t *testing.T) {
	t.Parallel()
	d := centre(t)
	omar, support := directory.UserID("omar"), directory.ResourceID("queue", "support")
	cases := []struct {
		way, value string
		want       target
		err        error
	}{
		{"targetUri", "https://desk.example.com/api/v2/users/" + omar, target{user: omar}, nil},
		{"targetUri", "http://10.0.0.1:8080/users/" + omar + "?x=1#y", target{user: omar}, nil},
		{"targetUri", "https://desk.example.com/api/v2/contacts/" + omar, target{user: omar}, nil},
		{"targetUri", "https://desk.example.com/api/v2/contacts/" + support + "/", target{queue: support}, nil},
		{"targetUri", "https://desk.example.com/api/v2/queues/" + support, target{queue: support}, nil},
		{"targetPath", "/users/" + omar, target{user: omar}, nil},
		{"targetUri", "/users/" + omar, target{}, chat.ErrInvalid},
		{"targetUri", "//desk.example.com/users/" + omar, target{}, chat.ErrInvalid},
		{"targetUri", "javascript://x/users/" + omar, target{}, chat.ErrInvalid},
		{"targetUri", "https://desk.example.com/api/v2/skills/" + omar, target{}, chat.ErrInvalid},
		{"targetUri", "https://desk.example.com/users//" + omar, target{}, chat.ErrInvalid},
		{"targetUri", "https://desk.example.com/users/..%2f" + omar, target{}, chat.ErrInvalid},
		{"targetUri", "%", target{}, chat.ErrInvalid},
		{"targetPath", "users/" + omar, target{}, chat.ErrInvalid},
		{"targetPath", "/api/v2/users/" + omar, target{}, chat.ErrInvalid},
		{"targetPath", "/users/", target{}, chat.ErrInvalid},
		{"targetPath", "/users/" + strings.Repeat("a", 4096), target{}, chat.ErrInvalid},
		{"targetPath", "/users/" + support, target{}, chat.ErrNotFound},
		{"targetPath", "/queues/" + omar, target{}, chat.ErrNotFound},
		{"targetPath", "/users/unknown", target{}, chat.ErrNotFound},
	}
	for _, c := range cases {
		p := parameters{}
		if quoted, err := jsontext.AppendQuote(nil, c.value); err == nil {
			p[c.way] = quoted
		}
		got, err := findTarget(d, p, "targetUri", "targetPath")
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s %.80s: %v, %v; want %v, %v", c.way, c.value, got, err, c.want, c.err)
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/users/x", "https://a/api/v2/queues/x/", "http://[::1]/contacts/%2e%2e", "////", "%zz", "\x00"} {
		f.Add("targetUri", s)
		f.Add("targetPath", s)
	}
	f.Fuzz(func(t *testing.T, way, value string) {
		kind, id, ok := parseTarget(way, value)
		if ok && (!isID(id) || !slices.Contains([]string{"users", "queues", "contacts"}, kind)) {
			t.Fatalf("%s %q: %q %q", way, value, kind, id)
		}
	})
}

func TestSelections(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		all   bool
		names []string
	}{
		"": {}, ",, ,": {}, "*": {all: true}, "id, state": {names: []string{"id", "state"}}, "a,*,a": {all: true, names: []string{"a"}},
	}
	for value, want := range cases {
		got := parseSelection(value)
		if got.all != want.all || !slices.Equal(slices.Sorted(maps.Keys(got.names)), want.names) {
			t.Errorf("%q: %+v", value, got)
		}
	}
}

// FuzzFields checks that whatever is selected, the answer is a resource with its address.
func FuzzFields(f *testing.F) {
	for _, s := range []string{"", "*", "id,state", "state,", "a,b,c", "Id", "userData,\"", "\xff"} {
		f.Add(s)
	}
	encoder := NewEncoder(testBase, false, berlin)
	whole := encoder.chat(resource(chat.Chatting, alone, pat, dana))
	f.Fuzz(func(t *testing.T, value string) {
		fields := parseSelection(value)
		raw, err := pick(whole, look{fields: fields, resolve: fields, find: func(uri string) (any, bool) { return uri, true }})
		if err != nil || !raw.IsValid() {
			t.Fatalf("%s: %v", raw, err)
		}
		var got map[string]jsontext.Value
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"id", "uri", "path"} {
			if got[name] == nil {
				t.Fatalf("no %s in %s", name, raw)
			}
		}
		for name := range got {
			if !fields.none() && !fields.has(name) && name != "id" && name != "uri" && name != "path" {
				t.Fatalf("%s was not asked for with %q", name, value)
			}
		}
	})
}
