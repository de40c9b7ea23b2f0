package chat_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
)

// suitable are an agent's operations with parameters that nothing is wrong with, when sender and colleague are in the chat and "fay" is not.
func suitable(colleague string) []chat.Action {
	return []chat.Action{
		chat.Accept{ParticipantID: "NEW", Nickname: "New"},
		chat.Reject{},
		chat.Transfer{UserID: "fay"},
		chat.Leave{},
		chat.Invite{UserID: "fay"},
		chat.Consult{UserID: "fay"},
		chat.SetInFocus{},
		chat.SetDisposition{Key: "DispositionCode", Disposition: "refunded"},
		chat.AttachUserData{UserData: chat.UserData{"k": jsontext.Value("1")}},
		chat.DeleteUserData{Keys: []string{"k"}},
		chat.UpdateUserData{UserData: chat.UserData{"k": jsontext.Value("2")}},
		chat.SendToAgents{Text: "hm"},
		chat.SendStartTypingToAgentsNotification{},
		chat.SendStopTypingToAgentsNotification{},
		chat.Complete{},
		chat.SendMessage{Text: "hello"},
		chat.SendURL{URL: "https://example.com"},
		chat.SendStartTypingNotification{},
		chat.SendStopTypingNotification{},
		chat.SendCustomNotice{NoticeText: "n"},
		chat.SendCustomNoticeToAgents{NoticeText: "n"},
		chat.RemoveParticipantFromConference{UserID: colleague},
		chat.SwitchToMonitor{},
		chat.SwitchToCoach{},
		chat.SwitchToBargeIn{},
	}
}

// TestOperations tries every operation in every standing: what agent-api 3.5 lists is accepted, all else refused, with statusCode 3 when the
// role forbids it, 2 when the state does, 6 without a live projection (4.0, faults B2, B12).
func TestOperations(t *testing.T) {
	t.Parallel()
	gone := func(s *story) *story { s.pat(chat.Disconnect{}); return s }
	const agent, consulted, switches = "<together>", "<consulted>", "SwitchToMonitor, SwitchToCoach, SwitchToBargeIn"
	tests := []struct {
		name  string
		story *story
		user  string
		row   string // "": no projection
		role  string // the row of all that her role allows in some state
	}{
		{"nothing offered", waiting(t), "dana", "", agent},
		{"invited", standing(t, "invited"), "dana", "<invited>", agent},
		{"invited to consult", standing(t, "invited to consult"), "omar", "<invited>", consulted},
		{"alone", withDana(t), "dana", "<alone>", agent},
		{"conference owner", conference(t), "dana", "<together>", agent},
		{"conference member", conference(t), "omar", "<together>", agent},
		{"consulting", consultation(t), "dana", "<together>", agent},
		{"consulted", consultation(t), "omar", "<consulted>", consulted},
		{"alone, no customer", gone(withDana(t)), "dana", "<alone, no customer>", agent},
		{"together, no customer", gone(conference(t)), "omar", "<together, no customer>", agent},
		{"consulted, no customer", gone(consultation(t)), "omar", "<consulted>", consulted},
		{"left", standing(t, "left"), "dana", "<wrap-up>", agent},
		{"join failed", standing(t, "join failed"), "omar", "<wrap-up>", agent},
		{"completed", standing(t, "completed"), "dana", "", agent},
		{"in another's chat", withDana(t), "omar", "", agent},
		{"invited to monitor", standing(t, "invited to monitor"), "ines", "<invited>", "<monitoring>"},
		{"monitoring", supervised(withDana, chat.Monitor)(t), "ines", "<monitoring>", "<monitoring>"},
		{"monitoring, no customer", gone(supervised(withDana, chat.Monitor)(t)), "ines", "<monitoring>", "<monitoring>"},
		{"coaching", supervised(withDana, chat.Coach)(t), "ines", "<coaching>", "<coaching>"},
		{"coaching, no customer", gone(supervised(withDana, chat.Coach)(t)), "ines", "<coaching>", "<coaching>"},
		{"barged in", supervised(withDana, chat.BargeIn)(t), "ines", "<barged in>", "<barged in>"},
		{"barged in, no customer", gone(supervised(withDana, chat.BargeIn)(t)), "ines", "<barged in, no customer>", "<barged in>"},
		{"monitored", supervised(withDana, chat.Monitor)(t), "dana", "<alone>", agent},
		{"coached", supervised(withDana, chat.Coach)(t), "dana", "<together>", agent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			colleague := "dana"
			if _, in := tt.story.state.Seats["omar"]; tt.user == "dana" && in {
				colleague = "omar"
			} else if tt.user == "dana" {
				colleague = "ines"
			}
			allowed := operations(capabilityRows[tt.role] + "," + capabilityRows["<invited>"])
			if tt.role != agent && tt.role != consulted {
				allowed = append(allowed, operations(switches)...)
			}
			for _, a := range suitable(colleague) {
				want := "ok"
				switch listed := operations(capabilityRows[tt.row]); {
				case tt.row == "":
					want = "not found"
				case slices.Contains(listed, a.Operation()):
				case !slices.Contains(allowed, a.Operation()):
					want = "not allowed"
				default:
					want = "state"
				}
				by := chat.Command{Actor: chat.Actor{Kind: chat.ByAgent, UserID: tt.user}, Action: a}
				events, err := chat.Decide(tt.story.state, by, tt.story.now)
				if got := kindOf(err); got != want {
					t.Errorf("%s: %s (%v), want %s", a.Operation(), got, err, want)
				}
				if err != nil && len(events) > 0 {
					t.Errorf("%s: refused, with %d events", a.Operation(), len(events))
				}
			}
		})
	}
}

