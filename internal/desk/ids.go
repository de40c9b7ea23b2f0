package desk

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

const upper = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// newChatID draws an id of the shape of agent-api 1.9: 16 characters with an "a" at position 6.
func newChatID() string {
	var b [16]byte
	rand.Read(b[:])
	for i := range b {
		// 256 is not a multiple of 36: the bias costs a fraction of a bit of 77, and these ids are names, not secrets.
		b[i] = upper[int(b[i])%len(upper)]
	}
	b[5] = 'a'
	return string(b[:])
}

// newParticipantID draws 16 upper-case hexadecimal digits (agent-api 1.9).
func newParticipantID() string {
	var b [8]byte
	rand.Read(b[:])
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// newKey draws a customer's secureKey: 128 random bits as 32 lower-case hexadecimal digits (customer-api 1.6).
func newKey() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
