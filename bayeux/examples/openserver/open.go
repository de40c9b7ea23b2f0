package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeux/binary"
)

// open makes the server on which everything is allowed but where a rule is to be tried:
//
//	/nocreate/** /nosub/** /nopub/**        refused by policy
//	/authz/ok, /authz/deny, /authz/ignore   an authoriser grants, denies (reason "not_here"), ignores
//	/authz/union/yes, …/no, …/maybe         of two authorisers one grants and one ignores, one ignores and one denies, both ignore
//	/vetoed                                 a listener deletes every message
//	/noread/**                              not delivered to those who subscribed to a pattern
//	/fail                                   a listener panics
//	/lazy                                   messages wait for company, 1500 ms at most
//	/failsub/**                             the policy panics when asked about a subscription
//	/topic/**                               with the extension replay: kept, so that clients can go on from a position
//	handshake with ext.auth "bad"           refused
//	any message with ext.fail true          an extension panics
//
// and these services, the first five for whoever needs only those:
//
//	/service/echo      delivers the data back
//	/service/burst     delivers {"n":0}, {"n":1}, {"n":2} on /burst
//	/service/bye       disconnects the session
//	/service/call      a remote call: answers with the data; fails when the data is {"fail":true}
//	/service/fail      panics
//	/service/bytes     delivers a binary message as {"hex":"…"}, and {"hex":"…"} as a binary message
//	/service/user      publishes data.data on data.channel to the sessions of the sender's user
//	/service/revoke    revokes the sessions of the sender's user
func open(o bayeux.Options) (*bayeux.Server, error) {
	o.Policy = policy{}
	topics := keepTopics(&o)
	srv, err := bayeux.New(o)
	if err != nil {
		return nil, err
	}
	services := map[string]bayeux.Handler{
		"/service/echo": echo, "/service/burst": burst, "/service/bye": bye, "/service/fail": fail, "/service/bytes": bytes,
	}
	services["/service/user"] = func(ctx context.Context, from *bayeux.Session, m *bayeux.Message) (jsontext.Value, error) {
		var order struct {
			Channel string
			Data    json.RawMessage
		}
		if err := json.Unmarshal(m.Data, &order); err != nil {
			return nil, &bayeux.Refusal{Reason: "no_channel_and_data"}
		}
		return nil, srv.PublishUser(ctx, from.Principal().User, order.Channel, jsontext.Value(order.Data))
	}
	services["/service/revoke"] = func(_ context.Context, from *bayeux.Session, _ *bayeux.Message) (jsontext.Value, error) {
		if from.Principal().User == "" {
			return nil, &bayeux.Refusal{Reason: "no_user"} // or everybody without a name would have to go
		}
		srv.Revoke(func(p bayeux.Principal) bool { return p == from.Principal() })
		return nil, nil
	}
	for name, fn := range services {
		err = errors.Join(err, srv.Service(name, fn))
	}
	srv.Extend(bayeux.Extension{Incoming: func(_ context.Context, _ *bayeux.Session, m *bayeux.Message) (func(*bayeux.ReplyExt), error) {
		if asked(m.Ext, "fail", "true") {
			panic("asked for in ext")
		}
		return nil, nil
	}})
	return srv, errors.Join(err,
		topics.listen(srv),
		srv.Channel("/lazy", bayeux.ChannelOptions{Lazy: true, LazyTimeout: 1500 * time.Millisecond}),
		srv.Authorise("/authz/**", authz),
		srv.Authorise("/authz/union/**", union),
		srv.Call("/service/call", call),
		srv.Listen("/vetoed", func(context.Context, *bayeux.Session, *bayeux.Message) error { return bayeux.ErrVeto }),
		srv.Listen("/fail", func(context.Context, *bayeux.Session, *bayeux.Message) error { panic("asked for on /fail") }),
	)
}

// policy says yes, with the exceptions that open lists.
type policy struct{ bayeux.DefaultPolicy }

func (policy) CanHandshake(_ context.Context, _ bayeux.Peer, m *bayeux.Message) error {
	if asked(m.Ext, "auth", `"bad"`) {
		return &bayeux.Refusal{}
	}
	return nil
}

