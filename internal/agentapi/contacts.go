package agentapi

import (
	"context"
	"slices"
	"strings"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// The types of contacts (agent-api 6.5). Custom ones do not exist here.
const (
	userType  = "User"
	queueType = "Queue"
)

// contactEntry is a contact with what it can be found by.
type contactEntry struct {
	resource addressed
	kind     string
	name     string
	words    []string // whose beginnings NamesOrPhoneNumberMatches looks at
}

// contacts answers GET /contacts: whom and what a chat can be passed to (agent-api 6.5).
func (a *API) contacts(c *call) (answer, error) {
	query := c.r.URL.Query()
	keep, err := contactFilter(query.Get)
	if err != nil {
		return nil, err
	}
	offset, err := c.number("offset")
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit")
	if err != nil {
		return nil, err
	}
	entries, err := a.contactEntries(c.r.Context())
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e contactEntry) bool { return !keep(e) })
	total := len(entries)
	entries = entries[min(int(offset), total):]
	if limit > 0 {
		entries = entries[:min(int(limit), len(entries))]
	}
	resources := make([]addressed, 0, len(entries))
	for _, e := range entries {
		resources = append(resources, e.resource)
	}
	fields := c.selected("fields")
	fields.all = fields.all || fields.none() // contacts come as resources even if fields is absent
	found, err := list("contacts", resources, fields)
	return append(answer{{"totalCount", total}}, found...), err
}

// contact answers GET /contacts/{id}.
func (a *API) contact(c *call) (answer, error) {
	id := c.r.PathValue("id")
	if q := a.Directory.Queue(id); q != nil {
		picked, err := pick(a.queueContactOf(q), c.selected("fields"))
		return answer{{"contact", picked}}, err
	}
	u := a.Directory.User(id)
	if u == nil {
		return nil, errNobody("contact")
	}
	s, err := a.Desk.Agent(c.r.Context(), u.ID)
	if err != nil {
		return nil, err
	}
	picked, err := pick(a.userContactOf(u, s), c.selected("fields"))
	return answer{{"contact", picked}}, err
}

// contactEntries lists the users who can take chats, then the queues, in the directory's order.
func (a *API) contactEntries(ctx context.Context) ([]contactEntry, error) {
	states, err := a.Desk.Agents(ctx)
	if err != nil {
		return nil, err
	}
	var entries []contactEntry
	for _, u := range a.Directory.Users {
		if u.MayChat() {
			entries = append(entries, contactEntry{a.userContactOf(u, states[u.ID]), userType, u.Name, []string{u.FirstName, u.LastName, u.Name}})
		}
	}
	for _, q := range a.Directory.Queues {
		entries = append(entries, contactEntry{a.queueContactOf(q), queueType, q.Name, []string{q.Name}})
	}
	return entries, nil
}

func contactPath(id string) string { return "/contacts/" + id }

func (a *API) userContactOf(u *directory.User, s agent.State) userContact {
	w := userContact{
		ID: u.ID, Name: u.Name, Type: userType, UserName: u.Name, FirstName: u.FirstName, LastName: u.LastName, EmployeeID: u.EmployeeID,
		EmailAddress: u.Email, Roles: u.Roles, URI: a.Encoder.uri(contactPath(u.ID)), Path: contactPath(u.ID),
	}
	for _, ch := range s.Channels {
		if !ch.LoggedIn() {
			continue
		}
		// Available is who a Transfer would reach at this moment (agent-api 4.8, 6.3): ready or not, but not on do-not-disturb and not full.
		activity := "Idle"
		if len(s.Holds) > 0 {
			activity = "Busy"
		}
		if w.Availability == nil {
			w.Availability = &availability{}
		}
		w.Availability.Channels = append(w.Availability.Channels, channelAvailability{
			Channel: ch.Medium, Available: s.Reachable() && s.Load() < u.Capacity, UserActivity: activity, UserState: userStateOf(ch.UserState),
		})
	}
	return w
}

func (a *API) queueContactOf(q *directory.Queue) queueContact {
	return queueContact{
		ID: q.ID, Name: q.Name, Type: queueType, Channel: agent.Chat, URI: a.Encoder.uri(contactPath(q.ID)), Path: contactPath(q.ID),
	}
}

// namesMatch is the one filter by name that is documented (agent-api 6.5).
const namesMatch = "NamesOrPhoneNumberMatches"

// contactFilter reads the filters of a query; they narrow each other down. A filter that nothing can pass (a phone number, another channel) passes nothing.
func contactFilter(query func(string) string) (func(contactEntry) bool, error) {
	names := parseSelection(query("name"))
	types := parseSelection(query("type"))
	for t := range types.names {
		if t != userType && t != queueType && t != "Custom" {
			return nil, refuse(chat.ErrInvalid, "type %s is not one of User, Queue, Custom", quote(t))
		}
	}
	ch, phone := query("channel"), query("phoneNumber")
	var patterns []string
	switch name := query("filterName"); name {
	case "":
	case namesMatch:
		if patterns = strings.Fields(strings.ToLower(query("filterParameters"))); len(patterns) == 0 {
			return nil, refuse(chat.ErrMissing, "give filterParameters to %s", namesMatch)
		}
	default:
		return nil, refuse(chat.ErrInvalid, "filterName %s is not %s", quote(name), namesMatch)
	}
	return func(e contactEntry) bool {
		switch {
		case !names.none() && !names.has(e.name), !types.none() && !types.has(e.kind), ch != "" && ch != agent.Chat, phone != "":
			return false
		}
		for _, p := range patterns {
			if !slices.ContainsFunc(e.words, func(w string) bool { return wildcard(p, strings.ToLower(w)) }) {
				return false
			}
		}
		return true
	}, nil
}

// wildcard says whether s is as the pattern says, in which * stands for anything. It looks at each character of s at most twice per star.
func wildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, last)
}
