package bayeux

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Message is one message from a client. Its raw values are the client's own
// bytes (MSG-3); they are valid JSON and must not be changed.
type Message struct {
	// Channel is as received, with its trailing slash if it has one (CH-2).
	Channel string
	// ID is empty when the client gave none.
	ID       string
	ClientID string
	// Data is nil when the client sent none; "null" when it sent null.
	Data jsontext.Value
	// Ext is an object, or nil.
	Ext jsontext.Value
	// Subscription is as received: a string or an array of strings when it is valid.
	Subscription jsontext.Value

	channel  presence
	id       presence
	clientID presence
	advice   requestAdvice
	rawExt   jsontext.Value // what a publish passes on, whatever it is (MSG-12)
	extra    []field        // fields that the protocol does not know (PUB-3)
	names    map[string]int // where a name is in extra, once there are many
}

// presence tells a missing field from one of the wrong type (MSG-12).
type presence int8

const (
	absent presence = iota
	present
	wrongType
)

// field is a raw member of an object; the name is kept in quotes.
type field struct {
	name, value jsontext.Value
}

// requestAdvice is what a connect asks for (CN-3, CN-5); negative: not given.
type requestAdvice struct {
	given             bool
	timeout, interval time.Duration
}

// Kinds of malformed input. They decide the status or close code (11.3, WS-17).
var (
	errMalformed   = errors.New("not a JSON array of objects")
	errInvalidUTF8 = errors.New("not UTF-8")
	errTooMany     = errors.New("too many messages")
)

// limits bound what parse accepts.
type limits struct {
	depth    int
	messages int
}

