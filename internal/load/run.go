package load

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/customer"
)

// The steps that are timed.
const (
	stepSend     = iota // a customer's text, from when it was due to the answer
	stepNotify          // from when it was due to an agent's notification
	stepReply           // an agent's text, from when it was due to the answer
	stepOffer           // from a customer's coming in to the offer at an agent's
	stepAccept          // from an agent's Accept to the transcript at hers
	stepComplete        // from an agent's Complete to the notification
	steps
)

var stepNames = [steps]string{"send", "notify", "reply", "offer", "accept", "complete"}

// run is one load.
type run struct {
	opt    Options
	id     string // in the data of its chats, and its keys
	epoch  time.Time
	digest digest
	target *target
	agents []*agent
	floor  *floor
	web    *http.Client    // of the customers
	wires  wire            // of web
	rest   *http.Transport // of the agents' requests

	ctx      context.Context // the whole run
	writing  context.Context // ends when no more is written
	compared context.Context // ends when what is there was compared
	tasks    sync.WaitGroup  // what agents do when they are told something
	audits   chan *agent

	measuring atomic.Bool
	killing   atomic.Bool // the server is being killed, or has not come back
	histogram [steps]histogram

	texts, answeredTexts, chats, completed, transfers, conferences, consultations atomic.Int64
	requeues, asks, joins, removals, supervised                                   atomic.Int64
	keys, breaks, cuts, pauses, kills, terms, refusals                            atomic.Int64
	lostSessions, wrongViews, failures                                            atomic.Int64

	mu       sync.Mutex
	broken   []string // the first of what went wrong
	refusedN map[string]int64
}

// Run plays a load, and returns what came of it. A promise that was broken is no error: the report tells. The load ends early, with its report, when
// stop is closed; when ctx ends, everything ends at once.
func Run(ctx context.Context, opt Options, stop <-chan struct{}) (_ *Report, err error) {
	opt = opt.complete()
	if err := opt.Check(); err != nil {
		return nil, err
	}
	target, err := find(ctx, opt)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.stop()) }()
	var end context.CancelFunc
	r := &run{
		opt: opt, epoch: time.Now(), digest: digest{maphash.MakeSeed()}, target: target, floor: newFloor(),
		id:   strconv.FormatUint(rand.Uint64(), 36), //nolint:gosec // no secret
		rest: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: idleTime}, audits: make(chan *agent, maxAgents), refusedN: map[string]int64{},
	}
	r.web = &http.Client{Transport: r.wires.transport(1024), Timeout: opt.Patience}
	defer r.rest.CloseIdleConnections()
	defer r.web.CloseIdleConnections()
	r.ctx, end = context.WithCancel(ctx)
	defer end()
	if err := r.comeIn(); err != nil {
		return nil, errors.Join(err, r.goHome())
	}
	report, err := r.play(stop)
	return report, errors.Join(err, r.goHome())
}

// comeIn brings all agents in, some at a time: the first log-in of each costs the server a password hash.
func (r *run) comeIn() error {
	agents := make([]*agent, r.opt.Agents+r.opt.Supervisors)
	g, ctx := errgroup.WithContext(r.ctx)
	g.SetLimit(8)
	polls, acks := 0, [2]int{}
	for i := range agents {
		transport, kind := bayeuxclient.WebSocket, 1
		if !nth(i, r.opt.WebSocket) {
			transport, kind = bayeuxclient.LongPolling, 0
			polls++
		}
		ack := nth(acks[kind], r.opt.Ack)
		acks[kind]++
		g.Go(func() (err error) {
			agents[i], err = r.newAgent(ctx, r.target.users[i], transport, ack, i >= r.opt.Agents)
			return err
		})
	}
	err := g.Wait()
	for _, a := range agents {
		if a != nil {
			r.agents = append(r.agents, a)
		}
	}
	if err == nil && r.opt.Requeues+r.opt.Asks > 0 {
		err = r.findQueue()
	}
	if err == nil {
		err = r.supervise(r.ctx)
	}
	return err
}

// findQueue looks up how agents name the queue to which the chats come.
func (r *run) findQueue() error {
	all, err := r.agents[0].call(r.ctx, http.MethodGet, "/queues?fields=*", nil, "")
	if err != nil {
		return err
	}
	for _, q := range all.Queues {
		if q.Name == r.target.queue {
			r.target.queuePath = q.Path
			return nil
		}
	}
	return fmt.Errorf("queue: the server has none named %q: name the one to which chats of service %s come", r.target.queue, r.target.service)
}

// nth says whether the i-th belongs to a share of all.
func nth(i int, share float64) bool { return int(float64(i+1)*share) > int(float64(i)*share) }

// goHome ends the agents' sessions.
func (r *run) goHome() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.opt.Patience)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(16)
	for _, a := range r.agents {
		g.Go(func() error { return a.close(ctx) })
	}
	err := g.Wait()
	r.tasks.Wait()
	return err
}

