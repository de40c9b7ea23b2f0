package conformance

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// patience is how long a client waits for what must come and is not measured.
const patience = 15 * time.Second

// A Client sends Bayeux messages, on one transport, and shows what comes back. It belongs to one goroutine.
//
// Over websocket, an answer holds all that has arrived since the answer before it, in order; over HTTP, what its response held.
type Client struct {
	Browser *Browser
	On      Transport
	ID      string  // the client id, once Handshake has set it
	Socket  *Socket // over websocket, once something was sent

	l       *Line
	sent    int
	backlog []Message // over websocket: arrived, not yet returned
	held    []*Held   // over websocket: not answered yet
	events  []Message // over HTTP: what Receive got too much
}

// Client returns a new one on the line's transport, with a browser of its own.
func (l *Line) Client() *Client { return l.ClientOn(l.On, l.Browser()) }

// ClientOn returns a new one on a transport, of a browser.
func (l *Line) ClientOn(on Transport, b *Browser) *Client { return &Client{Browser: b, On: on, l: l} }

// Connected returns a new client that has shaken hands and sent its first connect.
func (l *Line) Connected(fields ...M) *Client {
	c := l.Client()
	c.Handshake(fields...)
	c.FirstConnect()
	return c
}

// Answer is what came back for one request or frame.
type Answer struct {
	Response // over HTTP; over websocket only Took is set
	Messages []Message
	l        *Line
}

// Reply is the answer's only reply, or the one with that id.
func (a Answer) Reply(id ...string) Message {
	rs := Replies(a.Messages)
	for _, m := range rs {
		if len(id) > 0 && m.ID() == id[0] {
			return m
		}
	}
	if len(id) > 0 || len(rs) != 1 {
		a.l.Fatalf("one reply %s is expected in %s", strings.Join(id, ""), Texts(a.Messages))
	}
	return rs[0]
}

// Replies are the replies of the answer, Events the other messages.
func (a Answer) Replies() []Message { return Replies(a.Messages) }

// Events are the messages of the answer that are not replies.
func (a Answer) Events() []Message { return Events(a.Messages) }

// Held is a request under way.
type Held struct {
	ID     string // of its last message
	c      *Client
	cancel context.CancelFunc
	done   chan struct{} // over HTTP
	resp   Response
	began  time.Time
	took   time.Duration // over websocket
	reply  Message       // over websocket
}

// fill adds the fields that every message has.
func (c *Client) fill(ms []M) []M {
	out := make([]M, len(ms))
	for i, m := range ms {
		c.sent++
		out[i] = M{"id": strconv.Itoa(c.sent), "clientId": c.ID}.with(m)
		if m["channel"] == "/meta/handshake" && m["clientId"] == nil || out[i]["clientId"] == "" {
			delete(out[i], "clientId")
		}
	}
	return out
}

// Do sends messages in one array and returns what came back, once each of them is answered. None may be a connect that is held, over websocket.
func (c *Client) Do(ms ...M) Answer { return c.Raw(array(c.fill(ms)), len(ms)) }

// Raw sends a text and returns what came back, once n messages are answered: over HTTP, the one response.
func (c *Client) Raw(body string, n int) Answer {
	if c.On != W {
		r := c.http(c.l.ctx, body)
		c.l.Need("send "+short(body), r.Err)
		ms, err := r.messages(c.On)
		c.l.Need("the answer to "+short(body), err)
		return Answer{Response: r, Messages: ms, l: c.l}
	}
	began := time.Now()
	c.Open().Send(body)
	c.pump(patience, "the answer to "+short(body), func() bool { return c.replies() >= n })
	return c.take(time.Since(began))
}

func (c *Client) http(ctx context.Context, body string) Response {
	if c.On == J {
		return c.Browser.request(ctx, http.MethodGet, callback(body), "", nil)
	}
	return c.Browser.request(ctx, http.MethodPost, "", body, Fields{"Content-Type": "application/json"})
}

// Open returns the client's socket, made now if there is none.
func (c *Client) Open() *Socket {
	if c.Socket == nil {
		c.Socket = c.Browser.Dial()
	}
	return c.Socket
}

