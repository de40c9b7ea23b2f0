package bayeux

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Rules that hold in the whole package:
//
//   - Order of locks: Server.order (a stripe) → channels.mu → Session.mu →
//     socket.mu → one of sessions.mu, browsers.mu, sockets.mu, pushers.mu,
//     writers.mu, saver.mu, trackedConn.mu, resting.mu, rests.mu → tasks.mu. Who holds one may take
//     those to its right only.
//   - Nothing of the embedding server (policy, listener, handler, source, store, hook) is
//     called with a lock held, and nothing is read from or written to the network.
//   - What a session sends is chosen under its lock at the moment of sending, so
//     that the order is that of its queue (DEL-1).
//   - A message is encoded when it is queued, once for all who get it.
//   - Goroutines: one reader per websocket, and per connection taken from net/http; while they have work up to 2 × CPU each
//     of writers and stream readers, and a writer for each connection whose peer is
//     slow; those of timers that fired. Shutdown waits for all. They are counted in
//     Server.tasks, which lets none begin any more; the writers apart, who go on until
//     the readers, waiting for what is written to them, have ended.

// Server is one mount of the protocol: an http.Handler with its own sessions,
// channels and options.
type Server struct {
	opt      Options
	origins  []originPattern
	own      *originPattern // nil: not known
	channels channels
	sessions sessions
	browsers browsers
	pushers  pushers
	writers  writers
	tasks    tasks
	saver    saver
	resuming resuming
	counters counters

	with       extensionSet
	extensions extensions
	perSession atomic.Bool // a session has extensions
	clock      string      // layout of timestamps; "": none

	order [64]sync.Mutex // by channel: what all subscribers see in the same order (DEL-2)
	seed  maphash.Seed

	draining atomic.Bool
	spread   atomic.Int64    // with draining: the longest interval to advise (a time.Duration)
	ctx      context.Context // of what no request pays for; ends when Shutdown is out of time
	cancel   context.CancelFunc
	stopped  chan struct{}
	stopOnce sync.Once
	sockets  socketSet
	packers  packers
	readers  sync.Pool // of *wsReader
	requests sync.Pool // of *unread

	trackers trackerSet
	rests    restSet
}

// New checks the options and returns a server. It starts nothing: goroutines and
// timers come with clients, and Shutdown ends them.
func New(opt Options) (*Server, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	srv := &Server{opt: opt, seed: maphash.MakeSeed(), stopped: make(chan struct{})}
	if srv.origins, err = parseOrigins("allowedOrigins", opt.AllowedOrigins); err != nil {
		return nil, err
	}
	if opt.Origin != "" {
		own, err := parseOrigins("origin", []string{opt.Origin})
		if err != nil {
			return nil, err
		}
		srv.own = &own[0]
	}
	if srv.with, err = newExtensionSet(opt.Extensions); err != nil {
		return nil, err
	}
	if srv.with[ExtensionTimestamp] {
		if srv.clock, err = opt.TimestampFormat.layout(); err != nil {
			return nil, err
		}
	}
	srv.ctx, srv.cancel = context.WithCancel(context.Background())
	srv.channels.init(srv)
	srv.sessions.init()
	srv.browsers.init()
	srv.pushers.init(srv)
	srv.writers.init()
	srv.sockets.init()
	srv.saver.init(srv)
	srv.resuming.init()
	srv.rests.init()
	srv.packers.init()
	srv.readers.New = newWSReader
	srv.requests.New = newUnread
	srv.tasks.init()
	return srv, nil
}

// Publish sends data to all subscribers of the channel. It returns when the
// message is in their queues. The error says what is wrong with the arguments.
func (srv *Server) Publish(ctx context.Context, channel string, data jsontext.Value) error {
	return srv.Send(ctx, Outgoing{Channel: channel, Data: data})
}

// Send is Publish with more to say.
func (srv *Server) Send(_ context.Context, o Outgoing) error {
	ev, err := srv.encodeBroadcast(o)
	if ev == nil {
		return err
	}
	srv.channels.create(ev.channel)
	srv.writers.later(srv.broadcast(ev, o.WhenFull, nil)...)
	return nil
}

// PublishUser sends data to each session of the user with a subscription that
// matches the channel (DEL-7), once per session. It is not written to any stream.
func (srv *Server) PublishUser(_ context.Context, user, channel string, data jsontext.Value) error {
	ev, err := srv.encodeBroadcast(Outgoing{Channel: channel, Data: data})
	if ev == nil {
		return err
	}
	var to []*Session
	for _, s := range srv.sessions.ofUser(user) {
		if s.reads(channel) {
			to = append(to, s)
		}
	}
	srv.writers.later(srv.queue(ev, srv.channels.patience(ev), EndSession, to)...)
	return nil
}

// broadcast queues ev for all who may read its channel; from is the client that
// published it, if one did (PUB-4). It returns sockets as queue does.
func (srv *Server) broadcast(ev *event, full Overflow, from *Session) (claimed []writable) {
	exact, byPattern, o := srv.channels.subscribers(ev.channel)
	to := exact
	for _, s := range byPattern {
		if srv.mayRead(s, ev.channel) { // AZ-5
			to = append(to, s)
		}
	}
	if from != nil && o.BroadcastToPublisher != On {
		to = slices.DeleteFunc(to, func(s *Session) bool { return s == from })
	}
	return srv.queue(ev, o.patience(ev, srv.opt.MaxLazyTimeout), full, to)
}

