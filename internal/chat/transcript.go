package chat

import "time"

// spoken is a transcript event: it has an index, and those who may see it get it as a message.
type spoken interface{ message() Message }

func (b Joined) message() Message {
	return Message{Type: ParticipantJoined, From: b.Participant, Visibility: b.Participant.Visibility}
}

// For everybody but herself, a rise of her visibility is a coming and a fall is a going (agent-api 6.8).
func (b ModeSwitched) message() Message {
	if after := b.Participant; after.atMost(b.Was) == b.Was {
		return Message{Type: ParticipantJoined, From: after, Visibility: after.Visibility}
	}
	before := b.Participant
	before.Visibility = b.Was
	return Message{Type: ParticipantLeft, From: before, Visibility: b.Was}
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

// MessageOf returns an event as the message that those may see whom it does not concern themselves; false if it is none. See [MessageTo].
func MessageOf(e Event) (Message, bool) {
	b, ok := e.Body.(spoken)
	if !ok {
		return Message{}, false
	}
	m := b.message()
	m.Index, m.At = e.Index, e.At
	return m, true
}

// MessageTo returns an event as the message that the agent in a seat gets; false if it is none, or if she may not see it (agent-api 5.2.3). A supervisor
// sees her own changes of mode in this stay as Notices without a text (6.8).
func MessageTo(e Event, seat Seat) (Message, bool) {
	m, ok := MessageOf(e)
	if b, switched := e.Body.(ModeSwitched); switched && b.Participant.ID == seat.ParticipantID {
		m.Type, m.From, m.Visibility = SystemNotice, b.Participant, b.Participant.Visibility
		return m, true
	}
	return m, ok && seat.sees(m.Visibility)
}

// SeenByCustomer tells whether the customer may see it.
func (m Message) SeenByCustomer() bool { return m.Visibility == VisibleToAll && !m.AgentsOnly }

// typing tells whether the message is about typing: worth nothing once it is old.
func (m Message) typing() bool { return m.Type == TypingStarted || m.Type == TypingStopped }

// Transcript renders a chat's log for an agent who has a live projection of it in s: what she may see, without typing, which only uses up its index
// (agent-api 4.15). The log may be given from any event on.
func Transcript(events []Event, userID string, s State) []Message {
	seat := s.Seats[userID]
	messages := make([]Message, 0, len(events))
	for _, e := range events {
		if m, ok := MessageTo(e, seat); ok && !m.typing() {
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
