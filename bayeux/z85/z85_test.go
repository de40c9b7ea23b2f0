package z85

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// BI-3, BI-4: the vectors of the protocol.
func TestVectors(t *testing.T) {
	t.Parallel()
	for in, text := range map[string]string{
		"":                 "",
		"01":               "0r",
		"0102":             "0rJ",
		"010203":           "0rJu",
		"01020304":         "0rJua",
		"0102030405":       "0rJua1P",
		"0102030405060708": "0rJua1Qkhq",
		"00000000":         "00000",
		"ff":               "@@",
		"ffffffff":         "%nSc0",
		"864fd26fb559f75b": "HelloWorld",
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Encode(b); got != text {
			t.Errorf("%s is encoded as %q, want %q", in, got, text)
		}
		if got, err := Decode(text); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%q is decoded as %x, %v, want %s", text, got, err, in)
		}
		if n := EncodedLen(len(b)); n != len(text) {
			t.Errorf("EncodedLen(%d) = %d, want %d", len(b), n, len(text))
		}
		if n := DecodedLen(len(text)); n != len(b) {
			t.Errorf("DecodedLen(%d) = %d, want %d", len(text), n, len(b))
		}
	}
}

// BI-4: what is no text of bytes.
func TestBadText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"0":      ErrGroup, // one character is less than a byte
		"000000": ErrGroup,
		"%nSc1":  ErrGroup, // above ffffffff
		"#####":  ErrGroup,
		"##":     ErrGroup,
		"0000\"": ErrCharacter,
		"0 000":  ErrCharacter,
		"00é":    ErrCharacter,
		"00\x00": ErrCharacter,
	} {
		if got, err := Decode(text); !errors.Is(err, want) || got != nil {
			t.Errorf("Decode(%q) = %x, %v, want %v", text, got, err, want)
		}
	}
	seen := map[byte]bool{}
	for i := range alphabet {
		c := alphabet[i]
		if value(c) != byte(i) || seen[c] || c == '"' || c == '\\' || c < ' ' {
			t.Errorf("character %d, %q, has the value %d", i, c, value(c))
		}
		seen[c] = true
	}
	if len(alphabet) != 85 {
		t.Errorf("%d characters", len(alphabet))
	}
}

// BI-3: what was encoded is what is decoded.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("HelloWorld"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		text := Encode(b)
		if len(text) != EncodedLen(len(b)) {
			t.Fatalf("%d bytes gave %d characters", len(b), len(text))
		}
		if got, err := Decode(text); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%x became %q and then %x, %v", b, text, got, err)
		}
	})
}

// BI-3: any text is refused or decoded, and a text of whole groups that is decoded is the one that its bytes give.
func FuzzDecode(f *testing.F) {
	f.Add("0rJua1P")
	f.Add("#####")
	f.Add("0")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := Decode(text)
		if err != nil {
			return
		}
		if len(b) != DecodedLen(len(text)) {
			t.Fatalf("%d characters gave %d bytes", len(text), len(b))
		}
		if again := Encode(b); len(text)%5 == 0 && again != text {
			t.Fatalf("%q became %x and then %q", text, b, again)
		}
	})
}
