package agentapi

import (
	"errors"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

const (
	stopMonitoring = "CancelSupervisorMonitoring"
	intrude        = "Intrude"
	// unreadable stands for a mode that is not even a string: the desk refuses it when all that is checked before it is fine.
	unreadable = "?"
)

// superviseChannel answers POST /users/{id}/channels/{channel}: a supervisor changes the state of an agent (agent-api 6.3), or watches her chats (6.8). Which
// right it takes depends on the operation.
func (a *API) superviseChannel(c *call) (answer, error) {
	q, err := c.request()
	if err != nil {
		return nil, err
	}
	right := directory.AgentControl
	if q.operation == stopMonitoring || chat.Mode(q.operation).Visibility() != "" {
		right = directory.Monitoring
	} else if err := a.isState(q.operation, agent.OpOffline, string(chat.Monitor), string(chat.Coach), string(chat.BargeIn), stopMonitoring); err != nil {
		return nil, err
	}
	if err := c.needs(right); err != nil {
		return nil, err
	}
	user, channel := a.Directory.User(c.r.PathValue("id")), c.r.PathValue("channel")
	if user == nil {
		return nil, errNobody("user")
	}
	if served, known := media[channel]; !known {
		return nil, errNoChannel(channel)
	} else if !served && right == directory.Monitoring {
		return nil, refuse(chat.ErrState, "only chats can be watched here: use the channel chat")
	}
	switch {
	case q.operation == stopMonitoring:
		_, err = a.Desk.StopMonitoring(c.r.Context(), c.user.ID, user.ID, q.once)
	case right == directory.Monitoring:
		err = a.monitor(c, q, user.ID)
	case q.operation == agent.OpOffline:
		_, err = a.Desk.TakeOffline(c.r.Context(), user.ID, channel, q.once)
	default:
		_, err = a.Desk.SetState(c.r.Context(), user.ID, channel, q.operation, q.once)
	}
	return nil, err
}

// monitor sets up the watching of an agent's chats; the operation is the mode (agent-api 6.8).
func (a *API) monitor(c *call, q request, agentID string) error {
	w, wrong := watcher(q)
	w.UserID = c.user.ID
	if wrong != nil {
		w.Mode = unreadable
	}
	_, err := a.Desk.Monitor(c.r.Context(), agentID, w, q.once)
	if wrong != nil && errors.Is(err, chat.ErrInvalid) {
		return wrong
	}
	return err
}

func watcher(q request) (w agent.Watcher, err error) {
	w.Mode = q.operation
	switch chats, err := q.parameters.text("supervisorMonitoringMode"); {
	case err != nil:
		return w, err
	case chats == "NextChat":
		w.Next = true
	case chats != "" && chats != "AllChats":
		return w, refuse(chat.ErrInvalid, "supervisorMonitoringMode must be NextChat or AllChats")
	}
	w.Nickname, err = q.parameters.text("nickname")
	return w, err
}

// superviseChat answers POST /users/{id}/chats/{chat}: a supervisor joins a chat in which the user is (agent-api 6.8).
func (a *API) superviseChat(c *call) (answer, error) {
	q, err := c.request()
	if err != nil {
		return nil, err
	}
	if q.operation != intrude {
		return nil, errNoOperation(q.operation, []string{intrude})
	}
	user := a.Directory.User(c.r.PathValue("id"))
	if user == nil {
		return nil, errNobody("user")
	}
	id := c.r.PathValue("chat")
	if !isID(id) {
		return nil, errNoChat
	}
	mode, wrong := q.parameters.text("supervisorVisibilityMode")
	if wrong != nil {
		mode = unreadable
	}
	receipt, err := a.Desk.Intrude(c.r.Context(), c.user.ID, id, chat.Intrude{Watched: user.ID, Mode: chat.Mode(mode)}, q.once)
	if wrong != nil && errors.Is(err, chat.ErrInvalid) {
		return nil, wrong
	}
	return answer{{"referenceId", receipt.RefID}}, withoutTrace(err)
}
