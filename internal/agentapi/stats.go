package agentapi

import "github.com/halley-chat/halley/internal/directory"

// statistics answers GET /api/v1/stats/{userId}: what an agent has done today (agent-api 6.4). Agents read their own, supervisors everybody's.
func (a *API) statistics(c *call) (answer, error) {
	id := c.r.PathValue("id")
	if id != c.user.ID || !c.user.MayChat() {
		if err := c.needs(directory.Monitoring, directory.AgentControl); err != nil {
			return nil, err
		}
	}
	if a.Directory.User(id) == nil {
		return nil, errNobody("user")
	}
	figures, err := a.Desk.Statistics(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	statistics := make([]statistic, 0, len(figures))
	for _, f := range figures {
		statistics = append(statistics, statistic{f.Name, f.Value})
	}
	return answer{{"statistics", statistics}}, nil
}
