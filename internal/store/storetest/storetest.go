// Package storetest is the suite that every implementation of [store.Store] must pass. Whoever changes what a store does changes the suite first.
package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// Run checks the contract of store.Store. open returns a new, empty store, which the suite closes.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	themes := []struct {
		name  string
		tests []test
	}{
		{"batch", batchTests},
		{"events", eventTests},
		{"feed", feedTests},
		{"once", onceTests},
		{"agents", agentTests},
		{"standing", standingTests},
		{"work", workTests},
		{"bins", binTests},
		{"timers", timerTests},
		{"leases", leaseTests},
		{"logins", loginTests},
		{"sessions", sessionTests},
		{"deliveries", deliveryTests},
		{"counts", countTests},
		{"prune", pruneTests},
		{"contexts", contextTests},
		{"close", closeTests},
	}
	for _, theme := range themes {
		t.Run(theme.name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range theme.tests {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					s := open(t)
					t.Cleanup(func() {
						if err := s.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
					})
					tt.run(fixture{t, s})
				})
			}
		})
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		againstModel(t, open)
	})
}

type test struct {
	name string
	run  func(f fixture)
}

// fixture is a store under test. Its methods fail the test on an error.
type fixture struct {
	*testing.T
	store.Store
}

// start is a time with whole microseconds, and not of this year.
var start = time.Date(2021, 3, 4, 5, 6, 7, 89_000, time.UTC)

// must commits b.
func (f fixture) must(b store.Batch) store.Result {
	f.Helper()
	r, err := f.Commit(f.Context(), b)
	if err != nil {
		f.Fatalf("commit %+v: %v", b, err)
	}
	return r
}

// refuse commits b and wants the given kind of error, and no trace of b.
func (f fixture) refuse(b store.Batch, want error) {
	f.Helper()
	before := f.world()
	_, err := f.Commit(f.Context(), b)
	if !errors.Is(err, want) {
		f.Errorf("commit %+v: %v, want %v", b, err, want)
	}
	f.same(before, f.world())
}

func (f fixture) same(want, got any) {
	f.Helper()
	if d := cmp.Diff(want, got); d != "" {
		f.Errorf("want (-), got (+):\n%s", d)
	}
}

// noted is an event whose body says which one it is.
func noted(chatID string, seq int64) chat.Event {
	return chat.Event{
		ChatID: chatID, Seq: seq, Index: seq / 2, At: start.Add(time.Duration(seq) * time.Second),
		Actor: chat.Actor{Kind: chat.ByAgent, UserID: "dana"},
		Body:  chat.Unknown{Of: "noted", Raw: jsontext.Value(fmt.Sprintf(`{"of":%q,"n":%d}`, chatID, seq))},
	}
}

// head is the row of a chat that goes on.
func head(chatID string, seq int64) store.ChatRow {
	return store.ChatRow{ID: chatID, Service: "support", Seq: seq, Phase: chat.Active, KeyHash: [32]byte{1, 2, 3}, Started: start}
}

// note appends the events from seq on to a chat, n of them.
func note(chatID string, seq int64, n int) store.Batch {
	b := store.Batch{Chats: []store.ChatRow{head(chatID, seq+int64(n)-1)}}
	for i := range n {
		b.Events = append(b.Events, noted(chatID, seq+int64(i)))
	}
	return b
}

// told is a notification; n says which one.
func told(subscriber string, n int) store.Notification {
	return store.Notification{
		Subscriber: subscriber, Topic: "/v2/me/chats", At: start.Add(time.Duration(n) * time.Millisecond),
		Data: jsontext.Value(fmt.Sprintf(`{"n":%d,  "é":1.00}`, n)),
	}
}

func chatIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("c%d", i)
	}
	return ids
}