// TestRefusalNamesWhatIsPossible: the message says what is allowed now (faults B2).
func TestRefusalNamesWhatIsPossible(t *testing.T) {
	t.Parallel()
	s := standing(t, "invited")
	err := s.agent("dana", chat.SendMessage{Text: "too early"})
	if want := "SendMessage is not possible while Invited; possible now: Accept, Reject"; err == nil || err.Error() != want {
		t.Errorf("refused with %q, want %q", err, want)
	}
}

// TestParameters checks the parameters of agents' operations (agent-api 4.0, 4.4 to 4.12, faults B7, B8, B12).
func TestParameters(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("ж", n) }
	keys := func(n int) chat.UserData {
		d := chat.UserData{}
		for i := range n {
			d[strings.Repeat("k", i+1)] = jsontext.Value("null")
		}
		return d
	}
	one := func(k, v string) chat.UserData { return chat.UserData{k: jsontext.Value(v)} }
	tests := []struct {
		name   string
		action chat.Action
		want   string
	}{
		{"no text", chat.SendMessage{}, "missing"},
		{"blank text", chat.SendMessage{Text: " "}, "ok"},
		{"NUL, RTL, zero width", chat.SendMessage{Text: "\x00\u202e\u200b"}, "ok"},
		{"longest text", chat.SendMessage{Text: long(chat.MaxText)}, "ok"},
		{"text too long", chat.SendMessage{Text: long(chat.MaxText + 1)}, "too long"},
		{"text too long, to agents", chat.SendToAgents{Text: long(chat.MaxText + 1)}, "too long"},
		{"treatAs unknown", chat.SendMessage{Text: "x", TreatAs: "system"}, "invalid"},
		{"messageType too long", chat.SendMessage{Text: "x", MessageType: long(chat.MaxLabel + 1)}, "too long"},
		{"no url", chat.SendURL{}, "missing"},
		{"relative url", chat.SendURL{URL: "/help"}, "invalid"},
		{"scheme-less url", chat.SendURL{URL: "//example.com/x"}, "invalid"},
		{"ftp url", chat.SendURL{URL: "ftp://example.com"}, "invalid"},
		{"script url", chat.SendURL{URL: "javascript:alert(1)"}, "invalid"},
		{"url without host", chat.SendURL{URL: "http:///x"}, "invalid"},
		{"broken url", chat.SendURL{URL: "http://[::1"}, "invalid"},
		{"loud url", chat.SendURL{URL: "HTTPS://EXAMPLE.COM/"}, "ok"},
		{"url too long", chat.SendURL{URL: "http://example.com/" + long(chat.MaxURL)}, "too long"},
		{"no noticeText", chat.SendCustomNotice{}, "missing"},
		{"no noticeText to agents", chat.SendCustomNoticeToAgents{}, "missing"},
		{"noticeText too long", chat.SendCustomNotice{NoticeText: long(chat.MaxText + 1)}, "too long"},

		{"no userData", chat.AttachUserData{}, "missing"},
		{"no userData to update", chat.UpdateUserData{UserData: chat.UserData{}}, "missing"},
		{"value not JSON", chat.AttachUserData{UserData: one("k", "{")}, "invalid"},
		{"value with a key twice", chat.AttachUserData{UserData: one("k", `{"a":1,"a":2}`)}, "invalid"},
		{"value empty", chat.AttachUserData{UserData: one("k", "")}, "invalid"},
		{"odd keys", chat.AttachUserData{UserData: chat.UserData{"__proto__": jsontext.Value(`"x"`), "a/b": jsontext.Value("1E+2")}}, "ok"},
		{"longest key", chat.AttachUserData{UserData: one(long(chat.MaxKey), "1")}, "ok"},
		{"key too long", chat.AttachUserData{UserData: one(long(chat.MaxKey+1), "1")}, "invalid"},
		{"longest value", chat.AttachUserData{UserData: one("k", `"`+strings.Repeat("x", chat.MaxValue)+`"`)}, "ok"},
		{"value too long", chat.AttachUserData{UserData: one("k", `"`+strings.Repeat("x", chat.MaxValue+1)+`"`)}, "invalid"},
		{"value too many bytes", chat.AttachUserData{UserData: one("k", `"`+long(chat.MaxValue/2+1)+`"`)}, "invalid"},
		{"object too long", chat.AttachUserData{UserData: one("k", "["+strings.Repeat("0,", chat.MaxValue/2)+"0]")}, "invalid"},
		{"as many keys as there may be", chat.AttachUserData{UserData: keys(chat.MaxKeys - 1)}, "ok"}, // the chat has one
		{"too many keys", chat.AttachUserData{UserData: keys(chat.MaxKeys)}, "invalid"},
		{"no keys", chat.DeleteUserData{}, "missing"},
		{"key to delete too long", chat.DeleteUserData{Keys: []string{"k", long(chat.MaxKey + 1)}}, "too long"},
		{"no disposition", chat.SetDisposition{Key: "DispositionCode"}, "missing"},
		{"no disposition key", chat.SetDisposition{Disposition: "refunded"}, "missing"},
		{"disposition too long", chat.SetDisposition{Key: "k", Disposition: long(chat.MaxDisposition + 1)}, "too long"},
		{"disposition key too long", chat.SetDisposition{Key: long(chat.MaxKey + 1), Disposition: "x"}, "too long"},

		{"transfer to nobody", chat.Transfer{}, "missing"},
		{"transfer to two", chat.Transfer{UserID: "ines", Queue: "claims"}, "invalid"},
		{"transfer to self", chat.Transfer{UserID: "dana"}, "state"},
		{"consult nobody", chat.Consult{}, "missing"},
		{"consult self", chat.Consult{UserID: "dana"}, "state"},
		{"consult who is in", chat.Consult{UserID: "omar"}, "state"},
		{"consult an agent through two", chat.Consult{UserID: "ines", Queue: "claims"}, "invalid"},
		{"invite an agent through two", chat.Invite{UserID: "ines", Queue: "claims"}, "invalid"},
		{"invite nobody", chat.Invite{}, "missing"},
		{"invite self", chat.Invite{UserID: "dana"}, "state"},
		{"invite who is in", chat.Invite{UserID: "omar"}, "state"},
		{"invite who is invited", chat.Invite{UserID: "gil"}, "state"},
		{"consult who is invited", chat.Consult{UserID: "gil"}, "state"},
		{"transfer to who is invited", chat.Transfer{UserID: "gil"}, "state"},
		{"remove nobody", chat.RemoveParticipantFromConference{}, "missing"},
		{"remove self", chat.RemoveParticipantFromConference{UserID: "dana"}, "state"},
		{"remove who is not in", chat.RemoveParticipantFromConference{UserID: "ines"}, "not found"},
		{"remove who is not in, with half a farewell", chat.RemoveParticipantFromConference{UserID: "ines", Farewell: chat.Farewell{TreatAs: "Normal"}}, "missing"},
		{"remove who is only invited", chat.RemoveParticipantFromConference{UserID: "gil"}, "not found"},

		{"farewell type without text", chat.Leave{Farewell: chat.Farewell{MessageType: "Bye"}}, "missing"},
		{"farewell treatAs without text", chat.Complete{Farewell: chat.Farewell{TreatAs: "Normal"}}, "missing"},
		{"farewell treatAs unknown", chat.Transfer{UserID: "ines", Farewell: chat.Farewell{Text: "x", TreatAs: "Loud"}}, "invalid"},
		{"farewell too long", chat.RemoveParticipantFromConference{UserID: "omar", Farewell: chat.Farewell{Text: long(chat.MaxText + 1)}}, "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := conference(t)
			must(t, s.agent("dana", chat.Consult{UserID: "gil"}))
			if got := kindOf(s.agent("dana", tt.action)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	t.Run("nickname too long", func(t *testing.T) {
		t.Parallel()
		s := standing(t, "invited")
		if got := kindOf(s.agent("dana", chat.Accept{Nickname: long(chat.MaxNickname + 1)})); got != "too long" {
			t.Error(got)
		}
	})
}

// TestFarewell: the text goes out under the type "Text" unless another is given (5.2.6), never higher than its sender (5.2.3), and only to a customer who is there.
func TestFarewell(t *testing.T) {
	t.Parallel()
	bye := chat.Farewell{Text: "bye", MessageType: "Closing", TreatAs: "Normal"}
	tests := []struct {
		name  string
		story *story
		user  string
		want  string // the first message; "": none
	}{
		{"owner", withDana(t), "dana", `[4] Text Dana, All "bye" "Closing"`},
		{"consulted", consultation(t), "omar", `[5] Text Omar, Agents "bye" "Closing"`},
		{"no customer", func() *story { s := withDana(t); s.pat(chat.Disconnect{}); return s }(), "dana", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events, err := chat.Decide(tt.story.state, chat.Command{
				Actor: chat.Actor{Kind: chat.ByAgent, UserID: tt.user}, Action: chat.Leave{Farewell: bye},
			}, tt.story.now)
			must(t, err)
			got := ""
			if m, ok := chat.MessageOf(events[0]); ok && m.Type == chat.TextMessage {
				got = line(m)
			}
			if got != tt.want {
				t.Errorf("first message %q, want %q", got, tt.want)
			}
		})
	}
}

// TestTooLate: commands of the system that no longer apply do nothing (architecture 7).
func TestTooLate(t *testing.T) {
	t.Parallel()
	offered := standing(t, "invited")
	_, seat, _ := offered.state.OpenOffer()
	accepted := withDana(t)
	typing := withDana(t)
	must(t, typing.pat(chat.Type{}))
	since := typing.state.Typing["PAT"].Since
	must(t, typing.pat(chat.Type{}))
	ended := withDana(t)
	must(t, ended.pat(chat.Disconnect{}))
	tests := []struct {
		name  string
		story *story
		late  chat.Action
	}{
		{"offer made anew", offered, chat.EndOffer{UserID: "dana", OfferSeq: seat.OfferSeq - 1, Reason: chat.OfferTimedOut}},
		{"offer to somebody else", offered, chat.EndOffer{UserID: "omar", OfferSeq: seat.OfferSeq, Reason: chat.OfferTimedOut}},
		{"offer accepted", accepted, chat.EndOffer{UserID: "dana", OfferSeq: seat.OfferSeq, Reason: chat.OfferTimedOut}},
		{"agent without the chat", accepted, chat.DropAgent{UserID: "omar"}},
		{"typing renewed", typing, chat.TypingTimeout{ParticipantID: "PAT", Since: since}},
		{"nobody types", accepted, chat.TypingTimeout{ParticipantID: "PAT", Since: accepted.now}},
		{"customer has left before", ended, chat.CustomerLost{}},
		{"customer leaves twice (customer-api 1.10)", ended, chat.Disconnect{}},
		{"preview after the end", ended, chat.PreviewText{Preview: "x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events, err := chat.Decide(tt.story.state, chat.Command{Actor: chat.Actor{Kind: chat.BySystem}, Action: tt.late}, tt.story.now)
			if err != nil || len(events) > 0 {
				t.Errorf("%d events, %v", len(events), err)
			}
		})
	}
}

// TestOfferRefused: one open offer at a time, only of a chat that waits, to nobody who has it (agent-api 4.1).
func TestOfferRefused(t *testing.T) {
	t.Parallel()
	offered := standing(t, "invited")
	queued := conference(t)
	must(t, queued.agent("dana", chat.Transfer{Queue: "claims"}))
	tests := []struct {
		name  string
		story *story
		to    string
	}{
		{"offered already", offered, "omar"},
		{"to the same again", offered, "dana"},
		{"does not wait", withDana(t), "omar"},
		{"to a member who stays while it waits", queued, "omar"},
		{"finished", standing(t, "completed"), "omar"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := kindOf(tt.story.system(chat.Offer{UserID: tt.to})); got != "state" {
				t.Errorf("%s, want state", got)
			}
		})
	}
}

