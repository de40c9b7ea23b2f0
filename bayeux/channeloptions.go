package bayeux

import (
	"fmt"
	"time"
)

// ChannelOptions are what server code can say about a channel.
type ChannelOptions struct {
	// Lazy lets the messages on the channel wait for company (LZ-1), as with
	// Outgoing.Lazy. Those of a Source never wait.
	Lazy bool
	// LazyTimeout is how long lazy messages wait (LZ-2). Default
	// Options.MaxLazyTimeout.
	LazyTimeout time.Duration
	// BroadcastToPublisher gives a publisher its own messages when it is subscribed
	// (PUB-4). Default: as in Options.
	BroadcastToPublisher Switch
}

// Channel declares a channel, or all that a pattern matches; of several
// declarations the narrowest counts. A declared channel is persistent: it exists
// from now on, so that clients need not be allowed to create it, and is not
// forgotten when nobody uses it (CH-11). Declaring it again replaces the options.
func (srv *Server) Channel(name string, o ChannelOptions) error {
	if isTemplate(name) {
		return fmt.Errorf("bayeux: %q is a template; declare a channel or a pattern", name)
	}
	if o.BroadcastToPublisher == 0 {
		o.BroadcastToPublisher = srv.opt.BroadcastToPublisher
	}
	return srv.channels.bind(name, func(ch *channel) error {
		ch.options = &o
		return nil
	})
}

// patience is how long ev may wait for company: zero, not at all.
func (o *ChannelOptions) patience(ev *event, byDefault time.Duration) time.Duration {
	switch {
	case !ev.lazy && !o.Lazy:
		return 0
	case o.LazyTimeout > 0:
		return o.LazyTimeout
	}
	return max(byDefault, 0)
}

// patience is that of the channel's options, for what does not go to subscribers.
func (c *channels) patience(ev *event) time.Duration {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o := &c.defaults
	matches(ev.channel, func(p []byte) bool {
		ch := c.byName[string(p)]
		if ch == nil || ch.options == nil {
			return true
		}
		o = ch.options
		return false
	})
	return o.patience(ev, c.srv.opt.MaxLazyTimeout)
}
