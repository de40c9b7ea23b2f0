package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a new hash: 19 MiB and two passes, as OWASP recommends for argon2id with one thread.
const (
	hashMemory  = 19 * 1024 // KiB
	hashPasses  = 2
	hashThreads = 1
	saltLength  = 16
	keyLength   = 32
)

// Bounds on what a configured hash may ask for, so that a slip in a file cannot cost gigabytes per log-in.
const (
	maxHashMemory  = 256 * 1024 // KiB
	maxHashPasses  = 16
	maxHashThreads = 8
)

// encoded is an argon2id hash in its customary text form: $argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>, both in base64 without padding.
type encoded struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// Hash returns the argon2id hash of a password, with a salt of its own, in the form that Verify and the setting password-hash take.
func Hash(password string) (string, error) {
	e := encoded{memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: make([]byte, saltLength)}
	if _, err := rand.Read(e.salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	e.key = e.derive(password, keyLength)
	return e.String(), nil
}

// Verify says whether the password is the one that was hashed. It costs what the hash says; an ill-formed hash is nobody's.
func Verify(hash, password string) bool {
	e, err := parseHash(hash)
	return err == nil && e.verify(password)
}

// CheckHash says what is wrong with an encoded hash, if anything is.
func CheckHash(hash string) error {
	_, err := parseHash(hash)
	return err
}

func (e encoded) verify(password string) bool {
	return subtle.ConstantTimeCompare(e.key, e.derive(password, uint32(len(e.key)))) == 1
}

func (e encoded) derive(password string, length uint32) []byte {
	return argon2.IDKey([]byte(password), e.salt, e.passes, e.memory, e.threads, length)
}

func (e encoded) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, e.memory, e.passes, e.threads, b64.EncodeToString(e.salt), b64.EncodeToString(e.key))
}

// cost orders hashes by the work they take.
func (e encoded) cost() uint64 { return uint64(e.memory) * uint64(e.passes) }

func parseHash(hash string) (encoded, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return encoded{}, fmt.Errorf("not an argon2id hash ($argon2id$v=19$m=…,t=…,p=…$salt$key): make one with halley hash-password")
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return encoded{}, fmt.Errorf("argon2 version %q: only v=%d is known", parts[2], argon2.Version)
	}
	var e encoded
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &e.memory, &e.passes, &e.threads); n != 3 || err != nil ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", e.memory, e.passes, e.threads) {
		return encoded{}, fmt.Errorf("argon2 parameters %q: want m=<KiB>,t=<passes>,p=<threads>", parts[3])
	}
	if e.memory < 8*uint32(e.threads) || e.memory > maxHashMemory || e.passes < 1 || e.passes > maxHashPasses || e.threads < 1 || e.threads > maxHashThreads {
		return encoded{}, fmt.Errorf("argon2 parameters %q: m up to %d, t up to %d and p up to %d are accepted", parts[3], maxHashMemory, maxHashPasses, maxHashThreads)
	}
	var err error
	if e.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil || len(e.salt) < 8 || len(e.salt) > 64 {
		return encoded{}, fmt.Errorf("the salt of the password hash is not 8 to 64 bytes of base64")
	}
	if e.key, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil || len(e.key) < 16 || len(e.key) > 64 {
		return encoded{}, fmt.Errorf("the key of the password hash is not 16 to 64 bytes of base64")
	}
	return e, nil
}
