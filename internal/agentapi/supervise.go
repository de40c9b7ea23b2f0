package agentapi

import (
	"slices"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// watching are the operations by which a supervisor begins and stops to watch an agent's chats (agent-api 6.8).
var watching = []string{"Monitor", "Coach", "BargeIn", "CancelSupervisorMonitoring"}

// superviseChannel answers POST /users/{id}/channels/{channel}: a supervisor changes the state of an agent (agent-api 6.3), or watches her chats (6.8). Which
// right it takes depends on the operation.
func (a *API) superviseChannel(c *call) (answer, error) {
	q, err := c.request()
	if err != nil {
		return nil, err
	}
	right, watch := directory.AgentControl, slices.Contains(watching, q.operation)
	if watch {
		right = directory.Monitoring
	} else if err := a.isState(q.operation, append([]string{agent.OpOffline}, watching...)...); err != nil {
		return nil, err
	}
	if err := c.needs(right); err != nil {
		return nil, err
	}
	user, channel := a.Directory.User(c.r.PathValue("id")), c.r.PathValue("channel")
	if user == nil {
		return nil, errNobody("user")
	}
	if _, known := media[channel]; !known {
		return nil, errNoChannel(channel)
	}
	switch {
	case watch:
		return nil, refuse(chat.ErrNotAllowed, "supervision of chats: not offered by this server")
	case q.operation == agent.OpOffline:
		_, err = a.Desk.TakeOffline(c.r.Context(), user.ID, channel, q.once)
	default:
		_, err = a.Desk.SetState(c.r.Context(), user.ID, channel, q.operation, q.once)
	}
	return nil, err
}
