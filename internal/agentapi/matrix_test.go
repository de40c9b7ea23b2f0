package agentapi

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// attempt is an operation with parameters that nothing is wrong with: Lena is no part of any chat here, and the colleague is whoever else is in.
type attempt struct {
	operation, parameters string
	ends                  bool // that the standing is another one afterwards
}

// attempts are all operations, in the order and in the groups of the codes of a standing.
var attempts = [][]attempt{
	{{"Accept", ``, true}, {"Reject", ``, true}},
	{
		{"SendMessage", `"text":"Hello"`, false},
		{"SendUrl", `"url":"https://example.com"`, false},
		{"SendCustomNotice", `"noticeText":"n"`, false},
		{"SendStartTypingNotification", ``, false},
		{"SendStopTypingNotification", ``, false},
	},
	{
		{"SendToAgents", `"text":"Hm"`, false},
		{"SendCustomNoticeToAgents", `"noticeText":"n"`, false},
		{"SendStartTypingToAgentsNotification", ``, false},
		{"SendStopTypingToAgentsNotification", ``, false},
	},
	{{"Leave", ``, true}, {"Complete", ``, true}},
	{
		{"Transfer", `"targetPath":"/users/<lena>"`, true}, {"Consult", `"targetPath":"/users/<lena>"`, true}, {"Invite", `"targetPath":"/users/<lena>"`, true},
	},
	{{"RemoveParticipantFromConference", `"targetPath":"/users/<colleague>"`, true}},
	{
		{"AttachUserData", `"userData":{"a":1}`, false},
		{"UpdateUserData", `"userData":{"a":2}`, false},
		{"DeleteUserData", `"keys":["a"]`, false},
		{"SetDisposition", `"disposition":"refunded"`, false},
		{"SetInFocus", ``, false},
	},
	{{"SwitchToMonitor", ``, true}, {"SwitchToCoach", ``, true}, {"SwitchToBargeIn", ``, true}},
	{{"ReportResponseTemplateUsage", `"responseTemplateId":"` + directory.ResourceID("response-template", "Christmas") + `"`, false}},
}

// body is the request.
func (a attempt) body(parameters string) string {
	if parameters != "" {
		parameters = "," + parameters
	}
	return `{"operationName":"` + a.operation + `"` + parameters + `}`
}

// standing is how an agent may stand to a chat, and which statusCode each operation then has: 0 what 3.5 lists, 3 what her role forbids in any state, 2 what
// only the state forbids, 6 all if she has no live projection (agent-api 3.5, 4.0, 6.8). The codes are written from the specification. The last operation is
// outside the lists: whoever has the chat may do it, so it has no column here.
type standing struct {
	name  string
	given []string
	who   string
	codes string
}

// More that scenes begin with.
var (
	intrudes = func(before []string, mode string) []string {
		return then(before, `ines: POST /users/<dana>/chats/<chat> {"operationName":"Intrude","supervisorVisibilityMode":"`+mode+`"}`)
	}
	supervised = func(mode string) []string { return then(intrudes(talking, mode), `ines: Accept {"nickname":"Ines"}`) }
	patGone    = func(before []string) []string { return then(before, "pat: disconnect") }
)

