package load

import (
	"hash/maphash"
	"slices"
	"sync"
)

// An entry stands for one notification that a session got: a hash of topic and data, and in the lowest bit whether it was the first after a break
// that excuses a repetition.
type entry uint64

const afterBreak entry = 1

// digest turns notifications into entries.
type digest struct{ seed maphash.Seed }

func (d digest) of(topic string, data []byte) entry {
	var h maphash.Hash
	h.SetSeed(d.seed)
	_, _ = h.WriteString(topic)
	_ = h.WriteByte(0)
	_, _ = h.Write(data)
	return entry(h.Sum64()) &^ afterBreak
}

// track is what a session got, in order, since the last audit.
type track struct {
	mu      sync.Mutex
	entries []entry
	broke   bool
	total   int64
	ended   bool // what comes now is not of the load
}

// add notes a notification and returns how many wait for an audit.
func (t *track) add(e entry) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return 0
	}
	if t.broke {
		e |= afterBreak
		t.broke = false
	}
	t.entries = append(t.entries, e)
	t.total++
	return len(t.entries)
}

// end says that the load is over.
func (t *track) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// over says whether the load's last notification has come.
func (t *track) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// excuse says that from here on a repetition may begin.
func (t *track) excuse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broke = true
}

// take hands over what was got so far.
func (t *track) take() []entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	got := t.entries
	t.entries = nil
	return got
}

// Tally is what comparisons of sessions with their feeds came to.
type Tally struct {
	Notifications int64 `json:"notifications"` // that sessions got for the first time
	Lost          int64 `json:"lost"`          // in the feed, and never got
	OutOfOrder    int64 `json:"outOfOrder"`    // got after what comes later in the feed
	Repeated      int64 `json:"repeated"`      // got again
	Unexcused     int64 `json:"unexcused"`     // of these: with the ack extension, or without a cut or a crash before
	Foreign       int64 `json:"foreign"`       // not in the feed at all
}

func (t *Tally) add(o Tally) {
	t.Notifications += o.Notifications
	t.Lost += o.Lost
	t.OutOfOrder += o.OutOfOrder
	t.Repeated += o.Repeated
	t.Unexcused += o.Unexcused
	t.Foreign += o.Foreign
}

// keptBehind is how far back in the feed a repetition can begin and still be known as one: more than a session has under way.
const keptBehind = 4096

// tooFarAhead is how much more of the feed can be known than a session has got, before what it got counts as none of the feed's.
const tooFarAhead = 4 * keptBehind

// matcher compares what a session got with what its user's feed has. Both may be given piece by piece.
type matcher struct {
	Tally
	mayRepeat bool // no ack: what was under way at a break may come again

	feed    []entry
	next    int           // the first in feed that the session has not got
	redo    int           // within a repetition: the place of what comes next; else next
	excused bool          // the repetition is one that the promise allows
	missing map[entry]int // skipped so far
	got     []entry       // not compared yet
}

// read adds to the feed, and compares what can be.
func (m *matcher) read(feed ...entry) {
	m.feed = append(m.feed, feed...)
	m.settle(false)
}

// settle compares what was got with the feed. An entry that is not in it yet waits for more; with final it is none of the feed's.
func (m *matcher) settle(final bool) {
	done := 0
	for done < len(m.got) && m.compare(m.got[done], final) {
		done++
	}
	m.got = m.got[done:]
	if drop := min(m.next, m.redo) - keptBehind; drop >= keptBehind {
		m.feed = slices.Clone(m.feed[drop:])
		m.next -= drop
		m.redo -= drop
	}
}

// compare reports false if only more of the feed can tell.
func (m *matcher) compare(e entry, final bool) bool {
	first := e&afterBreak != 0
	e &^= afterBreak
	if m.redo < m.next && m.feed[m.redo] == e {
		m.repeated(m.redo)
		return true
	}
	if m.next < len(m.feed) && m.feed[m.next] == e {
		m.reached(m.next)
		return true
	}
	if m.next == len(m.feed) && !final {
		return false // it may be what comes next: two notifications can be the same to the letter
	}
	if m.missing[e] > 0 {
		m.missing[e]--
		m.Lost--
		m.OutOfOrder++
		m.Notifications++
		return true
	}
	for at := m.next - 1; at >= 0; at-- {
		if m.feed[at] == e {
			m.excused = m.mayRepeat && first
			m.repeated(at)
			return true
		}
	}
	for at := m.next + 1; at < len(m.feed); at++ {
		if m.feed[at] == e {
			for _, skipped := range m.feed[m.next:at] {
				m.miss(skipped)
			}
			m.reached(at)
			return true
		}
	}
	if final = final || len(m.feed)-m.next > tooFarAhead; final {
		m.Foreign++
	}
	return final
}

func (m *matcher) reached(at int) {
	m.Notifications++
	m.next = at + 1
	m.redo = m.next
}

func (m *matcher) repeated(at int) {
	m.Repeated++
	if !m.excused {
		m.Unexcused++
	}
	m.redo = at + 1
}

func (m *matcher) miss(e entry) {
	if m.missing == nil {
		m.missing = map[entry]int{}
	}
	m.missing[e]++
	m.Lost++
}

// end compares the rest: the feed is complete, and what the session has not got of it, it never will.
func (m *matcher) end() {
	m.settle(true)
	for _, e := range m.feed[m.next:] {
		m.miss(e)
	}
	m.next = len(m.feed)
}
