package bayeux

import (
	"context"
	"time"
)

// pace bounds how fast the messages of one connection are taken (MaxMessageRate).
// Nothing is refused: who sends faster is read later, so that the network holds it
// back. One second's worth may come at once.
type pace struct {
	paid time.Time // when all that was taken would have come at the full rate
}

// longestPause keeps a connection from going unread for so long that its signs of
// life are missed. What is owed beyond it is paid at the next message.
const longestPause = 5 * time.Second

// bytesPerMessage is the size that counts as one more message: large ones are more
// work too.
const bytesPerMessage = 4 << 10

// handshakesPerSecond is how many sessions one connection may make for long: each
// is kept for a while, also when nobody comes for it.
const handshakesPerSecond = 50

// costOf is what the answers of x cost beyond the messages that asked for them.
func (srv *Server) costOf(x *exchange) int {
	cost := x.names
	if x.made != nil {
		cost += srv.opt.MaxMessageRate / handshakesPerSecond
	}
	return cost
}

// take counts n messages.
func (p *pace) take(n, rate int, now time.Time) {
	if n <= 0 || rate < 0 {
		return
	}
	if p.paid.Before(now) {
		p.paid = now
	}
	p.paid = p.paid.Add(time.Duration(n) * time.Second / time.Duration(rate))
}

// owed is how long to wait before the next message is read, if positive.
func (p *pace) owed(now time.Time) time.Duration {
	return min(p.paid.Sub(now.Add(time.Second)), longestPause) // the difference saturates
}

// pause puts off reading. What ends the connection ends the pause.
func (k *socket) pause(d time.Duration) {
	over := false
	alarm := k.srv.after(d, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		over = true
		k.changed.Broadcast()
	})
	defer alarm.Stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deaf = time.Now().Add(d)
	for !over && k.closing == 0 && !k.dead {
		k.changed.Wait()
	}
}

// take counts n messages of a connection over HTTP and returns how long the
// request must wait. A nil connection is not known, and not bound.
func (c *trackedConn) take(n, rate int) time.Duration {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.pace.take(n, rate, now)
	return c.pace.owed(now)
}

// pause puts off a request.
func (srv *Server) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
	case <-srv.stopped:
	}
}
