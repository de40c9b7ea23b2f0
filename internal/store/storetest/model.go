package storetest

import (
	"bytes"
	order "cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// againstModel does random batches, right and wrong ones, to the store and to a model in memory, and compares each result,
// and in the end everything that can be read.
func againstModel(t *testing.T, open func(t *testing.T) store.Store) {
	rapid.Check(t, func(r *rapid.T) {
		s := open(t)
		defer s.Close()
		m, err := newModel(t.Context(), s)
		if err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 8).Draw(r, "batches") {
			if rapid.IntRange(0, 9).Draw(r, "prune") == 0 {
				before := store.Horizons{Feed: drawTime(r), Answers: drawTime(r), Batch: rapid.IntRange(0, 3).Draw(r, "of")}
				n, err := s.Prune(t.Context(), before)
				if want := m.prune(before); err != nil || n != want {
					r.Fatalf("prune: %d, %v; want %d", n, err, want)
				}
			} else {
				b := m.drawBatch(r)
				want, wantErr := m.commit(b)
				got, err := s.Commit(t.Context(), b)
				if !errors.Is(err, wantErr) {
					r.Fatalf("commit %+v: %v, want %v", b, err, wantErr)
				}
				if d := cmp.Diff(want, got); d != "" {
					r.Fatalf("commit %+v: want (-), got (+):\n%s", b, d)
				}
			}
		}
		got, err := readWorld(t.Context(), s)
		if err != nil {
			r.Fatal(err)
		}
		if d := cmp.Diff(m.world, got); d != "" {
			r.Fatalf("want (-), got (+):\n%s", d)
		}
	})
}

// model is a store in memory, written for the eye alone.
type model struct {
	world
	at map[string]time.Time // of answers
	// The order in which rows were written, over all feeds and keys: pruning goes along it.
	feedOrder   []store.Notification
	answerOrder []string
}

func newModel(ctx context.Context, s store.Store) (*model, error) {
	w, err := readWorld(ctx, s)
	return &model{world: w, at: map[string]time.Time{}}, err
}

