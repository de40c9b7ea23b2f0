package bayeuxclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// keeper keeps a client's session alive: it connects again and again, comes back after breaks, and makes a new session when the
// server has forgotten the old one. All its fields belong to one goroutine.
type keeper struct {
	client *Client
	pauses backoff

	session   *session  // nil when there is none any more
	transport transport // nil when it has to be opened
	names     []string  // the transports that may carry the session, the present one first
	advice    Advice    // the last
	urgent    bool      // the next connect is the first, or the first after a break
	restored  bool      // the session has all subscriptions
	up        bool      // the last connect succeeded
}

// start makes the first session and the first connect.
func (k *keeper) start(ctx context.Context) error {
	if err := k.handshake(ctx); err != nil {
		return err
	}
	reply, err := k.session.connect(ctx, k.transport, k.advice.Timeout, k.urgent)
	if err != nil {
		return err
	}
	if !reply.successful() {
		return &ReplyError{Channel: metaConnect, Text: reply.Error}
	}
	k.advice = reply.advice(k.advice)
	k.told(Handshaken, nil)
	k.restored = true
	k.connected()
	return nil
}

// keep runs until the client's life ends.
func (k *keeper) keep() {
	c := k.client
	_ = wait(c.life, k.advice.Interval)
	for c.life.Err() == nil {
		err := k.step(c.life)
		if err != nil && c.life.Err() == nil {
			k.broke(err)
			_ = wait(c.life, max(k.advice.Interval, k.pauses.pause(err)))
		}
	}
	k.leave(context.Cause(c.life))
}

// step makes one connect, and before it whatever a connect needs. An error means a break, or a server that says no for now.
func (k *keeper) step(ctx context.Context) error {
	c := k.client
	if err := c.inbox.room(ctx); err != nil {
		return err
	}
	if k.session == nil {
		if err := k.handshake(ctx); err != nil {
			return err
		}
	}
	if k.transport == nil {
		var err error
		if k.transport, k.names, err = c.open(ctx, k.names, k.session.receive); err != nil {
			return err
		}
	}
	if !k.restored {
		if err := k.restore(ctx); err != nil {
			return err
		}
	}
	reply, err := k.session.connect(ctx, k.transport, k.advice.Timeout, k.urgent)
	if err != nil {
		return err
	}
	k.advice = reply.advice(k.advice)
	switch {
	case k.advice.Reconnect == reconnectNone:
		c.finish(ErrDisconnected) // [CN-13]
		return nil
	case k.advice.Reconnect == reconnectHandshake && c.closing.Load():
		c.finish(ErrClosed) // this connect came after Close's disconnect
		return nil
	case k.advice.Reconnect == reconnectHandshake: // [CN-12]
		proven := k.session.proven
		k.forget()
		if !proven {
			// A server that does not know the session it has just made would be asked for ever, without a pause.
			return &ReplyError{Channel: metaConnect, Text: reply.Error}
		}
		return wait(ctx, k.advice.Interval)
	case !reply.successful():
		return &ReplyError{Channel: metaConnect, Text: reply.Error}
	}
	k.connected()
	return wait(ctx, k.advice.Interval)
}

// handshake makes a session, trying the transports in the order of the options.
func (k *keeper) handshake(ctx context.Context) error {
	c := k.client
	names := c.opt.Transports
	for {
		s := newSession(c)
		t, rest, err := c.open(ctx, names, s.receive)
		if err != nil {
			return err
		}
		advice, theirs, err := s.handshake(ctx, t, rest)
		if err == nil {
			k.session, k.transport, k.advice = s, t, advice
			k.urgent, k.restored = true, false
			return k.negotiate(ctx, common(rest, theirs))
		}
		t.close()
		if refused, ok := errors.AsType[*RefusedError](err); ok && refused.Advice.Reconnect == reconnectNone {
			c.finish(err)
		}
		if len(rest) == 1 || !mayFallBack(ctx, err) {
			return err
		}
		names = rest[1:]
	}
}

// negotiate goes on with the first transport of those that both sides have [HS-1].
func (k *keeper) negotiate(ctx context.Context, names []string) error {
	if len(names) == 0 {
		k.forget()
		return fmt.Errorf("the server offers none of the transports %q", k.client.opt.Transports)
	}
	k.names = names
	if names[0] == k.transport.name() {
		return nil
	}
	k.transport.close()
	var err error
	k.transport, k.names, err = k.client.open(ctx, names, k.session.receive)
	return err
}

// restore puts the client's subscriptions in force in a new session [SS-13].
func (k *keeper) restore(ctx context.Context) error {
	// Few enough for any server's limits on the size of a message and on messages per request.
	const atATime = 50
	c := k.client
	var refused []error
	todo := c.listeners.remote()
	for len(todo) > 0 {
		n := min(len(todo), atATime)
		channels := todo[:n:n]
		todo = todo[n:]
		msgs := make([]outgoing, len(channels))
		for i, channel := range channels {
			msgs[i] = outgoing{Channel: metaSubscribe, Subscription: channel}
		}
		replies, err := k.session.exchange(ctx, k.transport, c.opt.MaxNetworkDelay, false, msgs...)
		if err != nil {
			return err
		}
		for i, reply := range replies {
			if !reply.successful() {
				err := &ReplyError{Channel: channels[i], Text: reply.Error}
				refused = append(refused, err)
				if k.session.replay && err.Code() == codeMissing && c.positions.restart(channels[i]) {
					todo = append(todo, channels[i]) // with all that is kept, as its position is not [RP-5]
				}
			}
		}
	}
	err := errors.Join(refused...)
	if slices.ContainsFunc(refused, func(err error) bool { return refusedWith(err, codeUnknown) }) {
		k.forget()
		return err
	}
	k.restored = true
	k.told(Handshaken, err)
	return nil
}

// connected is called after each successful connect.
func (k *keeper) connected() {
	k.urgent = false
	k.session.proven = true
	k.pauses.reset()
	k.client.setLink(link{k.session, k.transport})
	if !k.up {
		k.up = true
		k.told(Connected, nil)
	}
}

// broke gives up the transport; the session remains.
func (k *keeper) broke(err error) {
	k.down()
	k.urgent = true
	k.told(Broken, err)
}

// forget gives up the session.
func (k *keeper) forget() {
	k.down()
	close(k.session.lost)
	k.session = nil
	k.advice = Advice{Reconnect: reconnectHandshake, Interval: k.advice.Interval}
}

// down takes the transport away from requests and closes it.
func (k *keeper) down() {
	c := k.client
	k.up = false
	l, _ := c.current()
	c.setLink(link{session: l.session})
	if k.transport != nil {
		k.transport.close()
		k.transport = nil
	}
}

// leave ends everything.
func (k *keeper) leave(reason error) {
	k.client.end(reason)
	k.down()
	if errors.Is(reason, ErrClosed) {
		reason = nil
	}
	k.told(Closed, reason)
	if k.session != nil {
		close(k.session.lost)
	}
	k.client.inbox.close()
}

// told tells OnState what has become of the session.
func (k *keeper) told(phase Phase, err error) {
	c := k.client
	s := State{Phase: phase, Err: err}
	if k.session != nil {
		s.ID = k.session.id
	}
	if k.transport != nil {
		s.Transport = k.transport.name()
	}
	c.inbox.tell(s)
	c.opt.Logger.Debug("bayeux session", "phase", phase.String(), "transport", s.Transport, "error", err)
}
