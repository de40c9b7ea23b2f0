package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/customer"
)

// User data of our chats.
const (
	ourKey     = "load"    // which load
	dueKey     = "due"     // when the chat was requested, as in a text
	offeredKey = "offered" // it has been in an agent's hands
)

// conversation is one chat, from its customer's side, and what will happen in it.
type conversation struct {
	run    *run
	client *customer.Client
	rnd    *rand.Rand

	// Of the floor, under its lock.
	left, half int           // texts to come; how many are left half-way
	halfway    chan struct{} // closed when half of them are written
	full       chan struct{} // closed when no more come
	writing    sync.WaitGroup

	mu      sync.Mutex
	sent    []string // texts that were answered
	unknown []string // texts whose fate is not known
	next    int64    // position to poll from
}

// serve plays one customer after the other until the load ends.
func (r *run) serve(i int) {
	rnd := rand.New(rand.NewPCG(r.opt.Seed, uint64(i))) //nolint:gosec // a load is to be repeatable
	for r.writing.Err() == nil {
		texts := 1 + rnd.IntN(2*r.opt.Texts)
		c := &conversation{
			run: r, rnd: rnd, client: &customer.Client{Server: r.target.url, Service: r.target.service, HTTP: r.web},
			left: texts, half: texts / 2, halfway: make(chan struct{}), full: make(chan struct{}), next: 1,
		}
		if err := c.play(); err != nil && r.ctx.Err() == nil {
			r.count(&r.failures, "a customer: %v", err)
			pause(r.writing, time.Second)
		}
	}
}

// play is the life of a chat.
func (c *conversation) play() error {
	r := c.run
	due := time.Since(r.epoch)
	err := r.insist(r.writing, func(ctx context.Context) error {
		_, err := c.client.Start(ctx, customer.Param{Name: "nickname", Value: "Pat"}, customer.Param{Name: "subject", Value: "Late parcel"},
			customer.Data(ourKey, r.id), customer.Data(dueKey, due.String()))
		return err
	})
	if err != nil {
		if r.writing.Err() != nil {
			return nil
		}
		return err
	}
	id := c.client.ChatID()
	r.chats.Add(1)
	r.floor.began(id, c)
	defer r.floor.ended(id)
	polling, stop := context.WithCancel(r.ctx)
	var poller sync.WaitGroup
	defer poller.Wait()
	defer stop()
	poller.Go(func() { c.poll(polling) })

	done := false
	if r.floor.until(r.writing, id, func(in []*agent) bool { return len(in) > 0 }) {
		r.floor.admit(c)
		done = c.happen(id)
	}
	if !done && r.writing.Err() != nil {
		<-r.compared.Done() // what is live at the end is compared as it is
	}
	c.writing.Wait()
	err = c.check()
	if !done && r.ctx.Err() == nil {
		_, _ = c.client.Disconnect(r.ctx) // the server ends with the load, or knows what to do about a customer who stays away
	}
	return err
}

// happen lets the chat take its course, and reports whether it came to its end.
func (c *conversation) happen(id string) bool {
	select {
	case <-c.halfway:
		c.turn(id)
	case <-c.run.writing.Done():
		return false
	}
	select {
	case <-c.full:
	case <-c.run.writing.Done():
		return false
	}
	c.writing.Wait()
	return c.finish(id)
}

// finish ends the chat the way such chats end, and reports whether nobody has it any more.
func (c *conversation) finish(id string) bool {
	r := c.run
	if !c.attended(id) {
		return false
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.opt.Patience)
	defer cancel()
	dice := c.rnd.Float64()
	if in := r.floor.agents(id); dice < 0.1 && len(in) == 1 {
		_ = in[0].operate(ctx, id, "Leave", nil) // to wrap up
	}
	if dice > 0.7 {
		_, _ = c.request(ctx, func(ctx context.Context) (customer.Envelope, error) { return c.client.Disconnect(ctx) })
	}
	// The chat may be on its way from one agent to another, and who is only consulted may not complete it: somebody can, sooner or later.
	for {
		done := false
		for _, a := range r.floor.agents(id) {
			done = done || a.operate(ctx, id, "Complete", nil) == nil
		}
		soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		if done {
			soon = ctx
		}
		empty := r.floor.until(soon, id, func(in []*agent) bool { return len(in) == 0 })
		cancel()
		switch {
		case empty && done:
			r.completed.Add(1)
			return true
		case ctx.Err() != nil:
			r.count(&r.failures, "chat %s is over, and an agent has not been told so within %v", id, r.opt.Patience)
			return false
		}
	}
}

// attended waits until an agent has the chat, which may be in its queue, and reports false if the load ends first. Her view may be behind: it asks her.
func (c *conversation) attended(id string) bool {
	r := c.run
	ctx, cancel := context.WithTimeout(r.writing, r.opt.Patience)
	defer cancel()
	for ctx.Err() == nil && r.floor.until(ctx, id, func(in []*agent) bool { return len(in) > 0 }) {
		for _, a := range r.floor.agents(id) {
			if a.operate(ctx, id, "SetDisposition", map[string]any{"disposition": "solved"}) == nil {
				return true
			}
		}
		pause(ctx, 50*time.Millisecond)
	}
	if r.writing.Err() == nil {
		r.count(&r.failures, "chat %s is with no agent, and nobody got it within %v", id, r.opt.Patience)
	}
	return false
}

