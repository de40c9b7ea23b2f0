package bayeux

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrVeto is returned by a Listener, Handler or Extension to make a client's
// message disappear: nobody gets it, and its sender is told
// 404::message_deleted (PUB-12).
var ErrVeto = errors.New("message deleted")

// ErrTaken is returned by a Listener that has taken a message over: it delivers
// it, for instance through a [Source] and [Server.Wake]. The sender is told that
// all is well, later listeners do not see the message, and it goes to nobody else.
var ErrTaken = errors.New("message taken over")

// Listener sees what clients publish, before it is delivered. A nil error lets
// it pass. ErrVeto deletes it, ErrTaken takes it over, a *Refusal refuses it as the
// policy would; any other error is a failure (500::internal_error). What server
// code publishes is not shown to listeners.
type Listener func(ctx context.Context, from *Session, m *Message) error

// Handler answers what clients publish on a service channel. A non-nil answer is
// delivered to the sender as a message on the same channel (PUB-10); errors are
// as with a Listener. What it delivers to the sender itself, whose request came
// over HTTP, leaves with the response: do not wait for an answer to that.
type Handler func(ctx context.Context, from *Session, m *Message) (answer jsontext.Value, err error)

// CallFailure is the error by which the handler of a remote call tells its
// caller what went wrong (PUB-11): Data arrives with "successful":false.
type CallFailure struct{ Data jsontext.Value }

func (f *CallFailure) Error() string { return "remote call failed" }

// Listen calls fn for what clients publish on a channel, or on all channels that
// a pattern, or a template such as /rooms/{id}, matches (CH-7), service channels
// included. Param tells what a variable of the template stands for.
func (srv *Server) Listen(name string, fn Listener) error {
	return srv.channels.bind(name, func(ch *channel) error {
		ch.listeners = append(ch.listeners, fn)
		return nil
	})
}

// Service lets fn handle a service channel, or those that a pattern such as
// /service/desk/** or a template such as /service/rooms/{id} matches. The narrowest
// wins; a template is wider than a name and narrower than a pattern.
func (srv *Server) Service(name string, fn Handler) error {
	return srv.serve(name, fn, false)
}

// Call lets fn answer remote calls on a service channel: the answer carries the
// id of the call (PUB-11).
func (srv *Server) Call(name string, fn Handler) error {
	return srv.serve(name, fn, true)
}

func (srv *Server) serve(name string, fn Handler, call bool) error {
	if familyOf(name) != familyService {
		return fmt.Errorf("bayeux: %q is not below /service/", name)
	}
	return srv.channels.bind(name, func(ch *channel) error {
		if ch.handler != nil {
			return fmt.Errorf("bayeux: %q has a handler already", name)
		}
		ch.handler, ch.call = fn, call
		return nil
	})
}

// Operation is what an Authoriser is asked about.
type Operation int8

// The operations of AZ-3.
const (
	Create Operation = iota
	Subscribe
	Publish
)

// Verdict is an Authoriser's answer.
type Verdict struct {
	kind   verdictKind
	reason string
}

type verdictKind int8

const (
	ignored verdictKind = iota
	granted
	denied
)

// Grant says yes unless another authoriser denies.
func Grant() Verdict { return Verdict{kind: granted} }

// Ignore leaves it to others; if all do, the answer is no.
func Ignore() Verdict { return Verdict{} }

// Deny says no. The reason stands between the colons of the error.
func Deny(reason string) Verdict { return Verdict{kind: denied, reason: reason} }

// Authoriser refines what the policy allows on a channel (AZ-3).
type Authoriser func(ctx context.Context, op Operation, channel string, s *Session, m *Message) Verdict

// Authorise attaches an authoriser to a channel, or to all that a pattern or a
// template matches. From then on somebody must grant there.
func (srv *Server) Authorise(name string, a Authoriser) error {
	return srv.channels.bind(name, func(ch *channel) error {
		ch.authorisers = append(ch.authorisers, a)
		return nil
	})
}

// authorised asks the authorisers of a non-meta channel, after the policy said
// yes. It returns a *Refusal, or nil.
func (srv *Server) authorised(ctx context.Context, op Operation, channel string, s *Session, m *Message) error {
	all := srv.channels.authorisersOf(channel)
	if len(all) == 0 {
		return nil
	}
	grants := 0
	for _, a := range all {
		switch v := a.fn(a.params.with(ctx), op, channel, s, m); v.kind {
		case denied:
			return &Refusal{Reason: v.reason}
		case granted:
			grants++
		}
	}
	if grants == 0 {
		return &Refusal{Reason: reasonNotGranting}
	}
	return nil
}
