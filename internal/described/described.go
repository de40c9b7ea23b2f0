// Package described holds what the server says to the descriptions in docs: openapi.yaml for the answers of REST, asyncapi.yaml for notifications.
//
// It is for tests. [Handler] is put round a handler, [Store] round a store; what passes them and is not described fails the test, with what is wrong.
// So whoever adds an address, a property or a message describes it, or the build fails.
package described

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"

	"github.com/halley-chat/halley/docs"
)

// Description is what both files say, ready to be compared with. It does not change and may be used by many goroutines.
type Description struct {
	addresses []address
	schemas   openapi3.Schemas
	topics    map[string][]message
}

// address is a path with what can be asked there.
type address struct {
	path     string
	segments []string
	item     *openapi3.PathItem
	whole    *openapi3.PathItem // the same, where resources have all their properties
}

// message is one kind of notification of a topic.
type message struct {
	name             string
	messageType      string
	notificationType string // "": it has none
	payload          *openapi3.Schema
}

// Ours returns the descriptions that the server serves. They are read once.
var Ours = sync.OnceValues(func() (*Description, error) { return Parse(docs.OpenAPI, docs.AsyncAPI) })

// Parse reads both descriptions, and says what is wrong with them: also examples that do not fit their schemas.
func Parse(rest, notifications []byte) (*Description, error) {
	// References between the files become references within one document.
	var async asyncAPI
	if err := yaml.Unmarshal(joined(notifications), &async); err != nil {
		return nil, fmt.Errorf("asyncapi.yaml: %w", err)
	}
	doc, whole, err := load(rest, async.Components.Schemas)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if err := demandAll(whole); err != nil {
		return nil, err
	}
	d := &Description{schemas: doc.Components.Schemas, topics: map[string][]message{}}
	for path, item := range doc.Paths.Map() {
		d.addresses = append(d.addresses, spread(address{path, segments(path), item, whole.Paths.Value(path)})...)
	}
	return d, d.addTopics(async)
}

// spread returns an address for each value of a path's parameters that have only some.
func spread(a address) (all []address) {
	for _, p := range a.item.Parameters {
		i := slices.Index(a.segments, "{"+p.Value.Name+"}")
		if p.Value.In != openapi3.ParameterInPath || i < 0 || len(p.Value.Schema.Value.Enum) == 0 {
			continue
		}
		for _, value := range p.Value.Schema.Value.Enum {
			one := a
			one.segments = slices.Clone(a.segments)
			one.segments[i] = fmt.Sprint(value)
			one.path = strings.Join(one.segments, "/")
			all = append(all, spread(one)...)
		}
		return all
	}
	return []address{a}
}

// asyncAPI is what is needed of asyncapi.yaml.
type asyncAPI struct {
	Channels map[string]struct {
		Subscribe struct {
			Message struct {
				OneOf []reference `yaml:"oneOf"`
			} `yaml:"message"`
		} `yaml:"subscribe"`
	} `yaml:"channels"`
	Components struct {
		Messages map[string]struct {
			Payload  reference `yaml:"payload"`
			Examples []struct {
				Payload any `yaml:"payload"`
			} `yaml:"examples"`
		} `yaml:"messages"`
		Schemas map[string]any `yaml:"schemas"`
	} `yaml:"components"`
}

type reference struct {
	Ref string `yaml:"$ref"`
}

// name is the last part of a reference.
func (r reference) name() string { return r.Ref[strings.LastIndexByte(r.Ref, '/')+1:] }

func joined(notifications []byte) []byte {
	return []byte(strings.ReplaceAll(string(notifications), "openapi.yaml#/", "#/"))
}

