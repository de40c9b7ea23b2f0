package apidocs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// Where the pages are.
const (
	root              = "/docs/"
	schemasPath       = root + "schemas"
	notificationsPath = root + "notifications"
	restPath          = root + "rest/"
)

//go:embed page.html
var files embed.FS

// page is what the template gets.
type page struct {
	Title, Path string
	Tags        []tag   // for the navigation
	Topics      []topic // for the navigation, and for the page of notifications
	Version     string

	Intro      []paragraph
	Operations []operation // of a tag
	Schemas    []schema    // of the page of schemas
	Overview   bool
}

// tag is a group of operations.
type tag struct {
	Name, Path string
	Text       []paragraph
	Operations []operation
}

// operation is a method at an address.
type operation struct {
	ID, Method, Path, Summary string
	Deprecated, Open          bool // Open: without log-in
	Text                      []paragraph
	Parameters                []row
	Media                     []string // of the body
	Body                      *shape
	Examples                  []example
	Answers                   []answer
}

type example struct{ Title, Text string }

type answer struct {
	Status   string
	Text     []paragraph
	Type     []piece // of its body
	Rows     []row   // of a body without a name of its own
	Headers  []row
	Examples []example
}

// topic is where notifications come.
type topic struct {
	Name, ID string
	Text     []paragraph
	Messages []message
}

type message struct {
	ID, Name, Title string
	Text            []paragraph
	Shape           shape
	Examples        []example
}

type schema struct {
	Name string
	shape
}

// render makes all pages, by their path.
func render(openAPI, asyncAPI []byte, version string) (map[string][]byte, error) {
	rest, err := parse(openAPI)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	notifications, err := parse(asyncAPI)
	if err != nil {
		return nil, fmt.Errorf("asyncapi.yaml: %w", err)
	}
	r := &document{node: rest}
	a := &document{node: notifications, other: r}
	t, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	base := page{Tags: r.tags(), Topics: a.topics(), Version: version}
	pages := map[string][]byte{}
	add := func(path, title string, fill func(*page)) error {
		p := base
		p.Path, p.Title = path, title
		fill(&p)
		var b bytes.Buffer
		if err := t.Execute(&b, p); err != nil {
			return fmt.Errorf("page %s: %w", path, err)
		}
		pages[path] = b.Bytes()
		return nil
	}
	if err := add(root, "Overview", func(p *page) { p.Overview, p.Intro = true, prose(r.at("info", "description").text()) }); err != nil {
		return nil, err
	}
	for _, tag := range base.Tags {
		if err := add(tag.Path, tag.Name, func(p *page) { p.Intro, p.Operations = tag.Text, tag.Operations }); err != nil {
			return nil, err
		}
	}
	if err := add(notificationsPath, "Notifications", func(p *page) { p.Intro = prose(a.at("info", "description").text()) }); err != nil {
		return nil, err
	}
	return pages, add(schemasPath, "Schemas", func(p *page) {
		p.Intro = prose("What requests, answers and notifications are made of. Properties with `*` are always there.")
		p.Schemas = append(r.schemas(), a.schemas()...)
		slices.SortFunc(p.Schemas, func(x, y schema) int { return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)) })
	})
}

func (d *document) tags() []tag {
	var tags []tag
	for _, t := range d.at("tags").list() {
		name := t.at("name").text()
		tags = append(tags, tag{Name: name, Path: restPath + slug(name), Text: prose(t.at("description").text())})
	}
	for _, path := range d.at("paths").pairs() {
		for _, m := range path.pairs() {
			if m.key == "parameters" {
				continue
			}
			op := d.operation(m.key, path, m.node)
			for i := range tags {
				if slices.Contains(m.at("tags").texts(), tags[i].Name) {
					tags[i].Operations = append(tags[i].Operations, op)
				}
			}
		}
	}
	return tags
}

func (d *document) operation(method string, path pair, n node) operation {
	op := operation{
		ID: n.at("operationId").text(), Method: strings.ToUpper(method), Path: path.key, Summary: n.at("summary").text(), Deprecated: n.at("deprecated").yes(),
		Open: n.has("security") && len(n.at("security").list()) == 0, Text: prose(n.at("description").text()),
	}
	for _, p := range append(path.at("parameters").list(), n.at("parameters").list()...) {
		target, _ := d.follow(p)
		op.Parameters = append(op.Parameters, row{
			Name: target.at("name").text(), In: target.at("in").text(), Required: target.at("required").yes(),
			Type: d.typeOf(target.at("schema")), Text: prose(target.at("description").text()),
		})
	}
	for _, media := range n.at("requestBody", "content").pairs() {
		op.Media = append(op.Media, media.key)
		if op.Body == nil {
			s := d.shapeOf(media.at("schema"))
			op.Body = &s
		}
		op.Examples = append(op.Examples, examples(media.node)...)
	}
	for _, a := range n.at("responses").pairs() {
		op.Answers = append(op.Answers, d.answer(a))
	}
	return op
}

func (d *document) answer(a pair) answer {
	target, _ := d.follow(a.node)
	ans := answer{Status: a.key, Text: prose(target.at("description").text())}
	if a.key == "default" {
		ans.Status = "others"
	}
	for _, h := range target.at("headers").pairs() {
		ans.Headers = append(ans.Headers, row{Name: h.key, Required: h.at("required").yes(), Type: d.typeOf(h.at("schema")), Text: prose(h.at("description").text())})
	}
	for _, media := range target.at("content").pairs() {
		s := media.at("schema")
		if ans.Type = d.typeOf(s); !s.has("$ref") && s.has("properties") {
			ans.Type, ans.Rows = []piece{{Text: "object, below"}}, d.rows(s, "")
		}
		if media.key != "application/json" {
			ans.Type = []piece{{Text: media.key, Code: true}}
		}
		ans.Examples = append(ans.Examples, examples(media.node)...)
	}
	return ans
}

// examples are those of a request or an answer.
func examples(media node) []example {
	var all []example
	if e := media.at("example"); e.value != nil {
		all = append(all, example{Text: e.json()})
	}
	for _, e := range media.at("examples").pairs() {
		all = append(all, example{Title: e.at("summary").text(), Text: e.at("value").json()})
	}
	return all
}

func (d *document) topics() []topic {
	var topics []topic
	for _, c := range d.at("channels").pairs() {
		t := topic{Name: c.key, ID: strings.Trim(strings.ReplaceAll(c.key, "/", "-"), "-"), Text: prose(c.at("description").text())}
		for _, ref := range c.at("subscribe", "message", "oneOf").list() {
			m, name := d.follow(ref)
			msg := message{ID: name, Name: m.at("name").text(), Title: m.at("title").text(), Text: prose(m.at("summary").text()), Shape: d.shapeOf(m.at("payload"))}
			for _, e := range m.at("examples").list() {
				msg.Examples = append(msg.Examples, example{Title: e.at("summary").text(), Text: e.at("payload").json()})
			}
			t.Messages = append(t.Messages, msg)
		}
		topics = append(topics, t)
	}
	return topics
}

func (d *document) schemas() []schema {
	var all []schema
	for _, s := range d.at("components", "schemas").pairs() {
		all = append(all, schema{s.key, d.shapeOf(s.node)})
	}
	return all
}
