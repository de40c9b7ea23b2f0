package agentapi

import (
	"slices"
	"strings"

	"github.com/halley-chat/halley/internal/chat"
)

// collection is a directory list and what is in it: GET /{plural} and GET /{plural}/{id} (agent-api 1.5, 6.1, 6.5, 6.6).
type collection[R addressed] struct {
	plural, singular string
	whole            bool                       // the list comes as resources even if fields is absent
	all              func(c *call) ([]R, error) // what passes the query's filters, in the directory's order
	one              func(c *call, id string) (r R, found bool, err error)
}

// list answers GET /{plural}: one page of it. totalCount counts before paging.
func (d collection[R]) list(c *call) (answer, error) {
	all, err := d.all(c)
	if err != nil {
		return nil, err
	}
	page, err := paged(c, all)
	if err != nil {
		return nil, err
	}
	l := c.look()
	l.fields.all = l.fields.all || d.whole && l.fields.none()
	found, err := list(d.plural, page, l)
	return append(answer{{"totalCount", len(all)}}, found...), err
}

// item answers GET /{plural}/{id}.
func (d collection[R]) item(c *call) (answer, error) {
	r, found, err := d.one(c, c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errNobody(d.singular)
	}
	picked, err := pick(r, c.look())
	return answer{{d.singular, picked}}, err
}

// paged returns what the query's offset and limit leave of a list; limit 0 is no limit (agent-api 6.5).
func paged[R any](c *call, all []R) ([]R, error) {
	offset, err := c.number("offset")
	if err != nil {
		return nil, err
	}
	limit, err := c.number("limit")
	if err != nil {
		return nil, err
	}
	rest := all[min(int(offset), len(all)):]
	if limit > 0 {
		rest = rest[:min(int(limit), len(rest))]
	}
	return rest, nil
}

// rendered makes a collection of entries of the directory that never change. The query's name, a comma list, leaves those that are called so.
func rendered[E any, R addressed](plural, singular string, entries []*E, name func(*E) string, find func(id string) *E, render func(*E) R) collection[R] {
	return collection[R]{
		plural: plural, singular: singular,
		all: func(c *call) ([]R, error) {
			names := c.selected("name")
			resources := make([]R, 0, len(entries))
			for _, e := range entries {
				if names.none() || names.has(name(e)) {
					resources = append(resources, render(e))
				}
			}
			return resources, nil
		},
		one: func(_ *call, id string) (r R, found bool, err error) {
			if e := find(id); e != nil {
				return render(e), true, nil
			}
			return r, false, nil
		},
	}
}

// namesMatch is the one filter by name that is documented (agent-api 6.5).
const namesMatch = "NamesOrPhoneNumberMatches"

// namesFilter reads filterName and filterParameters: words, each of which must match one of the names that an entry is known by, or a word of it. Case does
// not count, * stands for anything.
func namesFilter(query func(string) string) (func(known []string) bool, error) {
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
	return func(known []string) bool {
		for _, p := range patterns {
			if !slices.ContainsFunc(known, func(name string) bool { return nameMatches(p, strings.ToLower(name)) }) {
				return false
			}
		}
		return true
	}, nil
}

// nameMatches says whether a name is as the pattern says, or one of its words is: a pattern never has blanks, and nobody whose name has them is to be lost.
func nameMatches(pattern, name string) bool {
	return wildcard(pattern, name) || slices.ContainsFunc(strings.Fields(name), func(word string) bool { return wildcard(pattern, word) })
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

// resource finds what one of our own addresses names, for resolveUris (agent-api 1.5). Only directories can be named so.
func (a *API) resource(uri string) (any, bool) {
	path, ours := strings.CutPrefix(uri, a.Encoder.base)
	kind, id, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ours || !ok {
		return nil, false
	}
	switch kind {
	case "queues":
		if q := a.Directory.Queue(id); q != nil {
			return a.queueOf(q), true
		}
	case "users":
		if u := a.Directory.User(id); u != nil {
			return a.userOf(u), true
		}
	case "response-templates":
		if t := a.Directory.ResponseTemplate(id); t != nil {
			return a.responseTemplateOf(t), true
		}
	case "response-template-groups":
		if g := a.Directory.ResponseGroup(id); g != nil {
			return a.responseGroupOf(g), true
		}
	}
	return nil, false
}
