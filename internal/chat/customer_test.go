package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
)

// TestStart checks how a chat begins (customer-api 2.1, 5.2).
func TestStart(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	must(t, s.pat(chat.Start{
		Service: "support", Queue: "parcels", Text: "Hello",
		Customer: chat.Participant{ID: "PAT", Nickname: strings.Repeat("ж", 300)},
		UserData: chat.UserData{"a": jsontext.Value(` { "b" : 1.0 } `)},
	}))
	st := s.state
	p, in := st.Customer()
	if !in || p.Number != 1 || p.Visibility != chat.VisibleToAll || p.Nickname != strings.Repeat("ж", chat.MaxNickname) {
		t.Errorf("customer %+v, in %v", p, in)
	}
	if st.Service != "support" || st.Queue != "parcels" || st.Phase != chat.Waiting || st.LastIndex != 2 || !st.ReceivedAt.Equal(s.now) {
		t.Errorf("state %+v", st)
	}
	if got := string(st.UserData["a"]); got != `{"b":1.0}` {
		t.Errorf("userData a = %s: numbers stay as they are, white space goes", got)
	}
	if got := kindOf(s.pat(chat.Start{})); got != "state" {
		t.Errorf("second start: %s", got)
	}
	if got := kindOf(newStory(t).pat(chat.Start{Text: strings.Repeat("x", chat.MaxText+1)})); got != "too long" {
		t.Errorf("text too long: %s", got)
	}
	blank := newStory(t)
	must(t, blank.pat(chat.Start{Text: " \n"}))
	if blank.state.LastIndex != 1 {
		t.Errorf("a blank text was posted: %d events", blank.state.LastIndex)
	}
}

// TestBeforeStart: there is no such chat.
func TestBeforeStart(t *testing.T) {
	t.Parallel()
	for _, a := range []chat.Action{chat.Say{Text: "x"}, chat.Disconnect{}, chat.Offer{UserID: "dana"}, chat.Accept{}} {
		if got := kindOf(newStory(t).agent("dana", a)); got != "not found" {
			t.Errorf("%s: %s", a.Operation(), got)
		}
	}
}

// TestCustomerData: what does not fit is ignored, the rest is kept (customer-api 5.2).
func TestCustomerData(t *testing.T) {
	t.Parallel()
	s := withDana(t)
	much := chat.UserData{
		strings.Repeat("k", chat.MaxKey+1): jsontext.Value("1"),
		"long":                             jsontext.Value(`"` + strings.Repeat("ж", chat.MaxValue+1) + `"`),
		"fits":                             jsontext.Value(`"` + strings.Repeat("ж", chat.MaxValue) + `"`),
		"broken":                           jsontext.Value("{"),
		"Subject":                          jsontext.Value(`""`),
	}
	for i := range chat.MaxKeys {
		much[fmt.Sprintf("n%03d", i)] = jsontext.Value("0")
	}
	must(t, s.pat(chat.UpdateData{UserData: much}))
	d := s.state.UserData
	if len(d) != chat.MaxKeys || string(d["Subject"]) != `""` || len(d["fits"]) == 0 || len(d["long"]) != 0 || len(d["broken"]) != 0 {
		t.Errorf("%d keys kept, Subject=%s", len(d), d["Subject"])
	}
	seq := s.state.Seq
	must(t, s.pat(chat.UpdateData{}))
	must(t, s.pat(chat.UpdateData{UserData: chat.UserData{"one more": jsontext.Value("1")}}))
	if s.state.Seq != seq {
		t.Error("nothing that fits, but there are events")
	}
}

