package agentapi

import (
	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
)

// channels answers GET /me/channels (agent-api 6.3).
func (a *API) channels(c *call) (answer, error) {
	s, err := a.Desk.Agent(c.r.Context(), c.user.ID)
	return answer{{"channels", channelsOf(s)}}, err
}

// channel answers GET /me/channels/{channel}.
func (a *API) channel(c *call) (answer, error) {
	name := c.r.PathValue("channel")
	s, err := a.Desk.Agent(c.r.Context(), c.user.ID)
	if err != nil {
		return nil, err
	}
	for _, ch := range channelsOf(s) {
		if ch.Channel == name {
			return answer{{"channel", ch}}, nil
		}
	}
	return nil, errNoChannel(name)
}

// operateChannel answers POST /me/channels/{channel}: Ready, NotReady, a custom state, do-not-disturb.
func (a *API) operateChannel(c *call) (answer, error) {
	q, err := c.request()
	if err != nil {
		return nil, err
	}
	if err := a.isState(q.operation); err != nil {
		return nil, err
	}
	name := c.r.PathValue("channel")
	if _, known := media[name]; !known {
		return nil, errNoChannel(name)
	}
	_, err = a.Desk.SetState(c.r.Context(), c.user.ID, name, q.operation, q.once)
	return nil, err
}

func errNoChannel(name string) error {
	return refuse(chat.ErrNotFound, "there is no channel %s", quote(name))
}

// channelsOf returns an agent's channels. Chat is always among them: one who never logged in to it is logged out.
func channelsOf(s agent.State) []channel {
	cs := channels(s.Channels)
	if _, ok := s.Channel(agent.Chat); !ok {
		cs = append(cs, channelOf(agent.Channel{Medium: agent.Chat, UserState: agent.LoggedOut}))
	}
	return cs
}
