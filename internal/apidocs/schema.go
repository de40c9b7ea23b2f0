package apidocs

import (
	"slices"
	"strings"
)

// piece is a bit of text: plain, code, or a link to a schema.
type piece struct {
	Text string
	Link string // "": none
	Code bool
}

// row describes a parameter, a property or a header.
type row struct {
	Name     string
	In       string // of a parameter: path, query, header
	Required bool
	Type     []piece
	Text     []paragraph
}

// shape is a schema as a page shows it.
type shape struct {
	Type    []piece
	Text    []paragraph
	Rows    []row
	Choices []choice // of which it is one
	Example string
}

// choice is one of several schemas; Value is that of the discriminator, where it is not the schema's name.
type choice struct {
	Value string
	Type  []piece
	Text  []paragraph
}

// document is one description, in which references are looked up.
type document struct {
	node
	other *document // that references to the other file are looked up in
}

// follow returns what a node refers to, and the name of that; the node itself, without a name, if it refers to nothing.
func (d *document) follow(n node) (target node, name string) {
	ref := n.at("$ref").text()
	if ref == "" {
		return n, ""
	}
	file, path, _ := strings.Cut(ref, "#/")
	in := d
	if file != "" && d.other != nil {
		in = d.other
	}
	return in.at(strings.Split(path, "/")...), nameIn(ref)
}

// nameIn is the name of what a reference refers to.
func nameIn(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func link(name string) piece { return piece{Text: name, Link: schemasPath + "#" + name} }

// typeOf says in a few words what values a schema has.
func (d *document) typeOf(schema node) []piece {
	s, name := d.follow(schema)
	if name != "" {
		return []piece{link(name)}
	}
	if s.has("allOf") {
		return d.typeOf(s.at("allOf").list()[0])
	}
	if choices := s.at("oneOf").list(); len(choices) > 0 {
		var all []piece
		for i, c := range choices {
			if i > 0 {
				all = append(all, piece{Text: " or "})
			}
			all = append(all, d.typeOf(c)...)
		}
		return all
	}
	switch t := s.at("type").text(); {
	case s.has("enum"):
		var all []piece
		for i, v := range s.at("enum").list() {
			if v.text() == "" {
				continue
			}
			if i > 0 && len(all) > 0 {
				all = append(all, piece{Text: " · "})
			}
			all = append(all, piece{Text: v.text(), Code: true})
		}
		return all
	case t == "array":
		return append([]piece{{Text: "list of "}}, d.typeOf(s.at("items"))...)
	case t == "object" && (s.at("additionalProperties").has("type") || s.at("additionalProperties").has("$ref")):
		return append([]piece{{Text: "object, its values: "}}, d.typeOf(s.at("additionalProperties"))...)
	case t == "":
		return []piece{{Text: "anything"}}
	default:
		return []piece{{Text: t + limits(s)}}
	}
}

// limits says within which bounds a value must be.
func limits(s node) string {
	var all []string
	for _, l := range []struct{ key, before, after string }{
		{"format", "", ""}, {"minimum", "from ", ""}, {"maximum", "to ", ""}, {"minLength", "at least ", " characters"}, {"maxLength", "at most ", " characters"},
	} {
		if v := s.at(l.key).text(); v != "" && v != "int64" {
			all = append(all, l.before+v+l.after)
		}
	}
	if v := s.at("default").text(); v != "" {
		all = append(all, "default "+v)
	}
	if len(all) == 0 {
		return ""
	}
	return ", " + strings.Join(all, ", ")
}

// shapeOf describes a schema whole: its properties, or what it may be.
func (d *document) shapeOf(schema node) shape {
	s, _ := d.follow(schema)
	sh := shape{Type: d.typeOf(s), Text: prose(s.at("description").text())}
	if e := s.at("example"); e.value != nil {
		sh.Example = e.json()
	}
	names := map[string][]string{}
	for _, m := range s.at("discriminator", "mapping").pairs() {
		target := nameIn(m.text())
		names[target] = append(names[target], m.key)
	}
	for _, c := range slices.Concat(s.at("oneOf").list(), s.at("anyOf").list()) {
		target, name := d.follow(c)
		others := slices.DeleteFunc(names[name], func(value string) bool { return value == name })
		sh.Choices = append(sh.Choices, choice{Value: strings.Join(others, ", "), Type: d.typeOf(c), Text: prose(target.at("description").text())})
	}
	sh.Rows = d.rows(s, "")
	return sh
}

// rows lists the properties of a schema, and those of the objects in it that have no name of their own, below their path.
func (d *document) rows(schema node, prefix string) []row {
	s, _ := d.follow(schema)
	if parts := s.at("allOf").list(); len(parts) > 0 {
		var all []row
		var required []string
		for _, p := range parts {
			all = append(all, d.rows(p, prefix)...)
			required = append(required, p.at("required").texts()...)
		}
		for i := range all {
			all[i].Required = all[i].Required || slices.Contains(required, strings.TrimPrefix(all[i].Name, prefix))
		}
		return all
	}
	required := s.at("required").texts()
	var all []row
	for _, p := range s.at("properties").pairs() {
		target, _ := d.follow(p.node)
		text := p.at("description").text()
		if text == "" && !target.has("properties") && !target.has("allOf") {
			text = target.at("description").text()
		}
		all = append(all, row{Name: prefix + p.key, Required: slices.Contains(required, p.key), Type: d.typeOf(p.node), Text: prose(text)})
		switch {
		case p.has("$ref"):
		case p.has("properties"):
			all = append(all, d.rows(p.node, prefix+p.key+".")...)
		case p.at("items").has("properties"):
			all = append(all, d.rows(p.at("items"), prefix+p.key+"[].")...)
		}
	}
	return all
}
