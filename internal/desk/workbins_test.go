package desk_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/agentapi"
	"github.com/halley-chat/halley/internal/bus"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/store"
)

// left is a chat that an agent has taken and left.
func (h *house) left(user string) desk.CustomerChat {
	h.t.Helper()
	cc := h.customer("Pat")
	synctest.Wait()
	h.do(h.Operate(h.t.Context(), user, cc.ChatID, chat.Accept{}, nil))
	h.do(h.Operate(h.t.Context(), user, cc.ChatID, chat.Leave{}, nil))
	return cc
}

// all is the page with everything.
func all(in []store.Binned) ([]store.Binned, error) { return in, nil }

// lies wants these chats in a workbin, as a user sees it.
func (h *house) lies(user, workbin string, want ...desk.CustomerChat) {
	h.t.Helper()
	in, total, err := h.Aside(h.t.Context(), user, workbin, all)
	if err != nil || total != len(want) || len(in) != total {
		h.t.Errorf("in the workbin: %d of %d, %v; want %d", len(in), total, err, len(want))
		return
	}
	for i, cc := range want {
		if in[i].ID != cc.ChatID || in[i].State != chat.Completed {
			h.t.Errorf("chat %d in the workbin: %+v, want %s", i, in[i], cc.ChatID)
		}
	}
}

// TestWorkbin (agent-api 6.9): a chat that is put aside counts for nobody, stays where it is through log-outs and restarts, and is finished by who pulls it.
func TestWorkbin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.ready(dana)
		mine, ours := h.left(dana), h.left(dana)
		added := h.do(h.PutAside(t.Context(), dana, mine.ChatID, chat.AddChat{Workbin: dana}, nil))
		h.do(h.PutAside(t.Context(), dana, ours.ChatID, chat.AddChat{Workbin: team}, nil))
		if added.RefID != 5 { // after Accept and Leave, twice
			t.Errorf("referenceId %d", added.RefID)
		}
		if s, err := h.Agent(t.Context(), dana); err != nil || s.Load() > 0 || len(s.Holds) > 0 {
			t.Errorf("dana holds %+v, %v", s.Holds, err)
		}
		// His workbin is his, the team's everybody's who is in it.
		h.wantTold(omar, "ItemAdded")
		for _, user := range []string{omar, lena} {
			if _, _, err := h.Aside(t.Context(), user, dana, all); !errors.Is(err, chat.ErrNotFound) {
				t.Errorf("another's workbin: %v", err)
			}
			if _, err := h.Pull(t.Context(), user, mine.ChatID, chat.PullChat{Workbin: dana}, nil); !errors.Is(err, chat.ErrNotFound) {
				t.Errorf("pull from another's workbin: %v", err)
			}
		}
		if _, _, err := h.Aside(t.Context(), lena, team, all); !errors.Is(err, chat.ErrNotFound) || len(h.Workbins(lena)) != 1 || len(h.told(lena)) > 0 {
			t.Errorf("lena is not in the team, and knows its workbin: %v, %v, %v", err, h.Workbins(lena), h.told(lena))
		}

		h.do(h.LogOut(t.Context(), dana, nil))
		if _, err := h.Pull(t.Context(), dana, mine.ChatID, chat.PullChat{Workbin: dana}, nil); !errors.Is(err, chat.ErrState) {
			t.Errorf("pulled while logged out: %v", err)
		}
		h.stop()
		h = open(t, folder, nil)
		h.lies(dana, dana, mine)
		h.lies(omar, team, ours)
		h.do(h.LogIn(t.Context(), dana, []string{agent.Chat}, nil)) // not ready, which she need not be
		before := len(h.told(dana))
		pulled := h.do(h.Pull(t.Context(), dana, ours.ChatID, chat.PullChat{Workbin: team}, nil))
		if got := h.told(dana)[before:]; pulled.RefID != 1 || !slices.Equal(got, []string{"StatusChange Invited", "StatusChange LeftChat", "ItemRemoved"}) {
			t.Errorf("referenceId %d, dana was told %q", pulled.RefID, got)
		}
		h.wantTold(omar, "ItemAdded", "ItemRemoved")
		if s, err := h.Agent(t.Context(), dana); err != nil || s.Load() != 1 {
			t.Errorf("dana's load is %d, %v", s.Load(), err)
		}
		h.do(h.Operate(t.Context(), dana, ours.ChatID, chat.Complete{}, nil))
		h.lies(dana, team)
		h.lies(dana, dana, mine)
		if c, err := h.Counts(t.Context()); err != nil || c.Finished != 1 || c.WrapUp != 1 {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// A repetition under the key of the first request does nothing more, also when the chat has moved on since (agent-api 1.4, 6.9).
func TestWorkbinRepetitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.left(dana)
		add := func() desk.Receipt {
			return h.do(h.PutAside(t.Context(), dana, cc.ChatID, chat.AddChat{Workbin: dana}, &desk.Once{Key: "add"}))
		}
		pull := func() desk.Receipt {
			return h.do(h.Pull(t.Context(), dana, cc.ChatID, chat.PullChat{Workbin: dana}, &desk.Once{Key: "pull"}))
		}
		added := add()
		if again := add(); again != added {
			t.Errorf("%+v, then %+v", added, again)
		}
		pulled := pull()
		told := len(h.told(dana))
		for range 2 {
			if a, p := add(), pull(); a != added || p != pulled {
				t.Errorf("%+v and %+v; first %+v and %+v", a, p, added, pulled)
			}
		}
		if now := len(h.told(dana)); now != told {
			t.Errorf("the repetitions told dana %d things", now-told)
		}
		h.lies(dana, dana)
	})
}

