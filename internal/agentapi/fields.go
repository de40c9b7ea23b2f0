package agentapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// selection is a comma list of names from a query, such as fields or subresources (agent-api 1.5).
type selection struct {
	all   bool // "*"
	names map[string]bool
}

// parseSelection reads a query value. Blanks round the names and empty names do not count; nor do names of things that are not there.
func parseSelection(value string) selection {
	s := selection{names: map[string]bool{}}
	for name := range strings.SplitSeq(value, ",") {
		switch name = strings.TrimSpace(name); name {
		case "":
		case "*":
			s.all = true
		default:
			s.names[name] = true
		}
	}
	return s
}

// none says that nothing was selected.
func (s selection) none() bool { return !s.all && len(s.names) == 0 }

func (s selection) has(name string) bool { return s.all || s.names[name] }

// addressed is a resource with an address of its own.
type addressed interface{ address() string }

func (r chatResource) address() string { return r.URI }
func (r user) address() string         { return r.URI }
func (r queue) address() string        { return r.URI }
func (r skill) address() string        { return r.URI }
func (r group) address() string        { return r.URI }
func (r feature) address() string      { return r.URI }
func (r workbin) address() string      { return r.URI }
func (r userContact) address() string  { return r.URI }
func (r queueContact) address() string { return r.URI }

// look is how a caller wants to see resources.
type look struct {
	fields  selection
	resolve selection                    // fields whose addresses are to be replaced by what they name
	find    func(uri string) (any, bool) // what an address names
}

// look reads fields and resolveUris from the query (agent-api 1.5).
func (c *call) look() look {
	return look{fields: c.selected("fields"), resolve: c.selected("resolveUris"), find: c.api.resource}
}

// resolves says whether a field of this name holds addresses that are to be resolved. A resource's own address stays.
func (l look) resolves(name string) bool {
	return (strings.HasSuffix(name, "Uri") || strings.HasSuffix(name, "Uris")) && l.resolve.has(name)
}

// list answers a collection: the uris, or, where fields are selected or the uris are resolved, the resources under their plural name (agent-api 1.5).
func list[R addressed](plural string, resources []R, l look) (answer, error) {
	if l.fields.none() && !l.resolve.has("uris") {
		uris := make([]string, 0, len(resources))
		for _, r := range resources {
			uris = append(uris, r.address())
		}
		return answer{{"uris", uris}}, nil
	}
	picked := make([]jsontext.Value, 0, len(resources))
	for _, r := range resources {
		p, err := pick(r, l)
		if err != nil {
			return nil, err
		}
		picked = append(picked, p)
	}
	return answer{{plural, picked}}, nil
}

// pick renders a resource with the selected fields, and with id, uri and path in any case; with all of them if none are selected.
func pick(resource any, l look) (jsontext.Value, error) {
	raw, err := marshal(resource)
	whole := l.fields.all || l.fields.none()
	if err != nil || whole && l.resolve.none() {
		return raw, err
	}
	var out bytes.Buffer
	d, e := jsontext.NewDecoder(bytes.NewReader(raw)), jsontext.NewEncoder(&out)
	if err := errors.Join(readToken(d), e.WriteToken(jsontext.BeginObject)); err != nil {
		return nil, err
	}
	for d.PeekKind() == '"' {
		var name string
		if err := json.UnmarshalDecode(d, &name); err != nil {
			return nil, fmt.Errorf("pick fields: %w", err)
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("pick fields: %w", err)
		}
		if !whole && !l.fields.has(name) && name != "id" && name != "uri" && name != "path" {
			continue
		}
		if l.resolves(name) {
			if value, err = l.resolved(value); err != nil {
				return nil, fmt.Errorf("resolve %s: %w", name, err)
			}
		}
		if err := errors.Join(e.WriteToken(jsontext.String(name)), e.WriteValue(value)); err != nil {
			return nil, fmt.Errorf("pick fields: %w", err)
		}
	}
	if err := e.WriteToken(jsontext.EndObject); err != nil {
		return nil, fmt.Errorf("pick fields: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// resolved replaces an address, or each of a list of them, by what it names. One that names nothing stays.
func (l look) resolved(value jsontext.Value) (jsontext.Value, error) {
	if value.Kind() == '[' {
		var list []jsontext.Value
		if err := json.Unmarshal(value, &list); err != nil {
			return nil, err
		}
		for i := range list {
			var err error
			if list[i], err = l.resolved(list[i]); err != nil {
				return nil, err
			}
		}
		return marshal(list)
	}
	var uri string
	if err := json.Unmarshal(value, &uri); err != nil {
		return nil, err
	}
	if r, ok := l.find(uri); ok {
		return marshal(r)
	}
	return value, nil
}

func readToken(d *jsontext.Decoder) error {
	_, err := d.ReadToken()
	return err
}
