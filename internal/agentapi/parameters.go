package agentapi

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

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
		return nil, refuse(chat.ErrInvalid, `the body must be a JSON object such as {"operationName":"Ready"}`)
	}
	for {
		_, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, refuse(chat.ErrInvalid, "the body is not good JSON: %s", syntax(err))
		}
		if d.StackDepth() > maxDepth {
			return nil, refuse(chat.ErrInvalid, "the body nests more than %d deep", maxDepth)
		}
		if d.StackDepth() == 0 && len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
			return nil, refuse(chat.ErrInvalid, "the body must be one JSON object, and something follows it")
		}
	}
	var p parameters
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, refuse(chat.ErrInvalid, "the body is not good JSON: %s", syntax(err))
	}
	return p, nil
}

// syntax is what the JSON package says is wrong, without its own name in front and cut to a bearable length: it quotes what it read.
func syntax(err error) string { return cut(strings.TrimPrefix(err.Error(), "jsontext: "), 200) }

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
		return "", refuse(chat.ErrInvalid, "%s must be a string", name)
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
	return false, refuse(chat.ErrInvalid, "%s must be true or false", name)
}

// texts returns a list of strings; nil if it is absent.
func (p parameters) texts(name string) ([]string, error) {
	if !p.has(name) {
		return nil, nil
	}
	var raw []jsontext.Value
	if p[name].Kind() != '[' || json.Unmarshal(p[name], &raw) != nil {
		return nil, refuse(chat.ErrInvalid, "%s must be an array of strings", name)
	}
	list := make([]string, 0, len(raw))
	for _, r := range raw {
		var s string
		if r.Kind() != '"' || json.Unmarshal(r, &s) != nil {
			return nil, refuse(chat.ErrInvalid, "%s must be an array of strings", name)
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
		return nil, refuse(chat.ErrInvalid, "%s must be an object", name)
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
		return "", refuse(chat.ErrMissing, `give the operation, as in {"operationName":"Ready"}`)
	}
	return name, nil
}

// quote shows what a caller wrote within an answer to her, cut to a bearable length.
func quote(s string) string {
	return strconv.Quote(cut(s, 64))
}

func cut(s string, most int) string {
	for i := range s {
		if most--; most < 0 {
			return s[:i] + "…"
		}
	}
	return s
}