// TestSay checks a customer's message (customer-api 2.2).
func TestSay(t *testing.T) {
	t.Parallel()
	object := func(n int) jsontext.Value { return jsontext.Value(`{"a":"` + strings.Repeat("x", n-8) + `"}`) }
	nested := func(n int) jsontext.Value {
		return jsontext.Value(strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1))
	}
	tests := []struct {
		name string
		say  chat.Say
		want string
	}{
		{"blank", chat.Say{Text: " \t\n"}, "missing"},
		{"longest", chat.Say{Text: strings.Repeat("😀", chat.MaxText)}, "ok"},
		{"too long", chat.Say{Text: strings.Repeat("a", chat.MaxText+1)}, "too long"},
		{"messageType too long", chat.Say{Text: "x", MessageType: strings.Repeat("a", chat.MaxLabel+1)}, "too long"},
		{"most attributes", chat.Say{Text: "x", Attributes: object(chat.MaxAttributes)}, "ok"},
		{"too many attributes", chat.Say{Text: "x", Attributes: object(chat.MaxAttributes + 1)}, "too long"},
		{"attributes no object", chat.Say{Text: "x", Attributes: jsontext.Value("[1]")}, "invalid"},
		{"deepest attributes", chat.Say{Text: "x", Attributes: nested(chat.MaxDepth)}, "ok"},
		{"attributes too deep", chat.Say{Text: "x", Attributes: nested(chat.MaxDepth + 1)}, "too long"},
		{"attributes no JSON", chat.Say{Text: "x", Attributes: jsontext.Value("{")}, "invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := kindOf(waiting(t).pat(tt.say)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	s := waiting(t)
	must(t, s.pat(chat.Say{Text: "  as it is \x00 "}))
	last, _ := chat.MessageOf(s.log[len(s.log)-1])
	if last.Text != "  as it is \x00 " {
		t.Errorf("stored %q", last.Text)
	}
}

// TestTranscriptLimit: what is said in one chat is bounded, since it is read whole (C5); who leaves may still say so.
func TestTranscriptLimit(t *testing.T) {
	t.Parallel()
	s := withDana(t)
	size := 0
	for text := strings.Repeat("😀", chat.MaxText); ; size += len(text) {
		if got := kindOf(s.pat(chat.Say{Text: text})); got != "ok" {
			if got != "too long" {
				t.Errorf("at the limit: %s", got)
			}
			break
		}
	}
	if size > chat.MaxTranscript+4*chat.MaxText || size < chat.MaxTranscript/2 {
		t.Errorf("the limit is %d bytes, reached at %d", chat.MaxTranscript, size)
	}
	for _, a := range []chat.Action{chat.SendMessage{Text: "x"}, chat.SendURL{URL: "https://a.example"}, chat.SendCustomNotice{NoticeText: "x"}} {
		if got := kindOf(s.agent("dana", a)); got != "too long" {
			t.Errorf("%s: %s", a.Operation(), got)
		}
	}
	must(t, s.agent("dana", chat.AttachUserData{UserData: chat.UserData{"a": jsontext.Value("1")}}))
	must(t, s.agent("dana", chat.Complete{Farewell: chat.Farewell{Text: "bye"}}))
}

// TestAfterTheEnd: writing is refused (customer-api 1.10).
func TestAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := withDana(t)
	must(t, s.agent("dana", chat.Leave{}))
	for _, a := range []chat.Action{chat.Say{Text: "x"}, chat.Type{}, chat.StopTyping{}, chat.UpdateData{}} {
		if got := kindOf(s.pat(a)); got != "ended" {
			t.Errorf("%s: %s", a.Operation(), got)
		}
	}
	if p, in := s.state.Customer(); in || p.ID != "PAT" {
		t.Errorf("customer %+v, in %v: who she was is still needed", p, in)
	}
}

// TestTypingPace: at most one start, one stop and one preview per second and participant are written (agent-api 4.4, fault C10).
func TestTypingPace(t *testing.T) {
	t.Parallel()
	s := withDana(t)
	seq := s.state.Seq
	at := s.now
	for range 1000 {
		s.now = at // does adds one second
		must(t, s.pat(chat.Type{Preview: "x"}))
		s.now = at
		must(t, s.agent("dana", chat.SendStartTypingNotification{}))
	}
	if got := s.state.Seq - seq; got != 2 {
		t.Errorf("%d events of 2000 starts in a second, want one each", got)
	}
	seq = s.state.Seq
	at = s.now
	for range 1000 {
		s.now = at
		must(t, s.pat(chat.StopTyping{}))
		s.now = at
		must(t, s.agent("dana", chat.SendStopTypingNotification{}))
	}
	if got := s.state.Seq - seq; got != 2 {
		t.Errorf("%d events of 2000 stops in a second, want one each", got)
	}
	seq = s.state.Seq
	at = s.now
	for i := range 1000 {
		s.now = at
		must(t, s.pat(chat.PreviewText{Preview: fmt.Sprint(i)}))
	}
	if got := s.state.Seq - seq; got != 1 {
		t.Errorf("%d events of 1000 previews in a second, want one", got)
	}
	seq = s.state.Seq
	must(t, s.pat(chat.PreviewText{Preview: "0"}))
	must(t, s.pat(chat.PreviewText{}))
	if s.state.Seq != seq {
		t.Error("a preview that is not new, or empty, was written")
	}
}

