package bayeux

import (
	"cmp"
	"math"
	"slices"
)

// outbox holds the passing messages of one session, from the moment they are
// queued until there is reason to believe that they arrived. It is plain data:
// the session's lock guards it, and no rule of it depends on time.
//
// A message waits, is taken into a parcel (one response or one write), and then
// the parcel is either confirmed, and forgotten, or lost: its messages return to
// where they were in the order (DEL-8).
type outbox struct {
	last    uint64 // number of the newest message
	waiting []item // ascending
	lazy    int    // how many of them are lazy
	parcels []parcel
	sealed  int64 // number of the newest parcel, empty ones included
	bytes   int   // of all that waits or is under way
	count   int
}

// item is a message with its place in the session's order (DEL-1).
type item struct {
	n     uint64
	ev    *event
	first int64 // number of the parcel that carries it; 0: none does
	lazy  bool  // it waits for company (LZ-1), until it is taken for the first time
	// What carried it before and was taken for lost: a client may name it all the same.
	before []span
}

// span is a parcel that carried a message, and the newest one at the time when it was taken for lost. Who names a later one says nothing of this one.
type span struct{ first, last int64 }

// known reports whether a client has the message that says that it has the batch no, and what came before it (AK-4).
func (it *item) known(no int64) bool {
	return slices.ContainsFunc(it.before, func(b span) bool { return b.first <= no && no <= b.last })
}

// pipe is the way a parcel left, which decides what confirms it.
type pipe int8

const (
	byResponse pipe = iota // an HTTP response: the write (DEL-8)
	byConnect              // a connect reply: the next connect (DEL-15) or its ack (AK-4)
	bySocket               // websocket frames: the write, or the pong (DEL-13)
)

// parcel is what was sent together and is not confirmed. Empty ones are not kept.
type parcel struct {
	no    int64
	pipe  pipe
	items []item
	// Of connect replies of a session with a durable stream: the position told in
	// this reply and in the one before, by which an ack is understood (AK-14).
	position, before mark
}

// bounds are those of DEL-11; a negative one does not bind.
type bounds struct{ count, bytes int }

// push queues ev. It reports false when there is no room and the session must end.
func (o *outbox) push(ev *event, lazy bool, max bounds, full Overflow) bool {
	for o.exceeds(ev, max) {
		switch {
		case full == EndSession:
			return false
		case full == DropOldest && len(o.waiting) > 0:
			o.forget(o.take(1, math.MaxInt, math.MaxUint64))
		default:
			return true
		}
	}
	o.append(ev, lazy)
	return true
}

// append queues ev whatever the bounds.
func (o *outbox) append(ev *event, lazy bool) {
	o.last++
	o.waiting = append(o.waiting, item{n: o.last, ev: ev, lazy: lazy})
	if lazy {
		o.lazy++
	}
	o.count++
	o.bytes += len(ev.array)
}

func (o *outbox) exceeds(ev *event, max bounds) bool {
	return max.count >= 0 && o.count >= max.count || max.bytes >= 0 && o.bytes+len(ev.array) > max.bytes
}

// take removes what comes next from the queue: at most count messages and bytes,
// but at least one if count allows (DEL-16). None is numbered above upTo.
func (o *outbox) take(count, bytes int, upTo uint64) []item {
	n := 0
	for n < len(o.waiting) && n < count && o.waiting[n].n <= upTo {
		if bytes -= len(o.waiting[n].ev.array); bytes < 0 && n > 0 {
			break
		}
		n++
	}
	taken := o.waiting[:n:n]
	if o.lazy > 0 {
		o.hurry(taken)
	}
	if o.waiting = o.waiting[n:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
	return taken
}

// hurry lets lazy messages wait for company no longer.
func (o *outbox) hurry(items []item) {
	for i := range items {
		if items[i].lazy {
			items[i].lazy = false
			o.lazy--
		}
	}
}

// seal closes a parcel and returns its number. With ack that is the number of
// the batch, which every connect reply has, also an empty one (AK-2).
func (o *outbox) seal(p parcel) int64 {
	o.sealed++
	p.no = o.sealed
	for i := range p.items {
		if p.items[i].first == 0 {
			p.items[i].first = p.no
		}
	}
	if len(p.items) > 0 {
		o.parcels = append(o.parcels, p)
	}
	return p.no
}

// confirm forgets the parcels that match.
func (o *outbox) confirm(match func(*parcel) bool) {
	o.parcels = slices.DeleteFunc(o.parcels, func(p parcel) bool {
		if !match(&p) {
			return false
		}
		o.forget(p.items)
		return true
	})
	o.shrink()
}

// lose returns the messages of the parcels that match to the queue, in order.
func (o *outbox) lose(match func(*parcel) bool) {
	var lost []item
	o.parcels = slices.DeleteFunc(o.parcels, func(p parcel) bool {
		if !match(&p) {
			return false
		}
		for _, it := range p.items {
			it.before, it.first = append(slices.Clip(it.before), span{it.first, o.sealed}), 0
			lost = append(lost, it)
		}
		return true
	})
	o.shrink()
	if len(lost) > 0 {
		o.waiting = append(lost, o.waiting...)
		slices.SortFunc(o.waiting, func(a, b item) int { return cmp.Compare(a.n, b.n) })
	}
}

// acknowledge forgets all messages of batches up to no (AK-4); a number that was never given names the newest (AK-6). A batch that was taken for lost
// before a later one left is not named by that one's number.
func (o *outbox) acknowledge(no int64) {
	no = min(no, o.sealed)
	o.lose(func(p *parcel) bool { return p.pipe == byConnect })
	o.waiting = slices.DeleteFunc(o.waiting, func(it item) bool {
		known := it.known(no)
		if known {
			o.forget([]item{it})
		}
		return known
	})
	if len(o.waiting) == 0 {
		o.waiting = nil
	}
}

func (o *outbox) shrink() {
	if len(o.parcels) == 0 {
		o.parcels = nil
	}
}

func (o *outbox) forget(items []item) {
	o.count -= len(items)
	for _, it := range items {
		o.bytes -= len(it.ev.array)
	}
}

// everything is above the number of any parcel.
const everything = math.MaxInt64

// Which parcels something concerns.

func numbered(no int64) func(*parcel) bool { return func(p *parcel) bool { return p.no == no } }

func sentBy(via pipe, upTo int64) func(*parcel) bool {
	return func(p *parcel) bool { return p.pipe == via && p.no <= upTo }
}
