// Package binary is the content of messages of Bayeux's binary extension (17.5): bytes, as text within JSON. Servers pass such messages
// on as they are (BI-2); who wants the bytes decodes them here, on either side.
package binary

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux/z85"
)

// Piece is what one message carries: all bytes of something, or a part of them.
type Piece struct {
	Data []byte
	Last bool           // nothing follows
	Meta jsontext.Value // an object that says more about the bytes, as the two sides have agreed; nil: none
}

// Ext returns the ext of a message that carries bytes (BI-1).
func Ext() jsontext.Value { return jsontext.Value(`{"binary":{}}`) }

// Encode returns the data of a message that carries p (BI-1). Meta must be a JSON object, or nil.
func (p Piece) Encode() jsontext.Value {
	b := make([]byte, 0, z85.EncodedLen(len(p.Data))+len(p.Meta)+len(`{"data":"","last":false,"meta":}`))
	b = append(b, `{"data":"`...)
	b = z85.AppendEncode(b, p.Data) // no character of it needs escaping
	b = append(b, `","last":`...)
	b = strconv.AppendBool(b, p.Last)
	if p.Meta != nil {
		b = append(append(b, `,"meta":`...), p.Meta...)
	}
	return append(b, '}')
}

// ErrOther is returned for a message that carries no bytes, but data of any kind.
var ErrOther = errors.New("binary: not a binary message")

// Decode returns what a message with these fields carries. The error is ErrOther if ext has no object "binary", else it says what is
// wrong with the data.
func Decode(ext, data jsontext.Value) (Piece, error) {
	lenient := json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var e struct {
		Binary jsontext.Value `json:"binary"`
	}
	if ext.Kind() != '{' || json.Unmarshal(ext, &e, lenient) != nil || e.Binary.Kind() != '{' {
		return Piece{}, ErrOther
	}
	var d struct {
		Data *string        `json:"data"`
		Last bool           `json:"last"`
		Meta jsontext.Value `json:"meta"`
	}
	if err := json.Unmarshal(data, &d, lenient); err != nil {
		return Piece{}, fmt.Errorf("binary: data of a binary message: %w", err)
	}
	if d.Data == nil {
		return Piece{}, errors.New(`binary: a binary message without the member "data"`)
	}
	b, err := z85.Decode(*d.Data)
	if err != nil {
		return Piece{}, fmt.Errorf("binary: %w", err)
	}
	if d.Meta.Kind() != '{' {
		d.Meta = nil
	}
	return Piece{Data: b, Last: d.Last, Meta: d.Meta}, nil
}
