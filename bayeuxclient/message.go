package bayeuxclient

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux/binary"
)

// Message is what a subscriber gets. Data and Ext are the bytes of the server, numbers unchanged; they are the handler's to keep.
type Message struct {
	Channel string         // the channel it was published to, not the pattern subscribed to [CH-9]
	ID      string         // of the request it answers, for remote calls; else empty [MSG-9, PUB-11]
	Data    jsontext.Value // any JSON, may be null
	Ext     jsontext.Value // nil if the message has none

	// ReplayID is the position in the server's stream, to subscribe from later; 0 if the message tells none [RP-3].
	ReplayID int64
}

// Binary returns the bytes that the message carries [BI-1]. The error is binary.ErrOther if it carries none.
func (m Message) Binary() (binary.Piece, error) { return binary.Decode(m.Ext, m.Data) }

// Advice is what the server advises [chapter 10].
type Advice struct {
	Reconnect       string        // "retry", "handshake" or "none"
	Interval        time.Duration // wait this long before the next connect
	Timeout         time.Duration // how long the server will hold it
	MultipleClients bool          // this browser cookie has more sessions than it may hold open [CK-8]
}

// Values of Advice.Reconnect.
const (
	reconnectRetry     = "retry"
	reconnectHandshake = "handshake"
	reconnectNone      = "none"
)

// outgoing is a message of the client.
type outgoing struct {
	ID                       string                    `json:"id"`
	Channel                  string                    `json:"channel"`
	ClientID                 string                    `json:"clientId,omitzero"`
	Version                  string                    `json:"version,omitzero"`
	MinimumVersion           string                    `json:"minimumVersion,omitzero"`
	SupportedConnectionTypes []string                  `json:"supportedConnectionTypes,omitzero"`
	ConnectionType           string                    `json:"connectionType,omitzero"`
	Subscription             string                    `json:"subscription,omitzero"`
	Advice                   *askedAdvice              `json:"advice,omitzero"`
	Ext                      map[string]jsontext.Value `json:"ext,omitempty"`
	Data                     jsontext.Value            `json:"data,omitzero"`
}

// askedAdvice is what a client may wish for; milliseconds.
type askedAdvice struct {
	Timeout  int64  `json:"timeout"`
	Interval *int64 `json:"interval,omitzero"`
}

// asGiven leaves a caller's raw JSON alone: what a repeated key means is the server's business [MSG-3, MSG-4].
var asGiven = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true), json.Deterministic(true))

// encode returns the array that goes on the wire [MSG-1].
func encode(msgs []outgoing) ([]byte, error) {
	body, err := json.Marshal(msgs, asGiven)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return body, nil
}

// encodeData returns data as JSON; nil is null.
func encodeData(data any) (jsontext.Value, error) {
	raw, err := json.Marshal(data, asGiven)
	if err != nil {
		return nil, fmt.Errorf("encode data: %w", err)
	}
	return raw, nil
}

// incoming is a message of the server: a reply, or something delivered.
type incoming struct {
	Channel                  string         `json:"channel"`
	RawID                    jsontext.Value `json:"id"`
	ClientID                 string         `json:"clientId"`
	Successful               *bool          `json:"successful"`
	Error                    string         `json:"error"`
	RawAdvice                jsontext.Value `json:"advice"`
	Ext                      jsontext.Value `json:"ext"`
	Data                     jsontext.Value `json:"data"`
	SupportedConnectionTypes []string       `json:"supportedConnectionTypes"`
}

// decode reads the array of a response or frame; all of it, or nothing.
func decode(body []byte) ([]incoming, error) {
	var msgs []incoming
	if err := json.Unmarshal(body, &msgs, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, fmt.Errorf("not an array of Bayeux messages: %w", err)
	}
	if msgs == nil {
		return nil, errors.New("not an array of Bayeux messages: null")
	}
	return msgs, nil
}

// id returns the id as text; some servers send numbers.
func (m incoming) id() string {
	if m.RawID.Kind() == '"' {
		if text, err := jsontext.AppendUnquote(nil, m.RawID); err == nil {
			return string(text)
		}
	}
	return string(m.RawID)
}

func (m incoming) successful() bool { return m.Successful != nil && *m.Successful }

// overhead is what an event costs in memory besides its data, roughly.
const overhead = 128

// size is what the message costs in memory.
func (m incoming) size() int {
	return overhead + len(m.Channel) + len(m.Data) + len(m.Ext)
}

// advice overwrites the fields of last that the message advises on: a missing field keeps the last value.
func (m incoming) advice(last Advice) Advice {
	if m.RawAdvice.Kind() != '{' {
		return last
	}
	var a struct {
		Reconnect       string   `json:"reconnect"`
		Interval        *float64 `json:"interval"`
		Timeout         *float64 `json:"timeout"`
		MultipleClients bool     `json:"multiple-clients"`
	}
	if err := json.Unmarshal(m.RawAdvice, &a, jsontext.AllowDuplicateNames(true)); err != nil {
		return last
	}
	if a.Reconnect != "" {
		last.Reconnect = a.Reconnect
	}
	if a.Interval != nil {
		last.Interval = milliseconds(*a.Interval)
	}
	if a.Timeout != nil {
		last.Timeout = milliseconds(*a.Timeout)
	}
	last.MultipleClients = a.MultipleClients
	return last
}

// maxAdvised bounds what a server may make a client wait for.
const maxAdvised = 24 * time.Hour

func milliseconds(ms float64) time.Duration {
	if !(ms > 0) { // also NaN
		return 0
	}
	if ms > float64(maxAdvised/time.Millisecond) {
		return maxAdvised
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// ackNumber returns the batch number of a connect reply [AK-2], or of a handshake reply, where true stands for 0 and an object
// has the number as batch [AK-1, AK-10]. Anything else is no number.
func (m incoming) ackNumber() (n int64, ok bool) {
	if m.Ext.Kind() != '{' {
		return 0, false
	}
	var ext struct {
		Ack jsontext.Value `json:"ack"`
	}
	if err := json.Unmarshal(m.Ext, &ext, jsontext.AllowDuplicateNames(true)); err != nil {
		return 0, false
	}
	switch ext.Ack.Kind() {
	case 't':
		return 0, true
	case '0':
		err := json.Unmarshal(ext.Ack, &n)
		return n, err == nil
	case '{':
		var first struct {
			Enabled bool  `json:"enabled"`
			Batch   int64 `json:"batch"`
		}
		err := json.Unmarshal(ext.Ack, &first, jsontext.AllowDuplicateNames(true))
		return first.Batch, err == nil && first.Enabled
	}
	return 0, false
}
