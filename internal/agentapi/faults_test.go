package agentapi

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/halley-chat/halley/internal/chat"
)

// TestB9HandedRound: a chat that queues pass on to each other goes round ten times without a text to its customer, and not once more (B9). Who writes to her may
// hand it on again.
func TestB9HandedRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, then(talking, omarReady))
		path := "/api/v2/me/chats/" + s.pat.chatID
		hands := func(round int) (from *player, r reply) {
			who, queue := "dana", "billing"
			if round%2 == 1 {
				who, queue = "omar", "support"
			}
			from = s.agents[who]
			return from, from.post(path, `{"operationName":"Transfer","queueName":"`+queue+`"}`)
		}
		for round := range chat.MaxHandovers {
			if _, r := hands(round); r.code() != "0" {
				t.Fatalf("round %d: %s", round, r.body)
			}
			synctest.Wait()
			next := s.agents[[]string{"omar", "dana"}[round%2]]
			next.ok(path, accepting)
		}
		synctest.Wait()
		s.hush()
		before := s.look()
		from, r := hands(chat.MaxHandovers)
		if r.code() != "2" || r.status != 400 || !strings.Contains(r.message(), "write to her first") {
			t.Errorf("once more: %d %s", r.status, r.body)
		}
		if r := from.post(path, `{"operationName":"Complete","queueName":"billing"}`); r.code() != "2" {
			t.Errorf("by another way: %s", r.body)
		}
		s.unchanged(before, "the eleventh transfer")
		from.ok(path, `{"operationName":"SendMessage","text":"Sorry, Pat"}`)
		if _, r := hands(chat.MaxHandovers); r.code() != "0" {
			t.Errorf("after a text: %s", r.body)
		}
	})
}

// TestListenerIsUnknown: who names a supervisor that listens gets the answers that she would get if the supervisor were not there: in the chat, and to the letter
// (agent-api 4.11, 5.2.3, 6.8).
func TestListenerIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, given := range [][]string{supervised("Monitor"), intrudes(talking, "Monitor"), intrudes(talking, "BargeIn")} {
			for _, also := range []string{``, `dana: Consult {"targetPath":"/users/<omar>"}`} {
				given := given
				if also != "" {
					given = then(given, also, "omar: Accept")
				}
				s := setUp(t, given)
				before := s.look()
				dana, path := s.agents["dana"], "/api/v2/me/chats/"+s.pat.chatID
				for _, operation := range []string{"Transfer", "Consult", "Invite", "RemoveParticipantFromConference"} {
					hers := dana.post(path, s.real(`{"operationName":"`+operation+`","targetPath":"/users/<ines>"}`))
					offline := dana.post(path, s.real(`{"operationName":"`+operation+`","targetPath":"/users/<guest>"}`))
					if hers.body != offline.body || hers.status != offline.status || hers.code() == "0" {
						t.Errorf("%v: %s: %d %s, of one who is not there: %d %s", given, operation, hers.status, hers.body, offline.status, offline.body)
					}
				}
				s.unchanged(before, "to ask for a listener")
				if r := dana.get(path); strings.Contains(r.body, s.real("<ines>")) {
					t.Errorf("she is shown: %s", r.body)
				}
				if r := dana.get(path + "/messages"); strings.Contains(r.body, s.real("<ines>")) {
					t.Errorf("she is in the transcript: %s", r.body)
				}
			}
		}
	})
}

// TestB12Dispositions: the value is not checked against a list, a chat may be completed without one, and after that it is too late (B12, agent-api 4.7, 6.4).
func TestB12Dispositions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, talking)
		dana, path := s.agents["dana"], "/api/v2/me/chats/"+s.pat.chatID
		dana.ok(path, `{"operationName":"SetDisposition","disposition":"a code that nobody has defined"}`)
		if data := at[map[string]string](t, dana.get(path), "chat", "userData"); data["DispositionCode"] != "a code that nobody has defined" {
			t.Errorf("user data: %v", data)
		}
		dana.ok(path, `{"operationName":"DeleteUserData","keys":["DispositionCode"]}`)
		dana.ok(path, `{"operationName":"Leave"}`)
		dana.ok(path, `{"operationName":"SetDisposition","disposition":"refunded"}`) // while she wraps up
		dana.ok(path, `{"operationName":"DeleteUserData","keys":["DispositionCode"]}`)
		dana.ok(path, `{"operationName":"Complete"}`)
		synctest.Wait()
		s.hush()
		before := s.look()
		if r := dana.post(path, `{"operationName":"SetDisposition","disposition":"refunded"}`); r.code() != "6" || r.status != 404 {
			t.Errorf("after Complete: %d %s", r.status, r.body)
		}
		s.unchanged(before, "a late disposition")
	})
}

