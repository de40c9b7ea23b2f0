package desk

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// Caller is a customer's claim: the key is checked against the chat, the chat against the service.
type Caller struct {
	Service string
	ChatID  string
	Key     string // secureKey
}

// StartChat is a customer's wish to begin (customer-api 2.1), already validated.
type StartChat struct {
	Service  *directory.Service
	Queue    string // id; "": the service's
	Nickname string
	UserData chat.UserData
	Text     string
}

// CustomerChat is what a customer may know of her chat at one moment.
type CustomerChat struct {
	ChatID       string
	Key          string // secureKey
	UserID       string // her participant id
	Nickname     string
	Ended        bool
	NextPosition int64 // highest index used + 1; a repeated request gets that of the first answer

	desk *Desk
	held held
}

// StartChat begins a chat and puts it into its queue.
func (d *Desk) StartChat(ctx context.Context, s StartChat) (CustomerChat, error) {
	queue := s.Queue
	if queue == "" {
		queue = s.Service.Queue
	}
	id, key := newChatID(), newKey()
	h, _, err := d.run(ctx, order{
		chatID: id,
		new:    &store.ChatRow{ID: id, Service: s.Service.Name, KeyHash: sha256.Sum256([]byte(key)), Started: now()},
		actor:  chat.Actor{Kind: chat.ByCustomer},
		action: chat.Start{
			Service: s.Service.Name, Queue: queue, UserData: s.UserData, Text: s.Text,
			Customer: chat.Participant{ID: newParticipantID(), Nickname: s.Nickname},
		},
	})
	if err != nil {
		return CustomerChat{}, err
	}
	d.seen.note(id, time.Now())
	return d.customerChat(h, key), nil
}

// Customer returns the chat of a customer, and takes the request for a sign of life. An unknown chat, a wrong key, another service and a chat
// past its retention are all chat.ErrNotFound (customer-api 1.8, 1.10).
func (d *Desk) Customer(ctx context.Context, c Caller) (CustomerChat, error) {
	h, err := d.authorise(ctx, c)
	if err != nil {
		return CustomerChat{}, err
	}
	return d.customerChat(h, c.Key), nil
}

// CustomerDo runs one action of the customer. chat.ErrEnded: the chat is over for her, and only reading is left; to disconnect again is fine.
func (d *Desk) CustomerDo(ctx context.Context, c Caller, a chat.Action, once *Once) (CustomerChat, error) {
	h, err := d.authorise(ctx, c)
	if err != nil {
		return CustomerChat{}, err
	}
	next, receipt, err := d.run(ctx, order{chatID: c.ChatID, actor: chat.Actor{Kind: chat.ByCustomer}, action: a, once: once})
	if _, leaving := a.(chat.Disconnect); leaving && errors.Is(err, chat.ErrEnded) {
		return d.Customer(ctx, c)
	}
	if err != nil {
		return CustomerChat{}, err
	}
	if next.row.ID == "" {
		next = h // answered before, by another node or before a restart
	}
	cc := d.customerChat(next, c.Key)
	cc.NextPosition = receipt.LastIndex + 1
	return cc, nil
}

func (d *Desk) authorise(ctx context.Context, c Caller) (held, error) {
	sum := sha256.Sum256([]byte(c.Key))
	h, err := d.chat(ctx, c.ChatID)
	if err != nil && !errors.Is(err, chat.ErrNotFound) {
		return held{}, err
	}
	// A chat that does not exist has the zero hash, which no key has: it is told by the same comparison.
	if subtle.ConstantTimeCompare(sum[:], h.row.KeyHash[:]) != 1 || h.row.Service != c.Service || d.forgotten(h) {
		return held{}, fmt.Errorf("chat: %w", chat.ErrNotFound)
	}
	if _, in := h.state.Customer(); in {
		d.seen.note(c.ChatID, time.Now())
		// Had she left between the snapshot and the note, nobody would forget her.
		if latest, ok := d.chats.Peek(c.ChatID); ok {
			if _, in := latest.state.Customer(); !in {
				d.seen.forget(c.ChatID)
			}
		}
	}
	return h, nil
}

// forgotten says whether the chat has been over for longer than its customer may still read it.
func (d *Desk) forgotten(h held) bool {
	s := d.Directory.Service(h.row.Service)
	return s == nil || !h.state.EndedAt.IsZero() && time.Since(h.state.EndedAt) > s.EndedRetention
}

func (d *Desk) customerChat(h held, key string) CustomerChat {
	customer, _ := h.state.Customer()
	return CustomerChat{
		ChatID: h.row.ID, Key: key, UserID: customer.ID, Nickname: customer.Nickname,
		Ended: !h.state.EndedAt.IsZero(), NextPosition: h.state.LastIndex + 1,
		desk: d, held: h,
	}
}

// Messages returns the events that the customer may see with an index of from or more, up to NextPosition; with a negative from the last one only
// (customer-api 1.9).
func (cc CustomerChat) Messages(ctx context.Context, from int64) ([]chat.Message, error) {
	last := from < 0
	from = max(from, 1)
	if from > cc.held.state.LastIndex {
		return nil, nil
	}
	log := cc.held.events
	if !reaches(log, from) || last {
		var err error
		if log, err = cc.desk.log(ctx, cc.held); err != nil {
			return nil, err
		}
	}
	messages := chat.CustomerTranscript(log, from, now())
	// A repeated request is answered with what there was at first: what follows comes to who asks from the next position on.
	if i := slices.IndexFunc(messages, func(m chat.Message) bool { return m.Index >= cc.NextPosition }); i >= 0 {
		messages = messages[:i]
	}
	if last && len(messages) > 1 {
		messages = messages[len(messages)-1:]
	}
	return messages, nil
}

// reaches says whether the end of a log holds every event with an index of from or more.
func reaches(log []chat.Event, from int64) bool {
	if len(log) > 0 && log[0].Seq == 1 {
		return true
	}
	i := slices.IndexFunc(log, func(e chat.Event) bool { return e.Index > 0 })
	return i >= 0 && log[i].Index <= from
}
