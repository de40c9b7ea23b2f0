package chat_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
)

// TestRows tells one story per row of the order tables of agent-api 2.6, 4.1 to 4.13 and 5.4, and compares what every party gets with the golden file of that name:
// kinds, order, referenceIds, states, capabilities, participants, messages.
func TestRows(t *testing.T) {
	t.Parallel()
	bye := chat.Farewell{Text: "Good bye", TreatAs: "System"}
	rows := []row{
		{"4.1-offer", waiting, func(s *story) {
			s.system(chat.Offer{UserID: "dana", Deadline: began.Add(time.Minute)})
		}},
		{"4.1-offer-not-answered", waiting, func(s *story) {
			s.system(chat.Offer{UserID: "dana"})
			s.system(chat.EndOffer{UserID: "dana", OfferSeq: s.state.Seq, Reason: chat.OfferTimedOut})
			s.system(chat.Offer{UserID: "omar"})
		}},
		{"4.2-accept", waiting, func(s *story) {
			s.system(chat.Offer{UserID: "dana"})
			s.agent("dana", chat.Accept{})
		}},
		{"4.2-join-failed", withDana, func(s *story) {
			s.pat(chat.Disconnect{})
			s.agent("dana", chat.Complete{Queue: "claims"})
			s.system(chat.Offer{UserID: "omar"})
			s.agent("omar", chat.Accept{})
			s.agent("omar", chat.Complete{})
		}},
		{"4.3-reject-routed", waiting, func(s *story) {
			s.system(chat.Offer{UserID: "dana"})
			s.agent("dana", chat.Reject{})
		}},
		{"4.3-reject-invited", withDana, func(s *story) {
			for _, ask := range []chat.Action{chat.Consult{UserID: "omar"}, chat.Invite{UserID: "omar"}, chat.Transfer{UserID: "omar"}} {
				s.agent("dana", ask)
				s.agent("omar", chat.Reject{})
			}
		}},
		{"4.4-messages-alone", withDana, func(s *story) {
			s.agent("dana", chat.SendMessage{Text: "Hello", MessageType: "Greeting", TreatAs: "Normal"})
			s.agent("dana", chat.SendURL{URL: "https://shop.example.org/track"})
			s.agent("dana", chat.SendCustomNotice{NoticeText: `{"survey":1}`})
			s.agent("dana", chat.SendStartTypingNotification{})
			s.agent("dana", chat.SendStartTypingNotification{})
			s.agent("dana", chat.SendStopTypingNotification{})
			s.agent("dana", chat.SendStopTypingNotification{})
			s.agent("dana", chat.SendToAgents{Text: "anyone?"})
		}},
		{"4.4-messages-to-agents", consultation, func(s *story) {
			s.agent("dana", chat.SendMessage{Text: "One moment"})
			s.agent("dana", chat.SendToAgents{Text: "Is it lost?", TreatAs: "System"})
			s.agent("omar", chat.SendStartTypingToAgentsNotification{})
			s.agent("omar", chat.SendStopTypingToAgentsNotification{})
			s.agent("omar", chat.SendCustomNoticeToAgents{NoticeText: "see claim 7"})
			s.agent("omar", chat.SendMessage{Text: "I am not here"})
		}},
		{"4.5-customer-writes-and-types", consultation, func(s *story) {
			s.pat(chat.Type{Preview: "Whe"})
			s.pat(chat.PreviewText{Preview: "Where"})
			s.pat(chat.Type{Preview: "Where is"})
			s.pat(chat.Say{Text: "Where is it?", MessageType: "text", Attributes: jsontext.Value(`{"a": 1}`)})
			s.pat(chat.StopTyping{})
			s.pat(chat.Type{})
			s.pat(chat.StopTyping{})
		}},
		{"4.5-customer-leaves", conference, func(s *story) {
			s.agent("dana", chat.Consult{UserID: "ines"})
			s.pat(chat.Disconnect{})
		}},
		{"4.5-customer-leaves-while-offered", waiting, func(s *story) {
			s.system(chat.Offer{UserID: "dana"})
			s.pat(chat.Disconnect{})
			s.agent("dana", chat.Accept{})
		}},
		{"4.5-customer-lost", withDana, func(s *story) { s.system(chat.CustomerLost{}) }},
		{"4.5-customer-changes-data", withDana, func(s *story) {
			s.agent("dana", chat.Consult{UserID: "omar"})
			s.pat(chat.UpdateData{UserData: chat.UserData{"Order": jsontext.Value(`"4711"`)}})
		}},
		{"4.6-leave-last", consultation, func(s *story) {
			s.agent("dana", chat.Invite{UserID: "ines"})
			s.agent("dana", chat.Leave{Farewell: bye})
			s.agent("dana", chat.Complete{})
		}},
		{"4.6-leave-others-remain", conference, func(s *story) {
			s.agent("dana", chat.Leave{Farewell: bye})
			s.agent("omar", chat.Leave{})
		}},
		{"4.6-leave-without-customer", conference, func(s *story) {
			s.pat(chat.Disconnect{})
			s.agent("dana", chat.Leave{})
			s.agent("omar", chat.Leave{})
		}},
		{"4.7-complete", conference, func(s *story) {
			s.agent("dana", chat.Consult{UserID: "ines"})
			s.agent("omar", chat.Complete{Farewell: bye})
		}},
		{"4.7-complete-after-customer-left", withDana, func(s *story) {
			s.pat(chat.Disconnect{})
			s.agent("dana", chat.Complete{})
		}},
		{"4.7-complete-into-queue", conference, func(s *story) {
			s.agent("dana", chat.Complete{Queue: "claims"})
		}},
		{"4.8-transfer-accepted", conference, func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "ines", Farewell: bye})
			s.agent("dana", chat.SendMessage{Text: "Ines will be with you"})
			s.agent("ines", chat.Accept{})
		}},
		{"4.8-transfer-not-answered", withDana, func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "omar"})
			s.agent("dana", chat.Transfer{UserID: "ines"})
			s.system(chat.EndOffer{UserID: "omar", OfferSeq: s.state.Seq, Reason: chat.OfferTimedOut})
		}},
		{"4.8-transfer-target-logs-out", withDana, func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "omar"})
			s.system(chat.DropAgent{UserID: "omar"})
		}},
		{"4.8-transfer-customer-leaves", withDana, func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "omar"})
			s.pat(chat.Disconnect{})
		}},
		{"4.8-transfer-to-consulted", consultation, func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "omar"})
		}},
		{"4.8-transfer-to-member", conference, func(s *story) {
			s.agent("dana", chat.Transfer{UserID: "omar"})
		}},
		{"4.8-transfer-to-queue", consultation, func(s *story) {
			s.agent("dana", chat.Transfer{Queue: "claims", Farewell: bye})
		}},
		{"4.8-transfer-to-queue-from-conference", conference, func(s *story) {
			s.agent("dana", chat.Transfer{Queue: "claims"})
			s.system(chat.Offer{UserID: "ines"})
			s.agent("ines", chat.Accept{})
		}},
		{"4.8-transfer-while-offered", conference, func(s *story) {
			s.agent("dana", chat.Transfer{Queue: "claims"})
			s.system(chat.Offer{UserID: "ines"})
			s.agent("omar", chat.Transfer{Queue: "billing"})
		}},
		{"4.8-transfer-accepted-while-offered", conference, func(s *story) {
			s.agent("dana", chat.Transfer{Queue: "claims"})
			s.agent("omar", chat.Transfer{UserID: "ines"})
			s.system(chat.Offer{UserID: "gil"})
			s.agent("ines", chat.Accept{})
		}},
		{"4.8-customer-leaves-while-queued-in-conference", conference, func(s *story) {
			s.agent("dana", chat.Transfer{Queue: "claims"})
			s.system(chat.Offer{UserID: "ines"})
			s.pat(chat.Disconnect{})
			s.agent("omar", chat.Leave{})
		}},
		{"4.9-consult", withDana, func(s *story) {
			s.agent("dana", chat.SendMessage{Text: "Hello"})
			s.agent("dana", chat.Consult{UserID: "omar"})
			s.agent("omar", chat.Accept{})
			s.agent("omar", chat.Leave{})
		}},
		{"4.9-consult-becomes-conference", consultation, func(s *story) {
			s.agent("dana", chat.Invite{UserID: "omar"})
		}},
		{"4.10-invite", withDana, func(s *story) {
			s.agent("dana", chat.Invite{UserID: "omar"})
			s.agent("omar", chat.Accept{})
		}},
		{"4.11-remove-member", conference, func(s *story) {
			s.agent("dana", chat.RemoveParticipantFromConference{UserID: "omar", Farewell: bye})
		}},
		{"4.11-remove-consulted", consultation, func(s *story) {
			s.agent("dana", chat.RemoveParticipantFromConference{UserID: "omar"})
		}},
		{"4.12-user-data", conference, func(s *story) {
			s.agent("dana", chat.Consult{UserID: "ines"})
			s.agent("dana", chat.AttachUserData{UserData: chat.UserData{"VIP": jsontext.Value("true"), "N": jsontext.Value("1e400")}})
			s.agent("dana", chat.UpdateUserData{UserData: chat.UserData{"Subject": jsontext.Value(`{"deep":[1, null]}`)}})
			s.agent("omar", chat.DeleteUserData{Keys: []string{"VIP", "unknown"}})
			s.agent("omar", chat.DeleteUserData{Keys: []string{"unknown"}})
			s.agent("dana", chat.SetDisposition{Key: "DispositionCode", Disposition: "refunded"})
		}},
		{"4.13-set-in-focus", conference, func(s *story) { s.agent("dana", chat.SetInFocus{}) }},
		{"2.6-log-out-while-offered", waiting, func(s *story) {
			s.system(chat.Offer{UserID: "dana"})
			s.system(chat.DropAgent{UserID: "dana"})
		}},
		{"2.6-log-out-alone", consultation, func(s *story) { s.system(chat.DropAgent{UserID: "dana"}) }},
		{"2.6-log-out-of-conference", conference, func(s *story) { s.system(chat.DropAgent{UserID: "dana"}) }},
		{"2.6-log-out-of-wrap-up", withDana, func(s *story) {
			s.agent("dana", chat.Leave{})
			s.system(chat.DropAgent{UserID: "dana"})
		}},
		{"2.6-log-out-without-customer", withDana, func(s *story) {
			s.pat(chat.Disconnect{})
			s.system(chat.DropAgent{UserID: "dana"})
		}},
	}
	tellAll(t, rows)
}

// row is a story that is compared with the golden file of its name.
type row struct {
	name  string
	begin func(*testing.T) *story
	tell  func(*story)
}

func tellAll(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := r.begin(t)
			r.tell(s)
			s.golden(r.name)
		})
	}
}
