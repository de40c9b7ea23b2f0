package agentapi

import (
	"strings"
	"testing"
	"testing/synctest"
)

// elsewhere are the statusCodes of what is done to a chat at other addresses, by the names of standings: a supervisor, Ines, intrudes on Dana, then on Omar (6.8: 6
// if that agent is not Chatting in it, 2 if she has it already or the customer has gone); who stands so puts it aside (6.9: 0 if it is hers to wrap up, or the
// customer has gone and nobody else is in; 3 for those who do not serve the customer); and pulls it, which is in no workbin.
var elsewhere = map[string]string{
	"a colleague's chat":                  "06 66",
	"a supervisor without it":             "06 66",
	"offered to somebody else":            "66 66",
	"offered":                             "66 26",
	"offered by transfer":                 "06 26",
	"invited":                             "06 26",
	"invited to consult":                  "06 26",
	"alone":                               "06 26",
	"owner of a conference":               "00 26",
	"member of a conference":              "00 26",
	"consulting":                          "00 26",
	"consulted":                           "00 36",
	"left behind while it waits":          "60 26",
	"alone, no customer":                  "26 06",
	"conference, no customer":             "22 26",
	"consulting, no customer":             "22 26",
	"consulted, no customer":              "22 36",
	"LeftChat":                            "66 06",
	"JoinFailed":                          "66 06",
	"Completed, a conference goes on":     "60 66",
	"Completed, wrapped up":               "66 66",
	"Completed, rejected":                 "66 66",
	"Completed, removed":                  "06 66",
	"Revoked, completed by another":       "66 66",
	"Revoked, not answered (B4)":          "66 66",
	"Revoked, the customer has gone (B4)": "66 66",
	"asked to monitor":                    "26 26",
	"asked to coach":                      "26 26",
	"asked to barge in":                   "26 26",
	"monitors":                            "26 36",
	"coaches":                             "26 36",
	"has barged in":                       "26 36",
	"monitors, no customer":               "26 36",
	"coaches, no customer":                "26 36",
	"has barged in, no customer":          "26 36",
	"supervisor dismissed":                "66 66",
	"monitored":                           "26 26",
	"coached":                             "26 26",
	"with a supervisor who has barged in": "26 26",
}

// TestElsewhereInEveryStanding does what supervisors and workbins do to a chat in each standing (agent-api 6.8, 6.9): the statusCode is that of the table, and a
// refusal changes nothing. By agents and outsiders, Intrude is refused in any.
func TestElsewhereInEveryStanding(t *testing.T) {
	t.Parallel()
	if len(elsewhere) != len(standings) {
		t.Errorf("codes for %d standings, there are %d", len(elsewhere), len(standings))
	}
	for _, st := range standings {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			codes := strings.ReplaceAll(elsewhere[st.name], " ", "")
			requests := []struct{ who, path, body string }{
				{"ines", "/api/v2/users/<dana>/chats/<chat>", `{"operationName":"Intrude","supervisorVisibilityMode":"Coach"}`},
				{"ines", "/api/v2/users/<omar>/chats/<chat>", `{"operationName":"Intrude","supervisorVisibilityMode":"Monitor"}`},
				{st.who, workbinPath("<" + st.who + ">"), `{"operationName":"AddChat","id":"<chat>"}`},
				{st.who, workbinPath("<" + st.who + ">"), `{"operationName":"PullChat","id":"<chat>"}`},
			}
			synctest.Test(t, func(t *testing.T) {
				s := setUp(t, st.given)
				before := s.look()
				for i, q := range requests {
					code := codes[i : i+1]
					if code == "0" {
						continue
					}
					if r := s.agents[q.who].post(s.real(q.path), s.real(q.body)); r.code() != code || r.status != httpStatus[code] {
						t.Errorf("%s: %s %s: %d %s, want %s", q.who, q.path, q.body, r.status, r.body, code)
					}
					s.unchanged(before, q.body)
				}
				for _, who := range []string{"dana", "omar", "lena"} {
					if r := s.agents[who].post(s.real(requests[0].path), s.real(requests[0].body)); r.code() != "5" {
						t.Errorf("%s intrudes: %s", who, r.body)
					}
				}
				s.unchanged(before, "what agents may not")
			})
			for i, q := range requests {
				if codes[i] != '0' {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					s := setUp(t, st.given)
					r := s.agents[q.who].post(s.real(q.path), s.real(q.body))
					if r.code() != "0" || r.members["referenceId"] == nil {
						t.Errorf("%s: %s: %d %s", q.who, q.body, r.status, r.body)
					}
					after := s.look()
					if i < 2 && (len(after.Told) != 1 || after.Told[0] != "ines SC(Invited)+ref") || i == 2 && len(after.Bins) != 1 {
						t.Errorf("%s: told %v, put aside %v", q.body, after.Told, after.Bins)
					}
				})
			}
		})
	}
}