// replies counts the replies in the backlog, but for those to held connects.
func (c *Client) replies() int {
	n := 0
	for _, m := range c.backlog {
		if m.IsReply() && !slices.ContainsFunc(c.held, func(h *Held) bool { return h.reply != nil && h.ID == m.ID() }) {
			n++
		}
	}
	return n
}

// pump takes frames into the backlog until done; it ends the check if that takes longer than d.
func (c *Client) pump(d time.Duration, what string, done func() bool) {
	end := time.Now().Add(d)
	for !done() {
		if err := c.frame(time.Until(end)); err != nil {
			c.l.Fatalf("%s: %v; arrived until then: %s", what, err, Texts(c.backlog))
		}
	}
}

// frame takes one frame into the backlog.
func (c *Client) frame(d time.Duration) error {
	f, err := c.Socket.Frame(d)
	if err != nil {
		return err
	}
	switch f.Op {
	case ws.OpClose:
		return errors.New("the server closed the connection with code " + strconv.Itoa(f.CloseCode()))
	case ws.OpText:
	default:
		return nil
	}
	ms, err := ParseMessages(f.Payload)
	if err != nil {
		return err
	}
	for _, m := range ms {
		for _, h := range c.held {
			if h.reply == nil && m.IsReply() && m.Channel() == "/meta/connect" && m.ID() == h.ID {
				h.reply, h.took = m, time.Since(h.began)
			}
		}
	}
	c.backlog = append(c.backlog, ms...)
	return nil
}

func (c *Client) take(took time.Duration) Answer {
	a := Answer{Response: Response{Took: took}, Messages: c.backlog, l: c.l}
	c.backlog = nil
	return a
}

// Hold sends messages of which the last is a connect, and does not wait.
func (c *Client) Hold(ms ...M) *Held {
	ms = c.fill(ms)
	ctx, cancel := context.WithCancel(c.l.ctx)
	h := &Held{c: c, cancel: cancel, began: time.Now()}
	h.ID, _ = ms[len(ms)-1]["id"].(string)
	if c.On == W {
		c.held = append(c.held, h)
		c.Open().Send(array(ms))
		return h
	}
	h.done = make(chan struct{})
	c.l.Cleanup(func() { cancel(); <-h.done })
	go func() {
		defer close(h.done)
		h.resp = c.http(ctx, array(ms))
	}()
	return h
}

// Wait returns the answer: a status other than 200 ends the check.
func (h *Held) Wait() Answer {
	c := h.c
	if c.On != W {
		r := h.Response()
		c.l.Need("the answer to a held connect", r.Err)
		ms, err := r.messages(c.On)
		c.l.Need("the answer to a held connect", err)
		return Answer{Response: r, Messages: ms, l: c.l}
	}
	c.pump(patience, "the answer to connect "+h.ID, func() bool { return h.reply != nil })
	return c.take(h.took)
}

// Response returns what came back over HTTP, whatever it is.
func (h *Held) Response() Response {
	select {
	case <-h.done:
	case <-h.c.l.ctx.Done():
		h.c.l.Fatalf("connect %s is not answered: %v", h.ID, context.Cause(h.c.l.ctx))
	}
	return h.resp
}

// over reports whether it has been answered, over HTTP.
func (h *Held) over() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// Quiet demands that no answer comes for d. Over websocket, events may.
func (h *Held) Quiet(what string, d time.Duration) {
	c := h.c
	if c.On == W {
		end := time.Now().Add(d)
		for h.reply == nil {
			if err := c.frame(time.Until(end)); errors.Is(err, ErrQuiet) {
				return
			} else if err != nil {
				c.l.Fatalf("%s: %v", what, err)
			}
		}
		c.l.Fatalf("%s: the connect should not be answered, got %s after %v", what, Texts(c.backlog), h.took)
	}
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-limit.C:
	case <-h.done:
		c.l.Fatalf("%s: the connect should not be answered, got status %d, %s, %v", what, h.resp.Status, short(h.resp.Body), h.resp.Err)
	case <-c.l.ctx.Done():
		c.l.Fatalf("%s: %v", what, context.Cause(c.l.ctx))
	}
}

// Cancel aborts the request, over HTTP.
func (h *Held) Cancel() {
	h.cancel()
	<-h.done
}

