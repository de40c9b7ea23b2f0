package agentapi

import (
	"maps"
	"slices"
	"strconv"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

func errNobody(what string) error {
	return refuse(chat.ErrNotFound, "there is no such %s", what)
}

// users is the directory of all who can log in (agent-api 6.1). Filters: userName and roles, comma lists, and those of namesFilter.
func (a *API) users() collection[user] {
	return collection[user]{
		plural: "users", singular: "user",
		all: func(c *call) ([]user, error) {
			names, roles := c.selected("userName"), c.selected("roles")
			matches, err := namesFilter(c.r.URL.Query().Get)
			if err != nil {
				return nil, err
			}
			var us []user
			for _, u := range a.Directory.Users {
				inRole := roles.none() || slices.ContainsFunc(u.Roles, func(r directory.Role) bool { return roles.has(string(r)) })
				if inRole && (names.none() || names.has(u.Name)) && matches(knownBy(u)) {
					us = append(us, a.userOf(u))
				}
			}
			return us, nil
		},
		one: func(_ *call, id string) (user, bool, error) {
			u := a.Directory.User(id)
			if u == nil {
				return user{}, false, nil
			}
			return a.userOf(u), true, nil
		},
	}
}

// knownBy are the words that namesFilter finds a user by.
func knownBy(u *directory.User) []string {
	return append([]string{u.FirstName, u.LastName, u.Name}, u.PhoneNumbers...)
}

func (a *API) userOf(u *directory.User) user {
	return user{
		ID: u.ID, UserName: u.Name, FirstName: u.FirstName, LastName: u.LastName, EmailAddress: u.Email, EmployeeID: u.EmployeeID,
		Enabled: true, Roles: u.Roles, URI: a.Encoder.uri(userPath(u.ID)), Path: userPath(u.ID),
	}
}

func skillPath(id string) string { return "/skills/" + id }

// skillsOf lists a user's skills, in the directory's order.
func (a *API) skillsOf(u *directory.User) []userSkill {
	skills := make([]userSkill, 0, len(u.Skills))
	for _, s := range a.Directory.Skills {
		if level, ok := u.Skills[s.ID]; ok {
			skills = append(skills, userSkill{
				ID: s.ID, Name: s.Name, Level: strconv.Itoa(level), URI: a.Encoder.uri(skillPath(s.ID)), Path: skillPath(s.ID),
			})
		}
	}
	return skills
}

// skills is the directory of skills (agent-api 6.6).
func (a *API) skills() collection[skill] {
	find := func(id string) *directory.Skill {
		if i := slices.IndexFunc(a.Directory.Skills, func(s *directory.Skill) bool { return s.ID == id }); i >= 0 {
			return a.Directory.Skills[i]
		}
		return nil
	}
	return rendered("skills", "skill", a.Directory.Skills, func(s *directory.Skill) string { return s.Name }, find, a.skillOf)
}

func (a *API) skillOf(s *directory.Skill) skill {
	return skill{ID: s.ID, Name: s.Name, URI: a.Encoder.uri(skillPath(s.ID)), Path: skillPath(s.ID)}
}

// groups is the directory of groups (agent-api 6.6).
func (a *API) groups() collection[group] {
	return rendered("groups", "group", a.Directory.Groups, func(g *directory.Group) string { return g.Name }, a.Directory.Group, a.groupOf)
}

func (a *API) groupsOf(from []*directory.Group) []group {
	groups := make([]group, 0, len(from))
	for _, g := range from {
		groups = append(groups, a.groupOf(g))
	}
	return groups
}

func groupPath(id string) string { return "/groups/" + id }

func (a *API) groupOf(g *directory.Group) group {
	return group{ID: g.ID, Name: g.Name, Type: g.Type, Contains: []string{"users"}, URI: a.Encoder.uri(groupPath(g.ID)), Path: groupPath(g.ID)}
}

// queues is the directory of queues (agent-api 6.6).
func (a *API) queues() collection[queue] {
	return rendered("queues", "queue", a.Directory.Queues, func(q *directory.Queue) string { return q.Name }, a.Directory.Queue, a.queueOf)
}

func (a *API) queueOf(q *directory.Queue) queue {
	return queue{
		ID: q.ID, Name: q.Name, Description: q.Description, Channel: "chat", URI: a.Encoder.uri(queuePath(q.ID)), Path: queuePath(q.ID),
	}
}

// featureTexts say what each feature is called and what it permits.
var featureTexts = map[directory.Feature]struct{ name, description string }{
	directory.Multimedia:     {"Multimedia API", "Work on interactions of all media but voice"},
	directory.MultimediaChat: {"Multimedia Chat API", "Take, write in and finish chats"},
	directory.Voice:          {"Voice API", "Begin and end contact-center sessions"},
	directory.AgentControl:   {"Supervisor Agent Control API", "Change the states of agents"},
	directory.Monitoring:     {"Supervisor Monitoring API", "Monitor, coach and barge in on the chats of agents"},
}

// featuresOf lists what a user is permitted (agent-api 1.8).
func (a *API) featuresOf(u *directory.User) []feature {
	has := []feature{}
	for _, f := range directory.Features() {
		if u.May(f) {
			path, text := "/features/"+string(f), featureTexts[f]
			has = append(has, feature{ID: string(f), DisplayName: text.name, Description: text.description, URI: a.Encoder.uri(path), Path: path})
		}
	}
	return has
}

// features is what the current user is permitted, as a directory.
func (a *API) features() collection[feature] {
	return collection[feature]{
		plural: "features", singular: "feature",
		all: func(c *call) ([]feature, error) { return a.featuresOf(c.user), nil },
		one: func(c *call, id string) (feature, bool, error) {
			for _, f := range a.featuresOf(c.user) {
				if f.ID == id {
					return f, true, nil
				}
			}
			return feature{}, false, nil
		},
	}
}

// settingsOf merges what desktops must know of this server, the settings of the contact centre and the user's own; the later win (agent-api 6.1).
func (a *API) settingsOf(u *directory.User) map[string]map[string]string {
	ours := map[string]map[string]string{"interaction-workspace": {
		"interaction.disposition.key-name":                 a.Desk.Settings.DispositionKey,
		"interaction.disposition.value-business-attribute": dispositionAttribute,
		"privilege.teamlead.can-monitor-chat":              strconv.FormatBool(u.May(directory.Monitoring)),
	}}
	merged := map[string]map[string]string{}
	for _, sections := range []map[string]map[string]string{ours, a.Settings.ContactCenter, u.Settings} {
		for name, section := range sections {
			if merged[name] == nil {
				merged[name] = map[string]string{}
			}
			maps.Copy(merged[name], section)
		}
	}
	return merged
}
