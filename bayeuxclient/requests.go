package bayeuxclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux/binary"
)

// Subscribe makes handle the handler of a channel or pattern (/a/*, /a/**) and returns when the server has confirmed it: what is
// published from then on arrives [SUB-10]. The subscription outlives breaks and sessions. A refusal is a *ReplyError.
func (c *Client) Subscribe(ctx context.Context, channel string, handle func(Message)) (*Subscription, error) {
	return c.SubscribeFrom(ctx, channel, FromNow, handle)
}

// SubscribeFrom is Subscribe from a position in the server's stream: that of a message received earlier, or FromOldest. It takes
// Options.Replay and a server with a stream; others begin with what is new. A position that the server does not have any more is a
// *ReplyError with the code 400 [RP-5]. If the client is subscribed to the channel already, that goes on as it is.
func (c *Client) SubscribeFrom(ctx context.Context, channel string, position int64, handle func(Message)) (*Subscription, error) {
	if err := c.lockSubscribing(ctx); err != nil {
		return nil, fmt.Errorf("bayeuxclient: subscribe to %s: %w", channel, err)
	}
	defer c.unlockSubscribing()
	s := &Subscription{client: c, channel: channel, handle: handle, remote: true}
	// Messages may arrive ahead of the reply [DEL-3].
	c.listeners.add(s)
	c.positions.begin(channel, position)
	if err := c.insist(ctx, outgoing{Channel: metaSubscribe, Subscription: channel}); err != nil {
		c.drop(s)
		return nil, fmt.Errorf("bayeuxclient: subscribe to %s: %w", channel, err)
	}
	return s, nil
}

// Listen makes handle a handler of a channel or pattern without subscribing at the server: for what the server delivers unasked, on
// service channels for example [PUB-8].
func (c *Client) Listen(channel string, handle func(Message)) *Subscription {
	s := &Subscription{client: c, channel: channel, handle: handle}
	c.listeners.add(s)
	return s
}

// Publish sends data, anything that encodes to JSON, and returns the server's verdict: nil when it was accepted, a *ReplyError when
// it was refused. Any other error leaves open whether the server has it.
func (c *Client) Publish(ctx context.Context, channel string, data any) error {
	b := c.Batch()
	b.Publish(channel, data)
	return b.Send(ctx)
}

// PublishBytes is Publish for bytes, which subscribers get from Message.Binary; to clients that know nothing of them they are an object
// with text [BI-5]. p.Meta must be a JSON object, or nil.
func (c *Client) PublishBytes(ctx context.Context, channel string, p binary.Piece) error {
	b := c.Batch()
	b.PublishBytes(channel, p)
	return b.Send(ctx)
}

// Call publishes data on a service channel and returns the message that answers it, however long that takes within ctx [PUB-11]. A
// failure is a *ReplyError; if the handler of the call failed, its Data says how.
func (c *Client) Call(ctx context.Context, channel string, data any) (Message, error) {
	raw, err := encodeData(data)
	if err != nil {
		return Message{}, fmt.Errorf("bayeuxclient: call %s: %w", channel, err)
	}
	end := c.inbox.call()
	defer end()
	ctx, cancel := c.within(ctx)
	defer cancel()
	l, err := c.connected(ctx, link{})
	if err != nil {
		return Message{}, fmt.Errorf("bayeuxclient: call %s: %w", channel, err)
	}
	replies, err := l.session.exchange(ctx, l.transport, c.opt.MaxNetworkDelay, true, outgoing{Channel: channel, Data: raw})
	if err != nil {
		return Message{}, fmt.Errorf("bayeuxclient: call %s: %w", channel, err)
	}
	answer := replies[0]
	if answer.Successful != nil && !*answer.Successful {
		return answer.message(), &ReplyError{Channel: channel, Text: answer.Error, Data: answer.Data}
	}
	return answer.message(), nil
}

// Batch is several messages that travel in one request and are handled in order [MSG-2]. It is for one goroutine, and to be sent
// once.
type Batch struct {
	client *Client
	msgs   []outgoing
	subs   []*Subscription // as msgs, nil for a publish
	err    error
}

// Batch returns an empty batch.
func (c *Client) Batch() *Batch { return &Batch{client: c} }

// Subscribe adds a subscription, which Send puts in force.
func (b *Batch) Subscribe(channel string, handle func(Message)) *Subscription {
	s := &Subscription{client: b.client, channel: channel, handle: handle, remote: true}
	b.msgs = append(b.msgs, outgoing{Channel: metaSubscribe, Subscription: channel})
	b.subs = append(b.subs, s)
	return s
}

// Publish adds a publish of data, anything that encodes to JSON.
func (b *Batch) Publish(channel string, data any) {
	raw, err := encodeData(data)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("bayeuxclient: publish to %s: %w", channel, err)
	}
	b.msgs = append(b.msgs, outgoing{Channel: channel, Data: raw})
	b.subs = append(b.subs, nil)
}

