package desk_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// A desk that resigns gives up its lease at once and offers nothing more; what people do goes on, and timers too (architecture, Stop).
func TestResign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.ready(dana)
		first := h.customer("Ann")
		synctest.Wait()
		for range 2 {
			h.Resign(t.Context())
		}
		if ok, err := h.store.Lease(t.Context(), "dispatcher", "another node", time.Now(), time.Second); !ok || err != nil {
			t.Errorf("another node gets the lease: %t, %v", ok, err)
		}
		second := h.customer("Bo")
		h.do(h.Operate(t.Context(), dana, first.ChatID, chat.Accept{}, nil))
		pass(10 * time.Second)
		if a, b := h.sees(dana, first), h.sees(dana, second); a != chat.Chatting || b != "" {
			t.Errorf("dana sees %q, %q", a, b)
		}
		h.stop()
		h = open(t, folder, nil)
		pass(time.Second)
		if got := h.sees(dana, second); got != chat.Invited {
			t.Errorf("after the next start dana sees %q", got)
		}
	})
}

// After a restart everything is where it was, and time in which no server ran is nobody's absence.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.ready(dana)
		var came []desk.CustomerChat
		for _, name := range []string{"Ann", "Bo", "Cy"} { // one after the other: who comes at the same moment has no turn
			came = append(came, h.customer(name))
			synctest.Wait()
		}
		held, offered, waits := came[0], came[1], came[2]
		h.do(h.Operate(t.Context(), dana, held.ChatID, chat.Accept{}, nil))
		h.stop()
		pass(time.Hour)
		h = open(t, folder, nil)
		synctest.Wait()
		if a, b, c := h.sees(dana, held), h.sees(dana, offered), h.sees(dana, waits); a != chat.Chatting || b != chat.Invited || c != "" {
			t.Errorf("dana sees %q, %q, %q", a, b, c)
		}
		pass(29 * time.Second)
		if got := h.sees(dana, offered); got != chat.Invited {
			t.Errorf("29 s after the start the offer is %q", got)
		}
		for _, cc := range []desk.CustomerChat{held, offered, waits} {
			if got, err := h.Customer(t.Context(), caller(cc)); err != nil || got.Ended {
				t.Errorf("a customer after the restart: ended %v, %v", got.Ended, err)
			}
		}
		pass(3 * time.Second)
		if a, b := h.sees(dana, offered), h.sees(dana, waits); a != "" || b != chat.Invited {
			t.Errorf("32 s after the start dana sees %q, %q", a, b)
		}
	})
}

// A node that was killed while it held the dispatcher's lease offers again as soon as it is back, not when the lease has run out.
func TestOffersAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.ready(dana)
		h.stop()
		db, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := db.Lease(t.Context(), "dispatcher", "1", time.Now(), 5*time.Second); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		h = open(t, folder, nil)
		cc := h.customer("Pat")
		synctest.Wait()
		if got := h.sees(dana, cc); got != chat.Invited {
			t.Errorf("dana sees %q", got)
		}
	})
}

// A log-out that a crash interrupted is finished at the next start.
func TestInterruptedLogOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		rows, err := h.store.Agents(t.Context(), dana)
		if err != nil {
			t.Fatal(err)
		}
		rows[0].State.Leaving = true // as far as it had come
		if _, err := h.store.Commit(t.Context(), store.Batch{Agents: rows}); err != nil {
			t.Fatal(err)
		}
		h.stop()
		h = open(t, folder, nil)
		synctest.Wait()
		if got := h.sees(dana, cc); got != "" {
			t.Errorf("dana sees %q", got)
		}
		s, err := h.Agent(t.Context(), dana)
		if err != nil || s.LoggedIn() || s.Leaving {
			t.Errorf("dana: %+v, %v", s, err)
		}
	})
}

// Who is no longer in the directory at a start can end nothing any more: she is logged out, and her chats go on without her (agent-api 2.6).
func TestRemovedUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h := open(t, folder, nil)
		h.ready(dana)
		cc := h.customer("Pat")
		synctest.Wait()
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil))
		h.ready(omar)
		h.stop()
		db, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		h = openFor(t, db, nil, "omar", "lena")
		synctest.Wait()
		if s, err := h.Agent(t.Context(), dana); err != nil || s.LoggedIn() || len(s.Holds) != 0 {
			t.Errorf("dana: %+v, %v", s, err)
		}
		if got := h.sees(omar, cc); got != chat.Invited {
			t.Errorf("omar sees %q", got)
		}
	})
}
