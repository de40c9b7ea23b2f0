package desk_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/store"
)

// Whatever agents do, no one has more than she can take, no chat is with two of them, and none is stuck (H1, H5).
func TestWorkload(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t, t.TempDir(), func(s *desk.Settings) { s.OfferTimeout = 5 * time.Second })
			random := rand.New(rand.NewPCG(seed, seed))
			agents := []string{dana, omar, lena}
			h.ready(agents...)
			var chats []desk.CustomerChat
			for step := range 400 {
				if step < 200 && random.IntN(4) == 0 {
					chats = append(chats, h.customer("Pat"))
				}
				for _, c := range chats {
					if _, err := h.Customer(t.Context(), caller(c)); err != nil {
						t.Fatal(err)
					}
				}
				for _, a := range agents {
					h.work(a, random, step < 300)
				}
				pass(time.Second)
				h.checkInvariants(chats, agents)
				if t.Failed() {
					t.Fatalf("seed %d, step %d", seed, step)
				}
			}
			// Everybody works on until nothing is left.
			for range 600 {
				counts, err := h.Counts(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if counts.Finished == len(chats) {
					return
				}
				for _, c := range chats {
					if _, err := h.Customer(t.Context(), caller(c)); err != nil && !errors.Is(err, chat.ErrNotFound) {
						t.Fatal(err)
					}
				}
				for _, a := range agents {
					h.work(a, random, false)
				}
				pass(time.Second)
			}
			counts, err := h.Counts(t.Context())
			t.Errorf("seed %d: %d chats, at the end %+v, %v", seed, len(chats), counts, err)
		})
	}
}

// work lets an agent do something about each of her chats, or come and go.
func (h *house) work(user string, random *rand.Rand, moody bool) {
	h.t.Helper()
	ctx := h.t.Context()
	if moody {
		switch random.IntN(60) {
		case 0:
			h.do(h.LogOut(ctx, user, nil))
		case 1:
			h.do(h.LogIn(ctx, user, []string{agent.Chat}, nil))
			h.do(h.SetState(ctx, user, "", agent.OpNotReady, nil))
		}
	}
	if s, err := h.Agent(ctx, user); err != nil {
		h.t.Fatal(err)
	} else if !s.Ready() && random.IntN(10) == 0 {
		h.ready(user)
	}
	views, err := h.Views(ctx, user)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, v := range views {
		var actions []chat.Action
		switch v.State {
		case chat.Invited:
			actions = []chat.Action{chat.Accept{}, chat.Accept{}, chat.Reject{}, nil}
		case chat.Chatting:
			actions = []chat.Action{chat.SendMessage{Text: "hm"}, chat.Leave{}, chat.Complete{}, nil, nil}
		default:
			actions = []chat.Action{chat.Complete{}}
		}
		a := actions[random.IntN(len(actions))]
		if a == nil {
			continue
		}
		if _, err := h.Operate(ctx, user, v.ID, a, nil); err != nil && !errors.Is(err, chat.ErrState) && !errors.Is(err, chat.ErrNotFound) {
			h.t.Fatalf("%s: %v", a.Operation(), err)
		}
	}
}

func (h *house) checkInvariants(chats []desk.CustomerChat, agents []string) {
	h.t.Helper()
	owners := map[string][]string{}
	for _, a := range agents {
		s, err := h.Agent(h.t.Context(), a)
		if err != nil {
			h.t.Fatal(err)
		}
		if s.Load() > h.dir.User(a).Capacity {
			h.t.Errorf("%s has %d chats", h.dir.User(a).Name, s.Load())
		}
		views, err := h.Views(h.t.Context(), a)
		if err != nil {
			h.t.Fatal(err)
		}
		if len(views) != len(s.Holds) {
			h.t.Errorf("%s holds %d chats and sees %d", h.dir.User(a).Name, len(s.Holds), len(views))
		}
		for _, v := range views {
			owners[v.ID] = append(owners[v.ID], a)
		}
	}
	work, err := h.store.Waiting(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if !slices.IsSortedFunc(work, func(a, b store.Work) int { return a.Since.Compare(b.Since) }) {
		h.t.Error("the queue is not in order of arrival")
	}
	for _, c := range chats {
		waits := slices.ContainsFunc(work, func(w store.Work) bool { return w.ChatID == c.ChatID })
		cc, err := h.Customer(h.t.Context(), caller(c))
		if errors.Is(err, chat.ErrNotFound) {
			continue // over for longer than it is kept
		}
		if err != nil {
			h.t.Fatal(err)
		}
		switch n := len(owners[c.ChatID]); {
		case n > 1:
			h.t.Errorf("chat %s is with %v", c.ChatID, owners[c.ChatID])
		case n == 1 && waits:
			h.t.Errorf("chat %s is with an agent and waits", c.ChatID)
		case n == 0 && !waits && !cc.Ended:
			h.t.Errorf("chat %s is nowhere", c.ChatID)
		}
	}
}

// Who came first is served first, also when several places become free at once (H3).
func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		var chats []desk.CustomerChat
		for range 12 {
			chats = append(chats, h.customer("Pat"))
			pass(time.Millisecond)
		}
		agents := []string{dana, omar, lena}
		h.ready(agents...)
		for served := 0; served < len(chats); served += 6 {
			synctest.Wait()
			for i, c := range chats[served:] {
				seen := 0
				for _, a := range agents {
					if h.sees(a, c) == chat.Invited {
						seen++
						h.do(h.Operate(t.Context(), a, c.ChatID, chat.Accept{}, nil))
					}
				}
				if want := map[bool]int{true: 1, false: 0}[i < 6]; seen != want {
					t.Errorf("customer %d of round %d is offered to %d agents", i, served/6, seen)
				}
			}
			for _, a := range agents {
				views, err := h.Views(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range views {
					h.do(h.Operate(t.Context(), a, v.ID, chat.Complete{}, nil))
				}
			}
		}
	})
}
