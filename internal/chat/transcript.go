package chat

import "time"

// spoken is a transcript event: it has an index, and those who may see it get it as a message.
type spoken interface{ message() Message }

func (b Joined) message() Message {
	return Message{Type: ParticipantJoined, From: b.Participant, Visibility: b.Participant.Visibility}
}

func (b Left) message() Message {
	return Message{Type: ParticipantLeft, From: b.Participant, Visibility: b.Participant.Visibility}
}

func (b MessageSent) message() Message {
	return Message{
		Type: TextMessage, From: b.From, Visibility: b.Visibility,
		Text: b.Text, Label: b.Label, TreatAs: b.TreatAs, Attributes: b.Attributes,
	}
}

func (b URLPushed) message() Message {
	return Message{Type: PushURL, From: b.From, Visibility: b.From.atMost(VisibleToAll), Text: b.URL}
}

func (b NoticeSent) message() Message {
	return Message{Type: CustomNotice, From: b.From, Visibility: b.Visibility, Text: b.NoticeText}
}

func (b TypingBegan) message() Message {
	return Message{Type: TypingStarted, From: b.From, Visibility: b.Visibility, Text: b.Preview, AgentsOnly: b.Renewed}
}

func (b TypingEnded) message() Message {
	return Message{Type: TypingStopped, From: b.From, Visibility: b.Visibility}
}

func (b PreviewShown) message() Message {
	return Message{Type: TypingStarted, From: b.From, Visibility: VisibleToAll, Text: b.Preview, AgentsOnly: true}
}

// MessageOf returns an event as the message that agents may see; false if it is none.
func MessageOf(e Event) (Message, bool) {
	b, ok := e.Body.(spoken)
	if !ok {
		return Message{}, false
	}
	m := b.message()
	m.Index, m.At = e.Index, e.At
	return m, true
}

// SeenByAgent tells whether an agent in the given role may see the message (agent-api 5.2.3).
func (m Message) SeenByAgent(r Role) bool {
	return m.Visibility != VisibleToSupervisors || r == Supervisor
}

// SeenByCustomer tells whether the customer may see it.
func (m Message) SeenByCustomer() bool { return m.Visibility == VisibleToAll && !m.AgentsOnly }

// typing tells whether the message is about typing: worth nothing once it is old.
func (m Message) typing() bool { return m.Type == TypingStarted || m.Type == TypingStopped }

// Transcript renders a chat's log for an agent who has a live projection of it in s: what she may see, without typing, which only uses up its index
// (agent-api 4.15). The log may be given from any event on.
func Transcript(events []Event, userID string, s State) []Message {
	role := s.Seats[userID].Role
	messages := make([]Message, 0, len(events))
	for _, e := range events {
		if m, ok := MessageOf(e); ok && m.SeenByAgent(role) && !m.typing() {
			messages = append(messages, m)
		}
	}
	return messages
}

// CustomerTranscript renders a chat's log for the customer, from index from on. Typing is in it only while younger than [TypingLifetime]; what she herself
// has typed so far never is (customer-api 1.9, 4.2).
func CustomerTranscript(events []Event, from int64, now time.Time) []Message {
	messages := []Message{}
	for _, e := range events {
		m, ok := MessageOf(e)
		if !ok || m.Index < from || !m.SeenByCustomer() {
			continue
		}
		if m.typing() {
			if now.Sub(m.At) >= TypingLifetime {
				continue
			}
			m.Text = ""
		}
		messages = append(messages, m)
	}
	return messages
}
