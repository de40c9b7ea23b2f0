package chat_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/halley-chat/halley/internal/chat"
)

// TestTemplateUsage checks ReportResponseTemplateUsage (agent-api 4.14): possible for whoever has the chat, in any state, though no list of capabilities has
// it (3.5); kept, and told to nobody.
func TestTemplateUsage(t *testing.T) {
	t.Parallel()
	report := func(of *story, user string, a chat.ReportResponseTemplateUsage) ([]chat.Event, error) {
		return chat.Decide(of.state, chat.Command{Actor: chat.Actor{Kind: chat.ByAgent, UserID: user}, Action: a}, began)
	}
	for _, name := range []string{"invited", "invited to consult", "left"} {
		s, user := standing(t, name), "dana"
		if !s.state.Seats[user].Live() {
			t.Fatalf("%s: dana has no seat", name)
		}
		if slices.Contains(s.state.View(user).Capabilities, chat.OpReportResponseTemplateUsage) {
			t.Errorf("%s: listed", name)
		}
		events, err := report(s, user, chat.ReportResponseTemplateUsage{TemplateID: "t1"})
		if want := (chat.TemplateUsed{UserID: user, TemplateID: "t1", UsageType: "SystemAutoResponse"}); err != nil || len(events) != 1 || events[0].Body != want || events[0].Index != 0 {
			t.Errorf("%s: %v, %v", name, events, err)
			continue
		}
		if told := chat.Notices(s.state, events, s.state.Apply(events[0])); len(told) > 0 {
			t.Errorf("%s: told %v", name, told)
		}
		if s.state.Apply(events[0]).View(user).State != s.state.View(user).State {
			t.Errorf("%s: it changed something", name)
		}
	}
	for a, want := range map[chat.ReportResponseTemplateUsage]error{
		{}:                                   chat.ErrMissing,
		{TemplateID: "t", UsageType: "Read"}: chat.ErrInvalid,
		{TemplateID: "t", UsageType: "SuggestedResponseChoosen"}: nil,
	} {
		if _, err := report(withDana(t), "dana", a); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", a, err, want)
		}
		if _, err := report(withDana(t), "omar", a); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("%+v by who has no such chat: %v", a, err)
		}
	}
}
