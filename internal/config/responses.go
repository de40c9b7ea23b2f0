package config

import (
	"cmp"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// Limits of the standard responses, all of which are held in memory.
const (
	maxResponses   = 10_000 // of all categories
	maxDescription = 4096   // code points
)

// ResponseGroup is a category of standard responses.
type ResponseGroup struct {
	Name        string             `yaml:"name" help:"Name of the category."`
	Description string             `yaml:"description" help:"What it is for."`
	Language    string             `yaml:"language" default:"any" help:"Language of its texts, as desktops ask for it, such as English."`
	Approved    *bool              `yaml:"approved" default:"true" help:"Whether agents may use it."`
	Modified    string             `yaml:"modified" help:"When it was last changed: 2024-03-11 or 2024-03-11T09:41:07+01:00."`
	Templates   []ResponseTemplate `yaml:"templates" help:"The responses."`
}

// ResponseTemplate is a standard response.
type ResponseTemplate struct {
	Name        string `yaml:"name" help:"Name of the response, which no other of the category has."`
	Subject     string `yaml:"subject" help:"Its subject."`
	Body        string `yaml:"body" help:"The text, with placeholders such as <$ Customer.FirstName $> for desktops to fill in."`
	Description string `yaml:"description" help:"When to use it."`
	Language    string `yaml:"language" default:"the category's" help:"Its language."`
	Approved    *bool  `yaml:"approved" default:"true" help:"Whether agents may use it."`
	Start       string `yaml:"start" help:"From when on it may be used: a date, or a time as in modified."`
	Expiration  string `yaml:"expiration" help:"From when on it may not be used any more."`
	Modified    string `yaml:"modified" help:"When it was last changed."`
}

func (c *Config) addResponses(d *directory.Directory) error {
	zone, err := c.Location()
	if err != nil {
		return err
	}
	names, count := []string{}, 0
	for _, from := range c.StandardResponses {
		if err := checkName("standard-responses", from.Name, names); err != nil {
			return err
		}
		names = append(names, from.Name)
		if count += len(from.Templates); count > maxResponses {
			return fmt.Errorf("standard-responses: there are more than %d", maxResponses)
		}
		g, err := from.group(zone)
		if err != nil {
			return fmt.Errorf("standard-responses: %s: %w", from.Name, err)
		}
		d.ResponseGroups = append(d.ResponseGroups, g)
	}
	return nil
}

func (from ResponseGroup) group(zone *time.Location) (g *directory.ResponseGroup, err error) {
	g = &directory.ResponseGroup{
		ID: directory.ResourceID("response-group", from.Name), Name: from.Name, Description: from.Description, Language: from.Language,
		Approved: or(from.Approved, true),
	}
	if err := atMost("description", from.Description, maxDescription); err != nil {
		return nil, err
	}
	if g.Modified, err = moment("modified", from.Modified, zone); err != nil {
		return nil, err
	}
	var names []string
	for _, t := range from.Templates {
		if err := checkName("templates", t.Name, names); err != nil {
			return nil, err
		}
		names = append(names, t.Name)
		template, err := t.template(g, zone)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		g.Templates = append(g.Templates, template)
	}
	return g, nil
}

func (from ResponseTemplate) template(g *directory.ResponseGroup, zone *time.Location) (t *directory.ResponseTemplate, err error) {
	t = &directory.ResponseTemplate{
		ID: directory.ResourceID("response-template", g.Name+"\x00"+from.Name), Group: g.ID, Name: from.Name, Subject: from.Subject, Body: from.Body,
		Description: from.Description, Language: cmp.Or(from.Language, g.Language), Approved: or(from.Approved, true),
	}
	if t.Body == "" {
		return nil, errors.New("body is missing: write the text there")
	}
	times := make([]time.Time, 3)
	for i, m := range []struct{ key, text string }{{"start", from.Start}, {"expiration", from.Expiration}, {"modified", from.Modified}} {
		if times[i], err = moment(m.key, m.text, zone); err != nil {
			return nil, err
		}
	}
	t.Start, t.Expiry, t.Modified = times[0], times[1], times[2]
	if !t.Expiry.IsZero() && !t.Expiry.After(t.Start) {
		return nil, errors.New("expiration is not after start")
	}
	return t, cmp.Or(atMost("subject", t.Subject, maxName), atMost("body", t.Body, chat.MaxText), atMost("description", t.Description, maxDescription))
}

func atMost(key, text string, limit int) error {
	if n := utf8.RuneCountInString(text); n > limit {
		return fmt.Errorf("%s has %d characters; at most %d are allowed", key, n, limit)
	}
	return nil
}

// moment reads a date, which begins at midnight in the zone, or a time. An empty text is none.
func moment(key, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is no time: write 2024-03-11 or 2024-03-11T09:41:07+01:00", key, text)
}