var standings = []standing{
	//                                                                        messages, agents only, way out, targets, removal, data, modes
	{"a colleague's chat", talking, "lena", "66 66666 6666 66 666 6 66666 666"},
	{"a supervisor without it", talking, "ines", "66 66666 6666 66 666 6 66666 666"},
	{"offered to somebody else", offered, "lena", "66 66666 6666 66 666 6 66666 666"},
	{"offered", offered, "dana", "00 22222 2222 22 222 2 22222 333"},
	{"offered by transfer", then(talking, `dana: Transfer {"targetPath":"/users/<omar>"}`), "omar", "00 22222 2222 22 222 2 22222 333"},
	{"invited", then(talking, `dana: Invite {"targetPath":"/users/<omar>"}`), "omar", "00 22222 2222 22 222 2 22222 333"},
	{"invited to consult", then(talking, `dana: Consult {"targetPath":"/users/<omar>"}`), "omar", "00 33333 2222 23 333 3 22222 333"},
	{"alone", talking, "dana", "22 00000 2222 00 000 2 00000 333"},
	{"owner of a conference", conferring, "dana", "22 00000 0000 00 000 0 00000 333"},
	{"member of a conference", conferring, "omar", "22 00000 0000 00 000 0 00000 333"},
	{"consulting", consulting, "dana", "22 00000 0000 00 000 0 00000 333"},
	{"consulted", consulting, "omar", "22 33333 0000 03 333 3 00000 333"},
	{"left behind while it waits", then(conferring, `dana: Transfer {"queueName":"billing"}`), "omar", "22 00000 2222 00 000 2 00000 333"},
	{"alone, no customer", patGone(talking), "dana", "22 22222 2222 00 222 2 00000 333"},
	{"conference, no customer", patGone(conferring), "omar", "22 22222 0000 00 222 2 00000 333"},
	{"consulting, no customer", patGone(consulting), "dana", "22 22222 0000 00 222 2 00000 333"},
	{"consulted, no customer", patGone(consulting), "omar", "22 33333 0000 03 333 3 00000 333"},
	{"LeftChat", then(talking, "dana: Leave"), "dana", "22 22222 2222 20 222 2 00000 333"},
	{
		"JoinFailed", then(talking, omarReady, "pat: disconnect", `dana: Complete {"queueName":"billing"}`, "omar: Accept"), "omar",
		"22 22222 2222 20 222 2 00000 333",
	},
	{"Completed, a conference goes on", then(conferring, "dana: Leave"), "dana", "66 66666 6666 66 666 6 66666 666"},
	{"Completed, wrapped up", then(talking, "dana: Leave", "dana: Complete"), "dana", "66 66666 6666 66 666 6 66666 666"},
	{"Completed, rejected", then(offered, "dana: Reject"), "dana", "66 66666 6666 66 666 6 66666 666"},
	{"Completed, removed", then(conferring, `dana: RemoveParticipantFromConference {"targetPath":"/users/<omar>"}`), "omar", "66 66666 6666 66 666 6 66666 666"},
	{"Revoked, completed by another", then(conferring, "dana: Complete"), "omar", "66 66666 6666 66 666 6 66666 666"},
	{"Revoked, not answered (B4)", then(offered, "wait 31s"), "dana", "66 66666 6666 66 666 6 66666 666"},
	{"Revoked, the customer has gone (B4)", patGone(offered), "dana", "66 66666 6666 66 666 6 66666 666"},
	{"asked to monitor", intrudes(talking, "Monitor"), "ines", "00 33333 3333 23 333 3 22222 222"},
	{"asked to coach", intrudes(talking, "Coach"), "ines", "00 33333 2322 23 333 3 22222 222"},
	{"asked to barge in", intrudes(talking, "BargeIn"), "ines", "00 23322 2322 23 222 3 22222 222"},
	{"monitors", supervised("Monitor"), "ines", "22 33333 3333 03 333 3 00000 200"},
	{"coaches", supervised("Coach"), "ines", "22 33333 0300 03 333 3 00000 020"},
	{"has barged in", supervised("BargeIn"), "ines", "22 03300 0300 03 000 3 00000 002"},
	{"monitors, no customer", patGone(supervised("Monitor")), "ines", "22 33333 3333 03 333 3 00000 200"},
	{"coaches, no customer", patGone(supervised("Coach")), "ines", "22 33333 0300 03 333 3 00000 020"},
	{"has barged in, no customer", patGone(supervised("BargeIn")), "ines", "22 23322 0300 03 222 3 00000 002"},
	{"supervisor dismissed", then(supervised("BargeIn"), "dana: Complete"), "ines", "66 66666 6666 66 666 6 66666 666"},
	{"monitored", supervised("Monitor"), "dana", "22 00000 2222 00 000 2 00000 333"},
	{"coached", supervised("Coach"), "dana", "22 00000 0000 00 000 0 00000 333"},
	{"with a supervisor who has barged in", supervised("BargeIn"), "dana", "22 00000 0000 00 000 0 00000 333"},
}

// httpStatus is the table of agent-api 1.5, as far as requests about chats go.
var httpStatus = map[string]int{"0": 200, "1": 400, "2": 400, "3": 403, "5": 403, "6": 404, "10": 400, "20": 401}

// setUp plays a history in which all four may take part.
func setUp(t *testing.T, given []string) *stage {
	s := newStage(t, scene{given: given, when: strings.Join(cast, " ")})
	for _, line := range given {
		if _, r := s.play(line); r.body != "" && r.code() != "0" {
			t.Fatalf("%s: %d %s", line, r.status, r.body)
		}
	}
	s.hush()
	return s
}

// hush forgets what everybody has been told so far.
func (s *stage) hush() {
	for _, name := range cast {
		s.agents[name].news()
	}
}

// colleague is whoever else might be in the chat.
func colleague(of string, given []string) string {
	switch {
	case of != "dana":
		return "dana"
	case strings.Contains(strings.Join(given, "\n"), "ines: Accept"):
		return "ines"
	}
	return "omar"
}

