package binary

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// BI-1: the form on the wire.
func TestEncode(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Piece{
		`{"data":"","last":true}`:                                    {Last: true},
		`{"data":"HelloWorld","last":false,"meta":{"type":"image"}}`: {Data: []byte("\x86\x4f\xd2\x6f\xb5\x59\xf7\x5b"), Meta: jsontext.Value(`{"type":"image"}`)},
	} {
		data := p.Encode()
		if string(data) != want {
			t.Errorf("encoded as %s, want %s", data, want)
		}
		got, err := Decode(Ext(), data)
		if err != nil || !bytes.Equal(got.Data, p.Data) || got.Last != p.Last || !bytes.Equal(got.Meta, p.Meta) {
			t.Errorf("%s is decoded as %+v, %v", data, got, err)
		}
	}
}

// BI-1: what is another message, and what is a bad one.
func TestDecode(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{``, `null`, `[]`, `{}`, `{"binary":true}`, `{"binary":null}`, `{"Binary":{}}`, `{"binary":{}`} {
		if _, err := Decode(jsontext.Value(ext), jsontext.Value(`{"data":"0r"}`)); !errors.Is(err, ErrOther) {
			t.Errorf("ext %q: %v", ext, err)
		}
	}
	for _, data := range []string{``, `null`, `1`, `"0r"`, `{}`, `{"data":null}`, `{"data":1}`, `{"data":"0"}`, `{"data":"\""}`, `{"data":"0r","last":"yes"}`} {
		if p, err := Decode(Ext(), jsontext.Value(data)); err == nil || errors.Is(err, ErrOther) {
			t.Errorf("data %q: %+v, %v", data, p, err)
		}
	}
	for _, data := range []string{`{"data":"0r"}`, `{"last":false,"data":"x","data":"\u0030r","meta":null,"more":1}`, `{"data":"0r","meta":7}`} {
		if p, err := Decode(jsontext.Value(`{"a":1,"binary":{"x":[]}}`), jsontext.Value(data)); err != nil || !bytes.Equal(p.Data, []byte{1}) || p.Last || p.Meta != nil {
			t.Errorf("data %q: %+v, %v", data, p, err)
		}
	}
}

// BI-1: whatever comes is refused or decoded, and what was decoded is encoded to the same bytes.
func FuzzDecode(f *testing.F) {
	f.Add(`{"binary":{}}`, `{"data":"0rJua1P","last":true,"meta":{"a":1}}`)
	f.Add(`{"binary":[]}`, `{"data":null}`)
	f.Fuzz(func(t *testing.T, ext, data string) {
		p, err := Decode(jsontext.Value(ext), jsontext.Value(data))
		if err != nil {
			return
		}
		again, err := Decode(Ext(), p.Encode())
		if err != nil || !bytes.Equal(again.Data, p.Data) || again.Last != p.Last || !bytes.Equal(again.Meta, p.Meta) {
			t.Fatalf("%q became %+v and then %+v, %v", data, p, again, err)
		}
	})
}
