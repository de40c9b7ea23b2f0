package agentapi

import (
	"github.com/halley-chat/halley/internal/agent"
)

// dispositionAttribute is the business attribute that lists the dispositions (agent-api 6.4).
const dispositionAttribute = "DispositionCode"

// groupsOfSettings are those which the original has, in its order (agent-api 6.4). In some there is nothing here.
var groupsOfSettings = []struct{ name, displayName string }{
	{"general-settings", "General Settings"},
	{"reporting", "Reporting"},
	{"agent-states", "Agent States"},
	{"voice", "Voice"},
	{"dispositions", "Dispositions"},
}

// settingsGroups answers GET /settings: the groups there are.
func (a *API) settingsGroups(*call) (answer, error) {
	groups := make([]settingsGroup, 0, len(groupsOfSettings))
	for _, g := range groupsOfSettings {
		groups = append(groups, settingsGroup{DisplayName: g.displayName, URI: a.Encoder.uri("/settings/" + g.name)})
	}
	return answer{{"settings", groups}}, nil
}

// settingsGroup answers GET /settings/{group}.
func (a *API) settingsGroup(c *call) (answer, error) {
	switch name := c.r.PathValue("group"); name {
	case "agent-states":
		return answer{{"key", "id"}, {"settings", a.agentStates()}}, nil
	case "dispositions":
		return answer{{"key", "name"}, {"settings", a.Settings.Dispositions}}, nil
	case "general-settings", "reporting", "voice":
		return answer{{"key", "name"}, {"settings", []string{}}}, nil
	}
	return nil, errNobody("group of settings")
}

// agentStates are those which always exist, and the configured ones.
func (a *API) agentStates() []agentStateSetting {
	states := []agentStateSetting{
		stateSetting(agent.OpReady, agent.Ready), stateSetting(agent.OpNotReady, agent.NotReady),
		stateSetting(agent.OpAfterCallWork, agent.AfterCallWork), stateSetting(agent.OpOffline, agent.LoggedOut),
	}
	for _, d := range a.Directory.AgentStates {
		states = append(states, agentStateSetting{ID: d.ID, OperationName: d.Operation, DisplayName: d.DisplayName, State: d.State, Reason: d.Reason})
	}
	return states
}

func stateSetting(operation string, s agent.UserState) agentStateSetting {
	return agentStateSetting{ID: s.ID, OperationName: operation, DisplayName: s.DisplayName, State: s.State}
}

// businessAttributes answers GET /internal-api/business-attributes, where desktops look for the dispositions.
func (a *API) businessAttributes(*call) (answer, error) {
	return answer{{"businessAttributes", []businessAttribute{{Name: dispositionAttribute, Values: a.Settings.Dispositions}}}}, nil
}