// TestPlaceKept: a chat keeps its customer's arrival through rejects, time-outs and requeues, and its place while it is offered.
func TestPlaceKept(t *testing.T) {
	t.Parallel()
	s := waiting(t)
	since := s.state.ReceivedAt
	check := func(queue string, offered bool) {
		t.Helper()
		_, _, open := s.state.OpenOffer()
		if p := s.state.Waiting; p == nil || p.Queue != queue || !p.Since.Equal(since) || open != offered {
			t.Fatalf("waits at %v, offered %v; want queue %s since %v, offered %v", p, open, queue, since, offered)
		}
	}
	check("parcels", false)
	must(t, s.system(chat.Offer{UserID: "dana"}))
	check("parcels", true)
	must(t, s.agent("dana", chat.Reject{}))
	check("parcels", false)
	must(t, s.system(chat.Offer{UserID: "omar"}))
	must(t, s.agent("omar", chat.Accept{}))
	if s.state.Waiting != nil || s.state.Queue != "parcels" {
		t.Fatalf("taken, but waits at %v; came from %q", s.state.Waiting, s.state.Queue)
	}
	must(t, s.agent("omar", chat.Transfer{Queue: "claims"}))
	check("claims", false)
	must(t, s.system(chat.Offer{UserID: "omar"}))
	must(t, s.agent("omar", chat.Accept{}))
	must(t, s.system(chat.DropAgent{UserID: "omar"}))
	check("claims", false)
}