// queue puts ev into the sessions' queues, where it may wait for company as long
// as patience says (LZ-2). The stripe's lock is what makes all of
// them see two messages of a channel in the same order (DEL-2).
// It returns the sockets that the caller must see written.
func (srv *Server) queue(ev *event, patience time.Duration, full Overflow, to []*Session) (claimed []writable) {
	to = srv.accepting(ev, to)
	var overflowing []*Session
	stripe := &srv.order[maphash.String(srv.seed, ev.channel)%uint64(len(srv.order))]
	stripe.Lock()
	for _, s := range to {
		k, ok := s.push(ev, patience, full)
		if !ok {
			overflowing = append(overflowing, s)
		}
		if k != nil {
			claimed = append(claimed, k)
		}
	}
	stripe.Unlock()
	srv.counters.queued.Add(int64(len(to)))
	for _, s := range overflowing {
		srv.counters.overflows.Add(1)
		s.remove(EndOverflow)
	}
	return claimed
}

// mayRead asks the policy (AZ-5); a policy that fails reads as no (ER-1).
func (srv *Server) mayRead(s *Session, channel string) (may bool) {
	defer srv.recovered("MayRead", func() { may = false })
	return srv.opt.Policy.MayRead(s, channel)
}

// recovered is deferred around calls of the embedding server's code: a panic
// there is logged and costs only what was being done (ER-1).
func (srv *Server) recovered(what string, then func()) {
	switch p := recover(); p {
	case nil:
		return
	case http.ErrAbortHandler: // by which a middleware ends a connection
	default:
		srv.counters.failures.Add(1)
		srv.opt.Logger.Error("panic in server code", "where", what, "panic", p, "stack", stack())
	}
	then()
}

// idLength is how long a client id is.
const idLength = 26

// newID returns more than 128 random bits in base 36, lower case (SS-9, CK-4).
func newID() string {
	limit := new(big.Int).Exp(big.NewInt(36), big.NewInt(idLength), nil) // 36^26 > 2^134
	n, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic(err) // crypto/rand never fails on the systems that Go supports
	}
	id := n.Text(36)
	for len(id) < idLength {
		id = "0" + id
	}
	return id
}

// after calls f at its time in a goroutine that Shutdown waits for.
func (srv *Server) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		if srv.tasks.begin() {
			defer srv.tasks.end()
			f()
		}
	})
}

// tasks counts what Shutdown must wait for.
type tasks struct {
	mu     sync.Mutex
	n      int
	closed bool
	idle   chan struct{} // closed when closed and n == 0
}

func (t *tasks) init() { t.idle = make(chan struct{}) }

// begin reports whether a task may begin; if so, end must follow.
func (t *tasks) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.n++
	return true
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.closed {
		close(t.idle)
	}
}

// close lets no task begin any more; calling it again is harmless.
func (t *tasks) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		if t.closed = true; t.n == 0 {
			close(t.idle)
		}
	}
}

// Stats are counts for a page of metrics. Those under "since the start" only grow.
type Stats struct {
	// At this moment.
	Sessions, Held, Sockets, Channels int
	Parked                            int // of the sessions, those past their deadline (DEL-14)

	// Since the start.
	Handshakes  int64 // successful ones
	Queued      int64 // messages put into queues; one per session that gets it
	Delivered   int64 // messages handed to the network, those of streams included
	Redelivered int64 // messages sent again, or read again, after a loss
	Received    int64 // messages from clients
	Refusals    int64 // by policy, authorisers, listeners
	StolenIDs   int64 // client ids under a foreign cookie or principal (A4)
	Expired     int64 // sessions past their deadline
	Overflows   int64 // sessions removed because of a full queue
	Failures    int64 // errors and panics of server code
	Malformed   int64 // requests and frames that are no Bayeux
	Resumed     int64 // sessions brought back from the SessionStore
	Unsaved     int64 // failed attempts to write to the SessionStore what no client waits for
}

type counters struct {
	handshakes, queued, delivered, redelivered, received      atomic.Int64
	refusals, stolen, expired, overflows, failures, malformed atomic.Int64
	resumed, unsaved                                          atomic.Int64
	held, parked                                              atomic.Int64
}

// Stats returns the counts of this moment. It is cheap.
func (srv *Server) Stats() Stats {
	c := &srv.counters
	return Stats{
		Sessions: srv.sessions.count(), Held: int(c.held.Load()), Parked: int(c.parked.Load()), Sockets: srv.sockets.count(), Channels: srv.channels.count(),
		Handshakes: c.handshakes.Load(), Queued: c.queued.Load(), Delivered: c.delivered.Load(), Redelivered: c.redelivered.Load(),
		Received: c.received.Load(), Refusals: c.refusals.Load(), StolenIDs: c.stolen.Load(), Expired: c.expired.Load(),
		Overflows: c.overflows.Load(), Failures: c.failures.Load(), Malformed: c.malformed.Load(),
		Resumed: c.resumed.Load(), Unsaved: c.unsaved.Load(),
	}
}
