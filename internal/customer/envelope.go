package customer

import "github.com/go-json-experiment/json/jsontext"

// Envelope is an answer of the server (customer-api 1.7).
type Envelope struct {
	StatusCode   int       `json:"statusCode"` // 0: done, 1: may be repeated, 2: refused
	ChatEnded    bool      `json:"chatEnded"`
	ChatID       string    `json:"chatId"`
	Alias        string    `json:"alias"`
	UserID       string    `json:"userId"`
	SecureKey    string    `json:"secureKey"`
	NextPosition int64     `json:"nextPosition"` // to ask for next
	Messages     []Message `json:"messages"`
	Errors       []Problem `json:"errors"`
}

// Problem is one reason for a refusal (customer-api 2.15).
type Problem struct {
	Code    int    `json:"code"`
	Advice  string `json:"advice"`
	Message string `json:"message"`
}

// Message is one event of the transcript (customer-api 4.1).
type Message struct {
	From            Sender         `json:"from"`
	Index           int64          `json:"index"`
	Type            string         `json:"type"` // such as Message, ParticipantJoined, TypingStarted
	MessageType     string         `json:"messageType"`
	Text            string         `json:"text"`
	UTCTime         int64          `json:"utcTime"` // milliseconds
	EventAttributes jsontext.Value `json:"eventAttributes"`
}

// Sender is who caused an event.
type Sender struct {
	Nickname      string `json:"nickname"`
	ParticipantID int    `json:"participantId"`
	Type          string `json:"type"` // Client, Agent, Supervisor, External
}

// Answer says whether the message is something that somebody on the other side has said.
func (m Message) Answer() bool { return m.Type == "Message" && m.From.Type != "Client" }