// parse reads a request or frame: an array of messages, or a single one (MSG-1).
// The messages share b's memory. An empty array is no error here.
func parse(b []byte, lim limits) ([]Message, error) {
	if !utf8.Valid(b) {
		return nil, errInvalidUTF8
	}
	if deeper(b, lim.depth) {
		return nil, fmt.Errorf("%w: nested deeper than %d", errMalformed, lim.depth)
	}
	// The bytes are UTF-8, checked above; what AllowInvalidUTF8 still lets through
	// is an escaped lone surrogate such as "\ud800", which is the sender's business.
	p := parser{b: b, dec: jsontext.NewDecoder(bytes.NewBuffer(b), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	msgs, err := p.messages(lim.messages)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.ReadToken(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows it", errMalformed)
	}
	return msgs, nil
}

// deeper reports whether b nests arrays and objects deeper than limit (MSG-4).
// It looks at brackets outside of strings only: whether b is JSON at all is found
// out later, by a parser that is then safe from deep recursion.
func deeper(b []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			if depth++; depth > limit {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

type parser struct {
	b   []byte
	dec *jsontext.Decoder
}

func (p *parser) messages(limit int) ([]Message, error) {
	switch p.dec.PeekKind() {
	case '{':
		m, err := p.message()
		if err != nil {
			return nil, err
		}
		return []Message{m}, nil
	case '[':
	default:
		return nil, errMalformed
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	var msgs []Message
	for p.dec.PeekKind() == '{' {
		if len(msgs) == limit {
			return nil, fmt.Errorf("%w: at most %d", errTooMany, limit)
		}
		m, err := p.message()
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, m)
	}
	if t, err := p.dec.ReadToken(); err != nil || t.Kind() != ']' {
		return nil, errMalformed
	}
	return msgs, nil
}

// value reads the next value as a slice of the input, which stays valid.
func (p *parser) value() (jsontext.Value, error) {
	v, err := p.dec.ReadValue()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	end := int(p.dec.InputOffset())
	return jsontext.Value(p.b[end-len(v) : end : end]), nil
}

func (p *parser) message() (Message, error) {
	m := Message{advice: requestAdvice{timeout: -1, interval: -1}}
	if _, err := p.dec.ReadToken(); err != nil {
		return m, fmt.Errorf("%w: %w", errMalformed, err)
	}
	for p.dec.PeekKind() == '"' {
		name, err := p.value()
		if err != nil {
			return m, err
		}
		value, err := p.value()
		if err != nil {
			return m, err
		}
		m.set(name, value)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return m, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, nil
}

// set takes one member of a message. The last of several wins (MSG-4), and null
// is as good as absent, except for data (MSG-11).
func (m *Message) set(name, v jsontext.Value) {
	null := v.Kind() == 'n'
	switch string(fieldName(name)) { // does not allocate
	case "channel":
		m.Channel, m.channel = stringField(v)
	case "id":
		m.ID, m.id = stringField(v)
		if v.Kind() == '0' { // MSG-7
			m.ID, m.id = string(v), present
		}
	case "clientId":
		m.ClientID, m.clientID = stringField(v)
	case "data":
		m.Data = v
	case "ext":
		m.Ext, m.rawExt = nil, nil
		if !null {
			m.rawExt = v
		}
		if v.Kind() == '{' {
			m.Ext = v
		}
	case "subscription":
		m.Subscription = nil
		if !null {
			m.Subscription = v
		}
	case "advice":
		m.advice = readAdvice(v)
	case "successful", "error":
		// A broadcast message must not look like a reply (MSG-9).
	default:
		m.setExtra(name, v, null)
	}
}

// fieldName returns the text of a member's name, in place when it has no escapes.
func fieldName(quoted jsontext.Value) []byte {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return []byte(unquote(quoted))
}

func stringField(v jsontext.Value) (string, presence) {
	switch v.Kind() {
	case '"':
		return unquote(v), present
	case 'n':
		return "", absent
	}
	return "", wrongType
}

// setExtra keeps a field that is only passed on.
func (m *Message) setExtra(name, v jsontext.Value, null bool) {
	if null {
		return
	}
	i, found := m.names[unquote(name)]
	if m.names == nil {
		i = slices.IndexFunc(m.extra, func(f field) bool { return bytes.Equal(fieldName(f.name), fieldName(name)) })
		found = i >= 0
	}
	if found {
		m.extra[i].value = v
		return
	}
	m.extra = append(m.extra, field{name, v})
	switch {
	case m.names != nil:
		m.names[unquote(name)] = len(m.extra) - 1
	case len(m.extra) > 8: // from here on a search per field would be quadratic
		m.names = make(map[string]int)
		for i, f := range m.extra {
			m.names[unquote(f.name)] = i
		}
	}
}

// readAdvice ignores what has the wrong type or is negative (CN-8, MSG-12).
func readAdvice(v jsontext.Value) requestAdvice {
	a := requestAdvice{timeout: -1, interval: -1}
	if v.Kind() != '{' {
		return a
	}
	a.given = true
	eachMember(v, func(name string, value jsontext.Value) {
		switch name {
		case "timeout":
			a.timeout = milliseconds(value)
		case "interval":
			a.interval = milliseconds(value)
		}
	})
	return a
}

// milliseconds reads a time that is not negative, else -1.
func milliseconds(v jsontext.Value) time.Duration {
	if v.Kind() != '0' {
		return -1
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || f < 0 {
		return -1
	}
	return time.Duration(min(f, float64(longestTime/time.Millisecond))) * time.Millisecond
}

// eachMember calls fn for the members of a valid object, in order.
func eachMember(v jsontext.Value, fn func(name string, value jsontext.Value)) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return
		}
		fn(key, value)
	}
}

// unquote returns the text of a valid JSON string.
func unquote(v jsontext.Value) string {
	if inner := v[1 : len(v)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	text, _ := jsontext.AppendUnquote(nil, []byte(v)) // lone surrogates become U+FFFD
	return string(text)
}

// subscriptions returns the members of the subscription field, or false when it
// is not a string or an array of strings (SUB-1, SUB-2).
func (m *Message) subscriptions() ([]string, bool) {
	switch m.Subscription.Kind() {
	case '"':
		return []string{unquote(m.Subscription)}, true
	case '[':
	default:
		return nil, false
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(m.Subscription), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	var names []string
	for dec.PeekKind() == '"' {
		t, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		names = append(names, t.String())
	}
	return names, dec.PeekKind() == ']'
}

// validID reports whether an id is one or more letters and digits (MSG-8).
func validID(id string) bool {
	if id == "" || len(id) > maxIDLength {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return true
}

// maxIDLength bounds a message id, which is kept while a connect is held.
const maxIDLength = 128
