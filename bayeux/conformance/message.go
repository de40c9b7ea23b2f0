package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Message is one from the server. Its fields are the bytes that were received.
type Message map[string]json.RawMessage

// ParseMessages reads an array of messages.
func ParseMessages(b []byte) ([]Message, error) {
	var ms []Message
	if err := json.Unmarshal(b, &ms); err != nil {
		return nil, fmt.Errorf("an array of messages is expected: %w, in %q", err, short(b))
	}
	for _, m := range ms {
		if m == nil {
			return nil, fmt.Errorf("an array of messages is expected, found null in %q", short(b))
		}
	}
	return ms, nil
}

// Has tells whether the field is there.
func (m Message) Has(name string) bool { _, ok := m[name]; return ok }

// Names are those of the fields, sorted.
func (m Message) Names() []string { return slices.Sorted(maps.Keys(m)) }

// Text is the value of a field that is a string; the empty string if it is missing or something else.
func (m Message) Text(name string) string {
	var s string
	if json.Unmarshal(m[name], &s) != nil {
		return ""
	}
	return s
}

// Object is the value of a field that is an object; nil if it is missing or something else.
func (m Message) Object(name string) Message {
	var o Message
	if json.Unmarshal(m[name], &o) != nil {
		return nil
	}
	return o
}

// Number is the value of a field that is a number; 0 if it is missing or something else.
func (m Message) Number(name string) float64 {
	var n float64
	if json.Unmarshal(m[name], &n) != nil {
		return 0
	}
	return n
}

// Channel is the field channel.
func (m Message) Channel() string { return m.Text("channel") }

// ID is the field id.
func (m Message) ID() string { return m.Text("id") }

// ErrorText is the field error. (A method Error would make each message an error.)
func (m Message) ErrorText() string { return m.Text("error") }

// Data is the field data, as the bytes received.
func (m Message) Data() string { return string(m["data"]) }

// Advice is the field advice; nil if there is none.
func (m Message) Advice() Message { return m.Object("advice") }

// Successful tells whether the field is true.
func (m Message) Successful() bool { return string(m["successful"]) == "true" }

// IsReply tells whether m answers a message of the client (MSG-9): what has data, or a disconnect of the server's own, is an event.
func (m Message) IsReply() bool {
	if !m.Has("successful") || m.Has("data") {
		return false
	}
	return m.Channel() != "/meta/disconnect" || m.Has("id") || m.Has("error")
}

func (m Message) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range m.Names() {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, m[name])
	}
	b.WriteByte('}')
	return b.String()
}

// Texts writes messages as an array.
func Texts(ms []Message) string {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = m.String()
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// Replies are those of ms that answer messages of the client.
func Replies(ms []Message) []Message {
	return slices.DeleteFunc(slices.Clone(ms), func(m Message) bool { return !m.IsReply() })
}

// Events are those of ms that answer nothing.
func Events(ms []Message) []Message {
	return slices.DeleteFunc(slices.Clone(ms), Message.IsReply)
}

// Datas are the data of messages.
func Datas(ms []Message) []string {
	ds := make([]string, len(ms))
	for i, m := range ms {
		ds[i] = m.Data()
	}
	return ds
}

// M is a message to the server. The client adds the fields id and clientId if they are not there; [Without] leaves a field out. A [json.RawMessage] is sent
// byte for byte.
type M map[string]any

// Without is the value of a field that is to be left out.
const Without = without(0)

type without int

// JSON is the text of m, fields sorted.
func (m M) JSON() string {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v := m[name]
		if v == Without {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", name)
		if raw, ok := v.(json.RawMessage); ok {
			b.Write(raw)
			continue
		}
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			fmt.Fprintf(&b, "%q", err.Error()) // a fault of the check; the server will not like it either
		}
		b.Truncate(len(bytes.TrimRight(b.Bytes(), "\n")))
	}
	b.WriteByte('}')
	return b.String()
}

// with returns m with the fields of others, which win.
func (m M) with(others ...M) M {
	m = maps.Clone(m)
	for _, o := range others {
		maps.Copy(m, o)
	}
	return m
}

func array(ms []M) string {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = m.JSON()
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// short is b, cut where it would fill the page.
func short[T string | []byte](b T) string {
	const most = 400
	if len(b) > most {
		return fmt.Sprintf("%s… (%d bytes)", string(b[:most]), len(b))
	}
	return string(b)
}
