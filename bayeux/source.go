package bayeux

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Source holds durable, numbered streams of messages (DEL-14), each with a name:
// one per user, unless Options.Stream says otherwise. A session with a stream is a
// cursor over it, besides its queue of passing messages: what is pushed is read
// from the Source, when the client can take it.
//
// The methods are called from many goroutines at once, never with a lock held.
type Source interface {
	// Head returns the highest number of the stream so far.
	Head(ctx context.Context, stream string) (int64, error)
	// After returns the entries numbered above after, ascending, at most limit. The
	// oldest that is kept comes after 0. A session that was to get some that are not
	// kept any more ends, so that its client starts afresh.
	After(ctx context.Context, stream string, after int64, limit int) ([]Entry, error)
}

// Entry is one message of a stream. The low 31 bits of N count 1, 2, 3…,
// the higher bits are the epoch of the stream.
type Entry struct {
	N       int64
	Channel string
	Data    jsontext.Value
}

// Wake says that a stream has grown to head, which After can read. It never blocks, and calls
// in quick succession cost one reading. It is safe to lose: a connect asks for the
// head itself when that was last done more than 30 s ago.
func (srv *Server) Wake(stream string, head int64) {
	if srv.opt.Source != nil && srv.sessions.learn(stream, head, time.Time{}) {
		srv.pushers.wake(stream)
	}
}

const (
	// headAge is how old the knowledge of a stream's head may be at a connect.
	headAge = 30 * time.Second
	// retryAfter is the pause after a Source that failed.
	retryAfter = time.Second
)

// catchUp reads ahead until there is a page to send, or nothing more. It reports
// false when the stream could not be read: that is tried again soon, without the
// client noticing.
func (srv *Server) catchUp(ctx context.Context, s *Session) (read bool) {
	if s.cur == nil {
		return true
	}
	stream := s.cur.stream
	if time.Since(srv.sessions.known(stream).checked) > headAge {
		head, err := srv.sourceHead(ctx, stream)
		if err != nil {
			srv.sourceFailed(ctx, stream, err)
			return false
		}
		srv.sessions.learn(stream, head, time.Now())
	}
	for {
		after, behind := s.behind()
		if !behind {
			return true
		}
		if err := srv.readPage(ctx, stream, after, []*Session{s}); err != nil {
			srv.sourceFailed(ctx, stream, err)
			return false
		}
	}
}

// sourceHead is Source.Head. A panic there is an error like any other (ER-1).
func (srv *Server) sourceHead(ctx context.Context, stream string) (head int64, err error) {
	defer caught(&err)
	return srv.opt.Source.Head(ctx, stream)
}

// sourceAfter is the same for Source.After.
func (srv *Server) sourceAfter(ctx context.Context, stream string, after int64, limit int) (entries []Entry, err error) {
	defer caught(&err)
	return srv.opt.Source.After(ctx, stream, after, limit)
}

// caught is deferred where a panic of server code is to be the error of the function.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, stack())
	}
}

func (srv *Server) sourceFailed(ctx context.Context, stream string, err error) {
	if ctx.Err() != nil {
		return // the client has gone; its next connect reads again
	}
	srv.counters.failures.Add(1)
	srv.opt.Logger.Error("cannot read a stream; trying again", "stream", stream, "error", err)
	srv.after(retryAfter, func() { srv.pushers.wake(stream) })
}

// behind reports whether the stream has more than s has sent or read ahead, and
// after which position.
func (s *Session) behind() (after int64, behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lags() {
		return 0, false
	}
	return s.cur.sent, true
}

// wants reports whether s is behind and could send a page at once: its connect is
// held, or its socket has nothing to write. Others read when they come back.
func (s *Session) wants() (after int64, wants bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.lags():
		return 0, false
	case s.sock != nil && !s.deliverOnly():
		return s.cur.sent, !s.silent && s.sock.idle()
	}
	return s.cur.sent, s.held != nil
}