// TestTypingEnds: by a stop, by a message without an event, by leaving, and after a time (agent-api 4.4, customer-api 2.2, 2.3).
func TestTypingEnds(t *testing.T) {
	t.Parallel()
	typing := func() *story {
		s := consultation(t)
		must(t, s.agent("dana", chat.SendStartTypingNotification{}))
		return s
	}
	tests := []struct {
		name string
		do   func(*story) error
		want []chat.Kind
	}{
		{"stop", func(s *story) error { return s.agent("dana", chat.SendStopTypingNotification{}) }, []chat.Kind{chat.KindTypingEnded}},
		{"stop when not typing any more", func(s *story) error {
			must(t, s.agent("dana", chat.SendMessage{Text: "x"}))
			return s.agent("dana", chat.SendStopTypingNotification{})
		}, []chat.Kind{chat.KindMessageSent, chat.KindTypingEnded}},
		{"customer stops when not typing", func(s *story) error { return s.pat(chat.StopTyping{}) }, nil},
		{"stop in another circle", func(s *story) error { return s.agent("dana", chat.SendStopTypingToAgentsNotification{}) }, nil},
		{"start in another circle", func(s *story) error { return s.agent("dana", chat.SendStartTypingToAgentsNotification{}) }, []chat.Kind{chat.KindTypingEnded, chat.KindTypingBegan}},
		{"message", func(s *story) error { return s.agent("dana", chat.SendMessage{Text: "x"}) }, []chat.Kind{chat.KindMessageSent}},
		{"time", func(s *story) error {
			return s.system(chat.TypingTimeout{ParticipantID: "DANA1", Since: s.state.Typing["DANA1"].Since})
		}, []chat.Kind{chat.KindTypingEnded}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := typing()
			n := len(s.log)
			must(t, tt.do(s))
			var got []chat.Kind
			for _, e := range s.log[n:] {
				got = append(got, e.Body.Kind())
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("events %v, want %v", got, tt.want)
			}
		})
	}
	s := typing()
	must(t, s.agent("dana", chat.Leave{}))
	if len(s.state.Typing) != 0 {
		t.Errorf("after leaving: %v", s.state.Typing)
	}
}

// TestCustomerTranscript: what is for agents never gets to the customer, typing only while it is young, and positions select (customer-api 1.9, 7.2, 7.3).
func TestCustomerTranscript(t *testing.T) {
	t.Parallel()
	s := consultation(t)
	must(t, s.pat(chat.Type{Preview: "secret draft"}))
	must(t, s.pat(chat.Type{Preview: "secret draft 2"}))
	must(t, s.agent("omar", chat.SendToAgents{Text: "secret"}))
	must(t, s.agent("dana", chat.SendStartTypingNotification{}))
	must(t, s.agent("dana", chat.Invite{UserID: "omar"}))
	must(t, s.agent("omar", chat.SendMessage{Text: "Hello from Omar"}))
	show := func(from int64, now time.Time) string {
		var lines []string
		for _, m := range chat.CustomerTranscript(s.log, from, now) {
			lines = append(lines, fmt.Sprintf("%d#%d %s %s", m.Index, m.From.Number, m.Type, m.Text))
		}
		return strings.Join(lines, "; ")
	}
	young := "1#1 ParticipantJoined ; 2#1 Text Where is my parcel?; 3#2 ParticipantJoined ; 5#1 TypingStarted ; 8#2 TypingStarted ; 9#3 ParticipantJoined ; 10#3 Text Hello from Omar"
	if got := show(0, s.now); got != young {
		t.Errorf("at once\n%s, want\n%s", got, young)
	}
	old := "3#2 ParticipantJoined ; 9#3 ParticipantJoined ; 10#3 Text Hello from Omar"
	if got := show(3, s.now.Add(chat.TypingLifetime)); got != old {
		t.Errorf("from 3, later\n%s, want\n%s", got, old)
	}
	if got := chat.CustomerTranscript(s.log, 99, s.now); got == nil || len(got) != 0 {
		t.Errorf("beyond the end: %v, want an empty list", got)
	}
}
