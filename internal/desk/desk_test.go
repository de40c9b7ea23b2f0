package desk_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/agentapi"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a running desk with a real store, and what a test asks of it.
type house struct {
	*desk.Desk
	t     *testing.T
	store store.Store
	dir   *directory.Directory
	stop  func()
}

var (
	dana = directory.UserID("dana")
	omar = directory.UserID("omar")
	lena = directory.UserID("lena")
	ines = directory.UserID("ines") // supervises
	kim  = directory.UserID("kim")  // does both, but gets no chats from a queue

	support = directory.ResourceID("queue", "support")
	attic   = directory.ResourceID("queue", "attic")
	team    = directory.ResourceID("group", "Team") // dana's and omar's
)

// open starts a desk on the folder. It must be stopped before another is opened there.
func open(t *testing.T, folder string, tune func(*desk.Settings)) *house {
	t.Helper()
	db, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return openOn(t, db, tune)
}

func openOn(t *testing.T, db store.Store, tune func(*desk.Settings)) *house {
	t.Helper()
	return openFor(t, db, tune, "dana", "omar", "lena")
}

// openFor starts a desk with these agents, who serve support.
func openFor(t *testing.T, db store.Store, tune func(*desk.Settings), agents ...string) *house {
	t.Helper()
	queue := &directory.Queue{ID: support, Name: "support"}
	d := directory.Directory{
		Queues: []*directory.Queue{queue, {ID: attic, Name: "attic"}}, // nobody serves the attic
		Services: []*directory.Service{{
			Name: "support", Queue: queue.ID, TypingPreview: true, EndedRetention: 10 * time.Minute, ClientTimeoutREST: 45 * time.Second,
		}},
	}
	for _, name := range agents {
		d.Users = append(d.Users, &directory.User{
			ID: directory.UserID(name), Name: name, Roles: []directory.Role{directory.AgentRole}, Queues: []string{queue.ID}, Capacity: 2,
		})
	}
	d.Users = append(d.Users,
		&directory.User{ID: ines, Name: "ines", Roles: []directory.Role{directory.SupervisorRole}, Capacity: 2},
		&directory.User{ID: kim, Name: "kim", Roles: []directory.Role{directory.AgentRole, directory.SupervisorRole}, Capacity: 2})
	d.Groups = []*directory.Group{{ID: team, Name: "Team"}}
	for _, u := range d.Users {
		if u.ID == dana || u.ID == omar {
			d.Groups[0].Users = append(d.Groups[0].Users, u.ID)
		}
	}
	dir, err := directory.New(d)
	if err != nil {
		t.Fatal(err)
	}
	settings := desk.DefaultSettings()
	if tune != nil {
		tune(&settings)
	}
	local := bus.NewLocal()
	h, err := desk.New(desk.Config{
		Node:  "1",
		Store: db, Bus: local, Directory: dir, Settings: settings, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Encoder: agentapi.NewEncoder("http://desk.example/api/v2", false, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	house := &house{Desk: h, t: t, store: db, dir: dir}
	house.stop = sync.OnceFunc(func() {
		h.Stop()
		h.Stop() // harmless
		if err := errors.Join(local.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(house.stop)
	return house
}

func (h *house) ready(users ...string) {
	h.t.Helper()
	for _, u := range users {
		h.do(h.LogIn(h.t.Context(), u, []string{agent.Chat}, nil))
		h.do(h.SetState(h.t.Context(), u, agent.Chat, agent.OpReady, nil))
	}
}

func (h *house) do(r desk.Receipt, err error) desk.Receipt {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) customer(nickname string) desk.CustomerChat {
	h.t.Helper()
	cc, err := h.StartChat(h.t.Context(), desk.StartChat{Service: h.dir.Service("support"), Nickname: nickname, Text: "Hello"})
	if err != nil {
		h.t.Fatal(err)
	}
	return cc
}

func caller(cc desk.CustomerChat) desk.Caller {
	return desk.Caller{Service: "support", ChatID: cc.ChatID, Key: cc.Key}
}

// told lists what a user was told: "StatusChange Invited", "NewMessages Text" and so on, with the chat's number in the order of first mention.
func (h *house) told(userID string) []string {
	h.t.Helper()
	rows, err := h.Feed(h.t.Context(), userID, 0, 10_000)
	if err != nil {
		h.t.Fatal(err)
	}
	var list []string
	for _, r := range rows {
		var n struct {
			NotificationType string                  `json:"notificationType"`
			Chat             struct{ State string }  `json:"chat"`
			Messages         []struct{ Type string } `json:"messages"`
			Action           string                  `json:"action"`
			Channels         []struct {
				UserState struct{ State string } `json:"userState"`
			} `json:"channels"`
		}
		if err := json.Unmarshal(r.Data, &n, json.MatchCaseInsensitiveNames(true)); err != nil {
			h.t.Fatal(err)
		}
		words := []string{n.NotificationType, n.Action, n.Chat.State}
		for _, m := range n.Messages {
			words = append(words, m.Type)
		}
		for _, c := range n.Channels {
			words = append(words, "Channel", c.UserState.State)
		}
		list = append(list, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
	}
	return list
}

func (h *house) wantTold(userID string, want ...string) {
	h.t.Helper()
	if got := h.told(userID); !slices.Equal(got, want) {
		h.t.Errorf("told:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (h *house) sees(userID string, cc desk.CustomerChat) chat.ViewState {
	h.t.Helper()
	v, err := h.View(h.t.Context(), userID, cc.ChatID)
	if errors.Is(err, chat.ErrNotFound) {
		return ""
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return v.State
}

// pass lets the bubble's clock run on, and whatever is due then come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

var in = []string{"Channel NotReady", "Channel Ready"}

func TestOfferAcceptComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		if got := h.sees(dana, cc); got != chat.Invited {
			t.Fatalf("dana sees %q", got)
		}
		accepted := h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil))
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.SendMessage{Text: "Hello Pat"}, nil))
		completed := h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Complete{}, nil))
		if accepted.RefID != 1 || completed.RefID != 2 {
			t.Errorf("referenceIds %d, %d", accepted.RefID, completed.RefID)
		}
		h.wantTold(dana, append(slices.Clone(in),
			"StatusChange Invited",
			"StatusChange Chatting", "ParticipantsUpdated Chatting", "NewMessages ParticipantJoined Text ParticipantJoined",
			"NewMessages Text",
			"StatusChange Completed")...)
		after, err := h.Customer(t.Context(), caller(cc))
		if err != nil || !after.Ended {
			t.Errorf("the customer's chat after Complete: ended %v, %v", after.Ended, err)
		}
		views, err := h.Views(t.Context(), dana)
		if err != nil || len(views) != 0 {
			t.Errorf("dana's chats: %v, %v", views, err)
		}
	})
}

// An offer nobody answers goes back to its place, and is not made to the same agent again for a minute unless she goes Ready anew (H3).
func TestOfferTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		stay := func(d time.Duration) { // the customer polls all the while
			for end := time.Now().Add(d); time.Now().Before(end); {
				if _, err := h.Customer(t.Context(), caller(cc)); err != nil {
					t.Fatal(err)
				}
				pass(min(10*time.Second, time.Until(end)))
			}
		}
		stay(29 * time.Second)
		if got := h.sees(dana, cc); got != chat.Invited {
			t.Fatalf("after 29 s dana sees %q", got)
		}
		stay(3 * time.Second)
		if got := h.sees(dana, cc); got != "" {
			t.Fatalf("after 32 s dana sees %q", got)
		}
		_, err := h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil)
		if !errors.Is(err, chat.ErrNotFound) && !errors.Is(err, chat.ErrState) {
			t.Errorf("Accept after the time-out (B4): %v", err)
		}
		h.do(h.SetState(t.Context(), dana, agent.Chat, agent.OpNotReady, nil))
		h.do(h.SetState(t.Context(), dana, agent.Chat, agent.OpReady, nil))
		synctest.Wait()
		if got := h.sees(dana, cc); got != chat.Invited {
			t.Errorf("Ready anew, dana sees %q", got)
		}
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Reject{}, nil))
		stay(58 * time.Second)
		if got := h.sees(dana, cc); got != "" {
			t.Errorf("58 s after Reject dana sees %q", got)
		}
		stay(5 * time.Second)
		if got := h.sees(dana, cc); got != chat.Invited {
			t.Errorf("63 s after Reject dana sees %q", got)
		}
	})
}

