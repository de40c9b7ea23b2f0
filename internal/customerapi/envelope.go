package customerapi

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
)

// nodeAlias names the server that holds the chat; clients send it back, and nothing depends on it. [1.6]
const nodeAlias = "1"

// envelope is the answer to a request that was done (1.7). The order of the members is that of the documentation's samples.
type envelope struct {
	StatusCode   int       `json:"statusCode"`
	ChatEnded    bool      `json:"chatEnded"`
	ChatID       string    `json:"chatId"`
	Alias        string    `json:"alias"`
	UserID       string    `json:"userId"`
	SecureKey    string    `json:"secureKey"`
	NextPosition int64     `json:"nextPosition"`
	Monitored    bool      `json:"monitored"` // always false: supervision is nobody's business
	Messages     []message `json:"messages"`
}

// failure is the answer to any other request: no userId, no secureKey, no position (1.7, 1.8). It has no member named "error".
type failure struct {
	StatusCode int       `json:"statusCode"`
	ChatEnded  bool      `json:"chatEnded"`
	ChatID     string    `json:"chatId"`
	Alias      string    `json:"alias,omitzero"`
	Messages   []message `json:"messages"`
	Errors     []problem `json:"errors,omitempty"`
}

// message is one event as a customer sees it (4.1). Absent members are left out.
type message struct {
	From            sender         `json:"from"`
	Index           int64          `json:"index"`
	Type            string         `json:"type"`
	MessageType     string         `json:"messageType,omitzero"`
	Text            *string        `json:"text,omitzero"` // a custom notice has a text even if it is empty
	UTCTime         int64          `json:"utcTime"`       // milliseconds
	EventAttributes jsontext.Value `json:"eventAttributes,omitzero"`
}

// sender is who caused an event, as she was at that time. Ids of agents are never given to customers. [7.3]
type sender struct {
	Nickname      string `json:"nickname"`
	ParticipantID int    `json:"participantId"`
	Type          string `json:"type"`
}

// envelope tells the customer where her chat stands, with the part of the transcript that she asked for.
func (a *API) envelope(ctx context.Context, cc desk.CustomerChat, s span) (envelope, error) {
	e := envelope{
		ChatEnded: cc.Ended, ChatID: cc.ChatID, Alias: nodeAlias, UserID: cc.UserID, SecureKey: cc.Key,
		NextPosition: cc.NextPosition, Messages: []message{},
	}
	if s.none {
		return e, nil
	}
	transcript, err := cc.Messages(ctx, s.from)
	if err != nil {
		return envelope{}, fmt.Errorf("read the transcript: %w", err)
	}
	for _, m := range transcript {
		e.Messages = append(e.Messages, render(m))
	}
	return e, nil
}

// render turns a message of the transcript into the customer's form of it. [4, 7.1, 7.2]
func render(m chat.Message) message {
	out := message{
		From:  sender{Nickname: m.From.Nickname, ParticipantID: m.From.Number, Type: senderType(m.From)},
		Index: m.Index, Type: string(m.Type), UTCTime: m.At.UnixMilli(),
		MessageType: m.Label, EventAttributes: m.Attributes,
	}
	switch m.Type {
	case chat.TextMessage:
		out.Type = "Message"
		out.Text = &m.Text
	case chat.PushURL, chat.CustomNotice, chat.SystemNotice:
		out.Text = &m.Text
	}
	return out
}

// senderType is the type of a participant as customers know it. [7.3]
func senderType(p chat.Participant) string {
	switch {
	case p.Type == chat.Customer:
		return "Client"
	case p.Type == chat.Agent && p.Role == chat.Supervisor:
		return "Supervisor"
	}
	return string(p.Type)
}
