package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// wantAudit has an agent's notifications audited soon.
func (r *run) wantAudit(a *agent) {
	select {
	case r.audits <- a:
	default: // every agent is waiting already
	}
}

// audit audits whoever has got much, one agent at a time.
func (r *run) audit(ctx context.Context) {
	for {
		select {
		case a := <-r.audits:
			if err := a.audit.compare(ctx, a, false); err != nil && ctx.Err() == nil {
				r.opt.Logger.Info("audit put off", "agent", a.user.Name, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// compare holds what the agents got against REST and their feeds, when nothing more is written.
func (r *run) compare() {
	r.each(func(ctx context.Context, a *agent) {
		if err := a.channel(ctx, "NotReady"); err != nil {
			r.count(&r.failures, "%s: %v", a.user.Name, err)
		}
	})
	r.each(func(ctx context.Context, a *agent) {
		for _, wrong := range a.compare(ctx) {
			r.count(&r.wrongViews, "%s: %s", a.user.Name, wrong)
		}
	})
	r.each(func(ctx context.Context, a *agent) {
		err := a.channel(ctx, "DoNotDisturbOn")
		soon, cancel := context.WithTimeout(ctx, r.opt.Patience)
		defer cancel()
		if err == nil && !a.until(soon, a.track.over) && ctx.Err() == nil {
			r.opt.Logger.Warn("the last notification has not come", "agent", a.user.Name, "within", r.opt.Patience)
		}
		if err == nil {
			err = a.audit.compare(ctx, a, true)
		}
		if err != nil && ctx.Err() == nil {
			r.count(&r.failures, "%s: %v", a.user.Name, err)
		}
		if t := a.audit.Tally; t.Lost+t.OutOfOrder+t.Unexcused+t.Foreign > 0 {
			r.note("%s (%s): of %d notifications %d lost, %d out of order, %d repeated without excuse, %d not in her feed", a.user.Name, a.kind(), t.Notifications,
				t.Lost, t.OutOfOrder, t.Unexcused, t.Foreign)
		}
	})
}

// each does something for every agent, some at a time.
func (r *run) each(do func(context.Context, *agent)) {
	ctx, cancel := context.WithTimeout(r.ctx, time.Hour)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(8)
	for _, a := range r.agents {
		g.Go(func() error {
			do(ctx, a)
			return nil
		})
	}
	_ = g.Wait() // nothing of it fails
}

// note keeps what went wrong, in front of the rest.
func (r *run) note(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = append([]string{what}, r.broken...)
	r.broken = r.broken[:min(len(r.broken), maxBroken)]
}