// asked reports whether a field of ext has the value.
func asked(ext jsontext.Value, field, value string) bool {
	var fields map[string]json.RawMessage
	return ext != nil && json.Unmarshal(ext, &fields) == nil && string(fields[field]) == value
}

func (p policy) CanCreate(ctx context.Context, s *bayeux.Session, channel string, m *bayeux.Message) error {
	return refuseBelow("/nocreate/", channel, p.DefaultPolicy.CanCreate(ctx, s, channel, m))
}

func (p policy) CanSubscribe(ctx context.Context, s *bayeux.Session, channel string, m *bayeux.Message) error {
	if strings.HasPrefix(channel, "/failsub/") {
		panic("asked for on " + channel)
	}
	return refuseBelow("/nosub/", channel, p.DefaultPolicy.CanSubscribe(ctx, s, channel, m))
}

func (p policy) CanPublish(ctx context.Context, s *bayeux.Session, channel string, m *bayeux.Message) error {
	return refuseBelow("/nopub/", channel, p.DefaultPolicy.CanPublish(ctx, s, channel, m))
}

func (policy) MayRead(_ *bayeux.Session, channel string) bool {
	return !strings.HasPrefix(channel, "/noread/")
}

// refuseBelow refuses what stands below a prefix, and leaves the rest as it was decided.
func refuseBelow(prefix, channel string, decided error) error {
	if strings.HasPrefix(channel, prefix) {
		return &bayeux.Refusal{}
	}
	return decided
}

// authz sits on a pattern: a channel with an authoriser of its own exists, and the question whether it may be created would never be asked.
func authz(_ context.Context, _ bayeux.Operation, channel string, _ *bayeux.Session, _ *bayeux.Message) bayeux.Verdict {
	switch channel {
	case "/authz/deny":
		return bayeux.Deny("not_here")
	case "/authz/ignore", "/authz/union/no", "/authz/union/maybe":
		return bayeux.Ignore()
	}
	return bayeux.Grant()
}

// union is the second of two authorisers that see the channels below /authz/union.
func union(_ context.Context, _ bayeux.Operation, channel string, _ *bayeux.Session, _ *bayeux.Message) bayeux.Verdict {
	if channel == "/authz/union/no" {
		return bayeux.Deny("not_here")
	}
	return bayeux.Ignore()
}

func echo(_ context.Context, _ *bayeux.Session, m *bayeux.Message) (jsontext.Value, error) {
	return m.Data, nil
}

func burst(_ context.Context, from *bayeux.Session, _ *bayeux.Message) (answer jsontext.Value, err error) {
	for _, data := range []string{`{"n":0}`, `{"n":1}`, `{"n":2}`} {
		err = errors.Join(err, from.Deliver("/burst", jsontext.Value(data)))
	}
	return nil, err
}

func bytes(_ context.Context, from *bayeux.Session, m *bayeux.Message) (jsontext.Value, error) {
	switch piece, err := binary.Decode(m.Ext, m.Data); {
	case err == nil:
		return jsontext.Value(fmt.Sprintf(`{"hex":"%x"}`, piece.Data)), nil
	case !errors.Is(err, binary.ErrOther):
		return nil, &bayeux.Refusal{Reason: "not_z85"}
	}
	var order struct{ Hex string }
	if err := json.Unmarshal(m.Data, &order); err != nil {
		return nil, &bayeux.Refusal{Reason: "no_hex"}
	}
	b, err := hex.DecodeString(order.Hex)
	if err != nil {
		return nil, &bayeux.Refusal{Reason: "no_hex"}
	}
	return nil, from.Send(bayeux.Outgoing{Channel: "/service/bytes", Ext: binary.Ext(), Data: binary.Piece{Data: b, Last: true}.Encode()})
}

func bye(_ context.Context, from *bayeux.Session, _ *bayeux.Message) (jsontext.Value, error) {
	from.Disconnect()
	return nil, nil
}

func call(_ context.Context, _ *bayeux.Session, m *bayeux.Message) (jsontext.Value, error) {
	var order struct{ Fail bool }
	if json.Unmarshal(m.Data, &order) == nil && order.Fail {
		return nil, &bayeux.CallFailure{Data: m.Data}
	}
	return m.Data, nil
}

func fail(context.Context, *bayeux.Session, *bayeux.Message) (jsontext.Value, error) {
	panic("asked for on /service/fail")
}
