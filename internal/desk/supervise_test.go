package desk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// logIn logs users in to chat; routing offers them nothing.
func (h *house) logIn(users ...string) {
	h.t.Helper()
	for _, u := range users {
		h.do(h.LogIn(h.t.Context(), u, []string{agent.Chat}, nil))
	}
}

// watch has a supervisor watch an agent.
func (h *house) watch(supervisor, agentID string, mode chat.Mode, next bool) {
	h.t.Helper()
	h.do(h.Monitor(h.t.Context(), agentID, agent.Watcher{UserID: supervisor, Mode: string(mode), Next: next}, nil))
}

// taken is a chat that an agent has taken from the queue.
func (h *house) taken(agentID string) desk.CustomerChat {
	h.t.Helper()
	cc := h.customer("Pat")
	synctest.Wait()
	h.do(h.Operate(h.t.Context(), agentID, cc.ChatID, chat.Accept{}, nil))
	synctest.Wait()
	return cc
}

// A watched agent's chats are delivered to the supervisor when the agent accepts them, the one she is in already not; NextChat ends after one (agent-api 6.8).
func TestDelivery(t *testing.T) {
	delivered := []string{
		"StatusChange Invited", "StatusChange Chatting", "ParticipantsUpdated Chatting",
		"NewMessages ParticipantJoined Text ParticipantJoined ParticipantJoined",
	}
	for _, c := range []struct {
		mode       chat.Mode
		next       bool
		visibility chat.Visibility
		dana       []string // hears of the supervisor
	}{
		{chat.Monitor, false, chat.VisibleToSupervisors, nil},
		{chat.Monitor, true, chat.VisibleToSupervisors, nil},
		{chat.Coach, true, chat.VisibleToAgents, []string{"ParticipantsUpdated Chatting", "NewMessages ParticipantJoined"}},
		{chat.BargeIn, false, chat.VisibleToAll, []string{"ParticipantsUpdated Chatting", "NewMessages ParticipantJoined"}},
	} {
		t.Run(fmt.Sprintf("%s, next only: %t", c.mode, c.next), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, t.TempDir(), nil)
				h.ready(dana)
				h.logIn(ines)
				running := h.taken(dana)
				h.watch(ines, dana, c.mode, c.next)
				synctest.Wait()
				if got := h.sees(ines, running); got != "" {
					t.Errorf("of the chat that ran already she sees %q", got)
				}
				h.do(h.Operate(t.Context(), dana, running.ChatID, chat.Complete{}, nil))
				before, own := len(h.told(ines)), len(h.told(dana))+4 // that she is invited, has joined, with whom, and the history
				cc := h.taken(dana)
				if got := h.told(ines)[before:]; !slices.Equal(got, delivered) {
					t.Errorf("ines was told %q", got)
				}
				if got := h.told(dana)[own:]; !slices.Equal(got, c.dana) {
					t.Errorf("dana was told %q, want %q", got, c.dana)
				}
				v, err := h.View(t.Context(), ines, cc.ChatID)
				if err != nil {
					t.Fatal(err)
				}
				me := v.Participants[slices.IndexFunc(v.Participants, func(p chat.Participant) bool { return p.UserID == ines })]
				if me.Visibility != c.visibility || me.Nickname != "ines" {
					t.Errorf("she is in as %+v", me)
				}
				if s, err := h.Agent(t.Context(), ines); err != nil || len(s.Holds) != 1 || s.Load() != 0 {
					t.Errorf("her standing: %+v, %v", s, err)
				}
				second := h.taken(dana)
				if got := h.sees(ines, second) != ""; got == c.next {
					t.Errorf("the second chat is delivered: %t", got)
				}
			})
		})
	}
}

// watchers are those of an agent, by name, with their modes.
func (h *house) watchers(agentID string) (list []string) {
	h.t.Helper()
	s, err := h.Agent(h.t.Context(), agentID)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, w := range s.Watchers {
		list = append(list, h.dir.User(w.UserID).Name+" "+w.Mode)
	}
	return list
}

func (h *house) wantWatchers(agentID string, want ...string) {
	h.t.Helper()
	if got := h.watchers(agentID); !slices.Equal(got, want) {
		h.t.Errorf("%s is watched by %q, want %q", h.dir.User(agentID).Name, got, want)
	}
}

