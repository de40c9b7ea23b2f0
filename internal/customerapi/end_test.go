package customerapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/chat"
)

// 6.6 test 6, faults C1 and B13: without the key of this very chat under this very service there is no chat, and every way of not having it looks the same, byte for byte.
func TestStrangers(t *testing.T) {
	t.Parallel()
	o := open(t)
	p, eve := o.pat(), o.pat("nickname", "Eve")
	want := ""
	same := func(name string, a answer) {
		t.Helper()
		raw := strings.ReplaceAll(a.raw, a.ChatID, "<chat>")
		if want == "" {
			want = raw
		}
		if a.status != http.StatusOK || a.StatusCode != 2 || !a.ChatEnded || !slices.Equal(a.codes(), []int{249}) || a.ChatID == "" || raw != want {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	for _, op := range []string{"send", "startTyping", "stopTyping", "refresh", "disconnect", "updateData"} {
		url := p.url(op)
		same(op+" without a key", o.post(url, "message", "x"))
		same(op+" with a wrong key", o.post(url, "secureKey", strings.Repeat("0", 32), "message", "x"))
		same(op+" with another chat's key", o.post(url, "secureKey", eve.key, "message", "x"))
		same(op+" with the key in capitals", o.post(url, "secureKey", strings.ToUpper(p.key)+"0", "message", "x"))
		same(op+" under another service", o.post(strict+"/"+p.id+"/"+op, "secureKey", p.key, "message", "x"))
		same(op+" on an unknown chat", o.post(support+"/0004XaGQ7T2H001K/"+op, "secureKey", p.key, "message", "x"))
		same(op+" on nonsense", o.post(support+"/"+strings.Repeat("z", 64)+"/"+op, "secureKey", p.key))
		// What a page could not write into its markup is not repeated (1.6).
		for _, id := range []string{"..%2F..%2F", "%22onload=x", strings.Repeat("z", 4096)} {
			if a := o.post(support+"/"+id+"/"+op, "secureKey", p.key); strings.ReplaceAll(want, "<chat>", "") != a.raw {
				t.Errorf("%s on %.20s: %s", op, id, a.raw)
			}
		}
	}
	p.must("disconnect")
	for _, op := range []string{"send", "startTyping", "stopTyping", "updateData"} {
		same(op+" on an ended chat", p.do(op, "message", "x"))
		same(op+" on an ended chat, with wrong parameters", p.do(op, "clientMessageId", "\x00"))
	}
	if a := eve.must("refresh"); a.NextPosition != 2 || a.ChatEnded {
		t.Errorf("Eve's chat: %s", a.raw)
	}
}

// She leaves: once, or as often as she likes, and can read for ten minutes. Then the chat is gone like any stranger's. [1.10, 2.5]
func TestDisconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		p := o.pat("text", "Hello")
		a := p.must("disconnect", "transcriptPosition", "2")
		if !a.ChatEnded || a.NextPosition != 4 || !slices.Equal(a.seen(), []string{"2 Message Pat Lowe: Hello", "3 ParticipantLeft Pat Lowe"}) {
			t.Errorf("%s", a.raw)
		}
		if a = p.must("disconnect"); !a.ChatEnded || a.NextPosition != 4 || len(a.Messages) != 0 {
			t.Errorf("again: %s", a.raw)
		}
		pass(9 * time.Minute)
		if a = p.must("refresh", "message", "too late"); !a.ChatEnded || len(a.Messages) != 3 || a.NextPosition != 4 {
			t.Errorf("nine minutes later: %s", a.raw)
		}
		pass(time.Minute + time.Second)
		for _, op := range []string{"refresh", "disconnect", "send"} {
			if a := p.do(op, "message", "x"); a.status != http.StatusOK || a.StatusCode != 2 || !a.ChatEnded || !slices.Equal(a.codes(), []int{249}) {
				t.Errorf("%s ten minutes later: %d %s", op, a.status, a.raw)
			}
		}
	})
}

// 6.6 test 7: the poll that brings the last agent's leaving says that the chat has ended. [1.10]
func TestLastAgentLeaves(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.ready()
	for _, end := range []chat.Action{
		chat.Leave{Farewell: chat.Farewell{Text: "Good-bye"}},
		chat.Complete{Farewell: chat.Farewell{Text: "Good-bye"}},
	} {
		p := o.pat()
		o.joined(p)
		next := p.must("refresh").NextPosition
		o.agent(p, end)
		a := p.must("refresh", "transcriptPosition", "3")
		if want := []string{"3 Message Dana: Good-bye", "4 ParticipantLeft Dana"}; next != 3 || !a.ChatEnded || !slices.Equal(a.seen(), want) {
			t.Errorf("%s: %s", end.Operation(), a.raw)
		}
		if a := p.do("send", "message", "wait!"); a.StatusCode != 2 || !a.ChatEnded {
			t.Errorf("%s: she still writes: %s", end.Operation(), a.raw)
		}
	}
}

// 6.6 test 13: who stops polling for 45 s has left, and is told so when she comes back. Who polls each 30 s stays. [5.4]
func TestAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		p, sleeper := o.pat(), o.pat("nickname", "Sleeper")
		o.ready()
		o.joined(p)
		o.joined(sleeper)
		for range 3 {
			pass(30 * time.Second)
			sleeper.must("refresh", "transcriptPosition", "0")
		}
		if a := sleeper.must("refresh"); a.ChatEnded {
			t.Errorf("who polls each 30 s: %s", a.raw)
		}
		v, err := o.desk.View(t.Context(), dana, p.id)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range v.Participants {
			if x.Type == chat.Customer {
				t.Error("the agent still sees the customer")
			}
		}
		a := p.must("refresh", "transcriptPosition", "-1")
		if !a.ChatEnded || len(a.Messages) != 1 || a.Messages[0].Type != "ParticipantLeft" || a.Messages[0].From.Type != "Client" {
			t.Errorf("back after 90 s: %s", a.raw)
		}
		if left := time.UnixMilli(a.Messages[0].UTCTime).Sub(time.UnixMilli(p.must("refresh").Messages[0].UTCTime)); left < 45*time.Second || left > 47*time.Second {
			t.Errorf("removed after %s", left)
		}
	})
}
