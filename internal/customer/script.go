package customer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// The limits of a script. A script is written by hand, and may come from somebody else.
const (
	maxScript   = 64 << 10 // bytes; the YAML parser's time grows with the square of deep nesting
	maxLines    = 1000
	maxText     = 14_000         // characters: what the server takes (customer-api 5.2)
	maxDuration = 24 * time.Hour // of anything that takes time
)

// Anything waits for whatever the other side says.
const Anything = "*"

// Script is what a customer wants and says. In YAML:
//
//	nickname: Pat Lowe
//	subject: Late parcel
//	userData: {order: "4711"}
//	patience: 10m          # how long she waits for an answer before she leaves
//	lines:
//	  - text: Where is my parcel?
//	    think: 1s          # before she begins
//	    typing: 3s         # how long she is seen typing
//	  - wait-for: "*"      # any answer; or a part of one, whatever the case
//	    text: Thank you!
//	    leave: true        # she goes after this line; without it she stays until the chat is ended for her
//
// Unknown keys are errors.
type Script struct {
	Nickname string            `yaml:"nickname"`
	Subject  string            `yaml:"subject"`
	Email    string            `yaml:"email"`
	UserData map[string]string `yaml:"userData"`
	Patience time.Duration     `yaml:"patience"` // 0: she waits for ever
	Lines    []Line            `yaml:"lines"`
}

// Line is one turn: wait, think, type, say, leave. Each part may be missing.
type Line struct {
	WaitFor string        `yaml:"wait-for"` // part of an answer that came after her last words, or Anything
	Think   time.Duration `yaml:"think"`    // on average
	Typing  time.Duration `yaml:"typing"`   // on average
	Text    string        `yaml:"text"`
	Leave   bool          `yaml:"leave"`
}

// ParseScript reads a script. Its errors say what is wrong, and where.
func ParseScript(source []byte) (*Script, error) {
	if len(source) > maxScript {
		return nil, fmt.Errorf("a script has at most %d bytes, not %d", maxScript, len(source))
	}
	if !utf8.Valid(source) {
		return nil, errors.New("a script is UTF-8 text")
	}
	s, err := decode(source)
	if err != nil {
		return nil, fmt.Errorf("script: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("script: %w", err)
	}
	return s, nil
}

// decode reads one document of plain YAML.
func decode(source []byte) (s *Script, err error) {
	if err := refuseFeatures(source); err != nil {
		return nil, err
	}
	// The YAML library has places where odd input makes it panic.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, errors.New("this cannot be read as YAML")
		}
	}()
	s = &Script{}
	documents := yaml.NewDecoder(bytes.NewReader(source), yaml.Strict())
	if err := documents.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(strings.TrimSpace(yaml.FormatError(err, false, false))) // on one line
	}
	if err := documents.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("give one YAML document, not several")
	}
	return s, nil
}

// refuseFeatures refuses what a script has no use for. With anchors and aliases a few lines can stand for more than any memory holds.
func refuseFeatures(source []byte) error {
	for _, t := range lexer.Tokenize(string(source)) {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.DirectiveType:
			return fmt.Errorf("[%d:%d] a script has no anchors, aliases, tags and directives", t.Position.Line, t.Position.Column)
		}
	}
	return nil
}

func (s *Script) check() error {
	if strings.TrimSpace(s.Nickname) == "" {
		return errors.New("give the customer a nickname")
	}
	if len(s.Lines) == 0 {
		return errors.New("give the customer lines to say")
	}
	if len(s.Lines) > maxLines {
		return fmt.Errorf("%d lines are too many, %d are allowed", len(s.Lines), maxLines)
	}
	if !sensible(s.Patience) {
		return fmt.Errorf("patience %s: give a time between 0 and %s", s.Patience, maxDuration)
	}
	for i, l := range s.Lines {
		switch {
		case l == Line{}:
			return fmt.Errorf("line %d is empty; give it a text, a wait-for, a think time or leave", i+1)
		case !sensible(l.Think), !sensible(l.Typing):
			return fmt.Errorf("line %d: give think and typing times between 0 and %s", i+1, maxDuration)
		case utf8.RuneCountInString(l.Text) > maxText:
			return fmt.Errorf("line %d: a text has at most %d characters", i+1, maxText)
		case l.Text != "" && strings.TrimSpace(l.Text) == "":
			return fmt.Errorf("line %d: a text needs more than blanks", i+1)
		case l.Leave && i < len(s.Lines)-1:
			return fmt.Errorf("line %d: she leaves, but there are lines after it", i+1)
		}
	}
	return nil
}

func sensible(d time.Duration) bool { return 0 <= d && d <= maxDuration }

// SayScript is a customer who says one thing, waits until somebody answers, and leaves.
func SayScript(text string) *Script {
	return &Script{
		Nickname: "Pat Lowe",
		Lines:    []Line{{Text: text}, {WaitFor: Anything, Leave: true}},
	}
}

// DemoScript is a customer whose parcel is late.
func DemoScript() *Script {
	return &Script{
		Nickname: "Pat Lowe", Subject: "Late parcel", Email: "pat@example.org",
		UserData: map[string]string{"order": "4711", "TimeZone": "60", "GCTI_LanguageCode": "en"},
		Lines: []Line{
			{Think: time.Second, Typing: 2 * time.Second, Text: "Hello! My parcel should have been here on Monday."},
			{WaitFor: Anything, Think: 2 * time.Second, Typing: 3 * time.Second, Text: "It is order 4711, two boxes of tea."},
			{WaitFor: Anything, Think: 2 * time.Second, Typing: 4 * time.Second, Text: "The tracking page has said \"in delivery\" for three days 🙁"},
			{WaitFor: Anything, Think: 3 * time.Second, Typing: 2 * time.Second, Text: "Could you ask the driver to leave it with the neighbour?\nNumber 12, Ms Brook."},
			{WaitFor: Anything, Think: 2 * time.Second, Typing: 2 * time.Second, Text: "Great, thank you for your help!"},
			{WaitFor: Anything, Think: 3 * time.Second, Leave: true},
		},
	}
}
