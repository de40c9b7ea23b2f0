package customerapi

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/chat"
)

// attachedData is what a request attaches to a chat, in the order in which the keys first came.
type attachedData struct {
	keys    []string
	values  map[string]string
	ignored int // pairs beyond the limits
}

// set adds or replaces a pair. What is beyond the limits of a chat is ignored, and counted for the log: of too many keys the first stay. [5.2]
func (d *attachedData) set(key, value string) {
	if hidden[key] {
		return
	}
	_, known := d.values[key]
	full := !known && len(d.keys) >= chat.MaxKeys
	if full || utf8.RuneCountInString(key) > chat.MaxKey || utf8.RuneCountInString(value) > chat.MaxValue {
		d.ignored++
		return
	}
	if !known {
		d.keys = append(d.keys, key)
	}
	if d.values == nil {
		d.values = map[string]string{}
	}
	d.values[key] = value
}

// over returns d with the pairs of below that it has none of its own for, as far as there is room.
func (d attachedData) over(below attachedData) attachedData {
	for _, k := range below.keys {
		if _, known := d.values[k]; !known {
			d.set(k, below.values[k])
		}
	}
	d.ignored += below.ignored
	return d
}

// userData returns the pairs as a chat keeps them: a customer's values are strings, always. [2.1]
func (d *attachedData) userData() chat.UserData {
	u := make(chat.UserData, len(d.values))
	for k, v := range d.values {
		raw, _ := json.Marshal(v) // valid UTF-8 always encodes
		u[k] = raw
	}
	return u
}

// hidden are the keys that agents must not see (2.1): device tokens of the background push, which this server does not offer yet and so does
// not keep.
var hidden = map[string]bool{"push_notification_deviceid": true, "GCTI_GMS_PushDeviceId": true}

const dataPrefix = "userData["

// dataKey reads the name of a structured parameter: userData[key], or userData[a][b] for the key a.b. Anything else is no such name. [1.3]
func dataKey(name string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(name, dataPrefix)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, "]")
	if !ok {
		return "", false
	}
	parts := strings.Split(rest, "][")
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "[]") {
			return "", false
		}
	}
	return strings.Join(parts, "."), true
}

// hasEncodedBracket says whether a part's name is a structured parameter with percent-encoded brackets. In a form-encoded body that is the rule and
// decoded like everything; in a multipart one it is a habit of some clients.
func hasEncodedBracket(name string) bool {
	const prefix = "userData%5b"
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
