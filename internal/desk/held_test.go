package desk

import (
	"testing"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// However long a log is, and however it came in, memory keeps its end only; and no snapshot changes another.
func TestHeldIsBounded(t *testing.T) {
	t.Parallel()
	events := func(from, to int64) (list []chat.Event) {
		for seq := from; seq <= to; seq++ {
			list = append(list, chat.Event{Seq: seq})
		}
		return list
	}
	whole := held{}.with(store.ChatRow{Seq: 1000}, chat.State{}, events(1, 1000))
	if n := len(whole.events); n > 2*keptEvents || whole.events[n-1].Seq != 1000 || cap(whole.events) > 4*keptEvents {
		t.Errorf("a loaded log of 1000 keeps %d events (room for %d)", n, cap(whole.events))
	}
	if over := whole.with(store.ChatRow{Seq: 1001, Phase: chat.Finished}, chat.State{}, events(1001, 1001)); len(over.events) != 0 || over.row.Seq != 1001 {
		t.Errorf("a chat that is over keeps %d events", len(over.events))
	}
	h := held{}
	var seen []held
	for seq := int64(1); seq <= 1000; seq++ {
		h = h.with(store.ChatRow{Seq: seq}, chat.State{}, events(seq, seq))
		seen = append(seen, h)
		if n := len(h.events); n > 2*keptEvents || n < min(int(seq), keptEvents) {
			t.Fatalf("after %d events %d are kept", seq, n)
		}
	}
	for i, h := range seen {
		for j, e := range h.events {
			if want := int64(i + 1 - len(h.events) + 1 + j); e.Seq != want {
				t.Fatalf("snapshot %d has seq %d at %d, want %d", i, e.Seq, j, want)
			}
		}
	}
}
