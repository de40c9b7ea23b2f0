package storetest

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

var loginTests = []test{
	{"save, replace, delete", loginLife},
}

func login(token string) store.Login {
	return store.Login{TokenHash: sha256.Sum256([]byte(token)), UserID: "dana", CSRF: "x-" + token, Created: start, Seen: start.Add(time.Minute)}
}

func (f fixture) save(l store.Login) {
	f.Helper()
	if err := f.SaveLogin(f.Context(), l); err != nil {
		f.Fatal(err)
	}
}

func (f fixture) login(want store.Login) {
	f.Helper()
	got, err := f.Login(f.Context(), want.TokenHash)
	if err != nil {
		f.Fatal(err)
	}
	f.same(want, got)
}

func (f fixture) noLogin(l store.Login) {
	f.Helper()
	if got, err := f.Login(f.Context(), l.TokenHash); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("%+v, %v; want ErrNotFound", got, err)
	}
}

func loginLife(f fixture) {
	a, b := login("a"), login("b")
	f.noLogin(a)
	f.save(a)
	f.save(b)
	f.login(a)
	f.login(b)

	a.Seen, a.CSRF, a.UserID = a.Seen.Add(time.Hour), "new", "omar"
	f.save(a)
	f.login(a)
	f.login(b)

	for range 2 { // the second time they are unknown
		if err := f.DeleteLogins(f.Context(), a.TokenHash, sha256.Sum256([]byte("unknown"))); err != nil {
			f.Fatal(err)
		}
	}
	f.noLogin(a)
	f.login(b)
	if err := f.DeleteLogins(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.login(b)
}
