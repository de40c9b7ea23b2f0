package directory

import (
	"regexp"
	"strings"
	"testing"
)

func TestNewRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	q := func() []*Queue { return []*Queue{{ID: ResourceID("queue", "support"), Name: "support"}} }
	for name, tc := range map[string]struct {
		d    Directory
		want string
	}{
		"two queues of one name":   {Directory{Queues: append(q(), q()...)}, `queue "support"`},
		"user without a name":      {Directory{Users: []*User{{ID: "1"}}}, "give each user a name"},
		"user of an unknown queue": {Directory{Users: []*User{{Name: "dana", Queues: []string{"x"}}}}, `serves queue "x"`},
		"user of an unknown skill": {Directory{Users: []*User{{Name: "dana", Skills: map[string]int{"x": 1}}}}, `has skill "x"`},
		"negative capacity":        {Directory{Users: []*User{{Name: "dana", Capacity: -1}}}, "negative"},
		"two groups of one name":   {Directory{Groups: []*Group{{ID: "1", Name: "a"}, {ID: "2", Name: "a"}}}, `group "a"`},
		"group of nobody":          {Directory{Groups: []*Group{{ID: "1", Name: "a", Users: []string{"x"}}}}, `group "a" has user "x"`},
		"service without a queue":  {Directory{Services: []*Service{{Name: "support"}}}, `feeds queue ""`},
		"two services of one name": {Directory{Queues: q(), Services: []*Service{
			{Name: "s", Queue: ResourceID("queue", "support")}, {Name: "s", Queue: ResourceID("queue", "support")},
		}}, `service "s"`},
		"two skills of one name": {Directory{Skills: []*Skill{{ID: "1", Name: "a"}, {ID: "1", Name: "a"}}}, `skill "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(tc.d); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestIDsHaveTheDocumentedShape(t *testing.T) {
	t.Parallel()
	if id := UserID("dana"); !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || id != UserID("dana") || id == UserID("omar") {
		t.Errorf("UserID: %q", id)
	}
	if id := ResourceID("queue", "support"); !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("ResourceID: %q", id)
	}
}
