package auth

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// How guessing is slowed down (F1).
const (
	freePerName    = 5                // failures before a name is closed for the first time
	freePerAddress = 50               // the same for an address, behind which may be a whole call centre
	firstClosed    = time.Second      // how long the first one closes it; each further failure doubles that
	maxClosed      = 15 * time.Minute // but never for longer
	forgetAfter    = time.Hour        // without an attempt, all is forgotten
	maxStrangers   = 16 << 10         // names and addresses remembered; beyond, the one not heard of for longest is forgotten
)

// key names a counter: a MAC of a name or an address, so that long names take no more room than short ones.
type key [16]byte

// throttle counts failed attempts. An attempt is counted as failed when it begins, so that a hundred at once are a hundred, and forgiven when
// it turns out right.
type throttle struct {
	free int

	mu sync.Mutex
	// own holds counters that no flood of invented names may push out; strangers all others.
	own       map[key]*strikes
	strangers *lru.Cache[key, *strikes]
}

type strikes struct {
	failed int
	last   time.Time // attempt
	closed time.Time // until then
}

func newThrottle(free int, own ...key) *throttle {
	t := &throttle{free: free, own: make(map[key]*strikes, len(own))}
	t.strangers, _ = lru.New[key, *strikes](maxStrangers) // fails for a size of zero only
	for _, k := range own {
		t.own[k] = &strikes{}
	}
	return t
}

// begin counts an attempt. If k is closed it returns for how long, and the attempt must not be made; it is not counted then.
func (t *throttle) begin(k key, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(k)
	if now.Before(s.closed) {
		return s.closed.Sub(now)
	}
	if now.Sub(s.last) > forgetAfter {
		*s = strikes{}
	}
	s.failed++
	s.last = now
	if beyond := s.failed - t.free; beyond > 0 {
		s.closed = now.Add(closedFor(beyond))
	}
	return 0
}

// forgive takes the attempt back that begin has just counted. With all set, the failures before it are forgotten as well.
func (t *throttle) forgive(k key, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(k)
	s.closed = time.Time{}
	if all {
		s.failed = 0
	} else if s.failed > 0 {
		s.failed--
	}
}

// of returns the counter of k. The caller holds mu.
func (t *throttle) of(k key) *strikes {
	if s := t.own[k]; s != nil {
		return s
	}
	if s, ok := t.strangers.Get(k); ok {
		return s
	}
	s := &strikes{}
	t.strangers.Add(k, s)
	return s
}

// closedFor is how long the nth failure beyond the free ones closes a counter.
func closedFor(n int) time.Duration {
	if n > 20 { // the doubling would overflow long after it has passed the maximum
		return maxClosed
	}
	return min(firstClosed<<(n-1), maxClosed)
}
