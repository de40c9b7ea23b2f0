package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"sync"
	"time"

	"github.com/sigmavirus24/gobayeux/v2"
)

// client is one gobayeux.Client and what an application would have around it.
type client struct {
	library *gobayeux.Client
	line    *patient
	tell    func(map[string]any)
	stop    context.CancelFunc
	tasks   sync.WaitGroup // what reads from the library
	ended   chan struct{}  // closed when the library has ended

	mu      sync.Mutex
	replies map[string]chan gobayeux.Message // "<channel> <subscription>" -> who waits for the reply
	state   string
}

func newClient(o order, jar *cookiejar.Jar, tell func(map[string]any)) (*client, error) {
	c := &client{
		line:    &patient{Transport: &http.Transport{}, limit: milliseconds(o.MaxNetworkDelay) + time.Second, pause: milliseconds(o.Backoff)},
		tell:    tell,
		stop:    func() {},
		ended:   make(chan struct{}),
		replies: map[string]chan gobayeux.Message{},
	}
	var err error
	c.library, err = gobayeux.NewClient(o.URL,
		gobayeux.WithHTTPClient(&http.Client{Jar: jar}),
		gobayeux.WithHTTPTransport(c.line),
		gobayeux.WithIgnoreError(func(error) bool { return true }), // a refused subscription is no reason to end
	)
	if err != nil {
		return nil, err
	}
	return c, c.library.UseExtension(c)
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// The library tells only a part of what happens; its extension sees every message.

func (c *client) Registered(string, *gobayeux.BayeuxClient) {}
func (c *client) Unregistered()                             {}
func (c *client) Outgoing(*gobayeux.Message)                {}

func (c *client) Incoming(m *gobayeux.Message) {
	key := string(m.Channel) + " " + string(m.Subscription)
	c.mu.Lock()
	waiting := c.replies[key]
	delete(c.replies, key)
	c.mu.Unlock()
	if waiting != nil {
		waiting <- *m
	}
	if m.Channel == gobayeux.MetaConnect && m.Successful {
		c.tellState("connected")
	}
}

func (c *client) tellState(state string) {
	c.mu.Lock()
	changed := state != c.state && c.state != "disconnected"
	c.state = state
	c.mu.Unlock()
	if changed {
		c.tell(map[string]any{"event": "state", "state": state})
	}
}

// expect is asked before the request is made.
func (c *client) expect(channel, subscription gobayeux.Channel) <-chan gobayeux.Message {
	reply := make(chan gobayeux.Message, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replies[string(channel)+" "+string(subscription)] = reply
	return reply
}

func (c *client) confirmed(ctx context.Context, reply <-chan gobayeux.Message) error {
	select {
	case m := <-reply:
		if !m.Successful {
			return errors.New(m.Error)
		}
		return nil
	case <-c.ended:
		return errors.New("the library has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) handshake(ctx context.Context, ext json.RawMessage) error {
	c.line.ext = ext
	reply := c.expect(gobayeux.MetaHandshake, "")
	life, stop := context.WithCancel(context.Background())
	c.stop = stop
	errs := c.library.Start(life)
	c.tasks.Go(func() {
		defer close(c.ended)
		for err := range errs {
			var subscribing gobayeux.SubscriptionFailedError
			if !errors.As(err, &subscribing) {
				if life.Err() == nil {
					fmt.Fprintln(os.Stderr, err)
					c.tellState("disconnected")
				}
				return // it was the last
			}
		}
	})
	return c.confirmed(ctx, reply)
}

func (c *client) subscribe(ctx context.Context, channel gobayeux.Channel) error {
	reply := c.expect(gobayeux.MetaSubscribe, channel)
	messages := make(chan []gobayeux.Message)
	c.tasks.Go(func() {
		for {
			select {
			case batch := <-messages:
				for _, m := range batch {
					c.tell(map[string]any{"event": "message", "subscription": channel, "channel": m.Channel, "data": m.Data})
				}
			case <-c.ended:
				return
			}
		}
	})
	c.library.Subscribe(channel, messages)
	return c.confirmed(ctx, reply)
}

func (c *client) unsubscribe(ctx context.Context, channel gobayeux.Channel) error {
	reply := c.expect(gobayeux.MetaUnsubscribe, channel)
	c.library.Unsubscribe(channel)
	return c.confirmed(ctx, reply)
}

// disconnect stops the library's loop first: what the library closes when it disconnects, the loop would trip over.
func (c *client) disconnect(ctx context.Context) error {
	c.close()
	err := c.library.Disconnect(ctx)
	c.tellState("disconnected")
	return err
}

func (c *client) close() {
	c.stop()
	c.tasks.Wait()
	c.line.CloseIdleConnections()
}
