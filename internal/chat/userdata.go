package chat

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// changed returns the data after a change.
func (d UserData) changed(c DataChanged) UserData {
	next := make(UserData, len(d)+len(c.Set))
	maps.Copy(next, d)
	maps.Copy(next, c.Set)
	for _, k := range c.Deleted {
		delete(next, k)
	}
	return next
}

// checked returns a private copy of what an agent attaches, ready to be kept. It is refused as a whole if a part of it is (agent-api 4.4).
func (d UserData) checked(into UserData) (UserData, error) {
	if len(d) == 0 {
		return nil, Refuse(ErrMissing, "userData needs at least one pair")
	}
	kept := make(UserData, len(d))
	added := 0
	for k, v := range d {
		if n := utf8.RuneCountInString(k); n > MaxKey {
			return nil, Refuse(ErrInvalid, "a userData key has %d characters; at most %d are allowed", n, MaxKey)
		}
		v, content, ok := compact(v)
		if !ok {
			return nil, Refuse(ErrInvalid, "a userData value is not valid JSON")
		}
		if n := len(content); n > MaxValue {
			return nil, Refuse(ErrInvalid, "a userData value has %d bytes; at most %d are allowed", n, MaxValue)
		}
		if _, ok := into[k]; !ok {
			added++
		}
		kept[k] = v
	}
	if n := len(into) + added; n > MaxKeys {
		return nil, Refuse(ErrInvalid, "the chat would have %d userData keys; at most %d are allowed", n, MaxKeys)
	}
	return kept, nil
}

// fitting returns a private copy of as much of a customer's data as fits; the excess is ignored (customer-api 5.2). Which keys are in excess does not
// depend on chance: the first in alphabetical order stay.
func (d UserData) fitting(into UserData) UserData {
	var kept UserData
	room := MaxKeys - len(into)
	for _, k := range slices.Sorted(maps.Keys(d)) {
		_, known := into[k]
		if utf8.RuneCountInString(k) > MaxKey || !known && room == 0 {
			continue
		}
		v, content, ok := compact(d[k])
		if !ok || utf8.RuneCountInString(content) > MaxValue {
			continue
		}
		if !known {
			room--
		}
		if kept == nil {
			kept = UserData{}
		}
		kept[k] = v
	}
	return kept
}

// compact returns a value without insignificant white space, as it is kept, and its content: for a string what it says, else the value itself.
func compact(v jsontext.Value) (kept jsontext.Value, content string, ok bool) {
	kept = v.Clone()
	if err := kept.Format(jsontext.PreserveRawStrings(true)); err != nil {
		return nil, "", false
	}
	if kept.Kind() == '"' {
		text, err := jsontext.AppendUnquote(nil, kept)
		return kept, string(text), err == nil
	}
	return kept, string(kept), true
}