// load reads openapi.yaml, with the schemas of notifications among its own. The second document is for [demandAll].
func load(rest []byte, further map[string]any) (doc, second *openapi3.T, err error) {
	var all map[string]any
	if err := yaml.Unmarshal(rest, &all); err != nil {
		return nil, nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	components, _ := all["components"].(map[string]any)
	schemas, ok := components["schemas"].(map[string]any)
	if !ok {
		return nil, nil, errors.New("openapi.yaml has no components/schemas")
	}
	for name, schema := range further {
		if schemas[name] != nil {
			return nil, nil, fmt.Errorf("schema %s is in both descriptions: refer to that of openapi.yaml", name)
		}
		schemas[name] = schema
	}
	data, err := json.Marshal(all)
	if err != nil {
		return nil, nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	for _, to := range []**openapi3.T{&doc, &second} {
		if *to, err = openapi3.NewLoader().LoadFromData(data); err != nil {
			return nil, nil, fmt.Errorf("openapi.yaml: %w", err)
		}
	}
	return doc, second, nil
}

// fieldsSuffix ends the name of a schema that is for answers which `fields` may narrow. The schema without it has what a whole resource must have.
const fieldsSuffix = "Fields"

// demandAll has each XFields demand what X does: that is how an answer must be where `fields` does not narrow it.
func demandAll(doc *openapi3.T) error {
	for name, narrow := range doc.Components.Schemas {
		base, ok := strings.CutSuffix(name, fieldsSuffix)
		if !ok {
			continue
		}
		whole := doc.Components.Schemas[base]
		if whole == nil || len(whole.Value.AllOf) != 2 || whole.Value.AllOf[0].Value != narrow.Value {
			return fmt.Errorf("schema %s: there must be a schema %s with allOf: %s and what it requires beside that", name, base, name)
		}
		narrow.Value.Required = append(narrow.Value.Required, whole.Value.AllOf[1].Value.Required...)
	}
	return nil
}

// addTopics reads the notifications of each topic and compares their examples with them.
func (d *Description) addTopics(async asyncAPI) error {
	for topic, channel := range async.Channels {
		for _, ref := range channel.Subscribe.Message.OneOf {
			described, ok := async.Components.Messages[ref.name()]
			schema := d.schemas[described.Payload.name()]
			if !ok || schema == nil {
				return fmt.Errorf("asyncapi.yaml: topic %s: there is no message %s with a payload of its own", topic, ref.Ref)
			}
			m := message{
				name: ref.name(), payload: schema.Value,
				messageType: only(schema.Value, "messageType"), notificationType: only(schema.Value, "notificationType"),
			}
			if m.messageType == "" {
				return fmt.Errorf("asyncapi.yaml: message %s does not say which messageType it has", m.name)
			}
			d.topics[topic] = append(d.topics[topic], m)
			for _, example := range described.Examples {
				raw, err := json.Marshal(example.Payload)
				if err != nil {
					return fmt.Errorf("asyncapi.yaml: example of %s: %w", m.name, err)
				}
				if err := d.Notification(topic, raw); err != nil {
					return fmt.Errorf("asyncapi.yaml: example of %s: %w", m.name, err)
				}
			}
		}
	}
	return nil
}

// only returns the one value that a property may have, or "".
func only(schema *openapi3.Schema, property string) string {
	p := schema.Properties[property]
	if p == nil || len(p.Value.Enum) != 1 {
		return ""
	}
	value, _ := p.Value.Enum[0].(string)
	return value
}

// Addresses lists what is described below any of the given prefixes, as "GET /api/v2/me", in order.
func (d *Description) Addresses(prefixes ...string) []string {
	var list []string
	for _, a := range d.addresses {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(a.path, p) }) {
			for method := range a.item.Operations() {
				list = append(list, method+" "+a.path)
			}
		}
	}
	slices.Sort(list)
	return list
}

// Names lists the values of the discriminator of a schema: the operations that are described.
func (d *Description) Names(schema string) []string {
	s := d.schemas[schema]
	if s == nil || s.Value.Discriminator == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.Value.Discriminator.Mapping))
}

// Topics lists the topics that are described.
func (d *Description) Topics() []string { return slices.Sorted(maps.Keys(d.topics)) }