// Logging out gives chats back before the channels close (agent-api 2.6); the next agent gets them, in the order in which the customers came.
func TestLogOutGivesChatsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		first, second := h.customer("Ann"), h.customer("Bo")
		synctest.Wait()
		h.do(h.Operate(t.Context(), dana, first.ChatID, chat.Accept{}, nil))
		h.do(h.LogOut(t.Context(), dana, nil))
		synctest.Wait()
		told := h.told(dana)
		if got := told[len(told)-1]; got != "Channel LoggedOut" {
			t.Errorf("the last thing dana is told is %q", got)
		}
		if n := len(told); !slices.Contains(told[n-3:n-1], "StatusChange Revoked") {
			t.Errorf("before that: %q", told[n-3:n-1])
		}
		h.ready(omar)
		synctest.Wait()
		if a, b := h.sees(omar, first), h.sees(omar, second); a != chat.Invited || b != chat.Invited {
			t.Errorf("omar sees %q and %q", a, b)
		}
		cc, err := h.Customer(t.Context(), caller(first))
		if err != nil || cc.Ended {
			t.Errorf("Ann's chat: ended %v, %v", cc.Ended, err)
		}
		msgs, err := cc.Messages(t.Context(), 1)
		if err != nil || msgs[len(msgs)-1].Type != chat.ParticipantLeft {
			t.Errorf("Ann does not see that dana left: %v, %v", msgs, err)
		}
		h.do(h.LogOut(t.Context(), dana, nil)) // once more: nothing happens
		if got := h.told(dana); len(got) != len(told) {
			t.Errorf("a second log-out told dana %q", got[len(told):])
		}
	})
}