// Several supervisors watch one agent; a second set-up of the same one replaces her first; who is in the chat already waits for the next; supervision is no work
// that others are shown (agent-api 6.8).
func TestWhoWatchesWhom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		h.logIn(ines, kim)
		h.watch(kim, dana, chat.Coach, true)
		h.watch(ines, dana, chat.BargeIn, false)
		h.watch(ines, dana, chat.Monitor, false)
		h.watch(ines, kim, chat.Monitor, false)
		h.wantWatchers(dana, "kim Coach", "ines Monitor")

		first := h.taken(dana)
		h.wantWatchers(dana, "ines Monitor")
		if a, b := h.sees(ines, first), h.sees(kim, first); a != chat.Chatting || b != chat.Chatting {
			t.Fatalf("ines sees %q, kim %q", a, b)
		}
		for user, want := range map[string]int{ines: 4, kim: 4, dana: 3} { // only supervisors see her who listens
			if v, err := h.View(t.Context(), user, first.ChatID); err != nil || len(v.Participants) != want {
				t.Errorf("%s sees %d participants, want %d, %v", h.dir.User(user).Name, len(v.Participants), want, err)
			}
		}
		// Kim is asked as an agent now, in a chat that ines has as a supervisor: there is nothing to deliver.
		second := h.taken(dana)
		told := len(h.told(ines))
		h.do(h.Operate(t.Context(), dana, second.ChatID, chat.Invite{UserID: kim}, nil))
		h.do(h.Operate(t.Context(), kim, second.ChatID, chat.Accept{}, nil))
		synctest.Wait()
		if got := h.told(ines)[told:]; !slices.Equal(got, []string{"ParticipantsUpdated Chatting", "NewMessages ParticipantJoined"}) {
			t.Errorf("ines was told %q", got)
		}
		// And a supervisor's own acceptance is not an agent's: kim intrudes, and ines, who watches kim, gets nothing of it.
		h.do(h.Operate(t.Context(), ines, first.ChatID, chat.Leave{}, nil))
		h.do(h.Operate(t.Context(), kim, first.ChatID, chat.Leave{}, nil))
		h.do(h.Intrude(t.Context(), kim, first.ChatID, chat.Intrude{Watched: dana, Mode: chat.Coach}, nil))
		h.do(h.Operate(t.Context(), kim, first.ChatID, chat.Accept{}, nil))
		synctest.Wait()
		if got := h.sees(ines, first); got != "" {
			t.Errorf("of kim's intrusion ines sees %q", got)
		}
	})
}

// NextChat is not used up by a chat that the supervisor has already (agent-api 6.8).
func TestNextChatIsOneThatSheDoesNotHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(omar)
		h.logIn(dana, kim)
		cc := h.taken(omar)
		h.do(h.Intrude(t.Context(), kim, cc.ChatID, chat.Intrude{Watched: omar, Mode: chat.Monitor}, nil))
		h.watch(kim, dana, chat.Monitor, true)
		h.do(h.Operate(t.Context(), omar, cc.ChatID, chat.Consult{UserID: dana}, nil))
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil))
		synctest.Wait()
		h.wantWatchers(dana, "kim Monitor")
		h.do(h.SetState(t.Context(), dana, agent.Chat, agent.OpReady, nil))
		h.do(h.SetState(t.Context(), omar, agent.Chat, agent.OpNotReady, nil))
		if got := h.sees(kim, h.taken(dana)); got != chat.Chatting {
			t.Errorf("of the next one kim sees %q", got)
		}
		h.wantWatchers(dana)
	})
}

// A supervisor who logs out, or is logged out, watches nobody any more, and her chats go on without her (agent-api 2.6, 6.8).
func TestLogOutEndsWatching(t *testing.T) {
	for name, logOut := range map[string]func(h *house) (desk.Receipt, error){
		"herself":               func(h *house) (desk.Receipt, error) { return h.LogOut(h.t.Context(), ines, nil) },
		"by another one's wish": func(h *house) (desk.Receipt, error) { return h.TakeOffline(h.t.Context(), ines, agent.Chat, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, t.TempDir(), nil)
				h.ready(dana)
				h.logIn(ines, kim)
				for _, user := range []string{dana, omar, kim} {
					h.watch(ines, user, chat.BargeIn, false)
				}
				h.watch(kim, dana, chat.Monitor, false)
				cc := h.taken(dana)
				h.do(logOut(h))
				if got := h.sees(dana, cc); got != chat.Chatting || h.sees(ines, cc) != "" {
					t.Errorf("dana sees %q, ines %q", got, h.sees(ines, cc))
				}
				h.wantWatchers(dana, "kim Monitor")
				h.wantWatchers(omar)
				h.wantWatchers(kim)
				h.logIn(ines)
				if next := h.taken(dana); h.sees(ines, next) != "" || h.sees(kim, next) != chat.Chatting {
					t.Errorf("of the next chat ines sees %q, kim %q", h.sees(ines, next), h.sees(kim, next))
				}
				if _, err := h.StopMonitoring(t.Context(), ines, dana, nil); !errors.Is(err, chat.ErrState) {
					t.Errorf("to cancel what is over: %v", err)
				}
			})
		})
	}
}

// deaf is a store in which no timer is ever due: the server dies before it looks.
type deaf struct {
	store.Store
	hears atomic.Bool
}

