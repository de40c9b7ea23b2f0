package agentapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/crypto/argon2"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/described"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// demoHash is what everybody's password, "demo", becomes: at a cost that tests can afford for each log-in.
var demoHash = sync.OnceValue(func() string {
	salt := []byte("of no secret")
	b64 := base64.RawStdEncoding
	return "$argon2id$v=19$m=8,t=1,p=1$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(argon2.IDKey([]byte("demo"), salt, 1, 8, 1, 32))
})

var lunch = []agent.Definition{{
	ID: "11111111-2222-3333-4444-555555555555", Operation: "Lunch", DisplayName: "Lunch", State: agent.NotReadyState, Reason: "Lunch",
}}

// centre is a small directory for tests: dana, omar and lena are agents, ines supervises, admin administers, guest has no role.
func centre(t testing.TB) *directory.Directory {
	t.Helper()
	support := &directory.Queue{ID: directory.ResourceID("queue", "support"), Name: "support", Description: "Parcels and returns"}
	billing := &directory.Queue{ID: directory.ResourceID("queue", "billing"), Name: "billing"}
	parcels := &directory.Skill{ID: directory.ResourceID("skill", "parcels"), Name: "parcels"}
	user := func(name, first, last string, role directory.Role, queues ...string) *directory.User {
		return &directory.User{
			ID: directory.UserID(name), Name: name, FirstName: first, LastName: last, Email: name + "@example.com", EmployeeID: "E-" + name,
			Roles: []directory.Role{role}, Queues: queues, Capacity: 3, PasswordHash: demoHash(),
		}
	}
	dana := user("dana", "Dana", "Reyes", directory.AgentRole, support.ID)
	dana.PhoneNumbers = []string{"+49 30 5551007", "1007"}
	dana.Skills = map[string]int{parcels.ID: 8}
	dana.Settings = map[string]map[string]string{"interaction-workspace": {"chat.nickname": "Dana R."}}
	delivery := &directory.Group{ID: directory.ResourceID("group", "Delivery"), Name: "Delivery", Type: "BusinessUnit", Users: []string{dana.ID, directory.UserID("omar")}}
	night := &directory.Group{ID: directory.ResourceID("group", "Night shift"), Name: "Night shift", Type: "AgentGroup", Users: []string{directory.UserID("lena")}}
	d, err := directory.New(directory.Directory{
		Users: []*directory.User{
			dana, user("omar", "Omar", "Haddad", directory.AgentRole, billing.ID), user("lena", "Lena", "Kranz", directory.AgentRole, support.ID),
			user("ines", "Ines", "Moreau", directory.SupervisorRole), user("admin", "Ada", "Min", directory.AdminRole), user("guest", "Guy", "Est", "ROLE_NOBODY"),
		},
		Queues: []*directory.Queue{support, billing}, Skills: []*directory.Skill{parcels}, Groups: []*directory.Group{delivery, night},
		Services: []*directory.Service{
			{Name: "support", Queue: support.ID, EndedRetention: 10 * time.Minute},
			{Name: "shop", Queue: support.ID, EndedRetention: 10 * time.Minute, TypingPreview: true, ClientTimeoutREST: 45 * time.Second},
		},
		AgentStates: lunch, ResponseGroups: responses(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// emptyStore is the files of a store that nothing was written to. To make one takes longer than most tests.
var emptyStore = sync.OnceValues(func() (files map[string][]byte, err error) {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(context.Background(), dir, sqlite.Options{})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files = map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
})

// newStore returns the folder of a new store.
func newStore(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	files, err := emptyStore()
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// house is the API over a real desk and a real store, behind a real HTTP server. What it says is held to the descriptions.
type house struct {
	*API
	t      testing.TB
	judged http.Handler // the API's
	server *httptest.Server
}

// open starts a house. tune may change the settings.
func open(t testing.TB, tune func(*Settings)) *house {
	t.Helper()
	h := build(t, tune)
	h.server = httptest.NewServer(h.judged)
	return h
}

// build starts a house that is not on the network.
func build(t testing.TB, tune func(*Settings)) *house {
	t.Helper()
	d := centre(t)
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	db, err := sqlite.Open(t.Context(), newStore(t), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	local, encoder := bus.NewLocal(), NewEncoder(testBase, false, berlin)
	encoder.SuggestQueues(d.Queues)
	work, err := desk.New(desk.Config{
		Node: "1", Store: described.Store(t, db), Bus: local, Directory: d, Encoder: encoder, Settings: desk.DefaultSettings(), Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	// Loopback is one address for all the failed log-ins of a test.
	who := auth.New(auth.Config{Store: db, Directory: d, TrustLoopback: true, Logger: logger})
	settings := DefaultSettings()
	settings.Dispositions = []Disposition{{"refunded", "Refunded"}, {"spam", "Spam"}}
	if tune != nil {
		tune(&settings)
	}
	api, err := New(Config{Desk: work, Auth: who, Directory: d, Sessions: db, Encoder: encoder, Settings: settings, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(work.Start(t.Context()), who.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	h := &house{API: api, t: t, judged: described.Handler(t, api.Handler())}
	t.Cleanup(func() {
		if err := api.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if h.server != nil {
			h.server.Close()
		}
		who.Stop()
		work.Stop()
		if err := errors.Join(local.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// client is one HTTP client of somebody, with a cookie jar of its own.
type client struct {
	t        testing.TB
	base     string
	name     string // "": sends no password
	password string
	http     *http.Client
}

func (h *house) as(name string) *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	hc := h.server.Client()
	return &client{t: h.t, base: h.server.URL, name: name, password: "demo", http: &http.Client{Transport: hc.Transport, Jar: jar}}
}

// reply is an answer of the API.
type reply struct {
	status  int
	header  http.Header
	body    string
	members map[string]jsontext.Value
}

func (r reply) code() string { return string(r.members["statusCode"]) }

func (r reply) message() string { return string(r.members["statusMessage"]) }

// at decodes the value at a JSON pointer into T.
func at[T any](t testing.TB, r reply, pointer ...string) (v T) {
	t.Helper()
	raw := jsontext.Value(r.body)
	for _, name := range pointer {
		var members map[string]jsontext.Value
		if err := json.Unmarshal(raw, &members); err != nil || members[name] == nil {
			t.Fatalf("no %s in %s", name, r.body)
		}
		raw = members[name]
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", pointer, raw)
	}
	return v
}

// do sends a request and checks what every answer must be. headers are names and values in turn. It may be called from any goroutine.
func (c *client) do(method, path, body string, headers ...string) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Errorf("%s %s: %v", method, path, err)
		return reply{}
	}
	if c.name != "" {
		req.SetBasicAuth(c.name, c.password)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Errorf("%s %s: %v", method, path, err)
		return reply{}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Errorf("%s %s: %v", method, path, err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(bytes.TrimSpace(raw))}
	if method == http.MethodHead || resp.StatusCode == http.StatusNoContent {
		return r
	}
	// Whatever was asked, the answer is an object with a statusCode, and an error has a text and nothing else (agent-api 1.5).
	if err := json.Unmarshal(raw, &r.members); err != nil {
		c.t.Errorf("%s %s: not a JSON object: %.200s", method, path, raw)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/json" {
		c.t.Errorf("%s %s: Content-Type %q", method, path, ct)
	}
	if resp.StatusCode != http.StatusOK && (len(r.members) != 2 || r.code() == "0" || len(r.message()) < 3) {
		c.t.Errorf("%s %s: an error should have a statusCode and a statusMessage only: %s", method, path, r.body)
	}
	return r
}

func (c *client) get(path string) reply {
	c.t.Helper()
	return c.do(http.MethodGet, path, "")
}

func (c *client) post(path, body string, headers ...string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, path, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

// ok is post for requests that must succeed.
func (c *client) ok(path, body string) reply {
	c.t.Helper()
	r := c.post(path, body)
	if r.status != http.StatusOK || r.code() != "0" {
		c.t.Fatalf("POST %s %s: %d %s", path, body, r.status, r.body)
	}
	return r
}

// startWork logs an agent in to chat and makes her ready.
func (c *client) startWork() {
	c.t.Helper()
	c.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["voice","chat"]}`)
	c.ok("/api/v2/me/channels/chat", `{"operationName":"Ready"}`)
}

// arrive has a customer come in with a question and returns her chat.
func (h *house) arrive() desk.CustomerChat {
	h.t.Helper()
	cc, err := h.Desk.StartChat(h.t.Context(), desk.StartChat{
		Service: h.Directory.Service("support"), Nickname: "Pat", Text: "Where is my parcel?", UserData: chat.UserData{"Subject": jsontext.Value(`"Late parcel"`)},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return cc
}

// offered waits until a chat has reached the agent, and returns its path.
func (c *client) offered(chatID string) string {
	c.t.Helper()
	path := "/api/v2/me/chats/" + chatID
	eventually(c.t, "chat "+chatID+" is offered", func() bool { return c.get(path).status == http.StatusOK })
	return path
}

// accepted is a chat that was offered and taken.
func (c *client) accepted(chatID string) string {
	c.t.Helper()
	path := c.offered(chatID)
	c.ok(path, `{"operationName":"Accept","nickname":"Dana"}`)
	return path
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}
