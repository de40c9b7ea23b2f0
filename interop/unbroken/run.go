package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/line"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// chatsEach is how many customers each agent has at a time.
const chatsEach = 3

// settling is how long clients may take to begin, and after the last mishap to hear of everything.
const settling = time.Minute

// plan is what is to happen in a run.
type plan struct {
	Mode       string // kills or faults
	Times      int    // of them
	Rate       int    // customers' messages a second, all together
	ChatLength int    // messages
	Only       string // those of the kinds whose name has this
	log        func(format string, args ...any)
	counts     counts
}

// party is an agent with her desktop and her customers, and the lines between them and the server: nil without faults.
type party struct {
	agent          *agent
	desktop        *desktop
	customers      []*writer
	front, counter *trouble // of the desktop; of everybody's REST
}

// run goes through a plan and reports what came of it. The error says why it could not.
func run(ctx context.Context, p *plan, programs *programs) (_ *report, err error) {
	folder, err := os.MkdirTemp("", "unbroken-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	names := make([]string, len(p.kinds()))
	for i, k := range p.kinds() {
		names[i] = strings.ReplaceAll(k.String(), " ", "-")
	}
	stage, err := startStage(ctx, programs.halley, folder, names)
	if err != nil {
		return nil, err
	}
	killed := false
	defer func() {
		if !killed {
			err = errors.Join(err, stage.server.Kill())
		}
	}()

	var parties []*party
	defer func() {
		for _, x := range parties {
			x.leave()
		}
	}()
	problems := make([]error, len(names))
	var entering sync.WaitGroup
	for i, k := range p.kinds() {
		x := &party{desktop: &desktop{kind: k}}
		parties = append(parties, x)
		entering.Go(func() {
			if err := x.enter(ctx, p, programs, stage.server.URL, names[i]); err != nil {
				problems[i] = fmt.Errorf("%s: %w", k, err)
			}
		})
	}
	entering.Wait()
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stage.log.String())
	}
	p.log("%d desktops are there", len(parties))

	began := time.Now()
	if err := play(ctx, p, stage, parties); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stage.log.String())
	}
	took := time.Since(began)
	killed = true
	if err := stage.server.Kill(); err != nil { // what was told is on disk
		return nil, err
	}
	r := newReport(p, took, stage, parties)
	for _, x := range parties {
		feed, err := feedOf(ctx, filepath.Join(folder, "data"), x.agent.name)
		if err != nil {
			return nil, err
		}
		r.add(x, feed, stage)
	}
	return r, nil
}

// enter logs the agent in, opens her desktop and makes her ready.
func (x *party) enter(ctx context.Context, p *plan, programs *programs, server, name string) error {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	desk, rest := server, server
	if p.Mode == faultsMode {
		var err error
		if x.front, err = newTrouble(host(server), x.desktop.kind.Transport == longPolling); err != nil {
			return err
		}
		if x.counter, err = newTrouble(host(server), true); err != nil {
			return err
		}
		desk, rest = "http://"+x.front.line.Address(), "http://"+x.counter.line.Address()
	}
	x.agent = &agent{name: name, server: rest}
	if err := x.agent.logIn(ctx); err != nil {
		return err
	}
	for i := range chatsEach {
		x.customers = append(x.customers, &writer{
			name: fmt.Sprint("Pat ", i+1), server: rest, service: name, length: p.ChatLength,
			every: time.Second * time.Duration(len(p.kinds())*chatsEach) / time.Duration(p.Rate),
		})
	}
	if err := x.desktop.open(ctx, programs.drivers, desk, x.agent.cookie); err != nil {
		return err
	}
	return x.agent.begin(ctx)
}

func (x *party) leave() {
	if x.desktop.close != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = x.desktop.close(ctx) // there is no server any more
	}
	for _, t := range []*trouble{x.front, x.counter} {
		if t != nil {
			t.line.Close()
		}
	}
}

// play lets customers write and agents work while things go wrong, until everybody has been told everything, or will never be.
func play(ctx context.Context, p *plan, stage *stage, parties []*party) error {
	ctx, stop := context.WithCancel(ctx)
	sending, enough := context.WithCancel(ctx)
	var working, writing sync.WaitGroup
	defer func() {
		stop()
		writing.Wait()
		working.Wait()
		enough()
	}()
	for _, x := range parties {
		working.Go(func() { x.agent.work(ctx) })
		for _, c := range x.customers {
			writing.Go(func() { c.write(ctx, sending) })
		}
	}
	sleep(ctx, time.Second) // chats have begun
	var err error
	if p.Mode == faultsMode {
		makeTrouble(ctx, p, parties)
	} else {
		err = killAgainAndAgain(ctx, p, stage)
	}
	if err != nil {
		return err
	}
	enough()
	p.log("that was all; waiting for the end")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		writing.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(settling):
		return fmt.Errorf("customers have not come to an end within %v", settling)
	}
	settled := func() bool {
		return !slices.ContainsFunc(parties, func(x *party) bool { return !x.settled() })
	}
	for late := time.Now().Add(settling); !settled() && time.Now().Before(late); {
		sleep(ctx, lookInterval)
	}
	return ctx.Err()
}

// settled says whether every chat that was written to the end is completed, and the desktop knows.
func (x *party) settled() bool {
	chats := 0
	for _, c := range x.customers {
		c.mu.Lock()
		chats += c.chats
		c.mu.Unlock()
	}
	done := x.agent.done()
	return len(done) >= chats && x.desktop.has(done)
}

// killAgainAndAgain ends the server at random moments and starts it again.
func killAgainAndAgain(ctx context.Context, p *plan, stage *stage) error {
	for i := range p.Times {
		sleep(ctx, time.Duration(100+rand.IntN(2400))*time.Millisecond)
		if err := stage.kill(); err != nil {
			return err
		}
		if err := stage.start(ctx); err != nil {
			return fmt.Errorf("restart %d: %w", i+1, err)
		}
		if (i+1)%20 == 0 {
			p.log("%d kills", i+1)
		}
	}
	return nil
}

// feedOf reads what an agent's desktop was to hear from the disk, and the messages in it by chat.
func feedOf(ctx context.Context, data, agent string) ([]sum, error) {
	db, err := sqlite.Open(ctx, data, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Feed(ctx, "agent:"+directory.UserID(agent), 0, 0)
	if err != nil {
		return nil, err
	}
	var feed []sum
	for _, row := range rows {
		if row.Topic != topic {
			continue
		}
		s, err := sumOf(row.Data)
		if err != nil {
			return nil, err
		}
		feed = append(feed, s)
	}
	return feed, nil
}

// trouble is a line, and when it was out of order.
type trouble struct {
	line  *line.Line
	posts bool // HTTP requests pass here
	dead  bool // there may be connections on which nothing passes, without a sign

	mu     sync.Mutex
	spells []spell
}

type spell struct {
	name     string
	from, to time.Time
}

// String tells what happened to the line.
func (t *trouble) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var words []string
	for _, s := range t.spells {
		words = append(words, fmt.Sprintf("%s to %s %s", clock(s.from), clock(s.to), s.name))
	}
	return strings.Join(words, ", ")
}