// A customer whose client is silent for 45 s is gone (customer-api 5.4, acceptance test 13); one who polls is not.
func TestSilentCustomerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil))
		for range 4 {
			pass(30 * time.Second)
			if got, err := h.Customer(t.Context(), caller(cc)); err != nil || got.Ended {
				t.Fatalf("a polling customer: ended %v, %v", got.Ended, err)
			}
		}
		pass(44 * time.Second)
		if told := h.told(dana); strings.Contains(told[len(told)-1], "Left") {
			t.Fatalf("gone after 44 s")
		}
		pass(2 * time.Second)
		told := h.told(dana)
		if n := len(told); told[n-2] != "NewMessages ParticipantLeft" || told[n-1] != "ParticipantsUpdated Chatting" {
			t.Errorf("after 46 s dana was told %q", told[n-2:])
		}
		if got, err := h.Customer(t.Context(), caller(cc)); err != nil || !got.Ended {
			t.Errorf("she comes back: ended %v, %v", got.Ended, err)
		}
	})
}

// A typing state that nobody renews ends after 30 s; a burst of typing is one event a second (C10, agent-api 4.4).
func TestTypingEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil))
		before := len(h.told(dana))
		for range 1000 {
			if _, err := h.CustomerDo(t.Context(), caller(cc), chat.Type{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := h.told(dana)[before:]; !slices.Equal(got, []string{"NewMessages TypingStarted"}) {
			t.Errorf("1000 typing notices told dana %q", got)
		}
		pass(31 * time.Second)
		if got := h.told(dana)[before:]; !slices.Equal(got, []string{"NewMessages TypingStarted", "NewMessages TypingStopped"}) {
			t.Errorf("after 31 s: %q", got)
		}
	})
}

