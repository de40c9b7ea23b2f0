package sqlite

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// message is what one message in a chat commits: six statements, and about 1.2 KB of text.
func message(chatID string, seq int64) store.Batch {
	now := time.Now()
	body := jsontext.Value(`{"text":"` + strings.Repeat("hello ", 30) + `"}`)
	return store.Batch{
		Expect: []store.Expect{{ChatID: chatID, Seq: seq - 1}},
		Chats:  []store.ChatRow{{ID: chatID, Service: "support", Seq: seq, Phase: chat.Active, Started: now}},
		Events: []chat.Event{{ChatID: chatID, Seq: seq, Index: seq, At: now, Actor: chat.Actor{Kind: chat.ByCustomer}, Body: chat.Unknown{Of: "bench", Raw: body}}},
		Timers: []store.TimerChange{{Timer: store.Timer{Kind: "customer", Key: chatID, At: now.Add(time.Minute), Data: jsontext.Value(`{"chatId":"x"}`)}}},
		Notifications: []store.Notification{{
			Subscriber: "agent:" + chatID, Topic: "/v2/me/chats", At: now, Data: jsontext.Value(`{"text":"` + strings.Repeat("hello ", 160) + `"}`),
		}},
	}
}

// BenchmarkCommit compares the store with a bare loop of the same statements, each command in a transaction of its own.
func BenchmarkCommit(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("store/callers=%d", callers), func(b *testing.B) {
			s := openTemp(b)
			defer s.Close()
			measure(b, callers, func(caller int, seq int64) error {
				_, err := s.Commit(context.Background(), message(fmt.Sprintf("chat-%02d", caller), seq))
				return err
			})
		})
		b.Run(fmt.Sprintf("bare/callers=%d", callers), func(b *testing.B) {
			s := openTemp(b)
			defer s.Close()
			var one sync.Mutex
			conn, err := s.read.Conn(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.ExecContext(b.Context(), "PRAGMA query_only(OFF)"); err != nil {
				b.Fatal(err)
			}
			stmts, err := prepareWrites(b.Context(), conn)
			if err != nil {
				b.Fatal(err)
			}
			defer stmts.close()
			tx := &transaction{stmts, context.Background()}
			measure(b, callers, func(caller int, seq int64) error {
				c, err := s.newCommit(message(fmt.Sprintf("chat-%02d", caller), seq))
				if err != nil {
					return err
				}
				one.Lock()
				defer one.Unlock()
				if _, err := conn.ExecContext(tx.ctx, "BEGIN IMMEDIATE"); err != nil {
					return err
				}
				if _, err := c.check(tx); err != nil {
					return err
				}
				if err := c.write(tx); err != nil {
					return err
				}
				_, err = conn.ExecContext(tx.ctx, "COMMIT")
				return err
			})
		})
	}
}

// measure lets each caller commit to a chat of its own until b.N commits are done.
func measure(b *testing.B, callers int, commit func(caller int, seq int64) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var running sync.WaitGroup
	b.ResetTimer()
	for caller := range callers {
		running.Go(func() {
			for seq := int64(1); left.Add(-1) >= 0; seq++ {
				if err := commit(caller, seq); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
