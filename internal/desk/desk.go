// Package desk is the application: it runs commands against the pure domain, commits what follows from them, offers waiting chats to
// agents, and keeps the timers. The APIs above it translate; the store below it remembers.
//
// A command goes one way: lock the chat on this node, take its state from memory or from its log, chat.Decide, one store.Batch with events,
// notifications, agents, work and timers, store.Commit, and only then the bus says "look". What is not committed has not happened.
//
// The lock of a chat only saves work. What keeps two nodes, or two commands that touch one agent, from overwriting each other are the
// expectations of the batch: the chat's log ends where we read it, the agent has the version we read. When one fails, the command is
// decided anew on fresh state.
package desk

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// Config is what a desk works with. All fields are needed.
type Config struct {
	Store     store.Store
	Bus       bus.Bus
	Directory *directory.Directory
	Encoder   Encoder
	Settings  Settings
	Logger    *slog.Logger
	Node      string // names this node: no other has the name, and it is the same after a restart
}

// Encoder renders a notification exactly as it is pushed: its topic and the data under it. There is one, in the agent API.
type Encoder interface {
	// Chat renders n; history holds the messages of a notice with History set.
	Chat(n chat.Notice, history []chat.Message) (topic string, data jsontext.Value, err error)
	// Channels renders the media channels that changed (agent-api 5.3).
	Channels(changed []agent.Channel) (topic string, data jsontext.Value, err error)
	// Workbin renders what changed in a workbin (agent-api 6.9).
	Workbin(c WorkbinChange) (topic string, data jsontext.Value, err error)
}

// Settings are the desk's policies. DefaultSettings gives the documented ones.
type Settings struct {
	OfferTimeout     time.Duration  // an unanswered offer goes back to the queue
	AskTimeout       time.Duration  // a Consult or Invite through a queue for which nobody had time is over
	DeclinePause     time.Duration  // a rejected or expired offer is not made to that agent again for so long, or until she goes Ready anew
	TypingTimeout    time.Duration  // a typing state nobody renews ends
	DispositionKey   string         // userData key of SetDisposition when the request names none
	LeastLoadedFirst bool           // false: the agent who has been idle longest
	FeedRetention    time.Duration  // how long notifications are kept
	AnswerRetention  time.Duration  // how long answers are kept under their idempotency key
	CachedChats      int            // chats kept in memory; others are read from their log when needed
	Zone             *time.Location // whose days agents' statistics are of
}

// DefaultSettings returns the documented defaults.
func DefaultSettings() Settings {
	return Settings{
		OfferTimeout: 30 * time.Second, AskTimeout: 2 * time.Minute, DeclinePause: time.Minute, TypingTimeout: 30 * time.Second, DispositionKey: "DispositionCode",
		FeedRetention: 24 * time.Hour, AnswerRetention: 24 * time.Hour, CachedChats: 10_000, Zone: time.UTC,
	}
}

// Once makes a request repeatable: the same key and sum get the first answer, another sum under the key gets store.ErrKeyReused.
type Once struct {
	Key string // names the request within its user and path, or its chat
	Sum [sha256.Size]byte
	By  string // the log-in that made the request, if the answer is to tell
}

// Receipt is the answer to an accepted command.
type Receipt struct {
	RefID     int64 `json:"refId,omitzero"`     // referenceId (agent-api 1.6); 0: the operation has none
	LastIndex int64 `json:"lastIndex,omitzero"` // the chat's highest transcript index after it
	// By is Once.By of the request that had the effect: of this one, or, if this one only repeats it, of the first.
	By string `json:"by,omitzero"`
}

// Desk runs commands. Its methods may be called from many goroutines.
type Desk struct {
	Config
	locks chatLocks
	chats *lru.Cache[string, held] // immutable snapshots, by chat id
	seen  sightings                // when each customer was last heard of
	watch func(userID string, head int64)

	wakeDispatcher chan struct{} // holds one wish at most
	wakeTimers     chan struct{}
	stats          counters

	started time.Time
	stop    func() // nil before Start
	running sync.WaitGroup
	// resign ends the dispatcher alone; resigned is closed when it has ended.
	resign   context.CancelFunc
	resigned chan struct{}
}

