package past_test

import (
	"path/filepath"
	"testing"

	"github.com/halley-chat/halley/bench/past"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// What is written through SQL is what the store itself reads, and its check of the data finds nothing wrong.
func TestFill(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	const chats, each = 100, 40
	if size, err := past.Fill(t.Context(), folder, chats, each); err != nil || size < 100*chats*each {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if findings, err := sqlite.Check(t.Context(), folder); err != nil || len(findings) > 0 {
		t.Errorf("%+v, %v", findings, err)
	}
	s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if counts, err := s.Counts(t.Context()); err != nil || counts[chat.Finished] != chats {
		t.Errorf("%+v, %v", counts, err)
	}
	heads, err := s.Heads(t.Context(), []string{"agent:user-7"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Feed(t.Context(), "agent:user-7", heads["agent:user-7"]-2, 10)
	if err != nil || len(rows) != 2 || rows[1].N != heads["agent:user-7"] {
		t.Errorf("the feed ends at %v: %+v, %v", heads, rows, err)
	}
	events, err := s.Events(t.Context(), "0000000000000000", 0, 0)
	if err != nil || len(events) != 40 || events[39].Index != 40 {
		t.Errorf("%d events, %v", len(events), err)
	}
}