// A repeated request gets the first answer, also in parallel and after a restart; another body under the key is refused (B5, C8).
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		data := chat.AttachUserData{UserData: chat.UserData{"a": []byte(`1`)}}
		// Accept can be decided once only, the other as often as one likes: the answer is the same for both.
		for i, a := range []chat.Action{chat.Accept{}, data} {
			once := &desk.Once{Key: fmt.Sprint("dana/", i), Sum: sha256.Sum256([]byte("a"))}
			refs := make([]int64, 20)
			var racing sync.WaitGroup
			for j := range refs {
				racing.Go(func() {
					r, err := h.Operate(t.Context(), dana, cc.ChatID, a, once)
					if err != nil {
						t.Error(err)
					}
					refs[j] = r.RefID
				})
			}
			racing.Wait()
			if want := int64(i + 1); slices.Min(refs) != want || slices.Max(refs) != want {
				t.Errorf("%s: referenceIds %v", a.Operation(), refs)
			}
		}
		other := &desk.Once{Key: "dana/1", Sum: sha256.Sum256([]byte("b"))}
		if _, err := h.Operate(t.Context(), dana, cc.ChatID, data, other); !errors.Is(err, store.ErrKeyReused) {
			t.Errorf("another request under the key: %v", err)
		}
		say := &desk.Once{Key: "pat/1", Sum: sha256.Sum256([]byte("hi"))}
		first, err := h.CustomerDo(t.Context(), caller(cc), chat.Say{Text: "hi"}, say)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.CustomerDo(t.Context(), caller(cc), chat.Say{Text: "there"}, nil); err != nil {
			t.Fatal(err)
		}
		told := h.told(dana)
		h.stop()
		h = open(t, folder, nil)
		again, err := h.CustomerDo(t.Context(), caller(cc), chat.Say{Text: "hi"}, say)
		if err != nil || again.NextPosition != first.NextPosition || again.ChatID != cc.ChatID {
			t.Errorf("repeated after a restart: %+v, %v; first %+v", again, err, first)
		}
		if got := h.told(dana); !slices.Equal(got, told) {
			t.Errorf("the repetition told dana %q", got[len(told):])
		}
	})
}

// Timers that nobody understands do not hold up the others.
func TestForeignTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		var foreign []store.TimerChange
		for i := range 200 {
			foreign = append(foreign, store.TimerChange{Timer: store.Timer{Kind: "horoscope", Key: fmt.Sprint(i), At: time.Now().Add(-time.Hour), Data: []byte(`{}`)}})
		}
		foreign = append(foreign, store.TimerChange{Timer: store.Timer{Kind: "offer", Key: "x", At: time.Now().Add(-time.Hour), Data: []byte(`"?"`)}})
		if _, err := h.store.Commit(t.Context(), store.Batch{Timers: foreign}); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		due, _, err := h.store.DueTimers(t.Context(), time.Now(), 0)
		if err != nil || len(due) != 0 {
			t.Errorf("%d are still there, %v", len(due), err)
		}
	})
}

