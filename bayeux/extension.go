package bayeux

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
)

// ExtensionName names an extension that comes with the server (chapter 17).
type ExtensionName string

// The extensions that are built.
const (
	ExtensionAck       ExtensionName = "ack"       // acknowledged messages (17.1)
	ExtensionTimesync  ExtensionName = "timesync"  // clients learn the server's clock (17.2)
	ExtensionTimestamp ExtensionName = "timestamp" // messages and replies tell when they were made (17.3)
	ExtensionActivity  ExtensionName = "activity"  // sessions that only connect are ended (17.4)
	ExtensionReplay    ExtensionName = "replay"    // clients name the position in their stream to go on from (17.7)
	ExtensionBinary    ExtensionName = "binary"    // named for completeness: such messages always pass (BI-2)
)

// extensionSet is which of them are on.
type extensionSet map[ExtensionName]bool

func newExtensionSet(names []ExtensionName) (extensionSet, error) {
	known := []ExtensionName{ExtensionAck, ExtensionTimesync, ExtensionTimestamp, ExtensionActivity, ExtensionBinary, ExtensionReplay}
	on := extensionSet{}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("extensions: %q is not known; choose from %q", name, known)
		}
		on[name] = true
	}
	return on, nil
}

// Extension is code of the embedding server that sees messages pass (chapter 5). A function that is nil costs nothing.
type Extension struct {
	// Incoming sees a client's message before anything is done with it (step 2). s is nil when the client id is unknown or there
	// is none yet. m is not to be kept. Errors are as with a Listener.
	//
	// answer, unless it is nil, is called when the reply is completed (step 9): for a held connect that is when it is answered.
	// It is not called when the message was vetoed or gets no reply (CN-10). A panic in it makes the reply a failure (ER-1).
	// It must be quick: other clients may wait for the goroutine that calls it.
	Incoming func(ctx context.Context, s *Session, m *Message) (answer func(*ReplyExt), err error)

	// Outgoing sees what is on its way to clients (step 8), replies apart, and reports whether it goes on. Dropping a message
	// changes nothing in the reply to its publisher (PR-3).
	//
	// Of an extension of the server it is called once per message, before that is encoded, and may change Data and Ext; to is nil
	// unless the message is for one session only. Of an extension of a session it is called with that session, and what it drops
	// is dropped for this session only; the message is encoded already, so changes have no effect, and Ext is nil.
	Outgoing func(to *Session, o *Outgoing) (keep bool)
}

// ReplyExt is the ext object of a reply, in the making.
type ReplyExt struct{ fields *extFields }

// Set adds a field; value must be valid JSON. A server adds a field only if the
// client used the extension.
func (e *ReplyExt) Set(name string, value jsontext.Value) { e.fields.set(name, value) }

// Extend adds an extension that sees the messages of all sessions. Extensions see
// what clients send in the order in which they were added, those of the server
// before those of the session, and outgoing messages and replies in the reverse order.
func (srv *Server) Extend(e Extension) { srv.extensions.add(e) }

// Extend adds an extension that sees the messages of this session, from the one
// after its handshake on.
func (s *Session) Extend(e Extension) {
	s.srv.perSession.Store(true)
	s.extensions.add(e)
}

// extensions are a list that is read far more often than it grows.
type extensions struct{ list atomic.Pointer[[]Extension] }

func (l *extensions) add(e Extension) {
	for {
		old := l.list.Load()
		var longer []Extension
		if old != nil {
			longer = slices.Clone(*old)
		}
		longer = append(longer, e)
		if l.list.CompareAndSwap(old, &longer) {
			return
		}
	}
}

func (l *extensions) all() []Extension {
	if list := l.list.Load(); list != nil {
		return *list
	}
	return nil
}

