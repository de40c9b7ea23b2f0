package agentapi

import (
	"context"
	"errors"
	"slices"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// currentUser is the answer to GET /me: the user, and whichever subresources were asked for (agent-api 6.1).
type currentUser struct {
	user
	Devices       []string                     `json:"devices,omitzero"`
	Calls         []string                     `json:"calls,omitzero"`
	Interactions  []string                     `json:"interactions,omitzero"`
	Channels      []channel                    `json:"channels,omitzero"`
	ChannelStates []channel                    `json:"channelStates,omitzero"` // the older name of channels
	Chats         []chatResource               `json:"chats,omitzero"`
	Skills        []userSkill                  `json:"skills,omitzero"`
	Groups        []group                      `json:"groups,omitzero"`
	Features      []feature                    `json:"features,omitzero"`
	Settings      map[string]map[string]string `json:"settings,omitzero"`
}

// me answers GET /me.
func (a *API) me(c *call) (answer, error) {
	wanted := c.selected("subresources")
	me := currentUser{user: a.userOf(c.user)}
	if wanted.has("devices") {
		me.Devices = []string{}
	}
	if wanted.has("calls") {
		me.Calls = []string{}
	}
	if wanted.has("interactions") {
		me.Interactions = []string{}
	}
	var position answer
	if wanted.has("channels") || wanted.has("channelStates") || wanted.has("chats") {
		at, err := a.Desk.Standing(c.r.Context(), c.user.ID)
		if err != nil {
			return nil, err
		}
		position = positionOf(at)
		if wanted.has("channels") {
			me.Channels = channelsOf(at.Agent)
		}
		if wanted.has("channelStates") {
			me.ChannelStates = channelsOf(at.Agent)
		}
		if wanted.has("chats") {
			me.Chats = a.resources(at.Chats)
		}
	}
	if wanted.has("skills") {
		me.Skills = a.skillsOf(c.user)
	}
	if wanted.has("groups") {
		me.Groups = a.groupsOf(a.Directory.GroupsOf(c.user.ID))
	}
	if wanted.has("features") {
		me.Features = a.featuresOf(c.user)
	}
	if wanted.has("settings") {
		me.Settings = a.settingsOf(c.user)
	}
	l := c.look()
	if !l.fields.none() && !l.fields.all {
		// What was asked for as a subresource is wanted, even if fields does not name it.
		for _, name := range subresources {
			l.fields.names[name] = l.fields.names[name] || wanted.has(name)
		}
	}
	picked, err := pick(me, l)
	return append(position, member{"user", picked}), err
}

var subresources = []string{"devices", "calls", "interactions", "channels", "channelStates", "chats", "skills", "groups", "features", "settings"}

const (
	startSession = "StartContactCenterSession"
	endSession   = "EndContactCenterSession"
)

// operateMe answers POST /me: the contact-centre session begins or ends, or the agent's state changes on all its media (agent-api 6.1, 6.2).
func (a *API) operateMe(c *call) (answer, error) {
	q, err := c.request()
	if err != nil {
		return nil, err
	}
	switch q.operation {
	case startSession:
		return a.startSession(c, q)
	case endSession:
		return a.endSession(c, q)
	}
	if err := a.isState(q.operation, startSession, endSession); err != nil {
		return nil, err
	}
	_, err = a.Desk.SetState(c.r.Context(), c.user.ID, "", q.operation, q.once)
	return nil, err
}

// media are those a client may name (agent-api 6.2), and whether they are served here. A desktop logs in to all it knows; what is not served is ignored,
// so that it starts all the same.
var media = map[string]bool{
	agent.Chat: true, "voice": false, "email": false, "workitem": false, "openmedia": false, "sms": false, "facebook": false, "twitter": false,
	"im": false, "outbound": false, "callback": false, "video": false,
}

func (a *API) startSession(c *call, q request) (answer, error) {
	asked, err := q.parameters.texts("channels")
	if err != nil {
		return nil, err
	}
	if len(asked) == 0 {
		return nil, refuse(chat.ErrMissing, `name the media to log in to, as in "channels":["chat"]`)
	}
	var served []string
	for _, m := range asked {
		yes, known := media[m]
		if !known {
			return nil, refuse(chat.ErrInvalid, "there is no medium %s", quote(m))
		}
		if yes && !slices.Contains(served, m) {
			served = append(served, m)
		}
	}
	if len(served) == 0 {
		return nil, refuse(chat.ErrState, "none of these media is served here: log in to chat")
	}
	if err := c.needs(directory.ForChats()...); err != nil { // nobody must be offered what she cannot take
		return nil, err
	}
	_, err = a.Desk.LogIn(c.r.Context(), c.user.ID, served, q.once)
	return nil, err
}

// endSession logs the agent out of all media, then ends her HTTP log-in. The order is the clients' (agent-api 2.6): first the notification that her
// channels are LoggedOut is in her feed, then a held connect is answered with it and with 402, then the cookie is worth nothing.
func (a *API) endSession(c *call, q request) (answer, error) {
	// A caller who does not wait for the answer is logged out all the same.
	ctx := context.WithoutCancel(c.r.Context())
	login := c.auth.Login
	if q.once != nil {
		q.once.By = login
	}
	receipt, err := a.Desk.LogOut(ctx, c.user.ID, q.once)
	if err != nil {
		return nil, err
	}
	if q.once != nil {
		// A late repetition finishes what the first request began, should that have been cut short; who has logged in since is not its business (B5).
		login = receipt.By
	}
	return nil, errors.Join(a.endSessions(ctx, login), a.Auth.End(ctx, login))
}

// isState refuses what is neither a readiness operation nor among others, the further operations of the same address. That there is no such operation
// comes before whether anybody is logged in (agent-api 4.0).
func (a *API) isState(operation string, others ...string) error {
	names := append(slices.Clip(others), agent.OperationNames(a.Directory.AgentStates)...)
	if slices.Contains(names, operation) {
		return nil
	}
	return errNoOperation(operation, names)
}