type counters struct {
	commands, refusals, conflicts, offers, timers atomic.Int64
}

// Stats are counters since the start.
type Stats struct {
	Commands  int64 // accepted
	Refusals  int64 // refused by the domain
	Conflicts int64 // decided anew, because the data had changed meanwhile
	Offers    int64 // made by the dispatcher
	Timers    int64 // fired
}

// New makes a desk. It starts nothing.
func New(cfg Config) (*Desk, error) {
	chats, err := lru.New[string, held](cfg.Settings.CachedChats)
	if err != nil {
		return nil, fmt.Errorf("desk: the number of cached chats must be positive, not %d", cfg.Settings.CachedChats)
	}
	return &Desk{
		Config: cfg, chats: chats, watch: func(string, int64) {},
		wakeDispatcher: make(chan struct{}, 1), wakeTimers: make(chan struct{}, 1),
	}, nil
}

// Watch has f told, after each commit, of users whose feed has grown. It must be called before Start. f must not block.
func (d *Desk) Watch(f func(userID string, head int64)) { d.watch = f }

// Start finishes what a crash interrupted and returns when the dispatcher, the timers and the pruner run.
func (d *Desk) Start(ctx context.Context) error {
	if d.stop != nil {
		return nil
	}
	d.started = time.Now()
	if err := d.finishLogOuts(ctx); err != nil {
		return fmt.Errorf("desk: finish interrupted log-outs: %w", err)
	}
	unsubscribe, err := d.listen()
	if err != nil {
		return fmt.Errorf("desk: listen to the bus: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = sync.OnceFunc(func() {
		cancel()
		d.running.Wait()
		unsubscribe()
	})
	leading, resign := context.WithCancel(run)
	d.resign, d.resigned = resign, make(chan struct{})
	d.running.Go(func() {
		defer close(d.resigned)
		d.dispatch(leading)
	})
	d.running.Go(func() { d.keepTime(run) })
	d.running.Go(func() { d.prune(run) })
	return nil
}

// Resign has the desk offer nothing more, and returns when it has given up the dispatcher's lease, so that another node goes on at once, or when ctx ends: a
// commit under way is waited for. Commands and timers go on. It may be called between Start and Stop, and more than once.
func (d *Desk) Resign(ctx context.Context) {
	d.resign()
	select {
	case <-d.resigned:
	case <-ctx.Done():
	}
}

// Stop returns when everything that Start started has ended. Calling it twice, or on a desk that was not started, is harmless.
func (d *Desk) Stop() {
	if d.stop == nil {
		return
	}
	d.stop()
}

// Stats returns the desk's counters.
func (d *Desk) Stats() Stats {
	return Stats{
		Commands: d.stats.commands.Load(), Refusals: d.stats.refusals.Load(), Conflicts: d.stats.conflicts.Load(),
		Offers: d.stats.offers.Load(), Timers: d.stats.timers.Load(),
	}
}

// Counts says how much is going on.
type Counts struct {
	Waiting, Active, WrapUp, Finished int // chats
	AgentsLoggedIn, AgentsReady       int
}

// Counts reads the numbers for the start page and the metrics.
func (d *Desk) Counts(ctx context.Context) (Counts, error) {
	chats, err := d.Store.Counts(ctx)
	if err != nil {
		return Counts{}, fmt.Errorf("count chats: %w", err)
	}
	c := Counts{Waiting: chats[chat.Waiting], Active: chats[chat.Active], WrapUp: chats[chat.WrapUp], Finished: chats[chat.Finished]}
	agents, err := d.Agents(ctx)
	if err != nil {
		return Counts{}, err
	}
	for _, a := range agents {
		if a.LoggedIn() {
			c.AgentsLoggedIn++
		}
		if a.Ready() {
			c.AgentsReady++
		}
	}
	return c, nil
}

// now is the time of an event or a row: whole microseconds, as the store keeps them, so that what was just decided and what is read back agree.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
