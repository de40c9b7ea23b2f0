package directory

import "time"

// ResponseGroup is a category of standard responses (agent-api 6.7).
type ResponseGroup struct {
	ID          string // UUID with dashes
	Name        string
	Description string
	Language    string // "": any
	Approved    bool
	Modified    time.Time // zero: not told
	Templates   []*ResponseTemplate
}

// ResponseTemplate is a standard response: a text for agents to send, with placeholders such as <$ Customer.FirstName $> that desktops fill in (agent-api 6.7).
type ResponseTemplate struct {
	ID            string // UUID with dashes
	Group         string // id
	Name          string
	Subject       string
	Body          string
	Description   string
	Language      string // "": any
	Approved      bool
	Start, Expiry time.Time // zero: no such bound
	Modified      time.Time // zero: not told
}

// Usable says whether the template is approved and valid at this time (agent-api 4.14).
func (t *ResponseTemplate) Usable(now time.Time) bool {
	return t.Approved && !now.Before(t.Start) && (t.Expiry.IsZero() || now.Before(t.Expiry))
}

// ResponseGroup returns the category with this id, or nil.
func (d *Directory) ResponseGroup(id string) *ResponseGroup { return d.responseGroups[id] }

// ResponseTemplate returns the standard response with this id, or nil.
func (d *Directory) ResponseTemplate(id string) *ResponseTemplate { return d.responses[id] }

// indexResponses makes standard responses known by their ids.
func (d *Directory) indexResponses() {
	d.responseGroups, d.responses = map[string]*ResponseGroup{}, map[string]*ResponseTemplate{}
	for _, g := range d.ResponseGroups {
		d.responseGroups[g.ID] = g
		for _, t := range g.Templates {
			d.responses[t.ID] = t
		}
	}
}
