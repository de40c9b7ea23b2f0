package agentapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
)

// maxDepth bounds how deep a body may nest. User data of desktops has two levels.
const maxDepth = 32

// parameters are the properties of a request's body, each as it was written. Properties that an operation does not know are ignored (agent-api
// 1.4). A property that is null counts as absent: some desktops send null for all they have no value for (6.2).
type parameters map[string]jsontext.Value

// parseParameters reads a body: one JSON object in UTF-8, without repeated names and lone surrogates, at most maxDepth deep; chat.ErrInvalid
// otherwise (agent-api 4.0). The Content-Type plays no part (1.4).
func parseParameters(body []byte) (parameters, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if d.PeekKind() != '{' {
		return nil, fmt.Errorf(`the body must be a JSON object such as {"operationName":"Ready"}: %w`, chat.ErrInvalid)
	}
	for {
		_, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the body is not good JSON: %w: %s", chat.ErrInvalid, syntax(err))
		}
		if d.StackDepth() > maxDepth {
			return nil, fmt.Errorf("the body nests more than %d deep: %w", maxDepth, chat.ErrInvalid)
		}
		if d.StackDepth() == 0 && len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
			return nil, fmt.Errorf("the body must be one JSON object, and something follows it: %w", chat.ErrInvalid)
		}
	}
	var p parameters
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("the body is not good JSON: %w: %s", chat.ErrInvalid, syntax(err))
	}
	return p, nil
}

// syntax is what the JSON package says is wrong, without its own name in front.
func syntax(err error) string { return strings.TrimPrefix(err.Error(), "jsontext: ") }

// has says whether the property is there.
func (p parameters) has(name string) bool {
	raw, ok := p[name]
	return ok && raw.Kind() != 'n'
}

// text returns a string; "" if it is absent.
func (p parameters) text(name string) (string, error) {
	if !p.has(name) {
		return "", nil
	}
	var s string
	if p[name].Kind() != '"' || json.Unmarshal(p[name], &s) != nil {
		return "", fmt.Errorf("%s must be a string: %w", name, chat.ErrInvalid)
	}
	return s, nil
}

// flag returns a boolean, which clients also write as "true" or "false" (agent-api 4.2); false if it is absent.
func (p parameters) flag(name string) (bool, error) {
	if !p.has(name) {
		return false, nil
	}
	switch string(p[name]) {
	case `true`, `"true"`:
		return true, nil
	case `false`, `"false"`:
		return false, nil
	}
	return false, fmt.Errorf("%s must be true or false: %w", name, chat.ErrInvalid)
}

// texts returns a list of strings; nil if it is absent.
func (p parameters) texts(name string) ([]string, error) {
	if !p.has(name) {
		return nil, nil
	}
	var raw []jsontext.Value
	if p[name].Kind() != '[' || json.Unmarshal(p[name], &raw) != nil {
		return nil, fmt.Errorf("%s must be an array of strings: %w", name, chat.ErrInvalid)
	}
	list := make([]string, 0, len(raw))
	for _, r := range raw {
		var s string
		if r.Kind() != '"' || json.Unmarshal(r, &s) != nil {
			return nil, fmt.Errorf("%s must be an array of strings: %w", name, chat.ErrInvalid)
		}
		list = append(list, s)
	}
	return list, nil
}

// userData returns an object whose values are kept as they were written; nil if it is absent.
func (p parameters) userData(name string) (chat.UserData, error) {
	if !p.has(name) {
		return nil, nil
	}
	var u chat.UserData
	if p[name].Kind() != '{' || json.Unmarshal(p[name], &u) != nil {
		return nil, fmt.Errorf("%s must be an object: %w", name, chat.ErrInvalid)
	}
	return u, nil
}

// operationName returns the operation that the body asks for; chat.ErrMissing if there is none (agent-api 4.0).
func (p parameters) operationName() (string, error) {
	name, err := p.text("operationName")
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", fmt.Errorf(`give the operation, as in {"operationName":"Ready"}: %w`, chat.ErrMissing)
	}
	return name, nil
}

// quote shows what a caller wrote within an answer to her, cut to a bearable length.
func quote(s string) string {
	const most = 64
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
