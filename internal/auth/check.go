package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/halley-chat/halley/internal/directory"
)

// check says which user has this name and password.
func (a *Auth) check(r *http.Request, name, password string, now time.Time) (*directory.User, error) {
	u := a.cfg.Directory.UserByName(name)
	if u != nil && a.isRemembered(u, password, now) {
		return u, nil
	}
	// Equal attempts share one computation and count once: a desktop that starts with ten requests at a time has made one attempt.
	attempt := a.sum("attempt", name, password)
	_, err, _ := a.checks.Do(string(attempt[:]), func() (any, error) { return nil, a.attempt(u, name, password, r.RemoteAddr, now) })
	if err != nil {
		return nil, err
	}
	return u, nil
}

// attempt checks a password, if name and address are open and a core is free soon.
func (a *Auth) attempt(u *directory.User, name, password, address string, now time.Time) error {
	host, loopback := clientAddress(address)
	byName, byAddress := a.sum("name", name), a.sum("address", host)
	counted := !loopback || !a.cfg.TrustLoopback
	if counted {
		if wait := a.addresses.begin(byAddress, now); wait > 0 {
			return &TooManyError{RetryAfter: wait}
		}
	}
	forgive := func() {
		if counted {
			a.addresses.forgive(byAddress, false)
		}
	}
	if wait := a.names.begin(byName, now); wait > 0 {
		forgive() // the closed name is what stops it; its address has learned nothing
		return &TooManyError{RetryAfter: wait}
	}
	right, err := a.verify(u, password)
	if err != nil {
		forgive()
		a.names.forgive(byName, false)
		return err
	}
	if !right {
		decided := time.Now() // it may have stood in line for long
		a.names.fail(byName, decided)
		if counted {
			a.addresses.fail(byAddress, decided)
		}
		// The name as typed is not logged: it may be a password in the wrong field.
		a.cfg.Logger.Warn("log-in refused", "known", u != nil, "address", host)
		return ErrUnauthenticated
	}
	forgive()
	a.names.forgive(byName, true)
	a.remember(u, password, now)
	return nil
}

// verify hashes the password on a free core. A user who does not exist, or has no password, costs as much as a wrong password.
func (a *Auth) verify(u *directory.User, password string) (bool, error) {
	select {
	case a.line <- struct{}{}:
		defer func() { <-a.line }()
	default:
		return false, &TooManyError{RetryAfter: time.Second}
	}
	a.slots <- struct{}{}
	defer func() { <-a.slots }()
	a.hashed.Store(true)
	e, known := a.decoy, false
	if u != nil {
		if h, ok := a.hashes[u.ID]; ok {
			e, known = h, true
		}
	}
	return e.verify(password) && known, nil
}

func (a *Auth) isRemembered(u *directory.User, password string, now time.Time) bool {
	mac := a.sum("pair", u.ID, password)
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.remembered[u.ID]
	if !ok || !now.Before(p.until) || !hmac.Equal(p.mac[:], mac[:]) {
		return false
	}
	p.until = now.Add(rememberFor)
	a.remembered[u.ID] = p
	return true
}

func (a *Auth) remember(u *directory.User, password string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remembered[u.ID] = pair{a.sum("pair", u.ID, password), now.Add(rememberFor)}
}

// sum is a MAC of the parts under the key of this process. what keeps sums for different purposes apart.
func (a *Auth) sum(what string, parts ...string) key {
	h := hmac.New(sha256.New, a.mac)
	h.Write([]byte(what))
	for _, p := range parts {
		fmt.Fprintf(h, "\x00%d:%s", len(p), p)
	}
	return key(h.Sum(nil))
}

// clientAddress is what failed attempts from this remote address are counted under: the address without port, of IPv6 the first 64 bits, which one
// customer of a provider has to herself.
func clientAddress(remote string) (address string, loopback bool) {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host, false
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() && !ip.IsLoopback() {
		p, _ := ip.Prefix(64) // fails for more bits than an address has
		return p.String(), false
	}
	return ip.String(), ip.IsLoopback()
}
