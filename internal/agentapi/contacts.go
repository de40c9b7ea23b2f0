package agentapi

import (
	"slices"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// The types of contacts (agent-api 6.5). Custom ones do not exist here.
const (
	userType   = "User"
	queueType  = "Queue"
	customType = "Custom"
)

// contactEntry is a contact with what it can be found by.
type contactEntry struct {
	addressed
	kind   string
	name   string
	phones []string
	words  []string // what namesFilter looks at
}

// contacts is the directory of whom and what a chat can be passed to: the users who can take chats, then the queues. Each has the id of the user or
// the queue it stands for (agent-api 6.5).
func (a *API) contacts() collection[addressed] {
	return collection[addressed]{
		plural: "contacts", singular: "contact", whole: true,
		all: func(c *call) ([]addressed, error) {
			keep, err := contactFilter(c)
			if err != nil {
				return nil, err
			}
			states, err := a.Desk.Agents(c.r.Context())
			if err != nil {
				return nil, err
			}
			var found []addressed
			add := func(e contactEntry) {
				if keep(e) {
					found = append(found, e.addressed)
				}
			}
			for _, u := range a.Directory.Users {
				if u.MayChat() {
					add(contactEntry{a.userContactOf(u, states[u.ID]), userType, u.Name, u.PhoneNumbers, knownBy(u)})
				}
			}
			for _, q := range a.Directory.Queues {
				add(contactEntry{a.queueContactOf(q), queueType, q.Name, nil, []string{q.Name}})
			}
			return found, nil
		},
		one: func(c *call, id string) (addressed, bool, error) {
			if q := a.Directory.Queue(id); q != nil {
				return a.queueContactOf(q), true, nil
			}
			u := a.Directory.User(id)
			if u == nil || !u.MayChat() {
				return nil, false, nil
			}
			s, err := a.Desk.Agent(c.r.Context(), id)
			return a.userContactOf(u, s), true, err
		},
	}
}

func contactPath(id string) string { return "/contacts/" + id }

func (a *API) userContactOf(u *directory.User, s agent.State) userContact {
	w := userContact{
		ID: u.ID, Name: u.Name, Type: userType, UserName: u.Name, FirstName: u.FirstName, LastName: u.LastName, EmployeeID: u.EmployeeID,
		EmailAddress: u.Email, PhoneNumbers: u.PhoneNumbers, Roles: u.Roles, URI: a.Encoder.uri(contactPath(u.ID)), Path: contactPath(u.ID),
	}
	for _, g := range a.Directory.GroupsOf(u.ID) {
		if g.Type == businessUnit {
			w.BusinessUnits = append(w.BusinessUnits, g.Name)
		}
	}
	for _, ch := range s.Channels {
		if !ch.LoggedIn() {
			continue
		}
		// Available is who a Transfer would reach at this moment (agent-api 4.8, 6.3): ready or not, but not on do-not-disturb and not full. Only chats that
		// count make busy: otherwise all could see here that a supervisor has begun to listen (5.2.3).
		activity := "Idle"
		if s.Load() > 0 {
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

// businessUnit is the type of the groups that desktops show as somebody's business units.
const businessUnit = "BusinessUnit"

func (a *API) queueContactOf(q *directory.Queue) queueContact {
	return queueContact{
		ID: q.ID, Name: q.Name, Type: queueType, Channel: agent.Chat, URI: a.Encoder.uri(contactPath(q.ID)), Path: contactPath(q.ID),
	}
}

// contactFilter reads the filters of a query; they narrow each other down (agent-api 6.5). A medium that is not served here passes nothing.
func contactFilter(c *call) (func(contactEntry) bool, error) {
	names, types, media, phones := c.selected("name"), c.selected("type"), c.selected("channel"), c.selected("phoneNumber")
	for t := range types.names {
		if t != userType && t != queueType && t != customType {
			return nil, refuse(chat.ErrInvalid, "type %s is not one of %s, %s, %s", quote(t), userType, queueType, customType)
		}
	}
	matches, err := namesFilter(c.r.URL.Query().Get)
	if err != nil {
		return nil, err
	}
	return func(e contactEntry) bool {
		return (names.none() || names.has(e.name)) && (types.none() || types.has(e.kind)) && (media.none() || media.has(agent.Chat)) &&
			(phones.none() || slices.ContainsFunc(e.phones, phones.has)) && matches(e.words)
	}, nil
}
