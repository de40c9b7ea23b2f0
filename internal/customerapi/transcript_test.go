package customerapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
)

// 6.6 test 3: the positions of 1.9, as polls and as parts of other operations.
func TestPositions(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat("text", "one")
	p.must("send", "message", "two")
	last := p.must("send", "message", "three")
	if last.NextPosition != 5 || len(last.Messages) != 0 {
		t.Fatalf("without a position: %s", last.raw)
	}
	all := []string{"1 ParticipantJoined Pat Lowe", "2 Message Pat Lowe: one", "3 Message Pat Lowe: two", "4 Message Pat Lowe: three"}
	for position, want := range map[string][]string{"1": all, "3": all[2:], "4": all[3:], "5": nil, "99": nil, "0": nil, "-1": all[3:], "-7": all[3:], "": all, "x": all} {
		if a := p.must("refresh", "transcriptPosition", position); !slices.Equal(a.seen(), want) || a.NextPosition != 5 {
			t.Errorf("refresh from %q: %q, next %d", position, a.seen(), a.NextPosition)
		}
	}
	for position, want := range map[string][]string{"1": all, "4": all[3:], "5": nil, "0": nil, "-1": nil, "": nil, "x": nil} {
		if a := p.must("updateData", "userData[a]", position, "transcriptPosition", position); !slices.Equal(a.seen(), want) || a.NextPosition != 5 {
			t.Errorf("updateData from %q: %q, next %d", position, a.seen(), a.NextPosition)
		}
	}
	if a := p.must("send", "message", "four", "transcriptPosition", "4"); !slices.Equal(a.seen(), []string{all[3], "5 Message Pat Lowe: four"}) {
		t.Errorf("send with a position: %q", a.seen())
	}
}

// A long chat is read from the log where memory ends, and comes complete.
func TestLongTranscript(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	for i := range 200 {
		p.must("send", "message", strconv.Itoa(i))
	}
	a := p.must("refresh", "transcriptPosition", "1")
	if len(a.Messages) != 201 || *a.Messages[200].Text != "199" {
		t.Errorf("%d messages", len(a.Messages))
	}
	if a = p.must("refresh", "transcriptPosition", "150"); len(a.Messages) != 52 || a.Messages[0].Index != 150 {
		t.Errorf("%d messages from 150", len(a.Messages))
	}
}

// 6.6 test 4, fault B7: texts are kept as they are, up to the limit.
func TestTexts(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	index := int64(1)
	for _, text := range []string{
		"  two\nlines\r\n\tand blanks  ", "🙂👩‍👩‍👧‍👦🇩🇪", strings.Repeat("📦", chat.MaxText), strings.Repeat("e\u0301", chat.MaxText/2), "a\x00b\u202Ec\u200B",
		"<b>&amp;</b>", `{"a":1}`, "\u200B", "a&b=c%20+", "\uFEFFbyte order",
	} {
		index++
		a := p.must("send", "message", text, "messageType", "text", "transcriptPosition", strconv.FormatInt(index, 10))
		if len(a.Messages) != 1 || *a.Messages[0].Text != text || a.Messages[0].Index != index || a.Messages[0].MessageType != "text" {
			t.Errorf("%.40q: %.200s", text, a.raw)
		}
	}
	// Whatever is refused leaves no event.
	for text, code := range map[string]int{
		"": 182, " \n\t\u00A0\u3000": 182, strings.Repeat("📦", chat.MaxText) + ".": 204, strings.Repeat("x", 200_000): 204,
	} {
		a := p.do("send", "message", text)
		if a.status != http.StatusBadRequest || !slices.Equal(a.codes(), []int{code}) || a.StatusCode != 2 || a.ChatEnded || a.ChatID != p.id || a.Alias != "1" {
			t.Errorf("%.20q: %d %.300s", text, a.status, a.raw)
		}
	}
	if a := p.must("refresh"); a.NextPosition != index+1 {
		t.Errorf("next position %d, want %d", a.NextPosition, index+1)
	}
}

