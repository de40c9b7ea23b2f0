package chat

import "slices"

// Notices returns what each agent concerned is told about a change, in the order that is documented for her: first whoever caused it, then the others by
// user id. after is before with the events applied; the resources in the notices show the chat after the change.
//
// The rules, for one agent (agent-api 4, 5.4):
//   - Her own projection moved: StatusChange. After Chatting follow ParticipantsUpdated and the history.
//   - She was in and stays in: each message she may see, and one ParticipantsUpdated if her participants or capabilities are others now.
//   - She was in and goes: messages, but no joining and leaving, and then StatusChange.
//   - Attached data changed: PropertiesUpdated, also while she is only invited.
//   - Somebody she has invited does not come: Error.
func Notices(before State, events []Event, after State) []Notice {
	if len(events) == 0 {
		return nil
	}
	c := change{before: before, events: events, after: after}
	var users []string
	for id := range before.Seats {
		users = append(users, id)
	}
	for id := range after.Seats {
		if _, ok := before.Seats[id]; !ok {
			users = append(users, id)
		}
	}
	slices.Sort(users)
	if i := slices.Index(users, events[0].Actor.UserID); i > 0 {
		users = slices.Insert(slices.Delete(users, i, i+1), 0, events[0].Actor.UserID)
	}
	var notices []Notice
	for _, id := range users {
		notices = append(notices, c.noticesTo(id)...)
	}
	return notices
}

// change is what happened between two states.
type change struct {
	before, after State
	events        []Event
}

func (c change) noticesTo(userID string) []Notice {
	was, is := c.before.Seats[userID], c.after.Seats[userID]
	var notices []Notice
	switch {
	case was.State == Chatting && is.State == Chatting:
		notices = c.conversation(userID, was, is)
	case was.State == Chatting:
		notices = append(c.lastWords(userID, was), c.statusChanges(userID, is)...)
	case was.State != is.State:
		notices = c.statusChanges(userID, is)
		if is.State == Chatting {
			notices = append(notices,
				Notice{To: userID, Kind: ParticipantsUpdated, Chat: c.after.View(userID)},
				Notice{To: userID, Kind: NewMessages, Chat: Resource{ID: c.after.ID}, History: true})
		}
	}
	if was.Live() && is.Live() {
		notices = append(notices, c.properties(userID)...)
	}
	return append(notices, c.errors(userID)...)
}

// statusChanges announces each state that a projection has come to, with the referenceId of the request of hers that led to it (agent-api 1.6). Who is
// brought in without being asked is invited first all the same (2.5).
func (c change) statusChanges(userID string, is Seat) []Notice {
	var notices []Notice
	for _, e := range c.events {
		n := Notice{To: userID, Kind: StatusChange}
		switch b := e.Body.(type) {
		case Offered:
			if b.UserID != userID {
				continue
			}
			is.State = Invited
			if e.Actor.UserID == userID { // she has invited herself: Intrude
				n.RefID = b.RefID
			}
		case SeatChanged:
			if b.UserID != userID {
				continue
			}
			is.State, n.RefID = b.State, b.RefID
		default:
			continue
		}
		n.Chat = c.after.view(userID, is)
		// Even in Chatting: the participants are the next notification's matter (agent-api 4.2 N1).
		n.Chat.Participants = nil
		notices = append(notices, n)
	}
	return notices
}

// conversation is what an agent gets who is in and stays in.
func (c change) conversation(userID string, was, is Seat) []Notice {
	messages := c.messages(was)
	notices := make([]Notice, 0, len(messages)+1)
	for _, m := range messages {
		notices = append(notices, m.notice(c.after.ID, userID))
	}
	seen, sees := c.before.View(userID), c.after.View(userID)
	if slices.Equal(seen.Participants, sees.Participants) && slices.Equal(seen.Capabilities, sees.Capabilities) {
		return notices
	}
	updated := Notice{To: userID, Kind: ParticipantsUpdated, Chat: sees}
	if i := slices.IndexFunc(messages, Message.comingOrGoing); i >= 0 && c.listFirst(was) {
		return slices.Insert(notices, i, updated)
	}
	return append(notices, updated)
}