// Handshake shakes hands with the fields added; a refusal ends the check.
func (c *Client) Handshake(fields ...M) Message {
	r := c.Do(Handshake(c.On).with(fields...)).Reply()
	if r.ID() == "" || !r.Successful() || r.Text("clientId") == "" {
		c.l.Fatalf("the handshake failed: %s", r)
	}
	c.ID = r.Text("clientId")
	return r
}

// FirstConnect sends the connect that is answered at once.
func (c *Client) FirstConnect(fields ...M) Message {
	return c.Connect(append([]M{{"advice": M{"timeout": 0}}}, fields...)...).Reply()
}

// Connect sends a connect and waits for its answer; a refusal ends the check.
func (c *Client) Connect(fields ...M) Answer {
	h := c.Hold(Connect(c.On).with(fields...))
	a := h.Wait()
	if r := a.Reply(h.ID); !r.Successful() {
		c.l.Fatalf("the connect failed: %s", r)
	}
	return a
}

// HoldConnect sends a connect and does not wait.
func (c *Client) HoldConnect(fields ...M) *Held { return c.Hold(Connect(c.On).with(fields...)) }

// Call sends one message and returns its reply. Events that come with it are kept for Receive.
func (c *Client) Call(m M) Message {
	a := c.Do(m)
	c.keep(a.Events())
	return a.Reply()
}

// Subscribe subscribes; a refusal ends the check.
func (c *Client) Subscribe(channels ...string) {
	for _, ch := range channels {
		c.ok(c.Call(Subscribe(ch)))
	}
}

// Publish publishes; a refusal ends the check.
func (c *Client) Publish(channel string, data any) { c.ok(c.Call(Publish(channel, data))) }

func (c *Client) ok(r Message) {
	if !r.Successful() {
		c.l.Fatalf("refused: %s", r)
	}
}

func (c *Client) keep(events []Message) {
	if c.On == W {
		c.backlog = append(slices.Clone(events), c.backlog...)
		return
	}
	c.events = append(c.events, events...)
}

// Receive returns the next n events, in order. Over HTTP it sends connects for them.
func (c *Client) Receive(n int) []Message {
	end := time.Now().Add(patience)
	for c.On != W && len(c.events) < n {
		if time.Now().After(end) {
			c.l.Fatalf("%d events are expected, got %s", n, Texts(c.events))
		}
		c.events = append(c.events, c.Connect(M{"advice": M{"timeout": 500}}).Events()...)
	}
	if c.On == W {
		c.pump(patience, strconv.Itoa(n)+" events", func() bool { return len(Events(c.backlog)) >= n })
		c.events, c.backlog = Events(c.backlog), nil
	}
	got := c.events[:n:n]
	c.events = c.events[n:]
	if c.On == W {
		c.backlog, c.events = c.events, nil
	}
	return got
}

// Nothing demands that no event comes for d.
func (c *Client) Nothing(what string, d time.Duration) {
	if c.On == W {
		end := time.Now().Add(d)
		for {
			if err := c.frame(time.Until(end)); errors.Is(err, ErrQuiet) {
				break
			} else if err != nil {
				c.l.Fatalf("%s: %v", what, err)
			}
		}
		c.events, c.backlog = Events(c.backlog), nil
	} else if len(c.events) == 0 {
		c.events = c.Connect(M{"advice": M{"timeout": d.Milliseconds()}}).Events()
	}
	if len(c.events) > 0 {
		c.l.Errorf("%s: nothing should come, got %s", what, Texts(c.events))
	}
	c.events = nil
}

// Handshake is the message that clients send.
func Handshake(on Transport) M {
	return M{"channel": "/meta/handshake", "version": "1.0", "minimumVersion": "1.0", "supportedConnectionTypes": []string{string(on)}}
}

// Connect is the message that clients send.
func Connect(on Transport) M { return M{"channel": "/meta/connect", "connectionType": string(on)} }

// Subscribe is the message that subscribes to a channel, or to what else is given.
func Subscribe(subscription any) M {
	return M{"channel": "/meta/subscribe", "subscription": subscription}
}

// Unsubscribe takes a subscription back.
func Unsubscribe(subscription any) M {
	return M{"channel": "/meta/unsubscribe", "subscription": subscription}
}

// Publish is a message with data on a channel.
func Publish(channel string, data any) M { return M{"channel": channel, "data": data} }

// Disconnect ends the session.
func Disconnect() M { return M{"channel": "/meta/disconnect"} }
