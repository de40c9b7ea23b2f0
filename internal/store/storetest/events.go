package storetest

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

var eventTests = []test{
	{"order and limits", eventRanges},
	{"what is kept of an event", eventFields},
	{"chats do not mix", chatsApart},
	{"a chat of 10,000 events", longChat},
	{"the row of a chat", chatRows},
}

func eventRanges(f fixture) {
	f.must(note("c0", 1, 4))
	f.must(note("c0", 5, 1))
	for _, tt := range []struct {
		after int64
		limit int
		want  []int64
	}{
		{0, 0, []int64{1, 2, 3, 4, 5}}, {0, 2, []int64{1, 2}}, {2, 2, []int64{3, 4}}, {4, 100, []int64{5}}, {5, 0, nil}, {99, 1, nil}, {math.MinInt64, 1, []int64{1}}, {math.MaxInt64, 1, nil},
	} {
		events, err := f.Events(f.Context(), "c0", tt.after, tt.limit)
		if err != nil {
			f.Fatal(err)
		}
		var got []int64
		for _, e := range events {
			got = append(got, e.Seq)
		}
		f.same(tt.want, got)
	}
	if events, err := f.Events(f.Context(), "nobody", 0, 0); err != nil || len(events) != 0 {
		f.Errorf("the log of a chat that is not there: %v, %v", events, err)
	}
}

func eventFields(f fixture) {
	zone := time.FixedZone("far east", 9*3600)
	b := note("c0", 1, 3)
	b.Events[0].Body = chat.MessageSent{Text: "grüße 🙂 \u202e \u0000"}
	b.Events[0].Actor = chat.Actor{Kind: chat.ByCustomer}
	b.Events[1].At = time.Date(2024, 2, 29, 23, 59, 59, 123_456_789, zone)
	b.Events[2].Body = chat.Unknown{Of: "of-tomorrow", Raw: jsontext.Value(`{"a":1.000, "a2":[ ], "é":"é"}`)}
	f.must(b)
	got, err := f.Events(f.Context(), "c0", 0, 0)
	if err != nil {
		f.Fatal(err)
	}
	want := b.Events
	want[1].At = time.Date(2024, 2, 29, 14, 59, 59, 123_456_000, time.UTC)
	f.same(want, got)
	for _, e := range got {
		if e.At.Location() != time.UTC {
			f.Errorf("the time of event %d is not in UTC: %v", e.Seq, e.At)
		}
	}
}

func chatsApart(f fixture) {
	ids := []string{"c0", "C0", "c0 ", "c", "c0\x00", "ç0"}
	for i, id := range ids {
		f.must(note(id, 1, i+1))
	}
	for i, id := range ids {
		events, err := f.Events(f.Context(), id, 0, 0)
		if err != nil || len(events) != i+1 || events[i].ChatID != id {
			f.Errorf("chat %q: %d events, %v; want %d", id, len(events), err, i+1)
		}
	}
}

func longChat(f fixture) {
	const n, page = 10_000, 333
	for seq := int64(1); seq <= n; seq += 1000 {
		f.must(note("c0", seq, 1000))
	}
	var after int64
	for {
		events, err := f.Events(f.Context(), "c0", after, page)
		if err != nil {
			f.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if after++; e.Seq != after {
				f.Fatalf("event %d came where %d was due", e.Seq, after)
			}
		}
	}
	if after != n {
		f.Errorf("the log ends at %d", after)
	}
	all, err := f.Events(f.Context(), "c0", 0, 0)
	if err != nil || len(all) != n {
		f.Errorf("all at once: %d, %v", len(all), err)
	}
}

func chatRows(f fixture) {
	if _, err := f.Chat(f.Context(), "c0"); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("a chat that is not there: %v, want ErrNotFound", err)
	}
	b := note("c0", 1, 1)
	f.must(b)
	f.row(b.Chats[0])

	// The row changes without an event.
	b.Events = nil
	b.Chats[0].Service, b.Chats[0].Phase, b.Chats[0].KeyHash[31] = "sales", chat.Finished, 9
	b.Chats[0].Ended = start.Add(time.Hour)
	f.must(b)
	f.row(b.Chats[0])

	b.Chats[0].Ended = time.Time{}
	f.must(b)
	f.row(b.Chats[0])
	f.Run("the end is zero while it goes on", func(t *testing.T) {
		row, err := f.Chat(t.Context(), "c0")
		if err != nil || !row.Ended.IsZero() {
			t.Errorf("ended %v, %v", row.Ended, err)
		}
	})
}

func (f fixture) row(want store.ChatRow) {
	f.Helper()
	got, err := f.Chat(f.Context(), want.ID)
	if err != nil {
		f.Fatal(err)
	}
	f.same(want, got)
}
