package desk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/routing"
	"github.com/halley-chat/halley/internal/store"
)

const (
	leaseDispatcher = "dispatcher"
	leaseTTL        = 5 * time.Second
	leaseRenewal    = 1500 * time.Millisecond
	maxOffering     = 16 // agents to whom offers are committed at the same time: enough to share group commits
)

// dispatch offers waiting chats to agents for as long as this node holds the lease. The lease only keeps nodes from doing the same work: what
// makes an assignment safe are the expectations of each offer's commit.
func (d *Desk) dispatch(ctx context.Context) {
	holder := d.Node // so that a node which was killed goes on at once when it comes back
	defer func() {
		// ctx has ended, but a lease given up now lets another node go on at once.
		if _, err := d.Store.Lease(context.WithoutCancel(ctx), leaseDispatcher, holder, time.Now(), 0); err != nil {
			d.Logger.Warn("give up the dispatcher's lease", "error", err)
		}
	}()
	tick := time.NewTicker(leaseRenewal)
	defer tick.Stop()
	leading := d.lead(ctx, holder)
	for {
		if leading {
			if err := d.offer(ctx); err != nil && ctx.Err() == nil {
				d.Logger.Error("offer waiting chats", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wakeDispatcher:
		case <-tick.C:
			// The tick also finds what no hint tells of: a declined chat whose pause is over, a hint that was lost.
			leading = d.lead(ctx, holder)
		}
	}
}

func (d *Desk) lead(ctx context.Context, holder string) bool {
	ok, err := d.Store.Lease(ctx, leaseDispatcher, holder, time.Now(), leaseTTL)
	if err != nil && ctx.Err() == nil {
		d.Logger.Error("renew the dispatcher's lease", "error", err)
	}
	return ok && err == nil
}

// offer matches what waits with who is free, and commits the offers.
func (d *Desk) offer(ctx context.Context) error {
	work, err := d.Store.Waiting(ctx)
	if err != nil {
		return fmt.Errorf("read waiting chats: %w", err)
	}
	if len(work) == 0 {
		return nil
	}
	agents, err := d.Agents(ctx)
	if err != nil {
		return err
	}
	waiting := make([]routing.Waiting, len(work))
	for i, w := range work {
		waiting[i] = routing.Waiting{ChatID: w.ChatID, Queue: w.Queue, Since: w.Since, Priority: w.Priority}
	}
	var candidates []routing.Candidate
	for _, u := range d.Directory.Users {
		if s, ok := agents[u.ID]; ok && s.Ready() {
			candidates = append(candidates, candidate(u, s))
		}
	}
	offers := routing.Match(waiting, candidates, routing.Policy{LeastLoaded: d.Settings.LeastLoadedFirst}, now())

	queues := make(map[string]string, len(work))
	for _, w := range work {
		queues[w.ChatID] = w.Queue
	}
	// One agent's offers change one row, so they go one after the other; different agents' share a group commit.
	byAgent := map[string][]string{}
	for _, o := range offers {
		byAgent[o.UserID] = append(byAgent[o.UserID], o.ChatID)
	}
	var offering sync.WaitGroup
	room := make(chan struct{}, maxOffering)
	for user, chats := range byAgent {
		room <- struct{}{}
		offering.Go(func() {
			defer func() { <-room }()
			for _, id := range chats {
				d.offerTo(ctx, d.Directory.User(user), id, queues[id])
			}
		})
	}
	offering.Wait()
	return nil
}

func candidate(u *directory.User, s agent.State) routing.Candidate {
	holds := make([]string, len(s.Holds))
	for i, h := range s.Holds {
		holds[i] = h.ChatID
	}
	return routing.Candidate{
		UserID: u.ID, Queues: u.Queues, Ready: s.Ready(), Load: s.Load(), Capacity: u.Capacity,
		IdleSince: s.IdleSince, Declined: s.Declined, Holds: holds,
	}
}

// offerTo commits one offer, if the chat still waits in the queue and the agent can still take it.
func (d *Desk) offerTo(ctx context.Context, u *directory.User, chatID, queue string) {
	_, _, err := d.run(ctx, order{
		chatID: chatID,
		actor:  chat.Actor{Kind: chat.BySystem},
		action: chat.Offer{UserID: u.ID, Queue: queue, Deadline: now().Add(d.Settings.OfferTimeout)},
		expect: []store.Expect{{Work: chatID}},
		admit: func(s agent.State) error {
			if c := candidate(u, s); !c.Ready || c.Load >= c.Capacity {
				return fmt.Errorf("%s is no longer free: %w", u.Name, chat.ErrState)
			}
			return nil
		},
	})
	switch {
	case err == nil:
		d.stats.offers.Add(1)
	case refused(err), errors.Is(err, store.ErrConflict):
		// The chat or the agent has moved on; whatever moved them has woken the dispatcher.
		d.Logger.Debug("offer withdrawn", "chat", chatID, "agent", u.ID, "reason", err)
	case ctx.Err() == nil:
		d.Logger.Error("offer a chat", "chat", chatID, "agent", u.ID, "error", err)
	}
}