// readPage reads one page of a stream and offers it to sessions that are all at
// the position after. Each entry is encoded once.
func (srv *Server) readPage(ctx context.Context, stream string, after int64, to []*Session) error {
	head := srv.sessions.known(stream).head
	records, err := srv.readRecords(ctx, stream, after)
	if err != nil {
		return err
	}
	for _, s := range to {
		s.offer(after, head, records)
	}
	return nil
}

// record is an entry of a stream on its way to sessions.
type record struct {
	n      int64
	ev     *event // nil: not to be sent
	withID *event // the same with its position, once somebody wants it (RP-3)
}

func (srv *Server) readRecords(ctx context.Context, stream string, after int64) ([]record, error) {
	entries, err := srv.sourceAfter(ctx, stream, after, srv.opt.MaxBatch)
	if err != nil {
		return nil, err
	}
	records := make([]record, len(entries))
	for i, e := range entries {
		ev, err := srv.encodeBroadcast(Outgoing{Channel: e.Channel, Data: e.Data})
		if err != nil {
			srv.counters.failures.Add(1)
			srv.opt.Logger.Error("an entry of a stream cannot be sent; passing over it", "stream", stream, "number", e.N, "error", err)
		}
		records[i] = record{n: e.N, ev: ev}
	}
	return records, nil
}

// offer gives s those of the entries that its subscriptions match, as the page
// after a position. head was known before they were read. A session to which
// something is missing between the position and the first entry ends.
func (s *Session) offer(after, head int64, records []record) {
	s.mu.Lock()
	subs := s.lend()
	version := s.changes
	s.mu.Unlock()
	kept := head // what follows it is there
	if len(records) > 0 {
		kept = records[0].n - 1
	}
	if kept > after && s.removeIf(EndTooOld, func() bool { return s.changes == version && s.cur.sent == after && anyBelow(subs, kept) }) {
		s.srv.opt.Logger.Warn("a session cannot go on: messages that it did not get are not kept any more", "user", s.principal.User, "session", s.handle())
		return
	}
	p := s.choose(after, records, subs)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != 0 || s.changes != version {
		return // chosen by subscriptions of a moment ago: whoever needs it reads again
	}
	if p.to == after {
		p.to = max(after, head) // there is nothing any more that it would have got
	}
	if s.cur.offer(p) {
		if len(p.events) > 0 {
			s.spokenTo()
		} else {
			s.news()
		}
		s.flush()
	}
}

// anyBelow reports whether one of the subscriptions begins before a position.
func anyBelow(subs map[string]int64, n int64) bool {
	for _, from := range subs {
		if from < n {
			return true
		}
	}
	return false
}

// choose makes a page of the entries that the subscriptions match: each once,
// whatever matches it (CH-8), and only those above the subscription's beginning.
func (s *Session) choose(after int64, records []record, subs map[string]int64) *page {
	p := &page{after: after, to: after}
	for i := range records {
		r := &records[i]
		if r.ev != nil && s.wanted(r.ev.channel, r.n, subs) && s.accepts(r.ev) {
			ev := r.eventFor(s)
			if p.bytes += len(ev.array); p.bytes > s.srv.opt.MaxBatchBytes && len(p.events) > 0 {
				p.bytes -= len(ev.array)
				return p // DEL-16: the rest is the next page
			}
			p.events = append(p.events, ev)
		}
		p.to = max(p.to, r.n)
	}
	return p
}

// wanted reports whether the entry n on a channel is for a session with these
// subscriptions.
func (s *Session) wanted(channel string, n int64, subs map[string]int64) bool {
	exact, found := true, false
	matches(channel, func(name []byte) bool {
		from, ok := subs[string(name)]
		if found = ok && n > from; found {
			return false
		}
		exact = false
		return true
	})
	return found && (exact || s.srv.mayRead(s, channel)) // AZ-5
}