// eventAttributes go through unchanged; what is no JSON object is ignored, and too much of it refused. [1.3, 4.5, 5.2]
func TestEventAttributes(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	for given, want := range map[string]string{
		`{"a":[1.50,1e400,12345678901234567890],"b":{"c":"\u00e9<\/"},"a2":null}`: `{"a":[1.50,1e400,12345678901234567890],"b":{"c":"\u00e9<\/"},"a2":null}`,
		" {\n \"a\" : 1 } ": `{"a":1}`,
		`[1]`:               "", `"a"`: "", `null`: "", `{`: "", `{"a":1,"a":2}`: "", `text`: "", ``: "",
	} {
		next := p.must("refresh").NextPosition
		a := p.must("send", "message", "Hello", "eventAttributes", given, "transcriptPosition", strconv.FormatInt(next, 10))
		if got := string(a.Messages[0].EventAttributes); got != want {
			t.Errorf("%s: %s", given, got)
		}
	}
	big := `{"a":"` + strings.Repeat("x", chat.MaxAttributes) + `"}`
	if a := p.do("send", "message", "Hello", "eventAttributes", big); a.status != http.StatusBadRequest || !slices.Equal(a.codes(), []int{204}) {
		t.Errorf("too big: %d %v", a.status, a.codes())
	}
}

// 6.6 test 5: what agents say among themselves leaves a gap, and counts in nextPosition. All sorts of events of agents look as chapter 4 says.
func TestWhatCustomersSee(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	o.ready()
	o.joined(p)
	o.consulted(p)
	o.agent(p, chat.SendToAgents{Text: "a difficult one"})
	o.agent(p, chat.SendMessage{Text: "Hello Pat", MessageType: "text"})
	o.agent(p, chat.SendCustomNoticeToAgents{NoticeText: "for us"})
	o.agent(p, chat.SendURL{URL: "https://example.com/track?id=1"})
	o.agent(p, chat.SendCustomNotice{NoticeText: "survey"})
	o.agent(p, chat.SendStartTypingNotification{})
	a := p.must("refresh")
	want := []string{
		"1 ParticipantJoined Pat Lowe", "2 ParticipantJoined Dana", "5 Message Dana: Hello Pat", "7 PushUrl Dana: https://example.com/track?id=1",
		"8 CustomNotice Dana: survey", "9 TypingStarted Dana",
	}
	if !slices.Equal(a.seen(), want) || a.NextPosition != 10 {
		t.Errorf("%q, next %d", a.seen(), a.NextPosition)
	}
	for _, m := range a.Messages[1:] {
		if m.From.ParticipantID != 2 || m.From.Type != "Agent" {
			t.Errorf("from %+v", m.From)
		}
	}
	if strings.Contains(a.raw, dana) || strings.Contains(a.raw, "difficult") || strings.Contains(a.raw, "Omar") {
		t.Error("the answer tells what is for agents only")
	}
	o.agent(p, chat.SendToAgents{Text: "again"})
	if b := p.must("refresh", "transcriptPosition", "10"); len(b.Messages) != 0 || b.NextPosition != 11 {
		t.Errorf("a gap at the end: %s", b.raw)
	}
}

// 7.1 to 7.3: how each kind of message and of participant is shown.
func TestRender(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1710146519002_999)
	agent := chat.Participant{ID: "00B165EEC5A30012", UserID: dana, Number: 2, Type: chat.Agent, Role: chat.Owner, Nickname: "Dana"}
	barged, bot, system := agent, agent, chat.Participant{Type: chat.External, Nickname: "system"}
	barged.Role, barged.Visibility = chat.Supervisor, chat.VisibleToAll
	bot.Type, bot.Role = chat.External, ""
	for _, tt := range []struct {
		m    chat.Message
		want string
	}{
		{
			chat.Message{Index: 4, Type: chat.TextMessage, From: agent, Text: "Hi", Label: "text", TreatAs: "System", Visibility: chat.VisibleToAll, Attributes: jsontext.Value(`{"a":1}`)},
			`{"from":{"nickname":"Dana","participantId":2,"type":"Agent"},"index":4,"type":"Message","messageType":"text","text":"Hi","utcTime":1710146519002,"eventAttributes":{"a":1}}`,
		},
		{
			chat.Message{Index: 5, Type: chat.PushURL, From: barged, Text: "https://x"},
			`{"from":{"nickname":"Dana","participantId":2,"type":"Supervisor"},"index":5,"type":"PushUrl","text":"https://x","utcTime":1710146519002}`,
		},
		{
			chat.Message{Index: 6, Type: chat.CustomNotice, From: bot},
			`{"from":{"nickname":"Dana","participantId":2,"type":"External"},"index":6,"type":"CustomNotice","text":"","utcTime":1710146519002}`,
		},
		{
			chat.Message{Index: 7, Type: chat.SystemNotice, From: system, Text: "Closing"},
			`{"from":{"nickname":"system","participantId":0,"type":"External"},"index":7,"type":"Notice","text":"Closing","utcTime":1710146519002}`,
		},
		{
			chat.Message{Index: 8, Type: chat.TypingStarted, From: chat.Participant{Number: 1, Type: chat.Customer}, Text: "a preview"},
			`{"from":{"nickname":"","participantId":1,"type":"Client"},"index":8,"type":"TypingStarted","utcTime":1710146519002}`,
		},
		{
			chat.Message{Index: 9, Type: chat.ParticipantLeft, From: agent},
			`{"from":{"nickname":"Dana","participantId":2,"type":"Agent"},"index":9,"type":"ParticipantLeft","utcTime":1710146519002}`,
		},
	} {
		tt.m.At = at
		raw, err := encode(render(tt.m))
		if err != nil || string(raw) != tt.want {
			t.Errorf("%s\nwant %s, error %v", raw, tt.want, err)
		}
	}
}

