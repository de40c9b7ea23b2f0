package agentapi

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/directory"
)

// TestDirectories checks the neighbours that desktops call (agent-api 1.5, 1.8, 6.4 to 6.6).
func TestDirectories(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.as("omar").startWork()
	dana := h.as("dana")
	omarID, support := directory.UserID("omar"), directory.ResourceID("queue", "support")
	skill := directory.ResourceID("skill", "parcels")
	delivery, night := directory.ResourceID("group", "Delivery"), directory.ResourceID("group", "Night shift")
	cases := []struct{ path, want string }{
		{"/api/v2/me/devices", `{"statusCode":0,"uris":[]}`},
		{"/api/v2/me/calls/?fields=*", `{"statusCode":0,"calls":[]}`},
		{"/api/v2/groups", `{"statusCode":0,"totalCount":2,"uris":["` + testBase + `/groups/` + delivery + `","` + testBase + `/groups/` + night + `"]}`},
		{"/api/v2/groups/?fields=name", `{"statusCode":0,"totalCount":2,"groups":[{"id":"` + delivery + `","name":"Delivery","uri":"` + testBase + `/groups/` + delivery + `","path":"/groups/` + delivery + `"},` +
			`{"id":"` + night + `","name":"Night shift","uri":"` + testBase + `/groups/` + night + `","path":"/groups/` + night + `"}]}`},
		{"/api/v2/groups/" + delivery, `{"statusCode":0,"group":{"id":"` + delivery + `","name":"Delivery","type":"BusinessUnit","contains":["users"],"uri":"` + testBase + `/groups/` + delivery + `","path":"/groups/` + delivery + `"}}`},
		{"/api/v2/queues/" + support, `{"statusCode":0,"queue":{"id":"` + support + `","name":"support","description":"Parcels and returns","channel":"chat","uri":"` +
			testBase + `/queues/` + support + `","path":"/queues/` + support + `"}}`},
		{"/api/v2/skills?fields=name", `{"statusCode":0,"totalCount":1,"skills":[{"id":"` + skill + `","name":"parcels","uri":"` + testBase + `/skills/` + skill + `","path":"/skills/` + skill + `"}]}`},
		{"/api/v2/skills/" + skill + "?fields=id", `{"statusCode":0,"skill":{"id":"` + skill + `","uri":"` + testBase + `/skills/` + skill + `","path":"/skills/` + skill + `"}}`},
		{"/api/v2/users/" + omarID + "?fields=lastName,nothing", `{"statusCode":0,"user":{"id":"` + omarID + `","lastName":"Haddad","uri":"` + testBase + `/users/` + omarID + `","path":"/users/` + omarID + `"}}`},
		{"/api/v2/features", `{"statusCode":0,"totalCount":3,"uris":["` + testBase + `/features/api-multimedia","` + testBase + `/features/api-multimedia-chat","` + testBase + `/features/api-voice"]}`},
		{"/api/v2/settings", `{"statusCode":0,"settings":[{"displayName":"General Settings","uri":"` + testBase + `/settings/general-settings"},` +
			`{"displayName":"Reporting","uri":"` + testBase + `/settings/reporting"},{"displayName":"Agent States","uri":"` + testBase + `/settings/agent-states"},` +
			`{"displayName":"Voice","uri":"` + testBase + `/settings/voice"},{"displayName":"Dispositions","uri":"` + testBase + `/settings/dispositions"}]}`},
		{"/api/v2/settings/voice/", `{"statusCode":0,"key":"name","settings":[]}`},
		{"/api/v2/settings/reporting", `{"statusCode":0,"key":"name","settings":[]}`},
		{"/api/v2/settings/general-settings", `{"statusCode":0,"key":"name","settings":[]}`},
		{"/api/v2/settings/dispositions", `{"statusCode":0,"key":"name","settings":[{"name":"refunded","displayName":"Refunded"},{"name":"spam","displayName":"Spam"}]}`},
		{"/internal-api/business-attributes/", `{"statusCode":0,"businessAttributes":[{"name":"DispositionCode","values":[{"name":"refunded","displayName":"Refunded"},{"name":"spam","displayName":"Spam"}]}]}`},
		{"/api/v2/settings/agent-states", `{"statusCode":0,"key":"id","settings":[` +
			`{"id":"9430250E-0A1B-421F-B372-F29E69366DED","operationName":"Ready","displayName":"Ready","state":"Ready"},` +
			`{"id":"900D55CC-2BB0-431F-8BF9-D3525B383BE6","operationName":"NotReady","displayName":"Not Ready","state":"NotReady"},` +
			`{"id":"D3663509-3D82-4DD3-A82E-2EA8EFA02AEF","operationName":"AfterCallWork","displayName":"After Call Work","state":"NotReady"},` +
			`{"id":"0F7F5003-EF26-4D13-A6EF-D0C7EC819BEB","operationName":"Offline","displayName":"Offline","state":"LoggedOut"},` +
			`{"id":"` + lunch[0].ID + `","operationName":"Lunch","displayName":"Lunch","state":"NotReady","reason":"Lunch"}]}`},
		{"/api/v2/contacts?name=omar", `{"statusCode":0,"totalCount":1,"contacts":[{"id":"` + omarID + `","name":"omar","type":"User","userName":"omar","firstName":"Omar","lastName":"Haddad",` +
			`"employeeId":"E-omar","emailAddress":"omar@example.com","phoneNumbers":[],"businessUnits":["Delivery"],"roles":["ROLE_AGENT"],"uri":"` + testBase + `/contacts/` + omarID + `","path":"/contacts/` + omarID + `",` +
			`"availability":{"channels":[{"channel":"chat","available":true,"userActivity":"Idle","userState":{"id":"9430250E-0A1B-421F-B372-F29E69366DED","displayName":"Ready","state":"Ready"}}]}}]}`},
		{"/api/v2/contacts/" + support, `{"statusCode":0,"contact":{"id":"` + support + `","name":"support","type":"Queue","channel":"chat","uri":"` + testBase + `/contacts/` + support + `","path":"/contacts/` + support + `"}}`},
	}
	for _, c := range cases {
		if r := dana.get(c.path); r.status != http.StatusOK || r.body != c.want {
			t.Errorf("GET %s: %d\n got %s\nwant %s", c.path, r.status, r.body, c.want)
		}
	}

	me := dana.get("/api/v2/me?subresources=skills,settings,groups")
	if got := at[[]userSkill](t, me, "user", "skills"); len(got) != 1 || got[0].Level != "8" {
		t.Errorf("skills %+v", got)
	}
	if got := at[[]group](t, me, "user", "groups"); len(got) != 1 || got[0].Name != "Delivery" || got[0].Type != "BusinessUnit" {
		t.Errorf("groups %+v", got)
	}
	if got := at[map[string]map[string]string](t, me, "user", "settings")["interaction-workspace"]; got["chat.nickname"] != "Dana R." || got["interaction.disposition.key-name"] != "DispositionCode" {
		t.Errorf("the user's own settings win over the centre's: %v", got)
	}
	if strings.Contains(me.body, "argon2") {
		t.Error("a password hash left the house")
	}
	if r := dana.get("/api/v2/me"); strings.Contains(r.body, `"chats"`) || strings.Contains(r.body, `"settings"`) {
		t.Errorf("subresources nobody asked for: %s", r.body)
	}
}