// world is everything that a request about chats could change.
type world struct {
	Chat    store.ChatRow
	Events  []chat.Event
	Agents  []store.AgentRow
	Heads   map[string]int64
	Waiting []store.Work
	Timers  []store.Timer
	Bins    []store.Binned
	Told    []string // what has come to desktops and was not hushed
}

// look reads the world when all has become quiet.
func (s *stage) look() (w world) {
	s.t.Helper()
	synctest.Wait()
	ctx, db := s.t.Context(), s.Desk.Store
	var feeds []string
	for _, u := range s.Directory.Users {
		feeds = append(feeds, desk.Subscriber(u.ID))
	}
	var err error
	try := func(e error) {
		if e != nil {
			s.t.Fatal(e)
		}
	}
	w.Chat, err = db.Chat(ctx, s.pat.chatID)
	try(err)
	w.Events, err = db.Events(ctx, s.pat.chatID, 0, 0)
	try(err)
	w.Agents, err = db.Agents(ctx)
	try(err)
	w.Heads, err = db.Heads(ctx, feeds)
	try(err)
	w.Waiting, err = db.Waiting(ctx)
	try(err)
	w.Timers, _, err = db.DueTimers(ctx, time.Now().AddDate(1, 0, 0), 0)
	try(err)
	for _, u := range s.Directory.Users {
		bin, err := db.Bin(ctx, u.ID)
		try(err)
		w.Bins = append(w.Bins, bin...)
	}
	for _, name := range cast {
		for _, m := range s.agents[name].news() {
			w.Told = append(w.Told, name+" "+shorthand(s.t, m))
		}
	}
	return w
}

// unchanged compares the world with what it was.
func (s *stage) unchanged(before world, what string) {
	s.t.Helper()
	if after := s.look(); !reflect.DeepEqual(before, after) {
		s.t.Errorf("%s was refused, and has changed something:\n%+v\n%+v", what, before, after)
	}
}

// judged is an attempt with the statusCode that it must have.
type judged struct {
	attempt
	code   string
	listed bool // in the capabilities
}

// judge reads the codes of a standing.
func (st standing) judge() (all []judged) {
	codes := strings.Fields(st.codes)
	for g, group := range attempts {
		for i, a := range group {
			switch {
			case g < len(codes):
				all = append(all, judged{a, codes[g][i : i+1], codes[g][i] == '0'})
			case st.none():
				all = append(all, judged{a, "6", false})
			default:
				all = append(all, judged{a, "0", false})
			}
		}
	}
	return all
}

// none: there is no live projection.
func (st standing) none() bool { return strings.Contains(st.codes, "6") }

// TestEveryOperationInEveryStanding does each operation in each standing, over the wire and in the store (agent-api 3.5, 4.0, 1.5, fault B2): the statusCode is
// that of the table, a refusal names what is possible now and changes nothing for anybody, also if its parameters are wrong as well; what is listed is done.
func TestEveryOperationInEveryStanding(t *testing.T) {
	t.Parallel()
	for _, st := range standings {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := setUp(t, st.given)
				s.refuses(st)
				for _, a := range st.judge() {
					if a.code == "0" && !a.ends {
						s.does(st, a.attempt)
					}
				}
			})
			for _, a := range st.judge() {
				if a.code == "0" && a.ends {
					synctest.Test(t, func(t *testing.T) { setUp(t, st.given).does(st, a.attempt) })
				}
			}
		})
	}
}

