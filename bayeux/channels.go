package bayeux

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// channels are the channels that exist: those with subscribers, those that
// server code has bound something to, and those used within the last three
// sweeps (CH-10, CH-11). Patterns are entries like any other.
type channels struct {
	srv       *Server
	mu        sync.RWMutex
	byName    map[string]*channel
	unused    map[*channel]struct{} // candidates of the sweep
	templates []*template
	sweeping  bool           // a sweep is due; none is while there is no candidate
	defaults  ChannelOptions // of channels that server code has not declared
}

type channel struct {
	name        string
	subscribers map[*Session]struct{}
	listeners   []Listener
	authorisers []Authoriser
	handler     Handler
	call        bool            // handler answers remote calls (PUB-11)
	options     *ChannelOptions // nil: none of its own
	idle        atomic.Int32    // sweeps since the last use
}

// sweepsToLive is how many sweeps an unused channel sees (CH-11).
const sweepsToLive = 3

func (c *channels) init(srv *Server) {
	c.srv = srv
	c.byName = make(map[string]*channel)
	c.unused = make(map[*channel]struct{})
	c.defaults = ChannelOptions{BroadcastToPublisher: srv.opt.BroadcastToPublisher}
}

func (c *channels) count() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.byName)
}

// exists reports whether the channel is known, and counts that as a use.
func (c *channels) exists(name string) bool {
	if isMeta(name) {
		return true
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	ch, ok := c.byName[name]
	if ok {
		ch.idle.Store(0)
	}
	return ok
}

// create makes the channel unless it exists.
func (c *channels) create(name string) {
	if c.exists(name) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ensure(name)
}

// ensure returns the channel, a new one if need be. c.mu is held.
func (c *channels) ensure(name string) *channel {
	ch, ok := c.byName[name]
	if !ok {
		ch = &channel{name: name}
		c.byName[name] = ch
		c.review(ch)
	}
	return ch
}

// review makes ch a candidate of the sweep, or takes it off the list. c.mu is held.
func (c *channels) review(ch *channel) {
	if len(ch.subscribers) > 0 || len(ch.listeners) > 0 || len(ch.authorisers) > 0 || ch.handler != nil || ch.options != nil {
		delete(c.unused, ch)
		return
	}
	ch.idle.Store(0)
	c.unused[ch] = struct{}{}
	if !c.sweeping {
		c.sweeping = true
		c.srv.after(c.srv.opt.SweepPeriod, c.sweep)
	}
}

// sweep forgets channels that were not used for three periods (CH-11).
func (c *channels) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.unused {
		if ch.idle.Add(1) > sweepsToLive {
			delete(c.unused, ch)
			delete(c.byName, ch.name)
		}
	}
	if c.sweeping = len(c.unused) > 0; c.sweeping {
		c.srv.after(c.srv.opt.SweepPeriod, c.sweep)
	}
}

// subscribe adds s. It reports false if s has ended meanwhile.
func (c *channels) subscribe(name string, s *Session, from int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.setSubscription(name, from) {
		return false
	}
	c.add(name, s)
	return true
}

// add puts s among a channel's subscribers. c.mu is held.
func (c *channels) add(name string, s *Session) {
	ch := c.ensure(name)
	if ch.subscribers == nil {
		ch.subscribers = make(map[*Session]struct{})
	}
	ch.subscribers[s] = struct{}{}
	c.review(ch)
}

// restore adds a session that has come back, with the subscriptions that it brings.
func (c *channels) restore(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.subscriptions { // none, if it has ended meanwhile
		c.add(name, s)
	}
}

func (c *channels) unsubscribe(name string, s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.dropSubscription(name)
	c.drop(name, s)
}

// drop takes s off a channel's subscribers. c.mu is held.
func (c *channels) drop(name string, s *Session) {
	if ch, ok := c.byName[name]; ok {
		if _, was := ch.subscribers[s]; was {
			delete(ch.subscribers, s)
			c.review(ch)
		}
	}
}

