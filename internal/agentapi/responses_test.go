package agentapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/directory"
)

// responses are standard responses in all their standings.
func responses() []*directory.ResponseGroup {
	greetings, drafts := &directory.ResponseGroup{
		ID: directory.ResourceID("response-group", "Greetings"), Name: "Greetings", Description: "To begin with", Language: "English", Approved: true,
		Modified: time.Date(2024, 3, 11, 8, 41, 7, 0, time.UTC),
	}, &directory.ResponseGroup{ID: directory.ResourceID("response-group", "Drafts"), Name: "Drafts"}
	add := func(g *directory.ResponseGroup, t directory.ResponseTemplate) {
		t.ID, t.Group, t.Body = directory.ResourceID("response-template", t.Name), g.ID, "Hello <$ Customer.FirstName $>"
		g.Templates = append(g.Templates, &t)
	}
	add(greetings, directory.ResponseTemplate{Name: "Welcome", Subject: "Welcome", Language: "English", Approved: true, Start: greetings.Modified})
	add(greetings, directory.ResponseTemplate{Name: "Christmas", Language: "German", Approved: true, Expiry: greetings.Modified})
	add(greetings, directory.ResponseTemplate{Name: "Soon", Language: "English", Approved: true, Start: time.Now().Add(time.Hour)})
	add(drafts, directory.ResponseTemplate{Name: "Draft"})
	return []*directory.ResponseGroup{greetings, drafts}
}

// TestStandardResponses checks agent-api 6.7: the contact server's requests for categories, templates and their groups as resources.
func TestStandardResponses(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	all := responses()
	const server = "/api/v2/platform/contactserver/"
	greetings := `{"categoryId":"` + all[0].ID + `","name":"Greetings","description":"To begin with","language":"English","status":"Approved","type":2,"modifiedDate":"2024-03-11 09:41:07.000+0100"}`
	drafts := `{"categoryId":"` + all[1].ID + `","name":"Drafts","description":"","language":"","status":"Draft","type":2}`
	for _, c := range []struct{ request, body, want string }{
		{"RequestGetRootCategories", ``, greetings + "," + drafts},
		{"RequestGetRootCategories/", `{}`, greetings + "," + drafts},
		{"RequestGetRootCategories", `{"language":"english"}`, greetings + "," + drafts},
		{"RequestGetRootCategories", `{"operationName":"RequestGetRootCategories","language":"German"}`, drafts},
		{"GetApprovedRootCategories", `{"language":null}`, greetings},
		{"GetApprovedRootCategories", `{"language":"German"}`, ""},
	} {
		if r := dana.post(server+c.request, c.body); r.body != `{"statusCode":0,"response":"EventGetRootCategories","data":{"categories":[`+c.want+`]}}` {
			t.Errorf("%s %s: %s", c.request, c.body, r.body)
		}
	}
	for _, c := range []struct {
		who, request, body string
		status             int
		code               string
	}{
		{"dana", "RequestGetInteractions", ``, http.StatusForbidden, "3"},
		{"dana", "requestGetRootCategories", ``, http.StatusForbidden, "3"},
		{"dana", "RequestGetRootCategories", `[]`, http.StatusBadRequest, "10"},
		{"dana", "RequestGetRootCategories", `{"language":["English"]}`, http.StatusBadRequest, "10"},
		{"dana", "RequestGetRootCategories", `{"x":"` + strings.Repeat("x", 256<<10) + `"}`, http.StatusRequestEntityTooLarge, "10"},
		{"admin", "RequestGetRootCategories", ``, http.StatusForbidden, "5"},
	} {
		if r := h.as(c.who).post(server+c.request, c.body); r.status != c.status || r.code() != c.code {
			t.Errorf("%s by %s, %.40s: %d %s", c.request, c.who, c.body, r.status, r.body)
		}
	}
	if r := dana.get(server + "RequestGetRootCategories"); r.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", r.status, r.body)
	}

	id := all[0].Templates[0].ID
	template := `{"id":"` + id + `","name":"Welcome","subject":"Welcome","body":"Hello <$ Customer.FirstName $>","language":"English","groupUri":"` + testBase +
		`/response-template-groups/` + all[0].ID + `","startTime":"2024-03-11 09:41:07.000+0100","approved":true,"uri":"` + testBase + `/response-templates/` + id + `","path":"/response-templates/` + id + `"}`
	if r := dana.get("/api/v2/response-templates/" + id); r.body != `{"statusCode":0,"responseTemplate":`+template+`}` {
		t.Errorf("one: %s", r.body)
	}
	if r := dana.get("/api/v2/response-templates/" + all[0].ID); r.status != http.StatusNotFound || r.code() != "6" {
		t.Errorf("none: %d %s", r.status, r.body)
	}
	for query, want := range map[string][]string{
		"": {"Welcome", "Christmas", "Soon", "Draft"}, "limit=2&offset=1": {"Christmas", "Soon"}, "language=german": {"Christmas", "Draft"},
		"usable=true": {"Welcome"}, "groupId=" + all[1].ID: {"Draft"}, "groupId=x": nil,
	} {
		var names []string
		for _, r := range at[[]responseTemplate](t, dana.get("/api/v2/response-templates?fields=name&"+query), "responseTemplates") {
			names = append(names, r.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", query, names, want)
		}
	}
	group := dana.get("/api/v2/response-template-groups/" + all[0].ID + "?resolveUris=*")
	if got := at[[]responseTemplate](t, group, "responseTemplateGroup", "responseTemplateUris"); len(got) != 3 || got[2].Name != "Soon" {
		t.Errorf("a group with its templates: %s", group.body)
	}
	if got := at[responseGroup](t, dana.get("/api/v2/response-templates/"+id+"?resolveUris=groupUri"), "responseTemplate", "groupUri"); got.Name != "Greetings" {
		t.Errorf("a template with its group: %+v", got)
	}
}

