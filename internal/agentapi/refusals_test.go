package agentapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store"
)

// TestOutcome checks the table of agent-api 1.5, for errors as they come: wrapped, with text.
func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   statusCode
	}{
		{chat.ErrMissing, 400, 1},
		{chat.ErrState, 400, 2},
		{chat.ErrNotAllowed, 403, 3},
		{errPermission, 403, 5},
		{chat.ErrNotFound, 404, 6},
		{chat.ErrInvalid, 400, 10},
		{chat.ErrTooLong, 400, 10},
		{agent.ErrUnknownOperation, 400, 10},
		{agent.ErrNotLoggedIn, 400, 2},
		{store.ErrKeyReused, 409, 19},
		{auth.ErrUnauthenticated, 401, 20},
		{&auth.TooManyError{RetryAfter: time.Second}, 429, 20},
		{errTooLarge, 413, 10},
		{errMethod, 405, 3},
		{errCSRF, 403, 3},
		{errForeign, 403, 3},
		{store.ErrUnavailable, 503, 4},
		{store.ErrClosed, 503, 4},
		{store.ErrConflict, 503, 4},
		{context.DeadlineExceeded, 503, 4},
		{errors.New("boom"), 500, 4},
		{os.ErrPermission, 500, 4},
		{store.ErrNotFound, 500, 4},
	} {
		status, code, text := outcome(fmt.Errorf("secret path /var: %w", c.err))
		if status != c.status || code != c.code || text == "" {
			t.Errorf("%v: %d, %d, want %d, %d", c.err, status, code, c.status, c.code)
		}
		if status >= 500 && strings.Contains(text, "secret") {
			t.Errorf("%v: what went wrong inside is shown: %s", c.err, text)
		}
	}
}

// TestChecksInOrder goes through the table of agent-api 4.0 (and 1.8, the feature): each row's fault is told although all faults of later rows are there, too.
// What is wrong with parameters is in TestWrongParameters.
func TestChecksInOrder(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, omar := h.as("dana"), h.as("omar")
	dana.startWork()
	omar.startWork()
	mine := dana.accepted(h.arrive().ChatID)
	offered := dana.offered(h.arrive().ChatID)
	unknown := "/api/v2/me/chats/0000XaAAAAAAAAAA"
	stranger := h.as("")

	cases := []struct {
		name       string
		who        *client
		path, body string
		status     int
		code, text string
	}{
		{"not authenticated", stranger, unknown, `[`, 401, "20", "log in"},
		{"feature missing", h.as("admin"), unknown, `[`, 403, "5", "api-multimedia"},
		{"feature missing", h.as("guest"), unknown, `[`, 403, "5", ""},
		{"not an object", dana, unknown, `["operationName"]`, 400, "10", "JSON object"},
		{"not JSON (B1)", dana, unknown, `operationName=Accept`, 400, "10", ""},
		{"empty (B1)", dana, unknown, ``, 400, "10", ""},
		{"no operationName", dana, unknown, `{"text":1}`, 400, "1", "operationName"},
		{"empty operationName", dana, unknown, `{"operationName":""}`, 400, "1", ""},
		{"unknown operationName (B1)", dana, unknown, `{"operationName":"Fly"}`, 400, "10", "SendMessage"},
		{"parameter, outside the lists (4.14)", dana, mine, `{"operationName":"ReportResponseTemplateUsage"}`, 400, "1", "responseTemplateId"},
		{"wrong case (B1)", dana, mine, `{"operationName":"sendmessage","text":"x"}`, 400, "10", "SendMessage"},
		{"unknown chat", dana, unknown, `{"operationName":"Accept","nickname":1}`, 404, "6", "no such chat"},
		{"another's chat (B13)", omar, mine, `{"operationName":"SendMessage"}`, 404, "6", "no such chat"},
		{"not now (B2)", dana, offered, `{"operationName":"SendMessage"}`, 400, "2", "Accept, Reject"},
		{"not now, parameter wrong (B2)", dana, offered, `{"operationName":"SendMessage","text":7}`, 400, "2", "Accept, Reject"},
		{"not now, target unknown (B2)", dana, offered, `{"operationName":"Transfer","queueName":"nowhere"}`, 400, "2", ""},
		{"twice (B2)", dana, mine, `{"operationName":"Accept"}`, 400, "2", "SendMessage"},
		{"nobody to talk to", dana, mine, `{"operationName":"SendToAgents"}`, 400, "2", ""},
		{"parameter missing", dana, mine, `{"operationName":"SendMessage"}`, 400, "1", "text"},
	}
	for _, c := range cases {
		r := c.who.post(c.path, c.body)
		if r.status != c.status || r.code() != c.code || !strings.Contains(r.message(), c.text) {
			t.Errorf("%s: %s: %d %s, want %d, statusCode %s, %q", c.name, c.body, r.status, r.body, c.status, c.code, c.text)
		}
	}

	// Nothing of all that has changed anything: her chat has her and the customer and one text, the other one is still offered.
	if got := at[[]message](t, dana.get(mine+"/messages"), "messages"); len(got) != 3 {
		t.Errorf("%d messages, want 3", len(got))
	}
	if got := at[chatResource](t, dana.get(offered), "chat"); got.State != chat.Invited {
		t.Errorf("state %s", got.State)
	}
}