// say sends a text that was due at a moment since the load's epoch. With typing, the next one is under way.
func (c *conversation) say(n int64, due time.Duration, typing bool) {
	r := c.run
	text := words(n, due)
	var once []customer.Param
	if r.opt.faulty() {
		once = append(once, customer.Once(r.id+"-"+strconv.FormatInt(n, 10)))
	}
	_, err := c.request(r.ctx, func(ctx context.Context) (customer.Envelope, error) { return c.client.Send(ctx, text, once...) })
	if err == nil {
		r.measure(stepSend, time.Since(r.epoch)-due)
		r.answeredTexts.Add(1)
	}
	c.mu.Lock()
	if err == nil {
		c.sent = append(c.sent, text)
	} else {
		c.unknown = append(c.unknown, text)
	}
	c.mu.Unlock()
	if typing {
		_, _ = c.request(r.ctx, func(ctx context.Context) (customer.Envelope, error) { return c.client.StartTyping(ctx, "") })
	}
}

// reply sends a text of the agent who has the chat.
func (c *conversation) reply(n int64, due time.Duration) {
	r := c.run
	id := c.client.ChatID()
	in := r.floor.agents(id)
	if len(in) == 0 {
		return // it is between two agents
	}
	if in[0].operate(r.ctx, id, "SendMessage", map[string]any{"text": words(n, due)}) == nil {
		r.measure(stepReply, time.Since(r.epoch)-due)
		r.answeredTexts.Add(1)
	}
}

// request does a customer's request, again and again if requests may fail through our own doing. A chat that is over is no failure.
func (c *conversation) request(ctx context.Context, do func(context.Context) (customer.Envelope, error)) (e customer.Envelope, err error) {
	err = c.run.insist(ctx, func(ctx context.Context) (err error) {
		e, err = do(ctx)
		return err
	})
	no, refused := errors.AsType[*customer.Error](err)
	if err != nil && ctx.Err() == nil && (!refused || !no.Ended()) {
		c.run.count(&c.run.failures, "a customer: %v", err)
	}
	return e, err
}

// poll reads as a customer's client does, so that the server knows that she is there.
func (c *conversation) poll(ctx context.Context) {
	for pause(ctx, c.run.opt.Poll) {
		e, err := c.client.Refresh(ctx, customer.From(c.next))
		if err != nil {
			continue // the next one will tell
		}
		for _, m := range e.Messages {
			if m.Index < c.next {
				c.run.count(&c.run.wrongViews, "chat %s: the customer asked for messages from %d on and got %d", e.ChatID, c.next, m.Index)
			}
		}
		c.next = e.NextPosition
	}
}

// check reads the whole transcript: each text that was answered is there once, in no text's place.
func (c *conversation) check() error {
	r := c.run
	if r.ctx.Err() != nil {
		return nil
	}
	e, err := c.request(r.ctx, func(ctx context.Context) (customer.Envelope, error) { return c.client.Refresh(ctx, customer.From(1)) })
	if err != nil {
		return fmt.Errorf("read the transcript: %w", err)
	}
	there := map[string]int{}
	last := int64(0)
	for _, m := range e.Messages {
		if m.Index <= last {
			r.count(&r.wrongViews, "chat %s: message %d after %d in the customer's transcript", e.ChatID, m.Index, last)
		}
		last = m.Index
		switch {
		case m.Type == "Message" && m.From.Type == "Client":
			there[m.Text]++
		case m.Text == aside:
			r.count(&r.wrongViews, "chat %s: the customer reads what was for agents only", e.ChatID)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range c.sent {
		if there[text] != 1 {
			r.count(&r.wrongViews, "chat %s: a text that was answered is %d times in the transcript: %s", e.ChatID, there[text], text)
		}
		delete(there, text)
	}
	for _, text := range c.unknown {
		if there[text] > 1 {
			r.count(&r.wrongViews, "chat %s: a text is %d times in the transcript: %s", e.ChatID, there[text], text)
		}
		delete(there, text)
	}
	for text := range there {
		r.count(&r.wrongViews, "chat %s: nobody wrote what is in the transcript: %s", e.ChatID, text)
	}
	return nil
}

// words is the n-th text. It tells when it was due.
func words(n int64, due time.Duration) string {
	return "text " + strconv.FormatInt(n, 10) + " due " + strconv.FormatInt(int64(due), 10) + ": " + phrases[n%int64(len(phrases))]
}

var phrases = [...]string{
	"Where is my parcel? It was to come on Monday, and the tracking page has not changed since.",
	"Yes.",
	"The order number is 4711, and I paid for express delivery.",
	"Thank you, that helps. Could you also tell me whether I can change the address? I will not be at home until next week.",
	"One moment, please.",
}

// dueOf reads when a text was due.
func dueOf(text string) (time.Duration, bool) {
	_, rest, ok := strings.Cut(text, " due ")
	number, _, found := strings.Cut(rest, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	return time.Duration(n), ok && found && err == nil && strings.HasPrefix(text, "text ")
}

func parseDue(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	return d, err == nil
}
