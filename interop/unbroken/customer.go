package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/customer"
)

// writer is a customer who has one chat after the other, and counts what she was promised.
type writer struct {
	name    string
	server  string
	service string
	length  int           // messages of a chat
	every   time.Duration // one message

	mu       sync.Mutex
	answered int // messages
	chats    int // that were written and read to the end
	wrong    []string
}

// write has chats until sending ends, the last of them to its end within ctx.
func (w *writer) write(ctx, sending context.Context) {
	client := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for n := 1; sending.Err() == nil; n++ {
		chat := &customer.Client{Server: w.server, Service: w.service, HTTP: client}
		err := w.chat(ctx, sending, tick, chat, n)
		if err != nil && ctx.Err() == nil {
			w.mu.Lock()
			w.wrong = append(w.wrong, fmt.Sprintf("%s, chat %s: %v", w.name, chat.ChatID(), err))
			w.mu.Unlock()
			sleep(sending, time.Second)
		}
	}
}

// chat writes numbered messages, each until it is answered, reads the transcript and leaves.
func (w *writer) chat(ctx, sending context.Context, tick *time.Ticker, c *customer.Client, n int) error {
	_, err := insist(ctx, func() (customer.Envelope, error) {
		return c.Start(ctx, customer.Param{Name: "nickname", Value: fmt.Sprintf("%s %d", w.name, n)})
	})
	if err != nil {
		return err
	}
	sent := 0
	for sent < w.length && sending.Err() == nil {
		select {
		case <-sending.Done():
			continue
		case <-tick.C:
		}
		id := fmt.Sprint("m", sent)
		if _, err := insist(ctx, func() (customer.Envelope, error) { return c.Send(ctx, text(sent), customer.Once(id)) }); err != nil {
			return err
		}
		sent++
		w.mu.Lock()
		w.answered++
		w.mu.Unlock()
	}
	if err := w.read(ctx, c, sent); err != nil {
		return err
	}
	if _, err := insist(ctx, func() (customer.Envelope, error) { return c.Disconnect(ctx) }); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.chats++
	return nil
}

func text(n int) string { return fmt.Sprint("message ", n) }

// read waits until an agent is there, and holds the transcript against what was answered: every message once, in order, indices without a gap (I1).
func (w *writer) read(ctx context.Context, c *customer.Client, sent int) error {
	for {
		e, err := insist(ctx, func() (customer.Envelope, error) { return c.Refresh(ctx, customer.From(1)) })
		if err != nil {
			return err
		}
		joined, seen := false, 0
		for i, m := range e.Messages {
			if m.Index != int64(i+1) {
				return fmt.Errorf("in the transcript, index %d stands where %d belongs", m.Index, i+1)
			}
			joined = joined || m.Type == "ParticipantJoined" && m.From.Type == "Agent"
			if m.Type != "Message" {
				continue
			}
			if m.Text != text(seen) {
				return fmt.Errorf("in the transcript, %q stands where %q belongs", m.Text, text(seen))
			}
			seen++
		}
		if seen != sent {
			return fmt.Errorf("%d messages were answered, and %d are in the transcript", sent, seen)
		}
		if joined {
			return nil
		}
		sleep(ctx, lookInterval)
	}
}

// insist tries again until the server says something that it will say again.
func insist(ctx context.Context, try func() (customer.Envelope, error)) (customer.Envelope, error) {
	for {
		e, err := try()
		refused, isAnswer := errors.AsType[*customer.Error](err)
		if err == nil || ctx.Err() != nil || isAnswer && !refused.Temporary() {
			return e, err
		}
		sleep(ctx, pause)
	}
}
