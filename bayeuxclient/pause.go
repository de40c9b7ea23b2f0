package bayeuxclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// backoff draws the pauses between attempts to come back.
type backoff struct {
	first, most time.Duration
	next        time.Duration // upper bound of the next pause; 0 before the first
}

// pause returns how long to wait after the failure err: at random between half the bound and the bound, which doubles each time.
// So clients that lost their server at one instant come back spread out. A server that said when to come back is not asked sooner.
func (b *backoff) pause(err error) time.Duration {
	if b.next == 0 {
		b.next = b.first
	}
	bound := min(b.next, b.most)
	b.next = min(2*bound, b.most)
	d := bound/2 + rand.N(bound/2+1)
	if status, ok := errors.AsType[*StatusError](err); ok {
		d += min(status.RetryAfter, b.most)
	}
	return d
}

// reset makes the next pause a first one.
func (b *backoff) reset() { b.next = 0 }

// wait returns after d, or with the cause of ctx's end.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
