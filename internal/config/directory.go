package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// What holds for users and services that do not say otherwise. The default tags of their fields tell the same.
const (
	defaultCapacity          = 3
	defaultGroupType         = "AgentGroup"
	defaultEndedRetention    = 10 * time.Minute
	defaultClientTimeoutREST = 45 * time.Second
)

const (
	maxName       = 255 // code points of a name
	maxCapacity   = 1000
	maxSkillLevel = 10
)

var roles = map[string]directory.Role{"agent": directory.AgentRole, "supervisor": directory.SupervisorRole, "administrator": directory.AdminRole}

// reserved are the operations at the addresses where agents take states, so that no state can have their names (agent-api 6.2, 6.3, 6.8).
func reserved() []string {
	return append(agent.OperationNames(nil), agent.OpOffline, "StartContactCenterSession", "EndContactCenterSession",
		string(chat.Monitor), string(chat.Coach), string(chat.BargeIn), "CancelSupervisorMonitoring")
}

// Directory builds who and what there is. In the demo, the password of users without a hash is DemoPassword. The error is a *Error.
func (c *Config) Directory() (*directory.Directory, error) {
	d, err := c.directory()
	return d, wrong(err)
}

func (c *Config) directory() (*directory.Directory, error) {
	if len(c.Users) == 0 {
		return nil, errors.New("users: there are none, so nobody could log in: name them in the file given with --config, or try --demo")
	}
	var d directory.Directory
	for _, build := range []func(*directory.Directory) error{c.addQueues, c.addSkills, c.addUsers, c.addGroups, c.addServices, c.addStates, c.checkDispositions, c.addResponses} {
		if err := build(&d); err != nil {
			return nil, err
		}
	}
	return directory.New(d)
}

func (c *Config) addQueues(d *directory.Directory) error {
	for _, q := range c.Queues {
		if err := checkName("queues", q.Name, queueNames(d.Queues)); err != nil {
			return err
		}
		d.Queues = append(d.Queues, &directory.Queue{ID: directory.ResourceID("queue", q.Name), Name: q.Name, Description: q.Description})
	}
	for i, q := range c.Queues {
		for _, name := range q.Suggest {
			id, err := find("queue", name, queueNames(d.Queues))
			if err != nil {
				return fmt.Errorf("queues: %s: suggests %w", q.Name, err)
			}
			d.Queues[i].Suggests = append(d.Queues[i].Suggests, id)
		}
	}
	return nil
}

func (c *Config) addSkills(d *directory.Directory) error {
	for _, s := range c.Skills {
		if err := checkName("skills", s.Name, skillNames(d.Skills)); err != nil {
			return err
		}
		d.Skills = append(d.Skills, &directory.Skill{ID: directory.ResourceID("skill", s.Name), Name: s.Name})
	}
	return nil
}

func (c *Config) addUsers(d *directory.Directory) error {
	for _, from := range c.Users {
		if err := checkName("users", from.Name, userNames(d.Users)); err != nil {
			return err
		}
		if strings.Contains(from.Name, ":") {
			return fmt.Errorf("users: %q has a colon, which HTTP Basic does not allow in a name", from.Name)
		}
		if from.PasswordHash == "" && c.Demo {
			from.PasswordHash = demoHash
		}
		u, err := from.user(d)
		if err != nil {
			return fmt.Errorf("users: %s: %w", from.Name, err)
		}
		d.Users = append(d.Users, u)
	}
	return nil
}

// user builds a user whose queues and skills are in d.
func (from User) user(d *directory.Directory) (*directory.User, error) {
	u := &directory.User{
		ID: directory.UserID(from.Name), Name: from.Name, FirstName: from.FirstName, LastName: from.LastName, Email: from.Email,
		EmployeeID: from.EmployeeID, PhoneNumbers: from.PhoneNumbers, Skills: map[string]int{}, Capacity: or(from.Capacity, defaultCapacity),
		PasswordHash: from.PasswordHash, Settings: from.Settings,
	}
	if from.PasswordHash == "" {
		return nil, errors.New("password-hash is missing: put there what halley hash-password prints")
	}
	if err := auth.CheckHash(from.PasswordHash); err != nil {
		return nil, fmt.Errorf("password-hash: %w", err)
	}
	if err := within("capacity", u.Capacity, 0, maxCapacity); err != nil {
		return nil, err
	}
	if from.Roles == nil {
		from.Roles = []string{"agent"}
	}
	for _, name := range from.Roles {
		r, ok := roles[name]
		if !ok {
			return nil, fmt.Errorf("there is no role %q; there are: agent, supervisor, administrator", name)
		}
		u.Roles = append(u.Roles, r)
	}
	if from.Features != nil {
		u.Features = []directory.Feature{} // a list of her own, even an empty one
	}
	for _, name := range from.Features {
		f := directory.Feature(name)
		if all := directory.Features(); !slices.Contains(all, f) {
			return nil, fmt.Errorf("there is no feature %q; there are: %s", name, strings.Join(named(all, func(f directory.Feature) string { return string(f) }), ", "))
		}
		u.Features = append(u.Features, f)
	}
	for _, name := range from.Queues {
		id, err := find("queue", name, queueNames(d.Queues))
		if err != nil {
			return nil, fmt.Errorf("serves %w", err)
		}
		u.Queues = append(u.Queues, id)
	}
	for name, level := range from.Skills {
		id, err := find("skill", name, skillNames(d.Skills))
		if err != nil {
			return nil, fmt.Errorf("has %w", err)
		}
		if err := within("level of skill "+name, level, 1, maxSkillLevel); err != nil {
			return nil, err
		}
		u.Skills[id] = level
	}
	return u, nil
}

