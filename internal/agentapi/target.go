package agentapi

import (
	"net/url"
	"strings"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// target is whom or what an operation points to, as ids of the directory: a user or a queue, never both.
type target struct{ user, queue string }

// findTarget looks up the target that a request names in one of the given ways (agent-api 4.0, 4.8). None of them: chat.ErrMissing. Several,
// or a form that is not known: chat.ErrInvalid. Nobody there: chat.ErrNotFound.
func findTarget(d *directory.Directory, p parameters, ways ...string) (target, error) {
	var way, value string
	for _, w := range ways {
		v, err := p.text(w)
		switch {
		case err != nil:
			return target{}, err
		case v == "":
		case way != "":
			return target{}, refuse(chat.ErrInvalid, "give one target only, not both %s and %s", way, w)
		default:
			way, value = w, v
		}
	}
	switch way {
	case "":
		return target{}, refuse(chat.ErrMissing, "name the target by %s", strings.Join(ways, " or "))
	case "queueName":
		id, err := queueNamed(d, p)
		return target{queue: id}, err
	}
	kind, id, ok := parseTarget(way, value)
	if !ok {
		return target{}, refuse(chat.ErrInvalid, "%s must end in /users/{id}, /queues/{id} or /contacts/{id}", way)
	}
	// A contact has the id of the user or the queue it stands for.
	switch {
	case kind != "queues" && d.User(id) != nil:
		return target{user: id}, nil
	case kind != "users" && d.Queue(id) != nil:
		return target{queue: id}, nil
	}
	return target{}, refuse(chat.ErrNotFound, "%s names nobody here", way)
}

// parseTarget takes kind and id from the end of a target's address. targetPath is a path of exactly that form; the others are absolute
// addresses, of which the host and what comes before the kind do not count: clients build them from the address they know us by.
func parseTarget(way, value string) (kind, id string, ok bool) {
	path := value
	if way != "targetPath" {
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "", "", false
		}
		path = u.Path
	}
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(segments) < 3 || segments[0] != "" || way == "targetPath" && len(segments) != 3 {
		return "", "", false
	}
	kind, id = segments[len(segments)-2], segments[len(segments)-1]
	switch kind {
	case "users", "queues", "contacts":
		return kind, id, isID(id)
	}
	return "", "", false
}

// queueNamed returns the id of the queue in queueName; "" if there is no such parameter, chat.ErrNotFound if there is no such queue.
func queueNamed(d *directory.Directory, p parameters) (string, error) {
	name, err := p.text("queueName")
	if err != nil || name == "" {
		return "", err
	}
	if q := d.QueueByName(name); q != nil {
		return q.ID, nil
	}
	return "", refuse(chat.ErrNotFound, "queueName %s: there is no such queue", quote(name))
}

// maxID bounds the ids that are looked up at all. The longest of ours has 36 characters.
const maxID = 64

// isID says whether s can be the id of anything (agent-api 1.9).
func isID(s string) bool {
	for _, c := range []byte(s) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}
