package customerapi

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A message with a name of its own may be sent again: the first answer comes again, and no second message. Another message under the name is refused, and so
// is a name of another form. [2.0] Fault C8.
func TestClientMessageID(t *testing.T) {
	t.Parallel()
	o := open(t)
	p, q := o.pat(), o.pat()
	first := p.must("send", "message", "one", "messageType", "text", "clientMessageId", "m-1")
	p.must("send", "message", "two")
	if again := p.must("send", "message", "one", "messageType", "text", "clientMessageId", "m-1"); again.NextPosition != first.NextPosition {
		t.Errorf("next position %d, the first answer had %d", again.NextPosition, first.NextPosition)
	}
	for name, pairs := range map[string][]string{
		"another text":        {"message", "three", "messageType", "text", "clientMessageId", "m-1"},
		"another type":        {"message", "one", "messageType", "x", "clientMessageId", "m-1"},
		"shifted":             {"message", "onet", "messageType", "ext", "clientMessageId", "m-1"},
		"attributes":          {"message", "one", "messageType", "text", "eventAttributes", "{}", "clientMessageId", "m-1"},
		"too long a name":     {"message", "four", "clientMessageId", strings.Repeat("x", 129)},
		"a name with a blank": {"message", "four", "clientMessageId", "m 2"},
		"not ASCII":           {"message", "four", "clientMessageId", "é"},
		"a control character": {"message", "four", "clientMessageId", "m\x7f"},
	} {
		if a := p.do("send", pairs...); a.status != http.StatusBadRequest || !slices.Equal(a.codes(), []int{249}) || a.ChatEnded {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	// The name belongs to the chat.
	if a := q.must("send", "message", "other", "clientMessageId", "m-1"); a.NextPosition != 3 {
		t.Errorf("another chat: %s", a.raw)
	}
	p.must("send", "message", "five", "clientMessageId", strings.Repeat("~", 128))
	want := []string{"1 ParticipantJoined Pat Lowe", "2 Message Pat Lowe: one", "3 Message Pat Lowe: two", "4 Message Pat Lowe: five"}
	if a := p.must("refresh"); !slices.Equal(a.seen(), want) {
		t.Errorf("%q", a.seen())
	}

	// What a repetition shows of the transcript ends where its next position does, so that nothing is read twice. [1.9]
	for position, want := range map[string][]string{
		"1": {"1 ParticipantJoined Pat Lowe", "2 Message Pat Lowe: one"}, "2": {"2 Message Pat Lowe: one"}, "3": nil,
	} {
		again := p.must("send", "message", "one", "messageType", "text", "clientMessageId", "m-1", "transcriptPosition", position)
		if !slices.Equal(again.seen(), want) || again.NextPosition != first.NextPosition {
			t.Errorf("repeated, from %s on: %d %q", position, again.NextPosition, again.seen())
		}
	}

	// After the end the answer that was given before is still given, and no other.
	p.must("disconnect")
	if again := p.must("send", "message", "one", "messageType", "text", "clientMessageId", "m-1"); !again.ChatEnded {
		t.Errorf("after the end: %s", again.raw)
	}
	if a := p.do("send", "message", "six", "clientMessageId", "m-6"); a.StatusCode != 2 || !a.ChatEnded {
		t.Errorf("a new message after the end: %s", a.raw)
	}
}

// The same message sent many times at once is there once. Fault C8.
func TestClientMessageIDAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if a := p.do("send", "message", "one", "clientMessageId", "m-1"); a.StatusCode != 0 || a.NextPosition != 3 {
				t.Errorf("%s", a.raw)
			}
		})
	}
	all.Wait()
	if a := p.must("refresh"); a.NextPosition != 3 {
		t.Errorf("%q", a.seen())
	}
}

// The requests of one chat get their indices one after the other, without gap and repeat. [2.0]
func TestAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				p.do("send", "message", "x")
				p.do("refresh", "transcriptPosition", "1")
			}
		})
	}
	all.Wait()
	a := p.must("refresh")
	for i, m := range a.Messages {
		if m.Index != int64(i+1) {
			t.Fatalf("message %d has index %d", i, m.Index)
		}
	}
	if len(a.Messages) != 81 {
		t.Errorf("%d messages", len(a.Messages))
	}
}
