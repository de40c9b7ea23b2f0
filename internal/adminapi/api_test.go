package adminapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/auth"
	"github.com/halley-chat/halley/internal/described"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is the API over a real store.
type house struct {
	t     *testing.T
	api   http.Handler
	store store.Store
	dana  *directory.User
}

func open(t *testing.T) *house {
	t.Helper()
	hash, err := auth.Hash("demo")
	if err != nil {
		t.Fatal(err)
	}
	user := func(name string, role directory.Role) *directory.User {
		return &directory.User{ID: directory.UserID(name), Name: name, Roles: []directory.Role{role}, PasswordHash: hash}
	}
	d, err := directory.New(directory.Directory{Users: []*directory.User{
		user("dana", directory.AgentRole), user("ines", directory.SupervisorRole), user("admin", directory.AdminRole),
	}})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	who := auth.New(auth.Config{Store: db, Directory: d, TrustLoopback: true, Logger: logger})
	api := New(Config{Store: db, Auth: who, Directory: d, Logger: logger})
	return &house{t: t, api: described.Handler(t, api.Handler()), store: db, dana: d.UserByName("dana")}
}

func (h *house) ask(method, target, user string) (*httptest.ResponseRecorder, deliveryList) {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, "http://desk.example"+target, nil)
	r.RemoteAddr = "127.0.0.1:1234"
	if user != "" {
		r.SetBasicAuth(user, "demo")
	}
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	list := deliveryList{StatusCode: -1}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		h.t.Fatalf("%s: %v: %s", target, err, w.Body)
	}
	return w, list
}

// feed adds n notifications to dana's feed, every third of them about chat "b", and returns the number before the first.
func (h *house) feed(n int, at time.Time) int64 {
	h.t.Helper()
	var b store.Batch
	for i := range n {
		data := fmt.Sprintf(`{"messageType":"ChatStateChangeMessage","notificationType":"StatusChange","chat":{"id":"a","text":"secret %d"}}`, i)
		if i%3 == 0 {
			data = fmt.Sprintf(`{"messageType":"MessageLogUpdated","chatPath":"/chats/b","messages":["secret %d"]}`, i)
		}
		b.Notifications = append(b.Notifications, store.Notification{
			Subscriber: desk.Subscriber(h.dana.ID), Topic: "/v2/me/chats", Data: jsontext.Value(data), At: at.Add(time.Duration(i) * time.Second),
		})
	}
	r, err := h.store.Commit(h.t.Context(), b)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Notifications[0].N - 1
}

// Only administrators get anything, and whatever is asked the answer is JSON with a statusCode (B13, B15).
func TestRefusals(t *testing.T) {
	t.Parallel()
	h := open(t)
	const good = "/api/admin/agents/dana/deliveries"
	for _, tt := range []struct {
		method, target, user string
		status, code         int
	}{
		{"GET", good, "", 401, 20},
		{"GET", "/api/admin/nothing", "", 401, 20},
		{"GET", good, "dana", 403, 5},
		{"GET", good, "ines", 403, 5},
		{"POST", good, "ines", 403, 5},
		{"POST", good, "admin", 405, 3},
		{"GET", "/api/admin", "admin", 404, 6},
		{"GET", "/api/admin/agents/", "admin", 404, 6},
		{"GET", good + "/", "admin", 404, 6},
		{"GET", "/api/admin//agents/dana/deliveries", "admin", 404, 6},
		{"GET", "/api/admin/x/../agents/dana/deliveries", "admin", 404, 6},
		{"GET", "/api/admin/agents/nobody/deliveries", "admin", 404, 6},
		{"GET", good + "?limit=0", "admin", 400, 10},
		{"GET", good + "?limit=1001", "admin", 400, 10},
		{"GET", good + "?limit=many", "admin", 400, 10},
		{"GET", good + "?before=-1", "admin", 400, 10},
		{"GET", good + "?befor=7", "admin", 400, 10},
		{"GET", good + "?before=9223372036854775807", "admin", 200, 0},
		{"GET", good + "?before=1", "admin", 200, 0},
		{"GET", good, "admin", 200, 0},
	} {
		w, list := h.ask(tt.method, tt.target, tt.user)
		if w.Code != tt.status || list.StatusCode != tt.code || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s as %q: %d %s", tt.method, tt.target, tt.user, w.Code, w.Body)
		}
		if refused := tt.code != 0; refused != strings.Contains(w.Body.String(), "statusMessage") {
			t.Errorf("%s %s: %s", tt.method, tt.target, w.Body)
		}
	}
}

