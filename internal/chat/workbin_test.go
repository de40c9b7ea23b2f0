package chat_test

import (
	"testing"

	"github.com/halley-chat/halley/internal/chat"
)

// aside is a story in which Dana has put the chat into her workbin.
func aside(t *testing.T) *story {
	t.Helper()
	s := withDana(t)
	must(t, s.agent("dana", chat.Leave{}))
	must(t, s.agent("dana", chat.AddChat{Workbin: "bin"}))
	s.given()
	return s
}

// TestWorkbinRows tells what everybody gets to know when a chat is put aside and pulled (agent-api 6.9).
func TestWorkbinRows(t *testing.T) {
	t.Parallel()
	tellAll(t, []row{
		{"6.9-add-after-leave", withDana, func(s *story) {
			s.agent("dana", chat.Leave{})
			s.agent("dana", chat.AddChat{Workbin: "bin", SaveLAR: true})
		}},
		{"6.9-add-without-customer", supervised(withDana, chat.Coach), func(s *story) {
			s.pat(chat.Disconnect{})
			s.agent("dana", chat.AddChat{Workbin: "bin"})
		}},
		{"6.9-pull", aside, func(s *story) {
			s.agent("omar", chat.PullChat{Workbin: "bin"})
			s.agent("omar", chat.SetDisposition{Key: "DispositionCode", Disposition: "refunded"})
			s.agent("omar", chat.Complete{})
		}},
		{"6.9-pull-and-add-again", aside, func(s *story) {
			s.agent("omar", chat.PullChat{Workbin: "bin"})
			s.agent("omar", chat.AddChat{Workbin: "other"})
			s.agent("dana", chat.PullChat{Workbin: "other"})
		}},
	})
}

// TestWorkbinRefusals: what can't be put aside or pulled, with the kind that tells why (agent-api 6.9).
func TestWorkbinRefusals(t *testing.T) {
	t.Parallel()
	gone := func(s *story) *story { must(t, s.pat(chat.Disconnect{})); return s }
	add, pull := chat.AddChat{Workbin: "bin"}, chat.PullChat{Workbin: "bin"}
	pulled, moved, over := aside(t), aside(t), aside(t)
	must(t, pulled.agent("omar", pull))
	must(t, moved.agent("omar", pull))
	must(t, moved.agent("omar", chat.AddChat{Workbin: "other"}))
	must(t, over.agent("omar", pull))
	must(t, over.agent("omar", chat.Complete{}))
	for _, tt := range []struct {
		name  string
		story *story
		user  string
		do    chat.Action
		want  string
	}{
		{"while the customer is in", withDana(t), "dana", add, "state"},
		{"only offered", standing(t, "invited"), "dana", add, "state"},
		{"another is in", gone(conference(t)), "dana", add, "state"},
		{"a consulted one is in", gone(consultation(t)), "dana", add, "state"},
		{"by the consulted one", gone(consultation(t)), "omar", add, "not allowed"},
		{"by a supervisor", gone(supervised(withDana, chat.BargeIn)(t)), "ines", add, "not allowed"},
		{"another's", withDana(t), "omar", add, "not found"},
		{"put aside already", aside(t), "dana", add, "not found"},
		{"not put aside", standing(t, "left"), "dana", pull, "not found"},
		{"pulled already", pulled, "dana", pull, "not found"},
		{"in another workbin", moved, "dana", pull, "not found"},
		{"from no workbin", standing(t, "left"), "omar", chat.PullChat{}, "not found"},
		{"over", over, "dana", pull, "not found"},
	} {
		events, err := chat.Decide(tt.story.state, chat.Command{Actor: chat.Actor{Kind: chat.ByAgent, UserID: tt.user}, Action: tt.do}, tt.story.now)
		if got := kindOf(err); got != tt.want || len(events) > 0 {
			t.Errorf("%s: %s (%v) and %d events, want %s", tt.name, got, err, len(events), tt.want)
		}
	}
}

// A chat in a workbin is open, and nobody's: it counts for nobody and is told to nobody (agent-api 6.9). Who logs out leaves it where it is.
func TestWorkbinIsNobodys(t *testing.T) {
	t.Parallel()
	s := aside(t)
	for _, a := range []chat.Action{chat.DropAgent{UserID: "dana"}, chat.CustomerLost{}, chat.EndOffer{UserID: "dana"}} {
		must(t, s.system(a))
	}
	if s.state.Workbin != "bin" || s.state.Phase != chat.WrapUp || len(s.state.Seats) > 0 {
		t.Errorf("%+v", s.state)
	}
	view := s.state.Aside()
	if view.State != chat.Completed || len(view.Capabilities)+len(view.Participants) > 0 || string(view.UserData["Subject"]) != `"Late parcel"` || !view.ReceivedAt.Equal(began.Add(1e9)) {
		t.Errorf("%+v", view)
	}
}
