package desk_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
)

// wantDay compares an agent's statistics with those given; the others must be 0.
func (h *house) wantDay(user string, want map[string]float64) {
	h.t.Helper()
	got, err := h.Statistics(h.t.Context(), user)
	if err != nil || len(got) != 10 {
		h.t.Fatalf("%d statistics, %v", len(got), err)
	}
	for _, s := range got {
		if s.Value != want[s.Name] {
			h.t.Errorf("%s is %v, want %v", s.Name, s.Value, want[s.Name])
		}
	}
}

// TestStatistics (agent-api 6.4): each figure is what happened today, by the zone of the server; consultations are apart; a restart forgets nothing.
func TestStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		tune := func(s *desk.Settings) { s.Zone = time.FixedZone("", -2*3600) } // it is 22:00 on the day before
		h := open(t, folder, tune)
		ctx := t.Context()
		h.wantDay(dana, nil)
		h.do(h.LogIn(ctx, dana, []string{agent.Chat}, nil))
		pass(100 * time.Second)
		h.do(h.SetState(ctx, dana, agent.Chat, agent.OpReady, nil))
		h.do(h.LogIn(ctx, omar, []string{agent.Chat}, nil))

		come := func() desk.CustomerChat {
			cc := h.customer("Pat")
			synctest.Wait()
			return cc
		}
		do := func(user string, cc desk.CustomerChat, a chat.Action) { h.do(h.Operate(ctx, user, cc.ChatID, a, nil)) }
		gone := func(cc desk.CustomerChat) {
			if _, err := h.CustomerDo(ctx, caller(cc), chat.Disconnect{}, nil); err != nil {
				t.Fatal(err)
			}
		}

		handled := come() // for 20 s, of which the last 5 after she had left
		pass(5 * time.Second)
		do(dana, handled, chat.Accept{})
		pass(10 * time.Second)
		do(dana, handled, chat.Consult{UserID: omar})
		do(omar, handled, chat.Accept{})
		pass(5 * time.Second)
		do(omar, handled, chat.Leave{})
		do(dana, handled, chat.Leave{})
		pass(5 * time.Second)
		h.wantDay(omar, map[string]float64{"LoginTime": 25}) // a consultation
		h.wantDay(dana, map[string]float64{"ChatsOffered": 1, "ChatsAccepted": 1, "CurrentChats": 1, "LoginTime": 125, "ReadyTime": 25})
		do(dana, handled, chat.Complete{})

		rejected := come()
		do(dana, rejected, chat.Reject{})
		gone(rejected)
		missed := come()
		pass(31 * time.Second)
		gone(missed)
		revoked := come() // offered to her, and gone before she could answer
		gone(revoked)
		h.do(h.SetState(ctx, dana, agent.Chat, agent.OpNotReady, nil))
		h.do(h.SetState(ctx, dana, agent.Chat, agent.OpReady, nil))

		passed := come()
		do(dana, passed, chat.Accept{})
		pass(40 * time.Second)
		do(dana, passed, chat.Transfer{UserID: omar})
		do(omar, passed, chat.Accept{})
		pass(6500 * time.Millisecond)
		do(omar, passed, chat.Complete{})
		aside := come()
		do(dana, aside, chat.Accept{})
		pass(30 * time.Second)
		do(dana, aside, chat.Leave{})
		h.do(h.PutAside(ctx, dana, aside.ChatID, chat.AddChat{Workbin: team}, nil))
		pulled := func(user string) {
			h.do(h.Pull(ctx, user, aside.ChatID, chat.PullChat{Workbin: team}, nil))
			pass(10 * time.Second)
		}
		pulled(omar) // it is in dana's figures already
		day := map[string]float64{
			"AverageHandlingTime": 30 /* of 20, 40 and 30 s */, "ChatsOffered": 6, "ChatsAccepted": 3, "ChatsRejected": 1, "ChatsMissed": 1, "ChatsHandled": 3, "ChatsTransferred": 1,
			"LoginTime": 242, "ReadyTime": 142,
		}
		h.wantDay(dana, day)
		omars := map[string]float64{
			"AverageHandlingTime": 6.5, "ChatsOffered": 1, "ChatsAccepted": 1, "ChatsHandled": 1, "CurrentChats": 1, "LoginTime": 142,
		}
		h.wantDay(omar, omars)
		do(omar, aside, chat.Complete{})

		h.stop()
		h = open(t, folder, tune)
		delete(omars, "CurrentChats")
		h.wantDay(omar, omars)
		h.wantDay(dana, day)
		late := come()
		do(dana, late, chat.Accept{})
		pass(2 * time.Hour) // midnight has gone by, and her customer too
		began := time.Date(2000, 1, 1, 2, 0, 0, 0, time.UTC)
		today := float64(time.Since(began) / time.Second)
		h.wantDay(omar, map[string]float64{"LoginTime": today})
		do(dana, late, chat.Complete{})
		h.do(h.LogOut(ctx, dana, nil))
		pass(time.Minute)
		h.wantDay(dana, map[string]float64{"AverageHandlingTime": 7200, "ChatsHandled": 1, "LoginTime": today, "ReadyTime": today})
	})
}

// Statistics cost no commits and change no rows: what an agent only says leaves her row alone, and what it is changed for changes it once (agent-api 6.4).
func TestStatisticsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		version := func() int64 {
			rows, err := h.store.Agents(t.Context(), dana)
			if err != nil {
				t.Fatal(err)
			}
			return rows[0].Version
		}
		for _, step := range []struct {
			action chat.Action
			writes int64
		}{
			{chat.Accept{}, 1},
			{chat.SendMessage{Text: "Hello"}, 0},
			{chat.SendStartTypingNotification{}, 0},
			{chat.SetInFocus{}, 0},
			{chat.SetDisposition{Disposition: "x"}, 1}, // for the referenceId
			{chat.Leave{}, 1},
			{chat.Complete{}, 1},
		} {
			before := version()
			h.do(h.Operate(t.Context(), dana, cc.ChatID, step.action, nil))
			if got := version() - before; got != step.writes {
				t.Errorf("%s wrote her row %d times, want %d", step.action.Operation(), got, step.writes)
			}
		}
		before := version()
		h.wantDay(dana, map[string]float64{"ChatsOffered": 1, "ChatsAccepted": 1, "ChatsHandled": 1})
		if version() != before {
			t.Error("reading wrote her row")
		}
	})
}
