package desk_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
)

// withDana is a house in which Dana has Pat's chat, and is ready for more.
func withDana(t *testing.T, folder string) (*house, desk.CustomerChat) {
	t.Helper()
	h := open(t, folder, nil)
	h.ready(dana)
	cc := h.customer("Pat")
	synctest.Wait()
	h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Accept{}, nil))
	return h, cc
}

// stay lets time pass while the customer polls.
func (h *house) stay(cc desk.CustomerChat, d time.Duration) {
	h.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if _, err := h.Customer(h.t.Context(), caller(cc)); err != nil {
			h.t.Fatal(err)
		}
		pass(min(10*time.Second, time.Until(end)))
	}
}

// wantNothingLeft says that no chat waits, that nothing is to happen, and that nobody holds anything.
func (h *house) wantNothingLeft() {
	h.t.Helper()
	work, err := h.store.Waiting(h.t.Context())
	timers, _, err2 := h.store.DueTimers(h.t.Context(), time.Now().Add(24*time.Hour), 0)
	agents, err3 := h.Agents(h.t.Context())
	if err := errors.Join(err, err2, err3); err != nil {
		h.t.Fatal(err)
	}
	if len(work)+len(timers) > 0 {
		h.t.Errorf("waiting %+v, timers %+v", work, timers)
	}
	for id, s := range agents {
		if len(s.Holds) > 0 {
			h.t.Errorf("%s holds %+v", id, s.Holds)
		}
	}
}

// Consult and Invite through a queue ask one ready agent of it after the other, never who is in the chat, until one has accepted (agent-api 4.9, 4.10).
func TestAskThroughQueue(t *testing.T) {
	for name, wish := range map[string]chat.Action{"Consult": chat.Consult{Queue: support}, "Invite": chat.Invite{Queue: support}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, cc := withDana(t, t.TempDir())
				h.do(h.Operate(t.Context(), dana, cc.ChatID, wish, nil))
				synctest.Wait()
				told := len(h.told(dana))
				h.ready(omar)
				synctest.Wait()
				if got := h.sees(omar, cc); got != chat.Invited {
					t.Fatalf("omar sees %q", got)
				}
				h.do(h.Operate(t.Context(), omar, cc.ChatID, chat.Reject{}, nil))
				h.ready(lena)
				synctest.Wait()
				if a, b := h.sees(omar, cc), h.sees(lena, cc); a != "" || b != chat.Invited {
					t.Fatalf("when omar has declined he sees %q, lena %q", a, b)
				}
				h.stay(cc, 32*time.Second) // lena does not answer
				if a, b := h.sees(omar, cc), h.sees(lena, cc); a != "" || b != "" {
					t.Fatalf("omar sees %q, lena %q, and both have declined", a, b)
				}
				h.stay(cc, 32*time.Second) // omar's minute is over
				h.do(h.Operate(t.Context(), omar, cc.ChatID, chat.Accept{}, nil))
				synctest.Wait()
				if got := h.told(dana)[told:]; !slices.Equal(got, []string{"ParticipantsUpdated Chatting", "NewMessages ParticipantJoined"}) {
					t.Errorf("dana was told %q", got)
				}
				if s, err := h.Agent(t.Context(), omar); err != nil || s.Load() != map[string]int{"Consult": 0, "Invite": 1}[name] {
					t.Errorf("omar's load is %d, %v", s.Load(), err)
				}
				h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Complete{}, nil))
				h.wantNothingLeft()
			})
		})
	}
}

// A wish for a colleague that nobody meets ends in time, with an Error to who had it; and not again after another one (agent-api 4.9).
func TestAskTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, cc := withDana(t, t.TempDir())
		asked := h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Consult{Queue: support}, nil))
		if asked.RefID == 0 {
			t.Error("no referenceId")
		}
		h.stay(cc, 119*time.Second)
		before := len(h.told(dana))
		h.stay(cc, 2*time.Second)
		if got := h.told(dana)[before:]; !slices.Equal(got, []string{"Error Chatting"}) {
			t.Errorf("after two minutes dana was told %q", got)
		}
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Invite{Queue: support}, nil))
		h.ready(omar)
		synctest.Wait()
		if got := h.sees(omar, cc); got != chat.Invited {
			t.Errorf("the next time omar sees %q", got)
		}
	})
}

