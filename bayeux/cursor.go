package bayeux

// cursor is a session's place in its user's durable stream (DEL-14). It is plain
// data, guarded by the session's lock: nothing of the stream is kept here but one
// page that was read ahead.
//
//	confirmed ≤ sent: what lies between is under way
//
// confirmed never falls; sent falls back to it when there is evidence of loss,
// and the stream is read again from there.
type cursor struct {
	confirmed int64
	sent      int64
	page      *page
	underWay  int // messages between confirmed and sent
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

// confirm says that all up to position arrived.
func (c *cursor) confirm(position int64) {
	if c.confirmed = max(c.confirmed, min(position, c.sent)); c.confirmed == c.sent {
		c.underWay = 0
	}
}

// rewind says that what is under way was lost. It returns how many messages that
// may have been.
func (c *cursor) rewind() int {
	n := c.underWay
	c.sent, c.page, c.underWay = c.confirmed, nil, 0
	return n
}

// drop forgets what was read ahead: the subscriptions that chose it have changed.
func (c *cursor) drop() { c.page = nil }

// countBits are the bits of a position that count; the higher ones are the epoch.
const countBits = 1<<31 - 1

// number is the ack number for a position (AK-14).
func number(position int64) int64 { return position & countBits }

// acknowledge takes an ack number from the client (AK-14): one at or below what
// is confirmed says nothing, one above what was sent means what was sent.
func (c *cursor) acknowledge(n int64) {
	switch {
	case n <= number(c.confirmed):
	case n >= number(c.sent):
		c.confirm(c.sent)
	default:
		c.confirm(c.sent&^countBits | n)
	}
}
