package bayeux

import "slices"

// cursor is a session's place in its durable stream (DEL-14). It is plain data,
// guarded by the session's lock: nothing of the stream is kept here but one page
// that was read ahead.
//
//	confirmed ≤ sent: what lies between is under way
//
// confirmed falls only when a subscription asks for what is older (RP-2), which
// begins a new turn; sent falls back to confirmed when there is evidence of loss,
// and the stream is read again from there.
type cursor struct {
	stream    string
	turn      int64
	confirmed int64
	sent      int64
	page      *page
	underWay  int       // messages between confirmed and sent
	guessed   bool      // sent is the most that a client with ack can have had from a server that is no more
	via       Transport // of what was taken last
	former    former
}

// mark is a place that a cursor has reached. Positions recur when it is set back,
// marks do not.
type mark struct{ turn, at int64 }

// former is what was open when the turn before ended: the entries up to sent that
// were not confirmed are read again for the subscriptions of that time, unless it
// turns out that they arrived.
type former struct {
	sent  int64
	names []string
}

// page is a stretch of the stream that was read but not sent. Its events are
// those that the session's subscriptions match.
type page struct {
	after, to int64
	events    []*event
	bytes     int
}

// offer hands over a page. It reports whether the page fits the place that sent
// has reached: it does not when a loss moved sent meanwhile. A page without
// events is passed over at once.
func (c *cursor) offer(p *page) bool {
	if p.after != c.sent || c.page != nil {
		return false
	}
	if len(p.events) == 0 {
		if c.confirmed == c.sent {
			c.confirmed = p.to
		}
		c.sent = p.to
		return true
	}
	c.page = p
	return true
}

// take moves the page out; its messages are under way from now on.
func (c *cursor) take() []*event {
	if c.page == nil {
		return nil
	}
	p := c.page
	c.page, c.sent = nil, p.to
	c.underWay += len(p.events)
	return p.events
}

// reached is the mark up to which all was sent.
func (c *cursor) reached() mark { return mark{c.turn, c.sent} }

// confirm says that all up to m arrived. If m is of the turn before, the result
// is for which subscriptions entries up to which position are not to come again.
func (c *cursor) confirm(m mark) (names []string, upTo int64) {
	switch m.turn {
	case c.turn:
		if c.confirmed = max(c.confirmed, min(m.at, c.sent)); c.confirmed == c.sent {
			c.underWay = 0
		}
	case c.turn - 1:
		return c.former.names, min(m.at, c.former.sent)
	}
	return nil, 0
}

// rewind says that what is under way was lost. It returns how many messages that
// may have been.
func (c *cursor) rewind() int {
	n := c.underWay
	c.sent, c.page, c.underWay, c.guessed = c.confirmed, nil, 0, false
	return n
}

// setBack begins a new turn at an older position, for a subscription that wants
// what follows it. others are the subscriptions that there are already: theirs
// go on from the position returned.
func (c *cursor) setBack(to int64, others []string) (from int64) {
	from = c.confirmed
	c.former = former{}
	if c.confirmed < c.sent {
		c.former = former{c.sent, others}
	}
	c.turn++
	c.confirmed, c.sent, c.page, c.underWay, c.guessed = to, to, nil, 0, false
	return from
}

// drop forgets what was read ahead: the subscriptions that chose it have changed.
func (c *cursor) drop() { c.page = nil }

// The ack number of a mark (AK-14) is turn × 2^31 + n, where n are the low 31 bits
// of the position, which count; the higher ones are the epoch of the stream.
const (
	countBits = 1<<31 - 1
	turnShift = 31
	maxTurns  = 1<<(53-turnShift) - 1 // numbers stay exact in JavaScript
)

func number(m mark) int64 { return m.turn<<turnShift | m.at&countBits }

// named is the mark that an ack number from the client names (AK-14): one above
// what was sent means what was sent.
func (c *cursor) named(n int64) mark {
	if n >= number(c.reached()) {
		return c.reached()
	}
	return mark{n >> turnShift, c.sent&^countBits | n&countBits}
}

// forget says that a subscription is a new one, whatever was open for one of its name.
func (f *former) forget(name string) {
	f.names = slices.DeleteFunc(f.names, func(n string) bool { return n == name })
}
