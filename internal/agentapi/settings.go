package agentapi

import (
	"github.com/halley-chat/halley/internal/agent"
)

// dispositionAttribute is the business attribute that lists the dispositions (agent-api 6.4).
const dispositionAttribute = "DispositionCode"

// settingsGroups answers GET /settings: the groups there are.
func (a *API) settingsGroups(*call) (answer, error) {
	return answer{{"settings", []settingsGroup{
		{DisplayName: "Agent States", URI: a.Encoder.uri("/settings/agent-states")},
		{DisplayName: "Dispositions", URI: a.Encoder.uri("/settings/dispositions")},
	}}}, nil
}

// agentStates answers GET /settings/agent-states: Ready, NotReady and Offline, which always exist, and the configured ones. AfterCallWork belongs to
// voice, which is not served.
func (a *API) agentStates(*call) (answer, error) {
	states := []agentStateSetting{
		stateSetting(agent.OpReady, agent.Ready), stateSetting(agent.OpNotReady, agent.NotReady), stateSetting(agent.OpOffline, agent.LoggedOut),
	}
	for _, d := range a.Directory.AgentStates {
		states = append(states, agentStateSetting{ID: d.ID, OperationName: d.Operation, DisplayName: d.DisplayName, State: d.State, Reason: d.Reason})
	}
	return answer{{"key", "id"}, {"settings", states}}, nil
}

func stateSetting(operation string, s agent.UserState) agentStateSetting {
	return agentStateSetting{ID: s.ID, OperationName: operation, DisplayName: s.DisplayName, State: s.State}
}

// dispositions answers GET /settings/dispositions.
func (a *API) dispositions(*call) (answer, error) {
	return answer{{"key", "name"}, {"settings", a.Settings.Dispositions}}, nil
}

// businessAttributes answers GET /internal-api/business-attributes, where desktops look for the dispositions.
func (a *API) businessAttributes(*call) (answer, error) {
	return answer{{"businessAttributes", []businessAttribute{{Name: dispositionAttribute, Values: a.Settings.Dispositions}}}}, nil
}
