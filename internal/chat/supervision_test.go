package chat_test

import (
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/chat"
)

// TestSupervision tells what every party gets when supervisors come, change their mode and go (agent-api 6.8, 5.4), as [TestRows] does.
func TestSupervision(t *testing.T) {
	t.Parallel()
	tellAll(t, []row{
		{"6.8-monitor", withDana, func(s *story) {
			s.supervise("ines", chat.Monitor)
			s.agent("dana", chat.SendMessage{Text: "Hello"})
			s.agent("dana", chat.SendToAgents{Text: "anyone?"})
			s.agent("ines", chat.SendToAgents{Text: "me"})
			s.agent("ines", chat.Leave{Farewell: chat.Farewell{Text: "only supervisors read this"}})
		}},
		{"6.8-coach", withDana, func(s *story) {
			s.supervise("ines", chat.Coach)
			s.agent("dana", chat.SendToAgents{Text: "what now?"})
			s.agent("ines", chat.SendToAgents{Text: "refund it"})
			s.agent("ines", chat.Leave{})
		}},
		{"6.8-barge-in", withDana, func(s *story) {
			s.supervise("ines", chat.BargeIn)
			s.agent("ines", chat.SendMessage{Text: "I am Dana's supervisor"})
			s.pat(chat.Say{Text: "At last"})
			s.agent("ines", chat.Leave{})
		}},
		{"6.8-intrude", withDana, func(s *story) {
			s.supervisor("ines", chat.Intrude{Watched: "dana", Mode: chat.BargeIn, Deadline: s.now.Add(time.Minute)})
			s.agent("ines", chat.Accept{})
		}},
		{"6.8-intrude-rejected", withDana, func(s *story) {
			s.supervisor("ines", chat.Intrude{Watched: "dana", Mode: chat.Coach})
			s.agent("dana", chat.Consult{UserID: "ines"})
			s.agent("ines", chat.Reject{})
		}},
		{"6.8-intrude-not-answered", withDana, func(s *story) {
			s.supervisor("ines", chat.Intrude{Watched: "dana", Mode: chat.Coach})
			s.system(chat.EndOffer{UserID: "ines", OfferSeq: s.state.Seq, Reason: chat.OfferTimedOut})
		}},
		{"6.8-intrude-too-late", withDana, func(s *story) {
			s.supervisor("ines", chat.Intrude{Watched: "dana", Mode: chat.Coach})
			s.agent("dana", chat.Leave{})
		}},
		{"6.8-switch", supervised(withDana, chat.Monitor), func(s *story) {
			s.supervise("omar", chat.Monitor)
			s.agent("ines", chat.SwitchToMonitor{})
			s.agent("ines", chat.SwitchToCoach{})
			s.agent("ines", chat.SwitchToBargeIn{})
			s.agent("ines", chat.SwitchToCoach{})
			s.agent("ines", chat.SwitchToMonitor{})
			s.agent("ines", chat.SwitchToBargeIn{})
			s.agent("ines", chat.SwitchToMonitor{})
		}},
		{"6.8-switch-while-typing", supervised(withDana, chat.BargeIn), func(s *story) {
			s.agent("ines", chat.SendStartTypingNotification{})
			s.agent("ines", chat.SwitchToCoach{})
			s.agent("ines", chat.SendStartTypingToAgentsNotification{})
			s.agent("ines", chat.SwitchToBargeIn{})
		}},
		{"6.8-customer-leaves", supervised(conference, chat.BargeIn), func(s *story) {
			s.supervise("gil", chat.Monitor)
			s.pat(chat.Disconnect{})
			s.supervisor("hal", chat.Intrude{Watched: "dana", Mode: chat.Coach})
			s.agent("ines", chat.SwitchToCoach{})
			s.agent("dana", chat.Leave{})
			s.agent("omar", chat.Leave{})
		}},
		{"6.8-watched-leaves", supervised(conference, chat.Monitor), func(s *story) {
			s.agent("dana", chat.Leave{})
			s.agent("omar", chat.Leave{})
		}},
		{"6.8-complete", supervised(withDana, chat.Coach), func(s *story) {
			s.supervisor("gil", chat.Intrude{Watched: "dana", Mode: chat.Monitor})
			s.agent("ines", chat.Complete{})
			s.agent("dana", chat.Complete{})
		}},
		{"6.8-placed-in-queue", supervised(conference, chat.BargeIn), func(s *story) {
			s.supervise("gil", chat.Monitor)
			s.agent("dana", chat.Transfer{Queue: "claims"})
		}},
		{"6.8-agent-logs-out", supervised(withDana, chat.BargeIn), func(s *story) {
			s.system(chat.DropAgent{UserID: "dana"})
		}},
		{"6.8-supervisor-logs-out", supervised(withDana, chat.BargeIn), func(s *story) {
			s.agent("ines", chat.Invite{UserID: "omar"})
			s.system(chat.DropAgent{UserID: "ines"})
		}},
		{"6.8-supervisor-transfers", supervised(withDana, chat.BargeIn), func(s *story) {
			s.agent("ines", chat.Transfer{UserID: "omar"})
			s.agent("omar", chat.Accept{})
		}},
		{"6.8-supervisor-transfers-to-queue", supervised(withDana, chat.BargeIn), func(s *story) {
			s.agent("ines", chat.Transfer{Queue: "claims"})
		}},
		{"6.8-listener-transfers", supervised(withDana, chat.BargeIn), func(s *story) {
			s.agent("ines", chat.Transfer{UserID: "omar"})
			s.agent("ines", chat.SwitchToMonitor{})
			s.agent("omar", chat.Accept{})
		}},
		{"4.8-transfer-to-coach", supervised(withDana, chat.Coach), func(s *story) {
			s.supervise("gil", chat.Monitor)
			s.agent("dana", chat.Invite{UserID: "ines"})
			s.agent("dana", chat.Transfer{UserID: "ines"})
		}},
		{"4.8-transfer-to-barged-in", supervised(withDana, chat.BargeIn), func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "ines"})
		}},
		{"4.8-transfer-to-listener", supervised(withDana, chat.Monitor), func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "ines"})
			s.agent("dana", chat.Consult{UserID: "ines"})
			s.agent("dana", chat.Invite{UserID: "ines"})
		}},
		{"4.11-remove-supervisor", supervised(conference, chat.Monitor), func(s *story) {
			s.agent("dana", chat.RemoveParticipantFromConference{UserID: "ines"})
			s.agent("ines", chat.SwitchToBargeIn{})
			s.agent("ines", chat.RemoveParticipantFromConference{UserID: "dana"})
			s.agent("dana", chat.RemoveParticipantFromConference{UserID: "ines"})
		}},
		{"4.12-user-data-by-supervisor", supervised(withDana, chat.Monitor), func(s *story) {
			s.agent("ines", chat.SetDisposition{Key: "DispositionCode", Disposition: "refunded"})
		}},
	})
}

