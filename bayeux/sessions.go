package bayeux

import (
	"slices"
	"sync"
	"time"
)

// sessions are the sessions of a server, by id, by user and by the stream that they read.
type sessions struct {
	mu      sync.RWMutex
	byID    map[string]*Session
	users   map[string][]*Session
	streams map[string]*stream
}

// stream is a durable stream that at least one session reads (DEL-14).
type stream struct {
	sessions []*Session
	known
}

// known is what is known of a stream.
type known struct {
	head    int64     // highest number heard of
	checked time.Time // when Source.Head was last asked
}

func (c *sessions) init() {
	c.byID = make(map[string]*Session)
	c.users = make(map[string][]*Session)
	c.streams = make(map[string]*stream)
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
	return slices.Clone(c.users[name])
}

// reading returns the sessions that read a stream.
func (c *sessions) reading(name string) []*Session {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if st := c.streams[name]; st != nil {
		return slices.Clone(st.sessions)
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
	if user := s.principal.User; user != "" {
		c.users[user] = append(c.users[user], s)
	}
	if s.cur != nil {
		st := c.streams[s.cur.stream]
		if st == nil {
			st = new(stream)
			c.streams[s.cur.stream] = st
		}
		st.sessions = append(st.sessions, s)
	}
}

func (c *sessions) remove(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, s.id)
	gone := func(o *Session) bool { return o == s }
	if user := s.principal.User; user != "" {
		if c.users[user] = slices.DeleteFunc(c.users[user], gone); len(c.users[user]) == 0 {
			delete(c.users, user)
		}
	}
	if s.cur == nil {
		return
	}
	if st := c.streams[s.cur.stream]; st != nil {
		if st.sessions = slices.DeleteFunc(st.sessions, gone); len(st.sessions) == 0 {
			delete(c.streams, s.cur.stream)
		}
	}
}

// learn notes that a stream has reached head. It reports whether a session reads
// it.
func (c *sessions) learn(name string, head int64, checked time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.streams[name]
	if st == nil {
		return false
	}
	st.head = max(st.head, head)
	if checked.After(st.checked) {
		st.checked = checked
	}
	return true
}

// known returns what is known of a stream.
func (c *sessions) known(name string) known {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if st := c.streams[name]; st != nil {
		return st.known
	}
	return known{}
}

// browsers counts the held connects per browser cookie (CK-7).
type browsers struct {
	mu   sync.Mutex
	held map[cookieHash]int
}

func (b *browsers) init() { b.held = make(map[cookieHash]int) }

// enter counts one more held connect, unless there are limit already.
func (b *browsers) enter(cookie cookieHash, limit int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit >= 0 && b.held[cookie] >= limit {
		return false
	}
	b.held[cookie]++
	return true
}

func (b *browsers) leave(cookie cookieHash) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[cookie]--; b.held[cookie] <= 0 {
		delete(b.held, cookie)
	}
}
