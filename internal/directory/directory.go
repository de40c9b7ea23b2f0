// Package directory is who and what there is: users, queues, skills and the services through which customers come in.
// It is built from the configuration and does not change afterwards; a changed configuration makes a new one.
package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halley-chat/halley/internal/agent"
)

// Role is what a user may do (agent-api 1.1). The wire names them ROLE_AGENT, ROLE_SUPERVISOR, ROLE_ADMIN.
type Role string

const (
	AgentRole      Role = "ROLE_AGENT"
	SupervisorRole Role = "ROLE_SUPERVISOR"
	AdminRole      Role = "ROLE_ADMIN"
)

// User is somebody who can log in.
type User struct {
	ID           string // 32 lower-case hex digits
	Name         string // what she logs in with
	FirstName    string
	LastName     string
	Email        string
	EmployeeID   string
	PhoneNumbers []string
	Roles        []Role
	Features     []Feature                    // nil: those of her roles
	Queues       []string                     // ids of the queues she serves
	Skills       map[string]int               // skill id → level
	Capacity     int                          // chats at a time
	PasswordHash string                       // argon2id, encoded
	Settings     map[string]map[string]string // sections of agent-api 6.1
}

// Has says whether the user has the role.
func (u *User) Has(r Role) bool { return slices.Contains(u.Roles, r) }

// Queue is where chats wait.
type Queue struct {
	ID          string // UUID with dashes
	Name        string
	Description string
	Suggests    []string // ids of the queues that desktops propose for a transfer of its chats (agent-api 3.1)
}

// Skill is something agents can do.
type Skill struct {
	ID   string // UUID with dashes
	Name string
}

// Group is a team of users.
type Group struct {
	ID    string // UUID with dashes
	Name  string
	Type  string   // what kind of team, for desktops to show (agent-api 6.1)
	Users []string // ids of its members
}

// Service is an entry point for customers (customer-api 5.1).
type Service struct {
	Name              string
	Queue             string // id
	RequiredFields    []string
	AllowedOrigins    []string // empty: any
	TypingPreview     bool
	EndedRetention    time.Duration
	ClientTimeoutREST time.Duration
}

// Directory answers look-ups by id and name. It is safe for concurrent use, because it never changes.
type Directory struct {
	Users    []*User
	Queues   []*Queue
	Skills   []*Skill
	Groups   []*Group
	Services []*Service
	// ResponseGroups are the standard responses, by category.
	ResponseGroups []*ResponseGroup
	AgentStates    []agent.Definition // custom states such as Lunch, besides Ready and NotReady

	users, userNames   map[string]*User
	queues, queueNames map[string]*Queue
	groups, groupNames map[string]*Group
	services           map[string]*Service
	responseGroups     map[string]*ResponseGroup
	responses          map[string]*ResponseTemplate
}

// New indexes the directory and checks it: names are unique, and what refers to a queue, a skill or a user names one that exists.
func New(d Directory) (*Directory, error) {
	d.users, d.userNames = map[string]*User{}, map[string]*User{}
	d.queues, d.queueNames = map[string]*Queue{}, map[string]*Queue{}
	d.groups, d.groupNames = map[string]*Group{}, map[string]*Group{}
	d.services = map[string]*Service{}
	skills := map[string]bool{}
	for _, q := range d.Queues {
		if q.Name == "" || d.queueNames[q.Name] != nil {
			return nil, fmt.Errorf("queue %q: give each queue a name of its own", q.Name)
		}
		d.queues[q.ID], d.queueNames[q.Name] = q, q
	}
	for _, q := range d.Queues {
		for _, other := range q.Suggests {
			if d.queues[other] == nil {
				return nil, fmt.Errorf("queue %q suggests queue %q, which does not exist", q.Name, other)
			}
		}
	}
	for _, s := range d.Skills {
		if s.Name == "" || skills[s.ID] {
			return nil, fmt.Errorf("skill %q: give each skill a name of its own", s.Name)
		}
		skills[s.ID] = true
	}
	for _, u := range d.Users {
		if u.Name == "" || d.userNames[u.Name] != nil {
			return nil, fmt.Errorf("user %q: give each user a name of its own", u.Name)
		}
		if u.Capacity < 0 {
			return nil, fmt.Errorf("user %q: capacity %d is negative", u.Name, u.Capacity)
		}
		for _, q := range u.Queues {
			if d.queues[q] == nil {
				return nil, fmt.Errorf("user %q serves queue %q, which does not exist", u.Name, q)
			}
		}
		for s := range u.Skills {
			if !skills[s] {
				return nil, fmt.Errorf("user %q has skill %q, which does not exist", u.Name, s)
			}
		}
		d.users[u.ID], d.userNames[u.Name] = u, u
	}
	for _, g := range d.Groups {
		if g.Name == "" || d.groupNames[g.Name] != nil {
			return nil, fmt.Errorf("group %q: give each group a name of its own", g.Name)
		}
		for i, u := range g.Users {
			if d.users[u] == nil || slices.Contains(g.Users[:i], u) {
				return nil, fmt.Errorf("group %q has user %q, who does not exist or is in it twice", g.Name, u)
			}
		}
		d.groups[g.ID], d.groupNames[g.Name] = g, g
	}
	for _, s := range d.Services {
		if s.Name == "" || d.services[s.Name] != nil {
			return nil, fmt.Errorf("service %q: give each service a name of its own", s.Name)
		}
		if d.queues[s.Queue] == nil {
			return nil, fmt.Errorf("service %q feeds queue %q, which does not exist", s.Name, s.Queue)
		}
		d.services[s.Name] = s
	}
	d.indexResponses()
	return &d, nil
}

// User returns the user with this id, or nil.
func (d *Directory) User(id string) *User { return d.users[id] }

// UserByName returns the user who logs in with this name, or nil.
func (d *Directory) UserByName(name string) *User { return d.userNames[name] }

// Queue returns the queue with this id, or nil.
func (d *Directory) Queue(id string) *Queue { return d.queues[id] }

// QueueByName returns the queue of this name, or nil.
func (d *Directory) QueueByName(name string) *Queue { return d.queueNames[name] }

// Group returns the group with this id, or nil.
func (d *Directory) Group(id string) *Group { return d.groups[id] }

// GroupByName returns the group of this name, or nil.
func (d *Directory) GroupByName(name string) *Group { return d.groupNames[name] }

// GroupsOf returns the groups which the user with this id is in, in the directory's order.
func (d *Directory) GroupsOf(userID string) []*Group {
	var in []*Group
	for _, g := range d.Groups {
		if slices.Contains(g.Users, userID) {
			in = append(in, g)
		}
	}
	return in
}

// Service returns the service of this name, or nil.
func (d *Directory) Service(name string) *Service { return d.services[name] }

// UserID is the id of the user of this name: 32 lower-case hex digits (agent-api 1.9). It is derived from the name, so that it is the
// same on every node and after every restart.
func UserID(name string) string {
	sum := sha256.Sum256([]byte("user:" + name))
	return hex.EncodeToString(sum[:16])
}

// ResourceID is the id of a queue, a skill or a group of this name: a UUID with dashes (agent-api 1.9), derived like UserID.
func ResourceID(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + ":" + name))
	x := hex.EncodeToString(sum[:16])
	return strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:32]}, "-")
}
