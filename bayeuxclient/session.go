package bayeuxclient

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Channels of the protocol.
const (
	metaHandshake   = "/meta/handshake"
	metaConnect     = "/meta/connect"
	metaSubscribe   = "/meta/subscribe"
	metaUnsubscribe = "/meta/unsubscribe"
	metaDisconnect  = "/meta/disconnect"
)

// session is what one handshake made: who waits for which reply, and how far messages are acknowledged.
type session struct {
	client *Client
	id     string        // the clientId; set by handshake, before anybody else has the session
	acking bool          // the server agreed to acknowledge [AK-1]; as id
	replay bool          // it agreed to tell positions [RP-1]; as id
	proven bool          // a connect succeeded; the keeper's
	ack    atomic.Int64  // the last batch received [AK-3]
	lost   chan struct{} // closed when the session is given up

	mu      sync.Mutex
	waiting map[string]*waiter
}

// waiter waits for the reply to one message.
type waiter struct {
	channel  string
	call     bool          // waits for the message that answers a remote call; its reply only says that it may come [PUB-11]
	accepted atomic.Bool   // that reply has come
	got      chan incoming // capacity 1
}

func newSession(c *Client) *session {
	return &session{client: c, lost: make(chan struct{}), waiting: map[string]*waiter{}}
}

// exchange sends msgs as one array and returns the reply to each, in their order. Each must come within patience, but for the
// answer to a call, which is bounded by ctx alone.
func (s *session) exchange(ctx context.Context, t transport, patience time.Duration, call bool, msgs ...outgoing) ([]incoming, error) {
	waiters := make([]*waiter, len(msgs))
	for i := range msgs {
		m := &msgs[i]
		m.ID = strconv.FormatInt(s.client.lastID.Add(1), 10)
		m.ClientID = s.id
		if s.replay && m.Channel == metaSubscribe {
			m.Ext = s.client.positions.ext(m.Subscription)
		}
		w := &waiter{channel: m.Channel, call: call, got: make(chan incoming, 1)}
		waiters[i] = w
		s.await(m.ID, w)
		defer s.forget(m.ID)
	}
	soon, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel()
	if err := t.send(soon, msgs); err != nil {
		return nil, err
	}
	if !call {
		ctx = soon
	}
	replies := make([]incoming, len(msgs))
	for i, w := range waiters {
		reply, err := s.wait(ctx, t, w)
		if err != nil {
			return nil, err
		}
		replies[i] = reply
		if s.replay && msgs[i].Channel == metaSubscribe && reply.successful() {
			s.client.positions.subscribed(msgs[i].Subscription, reply.Ext)
		}
	}
	return replies, nil
}

// wait returns what w waits for, or why it will not come.
func (s *session) wait(ctx context.Context, t transport, w *waiter) (incoming, error) {
	broken := t.ended()
	for {
		var err error
		select {
		case m := <-w.got:
			return m, nil
		case <-broken:
			if w.accepted.Load() {
				broken = nil // the answer to the call will be in the session's queue [DEL-9]
				continue
			}
			err = t.err()
		case <-s.lost:
			err = ErrSessionLost
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		select {
		case m := <-w.got: // at the same moment
			return m, nil
		default:
			return incoming{}, err
		}
	}
}

func (s *session) await(id string, w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[id] = w
}

func (s *session) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
}

// receive takes one array of the server, for all transports of the session. Messages are queued before any reply is made known, so
// that whoever learns that a batch is complete (its number: AK-2) finds all of it in the inbox.
func (s *session) receive(stop <-chan struct{}, msgs []incoming) error {
	var events []event
	replies := msgs[:0]
	for _, m := range msgs {
		// Data is what tells a message from a reply [MSG-9]; the answer to a call has both data and an id.
		if m.Data != nil && !s.isAnswer(m) {
			e := event{message: m.message(), size: m.size()}
			if old := s.place(&e, m); !old {
				events = append(events, e)
			}
		} else {
			replies = append(replies, m)
		}
	}
	var err error
	if len(events) > 0 {
		err = s.client.inbox.put(stop, events)
	}
	for _, m := range replies {
		s.reply(m)
	}
	return err
}