// listFirst tells whether the new list of participants comes before the messages about who came and went. It does when somebody joins (4.2, 4.9, 4.10), is
// removed (4.11), takes over from within (4.8), or changes her mode (6.8); not when somebody leaves (4.5, 4.6) or hands over to a newcomer (4.8).
// What an agent may not see does not tell itself by the order either.
func (c change) listFirst(seat Seat) bool {
	var newcomer, raised, removed, transferred bool
	for _, e := range c.events {
		if _, ok := MessageTo(e, seat); !ok {
			continue
		}
		switch b := e.Body.(type) {
		case Joined:
			_, known := c.before.participant(b.Participant.UserID)
			newcomer, raised = newcomer || !known, raised || known
		case ModeSwitched:
			raised = true
		case Left:
			removed = removed || b.Cause == CauseRemoved
			transferred = transferred || b.Cause == CauseTransferred
		}
	}
	return raised || removed || newcomer != transferred
}

// lastWords is what an agent gets who was in and goes: what was said, not who came and went.
func (c change) lastWords(userID string, was Seat) []Notice {
	var notices []Notice
	for _, m := range c.messages(was) {
		if !m.comingOrGoing() {
			notices = append(notices, m.notice(c.after.ID, userID))
		}
	}
	return notices
}

// messages returns the new messages that an agent in this seat may see.
func (c change) messages(seat Seat) []Message {
	var messages []Message
	for _, e := range c.events {
		if m, ok := MessageTo(e, seat); ok {
			messages = append(messages, m)
		}
	}
	return messages
}

// comingOrGoing tells whether the message is about the list of participants. Of a supervisor, so is the Notice of her own change of mode.
func (m Message) comingOrGoing() bool {
	return m.Type == ParticipantJoined || m.Type == ParticipantLeft || m.Type == SystemNotice && m.From.Role == Supervisor
}

func (m Message) notice(chatID, to string) Notice {
	return Notice{To: to, Kind: NewMessages, Chat: Resource{ID: chatID}, Messages: []Message{m}}
}

// properties announces new user data. Setting what was so already is announced too, because the requester waits for it.
func (c change) properties(userID string) []Notice {
	var notices []Notice
	for _, e := range c.events {
		if b, ok := e.Body.(DataChanged); ok {
			n := Notice{To: userID, Kind: PropertiesUpdated, Chat: c.after.View(userID)}
			if e.Actor.UserID == userID {
				n.RefID = b.RefID
			}
			notices = append(notices, n)
		}
	}
	return notices
}

// errorNotPossible is the code of an Error notification about somebody who does not come (agent-api 5.1.4).
const errorNotPossible = 2

// errors tells an agent who is still in which of her invitations came to nothing.
func (c change) errors(userID string) []Notice {
	if c.after.Seats[userID].State != Chatting {
		return nil
	}
	var notices []Notice
	tell := func(refID int64, what string) {
		notices = append(notices, Notice{
			To: userID, Kind: ErrorNotice, Chat: c.after.View(userID), RefID: refID, ErrorCode: errorNotPossible, ErrorMessage: what,
		})
	}
	for _, e := range c.events {
		switch b := e.Body.(type) {
		case SeatChanged:
			invited := c.before.Seats[b.UserID]
			if !b.State.live() && invited.State == Invited && invited.InvitedBy == userID && !invited.asked() {
				tell(invited.RefID, wish(invited.Role)+outcome(b.Cause))
			}
		case AskEnded:
			if ask := c.before.Asking; ask != nil && ask.By == userID && b.Cause != CauseAccepted && b.Cause != CauseCustomerGone {
				tell(ask.RefID, wish(ask.Role)+searched(b.Cause))
			}
		}
	}
	return notices
}

// searched says why nobody was found through a queue (agent-api 4.9).
func searched(c Cause) string {
	if c == CauseTimedOut {
		return "failed: nobody in the queue had time for it"
	}
	return "was taken back: the chat waits in a queue itself"
}

func wish(r Role) string {
	switch r {
	case Owner:
		return "Transfer "
	case Consulted:
		return "Consultation "
	}
	return "Invitation "
}

func outcome(c Cause) string {
	switch c {
	case CauseRejected:
		return "was rejected by the target"
	case CauseTimedOut:
		return "was not answered by the target in time"
	case CauseLoggedOut:
		return "failed: the target has logged out"
	case CauseCustomerGone:
		return "failed: the customer has left"
	}
	return "was taken back"
}
