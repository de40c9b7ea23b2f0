package desk

import (
	"testing"

	"github.com/halley-chat/halley/internal/chat"
)

// TestDeclined: who lets an invitation pass is passed over for a while (agent-api 4.3), but not a supervisor who would not watch a chat after all (6.8).
func TestDeclined(t *testing.T) {
	t.Parallel()
	invited, supervisor := chat.Seat{State: chat.Invited, Role: chat.Owner}, chat.Seat{State: chat.Invited, Role: chat.Supervisor}
	tests := []struct {
		name   string
		action chat.Action
		was    chat.Seat
		want   bool
	}{
		{"rejects", chat.Reject{}, invited, true},
		{"does not answer", chat.EndOffer{Reason: chat.OfferTimedOut}, invited, true},
		{"is taken back", chat.EndOffer{Reason: chat.OfferTakenBack}, invited, false},
		{"another one's matter", chat.Reject{}, chat.Seat{State: chat.Chatting, Role: chat.Owner}, false},
		{"customer leaves", chat.Disconnect{}, invited, false},
		{"supervisor rejects", chat.Reject{}, supervisor, false},
		{"supervisor does not answer", chat.EndOffer{Reason: chat.OfferTimedOut}, supervisor, false},
	}
	for _, tt := range tests {
		if got := declined(tt.action, tt.was); got != tt.want {
			t.Errorf("%s: declined %v, want %v", tt.name, got, tt.want)
		}
	}
}