// A wish for a colleague outlives the server, with who is asked, and no time passes for it meanwhile (agent-api 4.9).
func TestAskOutlivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		h, cc := withDana(t, folder)
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Consult{Queue: support}, nil))
		restart := func() {
			h.stop()
			pass(time.Hour)
			h = open(t, folder, nil)
			synctest.Wait()
		}
		restart()
		h.stay(cc, 100*time.Second)
		h.ready(omar)
		synctest.Wait()
		if got := h.sees(omar, cc); got != chat.Invited {
			t.Fatalf("after a restart omar sees %q", got)
		}
		restart()
		if got := h.sees(omar, cc); got != chat.Invited {
			t.Fatalf("after another one omar sees %q", got)
		}
		told := h.told(dana)
		if strings.Contains(strings.Join(told, "\n"), "Error") {
			t.Errorf("dana was told %q", told)
		}
		h.do(h.Operate(t.Context(), omar, cc.ChatID, chat.Accept{}, nil))
		if got := h.told(dana)[len(told):]; !slices.Equal(got, []string{"ParticipantsUpdated Chatting", "NewMessages ParticipantJoined"}) {
			t.Errorf("dana was told %q", got)
		}
	})
}

// When the asker, her customer or her colleague goes, nothing is left over: no work, no timer, no hold (faults B10).
func TestB10NothingIsLeftOver(t *testing.T) {
	for name, end := range map[string]func(h *house, cc desk.CustomerChat){
		"the customer leaves": func(h *house, cc desk.CustomerChat) {
			if _, err := h.CustomerDo(h.t.Context(), caller(cc), chat.Disconnect{}, nil); err != nil {
				h.t.Fatal(err)
			}
			h.do(h.Operate(h.t.Context(), dana, cc.ChatID, chat.Complete{}, nil))
		},
		"the customer is lost, then the asker logs out": func(h *house, _ desk.CustomerChat) {
			pass(time.Minute)
			h.do(h.LogOut(h.t.Context(), dana, nil))
		},
		"the asker leaves": func(h *house, cc desk.CustomerChat) {
			h.do(h.Operate(h.t.Context(), dana, cc.ChatID, chat.Leave{}, nil))
			h.do(h.Operate(h.t.Context(), dana, cc.ChatID, chat.Complete{}, nil))
		},
		"both log out, and the customer leaves": func(h *house, cc desk.CustomerChat) {
			h.do(h.LogOut(h.t.Context(), omar, nil))
			h.do(h.LogOut(h.t.Context(), dana, nil))
			if _, err := h.CustomerDo(h.t.Context(), caller(cc), chat.Disconnect{}, nil); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		for _, asked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h, cc := withDana(t, t.TempDir())
					h.do(h.LogIn(t.Context(), omar, []string{agent.Chat}, nil))
					h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Consult{Queue: support}, nil))
					if asked {
						h.ready(omar)
						synctest.Wait()
						if got := h.sees(omar, cc); got != chat.Invited {
							t.Fatalf("omar sees %q", got)
						}
					}
					end(h, cc)
					pass(5 * time.Minute)
					h.wantNothingLeft()
				})
			})
		}
	}
}

// A queue that nobody serves takes no chat: it would never come out again. One that nobody is ready in does (faults B9).
func TestB9QueueNobodyServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, cc := withDana(t, t.TempDir())
		for _, a := range []chat.Action{chat.Transfer{Queue: attic}, chat.Complete{Queue: attic}, chat.Consult{Queue: attic}, chat.Invite{Queue: attic}} {
			_, err := h.Operate(t.Context(), dana, cc.ChatID, a, nil)
			if !errors.Is(err, chat.ErrState) || !strings.Contains(err.Error(), "serves") {
				t.Errorf("%s: %v", a.Operation(), err)
			}
			if got := h.sees(dana, cc); got != chat.Chatting {
				t.Fatalf("%s: dana sees %q", a.Operation(), got)
			}
		}
		h.do(h.SetState(t.Context(), dana, agent.Chat, agent.OpNotReady, nil))
		h.do(h.Operate(t.Context(), dana, cc.ChatID, chat.Transfer{Queue: support}, nil))
		h.stay(cc, time.Minute)
		h.ready(omar)
		synctest.Wait()
		if got := h.sees(omar, cc); got != chat.Invited {
			t.Errorf("omar sees %q", got)
		}
	})
}