func (d *deaf) DueTimers(ctx context.Context, at time.Time, limit int) ([]store.Timer, time.Time, error) {
	if d.hears.Load() {
		return d.Store.DueTimers(ctx, at, limit)
	}
	return nil, time.Time{}, nil
}

// A server that dies between the acceptance of a chat and its delivery delivers it when it is back, once; unless the supervisor or the agent has gone, or
// there is nothing left to do (agent-api 6.8).
func TestDeliveryAfterCrash(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(h *house, cc desk.CustomerChat) // before the crash
		want      chat.ViewState
	}{
		"as it was": {want: chat.Chatting},
		"the supervisor has logged out": {meanwhile: func(h *house, _ desk.CustomerChat) {
			h.do(h.LogOut(h.t.Context(), ines, nil))
		}},
		"she has logged out and in": {meanwhile: func(h *house, _ desk.CustomerChat) {
			h.do(h.LogOut(h.t.Context(), ines, nil))
			h.logIn(ines)
		}, want: chat.Chatting},
		"she has cancelled": {meanwhile: func(h *house, _ desk.CustomerChat) {
			h.do(h.StopMonitoring(h.t.Context(), ines, dana, nil))
		}, want: chat.Chatting}, // the chat was accepted before that
		"she has asked for it herself": {meanwhile: func(h *house, cc desk.CustomerChat) {
			h.do(h.Intrude(h.t.Context(), ines, cc.ChatID, chat.Intrude{Watched: dana}, nil))
		}, want: chat.Invited},
		"the agent has left": {meanwhile: func(h *house, cc desk.CustomerChat) {
			h.do(h.Operate(h.t.Context(), dana, cc.ChatID, chat.Leave{}, nil))
		}},
		"the chat is over": {meanwhile: func(h *house, cc desk.CustomerChat) {
			h.do(h.Operate(h.t.Context(), dana, cc.ChatID, chat.Complete{}, nil))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				folder := t.TempDir()
				db, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
				if err != nil {
					t.Fatal(err)
				}
				h := openOn(t, &deaf{Store: db}, nil)
				h.ready(dana)
				h.logIn(ines)
				h.watch(ines, dana, chat.Coach, false)
				cc := h.taken(dana)
				if got := h.sees(ines, cc); got != "" {
					t.Fatalf("delivered before the crash: %q", got)
				}
				if c.meanwhile != nil {
					c.meanwhile(h, cc)
				}
				h.stop()
				for range 2 { // the second start finds nothing to do
					pass(time.Hour)
					h = open(t, folder, nil)
					synctest.Wait()
					if got := h.sees(ines, cc); got != c.want {
						t.Errorf("after the crash she sees %q, want %q", got, c.want)
					}
					due, _, err := h.store.DueTimers(t.Context(), time.Now(), 0)
					if err != nil || len(due) > 0 {
						t.Errorf("left over: %+v, %v", due, err)
					}
					h.stop()
				}
			})
		})
	}
}

// Who has lost the right is delivered nothing any more (agent-api 1.8, 6.8).
func TestDeliveryNeedsTheRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		timers := &deaf{Store: db}
		h := openOn(t, timers, nil)
		h.ready(dana)
		h.logIn(ines, kim)
		h.watch(ines, dana, chat.Coach, false)
		h.watch(kim, dana, chat.Coach, false)
		cc := h.taken(dana)
		h.dir.User(ines).Features = []directory.Feature{directory.MultimediaChat, directory.Voice, directory.AgentControl}
		timers.hears.Store(true)
		pass(2 * time.Second)
		if a, b := h.sees(ines, cc), h.sees(kim, cc); a != "" || b != chat.Chatting {
			t.Errorf("ines sees %q, kim %q", a, b)
		}
		if due, _, err := db.DueTimers(t.Context(), time.Now(), 0); err != nil || len(due) > 0 {
			t.Errorf("left over: %+v, %v", due, err)
		}
	})
}

