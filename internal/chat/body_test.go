package chat_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
)

// bodies has one of every kind, with every field filled.
func bodies() []chat.Body {
	p := chat.Participant{ID: "00B165EEC5C10012", Number: 2, Type: chat.Agent, UserID: "dana", Nickname: "Dana \u202e\x00", Visibility: chat.VisibleToAgents, Role: chat.Consulted}
	at := time.Date(2026, 3, 11, 8, 41, 7, 123456000, time.UTC)
	data := chat.UserData{"b": jsontext.Value(`{"z":1,"a":1.50e+300}`), "a/": jsontext.Value(`"\u0041<"`), "__proto__": jsontext.Value("null")}
	return []chat.Body{
		chat.Started{Service: "support", Queue: "q1", UserData: data},
		chat.Joined{Participant: p},
		chat.Left{Participant: p, Cause: chat.CauseRemoved},
		chat.MessageSent{From: p, Text: "hi\n", Label: "Greeting", TreatAs: "System", Visibility: chat.VisibleToAgents, Attributes: jsontext.Value(`{"n":12345678901234567890}`), Farewell: true},
		chat.URLPushed{From: p, URL: "https://example.com/?a=1&b=2"},
		chat.NoticeSent{From: p, NoticeText: "<b>", Visibility: chat.VisibleToAgents},
		chat.TypingBegan{From: p, Visibility: chat.VisibleToAgents, Preview: "Whe", Renewed: true},
		chat.TypingEnded{From: p, Visibility: chat.VisibleToAgents},
		chat.PreviewShown{From: p, Preview: "Where"},
		chat.Queued{Queue: "q2", Since: at},
		chat.Offered{UserID: "dana", Role: chat.Member, InvitedBy: "omar", Deadline: at, RefID: 7, Through: "q3"},
		chat.Offered{UserID: "ines", Role: chat.Supervisor, Visibility: chat.VisibleToAgents, RefID: 7},
		chat.ModeSwitched{Participant: p, Was: chat.VisibleToSupervisors},
		chat.Asked{UserID: "omar", Queue: "q3", Role: chat.Consulted, Until: at, RefID: 7},
		chat.AskEnded{Cause: chat.CauseTimedOut},
		chat.SeatChanged{UserID: "dana", State: chat.Revoked, Cause: chat.CauseTimedOut, RefID: 8, SaveLAR: true},
		chat.OwnerChanged{UserID: "dana"},
		chat.DataChanged{Set: data, Deleted: []string{"x"}, RefID: 9},
		chat.Focused{UserID: "dana"},
		chat.TemplateUsed{UserID: "dana", TemplateID: "t1", UsageType: "SystemAutoResponse"},
		chat.Binned{Workbin: "dana", By: "dana", RefID: 10},
		chat.Unbinned{Workbin: "dana", By: "omar", RefID: 11},
		chat.Ended{Cause: chat.CauseLost},
		chat.Closed{},
	}
}

// stored is the log's form of every kind. What was written once must stay readable: this list only grows.
var stored = []string{
	`started {"service":"support","queue":"q1","userData":{"__proto__":null,"a/":"\u0041<","b":{"z":1,"a":1.50e+300}}}`,
	`joined {"participant":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"}}`,
	`left {"participant":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"cause":"removed"}`,
	`message-sent {"from":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"text":"hi\n","label":"Greeting","treatAs":"System","visibility":"Agents","attributes":{"n":12345678901234567890},"farewell":true}`,
	`url-pushed {"from":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"url":"https://example.com/?a=1&b=2"}`,
	`notice-sent {"from":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"noticeText":"<b>","visibility":"Agents"}`,
	`typing-began {"from":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"visibility":"Agents","preview":"Whe","renewed":true}`,
	`typing-ended {"from":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"visibility":"Agents"}`,
	`preview-shown {"from":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"preview":"Where"}`,
	`queued {"queue":"q2","since":"2026-03-11T08:41:07.123456Z"}`,
	`offered {"userId":"dana","role":"member","invitedBy":"omar","deadline":"2026-03-11T08:41:07.123456Z","refId":7,"through":"q3"}`,
	`offered {"userId":"ines","role":"supervisor","visibility":"Agents","refId":7}`,
	`mode-switched {"participant":{"id":"00B165EEC5C10012","number":2,"type":"Agent","userId":"dana","nickname":"Dana ` + "\u202e" + `\u0000","visibility":"Agents","role":"consulted"},"was":"Supervisors"}`,
	`asked {"userId":"omar","queue":"q3","role":"consulted","until":"2026-03-11T08:41:07.123456Z","refId":7}`,
	`ask-ended {"cause":"timed-out"}`,
	`seat-changed {"userId":"dana","state":"Revoked","cause":"timed-out","refId":8,"saveLar":true}`,
	`owner-changed {"userId":"dana"}`,
	`data-changed {"set":{"__proto__":null,"a/":"\u0041<","b":{"z":1,"a":1.50e+300}},"deleted":["x"],"refId":9}`,
	`focused {"userId":"dana"}`,
	`template-used {"userId":"dana","templateId":"t1","usageType":"SystemAutoResponse"}`,
	`binned {"workbin":"dana","by":"dana","refId":10}`,
	`unbinned {"workbin":"dana","by":"omar","refId":11}`,
	`ended {"cause":"lost"}`,
	`closed {}`,
}