// place notes the position that a message tells. It reports whether all subscriptions had the message before.
func (s *session) place(e *event, m incoming) (old bool) {
	if !s.replay {
		return false
	}
	id := m.replayID()
	if id == 0 {
		return false
	}
	e.message.ReplayID = id
	e.stale, old = s.client.positions.reached(m.Channel, id)
	return old
}

// isAnswer reports whether m answers a remote call. Other servers' broadcast messages may have an id too: the publisher's.
func (s *session) isAnswer(m incoming) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiting[m.id()]
	return w != nil && w.call && w.channel == m.Channel
}

// reply hands m to whoever waits for it. What nobody waits for is too late and dropped.
func (s *session) reply(m incoming) {
	switch m.Channel {
	case metaConnect:
		if n, ok := m.ackNumber(); ok {
			s.ack.Store(n)
		}
		s.client.clock.learn(m.Ext)
	case metaHandshake:
		s.client.clock.learn(m.Ext)
	case metaDisconnect:
		if m.RawID == nil && m.successful() {
			s.client.finish(ErrDisconnected) // [DC-5]
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiting[m.id()]
	switch {
	case w == nil || w.channel != m.Channel:
	case w.call && m.Data == nil && m.successful():
		w.accepted.Store(true)
	default:
		select {
		case w.got <- m:
		default: // answered twice
		}
	}
}

// message returns m as a subscriber sees it.
func (m incoming) message() Message {
	return Message{Channel: m.Channel, ID: m.id(), Data: m.Data, Ext: m.Ext}
}

// handshake makes the session over t, and returns the server's advice and the transports it offers [6.1].
func (s *session) handshake(ctx context.Context, t transport, offered []string) (Advice, []string, error) {
	opt := s.client.opt
	ext := make(map[string]jsontext.Value, len(opt.Ext)+1)
	for name, value := range opt.Ext {
		ext[name] = value
	}
	if opt.Ack {
		ext["ack"] = jsontext.Value("true")
	}
	if opt.Replay {
		ext["replay"] = jsontext.Value("true")
	}
	if opt.Timesync {
		ext["timesync"] = s.client.askTime()
	}
	replies, err := s.exchange(ctx, t, opt.MaxNetworkDelay, false, outgoing{
		Channel:                  metaHandshake,
		Version:                  "1.0",
		MinimumVersion:           "1.0",
		SupportedConnectionTypes: offered,
		Ext:                      ext,
	})
	if err != nil {
		return Advice{}, nil, err
	}
	reply := replies[0]
	advice := reply.advice(Advice{Reconnect: reconnectRetry, Timeout: defaultHold})
	if !reply.successful() || reply.ClientID == "" {
		if reply.RawAdvice == nil {
			advice.Reconnect = reconnectNone
		}
		return Advice{}, nil, &RefusedError{Text: reply.Error, Advice: advice, Ext: reply.Ext}
	}
	s.id = reply.ClientID
	n, ok := reply.ackNumber()
	s.acking = ok && opt.Ack
	s.ack.Store(n)
	s.replay = opt.Replay && reply.agrees("replay")
	return advice, reply.SupportedConnectionTypes, nil
}

// defaultHold is how long a server that gives no advice is taken to hold a connect.
const defaultHold = 30 * time.Second

// connect makes one connect over t. urgent asks for an answer at once [CN-3].
func (s *session) connect(ctx context.Context, t transport, hold time.Duration, urgent bool) (incoming, error) {
	msg := outgoing{Channel: metaConnect, ConnectionType: t.name()}
	if urgent {
		msg.Advice, hold = &askedAdvice{Timeout: 0}, 0
	}
	msg.Ext = map[string]jsontext.Value{}
	if s.acking {
		msg.Ext["ack"] = jsontext.Value(strconv.FormatInt(s.ack.Load(), 10))
	}
	if s.client.opt.Timesync {
		msg.Ext["timesync"] = s.client.askTime()
	}
	replies, err := s.exchange(ctx, t, hold+s.client.opt.MaxNetworkDelay, false, msg)
	if err != nil {
		return incoming{}, err
	}
	return replies[0], nil
}
