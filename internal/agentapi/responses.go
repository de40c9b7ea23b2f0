package agentapi

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// category is a group of standard responses as the contact server tells it (agent-api 6.7).
type category struct {
	CategoryID   string `json:"categoryId"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Language     string `json:"language"`
	Status       string `json:"status"`
	Type         int    `json:"type"`
	ModifiedDate string `json:"modifiedDate,omitzero"`
}

// responseGroup is the same group as a resource, where the address of each of its templates leads.
type responseGroup struct {
	ID                   string   `json:"id"`
	Name                 string   `json:"name"`
	Description          string   `json:"description,omitzero"`
	Language             string   `json:"language,omitzero"`
	Approved             bool     `json:"approved"`
	ResponseTemplateURIs []string `json:"responseTemplateUris"`
	URI                  string   `json:"uri"`
	Path                 string   `json:"path"`
}

// responseTemplate is a standard response (agent-api 6.7). Empty items are left out.
type responseTemplate struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Subject        string `json:"subject,omitzero"`
	Body           string `json:"body"`
	Description    string `json:"description,omitzero"`
	Language       string `json:"language,omitzero"`
	GroupURI       string `json:"groupUri"`
	StartTime      string `json:"startTime,omitzero"`
	ExpirationTime string `json:"expirationTime,omitzero"`
	ModifiedTime   string `json:"modifiedTime,omitzero"`
	Approved       bool   `json:"approved"`
	URI            string `json:"uri"`
	Path           string `json:"path"`
}

func (r responseGroup) address() string    { return r.URI }
func (r responseTemplate) address() string { return r.URI }

func responseGroupPath(id string) string { return "/response-template-groups/" + id }

func responseTemplatePath(id string) string { return "/response-templates/" + id }

// standardCategory is the contact server's number for a category of standard responses.
const standardCategory = 2

// contactServerRequests are those that can be passed on, and whether they leave out what is not approved (agent-api 6.7).
var contactServerRequests = map[string]bool{"RequestGetRootCategories": false, "GetApprovedRootCategories": true}

// contactServer answers POST /platform/contactserver/{request}. It only reads, so an Idempotency-Key plays no part.
func (a *API) contactServer(c *call) (answer, error) {
	name := c.r.PathValue("request")
	approved, known := contactServerRequests[name]
	if !known {
		return nil, refuse(chat.ErrNotAllowed, "the request %s is not offered by this server; there are: %s", quote(name),
			strings.Join(slices.Sorted(maps.Keys(contactServerRequests)), ", "))
	}
	p, err := c.parameters()
	if err != nil {
		return nil, err
	}
	language, err := p.text("language")
	if err != nil {
		return nil, err
	}
	categories := []category{}
	for _, g := range a.Directory.ResponseGroups {
		if approved && !g.Approved || !speaks(g.Language, language) {
			continue
		}
		status := "Draft"
		if g.Approved {
			status = "Approved"
		}
		categories = append(categories, category{
			CategoryID: g.ID, Name: g.Name, Description: g.Description, Language: g.Language, Status: status, Type: standardCategory,
			ModifiedDate: a.Encoder.timestamp(g.Modified),
		})
	}
	return answer{{"response", "EventGetRootCategories"}, {"data", map[string]any{"categories": categories}}}, nil
}

// speaks says whether what is in one language, or with "" in any, is for who asks for another, or with "" for all.
func speaks(is, asked string) bool { return is == "" || asked == "" || strings.EqualFold(is, asked) }

// responseGroups is the directory of the categories.
func (a *API) responseGroups() collection[responseGroup] {
	return rendered("responseTemplateGroups", "responseTemplateGroup", a.Directory.ResponseGroups, func(g *directory.ResponseGroup) string { return g.Name },
		a.Directory.ResponseGroup, a.responseGroupOf)
}

// responseTemplates is the directory of standard responses. Filters: groupId, language, and usable=true for those that may be used now.
func (a *API) responseTemplates() collection[responseTemplate] {
	return collection[responseTemplate]{
		plural: "responseTemplates", singular: "responseTemplate",
		all: func(c *call) ([]responseTemplate, error) {
			query, groups, now := c.r.URL.Query(), c.selected("groupId"), time.Now()
			var found []responseTemplate
			for _, g := range a.Directory.ResponseGroups {
				if !groups.none() && !groups.has(g.ID) {
					continue
				}
				for _, t := range g.Templates {
					if speaks(t.Language, query.Get("language")) && (query.Get("usable") != "true" || t.Usable(now)) {
						found = append(found, a.responseTemplateOf(t))
					}
				}
			}
			return found, nil
		},
		one: func(_ *call, id string) (responseTemplate, bool, error) {
			t := a.Directory.ResponseTemplate(id)
			if t == nil {
				return responseTemplate{}, false, nil
			}
			return a.responseTemplateOf(t), true, nil
		},
	}
}

func (a *API) responseGroupOf(g *directory.ResponseGroup) responseGroup {
	w := responseGroup{
		ID: g.ID, Name: g.Name, Description: g.Description, Language: g.Language, Approved: g.Approved,
		URI: a.Encoder.uri(responseGroupPath(g.ID)), Path: responseGroupPath(g.ID),
	}
	for _, t := range g.Templates {
		w.ResponseTemplateURIs = append(w.ResponseTemplateURIs, a.Encoder.uri(responseTemplatePath(t.ID)))
	}
	return w
}

func (a *API) responseTemplateOf(t *directory.ResponseTemplate) responseTemplate {
	return responseTemplate{
		ID: t.ID, Name: t.Name, Subject: t.Subject, Body: t.Body, Description: t.Description, Language: t.Language,
		GroupURI: a.Encoder.uri(responseGroupPath(t.Group)), StartTime: a.Encoder.timestamp(t.Start), ExpirationTime: a.Encoder.timestamp(t.Expiry),
		ModifiedTime: a.Encoder.timestamp(t.Modified), Approved: t.Approved,
		URI: a.Encoder.uri(responseTemplatePath(t.ID)), Path: responseTemplatePath(t.ID),
	}
}

// reportUsage reads ReportResponseTemplateUsage. One page calls usageType responseType (agent-api 4.14).
func reportUsage(_ *directory.Directory, p parameters) (chat.Action, error) {
	id, err := p.text("responseTemplateId")
	if err != nil {
		return nil, err
	}
	usage, err := p.text("usageType")
	if err == nil && usage == "" {
		usage, err = p.text("responseType")
	}
	return chat.ReportResponseTemplateUsage{TemplateID: id, UsageType: usage}, err
}
