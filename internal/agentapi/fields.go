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

// list answers a collection: the uris, or, where fields are selected, the resources under their plural name (agent-api 1.5).
func list[R addressed](plural string, resources []R, fields selection) (answer, error) {
	if fields.none() {
		uris := make([]string, 0, len(resources))
		for _, r := range resources {
			uris = append(uris, r.address())
		}
		return answer{{"uris", uris}}, nil
	}
	picked := make([]jsontext.Value, 0, len(resources))
	for _, r := range resources {
		p, err := pick(r, fields)
		if err != nil {
			return nil, err
		}
		picked = append(picked, p)
	}
	return answer{{plural, picked}}, nil
}

// pick renders a resource with the selected fields, and with id, uri and path in any case; with all of them if none are selected.
func pick(resource any, fields selection) (jsontext.Value, error) {
	raw, err := marshal(resource)
	if err != nil || fields.all || fields.none() {
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
		if !fields.has(name) && name != "id" && name != "uri" && name != "path" {
			continue
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

func readToken(d *jsontext.Decoder) error {
	_, err := d.ReadToken()
	return err
}
