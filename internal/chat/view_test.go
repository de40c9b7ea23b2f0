package chat_test

import (
	"slices"
	"testing"

	"github.com/halley-chat/halley/internal/chat"
)

// capabilityRows are the lists of agent-api 3.5, word by word.
var capabilityRows = map[string]string{
	"<invited>": "Accept, Reject",
	"<alone>": `Transfer, Leave, Invite, Consult, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData,
		Complete, SendMessage, SendUrl, SendStartTypingNotification, SendStopTypingNotification, SendCustomNotice`,
	"<together>": `Transfer, Leave, Invite, Consult, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData,
		SendToAgents, SendStartTypingToAgentsNotification, SendStopTypingToAgentsNotification, Complete, SendMessage, SendUrl,
		SendStartTypingNotification, SendStopTypingNotification, SendCustomNotice, SendCustomNoticeToAgents, RemoveParticipantFromConference`,
	"<consulted>": `Leave, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData,
		SendToAgents, SendStartTypingToAgentsNotification, SendStopTypingToAgentsNotification, SendCustomNoticeToAgents`,
	"<alone, no customer>": `Leave, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData, Complete`,
	"<together, no customer>": `Leave, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData,
		SendToAgents, SendStartTypingToAgentsNotification, SendStopTypingToAgentsNotification, Complete, SendCustomNoticeToAgents`,
	"<monitoring>": `Leave, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData, SwitchToCoach, SwitchToBargeIn`,
	"<coaching>": `Leave, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData,
		SendToAgents, SendStartTypingToAgentsNotification, SendStopTypingToAgentsNotification, SwitchToMonitor, SwitchToBargeIn`,
	"<barged in>": `Leave, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData, Transfer, Invite, Consult,
		SendToAgents, SendStartTypingToAgentsNotification, SendStopTypingToAgentsNotification, SendMessage, SendStartTypingNotification,
		SendStopTypingNotification, SwitchToMonitor, SwitchToCoach`,
	"<barged in, no customer>": `Leave, SetInFocus, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData,
		SendToAgents, SendStartTypingToAgentsNotification, SendStopTypingToAgentsNotification, SwitchToMonitor, SwitchToCoach`,
	"<wrap-up>": `SetInFocus, Complete, SetDisposition, AttachUserData, DeleteUserData, UpdateUserData`,
	"<none>":    "",
}

// TestCapabilities checks the rows of agent-api 3.5, each for an agent who has come there.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	gone := func(s *story) *story { s.pat(chat.Disconnect{}); return s }
	tests := []struct {
		name  string
		story *story
		user  string
		state chat.ViewState
		row   string
		seen  []string // participants
	}{
		{"invited by routing", standing(t, "invited"), "dana", chat.Invited, "<invited>", nil},
		{"invited by an agent", standing(t, "invited to consult"), "omar", chat.Invited, "<invited>", nil},
		{"alone", withDana(t), "dana", chat.Chatting, "<alone>", []string{"Pat", "Dana"}},
		{"pending invitations change nothing", standing(t, "invited to consult"), "dana", chat.Chatting, "<alone>", []string{"Pat", "Dana"}},
		{"conference, owner", conference(t), "dana", chat.Chatting, "<together>", []string{"Pat", "Dana", "Omar"}},
		{"conference, member", conference(t), "omar", chat.Chatting, "<together>", []string{"Pat", "Dana", "Omar"}},
		{"consultation, owner", consultation(t), "dana", chat.Chatting, "<together>", []string{"Pat", "Dana", "Omar"}},
		{"consultation, consulted", consultation(t), "omar", chat.Chatting, "<consulted>", []string{"Pat", "Dana", "Omar"}},
		{"alone, no customer", gone(withDana(t)), "dana", chat.Chatting, "<alone, no customer>", []string{"Dana"}},
		{"conference, no customer", gone(conference(t)), "omar", chat.Chatting, "<together, no customer>", []string{"Dana", "Omar"}},
		{"consultation, no customer", gone(consultation(t)), "omar", chat.Chatting, "<consulted>", []string{"Dana", "Omar"}},
		{"invited as a supervisor", standing(t, "invited to monitor"), "ines", chat.Invited, "<invited>", nil},
		{"monitoring", supervised(withDana, chat.Monitor)(t), "ines", chat.Chatting, "<monitoring>", []string{"Pat", "Dana", "Ines"}},
		{"monitored", supervised(withDana, chat.Monitor)(t), "dana", chat.Chatting, "<alone>", []string{"Pat", "Dana"}},
		{"coaching", supervised(withDana, chat.Coach)(t), "ines", chat.Chatting, "<coaching>", []string{"Pat", "Dana", "Ines"}},
		{"coached", supervised(withDana, chat.Coach)(t), "dana", chat.Chatting, "<together>", []string{"Pat", "Dana", "Ines"}},
		{"barged in", supervised(withDana, chat.BargeIn)(t), "ines", chat.Chatting, "<barged in>", []string{"Pat", "Dana", "Ines"}},
		{"barged in on", supervised(withDana, chat.BargeIn)(t), "dana", chat.Chatting, "<together>", []string{"Pat", "Dana", "Ines"}},
		{"monitoring, no customer", gone(supervised(withDana, chat.Monitor)(t)), "ines", chat.Chatting, "<monitoring>", []string{"Dana", "Ines"}},
		{"monitored, no customer", gone(supervised(withDana, chat.Monitor)(t)), "dana", chat.Chatting, "<alone, no customer>", []string{"Dana"}},
		{"coaching, no customer", gone(supervised(withDana, chat.Coach)(t)), "ines", chat.Chatting, "<coaching>", []string{"Dana", "Ines"}},
		{"coached, no customer", gone(supervised(withDana, chat.Coach)(t)), "dana", chat.Chatting, "<together, no customer>", []string{"Dana", "Ines"}},
		{
			"barged in, no customer", gone(supervised(withDana, chat.BargeIn)(t)), "ines",
			chat.Chatting, "<barged in, no customer>",
			[]string{"Dana", "Ines"},
		},
		{"left", standing(t, "left"), "dana", chat.LeftChat, "<wrap-up>", nil},
		{"join failed", standing(t, "join failed"), "omar", chat.JoinFailed, "<wrap-up>", nil},
		{"no projection", withDana(t), "omar", "", "<none>", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			view := tt.story.state.View(tt.user)
			if view.State != tt.state {
				t.Errorf("State = %q, want %q", view.State, tt.state)
			}
			if want := operations(capabilityRows[tt.row]); !slices.Equal(view.Capabilities, want) {
				t.Errorf("Capabilities =\n%v, want\n%v", view.Capabilities, want)
			}
			var seen []string
			for _, p := range view.Participants {
				seen = append(seen, p.Nickname)
			}
			if !slices.Equal(seen, tt.seen) {
				t.Errorf("Participants = %v, want %v", seen, tt.seen)
			}
		})
	}
}