// However log-outs, set-ups and acceptances meet, nobody who is logged out watches anybody or is in a chat (agent-api 2.6, 6.8).
func TestWatchingAgainstLogOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana, omar)
		for range 20 {
			h.logIn(ines, kim)
			for _, supervisor := range []string{ines, kim} {
				h.watch(supervisor, dana, chat.Monitor, false)
			}
			cc := h.customer("Pat")
			synctest.Wait()
			var all sync.WaitGroup
			for _, supervisor := range []string{ines, kim} {
				all.Go(func() {
					if _, err := h.LogOut(t.Context(), supervisor, nil); err != nil {
						t.Error(err)
					}
				})
				all.Go(func() {
					for _, user := range []string{omar, dana} {
						_, err := h.Monitor(t.Context(), user, agent.Watcher{UserID: supervisor, Mode: "Coach"}, nil)
						if err != nil && !errors.Is(err, chat.ErrState) {
							t.Error(err)
						}
					}
				})
			}
			for _, user := range []string{dana, omar} {
				all.Go(func() {
					if _, err := h.Operate(t.Context(), user, cc.ChatID, chat.Accept{}, nil); err != nil && !errors.Is(err, chat.ErrNotFound) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			pass(time.Second)
			h.wantWatchers(dana)
			h.wantWatchers(omar)
			for _, supervisor := range []string{ines, kim} {
				if s, err := h.Agent(t.Context(), supervisor); err != nil || len(s.Holds)+len(s.Watches) > 0 {
					t.Errorf("%+v, %v", s, err)
				}
			}
			for _, user := range []string{dana, omar} {
				if h.sees(user, cc) == chat.Chatting {
					h.do(h.Operate(t.Context(), user, cc.ChatID, chat.Complete{}, nil))
				}
			}
		}
	})
}

// What a supervisor is refused, in the order of checks: the chat and the agent in it 6, her log-in 2, what she wrote 1 and 10, herself 2 (agent-api 4.0, 6.8).
func TestSupervisionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		h.logIn(omar)
		cc := h.taken(dana)
		monitor := func(user string, w agent.Watcher) error {
			w.UserID = ines
			_, err := h.Monitor(t.Context(), user, w, nil)
			return err
		}
		intrude := func(chatID, watched string, mode chat.Mode) error {
			_, err := h.Intrude(t.Context(), ines, chatID, chat.Intrude{Watched: watched, Mode: mode}, nil)
			return err
		}
		long := strings.Repeat("é", chat.MaxNickname+1)
		check := func(name string, err, want error) {
			t.Helper()
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
		check("not logged in, no mode", monitor(dana, agent.Watcher{}), chat.ErrState)
		check("not logged in, herself", monitor(ines, agent.Watcher{Mode: "Coach"}), chat.ErrState)
		check("not logged in, intrudes nowhere", intrude("x", dana, ""), chat.ErrNotFound)
		check("not logged in, intrudes", intrude(cc.ChatID, dana, chat.Coach), chat.ErrState)
		check("not logged in, intrudes without a mode", intrude(cc.ChatID, dana, ""), chat.ErrState)
		check("not logged in, intrudes in no mode", intrude(cc.ChatID, dana, "x"), chat.ErrState)
		h.logIn(ines)
		check("no mode", monitor(dana, agent.Watcher{}), chat.ErrInvalid)
		check("a long nickname", monitor(dana, agent.Watcher{Mode: "Coach", Nickname: long}), chat.ErrInvalid)
		check("herself", monitor(ines, agent.Watcher{Mode: "Coach"}), chat.ErrState)
		check("an agent who is not in", intrude(cc.ChatID, omar, "x"), chat.ErrNotFound)
		check("no mode to intrude in", intrude(cc.ChatID, dana, "x"), chat.ErrInvalid)
		check("none at all", intrude(cc.ChatID, dana, ""), chat.ErrMissing)
		h.wantWatchers(dana)
		if s, err := h.Agent(t.Context(), ines); err != nil || s.RefID != 0 || len(s.Watches)+len(s.Holds) != 0 {
			t.Errorf("what was refused has changed her: %+v, %v", s, err)
		}
		check("as long as may be, before the agent is logged in", monitor(lena, agent.Watcher{Mode: "Coach", Nickname: long[2:]}), nil)
		check("watching", monitor(dana, agent.Watcher{Mode: "Coach"}), nil)
		check("in the mode in which she watches", intrude(cc.ChatID, dana, ""), nil)
		check("twice", intrude(cc.ChatID, dana, ""), chat.ErrState)
		h.do(h.Operate(t.Context(), ines, cc.ChatID, chat.Accept{}, nil))
		if v, err := h.View(t.Context(), ines, cc.ChatID); err != nil || v.Participants[2].Visibility != chat.VisibleToAgents {
			t.Errorf("%+v, %v", v.Participants, err)
		}
	})
}

// An invitation to intrude that is not answered is over in time, and the next one is another (agent-api 3.3, 6.8).
func TestIntrusionTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		h.logIn(ines)
		cc := h.taken(dana)
		if r := h.do(h.Intrude(t.Context(), ines, cc.ChatID, chat.Intrude{Watched: dana, Mode: chat.BargeIn}, nil)); r.RefID != 1 {
			t.Errorf("referenceId %d", r.RefID)
		}
		pass(31 * time.Second)
		h.do(h.Intrude(t.Context(), ines, cc.ChatID, chat.Intrude{Watched: dana, Mode: chat.Monitor}, nil))
		h.wantTold(ines, "Channel NotReady", "StatusChange Invited", "StatusChange Revoked", "StatusChange Invited")
	})
}