func (m *model) commit(b store.Batch) (r store.Result, err error) {
	if b.Once != nil {
		if answer, ok := m.Answers[b.Once.Key]; ok {
			if b.Once.Sum != sumOf(b.Once.Key) {
				return r, store.ErrKeyReused
			}
			return store.Result{Answered: jsontext.Value(answer)}, nil
		}
	}
	if !m.expected(b) {
		return r, store.ErrConflict
	}
	if b.Once != nil {
		m.Answers[b.Once.Key] = string(b.Once.Answer)
		m.at[b.Once.Key] = b.Once.At
		m.answerOrder = append(m.answerOrder, b.Once.Key)
	}
	for _, c := range b.Chats {
		if old, ok := m.Chats[c.ID]; ok {
			if m.Counts[old.Phase]--; m.Counts[old.Phase] == 0 {
				delete(m.Counts, old.Phase)
			}
		}
		m.Counts[c.Phase]++
		m.Chats[c.ID] = c
	}
	for _, e := range b.Events {
		m.Events[e.ChatID] = append(m.Events[e.ChatID], e)
	}
	for _, a := range b.Agents {
		a.Version++
		m.Agents = slices.DeleteFunc(m.Agents, func(x store.AgentRow) bool { return x.State.UserID == a.State.UserID })
		m.Agents = append(m.Agents, a)
	}
	slices.SortFunc(m.Agents, func(a, b store.AgentRow) int { return strings.Compare(a.State.UserID, b.State.UserID) })
	for _, w := range b.Work {
		m.Waiting = slices.DeleteFunc(m.Waiting, func(x store.Work) bool { return x.ChatID == w.ChatID })
		if !w.Leave {
			m.Waiting = append(m.Waiting, w.Work)
		}
	}
	slices.SortFunc(m.Waiting, func(a, b store.Work) int {
		return order.Or(a.Since.Compare(b.Since), strings.Compare(a.ChatID, b.ChatID))
	})
	for _, c := range b.Bins {
		for name, chats := range m.Bins {
			m.Bins[name] = slices.DeleteFunc(slices.Clone(chats), func(x store.Binned) bool { return x.ChatID == c.ChatID && (!c.Out || name == c.Workbin) })
		}
		if !c.Out {
			m.Bins[c.Workbin] = append(m.Bins[c.Workbin], c.Binned)
		}
	}
	for _, chats := range m.Bins {
		slices.SortFunc(chats, func(a, b store.Binned) int { return order.Or(a.At.Compare(b.At), strings.Compare(a.ChatID, b.ChatID)) })
	}
	for _, t := range b.Timers {
		m.Timers = slices.DeleteFunc(m.Timers, func(x store.Timer) bool {
			return x.Kind == t.Kind && x.Key == t.Key && (!t.Clear || t.At.IsZero() || t.At.Equal(x.At))
		})
		if !t.Clear {
			m.Timers = append(m.Timers, t.Timer)
		}
	}
	slices.SortFunc(m.Timers, func(a, b store.Timer) int {
		return order.Or(a.At.Compare(b.At), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
	})
	for _, n := range b.Notifications {
		m.Heads[n.Subscriber]++
		n.N = m.Heads[n.Subscriber]
		m.Feeds[n.Subscriber] = append(m.Feeds[n.Subscriber], n)
		m.feedOrder = append(m.feedOrder, n)
		r.Notifications = append(r.Notifications, n)
	}
	m.tidy()
	return r, nil
}

func (m *model) expected(b store.Batch) bool {
	for _, e := range b.Expect {
		if e.ChatID != "" && m.Chats[e.ChatID].Seq != e.Seq {
			return false
		}
		if e.Work != "" && !slices.ContainsFunc(m.Waiting, func(w store.Work) bool { return w.ChatID == e.Work }) {
			return false
		}
		if e.Bin != "" && int64(len(m.Bins[e.Bin])) >= e.Below {
			return false
		}
	}
	for _, c := range b.Chats {
		events := slices.DeleteFunc(slices.Clone(b.Events), func(e chat.Event) bool { return e.ChatID != c.ID })
		if m.Chats[c.ID].Seq+int64(len(events)) != c.Seq {
			return false
		}
	}
	for _, a := range b.Agents {
		if m.version(a.State.UserID) != a.Version {
			return false
		}
	}
	return true
}

func (m *model) version(userID string) int64 {
	for _, a := range m.Agents {
		if a.State.UserID == userID {
			return a.Version
		}
	}
	return 0
}

func (m *model) prune(before store.Horizons) (n int64) {
	for len(m.feedOrder) > 0 && m.feedOrder[0].At.Before(before.Feed) {
		name := m.feedOrder[0].Subscriber
		m.Feeds[name] = m.Feeds[name][1:]
		m.feedOrder = m.feedOrder[1:]
		n++
	}
	for len(m.answerOrder) > 0 && m.at[m.answerOrder[0]].Before(before.Answers) {
		delete(m.Answers, m.answerOrder[0])
		m.answerOrder = m.answerOrder[1:]
		n++
	}
	m.tidy()
	return n
}

// tidy gives what is empty the form in which it is read.
func (m *model) tidy() {
	maps.DeleteFunc(m.Bins, func(_ string, chats []store.Binned) bool { return len(chats) == 0 })
	maps.DeleteFunc(m.Feeds, func(_ string, rows []store.Notification) bool { return len(rows) == 0 })
	if len(m.Waiting) == 0 {
		m.Waiting = nil
	}
	if len(m.Timers) == 0 {
		m.Timers = nil
	}
}

// drawBatch draws a valid batch. Most of what it expects is true.
func (m *model) drawBatch(r *rapid.T) (b store.Batch) {
	some := func(label string) bool { return rapid.IntRange(0, 2).Draw(r, label) == 0 }
	wrong := func(label string) int64 {
		if rapid.IntRange(0, 14).Draw(r, label) == 0 {
			return 1
		}
		return 0
	}
	if some("once") {
		key := rapid.SampledFrom(worldKeys).Draw(r, "key")
		b.Once = &store.Once{Key: key, Sum: sumOf(key), At: drawTime(r), Answer: drawValue(r)}
		if _, answered := m.Answers[key]; answered && wrong("sum") == 1 {
			b.Once.Sum[5]++
		}
	}
	for _, id := range worldChats {
		seq := m.Chats[id].Seq
		if some("expect " + id) {
			b.Expect = append(b.Expect, store.Expect{ChatID: id, Seq: seq + wrong("seq")})
		}
		if waits := slices.ContainsFunc(m.Waiting, func(w store.Work) bool { return w.ChatID == id }); waits && some("waits "+id) || wrong("waits") == 1 {
			b.Expect = append(b.Expect, store.Expect{Work: id})
		}
		if some("write " + id) {
			seq += wrong("next")
			n := int64(rapid.IntRange(0, 3).Draw(r, "events"))
			if seq+n == 0 {
				n = 1
			}
			for i := range n {
				e := noted(id, seq+i+1)
				e.At = drawTime(r)
				b.Events = append(b.Events, e)
			}
			row := head(id, seq+n)
			row.Phase = rapid.SampledFrom([]chat.Phase{chat.Waiting, chat.Active, chat.Finished}).Draw(r, "phase")
			b.Chats = append(b.Chats, row)
		}
		if some("work " + id) {
			b.Work = append(b.Work, store.WorkChange{
				Work:  store.Work{ChatID: id, Queue: "sales", Since: drawTime(r), Priority: rapid.IntRange(-2, 2).Draw(r, "priority")},
				Leave: rapid.Bool().Draw(r, "leave"),
			})
		}
		if some("bin " + id) {
			name := rapid.SampledFrom(worldBins).Draw(r, "bin")
			b.Bins = append(b.Bins, store.BinChange{Binned: store.Binned{ChatID: id, Workbin: name, By: "dana", At: drawTime(r)}, Out: rapid.Bool().Draw(r, "out")})
			b.Expect = append(b.Expect, store.Expect{Bin: name, Below: int64(len(m.Bins[name])) + 1 - wrong("full")})
		}
		if some("timer " + id) {
			t := store.TimerChange{Timer: store.Timer{Kind: rapid.SampledFrom([]string{"offer", "typing"}).Draw(r, "kind"), Key: id, At: drawTime(r)}}
			if t.Clear = rapid.Bool().Draw(r, "clear"); !t.Clear {
				t.Data = drawValue(r)
			} else if rapid.Bool().Draw(r, "whenever") {
				t.At = time.Time{}
			}
			b.Timers = append(b.Timers, t)
		}
	}
	for _, name := range worldFeeds {
		userID := strings.TrimPrefix(name, "agent:")
		if some("agent " + userID) {
			b.Agents = append(b.Agents, store.AgentRow{
				State: agent.State{UserID: userID, RefID: rapid.Int64().Draw(r, "ref")}, Version: m.version(userID) + wrong("version"),
			})
		}
	}
	for i := range rapid.IntRange(0, 5).Draw(r, "notifications") {
		n := told(rapid.SampledFrom(worldFeeds).Draw(r, "subscriber"), i)
		n.At, n.Data = drawTime(r), drawValue(r)
		b.Notifications = append(b.Notifications, n)
	}
	return b
}

// drawTime draws one of few times, so that equal ones meet.
func drawTime(r *rapid.T) time.Time {
	return start.Add(time.Duration(rapid.IntRange(0, 20).Draw(r, "minute")) * time.Minute)
}

func drawValue(r *rapid.T) jsontext.Value {
	text := rapid.String().Draw(r, "text")
	raw, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "?"))
	if err != nil {
		panic(err)
	}
	return bytes.Join([][]byte{[]byte(`{ "text":`), raw, fmt.Appendf(nil, `, "n":%d.0}`, len(text))}, nil)
}