// play is the load itself, from the first customer to the last comparison.
func (r *run) play(stop <-chan struct{}) (*Report, error) {
	var stopWriting, endCompared context.CancelFunc
	r.writing, stopWriting = context.WithCancel(r.ctx)
	defer stopWriting()
	r.compared, endCompared = context.WithCancel(r.ctx)
	defer endCompared()
	var customers, others sync.WaitGroup
	defer customers.Wait()
	defer endCompared()
	for i := range r.opt.Customers {
		customers.Go(func() { r.serve(i) })
	}
	if err := r.ready(stop); err != nil {
		stopWriting()
		return nil, err
	}

	watching, endWatch := context.WithCancel(r.ctx)
	defer endWatch()
	w := newWatch(r.target)
	r.measuring.Store(true)
	began := time.Now()
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer endWatch()
	watcher.Go(func() { w.run(watching) })
	auditing, endAudits := context.WithCancel(r.ctx)
	defer endAudits()
	var auditor sync.WaitGroup
	defer auditor.Wait()
	auditor.Go(func() { r.audit(auditing) })
	others.Go(func() { r.write(began) })
	r.trouble(&others)

	select {
	case <-time.After(r.opt.Duration):
	case <-stop:
	case <-r.ctx.Done():
	}
	stopWriting()
	took := time.Since(began)
	r.measuring.Store(false)
	costs := w.sum(took)
	others.Wait()
	endWatch()
	watcher.Wait()
	endAudits()
	auditor.Wait()
	r.compare()
	endCompared()
	customers.Wait()
	return r.report(began, took, costs), context.Cause(r.ctx)
}

// ready waits until all chats are under way.
func (r *run) ready(stop <-chan struct{}) error {
	deadline := time.NewTimer(r.opt.Patience + time.Duration(r.opt.Customers)*10*time.Millisecond)
	defer deadline.Stop()
	for {
		r.floor.mu.Lock()
		changed, n := r.floor.changed, len(r.floor.open)
		r.floor.mu.Unlock()
		if n == r.opt.Customers {
			return nil
		}
		select {
		case <-changed:
		case <-stop:
			return errors.New("stopped before the load began")
		case <-deadline.C:
			r.mu.Lock()
			defer r.mu.Unlock()
			return fmt.Errorf("only %d of %d chats are with an agent: are there agents enough, and is anybody else at work? %v", n, r.opt.Customers, r.broken)
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// write writes texts: one whenever it is due, or Window at a time.
func (r *run) write(began time.Time) {
	var writers sync.WaitGroup
	defer writers.Wait()
	if r.opt.Rate == 0 {
		for range r.opt.Window {
			writers.Go(func() {
				for {
					due := time.Since(r.epoch)
					c := r.floor.pick(r.writing)
					if c == nil {
						return
					}
					r.one(c, due)
				}
			})
		}
		return
	}
	// A goroutine per text that is under way; what is due while there are too many waits, and its clock runs.
	underWay := make(chan struct{}, maxWindow)
	first := began.Sub(r.epoch)
	for n := int64(0); ; n++ {
		due := first + time.Duration(float64(n)*float64(time.Second)/float64(r.opt.Rate))
		if wait := due - time.Since(r.epoch); wait > 0 && !pause(r.writing, wait) {
			return
		}
		c := r.floor.pick(r.writing)
		if c == nil {
			return
		}
		underWay <- struct{}{}
		writers.Go(func() {
			r.one(c, due)
			<-underWay
		})
	}
}

// one writes a text, of a customer or an agent.
func (r *run) one(c *conversation, due time.Duration) {
	defer c.writing.Done()
	n := r.texts.Add(1)
	if nth(int(n), r.opt.Replies) {
		c.reply(n, due)
	} else {
		c.say(n, due, nth(int(n), r.opt.Typing))
	}
}

// arrived takes the time of a text at an agent's.
func (r *run) arrived(text string, now time.Time) {
	if due, ok := dueOf(text); ok {
		r.measure(stepNotify, now.Sub(r.epoch)-due)
	}
}

func (r *run) measure(step int, d time.Duration) {
	if r.measuring.Load() {
		r.histogram[step].add(d)
	}
}

// later does something in the name of an agent who was told something.
func (r *run) later(do func(context.Context)) {
	r.tasks.Go(func() { do(r.ctx) })
}

// insist tries again for as long as that may help: what fails through our own doing is no failure of the server's.
func (r *run) insist(ctx context.Context, do func(context.Context) error) error {
	deadline := time.Now().Add(r.opt.Patience)
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := do(ctx)
		if err == nil || final(err) || !r.opt.faulty() || time.Now().After(deadline) || !pause(ctx, wait) {
			return err
		}
	}
}

// final says whether an error is an answer that will not be another one next time.
func final(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return true
	}
	no, ok := errors.AsType[*customer.Error](err)
	return ok && !no.Foreign && !no.Temporary()
}

// maxBroken bounds how many of the things that went wrong are told.
const maxBroken = 20

// count counts something that went wrong, and keeps what it was.
func (r *run) count(n *atomic.Int64, format string, args ...any) {
	n.Add(1)
	what := fmt.Sprintf(format, args...)
	r.opt.Logger.Warn("wrong", "what", what)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.broken) < maxBroken {
		r.broken = append(r.broken, what)
	}
}

// refused counts an operation that the rules forbid: two agents, or an agent and a customer, can want different things.
func (r *run) refused(operation string, why *refusal) {
	r.refusals.Add(1)
	r.opt.Logger.Debug("refused", "operation", operation, "why", why.Error())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusedN[operation]++
}
