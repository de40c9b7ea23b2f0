// Package z85 is the text form of bytes in Bayeux's binary extension: Z85 with a rule for lengths that are no multiple of four (BI-3).
//
// Four bytes, the most significant first, give five characters. A last group of n bytes (1 to 3) is filled up with zero bytes and
// gives n + 1 characters. None of the characters needs escaping in JSON.
package z85

import (
	"errors"
	"fmt"
)

// alphabet has a character for each value (BI-4).
const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

// filling completes a last group of characters before it is decoded.
const filling = 84

// none is the value of a byte that is not in the alphabet.
const none = 0xff

// value is the reverse of alphabet.
func value(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'z':
		return c - 'a' + 10
	case 'A' <= c && c <= 'Z':
		return c - 'A' + 36
	}
	for i := 62; i < len(alphabet); i++ {
		if alphabet[i] == c {
			return byte(i)
		}
	}
	return none
}

// EncodedLen returns how many characters n bytes give.
func EncodedLen(n int) int {
	if n%4 == 0 {
		return n / 4 * 5
	}
	return n/4*5 + n%4 + 1
}

// DecodedLen returns how many bytes n characters give.
func DecodedLen(n int) int {
	if n%5 == 0 {
		return n / 5 * 4
	}
	return n/5*4 + n%5 - 1
}

// Encode returns the text for b.
func Encode(b []byte) string { return string(AppendEncode(make([]byte, 0, EncodedLen(len(b))), b)) }

// AppendEncode appends the text for b to dst.
func AppendEncode(dst, b []byte) []byte {
	for len(b) > 0 {
		var group uint32
		n := min(len(b), 4)
		for i := range 4 {
			group <<= 8
			if i < n {
				group |= uint32(b[i])
			}
		}
		b = b[n:]
		var text [5]byte
		for i := 4; i >= 0; i-- {
			text[i] = alphabet[group%85]
			group /= 85
		}
		dst = append(dst, text[:min(n+1, 5)]...)
	}
	return dst
}

// Kinds of text that no encoder makes.
var (
	ErrCharacter = errors.New("z85: not a character of the alphabet")
	ErrGroup     = errors.New("z85: not a group of characters")
)

// Decode returns the bytes for text. The error is ErrCharacter, or ErrGroup for a group above the highest value or a single last
// character; it says where.
func Decode(text string) ([]byte, error) {
	b := make([]byte, 0, DecodedLen(len(text)))
	for at := 0; at < len(text); at += 5 {
		n := min(len(text)-at, 5)
		if n == 1 {
			return nil, fmt.Errorf("%w: one character at %d", ErrGroup, at)
		}
		var group uint64
		for i := range 5 {
			v := byte(filling)
			if i < n {
				if v = value(text[at+i]); v == none {
					return nil, fmt.Errorf("%w: at %d", ErrCharacter, at+i)
				}
			}
			group = group*85 + uint64(v)
		}
		if group>>32 != 0 {
			return nil, fmt.Errorf("%w: too large at %d", ErrGroup, at)
		}
		for i := range n - 1 {
			b = append(b, byte(group>>(24-8*i)))
		}
	}
	return b, nil
}
