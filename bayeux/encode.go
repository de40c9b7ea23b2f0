package bayeux

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Values of the advice field reconnect (chapter 10).
const (
	ReconnectRetry     = "retry"
	ReconnectHandshake = "handshake"
	ReconnectNone      = "none"
)

// Advice tells a client how to go on (chapter 10). On the wire it always has
// reconnect, interval and timeout (AD-1), as whole milliseconds (AD-2).
type Advice struct {
	Reconnect         string // "": retry
	Interval, Timeout time.Duration
	MultipleClients   bool
	MaxInterval       time.Duration // 0: not sent (HS-13)
}

func (a *Advice) append(b []byte) []byte {
	reconnect := a.Reconnect
	if reconnect == "" {
		reconnect = ReconnectRetry
	}
	b = append(b, `{"reconnect":`...)
	b = appendString(b, reconnect)
	b = append(b, `,"interval":`...)
	b = strconv.AppendInt(b, a.Interval.Milliseconds(), 10)
	b = append(b, `,"timeout":`...)
	b = strconv.AppendInt(b, a.Timeout.Milliseconds(), 10)
	if a.MultipleClients {
		b = append(b, `,"multiple-clients":true`...)
	}
	if a.MaxInterval > 0 {
		b = append(b, `,"maxInterval":`...)
		b = strconv.AppendInt(b, a.MaxInterval.Milliseconds(), 10)
	}
	return append(b, '}')
}

// appendString quotes s. Characters that are not UTF-8 cannot come from a client
// (MSG-4); from server code they are replaced.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// reply is the answer to one client message (MSG-6).
type reply struct {
	channel      string
	hasChannel   bool
	id           string
	hasID        bool
	subscription jsontext.Value
	err          string // empty: successful
	advice       *Advice
	ext          extFields
	answer       func(*ReplyExt) // of extensions, when the reply is completed; nil: none
	timestamp    string          // empty: none (TM-1)

	// Of a successful handshake only.
	clientID string
	types    []Transport
	messages []item // that travel with it (HS-12)
}

// replyTo begins the reply to m with what it echoes (MSG-6, MSG-7).
func replyTo(m *Message) reply {
	r := reply{channel: m.Channel, hasChannel: m.channel == present, id: m.ID, hasID: m.id == present}
	if r.hasChannel {
		switch lookupName(m.Channel) {
		case metaSubscribe, metaUnsubscribe:
			r.subscription = m.Subscription
		}
	}
	return r
}

// append adds the reply as an object.
func (r *reply) append(b []byte) []byte {
	b = append(b, '{')
	if r.hasChannel {
		b = append(b, `"channel":`...)
		b = appendString(b, r.channel)
		b = append(b, ',')
	}
	if r.hasID {
		b = append(b, `"id":`...)
		b = appendString(b, r.id)
		b = append(b, ',')
	}
	if r.subscription != nil {
		b = append(b, `"subscription":`...)
		b = append(b, r.subscription...)
		b = append(b, ',')
	}
	if r.err != "" {
		b = append(b, `"error":`...)
		b = appendString(b, r.err)
		b = append(b, `,"successful":false`...)
	} else {
		b = append(b, `"successful":true`...)
	}
	if r.clientID != "" {
		b = append(b, `,"clientId":`...)
		b = appendString(b, r.clientID)
		b = append(b, `,"version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":[`...)
		for i, t := range r.types {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, string(t))
		}
		b = append(b, ']')
		if n := len(r.messages); n > 0 {
			b = append(b, `,"x-messages":`...)
			b = strconv.AppendInt(b, int64(n), 10)
		}
	}
	if r.advice != nil {
		b = append(b, `,"advice":`...)
		b = r.advice.append(b)
	}
	b = r.ext.appendMember(b)
	b = appendTimestamp(b, r.timestamp)
	return append(b, '}')
}

// appendTimestamp adds the member timestamp, if there is one (TM-1).
func appendTimestamp(b []byte, stamp string) []byte {
	if stamp == "" {
		return b
	}
	b = append(b, `,"timestamp":`...)
	return appendString(b, stamp)
}

// extFields collects the ext object of a reply.
type extFields struct {
	members []byte // "a":1,"b":2
}

// set adds a field. Value is valid JSON.
func (e *extFields) set(name string, value []byte) {
	if len(e.members) > 0 {
		e.members = append(e.members, ',')
	}
	e.members = appendString(e.members, name)
	e.members = append(e.members, ':')
	e.members = append(e.members, value...)
}

func (e *extFields) setInt(name string, n int64) { e.set(name, strconv.AppendInt(nil, n, 10)) }

// merge adds the members of an object.
func (e *extFields) merge(object jsontext.Value) {
	if object.Kind() != '{' || !object.IsValid() {
		return
	}
	eachMember(object, func(name string, value jsontext.Value) { e.set(name, value) })
}

func (e *extFields) appendMember(b []byte) []byte {
	if len(e.members) == 0 {
		return b
	}
	b = append(b, `,"ext":{`...)
	b = append(b, e.members...)
	return append(b, '}')
}

