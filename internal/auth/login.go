package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

const (
	tokenBytes = 32
	// maxToken bounds what is taken for a token: the user's id, a dot, the random part.
	maxToken = 128
	// maxLogins is how many log-ins one user may have at a time. One more ends another: see [Auth.makeRoom].
	maxLogins = 64
)

// tokenHash is what a log-in is known by inside: see [hashToken].
type tokenHash = [sha256.Size]byte

// login is a log-in that memory holds. Its fields but seen and saved never change.
type login struct {
	hash    tokenHash
	token   string // empty if it was read from the store: then only the client knows it
	user    *directory.User
	csrf    string
	created time.Time

	seen  time.Time // by a request
	saved time.Time // the value of seen that the store has
}

// name is what the log-in is called in Principal.Login and in logs.
func (l *login) name() string { return hex.EncodeToString(l.hash[:8]) }

func (l *login) row() store.Login {
	return store.Login{TokenHash: l.hash, UserID: l.user.ID, CSRF: l.csrf, Created: l.created, Seen: l.seen}
}

// newLogin draws a log-in for a user.
func newLogin(u *directory.User, now time.Time) (*login, error) {
	var random [tokenBytes + 16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("draw a session id: %w", err)
	}
	token := u.ID + "." + base64.RawURLEncoding.EncodeToString(random[:tokenBytes])
	return &login{hash: hashToken(token, u), token: token, user: u, csrf: uuid([16]byte(random[tokenBytes:])), created: now, seen: now}, nil
}

// hashToken is what the store keeps of a token. The user's password hash goes into it, so that a new password makes every older token unknown.
func hashToken(token string, u *directory.User) tokenHash {
	return sha256.Sum256([]byte(token + "\x00" + u.PasswordHash))
}

// uuid writes 16 random bytes as a version 4 UUID (agent-api 1.9: the shape of a CSRF token).
func uuid(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	x := hex.EncodeToString(b[:])
	return strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-")
}

// logins is the table of those who are logged in. Its methods do no I/O.
type logins struct {
	idle time.Duration // a log-in not seen for longer is over: it is not found, and the sweeper ends it

	mu     sync.Mutex
	byHash map[tokenHash]*login
	byName map[string]*login
	byUser map[string][]*login // by user id
	shared map[string]*login   // by user id: the one for clients that send Basic and no cookie
}

func newLogins(idle time.Duration) *logins {
	return &logins{
		idle: idle, byHash: map[tokenHash]*login{}, byName: map[string]*login{}, byUser: map[string][]*login{}, shared: map[string]*login{},
	}
}

// see returns l, marked as seen, or nil if there is none or it is over. The caller holds mu.
func (ls *logins) see(l *login, now time.Time) *login {
	if l == nil || now.Sub(l.seen) > ls.idle {
		return nil
	}
	l.seen = now
	return l
}

// find returns the log-in with this hash, or nil.
func (ls *logins) find(h tokenHash, now time.Time) *login {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.see(ls.byHash[h], now)
}

// findShared returns the shared log-in of a user, or nil.
func (ls *logins) findShared(userID string, now time.Time) *login {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.see(ls.shared[userID], now)
}

// touch marks a log-in as seen, even if it was idle for too long.
func (ls *logins) touch(name string, now time.Time) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.byName[name]; l != nil {
		l.seen = now
	}
}

// enter puts a new log-in into the table. If it is to be shared and the user has a shared one by now, that one is returned instead. If the user
// has more than maxLogins now, crowd names the others, the one seen least recently first, for the caller to end one.
func (ls *logins) enter(l *login, share bool) (entered *login, crowd []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if share {
		if other := ls.see(ls.shared[l.user.ID], l.seen); other != nil {
			return other, nil
		}
		ls.shared[l.user.ID] = l
	}
	return l, ls.put(l)
}

// adopt puts a log-in that was read from the store into the table, unless another request has put it there meanwhile.
func (ls *logins) adopt(l *login) (adopted *login, crowd []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if other := ls.byHash[l.hash]; other != nil {
		return other, nil
	}
	return l, ls.put(l)
}

// put enters l. The caller holds mu.
func (ls *logins) put(l *login) (crowd []string) {
	ls.byHash[l.hash], ls.byName[l.name()] = l, l
	others := ls.byUser[l.user.ID]
	ls.byUser[l.user.ID] = append(others, l)
	if len(others) < maxLogins {
		return nil
	}
	for _, other := range slices.SortedStableFunc(slices.Values(others), func(a, b *login) int { return a.seen.Compare(b.seen) }) {
		crowd = append(crowd, other.name())
	}
	return crowd
}

// take removes the log-in of this name and returns it, or nil.
func (ls *logins) take(name string) *login {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.byName[name]
	if l == nil {
		return nil
	}
	delete(ls.byHash, l.hash)
	delete(ls.byName, l.name())
	id := l.user.ID
	ls.byUser[id] = slices.DeleteFunc(ls.byUser[id], func(other *login) bool { return other == l })
	if len(ls.byUser[id]) == 0 {
		delete(ls.byUser, id)
	}
	if ls.shared[id] == l {
		delete(ls.shared, id)
	}
	return l
}

// idleAt returns the names of the log-ins that are over.
func (ls *logins) idleAt(now time.Time) []string {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var idle []string
	for name, l := range ls.byName {
		if now.Sub(l.seen) > ls.idle {
			idle = append(idle, name)
		}
	}
	return idle
}

// unsaved returns the rows of the log-ins that were seen since they were last saved.
func (ls *logins) unsaved() []store.Login {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	var rows []store.Login
	for _, l := range ls.byHash {
		if l.seen.After(l.saved) {
			rows = append(rows, l.row())
		}
	}
	return rows
}

// has says whether the log-in with this hash is in the table.
func (ls *logins) has(h tokenHash) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byHash[h] != nil
}

// saved notes that the store has this row.
func (ls *logins) saved(row store.Login) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.byHash[row.TokenHash]; l != nil {
		l.saved = row.Seen
	}
}