// An agent who comes back in the middle of her log-out is logged out with nothing in her hands (agent-api 2.6).
func TestLogOutAgainstLogIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		for range 20 {
			h.ready(dana)
			cc := h.customer("Pat")
			synctest.Wait()
			var racing sync.WaitGroup
			racing.Go(func() { h.LogOut(t.Context(), dana, nil) })
			racing.Go(func() { h.LogIn(t.Context(), dana, []string{agent.Chat}, nil) })
			racing.Wait()
			h.do(h.LogOut(t.Context(), dana, nil))
			s, err := h.Agent(t.Context(), dana)
			if err != nil || s.LoggedIn() || s.Leaving || len(s.Holds) != 0 {
				t.Fatalf("dana: %+v, %v", s, err)
			}
			if _, err := h.CustomerDo(t.Context(), caller(cc), chat.Disconnect{}, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Others' chats, wrong keys and wrong services are all not found (B13, C1).
func TestNotYours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc, other := h.customer("Pat"), h.customer("Quin")
		synctest.Wait()
		for name, c := range map[string]desk.Caller{
			"unknown chat":  {Service: "support", ChatID: "0004XaGQ7T2H001K", Key: cc.Key},
			"wrong key":     {Service: "support", ChatID: cc.ChatID, Key: other.Key},
			"no key":        {Service: "support", ChatID: cc.ChatID},
			"wrong service": {Service: "billing", ChatID: cc.ChatID, Key: cc.Key},
		} {
			if _, err := h.CustomerDo(t.Context(), c, chat.Say{Text: "x"}, nil); !errors.Is(err, chat.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Whoever else wants it at the same moment, the chat is the one's to whom it was offered (B3).
		var racing sync.WaitGroup
		errs := map[string]error{}
		var mu sync.Mutex
		for _, user := range []string{omar, dana, lena} {
			racing.Go(func() {
				_, err := h.Operate(t.Context(), user, cc.ChatID, chat.Accept{}, nil)
				mu.Lock()
				defer mu.Unlock()
				errs[user] = err
			})
		}
		racing.Wait()
		if errs[dana] != nil || !errors.Is(errs[omar], chat.ErrNotFound) || !errors.Is(errs[lena], chat.ErrNotFound) {
			t.Errorf("three accept dana's offer: %v", errs)
		}
	})
}

// A disconnected customer may read for as long as the service keeps the chat, and disconnect again; then it is gone (customer-api 1.10).
func TestEndedChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		cc := h.customer("Pat")
		for range 2 {
			got, err := h.CustomerDo(t.Context(), caller(cc), chat.Disconnect{}, nil)
			if err != nil || !got.Ended {
				t.Fatalf("Disconnect: ended %v, %v", got.Ended, err)
			}
		}
		if _, err := h.CustomerDo(t.Context(), caller(cc), chat.Say{Text: "x"}, nil); !errors.Is(err, chat.ErrEnded) {
			t.Errorf("Say after the end: %v", err)
		}
		work, err := h.store.Waiting(t.Context())
		if err != nil || len(work) != 0 {
			t.Errorf("still waiting: %v, %v", work, err)
		}
		pass(10*time.Minute + time.Second)
		if _, err := h.Customer(t.Context(), caller(cc)); !errors.Is(err, chat.ErrNotFound) {
			t.Errorf("after the retention: %v", err)
		}
	})
}

// A long chat is read from its log where memory has only its end.
func TestLongChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		const n = 400
		for i := range n {
			if _, err := h.CustomerDo(t.Context(), caller(cc), chat.Say{Text: fmt.Sprint(i)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		now, err := h.Customer(t.Context(), caller(cc))
		if err != nil {
			t.Fatal(err)
		}
		for from, want := range map[int64]int{1: n + 2, 300: n + 2 - 299, n + 2: 1, n + 3: 0, -1: 1} {
			if got, err := now.Messages(t.Context(), from); err != nil || len(got) != want {
				t.Errorf("from %d: %d messages, %v; want %d", from, len(got), err, want)
			}
		}
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil))
		all, err := h.Messages(t.Context(), dana, cc.ChatID, 1, 0)
		if err != nil || len(all) != n+3 {
			t.Errorf("dana reads %d messages, %v", len(all), err)
		}
		some, err := h.Messages(t.Context(), dana, cc.ChatID, 10, 5)
		if err != nil || len(some) != 5 || some[0].Index != 10 {
			t.Errorf("dana reads 5 from 10: %v, %v", some, err)
		}
	})
}

// Whoever watches is told of every feed that grew.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.stop()
		heads := make(chan int64, 16)
		db, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		local := bus.NewLocal()
		d, err := desk.New(desk.Config{
			Node:  "1",
			Store: db, Bus: local, Directory: h.dir, Settings: desk.DefaultSettings(), Logger: slog.New(slog.DiscardHandler),
			Encoder: agentapi.NewEncoder("http://desk.example/api/v2", false, time.UTC),
		})
		if err != nil {
			t.Fatal(err)
		}
		d.Watch(func(user string, head int64) {
			if user == dana {
				heads <- head
			}
		})
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() { d.Stop(); local.Close(); db.Close() }()
		if _, err := d.LogIn(t.Context(), dana, []string{agent.Chat}, nil); err != nil {
			t.Fatal(err)
		}
		head, err := d.Head(t.Context(), dana)
		if err != nil {
			t.Fatal(err)
		}
		if got := <-heads; got != head {
			t.Errorf("told %d, the head is %d", got, head)
		}
	})
}