// Outgoing is a message that server code sends.
type Outgoing struct {
	// Channel may be any valid one outside of /meta that is not a pattern.
	Channel string
	// Data is any JSON value; nil is sent as null (PUB-5).
	Data jsontext.Value
	// Ext is an object, or nil.
	Ext jsontext.Value
	// Lazy lets it wait for company (LZ-1): it leaves with the next message that is
	// not lazy, with the next response, or when the lazy time-out has passed.
	Lazy bool
	// WhenFull says what happens to a session that has no room for it (DEL-11).
	WhenFull Overflow
}

// isJSON reports whether v is one JSON value, as clients may send it.
func isJSON(v jsontext.Value) bool {
	return v.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Overflow is what happens when a session's queue is full (DEL-11).
type Overflow int8

const (
	// EndSession removes the session as if it had expired; its client starts afresh.
	EndSession Overflow = iota
	// DropOldest makes room by forgetting what waits longest.
	DropOldest
	// DropThis forgets the new message.
	DropThis
)

// event is a message on its way to clients, encoded once for all of them. Only
// its compressed form is added later, also once.
type event struct {
	channel string // without a trailing slash
	array   []byte // [{"channel":…,"data":…}]
	packed  packed // array, compressed for websocket
	lazy    bool   // whatever its channel says (LZ-1)

	dataAt, dataEnd int32 // where the data stands in array
}

// object is the message without the brackets.
func (e *event) object() []byte { return e.array[1 : len(e.array)-1] }

// data is what the message says; it must not be changed.
func (e *event) data() jsontext.Value { return e.array[e.dataAt:e.dataEnd:e.dataEnd] }

// beginEvent encodes a message up to its data and its timestamp, "" for none. end follows.
func beginEvent(channel string, data jsontext.Value, stamp string) *event {
	if data == nil {
		data = jsontext.Value("null") // PUB-5
	}
	b := make([]byte, 0, len(channel)+len(data)+32)
	b = append(b, `[{"channel":`...)
	b = appendString(b, channel)
	b = append(b, `,"data":`...)
	ev := &event{channel: lookupName(channel), dataAt: int32(len(b))}
	b = append(b, data...)
	ev.dataEnd = int32(len(b))
	ev.array = appendTimestamp(b, stamp)
	return ev
}

func (e *event) end() *event {
	e.array = append(e.array, "}]"...)
	return e
}

// newEvent encodes a message of server code. It checks what the library cannot
// be sure of: a channel or data that is not valid would break the whole response.
func newEvent(o Outgoing, stamp string) (*event, error) {
	if !validChannel(o.Channel, false) || isPattern(lookupName(o.Channel)) || familyOf(o.Channel) == familyMeta {
		return nil, fmt.Errorf("bayeux: %q is no channel to send on", o.Channel)
	}
	if o.Data != nil && !isJSON(o.Data) {
		return nil, fmt.Errorf("bayeux: the data for %s is not valid JSON", o.Channel)
	}
	if o.Ext != nil && (o.Ext.Kind() != '{' || !o.Ext.IsValid()) {
		return nil, fmt.Errorf("bayeux: the ext for %s is not an object", o.Channel)
	}
	ev := beginEvent(o.Channel, o.Data, stamp)
	var ext extFields
	ext.merge(o.Ext)
	ev.array, ev.lazy = ext.appendMember(ev.array), o.Lazy
	return ev.end(), nil
}

// encodeBroadcast is encode for what goes to subscribers, which service channels
// do not have (PUB-8).
func (srv *Server) encodeBroadcast(o Outgoing) (*event, error) {
	if familyOf(o.Channel) == familyService {
		return nil, fmt.Errorf("bayeux: nobody subscribes to %q; deliver it to a session", o.Channel)
	}
	return srv.encode(nil, o)
}

// broadcastEvent encodes what a client published, without what names the sender
// (PUB-3, MSG-9, step 8 of chapter 5).
func broadcastEvent(m *Message, stamp string) *event {
	ev := beginEvent(m.Channel, m.Data, stamp)
	b := ev.array
	if m.rawExt != nil {
		b = append(b, `,"ext":`...)
		b = append(b, m.rawExt...)
	}
	for _, f := range m.extra {
		if stamp != "" && string(fieldName(f.name)) == "timestamp" {
			continue // TM-2
		}
		b = append(b, ',')
		b = append(b, f.name...)
		b = append(b, ':')
		b = append(b, f.value...)
	}
	ev.array = b
	return ev.end()
}

// answerEvent encodes the answer to a service message (PUB-10). For a remote
// call it names the call, and whether it went well (PUB-11).
func answerEvent(m *Message, data jsontext.Value, call, ok bool, stamp string) *event {
	ev := beginEvent(m.Channel, data, stamp)
	b := ev.array
	if call {
		if m.id == present {
			b = append(b, `,"id":`...)
			b = appendString(b, m.ID)
		}
		b = append(b, `,"successful":`...)
		b = strconv.AppendBool(b, ok)
	}
	ev.array = b
	return ev.end()
}