// PublishBytes adds a publish of bytes [BI-1].
func (b *Batch) PublishBytes(channel string, p binary.Piece) {
	b.msgs = append(b.msgs, outgoing{Channel: channel, Data: p.Encode(), Ext: map[string]jsontext.Value{"binary": jsontext.Value("{}")}})
	b.subs = append(b.subs, nil)
}

// Send sends the batch, once. Its error joins a *ReplyError for each message refused; the others are in force all the same. Any
// other error leaves open what the server has; the handlers of the batch are then gone.
func (b *Batch) Send(ctx context.Context) error {
	if b.err != nil || len(b.msgs) == 0 {
		return b.err
	}
	c := b.client
	if slices.ContainsFunc(b.subs, func(s *Subscription) bool { return s != nil }) {
		if err := c.lockSubscribing(ctx); err != nil {
			return fmt.Errorf("bayeuxclient: send: %w", err)
		}
		defer c.unlockSubscribing()
		for _, s := range b.subs {
			if s != nil {
				c.listeners.add(s) // ahead of the reply, as in Client.Subscribe
				c.positions.begin(s.channel, FromNow)
			}
		}
	}
	replies, err := c.request(ctx, b.msgs...)
	var refused []error
	for i, m := range b.msgs {
		s := b.subs[i]
		if err == nil && replies[i].successful() {
			continue
		}
		if s != nil {
			c.drop(s)
		}
		if err == nil {
			refused = append(refused, refusal(m, replies[i]))
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("bayeuxclient: send: %w", err)
	case len(refused) == 1:
		return refused[0]
	}
	return errors.Join(refused...)
}

// drop takes a subscription back that did not come about.
func (c *Client) drop(s *Subscription) {
	c.listeners.remove(s)
	if !c.listeners.wanted(s.channel) {
		c.positions.end(s.channel)
	}
}

// refusal makes the error of an unsuccessful reply to m.
func refusal(m outgoing, reply incoming) error {
	channel := m.Channel
	if m.Subscription != "" {
		channel = m.Subscription
	}
	return &ReplyError{Channel: channel, Text: reply.Error}
}

// unsubscribe tells the server that nobody listens to channel any more, if that is still so when it is its turn.
func (c *Client) unsubscribe(ctx context.Context, channel string) error {
	err := c.lockSubscribing(ctx)
	if err == nil {
		defer c.unlockSubscribing()
		if c.listeners.wanted(channel) {
			return nil
		}
		defer c.positions.end(channel)
		err = c.insist(ctx, outgoing{Channel: metaUnsubscribe, Subscription: channel})
	}
	if err != nil && !refusedWith(err, codeMissing) {
		return fmt.Errorf("bayeuxclient: unsubscribe from %s: %w", channel, err)
	}
	return nil
}

// insist sends a message that may be repeated until the server has said yes or no to it, over breaks and lost sessions.
func (c *Client) insist(ctx context.Context, m outgoing) error {
	end := c.inbox.call()
	defer end()
	ctx, cancel := c.within(ctx)
	defer cancel()
	var last link
	for {
		l, err := c.connected(ctx, last)
		if err != nil {
			return err
		}
		replies, err := l.session.exchange(ctx, l.transport, c.opt.MaxNetworkDelay, false, m)
		if err == nil && replies[0].successful() {
			return nil
		}
		if err == nil {
			err = refusal(m, replies[0])
		}
		socketBroke := l.transport.ended() != nil && replies == nil && !errors.Is(err, errSilent) && ctx.Err() == nil
		if !socketBroke && !refusedWith(err, codeUnknown) {
			return err
		}
		last = l // the keeper will find out too, and bring another
	}
}

// request sends msgs once, in one array, and returns the replies.
func (c *Client) request(ctx context.Context, msgs ...outgoing) ([]incoming, error) {
	end := c.inbox.call()
	defer end()
	ctx, cancel := c.within(ctx)
	defer cancel()
	l, err := c.connected(ctx, link{})
	if err != nil {
		return nil, err
	}
	return l.session.exchange(ctx, l.transport, c.opt.MaxNetworkDelay, false, msgs...)
}

// connected waits until the client is connected on another link than last, and returns it.
func (c *Client) connected(ctx context.Context, last link) (link, error) {
	for {
		if ctx.Err() != nil {
			return link{}, context.Cause(ctx)
		}
		if err := c.inbox.admit(); err != nil {
			return link{}, err
		}
		l, moved := c.current()
		if l.transport != nil && l != last {
			return l, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
}

// within returns ctx, ended by the end of the client too.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.life, func() { cancel(context.Cause(c.life)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// lockSubscribing makes subscribes and unsubscribes follow one another, so that the server and the client agree about which came
// last.
func (c *Client) lockSubscribing(ctx context.Context) error {
	select {
	case <-c.subscribing:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.life.Done():
		return context.Cause(c.life)
	}
}

func (c *Client) unlockSubscribing() { c.subscribing <- struct{}{} }