// TestBodies: every kind is written in its stored form and read back the same.
func TestBodies(t *testing.T) {
	t.Parallel()
	for i, b := range bodies() {
		raw, err := chat.EncodeBody(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b.Kind()) + " " + string(raw); got != stored[i] {
			t.Errorf("stored as\n%s, want\n%s", got, stored[i])
		}
		back, err := chat.DecodeBody(b.Kind(), raw)
		if err != nil || !reflect.DeepEqual(back, b) {
			t.Errorf("%s came back as %+v, %v", b.Kind(), back, err)
		}
	}
}

// TestUnknownBody: an event of a later version is kept as it is and changes nothing but the counts.
func TestUnknownBody(t *testing.T) {
	t.Parallel()
	raw := jsontext.Value(`{ "mood": 1.0 }`)
	b, err := chat.DecodeBody("mood-shown", raw)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := chat.EncodeBody(b); err != nil || string(again) != string(raw) {
		t.Errorf("came back as %s, %v", again, err)
	}
	s := withDana(t).state
	want := s
	want.Seq, want.LastIndex = s.Seq+1, s.LastIndex+1
	e := chat.Event{ChatID: s.ID, Seq: s.Seq + 1, Index: s.LastIndex + 1, At: s.At, Body: b}
	if got := s.Apply(e); !reflect.DeepEqual(got, want) {
		t.Errorf("state %+v, want %+v", got, want)
	}
	if _, ok := chat.MessageOf(e); ok {
		t.Error("it is shown as a message")
	}
	if got := chat.Notices(s, []chat.Event{e}, s.Apply(e)); len(got) != 0 {
		t.Errorf("it is announced: %v", got)
	}
	if _, err := chat.EncodeBody(nil); err == nil {
		t.Error("an event without a body was encoded")
	}
	if _, err := chat.DecodeBody(chat.KindLeft, jsontext.Value("[]")); err == nil {
		t.Error("a body of the wrong form was decoded")
	}
}

// FuzzDecodeBody: whatever is in the log, reading it does not fail badly, what was read is written so that it reads the same, and Apply takes it.
func FuzzDecodeBody(f *testing.F) {
	for _, b := range bodies() {
		raw, err := chat.EncodeBody(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b.Kind()), []byte(raw))
	}
	f.Add("mood-shown", []byte(`{"a":1}`))
	f.Add("started", []byte(`{"userData":{"a":{"a":1,"a":2}}}`))
	f.Add("joined", []byte(`{"participant":{"type":"Agent","role":"owner"}}`))
	f.Add("queued", []byte(`{"since":"9999-99-99T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, kind string, raw []byte) {
		b, err := chat.DecodeBody(chat.Kind(kind), raw)
		if err != nil {
			return
		}
		again, err := chat.EncodeBody(b)
		if err != nil {
			t.Fatalf("read from %s, but cannot be written: %v", raw, err)
		}
		if back, err := chat.DecodeBody(b.Kind(), again); err != nil || !reflect.DeepEqual(back, b) {
			t.Fatalf("%s read as %+v, written as %s, read as %+v, %v", raw, b, again, back, err)
		}
		s := chat.State{ID: "C"}
		for _, e := range bodies() {
			s = s.Apply(chat.Event{Seq: s.Seq + 1, Body: e})
			next := s.Apply(chat.Event{Seq: s.Seq + 1, Body: b})
			chat.Notices(s, []chat.Event{{Seq: s.Seq + 1, Body: b}}, next)
			next.View("dana")
		}
	})
}
