package sqlite

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// BenchmarkSaveSessions: what a second of a busy server costs, with 1,000 sessions that each got something and confirmed it.
func BenchmarkSaveSessions(b *testing.B) {
	s := openTemp(b)
	defer s.Close()
	news := make([]store.Progress, 1000)
	now := time.Now()
	for i := range news {
		n := store.Session{Subscriber: "agent:dana", Term: 1, Subscriptions: map[string]int64{"/v2/me/chats": 1}}
		binary.BigEndian.PutUint64(n.Key[:], uint64(i)*0x9e3779b97f4a7c15)
		if err := s.InsertSession(b.Context(), n, now); err != nil {
			b.Fatal(err)
		}
		news[i] = store.Progress{Key: n.Key, Term: 1}
	}
	var at int64
	for b.Loop() {
		for i := range news {
			news[i].Place.Confirmed = at + 2
			news[i].Steps = []store.Step{
				{Kind: "pushed", Transport: "websocket", After: at, To: at + 2, At: now},
				{Kind: "confirmed", Transport: "websocket", After: at, To: at + 2, At: now.Add(time.Millisecond)},
			}
		}
		at += 2
		if err := s.SaveSessions(b.Context(), news); err != nil {
			b.Fatal(err)
		}
	}
}
