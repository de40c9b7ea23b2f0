package bayeux

import (
	"context"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Policy decides what clients may do (AZ-1). Server code is not asked. A nil
// error means yes, a *Refusal no; any other error is a failure of the policy
// itself, which the client is told as 500::internal_error and may try again.
//
// The methods are called without locks, from many goroutines at once. They may
// take their time: only the client that asked waits.
type Policy interface {
	// CanHandshake is asked before a session exists. m.Ext holds what the client
	// said about itself.
	CanHandshake(ctx context.Context, p Peer, m *Message) error
	// CanCreate is asked when nothing is known of the channel yet.
	CanCreate(ctx context.Context, s *Session, channel string, m *Message) error
	// CanSubscribe is asked for names and for patterns such as /a/* and /**.
	CanSubscribe(ctx context.Context, s *Session, channel string, m *Message) error
	CanPublish(ctx context.Context, s *Session, channel string, m *Message) error
	// MayRead is asked at delivery, for each message that reaches s through a
	// pattern only (AZ-5). It must be quick.
	MayRead(s *Session, channel string) bool
}

// Refusal is the "no" of a Policy, a Listener or a Handler. The zero value, and
// a nil *Refusal, is a plain no with the protocol's own text.
type Refusal struct {
	// Text is the whole error field, of the form CODE:ARGS:TEXT, for example
	// "401::token_expired" (ER-2). Empty: the protocol's text for the situation.
	Text string
	// Reason stands between the colons of the protocol's text; empty:
	// denied_by_security_policy. Colons in it become underscores.
	Reason string
	// Advice goes into the reply to a refused handshake (HS-6), or to a connect that an
	// extension refused (ER-2). Nil: reconnect "none" at a handshake, none at a connect.
	Advice *Advice
	// Ext is an object that goes into the reply. Nil: none.
	Ext jsontext.Value
}

func (r *Refusal) Error() string {
	switch {
	case r == nil:
		return "refused"
	case r.Text != "":
		return "refused: " + r.Text
	case r.Reason != "":
		return "refused: " + r.Reason
	}
	return "refused"
}

// refusal returns the Refusal that err is or wraps.
func refusal(err error) (*Refusal, bool) {
	var r *Refusal
	if !errors.As(err, &r) {
		return nil, false
	}
	if r == nil {
		r = new(Refusal)
	}
	return r, true
}

// Reasons of a refusal (9.2).
const (
	reasonPolicy      = "denied_by_security_policy"
	reasonNotGranting = "denied_by_not_granting"
	reasonTooMany     = "too_many_subscriptions"
)

// reason returns the text between the colons (9.2): a colon in it would shift
// the fields that clients split at.
func (r *Refusal) reason() string {
	if r.Reason == "" {
		return reasonPolicy
	}
	return strings.ReplaceAll(r.Reason, ":", "_")
}

// DefaultPolicy lets everybody do everything outside of /meta (AZ-2). Embed it
// to override single answers.
type DefaultPolicy struct{}

// CanHandshake says yes.
func (DefaultPolicy) CanHandshake(context.Context, Peer, *Message) error { return nil }

// CanCreate says yes outside of /meta.
func (DefaultPolicy) CanCreate(_ context.Context, _ *Session, channel string, _ *Message) error {
	return outsideMeta(channel)
}

// CanSubscribe says yes outside of /meta (SUB-8).
func (DefaultPolicy) CanSubscribe(_ context.Context, _ *Session, channel string, _ *Message) error {
	return outsideMeta(channel)
}

// CanPublish says yes outside of /meta.
func (DefaultPolicy) CanPublish(_ context.Context, _ *Session, channel string, _ *Message) error {
	return outsideMeta(channel)
}

// MayRead says yes.
func (DefaultPolicy) MayRead(*Session, string) bool { return true }

func outsideMeta(channel string) error {
	if familyOf(channel) == familyMeta {
		return &Refusal{}
	}
	return nil
}