// TestContactFilters checks agent-api 6.5.
func TestContactFilters(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.Directory.User(directory.UserID("lena")).LastName = "von der Kranz"
	dana := h.as("dana")
	cases := map[string][]string{
		"":                              {"dana", "omar", "lena", "ines", "support", "billing"},
		"type=Queue":                    {"support", "billing"},
		"type=User&limit=2&offset=1":    {"omar", "lena"},
		"type=Custom":                   nil,
		"name=omar,billing,nobody":      {"omar", "billing"},
		"name=Omar":                     nil,
		"channel=chat&type=Queue":       {"support", "billing"},
		"channel=voice":                 nil,
		"channel=voice,chat&type=Queue": {"support", "billing"},
		"phoneNumber=1007":              {"dana"},
		"phoneNumber=100":               nil,
		"filterName=NamesOrPhoneNumberMatches&filterParameters=*555*+dana": {"dana"},
		"offset=100": nil,
		"filterName=NamesOrPhoneNumberMatches&filterParameters=*n*+REY*":      {"dana"},
		"filterName=NamesOrPhoneNumberMatches&filterParameters=omar&limit=10": {"omar"},
		"filterName=NamesOrPhoneNumberMatches&filterParameters=o":             nil,
		"filterName=NamesOrPhoneNumberMatches&filterParameters=*i*l*":         {"billing"},
		// A name of several words is found by each of them, by all, and as it is.
		"filterName=NamesOrPhoneNumberMatches&filterParameters=kranz":              {"lena"},
		"filterName=NamesOrPhoneNumberMatches&filterParameters=Lena+von+der+Kranz": {"lena"},
		"filterName=NamesOrPhoneNumberMatches&filterParameters=von*kranz":          {"lena"},
		"filterName=NamesOrPhoneNumberMatches&filterParameters=%2B49+30+5551007":   {"dana"},
	}
	for query, want := range cases {
		var names []string
		r := dana.get("/api/v2/contacts?" + query)
		for _, c := range at[[]userContact](t, r, "contacts") {
			names = append(names, c.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", query, names, want)
		}
	}
	if r := dana.get("/api/v2/contacts?limit=1"); at[int](t, r, "totalCount") != 6 {
		t.Errorf("totalCount counts before paging: %s", r.body)
	}
	for query, code := range map[string]string{
		"type=Robot": "10", "limit=-1": "10", "offset=x": "10", "filterName=Regex": "10", "filterName=NamesOrPhoneNumberMatches": "1",
	} {
		if r := dana.get("/api/v2/contacts?" + query); r.status != http.StatusBadRequest || r.code() != code {
			t.Errorf("%s: %d %s, want %s", query, r.status, r.body, code)
		}
	}
}

// TestLists checks what all directories have in common: paging and its count, fields, filters by name (agent-api 1.5, 6.1, 6.6).
func TestLists(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	lists := map[string][]string{ // names in order
		"users": {"dana", "omar", "lena", "ines", "admin", "guest"}, "contacts": {"dana", "omar", "lena", "ines", "support", "billing"},
		"queues": {"support", "billing"}, "skills": {"parcels"}, "groups": {"Delivery", "Night shift"}, "features": {"api-multimedia", "api-multimedia-chat", "api-voice"},
	}
	for plural, want := range lists {
		whole := dana.get("/api/v2/" + plural + "?fields=*")
		resources := at[[]map[string]jsontext.Value](t, whole, plural)
		if got := at[int](t, whole, "totalCount"); got != len(want) || len(resources) != len(want) {
			t.Errorf("%s: %d of %d", plural, len(resources), got)
			continue
		}
		name := cmp.Or(map[string]string{"users": "userName", "features": "id"}[plural], "name")
		for i, r := range resources {
			if got := string(r[name]); got != `"`+want[i]+`"` {
				t.Errorf("%s %d is %s, want %s", plural, i, got, want[i])
			}
			// Each resource is found by its own path, and is the same there.
			var path string
			if err := json.Unmarshal(r["path"], &path); err != nil {
				t.Fatal(err)
			}
			one := at[map[string]jsontext.Value](t, dana.get("/api/v2"+path), plural[:len(plural)-1])
			if !maps.EqualFunc(one, r, func(a, b jsontext.Value) bool { return string(a) == string(b) }) {
				t.Errorf("%s: %s in the list, %s alone", path, r, one)
			}
		}
		page := dana.get("/api/v2/" + plural + "/?fields=path&offset=1&limit=1")
		got := at[[]map[string]jsontext.Value](t, page, plural)
		if at[int](t, page, "totalCount") != len(want) || len(got) != min(1, len(want)-1) || len(got) == 1 && string(got[0]["id"]) != string(resources[1]["id"]) {
			t.Errorf("%s, second page: %s", plural, page.body)
		}
		for _, bad := range []string{"limit=-1", "limit=x", "offset=1.5", "offset=99999999999"} {
			if r := dana.get("/api/v2/" + plural + "?" + bad); r.status != http.StatusBadRequest || r.code() != "10" {
				t.Errorf("%s?%s: %d %s", plural, bad, r.status, r.body)
			}
		}
		if r := dana.get("/api/v2/" + plural + "/" + directory.UserID("stranger")); r.status != http.StatusNotFound || r.code() != "6" {
			t.Errorf("%s/stranger: %d %s", plural, r.status, r.body)
		}
	}
	for query, want := range map[string]int{
		"users?roles=ROLE_SUPERVISOR,ROLE_ADMIN": 2, "users?userName=omar,lena,nobody": 2, "users?filterName=NamesOrPhoneNumberMatches&filterParameters=*n*": 4,
		"users?roles=ROLE_AGENT&userName=ines": 0, "queues?name=billing": 1, "skills?name=Parcels": 0, "groups?name=Delivery": 1,
	} {
		if r := dana.get("/api/v2/" + query); at[int](t, r, "totalCount") != want || len(at[[]string](t, r, "uris")) != want {
			t.Errorf("%s: %s, want %d", query, r.body, want)
		}
	}
	if r := dana.get("/api/v2/users?filterName=Regex"); r.code() != "10" {
		t.Errorf("an unknown filter: %s", r.body)
	}
}

// TestResolvedAddresses checks resolveUris (agent-api 1.5) on the queues that a chat's queue suggests (3.1).
func TestResolvedAddresses(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	billing := directory.ResourceID("queue", "billing")
	h.Encoder.SuggestQueues([]*directory.Queue{{ID: directory.ResourceID("queue", "support"), Suggests: []string{billing}}})
	dana := h.as("dana")
	dana.startWork()
	pat := h.arrive()
	path := dana.offered(pat.ChatID)
	address := testBase + "/queues/" + billing
	if got := at[chatResource](t, dana.get(path), "chat"); !slices.Equal(got.SuggestedQueueURIs, []string{address}) {
		t.Errorf("suggested: %v", got.SuggestedQueueURIs)
	}
	want := `{"id":"` + billing + `","name":"billing","channel":"chat","uri":"` + address + `","path":"/queues/` + billing + `"}`
	for query, suggested := range map[string]string{
		"resolveUris=*": `[` + want + `]`, "resolveUris=suggestedQueueUris": `[` + want + `]`, "fields=*&resolveUris=*": `[` + want + `]`,
		"resolveUris=groupUri": `["` + address + `"]`, "fields=suggestedQueueUris": `["` + address + `"]`,
	} {
		r := dana.get(path + "?" + query)
		if got := at[jsontext.Value](t, r, "chat", "suggestedQueueUris"); string(got) != suggested {
			t.Errorf("%s: %s, want %s", query, got, suggested)
		}
		if got := at[string](t, r, "chat", "uri"); got != testBase+"/chats/"+pat.ChatID {
			t.Errorf("%s: a resource's own address became %s", query, got)
		}
	}
	if got := at[[]jsontext.Value](t, dana.get("/api/v2/me/chats?fields=*&resolveUris=*"), "chats"); len(got) != 1 || !strings.Contains(string(got[0]), want) {
		t.Errorf("in the list: %s", got)
	}
	if got := at[[]queue](t, dana.get("/api/v2/queues?resolveUris=*"), "queues"); len(got) != 2 || got[0].Name != "support" {
		t.Errorf("resolved uris are the resources: %+v", got)
	}
}

// TestWhatIsNotOurs checks that other media are answered honestly: nothing is there, nothing can be begun, and all of it is JSON (agent-api 2.4, 6.1).
func TestWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	for _, what := range append([]string{"interactions"}, otherMedia...) {
		if r := dana.get("/api/v2/me/" + what); r.body != `{"statusCode":0,"uris":[]}` {
			t.Errorf("%s: %s", what, r.body)
		}
		if r := dana.get("/api/v2/me/" + what + "/?fields=*"); r.body != `{"statusCode":0,"`+what+`":[]}` {
			t.Errorf("%s: %s", what, r.body)
		}
		if what == "interactions" {
			continue // one of these is a chat by its older name
		}
		if r := dana.post("/api/v2/me/"+what, `{"operationName":"Dial"}`); r.code() != "3" || !strings.Contains(r.message(), what) {
			t.Errorf("begin one of %s: %d %s", what, r.status, r.body)
		}
		if r := dana.post("/api/v2/me/"+what+"/0004XaGQ7T2H001K", `{"operationName":"Answer"}`); r.code() != "6" {
			t.Errorf("one of %s: %d %s", what, r.status, r.body)
		}
	}
	for _, path := range []string{"/api/v2/me/faxes", "/api/v2/settings/colours", "/api/v2/campaigns", "/internal-api/everything"} {
		if r := dana.get(path); r.status != http.StatusNotFound || r.code() != "6" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// TestMethods checks HEAD, OPTIONS and methods that an address does not have (agent-api 1.2, 1.5).
func TestMethods(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	for path, allowed := range map[string]string{
		"/api/v2/queues/": "GET, HEAD, OPTIONS", "/api/v2/me": "GET, HEAD, POST, OPTIONS", "/api/v2/me/chats/0004XaGQ7T2H001K": "GET, HEAD, POST, OPTIONS",
	} {
		if r := dana.do(http.MethodOptions, path, ""); r.status != http.StatusNoContent || r.header.Get("Allow") != allowed {
			t.Errorf("OPTIONS %s: %d, %q", path, r.status, r.header.Get("Allow"))
		}
		if r := dana.do(http.MethodDelete, path, ""); r.status != http.StatusMethodNotAllowed || r.code() != "3" || r.header.Get("Allow") != allowed {
			t.Errorf("DELETE %s: %d %s", path, r.status, r.body)
		}
	}
	if r := dana.do(http.MethodOptions, "/api/v2/nowhere", ""); r.status != http.StatusNoContent || r.header.Get("Allow") != "" {
		t.Errorf("OPTIONS of nothing: %d, %q", r.status, r.header.Get("Allow"))
	}
	full := dana.get("/api/v2/queues?fields=*")
	r := dana.do(http.MethodHead, "/api/v2/queues?fields=*", "")
	if r.status != http.StatusOK || r.body != "" || r.header.Get("Content-Length") != full.header.Get("Content-Length") || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %d %q %v", r.status, r.body, r.header)
	}
}

// TestAfterCallWork checks agent-api 6.4: of the states that always exist, the one from voice is a NotReady with a name in chat.
func TestAfterCallWork(t *testing.T) {
	t.Parallel()
	dana := open(t, nil).as("dana")
	dana.startWork()
	dana.ok("/api/v2/me/channels/chat", `{"operationName":"AfterCallWork"}`)
	got := at[channel](t, dana.get("/api/v2/me/channels/chat"), "channel").UserState
	if got != (userState{ID: agent.AfterCallWork.ID, DisplayName: "After Call Work", State: agent.NotReadyState}) {
		t.Errorf("%+v", got)
	}
}

func TestWildcards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"dana", "dana", true},
		{"dana", "danae", false},
		{"*", "", true},
		{"d*", "dana", true},
		{"*a", "dana", true},
		{"d*a", "da", true},
		{"d*d", "d", false},
		{"*an*n*", "dana nun", true},
		{"a*b*a", "aba", true},
		{"ab*ba", "aba", false},
		{"***", "x", true},
		{"", "x", false},
	} {
		if got := wildcard(c.pattern, c.s); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.s, got)
		}
	}
}