// TestWrongSessions: what is wrong with requests about sessions and states is refused, logged in or not, and nothing has changed (agent-api 4.0, 6.2, 6.3).
func TestWrongSessions(t *testing.T) {
	t.Parallel()
	const me, channel = "/api/v2/me", "/api/v2/me/channels/chat"
	channels := func(value string) string {
		return `{"operationName":"StartContactCenterSession","channels":` + value + `}`
	}
	operation := func(value string) string { return `{"operationName":` + value + `}` }
	type wrong struct{ path, body, code string }
	always := []wrong{
		{me, `{"operationName":"StartContactCenterSession"}`, "1"},
		{me, channels(`null`), "1"},
		{me, channels(`[]`), "1"},
		{me, channels(`"chat"`), "10"},
		{me, channels(`{"chat":true}`), "10"},
		{me, channels(`7`), "10"},
		{me, channels(`[7]`), "10"},
		{me, channels(`["chat",null]`), "10"},
		{me, channels(`["chat",["voice"]]`), "10"},
		{me, channels(`[""]`), "10"},
		{me, channels(`["Chat"]`), "10"},
		{me, channels(`["chat","telegraph"]`), "10"},
		{me, channels(`["voice"]`), "2"},
		{me, operation(`"startContactCenterSession"`), "10"},
		{me, operation(`"Dinner"`), "10"},
		{me, operation(`"Offline"`), "10"}, // a supervisor's
		{channel, operation(`"Offline"`), "10"},
		{channel, operation(`"Monitor"`), "10"},
		{channel, operation(`"StartContactCenterSession"`), "10"},
		{channel, operation(`"ready"`), "10"},
		{channel, operation(`"Accept"`), "10"},
		{"/api/v2/me/channels/telegraph", operation(`"Ready"`), "6"},
		{"/api/v2/me/channels/telegraph", operation(`"Dinner"`), "10"}, // the name comes first
		{"/api/v2/me/channels/voice", operation(`"Ready"`), "2"},
	}
	for _, path := range []string{me, channel} {
		for _, none := range []string{`{}`, operation(`""`), operation(`null`)} {
			always = append(always, wrong{path, none, "1"})
		}
		for _, value := range wrongTypes["string"] {
			always = append(always, wrong{path, operation(value), "10"})
		}
		for _, body := range []string{``, `[]`, `"Ready"`, `operationName=Ready`, `{"operationName":"Ready"`, `null`} {
			always = append(always, wrong{path, body, "10"})
		}
	}
	var loggedOut []wrong
	for _, name := range []string{"Ready", "NotReady", "Lunch", "DoNotDisturbOn", "DoNotDisturbOff"} {
		for _, path := range []string{me, channel} {
			loggedOut = append(loggedOut, wrong{path, operation(`"` + name + `"`), "2"})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, talking)
		refused := func(who *client, list []wrong) {
			t.Helper()
			synctest.Wait()
			s.hush()
			before := s.look()
			for _, w := range list {
				if r := who.post(w.path, w.body); r.code() != w.code || r.status != httpStatus[w.code] {
					t.Errorf("%s %s: %d %s, want %s", w.path, w.body, r.status, r.body, w.code)
				}
			}
			s.unchanged(before, "what is wrong with a session")
		}
		refused(s.agents["dana"].client, always)
		ines := s.agents["ines"].client
		ines.ok(me, operation(`"EndContactCenterSession"`))
		ines.name = "ines" // the cookie is worth nothing now
		refused(ines, append(always, loggedOut...))
		for name, code := range map[string]string{"guest": "5", "": "20"} {
			outsider := s.visitor(s.agents["pat"].http.Transport)
			outsider.name = name
			var list []wrong
			for _, w := range append(always, loggedOut...) {
				list = append(list, wrong{w.path, w.body, code})
			}
			refused(outsider, list)
		}
	})
}
