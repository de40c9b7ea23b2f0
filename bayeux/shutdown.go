package bayeux

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// socketSet holds the websockets that are open.
type socketSet struct {
	mu  sync.Mutex
	all map[*socket]struct{}
}

func (c *socketSet) init() { c.all = make(map[*socket]struct{}) }

func (c *socketSet) add(k *socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[k] = struct{}{}
}

func (c *socketSet) remove(k *socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, k)
}

func (c *socketSet) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

func (c *socketSet) list() []*socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*socket, 0, len(c.all))
	for k := range c.all {
		list = append(list, k)
	}
	return list
}

// drainShare is the part of the time given to Shutdown over which clients are
// sent away, so that they do not all come to the next server at once.
const drainShare = 2.0 / 3

// maxJitter bounds the interval that clients are advised of at shutdown.
const maxJitter = 5 * time.Second

// Shutdown ends the server. New requests get 503. Held connects are answered, and
// websockets flushed and closed with 1001 (WS-23), spread in random order over
// two thirds of the time that ctx has; without a deadline, at once. It returns
// when every goroutine has ended, or when ctx has, with its error; what is left
// then is cut off. Calling it again waits again.
//
// Sessions that a SessionStore keeps go on with the next server: what they got is written at the end, for which there are five seconds more.
func (srv *Server) Shutdown(ctx context.Context) error {
	var over time.Duration
	if deadline, ok := ctx.Deadline(); ok {
		over = time.Duration(float64(time.Until(deadline)) * drainShare)
	}
	srv.spread.Store(int64(min(over/2, maxJitter)))
	srv.draining.Store(true)
	for _, r := range srv.rests.list() {
		r.leave()
	}
	srv.sendAway(ctx, over)
	srv.endSessions()
	for _, k := range srv.sockets.list() { // whose session has gone before
		k.close(ws.StatusGoingAway)
	}
	srv.stop()
	defer srv.cancel()
	select {
	case <-srv.tasks.idle:
		srv.trackers.close()
		srv.endSessions()      // those whose handshake was under way
		srv.writers.all.Wait() // no socket is left that they could write to
		return srv.leaveSessions()
	case <-ctx.Done():
		for _, r := range srv.rests.list() {
			r.cut()
		}
		for _, k := range srv.sockets.list() {
			k.abort()
		}
		srv.cancel() // whoever waits for a store
		if err := srv.leaveSessions(); err != nil {
			srv.opt.Logger.Error("sessions go on from where they were a moment ago", "error", err)
		}
		return ctx.Err()
	}
}

// endSessions ends all sessions but those that are kept: these have only nothing open any more.
func (srv *Server) endSessions() {
	for _, s := range srv.sessions.all() {
		if s.kept != nil {
			s.sendAway()
		} else {
			s.remove(EndShutdown)
		}
	}
}

// stop lets nothing begin any more, and wakes requests that nobody would.
func (srv *Server) stop() {
	srv.tasks.close()
	srv.stopOnce.Do(func() { close(srv.stopped) })
}

// sendAway answers held connects and closes sockets, evenly over the time given.
func (srv *Server) sendAway(ctx context.Context, over time.Duration) {
	var leave []func()
	for _, s := range srv.sessions.all() {
		if s.hasOpen() {
			leave = append(leave, s.sendAway)
		}
	}
	for _, k := range srv.sockets.list() {
		if !k.serves() {
			leave = append(leave, func() {
				if !k.serves() {
					k.close(ws.StatusGoingAway)
				}
			})
		}
	}
	rand.Shuffle(len(leave), func(i, j int) { leave[i], leave[j] = leave[j], leave[i] })
	start := time.Now()
	for i, f := range leave {
		if wait := time.Until(start.Add(over * time.Duration(i) / time.Duration(len(leave)))); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		f()
	}
}

// serves reports whether a session sends on the socket.
func (k *socket) serves() bool {
	s, unlock := k.lock()
	defer unlock()
	return s != nil && s.sock == k && s.ended == 0
}

// hasOpen reports whether a session has something open. No connect is held any more that was not when the drain began.
func (s *Session) hasOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held != nil || s.sock != nil
}

// sendAway ends what a session has open.
func (s *Session) sendAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		s.release(causeDrain)
	}
	if s.sock != nil {
		s.sock.close(ws.StatusGoingAway)
	}
}

// jitter is the interval advised to a client that is sent away.
func (srv *Server) jitter() time.Duration {
	if most := srv.spread.Load(); most > 0 {
		return time.Duration(rand.Int64N(most)).Truncate(time.Millisecond)
	}
	return srv.opt.Interval
}