// forget removes all subscriptions of a session that has ended.
func (c *channels) forget(s *Session, names map[string]int64) {
	if len(names) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range names {
		c.drop(name, s)
	}
}

// subscribers returns the sessions that get a message on the channel, each once
// (CH-8): those that named it, and those that match it through patterns only; and
// the channel's options.
func (c *channels) subscribers(name string) (exact, byPattern []*Session, options *ChannelOptions) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var named *channel
	var seen map[*Session]struct{} // only when two patterns have subscribers
	matches(name, func(p []byte) bool {
		ch := c.byName[string(p)]
		if ch != nil && options == nil {
			options = ch.options
		}
		switch {
		case ch == nil || len(ch.subscribers) == 0:
		case named == nil && string(p) == name:
			named = ch
			exact = make([]*Session, 0, len(ch.subscribers))
			for s := range ch.subscribers {
				exact = append(exact, s)
			}
		case isPattern(name): // a publish to a pattern is for that very pattern (PUB-6)
		default:
			if len(byPattern) > 0 && seen == nil {
				seen = make(map[*Session]struct{}, len(byPattern))
				for _, s := range byPattern {
					seen[s] = struct{}{}
				}
			}
			for s := range ch.subscribers {
				if named != nil {
					if _, dup := named.subscribers[s]; dup {
						continue
					}
				}
				if seen != nil {
					if _, dup := seen[s]; dup {
						continue
					}
					seen[s] = struct{}{}
				}
				byPattern = append(byPattern, s)
			}
		}
		return true
	})
	return exact, byPattern, cmp.Or(options, &c.defaults)
}

// listening returns what server code listens to the channel with, from the
// widest pattern to the channel itself (step 7 of chapter 5).
func (c *channels) listening(name string) []bound[Listener] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []bound[Listener]
	c.eachBound(name, func(ch *channel, p params) bool {
		for _, fn := range slices.Backward(ch.listeners) {
			all = append(all, bound[Listener]{fn, p})
		}
		return true
	})
	slices.Reverse(all)
	return all
}

// authorisersOf returns those of the channel and of every template and pattern that
// matches it (AZ-3).
func (c *channels) authorisersOf(name string) []bound[Authoriser] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []bound[Authoriser]
	c.eachBound(name, func(ch *channel, p params) bool {
		for _, fn := range ch.authorisers {
			all = append(all, bound[Authoriser]{fn, p})
		}
		return true
	})
	return all
}

// handlerOf returns the handler of a service channel: its own, or that of the
// narrowest template or pattern; its fn is nil if there is none.
func (c *channels) handlerOf(name string) (h bound[Handler], call bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.eachBound(name, func(ch *channel, p params) bool {
		if ch.handler != nil {
			h, call = bound[Handler]{ch.handler, p}, ch.call
		}
		return ch.handler == nil
	})
	return h, call
}

// bind lets server code add something to a channel, pattern or template.
func (c *channels) bind(name string, add func(*channel) error) error {
	if !validChannel(name, false) {
		return fmt.Errorf("bayeux: %q is not a valid channel", name)
	}
	if familyOf(name) == familyMeta {
		return fmt.Errorf("bayeux: nothing can be bound to %q; extensions, the policy and hooks of Options see meta messages", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name = lookupName(name)
	if isTemplate(name) {
		return c.bindTemplate(name, add)
	}
	ch := c.ensure(name)
	err := add(ch)
	c.review(ch)
	return err
}

// bindTemplate adds to a template, which is no channel: nothing comes into being by
// it. c.mu is held.
func (c *channels) bindTemplate(name string, add func(*channel) error) error {
	for _, t := range c.templates {
		if t.ch.name == name {
			return add(t.ch)
		}
	}
	t, err := newTemplate(name)
	if err == nil {
		err = add(t.ch)
	}
	if err == nil {
		c.templates = append(c.templates, t)
	}
	return err
}