// Of two who pull a chat at once one gets it, on the same node and on two (agent-api 6.9): the other learns that it is not there any more.
func TestPullAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		local := bus.NewLocal()
		other, err := desk.New(desk.Config{
			Node: "2", Store: h.store, Bus: local, Directory: h.dir, Settings: desk.DefaultSettings(), Logger: slog.New(slog.DiscardHandler),
			Encoder: agentapi.NewEncoder("http://desk.example/api/v2", false, time.UTC),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer local.Close()
		h.ready(dana)
		h.do(h.LogIn(t.Context(), omar, []string{agent.Chat}, nil))
		for round := range 20 {
			cc := h.left(dana)
			h.do(h.PutAside(t.Context(), dana, cc.ChatID, chat.AddChat{Workbin: team}, nil))
			if _, _, err := other.Aside(t.Context(), omar, team, all); err != nil { // so that the other node has it in memory
				t.Fatal(err)
			}
			node := []*desk.Desk{h.Desk, other}[round%2] // omar's
			var errs [2]error
			var pulling sync.WaitGroup
			pulling.Go(func() { _, errs[0] = h.Pull(t.Context(), dana, cc.ChatID, chat.PullChat{Workbin: team}, nil) })
			pulling.Go(func() { _, errs[1] = node.Pull(t.Context(), omar, cc.ChatID, chat.PullChat{Workbin: team}, nil) })
			pulling.Wait()
			winner, at, loser := dana, h.Desk, errs[1]
			if errs[0] != nil {
				winner, at, loser = omar, node, errs[0]
			}
			if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(loser, chat.ErrNotFound) {
				t.Fatalf("dana: %v, omar: %v", errs[0], errs[1])
			}
			h.do(at.Operate(t.Context(), winner, cc.ChatID, chat.Complete{}, nil))
		}
		h.lies(dana, team)
		rows, err := h.store.Agents(t.Context(), dana, omar)
		if err != nil || len(rows) != 2 || len(rows[0].State.Holds)+len(rows[1].State.Holds) > 0 {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}

// A full workbin takes no more, and the chat stays where it was (agent-api 6.9).
func TestFullWorkbin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.left(dana)
		var b store.Batch
		for i := range desk.MaxBinned {
			b.Bins = append(b.Bins, store.BinChange{Binned: store.Binned{Workbin: dana, ChatID: fmt.Sprint("old", i)}})
		}
		if _, err := h.store.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if _, err := h.PutAside(t.Context(), dana, cc.ChatID, chat.AddChat{Workbin: dana}, nil); !errors.Is(err, chat.ErrState) {
			t.Errorf("chat %d: %v", desk.MaxBinned+1, err)
		}
		if got := h.sees(dana, cc); got != chat.LeftChat {
			t.Errorf("then dana sees %q", got)
		}
		b.Bins = []store.BinChange{{Binned: store.Binned{Workbin: dana, ChatID: "old7"}, Out: true}}
		if _, err := h.store.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		h.do(h.PutAside(t.Context(), dana, cc.ChatID, chat.AddChat{Workbin: dana}, nil))
	})
}
