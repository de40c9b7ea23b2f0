package bayeuxclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// stalled is a handler that stays in its first message until it is released.
type stalled struct {
	heard
	entered, release chan struct{}
}

func newStalled() *stalled {
	return &stalled{entered: make(chan struct{}, 1000), release: make(chan struct{})}
}

func (s *stalled) on(m Message) {
	s.heard.on(m)
	s.entered <- struct{}{}
	<-s.release
}

// message returns a message of about size bytes.
func message(n, size int) string {
	return fmt.Sprintf(`{"channel":"/k","data":"%d %s"}`, n, strings.Repeat("x", size))
}

func count(h *heard) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.msgs)
}

// While the handlers have more than MaxQueue before them, no further connect is made, and nothing is lost.
func TestSlowHandlerLongPolling(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		slow := newStalled()
		opt := p.options()
		opt.MaxQueue, opt.OnMessage = 1000, slow.on
		c, held := p.polling(opt)
		held.reply(message(1, 600), connectReply)
		held = p.expect("post", "/meta/connect")
		held.reply(message(2, 600), message(3, 600), connectReply)
		p.quiet(time.Minute)
		close(slow.release)
		p.expect("post", "/meta/connect")
		synctest.Wait()
		if got := count(&slow.heard); got != 3 {
			t.Errorf("handled %d", got)
		}
		p.end(c)
	})
}

// Over websocket the client stops reading; the server's next message waits in the network.
func TestSlowHandlerWebSocket(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		slow := newStalled()
		opt := p.options()
		opt.MaxQueue, opt.OnMessage = 1000, slow.on
		c, s, _ := p.socketed(opt)
		taken := make(chan int, 100)
		go func() {
			for n := range 5 {
				s.write("[" + message(n, 600) + "]")
				taken <- n
			}
		}()
		p.quiet(time.Second)
		// Two fill the queue, the third has been read and waits for room; the fourth stays outside.
		if got := len(taken); got != 3 {
			t.Errorf("the client took %d", got)
		}
		close(slow.release)
		synctest.Wait()
		if got := count(&slow.heard); got != 5 {
			t.Errorf("handled %d", got)
		}
		p.end(c)
	})
}

// A handler may wait for a reply that stands behind more messages than MaxQueue.
func TestHandlerPublishesInFlood(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		results := make(chan error, 100)
		var c *Client
		opt := p.options()
		opt.MaxQueue = 2000
		opt.OnMessage = func(m Message) { results <- c.Publish(context.Background(), "/answer", 1) }
		var s *socket
		var flood []string
		c, s, _ = p.socketed(opt)
		for n := range 5 {
			flood = append(flood, message(n, 600))
		}
		s.write("[" + strings.Join(flood[:1], ",") + "]")
		a := p.expect("frame", "/answer")
		s.write("[" + strings.Join(flood[1:4], ",") + "]") // beyond MaxQueue
		s.write("[" + flood[4] + "]")
		a.reply(`{"channel":"/answer","id":"#0","successful":true}`)
		for range 4 {
			p.expect("frame", "/answer").reply(`{"channel":"/answer","id":"#0","successful":true}`)
		}
		for range 5 {
			if err := <-results; err != nil {
				t.Errorf("publish in a handler: %v", err)
			}
		}
		p.end(c)
	})
}

// But not behind any number of them: at twice MaxQueue the connection is given up, the handler gets an error, and the client comes
// back when there is room.
func TestHandlerSwamped(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		results := make(chan error, 100)
		var c *Client
		var told states
		opt := p.options()
		opt.MaxQueue, opt.OnState = 1000, told.on
		opt.OnMessage = func(m Message) {
			if strings.HasPrefix(string(m.Data), `"0 `) {
				err := c.Publish(context.Background(), "/answer", 1)
				results <- err
				results <- c.Publish(context.Background(), "/answer", 2)
			}
		}
		var s *socket
		c, s, _ = p.socketed(opt)
		s.write("[" + message(0, 600) + "]")
		p.expect("frame", "/answer")
		for n := range 3 { // the last is one too many
			s.write("[" + message(n+1, 600) + "]")
		}
		if err := <-results; !errors.Is(err, errSlow) {
			t.Errorf("publish: %v", err)
		}
		<-results
		p.gone(s)
		p.next("upgrade").accept()
		if m := p.expect("frame", "/meta/connect").msgs[0]; m.ClientID != "A" {
			t.Errorf("came back with %+v", m)
		}
		p.end(c)
	})
}

// A stalled handler is no reason to give a websocket up for good, and what was read from it is not lost.
func TestStalledBeyondConnect(t *testing.T) {
	bubble(t, func(t *testing.T, p *peer) {
		slow := newStalled()
		opt := p.options()
		opt.MaxQueue, opt.OnMessage = 1000, slow.on
		c, s, _ := p.socketed(opt)
		for n := range 3 {
			s.write("[" + message(n, 600) + "]")
		}
		p.gone(s) // the connect was not answered in time, as nobody read its reply
		p.quiet(10 * time.Minute)
		close(slow.release)
		p.next("upgrade").accept()
		p.expect("frame", "/meta/connect").reply(advisedReply)
		p.expect("frame", "/meta/connect")
		if got := count(&slow.heard); got != 3 {
			t.Errorf("handled %d", got)
		}
		p.end(c)
	})
}

// Properties of the queue: order is kept, nothing is lost, and without calls under way at most one putter's worth is above the limit.
func TestInboxProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 50).Draw(rt, "limit")
		sizes := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 60), 1, 4), 1, 20).Draw(rt, "batches")
		b := &inbox{limit: limit}
		most := 0
		for _, batch := range sizes {
			sum := 0
			for _, size := range batch {
				sum += size
			}
			most = max(most, sum)
		}
		put := make(chan error, 1)
		go func() {
			n := 0
			for _, batch := range sizes {
				var events []event
				for _, size := range batch {
					events = append(events, event{message: Message{ID: fmt.Sprint(n)}, size: size})
					n++
				}
				if err := b.put(nil, events); err != nil {
					put <- err
					return
				}
			}
			b.close()
			put <- nil
		}()
		var got []string
		for events := b.take(); events != nil; events = b.take() {
			for _, e := range events {
				b.mu.Lock()
				if b.size >= limit+max(most, 1) {
					rt.Errorf("%d bytes in a queue of %d", b.size, limit)
				}
				b.mu.Unlock()
				got = append(got, e.message.ID)
				b.handled(e)
			}
		}
		if err := <-put; err != nil {
			rt.Fatal(err)
		}
		var want []string
		for n := range len(slices.Concat(sizes...)) {
			want = append(want, fmt.Sprint(n))
		}
		if !slices.Equal(got, want) || b.size != 0 {
			rt.Errorf("got %v, want %v; %d bytes left", got, want, b.size)
		}
	})
}