// TestLastMemberLeavesQueuedChat: a customer who waits for another agent is not lost when the one who stayed with her leaves.
func TestLastMemberLeavesQueuedChat(t *testing.T) {
	t.Parallel()
	s := conference(t)
	must(t, s.agent("dana", chat.Transfer{Queue: "claims"}))
	must(t, s.agent("omar", chat.Leave{}))
	if _, in := s.state.Customer(); !in || s.state.Waiting == nil || s.state.Phase != chat.Waiting {
		t.Errorf("customer in: %v, phase %s, place %v", in, s.state.Phase, s.state.Waiting)
	}
}

// TestOwner: who owns the chat, as agents come and go (agent-api 4.6, 4.8). Never two.
func TestOwner(t *testing.T) {
	t.Parallel()
	owner := func(s *story) string {
		for user, seat := range s.state.Seats {
			if seat.Role == chat.Owner && seat.State == chat.Chatting {
				return user
			}
		}
		return ""
	}
	member := conference(t)
	must(t, member.agent("omar", chat.Transfer{Queue: "claims"})) // Dana, the owner, stays
	must(t, member.system(chat.Offer{UserID: "ines"}))
	must(t, member.agent("ines", chat.Accept{}))
	tests := []struct {
		name  string
		story *story
		do    func(*story) error
		want  string
	}{
		{"took it", conference(t), nil, "dana"},
		{"leaves", conference(t), func(s *story) error { return s.agent("dana", chat.Leave{}) }, "omar"},
		{"logs out", conference(t), func(s *story) error { return s.system(chat.DropAgent{UserID: "dana"}) }, "omar"},
		{"is removed", conference(t), func(s *story) error {
			return s.agent("omar", chat.RemoveParticipantFromConference{UserID: "dana"})
		}, "omar"},
		{"hands over to member", conference(t), func(s *story) error { return s.agent("dana", chat.Transfer{UserID: "omar"}) }, "omar"},
		{"hands over to consulted", consultation(t), func(s *story) error { return s.agent("dana", chat.Transfer{UserID: "omar"}) }, "omar"},
		{"is replaced from the queue", member, nil, "ines"},
		{"nobody comes, because the customer leaves", conference(t), func(s *story) error {
			must(s.t, s.agent("dana", chat.Transfer{Queue: "claims"}))
			return s.pat(chat.Disconnect{})
		}, "omar"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.do != nil {
				must(t, tt.do(tt.story))
			}
			if got := owner(tt.story); got != tt.want {
				t.Errorf("owner is %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCounts: what counts against an agent's capacity (agent-api 4.0).
func TestCounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		story *story
		user  string
		want  bool
	}{
		{"invited", standing(t, "invited"), "dana", true},
		{"invited to consult", standing(t, "invited to consult"), "omar", false},
		{"owner", consultation(t), "dana", true},
		{"consulted", consultation(t), "omar", false},
		{"member", conference(t), "omar", true},
		{"left", standing(t, "left"), "dana", true},
		{"join failed", standing(t, "join failed"), "omar", true},
		{"nothing", withDana(t), "omar", false},
	}
	for _, tt := range tests {
		if got := tt.story.state.Seats[tt.user].Counts(); got != tt.want {
			t.Errorf("%s: Counts() = %v", tt.name, got)
		}
	}
}

// TestTimes: events are dated in whole microseconds of UTC and never before their predecessor, whatever the clock does.
func TestTimes(t *testing.T) {
	t.Parallel()
	s := withDana(t)
	s.now = s.now.Add(-time.Hour)
	must(t, s.pat(chat.Say{Text: "the clock was set back"}))
	last := s.log[len(s.log)-1]
	if before := s.log[len(s.log)-2]; last.At.Before(before.At) {
		t.Errorf("event at %v after one at %v", last.At, before.At)
	}
	s.now = s.now.Add(2 * time.Hour).Add(1234567 * time.Nanosecond).In(time.FixedZone("", 3600))
	must(t, s.pat(chat.Say{Text: "hello"}))
	if at := s.state.At; at.Nanosecond()%1000 != 0 || at.Location() != time.UTC {
		t.Errorf("event at %v", at)
	}
}
