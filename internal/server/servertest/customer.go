package servertest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/customer"
)

// pollEvery is how often a waiting customer reads. It is shorter than a widget's, since a test waits for it.
const pollEvery = 20 * time.Millisecond

// Customer is a customer in a chat.
type Customer struct {
	*customer.Client
	Read []customer.Message // what she has seen so far

	t    testing.TB
	next int64
}

// Customer starts a chat through a service of the server.
func (s *Server) Customer(t testing.TB, service string, params ...customer.Param) *Customer {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.idle = append(s.idle, transport.CloseIdleConnections)
	c := &Customer{Client: &customer.Client{Server: s.URL, Service: service, HTTP: &http.Client{Transport: transport}}, t: t, next: 1}
	if len(params) == 0 {
		params = []customer.Param{{Name: "nickname", Value: "Pat"}}
	}
	c.do("start a chat", func(ctx context.Context) (customer.Envelope, error) { return c.Start(ctx, params...) })
	return c
}

// Say writes to the chat.
func (c *Customer) Say(text string) {
	c.t.Helper()
	c.do("say "+text, func(ctx context.Context) (customer.Envelope, error) { return c.Send(ctx, text) })
}

// Leave ends the chat.
func (c *Customer) Leave() {
	c.t.Helper()
	c.do("leave", func(ctx context.Context) (customer.Envelope, error) { return c.Disconnect(ctx) })
}

// WaitText reads until she sees a message with this text.
func (c *Customer) WaitText(text string) customer.Message {
	c.t.Helper()
	return c.Wait("the text "+text, func(m customer.Message) bool { return m.Text == text })
}

// Wait returns the first message of the chat that fits, and reads until there is one. what says what is waited for.
func (c *Customer) Wait(what string, fits func(customer.Message) bool) customer.Message {
	c.t.Helper()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	timeout := time.After(Patience)
	for looked := 0; ; {
		for ; looked < len(c.Read); looked++ {
			if fits(c.Read[looked]) {
				return c.Read[looked]
			}
		}
		select {
		case <-poll.C:
		case <-timeout:
			c.t.Fatalf("the customer waited %v for %s; she has read: %+v", Patience, what, c.Read)
		}
		e := c.do("read", func(ctx context.Context) (customer.Envelope, error) { return c.Refresh(ctx, customer.From(c.next)) })
		c.Read = append(c.Read, e.Messages...)
		c.next = e.NextPosition
	}
}

func (c *Customer) do(what string, ask func(context.Context) (customer.Envelope, error)) customer.Envelope {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	e, err := ask(ctx)
	if err != nil {
		c.t.Fatalf("the customer cannot %s: %v", what, err)
	}
	return e
}