func (c *Config) addGroups(d *directory.Directory) error {
	for _, from := range c.Groups {
		if err := checkName("groups", from.Name, groupNames(d.Groups)); err != nil {
			return err
		}
		g := &directory.Group{ID: directory.ResourceID("group", from.Name), Name: from.Name, Type: cmp.Or(from.Type, defaultGroupType)}
		for _, name := range from.Users {
			if !slices.Contains(userNames(d.Users), name) {
				return fmt.Errorf("groups: %s: there is no user %q; there are: %s", from.Name, name, strings.Join(userNames(d.Users), ", "))
			}
			g.Users = append(g.Users, directory.UserID(name))
		}
		d.Groups = append(d.Groups, g)
	}
	return nil
}

// requestable are the fields a service may require (customer-api 2.1).
var requestable = []string{"firstName", "lastName", "subject", "emailAddress"}

func (c *Config) addServices(d *directory.Directory) error {
	names := make([]string, 0, len(c.Services))
	for _, from := range c.Services {
		if err := checkName("services", from.Name, names); err != nil {
			return err
		}
		if from.Name != strings.Trim(from.Name, "./") || strings.ContainsAny(from.Name, "/?#%\\ ") {
			return fmt.Errorf("services: %q cannot be part of an address: use letters, digits, - and _", from.Name)
		}
		names = append(names, from.Name)
		s, err := from.service(d)
		if err != nil {
			return fmt.Errorf("services: %s: %w", from.Name, err)
		}
		d.Services = append(d.Services, s)
	}
	return nil
}

func (from Service) service(d *directory.Directory) (*directory.Service, error) {
	s := &directory.Service{
		Name: from.Name, RequiredFields: from.RequiredFields, AllowedOrigins: from.AllowedOrigins, TypingPreview: or(from.TypingPreview, true),
		EndedRetention: or(from.EndedRetention, defaultEndedRetention), ClientTimeoutREST: or(from.ClientTimeoutREST, defaultClientTimeoutREST),
	}
	queue := from.Endpoint
	if _, name, ok := strings.Cut(queue, ":"); ok { // Tenant:endpoint, as the original writes it
		queue = name
	}
	if queue == "" {
		if len(d.Queues) == 0 {
			return nil, errors.New("there is no queue for its chats to wait in: name one under queues")
		}
		queue = d.Queues[0].Name
	}
	var err error
	if s.Queue, err = find("queue", queue, queueNames(d.Queues)); err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	for _, f := range from.RequiredFields {
		if !slices.Contains(requestable, f) {
			return nil, fmt.Errorf("required-fields: there is no %q; there are: %s", f, strings.Join(requestable, ", "))
		}
	}
	if err := checkOrigins("allowed-origins", from.AllowedOrigins); err != nil {
		return nil, err
	}
	if err := within("ended-retention", s.EndedRetention, time.Second, 30*maxLongWait); err != nil {
		return nil, err
	}
	if err := within("client-timeout-rest", s.ClientTimeoutREST, time.Second, 20*maxLongWait); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Config) addStates(d *directory.Directory) error {
	var names []string
	for _, from := range c.AgentStates {
		if err := checkName("agent-states", from.Operation, names); err != nil {
			return err
		}
		if slices.Contains(reserved(), from.Operation) {
			return fmt.Errorf("agent-states: %q is an operation of agents or their supervisors: choose another name", from.Operation)
		}
		names = append(names, from.Operation)
		a := agent.Definition{ID: strings.ToUpper(directory.ResourceID("agent-state", from.Operation)), Operation: from.Operation, DisplayName: from.DisplayName, State: "NotReady", Reason: from.Reason}
		if a.DisplayName == "" {
			a.DisplayName = from.Operation
		}
		if a.Reason == "" {
			a.Reason = from.Operation
		}
		d.AgentStates = append(d.AgentStates, a)
	}
	return nil
}

func (c *Config) checkDispositions(*directory.Directory) error {
	var names []string
	for _, p := range c.Dispositions {
		if err := checkName("dispositions", p.Name, names); err != nil {
			return err
		}
		names = append(names, p.Name)
	}
	return nil
}

// checkName refuses names that are empty, too long, taken, or would garble a log or a page.
func checkName(list, name string, taken []string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s: entry %d has no name", list, len(taken)+1)
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("%s: %.20s… is longer than %d characters", list, name, maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }):
		return fmt.Errorf("%s: %q has control characters", list, name)
	case slices.Contains(taken, name):
		return fmt.Errorf("%s: %q is there twice", list, name)
	}
	return nil
}

// find returns the id of what has this name among those of its kind.
func find(kind, name string, names []string) (id string, err error) {
	if !slices.Contains(names, name) {
		return "", fmt.Errorf("%s %q, which does not exist; there are: %s", kind, name, strings.Join(names, ", "))
	}
	return directory.ResourceID(kind, name), nil
}

func queueNames(all []*directory.Queue) []string {
	return named(all, func(q *directory.Queue) string { return q.Name })
}

func skillNames(all []*directory.Skill) []string {
	return named(all, func(s *directory.Skill) string { return s.Name })
}

func userNames(all []*directory.User) []string {
	return named(all, func(u *directory.User) string { return u.Name })
}

func groupNames(all []*directory.Group) []string {
	return named(all, func(g *directory.Group) string { return g.Name })
}

func named[T any](all []T, name func(T) string) []string {
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = name(x)
	}
	return names
}

// or returns what p points to, or d.
func or[T any](p *T, d T) T {
	if p != nil {
		return *p
	}
	return d
}
