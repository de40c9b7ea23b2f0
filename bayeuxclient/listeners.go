package bayeuxclient

import (
	"context"
	"slices"
	"sync"
)

// Subscription is a handler at work. It stays so over breaks and new sessions, until Unsubscribe.
type Subscription struct {
	client  *Client
	channel string
	handle  func(Message)
	remote  bool // the server was asked to subscribe; else a mere listener
}

// Channel returns the channel or pattern subscribed to.
func (s *Subscription) Channel() string { return s.channel }

// Unsubscribe takes the handler away at once; one that is running ends normally. If no other subscription of the client has this
// channel, the server is told, and the error is about that: a *ReplyError, or the end of ctx. Unsubscribing twice is harmless.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	if s.client.listeners.remove(s) && s.remote {
		return s.client.unsubscribe(ctx, s.channel)
	}
	return nil
}

// listeners is who listens to what. Subscriptions of one channel are called in the order in which they were made.
type listeners struct {
	mu sync.RWMutex
	on map[string][]*Subscription
}

func (l *listeners) add(s *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on == nil {
		l.on = map[string][]*Subscription{}
	}
	key := plain(s.channel)
	l.on[key] = append(l.on[key], s)
}

// remove reports whether s was there.
func (l *listeners) remove(s *Subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := plain(s.channel)
	i := slices.Index(l.on[key], s)
	if i < 0 {
		return false
	}
	// A new slice: the dispatcher may be walking over the old one.
	rest := slices.Concat(l.on[key][:i], l.on[key][i+1:])
	if len(rest) == 0 {
		delete(l.on, key)
	} else {
		l.on[key] = rest
	}
	return true
}

// wanted reports whether the server is to have a subscription to channel.
func (l *listeners) wanted(channel string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.ContainsFunc(l.on[plain(channel)], isRemote)
}

func isRemote(s *Subscription) bool { return s.remote }

// remote returns the channels that the server is to have subscriptions to, in a fixed order.
func (l *listeners) remote() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var channels []string
	for key, subs := range l.on {
		if slices.ContainsFunc(subs, isRemote) {
			channels = append(channels, key)
		}
	}
	slices.Sort(channels)
	return channels
}

// heard returns the handlers of a message on channel, those of the widest pattern first.
func (l *listeners) heard(channel string) []*Subscription {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var subs []*Subscription
	matching(channel, func(pattern string) {
		switch found := l.on[pattern]; {
		case len(found) == 0:
		case subs == nil:
			subs = found
		default:
			subs = slices.Concat(subs, found)
		}
	})
	return subs
}