// incoming lets the extensions see m (step 2). It returns what completes the reply (step 9), or nil.
func (x *exchange) incoming(ctx context.Context, m *Message) (answer func(*ReplyExt), err error) {
	var answers []func(*ReplyExt) // in the order of the calls
	ask := func(s *Session, list []Extension) error {
		first := len(answers)
		for _, e := range list {
			if e.Incoming == nil {
				continue
			}
			answer, err := e.Incoming(ctx, s, m)
			if err != nil {
				return err
			}
			if answer != nil {
				answers = slices.Insert(answers, first, answer)
			}
		}
		return nil
	}
	if sync := x.srv.timesync(m); sync != nil {
		answers = append(answers, sync)
	}
	if all := x.srv.extensions.all(); len(all) > 0 || x.srv.perSession.Load() {
		s := x.peek(ctx, m)
		if err := ask(s, all); err != nil {
			return nil, err
		}
		if s != nil {
			if err := ask(s, s.extensions.all()); err != nil {
				return nil, err
			}
		}
	}
	switch len(answers) {
	case 0:
		return nil, nil
	case 1:
		return answers[0], nil
	}
	return func(ext *ReplyExt) {
		for _, answer := range answers {
			answer(ext)
		}
	}, nil
}

// complete lets the extensions add to the reply (step 9). No lock is held.
func (r *reply) complete(srv *Server) {
	if answer := r.answer; answer != nil {
		r.answer = nil
		defer srv.recovered("Extension", func() { r.err = srv.errorText(internalError, "") })
		answer(&ReplyExt{&r.ext})
	}
}

// encode encodes a message of server code, if the extensions let it go on: else the event is nil.
func (srv *Server) encode(to *Session, o Outgoing) (ev *event, err error) {
	if len(srv.extensions.all()) == 0 {
		return newEvent(o, srv.timestamp())
	}
	defer srv.recovered("Extension", func() { ev, err = nil, fmt.Errorf("bayeux: an extension failed at a message on %s", o.Channel) })
	if !srv.pass(to, &o) {
		return nil, nil
	}
	return newEvent(o, srv.timestamp())
}

// pass shows o to the extensions of the server (step 8) and reports whether it goes on.
func (srv *Server) pass(to *Session, o *Outgoing) bool {
	for _, e := range slices.Backward(srv.extensions.all()) {
		if e.Outgoing != nil && !e.Outgoing(to, o) {
			return false
		}
	}
	return true
}

// change makes m what the extensions have made of it.
func (m *Message) change(o Outgoing) error {
	changed := !bytes.Equal(o.Ext, m.Ext)
	if o.Data != nil && !isJSON(o.Data) || changed && o.Ext != nil && (o.Ext.Kind() != '{' || !isJSON(o.Ext)) {
		return fmt.Errorf("an extension made a message on %s that is not valid JSON", loggable(m.Channel))
	}
	m.Data = o.Data
	if changed {
		m.Ext, m.rawExt = o.Ext, o.Ext
	}
	return nil
}

// accepts reports whether the extensions of the session let it have ev; one that fails says no (PR-3, ER-1). No lock is held.
func (s *Session) accepts(ev *event) (accepts bool) {
	list := s.extensions.all()
	if len(list) == 0 {
		return true
	}
	defer s.srv.recovered("Extension", func() { accepts = false })
	for _, e := range slices.Backward(list) {
		if e.Outgoing != nil && !e.Outgoing(s, &Outgoing{Channel: ev.channel, Data: ev.data()}) {
			return false
		}
	}
	return true
}

// accepting returns those of the sessions whose extensions let them have ev. The
// slice is its to change.
func (srv *Server) accepting(ev *event, to []*Session) []*Session {
	if !srv.perSession.Load() {
		return to
	}
	return slices.DeleteFunc(to, func(s *Session) bool { return !s.accepts(ev) })
}

// extMember returns a member of the ext of m, or nil. Of several with one name the last counts (MSG-4).
func (m *Message) extMember(name string) jsontext.Value { return memberOf(m.Ext, name) }

// memberOf returns a member of a valid object, or nil.
func memberOf(object jsontext.Value, name string) (found jsontext.Value) {
	// Most objects have other members only, and no client escapes letters.
	if object.Kind() != '{' || !bytes.Contains(object, []byte(name)) && bytes.IndexByte(object, '\\') < 0 {
		return nil
	}
	eachMember(object, func(member string, value jsontext.Value) {
		if member == name {
			found = value.Clone()
		}
	})
	return found
}
