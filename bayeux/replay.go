package bayeux

import (
	"bytes"
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// The extension replay (17.7): a client names the position in its stream from which on it wants messages, and each message tells its own.

// Values of ext.replay beside positions (RP-2).
const (
	replayNew  = -1
	replayKept = -2
)

// positionsAsked reads the ext.replay of a subscribe: by name, what was asked for (RP-2, RP-4). It is nil for a session without replay.
func (s *Session) positionsAsked(m *Message) map[string]jsontext.Value {
	if !s.replay {
		return nil
	}
	asked := map[string]jsontext.Value{}
	if object := m.extMember("replay"); object.Kind() == '{' {
		eachMember(object, func(name string, value jsontext.Value) {
			if value.Kind() == '0' { // other types are as good as absent
				asked[lookupName(name)] = value.Clone()
			}
		})
	}
	return asked
}

// beginning is the position from which on a subscription counts: head, unless it asks for an older one. One that is not kept, or was never
// given, is refused (RP-5).
func (x *exchange) beginning(ctx context.Context, s *Session, asked jsontext.Value, head int64) (int64, error) {
	if asked == nil {
		return head, nil
	}
	n, err := strconv.ParseInt(string(asked), 10, 64)
	if err == nil && n == replayNew {
		return head, nil
	}
	kept, failed := x.keptAfter(ctx, s, head)
	switch {
	case failed != nil:
		return 0, failed
	case err == nil && n == replayKept:
		return kept, nil
	case err != nil || n < kept || n > head:
		const most = 20 // digits that a position can have
		return 0, &Refusal{Text: "400:" + string(asked[:min(len(asked), most)]) + ":replay_id_invalid"}
	}
	return n, nil
}

// keptAfter is the position after which the stream has everything.
func (x *exchange) keptAfter(ctx context.Context, s *Session, head int64) (int64, error) {
	oldest, err := x.srv.sourceAfter(ctx, s.cur.stream, 0, 1)
	if err != nil || len(oldest) == 0 {
		return head, err
	}
	return oldest[0].N - 1, nil
}

// setBack makes the session read its stream again from an older position, for a subscription that wants what follows it. subs are the other
// subscriptions, which is what they become. It reports false when that has happened too often. s.mu is held.
func (s *Session) setBack(to int64, subs map[string]int64) bool {
	if s.cur.turn == maxTurns {
		return false
	}
	names := make([]string, 0, len(subs))
	for name := range subs {
		names = append(names, name)
	}
	from := s.cur.setBack(to, names)
	for name, n := range subs {
		subs[name] = max(n, from)
	}
	return true
}

// confirmStream says that the stream arrived up to m. s.mu is held.
func (s *Session) confirmStream(m mark) {
	if s.cur == nil {
		return
	}
	names, upTo := s.confirmPlace(m)
	if len(names) == 0 {
		return
	}
	subs := s.ownSubscriptions()
	for _, name := range names {
		if n, ok := subs[name]; ok {
			subs[name] = max(n, upTo)
		}
	}
	s.changeSubscriptions(subs)
	if s.kept != nil {
		s.kept.urgent = true // the next number told is understood with them only
	}
}

// doubts notes that the stream's messages that are under way may have been lost, or not. A session with replay and without ack is over then:
// its client knows what it has, and subscribes from there in a new one (RP-6). s.mu is held.
func (s *Session) doubts() {
	if s.replay && !s.ack && s.cur.underWay > 0 {
		s.doubtful = true
	}
}

// confirmsByPing reports whether it takes a pong to show that messages arrived over websocket (DEL-13): where a loss must not go unnoticed, it does.
func (s *Session) confirmsByPing() bool { return s.srv.opt.WS.ConfirmByPing || s.replay }

// endDoubtful ends the session if it is over by RP-6.
func (s *Session) endDoubtful() bool {
	return s.removeIf(EndUncertain, func() bool { return s.doubtful })
}

// eventFor is the form of the entry that the session gets: with its position for one with replay (RP-3). Whoever reads a page calls it, in one
// goroutine.
func (r *record) eventFor(s *Session) *event {
	if !s.replay {
		return r.ev
	}
	if r.withID == nil {
		r.withID = r.ev.withReplayID(r.n)
	}
	return r.withID
}

// withReplayID is the message with data.event.replayId. Data that has no place for it, because it is not an object or has something else
// under that name, stays as it is.
func (e *event) withReplayID(n int64) *event {
	data := e.data()
	inner := memberOf(data, "event")
	if data.Kind() != '{' || inner != nil && inner.Kind() != '{' && inner.Kind() != 'n' {
		return e
	}
	if inner.Kind() != '{' {
		inner = jsontext.Value("{}")
	}
	data = withMember(data, "event", withMember(inner, "replayId", strconv.AppendInt(nil, n, 10)))
	changed := &event{channel: e.channel, dataAt: e.dataAt, dataEnd: e.dataAt + int32(len(data)), lazy: e.lazy}
	changed.array = append(append(append([]byte{}, e.array[:e.dataAt]...), data...), e.array[e.dataEnd:]...)
	return changed
}

// withMember returns a valid object with one member set, and all others as they were.
func withMember(object jsontext.Value, name string, value []byte) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewBuffer(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	b := append(make([]byte, 0, len(object)+len(name)+len(value)+4), '{')
	_, _ = dec.ReadToken() // the object is valid
	for dec.PeekKind() == '"' {
		key, _ := dec.ReadValue()
		other := string(fieldName(key)) != name
		if other {
			b = append(append(b, key...), ':')
		}
		value, _ := dec.ReadValue()
		if other {
			b = append(append(b, value...), ',')
		}
	}
	b = append(appendString(b, name), ':')
	return append(append(b, value...), '}')
}