// TestC5Ghosts: customers who come and go at once leave nothing behind at an agent's: each ring ends with Revoked, she has room again, and nothing waits (C5).
func TestC5Ghosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, []string{danaReady})
		const customers = 100
		for i := range customers {
			cc := s.arrive()
			if i%2 == 0 {
				synctest.Wait() // it rings, or she is faster
			}
			if err := s.leaves(cc); err != nil {
				t.Fatal(err)
			}
			s.pat.chatID = cc.ChatID
		}
		synctest.Wait()
		rings, ends := 0, 0
		for _, m := range s.agents["dana"].news() {
			switch short := shorthand(t, m); short {
			case "SC(Invited)":
				rings++
			case "SC(Revoked)":
				ends++
			default:
				t.Errorf("she is told %s", short)
			}
		}
		if rings != ends || rings < customers/2 || rings > customers {
			t.Errorf("%d rings, %d ends of %d customers", rings, ends, customers)
		}
		w := s.look()
		for _, a := range w.Agents {
			if len(a.State.Holds) > 0 || a.State.Load() > 0 {
				t.Errorf("somebody holds %v", a.State.Holds)
			}
		}
		if len(w.Waiting) > 0 || len(w.Events) == 0 || w.Chat.Phase != chat.Finished {
			t.Errorf("waiting: %v; the last of them: %+v", w.Waiting, w.Chat)
		}
		for _, timer := range w.Timers {
			if timer.Kind == "offer" || timer.Kind == "customer" {
				t.Errorf("left over: %s", fmt.Sprint(timer))
			}
		}
		s.arrive()
		synctest.Wait()
		if got := at[[]chatResource](t, s.agents["dana"].get("/api/v2/me/chats?fields=*"), "chats"); len(got) != 1 || got[0].State != chat.Invited {
			t.Errorf("who comes then does not ring: %+v", got)
		}
	})
}

// TestReach checks whom colleagues can hand chats to (agent-api 4.0, 4.8, 6.3, B9): who is logged in to chat, Ready or not, and not on do-not-disturb, and for all
// but a consultation has room; consultations take none.
func TestReach(t *testing.T) {
	t.Parallel()
	omars := []string{`dana: Transfer {"targetPath":"/users/<omar>"}`, "omar: Accept"} // the first chat is Omar's now
	consulted := []string{`dana: Consult {"targetPath":"/users/<omar>"}`, "omar: Accept"}
	for name, c := range map[string]struct {
		given    []string // of the first chat; the second one is Dana's
		second   bool     // Omar is consulted in that
		capacity int
		codes    string // Transfer, Consult, Invite
		says     string
	}{
		"NotReady":              {talking, false, 1, "000", ""},
		"Ready":                 {then(talking, omarReady), false, 1, "000", ""},
		"at lunch":              {then(talking, `omar: POST /me/channels/chat {"operationName":"Lunch"}`), false, 1, "000", ""},
		"not to be disturbed":   {then(talking, omarReady, `omar: POST /me/channels/chat {"operationName":"DoNotDisturbOn"}`), false, 1, "222", "not available on chat"},
		"offline":               {then(talking, `ines: POST /users/<omar>/channels/chat {"operationName":"Offline"}`), false, 1, "222", "not available on chat"},
		"full":                  {then(talking, omars...), false, 1, "202", "no room"},
		"full, by an offer":     {then(talking, omars[0]), false, 1, "202", "no room"},
		"full, in wrap-up":      {then(then(talking, omars...), "omar: Leave"), false, 1, "202", "no room"},
		"finished":              {then(then(talking, omars...), "omar: Complete"), false, 1, "000", ""},
		"one of two":            {then(talking, omars...), false, 2, "000", ""},
		"consulted elsewhere":   {then(talking, consulted...), false, 1, "000", ""},
		"in a conference":       {conferring, false, 1, "202", "no room"},
		"consulted here, full":  {then(talking, omars...), true, 1, "222", "room"}, // she has him in already, but not as one who counts
		"consulted here, alone": {talking, true, 1, "020", "in the chat already"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, operation := range []string{"Transfer", "Consult", "Invite"} {
				synctest.Test(t, func(t *testing.T) {
					s := setUp(t, c.given)
					s.Directory.User(s.real("<omar>")).Capacity = c.capacity
					dana := s.agents["dana"]
					s.pat.chatID = s.arrive().ChatID
					synctest.Wait()
					path := dana.accepted(s.pat.chatID)
					asks := func(operation string) reply {
						return dana.post(path, s.real(`{"operationName":"`+operation+`","targetPath":"/users/<omar>"}`))
					}
					if c.second {
						asks("Consult")
						s.agents["omar"].ok(path, accepting)
					}
					synctest.Wait()
					s.hush()
					before := s.look()
					r := asks(operation)
					if code := c.codes[i : i+1]; r.code() != code || r.status != httpStatus[code] {
						t.Errorf("%s: %d %s, want %s", operation, r.status, r.body, code)
					}
					if r.code() == "2" {
						s.unchanged(before, operation)
						if !strings.Contains(r.message(), c.says) && operation != "Consult" {
							t.Errorf("%s: %s, want %q", operation, r.body, c.says)
						}
					}
				})
			}
		})
	}
}
