package agentapi

import (
	"maps"
	"strconv"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

func errNobody(what string) error {
	return refuse(chat.ErrNotFound, "there is no such %s", what)
}

// users answers GET /users (agent-api 6.1).
func (a *API) users(c *call) (answer, error) {
	us := make([]user, 0, len(a.Directory.Users))
	for _, u := range a.Directory.Users {
		us = append(us, a.userOf(u))
	}
	return list("users", us, c.selected("fields"))
}

// user answers GET /users/{id}.
func (a *API) user(c *call) (answer, error) {
	u := a.Directory.User(c.r.PathValue("id"))
	if u == nil {
		return nil, errNobody("user")
	}
	picked, err := pick(a.userOf(u), c.selected("fields"))
	return answer{{"user", picked}}, err
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

// skills answers GET /skills (agent-api 6.6).
func (a *API) skills(c *call) (answer, error) {
	skills := make([]skill, 0, len(a.Directory.Skills))
	for _, s := range a.Directory.Skills {
		skills = append(skills, a.skillOf(s))
	}
	return list("skills", skills, c.selected("fields"))
}

// skill answers GET /skills/{id}.
func (a *API) skill(c *call) (answer, error) {
	for _, s := range a.Directory.Skills {
		if s.ID == c.r.PathValue("id") {
			picked, err := pick(a.skillOf(s), c.selected("fields"))
			return answer{{"skill", picked}}, err
		}
	}
	return nil, errNobody("skill")
}

func (a *API) skillOf(s *directory.Skill) skill {
	return skill{ID: s.ID, Name: s.Name, URI: a.Encoder.uri(skillPath(s.ID)), Path: skillPath(s.ID)}
}

// groups answers GET /groups (agent-api 6.6).
func (a *API) groups(c *call) (answer, error) {
	return list("groups", a.groupsOf(a.Directory.Groups), c.selected("fields"))
}

// group answers GET /groups/{id}.
func (a *API) group(c *call) (answer, error) {
	g := a.Directory.Group(c.r.PathValue("id"))
	if g == nil {
		return nil, errNobody("group")
	}
	picked, err := pick(a.groupOf(g), c.selected("fields"))
	return answer{{"group", picked}}, err
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

// queues answers GET /queues (agent-api 6.6).
func (a *API) queues(c *call) (answer, error) {
	queues := make([]queue, 0, len(a.Directory.Queues))
	for _, q := range a.Directory.Queues {
		queues = append(queues, a.queueOf(q))
	}
	return list("queues", queues, c.selected("fields"))
}

// queue answers GET /queues/{id}.
func (a *API) queue(c *call) (answer, error) {
	q := a.Directory.Queue(c.r.PathValue("id"))
	if q == nil {
		return nil, errNobody("queue")
	}
	picked, err := pick(a.queueOf(q), c.selected("fields"))
	return answer{{"queue", picked}}, err
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

// features answers GET /features: those of the current user.
func (a *API) features(c *call) (answer, error) {
	return list("features", a.featuresOf(c.user), c.selected("fields"))
}

// feature answers GET /features/{id}.
func (a *API) feature(c *call) (answer, error) {
	for _, f := range a.featuresOf(c.user) {
		if f.ID == c.r.PathValue("id") {
			picked, err := pick(f, c.selected("fields"))
			return answer{{"feature", picked}}, err
		}
	}
	return nil, errNobody("feature")
}

// settingsOf merges what desktops must know of this server, the settings of the contact centre and the user's own; the later win (agent-api 6.1).
func (a *API) settingsOf(u *directory.User) map[string]map[string]string {
	ours := map[string]map[string]string{"interaction-workspace": {
		"interaction.disposition.key-name":                 a.Desk.Settings.DispositionKey,
		"interaction.disposition.value-business-attribute": dispositionAttribute,
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
