package bayeux

import (
	"slices"
	"sync"
	"time"
)

// sessions are the sessions of a server, by id and by user.
type sessions struct {
	mu    sync.RWMutex
	byID  map[string]*Session
	users map[string]*user
}

// user is a user with at least one session.
type user struct {
	sessions []*Session
	stream   stream
}

// stream is what is known of a user's durable stream (DEL-14).
type stream struct {
	head    int64     // highest number heard of
	checked time.Time // when Source.Head was last asked
}

func (c *sessions) init() {
	c.byID = make(map[string]*Session)
	c.users = make(map[string]*user)
}

func (c *sessions) count() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.byID)
}

func (c *sessions) find(id string) *Session {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byID[id]
}

func (c *sessions) ofUser(name string) []*Session {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if u := c.users[name]; u != nil {
		return slices.Clone(u.sessions)
	}
	return nil
}

func (c *sessions) all() []*Session {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*Session, 0, len(c.byID))
	for _, s := range c.byID {
		all = append(all, s)
	}
	return all
}

func (c *sessions) add(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID[s.id] = s
	if s.principal.User == "" {
		return
	}
	u := c.users[s.principal.User]
	if u == nil {
		u = new(user)
		c.users[s.principal.User] = u
	}
	u.sessions = append(u.sessions, s)
}

func (c *sessions) remove(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, s.id)
	u := c.users[s.principal.User]
	if u == nil {
		return
	}
	u.sessions = slices.DeleteFunc(u.sessions, func(o *Session) bool { return o == s })
	if len(u.sessions) == 0 {
		delete(c.users, s.principal.User)
	}
}

// learn notes that a user's stream has reached head. It reports whether the user
// has a session here.
func (c *sessions) learn(name string, head int64, checked time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.users[name]
	if u == nil {
		return false
	}
	u.stream.head = max(u.stream.head, head)
	if checked.After(u.stream.checked) {
		u.stream.checked = checked
	}
	return true
}

// streamOf returns what is known of a user's stream.
func (c *sessions) streamOf(name string) stream {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if u := c.users[name]; u != nil {
		return u.stream
	}
	return stream{}
}

// browsers counts the held connects per browser cookie (CK-7).
type browsers struct {
	mu   sync.Mutex
	held map[string]int
}

func (b *browsers) init() { b.held = make(map[string]int) }

// enter counts one more held connect, unless there are limit already.
func (b *browsers) enter(cookie string, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit >= 0 && b.held[cookie] >= limit {
		return false
	}
	b.held[cookie]++
	return true
}

func (b *browsers) leave(cookie string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[cookie]--; b.held[cookie] <= 0 {
		delete(b.held, cookie)
	}
}
