package agentapi

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// agent-api 2.6: what tells of chats or channels tells the number of the last notification about them, beside statusCode; nothing else does.
func TestStreamPosition(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	position := func(path string) int64 {
		t.Helper()
		r := dana.get(path)
		if r.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		return at[int64](t, r, "streamPosition")
	}
	empty := position("/api/v2/me/chats")
	if empty%(1<<31) != 0 || empty == 0 {
		t.Errorf("before her first notification: %d", empty)
	}
	dana.startWork()
	dana.accepted(h.arrive().ChatID)
	head, err := h.Desk.Head(t.Context(), directory.UserID("dana"))
	if err != nil || head != empty+6 {
		t.Fatalf("her feed ends at %d, %v; it began after %d", head, err, empty)
	}
	for _, path := range []string{
		"/api/v2/me/chats", "/api/v2/me/chats/", "/api/v2/me/chats?fields=*", "/api/v2/me/chats?fields=id,state",
		"/api/v2/me?subresources=*", "/api/v2/me?subresources=chats", "/api/v2/me?subresources=skills,channels&fields=userName", "/api/v2/me?subresources=channelStates",
	} {
		if n := position(path); n != head {
			t.Errorf("%s: %d, want %d", path, n, head)
		}
	}
	for _, path := range []string{"/api/v2/me", "/api/v2/me?fields=*", "/api/v2/me?subresources=skills,devices", "/api/v2/me/channels"} {
		if r := dana.get(path); r.members["streamPosition"] != nil {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	if r := h.as("admin").get("/api/v2/me?subresources=*"); at[int64](t, r, "streamPosition") != empty {
		t.Errorf("of one who works in no chat: %s", r.body)
	}
}

// BenchmarkState reads all that a desktop shows at its start, with 10 chats of 200 messages.
func BenchmarkState(b *testing.B) {
	const chats, messages = 10, 200
	h := open(b, nil)
	h.Directory.User(directory.UserID("dana")).Capacity = chats
	dana := h.as("dana")
	dana.startWork()
	for range chats {
		cc := h.arrive()
		dana.accepted(cc.ChatID)
		by := desk.Caller{Service: "support", ChatID: cc.ChatID, Key: cc.Key}
		for range messages {
			if _, err := h.Desk.CustomerDo(b.Context(), by, chat.Say{Text: "And where is my other parcel?"}, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if r := dana.get("/api/v2/me?subresources=*"); r.status != http.StatusOK {
			b.Fatal(r.body)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