// TestIntrudeRefused: 6 comes before 2, and 2 before what is wrong with the mode (agent-api 6.8, 4.0).
func TestIntrudeRefused(t *testing.T) {
	t.Parallel()
	over := withDana(t)
	must(t, over.pat(chat.Disconnect{}))
	monitored := supervised(withDana, chat.Monitor)(t)
	tests := []struct {
		name    string
		story   *story
		user    string
		intrude chat.Intrude
		want    string
	}{
		{"unknown chat", newStory(t), "ines", chat.Intrude{Watched: "dana", Mode: chat.Monitor}, "not found"},
		{"agent not in the chat", withDana(t), "ines", chat.Intrude{Watched: "omar", Mode: chat.Monitor}, "not found"},
		{"agent only invited", standing(t, "invited"), "ines", chat.Intrude{Watched: "dana", Mode: chat.Monitor}, "not found"},
		{"agent has left", standing(t, "left"), "ines", chat.Intrude{Watched: "dana", Mode: chat.Monitor}, "not found"},
		{"another supervisor", monitored, "gil", chat.Intrude{Watched: "ines", Mode: chat.Monitor}, "not found"},
		{"nobody named", withDana(t), "ines", chat.Intrude{Mode: chat.Monitor}, "not found"},
		{"the customer's user id", withDana(t), "ines", chat.Intrude{Watched: "PAT", Mode: chat.Monitor}, "not found"},
		{"in already", monitored, "ines", chat.Intrude{Watched: "dana"}, "state"},
		{"herself", withDana(t), "dana", chat.Intrude{Watched: "dana", Mode: chat.Monitor}, "state"},
		{"invited already", standing(t, "invited to monitor"), "ines", chat.Intrude{Watched: "dana", Mode: chat.Coach}, "state"},
		{"the customer has gone", over, "ines", chat.Intrude{Watched: "dana"}, "state"},
		{"no mode", withDana(t), "ines", chat.Intrude{Watched: "dana"}, "missing"},
		{"unknown mode", withDana(t), "ines", chat.Intrude{Watched: "dana", Mode: "monitor"}, "invalid"},
		{"fine", consultation(t), "ines", chat.Intrude{Watched: "omar", Mode: chat.Monitor}, "ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			by := chat.Command{Actor: chat.Actor{Kind: chat.BySupervisor, UserID: tt.user}, Action: tt.intrude}
			if _, err := chat.Decide(tt.story.state, by, tt.story.now); kindOf(err) != tt.want {
				t.Errorf("%s (%v), want %s", kindOf(err), err, tt.want)
			}
		})
	}
}

// TestSuperviseTooLate: who is to watch a chat that has moved on meanwhile does not come (agent-api 6.8).
func TestSuperviseTooLate(t *testing.T) {
	t.Parallel()
	over := withDana(t)
	must(t, over.pat(chat.Disconnect{}))
	for name, s := range map[string]*story{
		"agent has left":        standing(t, "left"),
		"agent only invited":    standing(t, "invited"),
		"the customer has gone": over,
		"in already":            supervised(withDana, chat.Coach)(t),
		"invited already":       standing(t, "invited to monitor"),
	} {
		events, err := chat.Decide(s.state, chat.Command{
			Actor:  chat.Actor{Kind: chat.BySystem},
			Action: chat.Supervise{UserID: "ines", Nickname: "Ines", Mode: chat.Monitor, ParticipantID: "NEW", Watched: "dana"},
		}, s.now)
		if err != nil || len(events) > 0 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
		}
	}
}

// TestOfferedBefore: an invitation that was stored without a visibility has that of its role.
func TestOfferedBefore(t *testing.T) {
	t.Parallel()
	for role, want := range map[chat.Role]chat.Visibility{
		chat.Owner: chat.VisibleToAll, chat.Member: chat.VisibleToAll, chat.Consulted: chat.VisibleToAgents,
	} {
		s := chat.State{ID: "C"}.Apply(chat.Event{Seq: 1, Body: chat.Offered{UserID: "dana", Role: role}})
		if got := s.Seats["dana"].Visibility; got != want {
			t.Errorf("%s: %s, want %s", role, got, want)
		}
	}
}