// TestNothingLeaksThroughIDs checks B13: ids that are unknown, another agent's, or no ids at all get one and the same answer.
func TestNothingLeaksThroughIDs(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, omar := h.as("dana"), h.as("omar")
	dana.startWork()
	path := dana.accepted(h.arrive().ChatID)
	const want = `{"statusCode":6,"statusMessage":"there is no such chat"}`
	for _, id := range []string{
		strings.TrimPrefix(path, "/api/v2/me/chats/"), "0000XaAAAAAAAAAA", "..%2f..%2fme", "%2e%2e", "x%00y", strings.Repeat("A", 4096), "a'%20OR%201=1--", "é",
	} {
		for _, r := range []reply{
			omar.get("/api/v2/me/chats/" + id), omar.get("/api/v2/chats/" + id), omar.get("/api/v2/me/chats/" + id + "/messages"),
			omar.post("/api/v2/me/chats/"+id, `{"operationName":"SendMessage","text":"x"}`),
			omar.post("/api/v2/me/interactions/"+id, `{"operationName":"Leave","treatAs":7}`),
		} {
			if r.status != http.StatusNotFound || r.body != want {
				t.Errorf("%.40s: %d %s", id, r.status, r.body)
			}
		}
	}
	for _, p := range []string{"/api/v2/users/", "/api/v2/queues/", "/api/v2/skills/", "/api/v2/contacts/", "/api/v2/features/"} {
		for _, id := range []string{"nobody", "%2e%2e", strings.Repeat("A", 4096)} {
			if r := omar.get(p + id); r.status != http.StatusNotFound || r.code() != "6" || len(r.body) > 200 {
				t.Errorf("%s%.20s: %d %.200s", p, id, r.status, r.body)
			}
		}
	}
}

// TestEveryAnswerIsJSON checks agent-api 1.2 and B15: unknown addresses, wrong methods, what is not offered. The client checks that the answers are JSON.
func TestEveryAnswerIsJSON(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, stranger := h.as("dana"), h.as("")
	dana.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error { return fmt.Errorf("redirected to %s", r.URL) }

	for _, path := range []string{
		"/", "/api", "/api/", "/api/v3/me", "/api/v2", "/api/v2/", "/api/v2/nothing", "/api/v2/me/nothing", "/api/v2//me", "/api/v2/./me", "/api/v2/x/../me",
		"/api/v2/me/chats/x/y/z", "/internal-api", "/internal-api/x", "/api/v2/ME", "/api/v2/settings/colours",
	} {
		if r := dana.get(path); r.status != http.StatusNotFound || r.code() != "6" {
			t.Errorf("GET %s: %d %s", path, r.status, r.body)
		}
	}
	for _, path := range []string{"/api/v2/", "/api/v2/nothing", "/api/v2//me", "/api/v2/me", "/api/v2/notifications", "/internal-api/x", "/api/v2/me/chats/x", "/api/v1/stats/x"} {
		r := stranger.get(path)
		if r.status != http.StatusUnauthorized || r.code() != "20" || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Basic realm=") {
			t.Errorf("GET %s without a name: %d %s %v", path, r.status, r.body, r.header)
		}
	}
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/api/v2/me/chats", "GET, HEAD, OPTIONS"},
		{"DELETE", "/api/v2/me", "GET, HEAD, POST, OPTIONS"},
		{"PUT", "/api/v2/me/chats/x", "GET, HEAD, POST, OPTIONS"},
		{"PATCH", "/api/v2/users", "GET, HEAD, OPTIONS"},
		{"PUT", "/api/v2/me/interactions/x", "GET, HEAD, POST, OPTIONS"},
		{"TRACE", "/api/v2/me", "GET, HEAD, POST, OPTIONS"},
		{"POST", "/api/v2/me/workbins", "GET, HEAD, OPTIONS"},
	} {
		r := dana.do(c.method, c.path, "", "X-HTTP-Method-Override", "GET")
		if r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d %s, Allow %q", c.method, c.path, r.status, r.body, r.header.Get("Allow"))
		}
	}
	for _, c := range []struct{ method, path string }{
		{"POST", "/api/v2/platform/contactserver/RequestGetInteractions"},
	} {
		if r := dana.do(c.method, c.path, ""); r.status != http.StatusForbidden || r.code() != "3" || !strings.Contains(r.message(), "not offered") {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.status, r.body)
		}
	}
	if r := dana.do("HEAD", "/api/v2/me", ""); r.status != http.StatusOK || r.body != "" {
		t.Errorf("HEAD: %d %q", r.status, r.body)
	}
}

// TestTolerance checks B1: what real desktops send is taken.
func TestTolerance(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	dana.startWork()
	path := dana.accepted(h.arrive().ChatID)
	body := `{"operationName":"SendMessage","text":"x","unknown":{"a":[1]},"mobileSession":null}`
	for _, contentType := range []string{"", "text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded"} {
		if r := dana.do("POST", path, body, "Content-Type", contentType); r.status != http.StatusOK {
			t.Errorf("Content-Type %q: %d %s", contentType, r.status, r.body)
		}
	}
	for _, query := range []string{"startIndex=-1", "count=x", "startIndex=1.5", "count=99999999999999999999", "startIndex=+1", "startIndex=0x1"} {
		if r := dana.get(path + "/messages?" + query); r.status != http.StatusBadRequest || r.code() != "10" {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
}

// TestFailureOfTheStore checks that a store that is gone is answered with 503 and without its own words (architecture: commands fail with a clear body).
func TestFailureOfTheStore(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	dana.startWork()
	if err := h.Desk.Store.Close(); err != nil {
		t.Fatal(err)
	}
	r := dana.post("/api/v2/me", `{"operationName":"NotReady"}`)
	if r.status != http.StatusServiceUnavailable || r.code() != "4" || r.header.Get("Retry-After") == "" || strings.Contains(r.body, "sql") {
		t.Errorf("%d %s", r.status, r.body)
	}
}