// TestTemplateUsage checks agent-api 4.14: both names of the parameter, its default, the order of checks, and that nobody is told and no referenceId given.
func TestTemplateUsage(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	dana.startWork()
	all := responses()
	pat := h.arrive()
	path := dana.offered(pat.ChatID)
	report := func(more string) string { return `{"operationName":"ReportResponseTemplateUsage"` + more + `}` }
	template := func(i int) string { return `,"responseTemplateId":"` + all[0].Templates[i].ID + `"` }
	before := h.heads()
	for _, body := range []string{
		report(template(0)), report(template(0) + `,"usageType":"AdministratorResponse"`), report(template(0) + `,"responseType":"SuggestedResponsesIgnored"`),
	} {
		if r := dana.ok(path, body); r.body != `{"statusCode":0}` {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	if now := h.heads(); !slices.Equal(now, before) {
		t.Errorf("somebody was told: %v, %v", before, now)
	}
	for _, c := range []struct{ path, body, code string }{
		{path, report(``), "1"},
		{path, report(`,"responseTemplateId":""`), "1"},
		{path, report(`,"responseTemplateId":7`), "10"},
		{path, report(template(1) + `,"usageType":"Read"`), "10"},
		{path, report(template(1)), "2"}, // expired
		{path, report(template(2)), "2"}, // not yet
		{path, report(`,"responseTemplateId":"` + all[1].Templates[0].ID + `"`), "2"},
		{path, report(`,"responseTemplateId":"nothing"`), "6"},
		{"/api/v2/me/chats/0004XaGQ7T2H001K", report(``), "6"},
		{"/api/v2/me/chats/0004XaGQ7T2H001K", report(`,"responseTemplateId":7`), "6"},
	} {
		if r := dana.post(c.path, c.body); r.code() != c.code {
			t.Errorf("%s: %s, want %s", c.body, r.body, c.code)
		}
	}
}
