package bayeux

import "strings"

// maxChannelLength bounds the name of a channel, in bytes. Clients use some
// dozens; a longer one is invalid like one with a forbidden character.
const maxChannelLength = 1024

// family is what the first segment of a channel decides (CH-6).
type family int

const (
	familyBroadcast family = iota
	familyMeta
	familyService
)

func familyOf(channel string) family {
	first, _, _ := strings.Cut(strings.TrimPrefix(channel, "/"), "/")
	switch first {
	case "meta":
		return familyMeta
	case "service":
		return familyService
	}
	return familyBroadcast
}

// The meta channels of the protocol.
const (
	metaHandshake   = "/meta/handshake"
	metaConnect     = "/meta/connect"
	metaSubscribe   = "/meta/subscribe"
	metaUnsubscribe = "/meta/unsubscribe"
	metaDisconnect  = "/meta/disconnect"
)

func isMeta(channel string) bool {
	switch channel {
	case metaHandshake, metaConnect, metaSubscribe, metaUnsubscribe, metaDisconnect:
		return true
	}
	return false
}

// validChannel reports whether s is a channel or a pattern (CH-1, CH-3, CH-5).
// With anyCharacter only the structure is checked (validateMessageFields off).
func validChannel(s string, anyCharacter bool) bool {
	if len(s) < 2 || len(s) > maxChannelLength || s[0] != '/' {
		return false
	}
	rest := strings.TrimSuffix(s[1:], "/") // CH-2
	for {
		segment, tail, more := strings.Cut(rest, "/")
		if segment == "" {
			return false // CH-3
		}
		if more && (segment == "*" || segment == "**") {
			return false // CH-5
		}
		if !anyCharacter && strings.ContainsFunc(segment, forbidden) {
			return false
		}
		if !more {
			return true
		}
		rest = tail
	}
}

func forbidden(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune(" !#$()*+-.@_{~}", r)
}

// lookupName is the name under which a valid channel is known (CH-2).
func lookupName(channel string) string { return strings.TrimSuffix(channel, "/") }

// isPattern reports whether the last segment is a wildcard (CH-4).
func isPattern(name string) bool {
	return strings.HasSuffix(name, "/*") || strings.HasSuffix(name, "/**")
}

// Matches reports whether what is published on a channel is for a subscription, be that a
// channel or a pattern (CH-4).
func Matches(subscription, channel string) (found bool) {
	subscription, channel = lookupName(subscription), lookupName(channel)
	if len(channel) < 2 || channel[0] != '/' {
		return false
	}
	matches(channel, func(p []byte) bool {
		found = string(p) == subscription
		return !found
	})
	return found
}

// matches calls yield with the name itself and then with every pattern that
// matches it, from the narrowest to the widest (3.2), until yield returns false.
// The bytes are reused between the calls: a map is asked with m[string(p)],
// which does not allocate.
func matches(name string, yield func(p []byte) bool) {
	var room [128]byte
	buf := append(room[:0], name...)
	if !yield(buf) {
		return
	}
	parent := strings.LastIndexByte(name, '/')
	if !yield(append(buf[:parent], "/*"...)) {
		return
	}
	for {
		if !yield(append(buf[:parent], "/**"...)) || parent == 0 {
			return
		}
		parent = strings.LastIndexByte(name[:parent], '/')
	}
}
