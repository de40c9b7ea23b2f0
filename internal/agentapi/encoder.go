package agentapi

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// The topics on which an agent is told things (agent-api 2.4). They are relative to her: everyone subscribes to the same names.
const (
	TopicChats    = "/v2/me/chats"
	TopicChannels = "/v2/me/channels"
	TopicWorkbins = "/v2/me/workbins"
)

// timestampLayout is that of timestamp and receivedDate: milliseconds, a numeric zone without colon (agent-api 5.2.4).
const timestampLayout = "2006-01-02 15:04:05.000-0700"

// Encoder knows how chats, messages, users and notifications look on the wire. Notifications and REST answers both come from it, so they
// can't disagree. It never changes and may be used by many goroutines.
type Encoder struct {
	base               string // ends in /api/v2
	includeMessageType bool
	zone               *time.Location
	suggested          map[string][]string // uris of the queues suggested for a chat, by the id of its queue
}

// NewEncoder makes an encoder. base is put in front of every uri (externalApiUrlV2, agent-api 1.2); includeMessageType shows the sender's
// messageType in messages (5.2.6); zone is that of timestamps.
func NewEncoder(base string, includeMessageType bool, zone *time.Location) *Encoder {
	return &Encoder{base: strings.TrimRight(base, "/"), includeMessageType: includeMessageType, zone: zone}
}

// SuggestQueues has the chats of each queue come with the queues that it suggests for a transfer (agent-api 3.1). It must be called before all else.
func (e *Encoder) SuggestQueues(queues []*directory.Queue) {
	e.suggested = map[string][]string{}
	for _, q := range queues {
		for _, id := range q.Suggests {
			e.suggested[q.ID] = append(e.suggested[q.ID], e.uri(queuePath(id)))
		}
	}
}

// Chat renders n as it is pushed. history holds the messages of a notice with History set.
func (e *Encoder) Chat(n chat.Notice, history []chat.Message) (topic string, data jsontext.Value, err error) {
	var notification any
	switch n.Kind {
	case chat.NewMessages:
		messages := n.Messages
		if n.History {
			messages = history
		}
		notification = messageLogUpdated{
			MessageType: "MessageLogUpdated", NotificationType: n.Kind,
			ChatURI: e.uri(chatPath(n.Chat.ID)), ChatPath: chatPath(n.Chat.ID), Messages: e.messages(messages),
		}
	case chat.StatusChange, chat.ParticipantsUpdated, chat.PropertiesUpdated:
		notification = chatStateChange{MessageType: "ChatStateChangeMessage", NotificationType: n.Kind, ReferenceID: n.RefID, Chat: e.chat(n.Chat)}
	case chat.ErrorNotice:
		notification = chatStateChange{
			MessageType: "ChatStateChangeMessage", NotificationType: n.Kind, ReferenceID: n.RefID,
			ErrorCode: n.ErrorCode, ErrorMessage: n.ErrorMessage, Chat: e.chat(n.Chat),
		}
	default:
		return "", nil, fmt.Errorf("notice of unknown kind %q", n.Kind)
	}
	data, err = marshal(notification)
	return TopicChats, data, err
}

// Channels renders the media channels that changed (agent-api 5.3).
func (e *Encoder) Channels(changed []agent.Channel) (topic string, data jsontext.Value, err error) {
	data, err = marshal(channelStateChange{MessageType: "ChannelStateChangeMessageV2", Channels: channels(changed)})
	return TopicChannels, data, err
}

// Workbin renders what changed in a workbin (agent-api 6.9).
func (e *Encoder) Workbin(c desk.WorkbinChange) (topic string, data jsontext.Value, err error) {
	n := workbinStateChange{MessageType: "WorkbinStateChangeMessage", Action: "ItemRemoved", ID: c.Workbin, ReferenceID: c.RefID, Chat: e.chat(c.Chat)}
	if c.Added {
		n.Action = "ItemAdded"
	}
	data, err = marshal(n)
	return TopicWorkbins, data, err
}

// uri is the absolute address of the resource at path.
func (e *Encoder) uri(path string) string { return e.base + path }

func chatPath(id string) string { return "/chats/" + id }

func userPath(id string) string { return "/users/" + id }

func queuePath(id string) string { return "/queues/" + id }

// marshal writes v the same way each time: the keys of userData are sorted.
func marshal(v any) (jsontext.Value, error) { return json.Marshal(v, json.Deterministic(true)) }

func (e *Encoder) chat(r chat.Resource) chatResource {
	w := chatResource{
		ID: r.ID, URI: e.uri(chatPath(r.ID)), Path: chatPath(r.ID), State: r.State, ChatType: "Inbound", ReceivedDate: e.timestamp(r.ReceivedAt),
		Capabilities: r.Capabilities, Participants: make([]participant, 0, len(r.Participants)), UserData: r.UserData,
		SuggestedQueueURIs: e.suggested[r.Queue],
	}
	for _, p := range r.Participants {
		w.Participants = append(w.Participants, e.participant(p))
	}
	return w
}

func (e *Encoder) participant(p chat.Participant) participant {
	w := participant{ID: p.ID, ParticipantID: p.ID, Nickname: p.Nickname, Type: p.Type, Visibility: p.Visibility}
	if p.Type == chat.Agent && p.UserID != "" {
		w.URI, w.Path = e.uri(userPath(p.UserID)), userPath(p.UserID)
	}
	return w
}

func (e *Encoder) messages(ms []chat.Message) []message {
	w := make([]message, 0, len(ms))
	for _, m := range ms {
		w = append(w, e.message(m))
	}
	return w
}

func (e *Encoder) message(m chat.Message) message {
	w := message{
		Index: m.Index, Type: m.Type, TreatAs: m.TreatAs, EventAttributes: m.Attributes, Visibility: m.Visibility,
		Timestamp: e.timestamp(m.At), TimestampSeconds: m.At.UnixMilli(), From: e.participant(m.From),
	}
	switch m.Type {
	case chat.PushURL:
		w.URL = m.Text
	case chat.CustomNotice:
		w.NoticeText = m.Text
	case chat.TextMessage, chat.SystemNotice:
		w.Text = &m.Text // present even if empty (agent-api 5.2.1)
	default:
		if m.Text != "" {
			w.Text = &m.Text
		}
	}
	if e.includeMessageType && m.Type == chat.TextMessage {
		w.MessageType = m.Label
	}
	return w
}

func (e *Encoder) timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(e.zone).Format(timestampLayout)
}

func channels(cs []agent.Channel) []channel {
	w := make([]channel, 0, len(cs))
	for _, c := range cs {
		w = append(w, channelOf(c))
	}
	return w
}

func channelOf(c agent.Channel) channel {
	w := channel{Channel: c.Medium, DNDState: "Off", UserState: userStateOf(c.UserState)}
	if c.DND {
		w.DNDState = "On"
	}
	return w
}

func userStateOf(s agent.UserState) userState {
	return userState{ID: s.ID, DisplayName: s.DisplayName, State: s.State, Reason: s.Reason}
}
