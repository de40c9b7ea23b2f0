package main

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	_ "modernc.org/sqlite"

	"github.com/halley-chat/halley/bench/bare"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// measureStore returns commands per second, and how long each took in milliseconds.
func measureStore(ctx context.Context, dir string, callers int, d time.Duration) (rate float64, took []float64, err error) {
	dir, err = os.MkdirTemp(dir, "commit-")
	if err != nil {
		return 0, nil, err
	}
	defer os.RemoveAll(dir)
	s, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return 0, nil, err
	}
	defer s.Close()
	each := make([][]float64, callers)
	errs := make([]error, callers)
	begun := time.Now()
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for seq := int64(1); time.Since(begun) < d; seq++ {
				before := time.Now()
				if _, errs[caller] = s.Commit(ctx, command(bare.ChatID(caller), seq, before)); errs[caller] != nil {
					return
				}
				each[caller] = append(each[caller], float64(time.Since(before))/float64(time.Millisecond))
			}
		})
	}
	running.Wait()
	elapsed := time.Since(begun).Seconds()
	for caller := range callers {
		if errs[caller] != nil {
			return 0, nil, errs[caller]
		}
		took = append(took, each[caller]...)
	}
	return float64(len(took)) / elapsed, took, nil
}

func command(id string, seq int64, now time.Time) store.Batch {
	return store.Batch{
		Expect: []store.Expect{{ChatID: id, Seq: seq - 1}},
		Chats:  []store.ChatRow{{ID: id, Service: "support", Seq: seq, Phase: chat.Active, Started: now}},
		Events: []chat.Event{{
			ChatID: id, Seq: seq, Index: seq, At: now, Actor: chat.Actor{Kind: chat.ByCustomer},
			Body: chat.Unknown{Of: "measured", Raw: jsontext.Value(bare.EventBody)},
		}},
		Timers:        []store.TimerChange{{Timer: store.Timer{Kind: "customer", Key: id, At: now.Add(time.Minute), Data: jsontext.Value(bare.TimerData)}}},
		Notifications: []store.Notification{{Subscriber: "agent:" + id, Topic: bare.Topic, Data: jsontext.Value(bare.NoticeData), At: now}},
	}
}

func sqliteVersion(ctx context.Context) (v string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer db.Close()
	return v, db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&v)
}