// TestListenerIsHidden: a supervisor in Monitor mode is nobody's company and seen by supervisors only (3.5, 5.2.3).
func TestListenerIsHidden(t *testing.T) {
	t.Parallel()
	s := withDana(t)
	ines := chat.Participant{ID: "INES9", Type: chat.Agent, UserID: "ines", Nickname: "Ines", Visibility: chat.VisibleToSupervisors, Role: chat.Supervisor}
	state := s.state.Apply(chat.Event{Seq: s.state.Seq + 1, Index: s.state.LastIndex + 1, At: s.now, Body: chat.Joined{Participant: ines}})
	if got := listName(state.View("dana").Capabilities); got != "<alone>" {
		t.Errorf("Dana's capabilities with a listener = %s", got)
	}
	if got := len(state.View("dana").Participants); got != 2 {
		t.Errorf("Dana sees %d participants, want Pat and herself", got)
	}
	if got := len(state.View("ines").Participants); got != 3 {
		t.Errorf("Ines sees %d participants, want all three", got)
	}
	left := state.Apply(chat.Event{Seq: state.Seq + 1, At: s.now, Body: chat.Left{Participant: ines}})
	leaving := chat.Event{Body: chat.Left{Participant: ines}}
	_, agent := chat.MessageTo(leaving, state.Seats["dana"])
	m, supervisor := chat.MessageTo(leaving, state.Seats["ines"])
	if agent || !supervisor || m.SeenByCustomer() {
		t.Error("the leaving of a listener is for supervisors only")
	}
	if len(left.Participants) != 2 {
		t.Errorf("participants after she has left: %v", left.Participants)
	}
}

// standing is a story up to where an agent stands in a certain way.
func standing(t *testing.T, how string) *story {
	t.Helper()
	var s *story
	switch how {
	case "nothing":
		s = waiting(t)
	case "invited":
		s = waiting(t)
		must(t, s.system(chat.Offer{UserID: "dana"}))
	case "invited to consult":
		s = withDana(t)
		must(t, s.agent("dana", chat.Consult{UserID: "omar"}))
	case "invited to monitor":
		s = withDana(t)
		must(t, s.supervisor("ines", chat.Intrude{Watched: "dana", Mode: chat.Monitor}))
	case "left":
		s = withDana(t)
		must(t, s.agent("dana", chat.Leave{}))
	case "join failed":
		s = withDana(t)
		must(t, s.pat(chat.Disconnect{}))
		must(t, s.agent("dana", chat.Complete{Queue: "claims"}))
		must(t, s.system(chat.Offer{UserID: "omar"}))
		must(t, s.agent("omar", chat.Accept{}))
	case "completed":
		s = withDana(t)
		must(t, s.agent("dana", chat.Complete{}))
	}
	return s
}