// Typing is shown while it is young, ends by itself, and is a gap later. [1.9, 2.3]
func TestTyping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		p := o.pat()
		p.must("startTyping", "message", "Where i")
		p.must("refresh", "message", "Where is")
		a := p.must("refresh")
		if want := []string{"1 ParticipantJoined Pat Lowe", "2 TypingStarted Pat Lowe"}; !slices.Equal(a.seen(), want) {
			t.Errorf("%q", a.seen())
		}
		next := a.NextPosition
		if a = p.must("stopTyping", "transcriptPosition", strconv.FormatInt(next, 10)); !slices.Equal(a.seen(), []string{fmt.Sprint(next, " TypingStopped Pat Lowe")}) {
			t.Errorf("stop: %q", a.seen())
		}
		if b := p.must("stopTyping"); b.NextPosition != a.NextPosition {
			t.Error("to stop twice is an event")
		}
		pass(20 * time.Second)
		p.must("startTyping")
		pass(10 * time.Second)
		if a = p.must("refresh"); len(a.Messages) != 2 || a.Messages[1].Type != "TypingStarted" {
			t.Errorf("after 30 s: %q", a.seen())
		}
		pass(21 * time.Second)
		if a = p.must("refresh", "transcriptPosition", "2"); len(a.Messages) != 1 || a.Messages[0].Type != "TypingStopped" {
			t.Errorf("after 30 s without renewal: %q", a.seen())
		}
	})
}

// Fault C10: typing as fast as a machine can makes an event per second at most, and no message of hers is lost for it.
func TestTypingSpam(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		p := o.pat()
		for i := range 1000 {
			p.must("startTyping", "message", strings.Repeat("x", i))
			p.must("refresh", "message", strings.Repeat("y", i+1), "transcriptPosition", "0")
		}
		if a := p.must("send", "message", "done"); a.NextPosition > 5 {
			t.Errorf("%d events in no time", a.NextPosition-1)
		}
	})
}

// A preview is for agents, and only if the service shows it. [2.3, 2.4, 7.2]
func TestPreview(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat()
	o.ready()
	o.joined(p)
	before := p.must("refresh").NextPosition
	a := p.must("refresh", "message", strings.Repeat("p", chat.MaxText+5))
	if a.NextPosition != before+1 || strings.Contains(a.raw, "ppp") {
		t.Errorf("a preview: next %d, and the customer sees it: %t", a.NextPosition, strings.Contains(a.raw, "ppp"))
	}
	if a := p.must("refresh"); len(a.Messages) != 2 {
		t.Errorf("a preview is an event: %q", a.seen())
	}
	feed, err := o.desk.Feed(t.Context(), dana, 0, 100)
	if err != nil || len(feed) == 0 {
		t.Fatal(len(feed), err)
	}
	if last := string(feed[len(feed)-1].Data); strings.Count(last, "p") < chat.MaxText || strings.Contains(last, strings.Repeat("p", chat.MaxText+1)) {
		t.Error("the agent does not see the preview, cut to what a message may have")
	}

	discreet := o.post("/genesys/2/chat/%C3%9Cml%C3%A4ut%2Fdesk", "nickname", "Pat")
	q := &pat{o: o, service: "/genesys/2/chat/%C3%9Cml%C3%A4ut%2Fdesk", id: discreet.ChatID, key: discreet.SecureKey}
	if a := q.must("refresh", "message", "hush"); a.NextPosition != discreet.NextPosition {
		t.Error("a service without preview shows it")
	}
	if a := q.must("startTyping", "message", "hush"); a.NextPosition != discreet.NextPosition+1 {
		t.Errorf("typing without preview: next %d", a.NextPosition)
	}
}
