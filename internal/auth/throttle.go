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
	forgetAfter    = time.Hour        // the free failures are forgotten within that, one after the other
	undecided      = time.Second      // what to wait for attempts under way that may yet turn out wrong
	maxStrangers   = 16 << 10         // names and addresses remembered; beyond, the one not heard of for longest is forgotten
)

// key names a counter: a MAC of a name or an address, so that long names take no more room than short ones.
type key [16]byte

// throttle counts failed attempts. Those under way are counted too, so that a hundred at once are a hundred; but only one that has turned out wrong
// closes a counter.
type throttle struct {
	free  int
	decay time.Duration // in which one failure is forgotten

	mu sync.Mutex
	// own holds counters that no flood of invented names may push out; strangers all others.
	own       map[key]*strikes
	strangers *lru.Cache[key, *strikes]
}

type strikes struct {
	underWay int
	failed   int
	since    time.Time // when the latest failure was forgotten, or the first one came
	closed   time.Time // until then
}

func newThrottle(free int, own ...key) *throttle {
	t := &throttle{free: free, decay: forgetAfter / time.Duration(max(free, 1)), own: make(map[key]*strikes, len(own))}
	t.strangers, _ = lru.New[key, *strikes](maxStrangers) // fails for a size of zero only
	for _, k := range own {
		t.own[k] = &strikes{}
	}
	return t
}

// begin begins an attempt, which fail or forgive ends. If that must not be made now, because k is closed or because too much is under way, it returns how
// long to wait. At a time there may be as many as there are failures still free, and one when there are none.
func (t *throttle) begin(k key, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(k)
	if now.Before(s.closed) {
		return s.closed.Sub(now)
	}
	s.forget(now, t.decay)
	if s.underWay >= max(t.free-s.failed, 1) {
		return undecided
	}
	s.underWay++
	return 0
}

// fail ends an attempt that was wrong.
func (t *throttle) fail(k key, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(k)
	s.end()
	s.forget(now, t.decay)
	s.failed++
	if beyond := s.failed - t.free; beyond > 0 {
		s.closed = now.Add(closedFor(beyond))
	}
}

// forgive ends an attempt that was not wrong. With all set, the failures before it are forgotten as well.
func (t *throttle) forgive(k key, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.of(k)
	s.end()
	if all {
		s.failed, s.closed = 0, time.Time{}
	}
}

// end ends an attempt. The counter may be younger than it: a stranger's can have been pushed out meanwhile.
func (s *strikes) end() { s.underWay = max(s.underWay-1, 0) }

// forget takes off one failure for each decay that has passed.
func (s *strikes) forget(now time.Time, decay time.Duration) {
	passed := now.Sub(s.since)
	if n := int64(passed / decay); n < int64(s.failed) {
		s.failed -= int(n)
		s.since = now.Add(-(passed % decay))
		return
	}
	s.failed, s.since = 0, now
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
