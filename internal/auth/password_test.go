package auth

import (
	"strings"
	"testing"
)

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h, err := Hash("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q", h)
	}
	if !Verify(h, "correct horse") || Verify(h, "correct horse ") || Verify(h, "") {
		t.Error("the wrong password is right, or the right one wrong")
	}
	again, err := Hash("correct horse")
	if err != nil || again == h {
		t.Errorf("two hashes of one password are equal, or %v", err)
	}
}

// A vector made with the reference implementation: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 24 -e.
func TestVerifyKnowsTheReferenceImplementation(t *testing.T) {
	t.Parallel()
	const h = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !Verify(h, "password") || Verify(h, "Password") {
		t.Error("the reference vector is not verified")
	}
}

func TestCheckHashRefuses(t *testing.T) {
	t.Parallel()
	good := cheapHash("x")
	if err := CheckHash(good); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]string{
		"nothing":         "",
		"plain text":      "demo",
		"bcrypt":          "$2y$10$abcdefghijklmnopqrstuv",
		"argon2i":         strings.Replace(good, "argon2id", "argon2i", 1),
		"another version": strings.Replace(good, "v=19", "v=16", 1),
		"no passes":       strings.Replace(good, "t=1", "t=0", 1),
		"gigabytes":       strings.Replace(good, "m=64", "m=4194304", 1),
		"many passes":     strings.Replace(good, "t=1", "t=4000000000", 1),
		"no threads":      strings.Replace(good, "p=1", "p=0", 1),
		"overflow":        strings.Replace(good, "p=1", "p=257", 1),
		"trailing":        strings.Replace(good, "p=1", "p=1,x=2", 1),
		"short salt":      strings.Replace(good, "c2FsdHNhbHRzYWx0c2FsdA", "c2E", 1),
		"padded salt":     strings.Replace(good, "c2FsdHNhbHRzYWx0c2FsdA", "c2FsdHNhbHRzYWx0c2FsdA==", 1),
		"no key":          good[:strings.LastIndex(good, "$")+1],
		"one more part":   good + "$",
	} {
		if err := CheckHash(h); err == nil {
			t.Errorf("%s: %q is accepted", name, h)
		}
		if Verify(h, "x") {
			t.Errorf("%s: %q lets somebody in", name, h)
		}
	}
}

// Whatever a file holds, parsing it is safe, and what is accepted is written back as it was.
func FuzzParseHash(f *testing.F) {
	f.Add(cheapHash("x"))
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$O8MVZRoiWVXIXWW4lEu1d7jPLNQDHQ9F3gVu6Cux4jA")
	f.Add("$argon2id$v=19$m= 64,t=1,p=1$$")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, h string) {
		e, err := parseHash(h)
		if err != nil {
			return
		}
		if e.String() != h {
			t.Errorf("%q is written back as %q", h, e)
		}
		if e.memory > maxHashMemory || e.passes > maxHashPasses || e.threads > maxHashThreads {
			t.Errorf("%q costs too much", h)
		}
	})
}
