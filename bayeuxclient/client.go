package bayeuxclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// Client is a Bayeux session, and the next one when that is lost. Its methods may be called from several goroutines.
//
// Goroutines: one keeps the session alive (keep), one calls the callbacks (dispatch), and an open websocket has a reader. Close
// waits for all of them.
type Client struct {
	opt     Options
	http    *http.Client
	release func() // gives up the HTTP client's connections

	life context.Context // ends with the client, its cause says why
	end  context.CancelCauseFunc
	done chan struct{} // closed when every goroutine has ended

	listeners listeners
	positions positions
	clock     clock
	inbox     *inbox
	lastID    atomic.Int64

	mu    sync.Mutex
	link  link
	moved chan struct{} // closed when link changes

	subscribing chan struct{} // holds a token while nobody subscribes or unsubscribes
	closing     atomic.Bool
}

// link is the session, and the transport it uses at present: nil while it is not connected.
type link struct {
	session   *session
	transport transport
}

// Dial shakes hands with the server and makes the first connect, within ctx. A refused handshake is a *RefusedError, a response
// that is not Bayeux a *StatusError. ctx is of no concern to the client afterwards; it lives until Close, or until the server
// tells it to go.
func Dial(ctx context.Context, opt Options) (*Client, error) {
	opt, err := opt.complete()
	if err != nil {
		return nil, err
	}
	c := &Client{
		opt:         opt,
		inbox:       &inbox{limit: opt.MaxQueue},
		done:        make(chan struct{}),
		moved:       make(chan struct{}),
		subscribing: make(chan struct{}, 1),
	}
	c.subscribing <- struct{}{}
	c.http, c.release = opt.httpClient()
	c.life, c.end = context.WithCancelCause(context.Background())

	k := &keeper{client: c, pauses: backoff{first: opt.Backoff, most: opt.MaxBackoff}}
	if err := k.start(ctx); err != nil {
		k.leave(ErrClosed)
		c.release()
		return nil, fmt.Errorf("bayeuxclient: dial %s: %w", opt.URL, err)
	}
	var keeping sync.WaitGroup
	keeping.Go(k.keep)
	go func() {
		defer close(c.done)
		c.dispatch() // to the last event of the keeper
		keeping.Wait()
		c.release()
	}()
	return c, nil
}

// ID returns the clientId of the session; of the last one while there is none.
func (c *Client) ID() string {
	l, _ := c.current()
	return l.session.id
}

// Done is closed when the client has ended: after Close, or because the server told it to go.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the client ended: nil after Close, else for example ErrDisconnected or a *RefusedError. It is nil while the client
// lives.
func (c *Client) Err() error {
	if err := context.Cause(c.life); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// Close ends the session at the server, if it can be reached, and waits until everything has ended, callbacks included; ctx bounds
// both. Calling it again is harmless. A handler must not wait for it.
func (c *Client) Close(ctx context.Context) error {
	if first := !c.closing.Swap(true); first {
		if l, _ := c.current(); l.transport != nil {
			// A server that does not hear this forgets the session by itself.
			_, _ = l.session.exchange(ctx, l.transport, c.opt.MaxNetworkDelay, false, outgoing{Channel: metaDisconnect})
		}
	}
	c.finish(ErrClosed)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("bayeuxclient: close: %w", context.Cause(ctx))
	}
}

// finish ends the client's life for the reason given, unless it has ended already or is being closed.
func (c *Client) finish(reason error) {
	if c.closing.Load() {
		reason = ErrClosed
	}
	c.end(reason)
}

// current returns the link, and a channel that is closed when it changes.
func (c *Client) current() (link, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link, c.moved
}

func (c *Client) setLink(l link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != l {
		c.link = l
		close(c.moved)
		c.moved = make(chan struct{})
	}
}

// dispatch calls the callbacks until the inbox is closed and empty.
func (c *Client) dispatch() {
	for events := c.inbox.take(); events != nil; events = c.inbox.take() {
		for _, e := range events {
			c.callBack(e)
			c.inbox.handled(e)
		}
	}
}

func (c *Client) callBack(e event) {
	if e.state != nil {
		c.opt.OnState(*e.state)
		return
	}
	handlers := c.listeners.heard(e.message.Channel)
	if len(handlers) == 0 {
		c.opt.OnMessage(e.message)
	}
	for _, s := range handlers {
		if !slices.Contains(e.stale, plain(s.channel)) {
			s.handle(e.message)
		}
	}
}
