package main

import (
	"context"
	"slices"
	"sync"

	"github.com/halley-chat/halley/bayeux"
)

// kept is how many messages can be replayed.
const kept = 1000

// journal is a Source that lives in memory: one stream that all sessions read, with the last messages that were published below /topic.
type journal struct {
	mu      sync.Mutex
	entries []bayeux.Entry
	last    int64
}

// keepTopics gives a server with the extension replay a stream. What is published below /topic is then stored, and delivered from there.
func keepTopics(o *bayeux.Options) *journal {
	if !slices.Contains(o.Extensions, bayeux.ExtensionReplay) {
		return nil
	}
	j := new(journal)
	o.Source, o.Stream = j, func(bayeux.Principal) string { return "topics" }
	return j
}

// listen takes over what is published below /topic.
func (j *journal) listen(srv *bayeux.Server) error {
	if j == nil {
		return nil
	}
	return srv.Listen("/topic/**", func(_ context.Context, _ *bayeux.Session, m *bayeux.Message) error {
		srv.Wake("topics", j.append(bayeux.Entry{Channel: m.Channel, Data: m.Data}))
		return bayeux.ErrTaken
	})
}

func (j *journal) append(e bayeux.Entry) (head int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	e.N, e.Data = j.last, e.Data.Clone() // the message's memory is its request's
	if len(j.entries) == kept {
		j.entries = slices.Delete(j.entries, 0, 1)
	}
	j.entries = append(j.entries, e)
	return j.last
}

// Head is the number of the newest message.
func (j *journal) Head(context.Context, string) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last, nil
}

// After returns messages in their order.
func (j *journal) After(_ context.Context, _ string, after int64, limit int) ([]bayeux.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first, _ := slices.BinarySearchFunc(j.entries, after+1, func(e bayeux.Entry, n int64) int { return int(e.N - n) })
	return slices.Clone(j.entries[first:min(first+limit, len(j.entries))]), nil
}