func (l deliveryList) numbers() (all []int64) {
	for _, n := range l.Notifications {
		all = append(all, n.Number)
	}
	return all
}

// The list begins with the newest, goes on where the last page ended, and can be had for one chat. What is said in a chat is not told.
func TestPages(t *testing.T) {
	t.Parallel()
	h := open(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	zero := h.feed(10, at)
	down := func(from, to, step int64) (all []int64) {
		for n := from; n >= to; n -= step {
			all = append(all, zero+n)
		}
		return all
	}
	for _, tt := range []struct {
		query  string
		want   []int64
		before int64
	}{
		{"", down(10, 1, 1), 0},
		{"?limit=10", down(10, 1, 1), 0},
		{"?limit=9", down(10, 2, 1), 2},
		{"?limit=3", down(10, 8, 1), 8},
		{fmt.Sprintf("?limit=3&before=%d", zero+8), down(7, 5, 1), 5},
		{fmt.Sprintf("?limit=4&before=%d", zero+5), down(4, 1, 1), 0},
		{fmt.Sprintf("?before=%d", zero+1), nil, 0},
		{fmt.Sprintf("?before=%d", zero+1000), down(10, 1, 1), 0},
		{"?chatId=b", down(10, 1, 3), 0},
		{"?chatId=b&limit=2", down(10, 7, 3), 7},
		{fmt.Sprintf("?chatId=b&limit=2&before=%d", zero+7), down(4, 1, 3), 0},
		{"?chatId=c", nil, 0},
	} {
		before := tt.before
		if before != 0 {
			before += zero
		}
		for _, agent := range []string{"dana", h.dana.ID} {
			w, got := h.ask("GET", "/api/admin/agents/"+agent+"/deliveries"+tt.query, "admin")
			if d := cmp.Diff(tt.want, got.numbers()); w.Code != 200 || d != "" || got.Before != before {
				t.Errorf("%s: %d, before %d, want (-), got (+):\n%s", tt.query, w.Code, got.Before, d)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s tells what is said", tt.query)
			}
		}
	}
	_, got := h.ask("GET", "/api/admin/agents/dana/deliveries?limit=2", "admin")
	want := []notification{
		{Number: zero + 10, Topic: "/v2/me/chats", MessageType: "MessageLogUpdated", ChatID: "b", Queued: at.Add(9 * time.Second), Sessions: []delivery{}},
		{
			Number: zero + 9, Topic: "/v2/me/chats", MessageType: "ChatStateChangeMessage", NotificationType: "StatusChange", ChatID: "a",
			Queued: at.Add(8 * time.Second), Sessions: []delivery{},
		},
	}
	if d := cmp.Diff(want, got.Notifications); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}

	// What is gone is gone, also below a page.
	if _, err := h.store.Prune(t.Context(), store.Horizons{Feed: at.Add(6 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]int64{
		"": down(10, 7, 1), fmt.Sprintf("?before=%d", zero+5): nil, fmt.Sprintf("?limit=3&before=%d", zero+9): down(8, 7, 1), "?chatId=b": down(10, 7, 3),
	} {
		if _, got := h.ask("GET", "/api/admin/agents/dana/deliveries"+query, "admin"); cmp.Diff(want, got.numbers()) != "" || got.Before != 0 {
			t.Errorf("%s: %v, before %d", query, got.numbers(), got.Before)
		}
	}
}

// A search for one chat in a long feed is bounded, and says where to go on.
func TestLongSearch(t *testing.T) {
	t.Parallel()
	h := open(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var zero int64
	for i := range 3 {
		if first := h.feed(4000, at); i == 0 {
			zero = first
		}
	}
	_, got := h.ask("GET", "/api/admin/agents/dana/deliveries?chatId=none", "admin")
	if len(got.Notifications) != 0 || got.Before != zero+2001 {
		t.Fatalf("%d found, go on before %d; want none, and before %d", len(got.Notifications), got.Before-zero, 2001)
	}
	_, got = h.ask("GET", fmt.Sprintf("/api/admin/agents/dana/deliveries?chatId=none&before=%d", got.Before), "admin")
	if len(got.Notifications) != 0 || got.Before != 0 {
		t.Errorf("%d found, go on before %d", len(got.Notifications), got.Before)
	}
}
