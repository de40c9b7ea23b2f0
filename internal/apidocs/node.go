package apidocs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// node is a value of a description, in the order in which it was written. What is asked of a node that is something else, or nothing, is nothing.
type node struct{ value any }

// pair is a member of a node.
type pair struct {
	key string
	node
}

func parse(raw []byte) (node, error) {
	var v any
	if err := yaml.UnmarshalWithOptions(raw, &v, yaml.UseOrderedMap()); err != nil {
		return node{}, err
	}
	return node{v}, nil
}

// at follows a path of keys.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		found := node{}
		for _, p := range n.pairs() {
			if p.key == key {
				found = p.node
			}
		}
		n = found
	}
	return n
}

func (n node) has(key string) bool { return n.at(key).value != nil }

func (n node) pairs() []pair {
	members, _ := n.value.(yaml.MapSlice)
	pairs := make([]pair, 0, len(members))
	for _, m := range members {
		pairs = append(pairs, pair{fmt.Sprint(m.Key), node{m.Value}})
	}
	return pairs
}

func (n node) list() []node {
	items, _ := n.value.([]any)
	list := make([]node, 0, len(items))
	for _, i := range items {
		list = append(list, node{i})
	}
	return list
}

func (n node) text() string {
	if n.value == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(n.value))
}

func (n node) yes() bool {
	b, _ := n.value.(bool)
	return b
}

func (n node) texts() []string {
	var all []string
	for _, i := range n.list() {
		all = append(all, i.text())
	}
	return all
}

// json writes an example as JSON, in its order. What fits on a line is written on one.
func (n node) json() string {
	var b strings.Builder
	n.write(&b, "")
	return b.String()
}

const jsonWidth = 90

func (n node) write(b *strings.Builder, indent string) {
	line := n.compact()
	pairs, items := n.pairs(), n.list()
	if len(indent)+len(line) <= jsonWidth || len(pairs)+len(items) == 0 {
		b.WriteString(line)
		return
	}
	open, end := "{", "}"
	if len(items) > 0 {
		open, end = "[", "]"
	}
	inner := indent + "  "
	b.WriteString(open)
	for i, p := range pairs {
		b.WriteString(before(i, ",") + "\n" + inner + quote(p.key) + ": ")
		p.write(b, inner)
	}
	for i, item := range items {
		b.WriteString(before(i, ",") + "\n" + inner)
		item.write(b, inner)
	}
	b.WriteString("\n" + indent + end)
}

// compact is the node on one line.
func (n node) compact() string {
	var b strings.Builder
	switch v := n.value.(type) {
	case yaml.MapSlice:
		b.WriteByte('{')
		for i, p := range n.pairs() {
			b.WriteString(before(i, ", ") + quote(p.key) + ": " + p.compact())
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, item := range n.list() {
			b.WriteString(before(i, ", ") + item.compact())
		}
		b.WriteByte(']')
	default:
		return quote(v)
	}
	return b.String()
}

// before is what separates the i-th of several from the one before it.
func before(i int, separator string) string {
	if i == 0 {
		return ""
	}
	return separator
}

// quote writes a plain value as JSON, without escaping what is only special in HTML: the template does that.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
	return strings.TrimSpace(b.String())
}
