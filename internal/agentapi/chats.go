package agentapi

import (
	"errors"
	"math"
	"strconv"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
)

// chats answers GET /me/chats: all live projections, no finished ones (agent-api 2.6, 4.15).
func (a *API) chats(c *call) (answer, error) {
	s, err := a.Desk.Standing(c.r.Context(), c.user.ID)
	if err != nil {
		return nil, err
	}
	chats, err := list("chats", a.resources(s.Chats), c.look())
	return append(positionOf(s), chats...), err
}

// positionOf tells which notifications an answer knows of: who subscribes with a replay from there misses none, and gets none that the answer has in it
// already (agent-api 2.6).
func positionOf(s desk.Standing) answer { return answer{{"streamPosition", s.Position}} }

func (a *API) resources(views []chat.Resource) []chatResource {
	rs := make([]chatResource, 0, len(views))
	for _, v := range views {
		rs = append(rs, a.Encoder.chat(v))
	}
	return rs
}

// chat answers GET /me/chats/{id} and GET /chats/{id}.
func (a *API) chat(c *call) (answer, error) {
	id, err := c.chatID()
	if err != nil {
		return nil, err
	}
	v, err := a.Desk.View(c.r.Context(), c.user.ID, id)
	if err != nil {
		return nil, withoutTrace(err)
	}
	picked, err := pick(a.Encoder.chat(v), c.look())
	return answer{{"chat", picked}}, err
}

// messages answers GET /me/chats/{id}/messages (agent-api 4.15).
func (a *API) messages(c *call) (answer, error) {
	id, err := c.chatID()
	if err != nil {
		return nil, err
	}
	start, err := c.number("startIndex")
	if err != nil {
		return nil, err
	}
	count, err := c.number("count")
	if err != nil {
		return nil, err
	}
	ms, err := a.Desk.Messages(c.r.Context(), c.user.ID, id, max(start, 1), int(count))
	if err != nil {
		return nil, withoutTrace(err)
	}
	return answer{{"messages", a.Encoder.messages(ms)}}, nil
}

// operate answers POST /me/chats/{id}: one operation (agent-api 4).
func (a *API) operate(c *call) (answer, error) {
	q, err := c.request()
	if err != nil {
		return nil, err
	}
	op, err := findOperation(q.operation)
	if err != nil {
		return nil, err
	}
	id, err := c.chatID()
	if err != nil {
		return nil, err
	}
	action, wrong := op.decode(a.Directory, q.parameters)
	if wrong != nil {
		action = misread{chat.Operation(op.name)}
	}
	receipt, err := a.Desk.Operate(c.r.Context(), c.user.ID, id, action, q.once)
	switch {
	case wrong != nil && errors.Is(err, chat.ErrInvalid):
		return nil, wrong
	case errors.Is(err, chat.ErrNotFound):
		// The chat, or only what the operation points to?
		if _, none := a.Desk.View(c.r.Context(), c.user.ID, id); none != nil {
			err = withoutTrace(none)
		}
		return nil, err
	case err != nil:
		return nil, err
	}
	if receipt.RefID == 0 {
		return nil, nil
	}
	return answer{{"referenceId", receipt.RefID}}, nil
}

// misread is the action of a request whose parameters are wrong. What is wrong with the chat, the state or the role is told before what is wrong
// with a parameter (agent-api 4.0), and only the domain knows these; an action that it does not know it refuses last, with chat.ErrInvalid.
type misread struct{ operation chat.Operation }

func (m misread) Operation() chat.Operation { return m.operation }

// withoutTrace gives every chat that the caller does not have the same answer.
func withoutTrace(err error) error {
	if errors.Is(err, chat.ErrNotFound) {
		return errNoChat
	}
	return err
}

// chatID returns the id in the path. What can't be an id gets the answer of an unknown one (B13).
func (c *call) chatID() (string, error) {
	id := c.r.PathValue("id")
	if !isID(id) {
		return "", errNoChat
	}
	return id, nil
}

// number reads a whole number from the query, not negative; 0 if it is absent (agent-api 4.15).
func (c *call) number(name string) (int64, error) {
	value := c.r.URL.Query().Get(name)
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, refuse(chat.ErrInvalid, "%s must be a whole number from 0 to %d", name, math.MaxInt32)
	}
	return int64(n), nil
}