// refuses checks what is listed, and that all else is refused, for the standing, before parameters are looked at.
func (s *stage) refuses(st standing) {
	s.t.Helper()
	who, path := s.agents[st.who], "/api/v2/me/chats/"+s.pat.chatID
	var listed []string
	for _, a := range st.judge() {
		if a.listed {
			listed = append(listed, a.operation)
		}
	}
	possible := "no such chat"
	if r := who.get(path); !st.none() {
		capabilities := at[[]string](s.t, r, "chat", "capabilities")
		possible = "possible now: " + strings.Join(capabilities, ", ") + `"`
		slices.Sort(capabilities)
		if slices.Sort(listed); !slices.Equal(capabilities, listed) {
			s.t.Errorf("capabilities\n  %v\nwant\n  %v", capabilities, listed)
		}
	} else if r.code() != "6" || r.status != 404 {
		s.t.Errorf("the chat: %d %s", r.status, r.body)
	}
	for _, alias := range []string{"/api/v2/chats/", "/api/v2/me/interactions/"} {
		if a, b := who.get(alias+s.pat.chatID), who.get(path); a.body != b.body {
			s.t.Errorf("%s answers %s, want %s", alias, a.body, b.body)
		}
	}
	reads := "0" // the transcript (agent-api 4.15): who has joined, or wraps up
	switch {
	case st.none():
		reads = "6"
	case strings.HasPrefix(st.codes, "00"):
		reads = "2"
	}
	if r := who.get(path + "/messages"); r.code() != reads || r.status != httpStatus[reads] {
		s.t.Errorf("messages: %d %s, want %s", r.status, r.body, reads)
	}
	before := s.look()
	for _, a := range st.judge() {
		if a.code == "0" {
			continue
		}
		for _, parameters := range []string{s.suitable(a.attempt, st), nonsense} {
			r := who.post(path, a.body(parameters))
			if r.code() != a.code || r.status != httpStatus[a.code] || !strings.Contains(r.message(), possible) {
				s.t.Errorf("%s: %d %s, want %s", a.body(parameters), r.status, r.body, a.code)
			}
		}
		s.unchanged(before, a.operation)
	}
}

// nonsense is wrong for every operation that has parameters.
const nonsense = `"text":7,"url":7,"noticeText":7,"nickname":7,"saveLAR":7,"targetUri":7,"targetPath":7,"userUri":7,"queueName":7,"userData":7,"keys":7,` +
	`"disposition":7,"responseTemplateId":7`

// suitable are the parameters of an attempt, in this standing.
func (s *stage) suitable(a attempt, st standing) string {
	return s.real(strings.ReplaceAll(a.parameters, "<colleague>", "<"+colleague(st.who, st.given)+">"))
}

// does checks that what is listed is done: it has a referenceId if it is to have one (agent-api 1.6), and leaves a trace in the log.
func (s *stage) does(st standing, a attempt) {
	s.t.Helper()
	<-time.After(chat.TypingPace)
	before := s.look()
	r := s.agents[st.who].post("/api/v2/me/chats/"+s.pat.chatID, a.body(s.suitable(a, st)))
	after := s.look()
	silent := strings.HasPrefix(a.operation, "Send") || strings.HasPrefix(a.operation, "Switch") ||
		slices.Contains([]string{"SetInFocus", "ReportResponseTemplateUsage"}, a.operation)
	if r.code() != "0" || r.status != 200 || (r.members["referenceId"] == nil) != silent {
		s.t.Errorf("%s is listed: %d %s", a.operation, r.status, r.body)
	}
	if len(after.Events) <= len(before.Events) || after.Chat.Seq <= before.Chat.Seq {
		s.t.Errorf("%s was accepted, and has left nothing in the log", a.operation)
	}
}

// TestOutsiders does each operation as those who take no part in chats at all (agent-api 4.0): the log-in and the features come before everything else.
func TestOutsiders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, talking)
		before := s.look()
		for name, code := range map[string]string{"admin": "5", "guest": "5", "": "20"} {
			who := s.visitor(s.agents["pat"].http.Transport)
			who.name = name
			for _, chat := range []string{"chats/" + s.pat.chatID, "chats/0000XaAAAAAAAAAA", "interactions/" + s.pat.chatID} {
				for _, a := range slices.Concat(attempts...) {
					for _, parameters := range []string{s.suitable(a, standing{who: name}), nonsense} {
						if r := who.post("/api/v2/me/"+chat, a.body(parameters)); r.code() != code || r.status != httpStatus[code] {
							t.Errorf("%s: %s: %d %s, want %s", name, a.operation, r.status, r.body, code)
						}
					}
				}
			}
			s.unchanged(before, "what "+name+" did")
		}
	})
}

// TestAttemptsAreComplete checks that the tables are: each operation is attempted, and each standing has a code for it.
func TestAttemptsAreComplete(t *testing.T) {
	t.Parallel()
	all := slices.Concat(attempts...)
	for _, op := range operations {
		if !slices.ContainsFunc(all, func(a attempt) bool { return a.operation == op.name }) {
			t.Errorf("%s is not attempted", op.name)
		}
	}
	var shape []int
	for _, group := range attempts[:len(attempts)-1] {
		shape = append(shape, len(group))
	}
	for _, st := range standings {
		var got []int
		for _, codes := range strings.Fields(st.codes) {
			got = append(got, len(codes))
		}
		if !slices.Equal(got, shape) {
			t.Errorf("%s: codes for %s, want %s", st.name, fmt.Sprint(got), fmt.Sprint(shape))
		}
	}
}
