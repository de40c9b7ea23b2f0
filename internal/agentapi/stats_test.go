package agentapi

import (
	"net/http"
	"slices"
	"testing"

	"github.com/halley-chat/halley/internal/directory"
)

// TestStatistics checks /api/v1/stats (agent-api 6.4): its form, and who may read whose.
func TestStatistics(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	dana.startWork()
	dana.accepted(h.arrive().ChatID)
	stats := func(name string) string { return "/api/v1/stats/" + directory.UserID(name) }

	r := dana.get(stats("dana"))
	var names []string
	values := map[string]float64{}
	for _, s := range at[[]statistic](t, r, "statistics") {
		names = append(names, s.Statistic)
		values[s.Statistic] = s.Value
	}
	if want := []string{
		"AverageHandlingTime", "ChatsOffered", "ChatsAccepted", "ChatsRejected", "ChatsMissed", "ChatsHandled", "ChatsTransferred", "CurrentChats", "LoginTime", "ReadyTime",
	}; !slices.Equal(names, want) || len(r.members) != 2 {
		t.Errorf("the statistics are %s", r.body)
	}
	if values["ChatsOffered"] != 1 || values["ChatsAccepted"] != 1 || values["CurrentChats"] != 1 || values["ChatsHandled"] != 0 {
		t.Errorf("dana's day: %s", r.body)
	}
	const none = `{"statusCode":0,"statistics":[{"statistic":"AverageHandlingTime","value":0},{"statistic":"ChatsOffered","value":0},{"statistic":"ChatsAccepted","value":0},` +
		`{"statistic":"ChatsRejected","value":0},{"statistic":"ChatsMissed","value":0},{"statistic":"ChatsHandled","value":0},{"statistic":"ChatsTransferred","value":0},` +
		`{"statistic":"CurrentChats","value":0},{"statistic":"LoginTime","value":0},{"statistic":"ReadyTime","value":0}]}`
	if r := h.as("ines").get(stats("lena")); r.body != none {
		t.Errorf("lena, who was never here: %s", r.body)
	}
	for _, c := range []struct{ as, of, code string }{
		{"ines", stats("dana"), "0"},
		{"ines", stats("ines"), "0"},
		{"ines", stats("nobody"), "6"},
		{"ines", "/api/v1/stats/x", "6"},
		{"dana", stats("omar"), "5"},
		{"dana", stats("nobody"), "5"},
		{"admin", stats("admin"), "5"},
		{"admin", stats("dana"), "5"},
		{"guest", stats("guest"), "5"},
	} {
		if r := h.as(c.as).get(c.of); r.code() != c.code {
			t.Errorf("%s at %s: %s, want %s", c.as, c.of, r.body, c.code)
		}
	}
	if r := dana.post(stats("dana"), `{}`); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d %s", r.status, r.body)
	}
}
