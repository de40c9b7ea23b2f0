package chat_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/chat"
)

// TestAskRows tells the stories of Consult and Invite through a queue (agent-api 4.9, 4.10).
func TestAskRows(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(*story){
		"4.9-consult-through-queue": func(s *story) {
			s.agent("dana", chat.Consult{Queue: "claims", Deadline: began.Add(time.Hour)})
			s.system(chat.Offer{UserID: "omar", Queue: "claims"})
			s.agent("omar", chat.Reject{})
			s.system(chat.Offer{UserID: "ines", Queue: "claims"})
			s.system(chat.EndOffer{UserID: "ines", OfferSeq: s.state.Seq, Reason: chat.OfferTimedOut})
			s.system(chat.Offer{UserID: "gil", Queue: "claims"})
			s.agent("gil", chat.Accept{})
		},
		"4.9-consult-through-queue-not-met": func(s *story) {
			s.agent("dana", chat.Consult{Queue: "claims"})
			s.system(chat.Offer{UserID: "omar"})
			s.system(chat.AskTimeout{Seq: s.state.Asking.Seq})
			s.agent("omar", chat.Accept{})
		},
		"4.9-consult-through-queue-customer-leaves": func(s *story) {
			s.agent("dana", chat.Consult{Queue: "claims"})
			s.system(chat.Offer{UserID: "omar"})
			s.pat(chat.Disconnect{})
		},
		"4.9-consult-through-queue-asker-leaves": func(s *story) {
			s.agent("dana", chat.Consult{Queue: "claims"})
			s.system(chat.Offer{UserID: "omar"})
			s.agent("dana", chat.Leave{})
		},
		"4.9-consult-through-queue-asker-completes": func(s *story) {
			s.agent("dana", chat.Consult{Queue: "claims"})
			s.system(chat.Offer{UserID: "omar"})
			s.agent("dana", chat.Complete{})
		},
		"4.10-invite-through-queue": func(s *story) {
			s.agent("dana", chat.Invite{Queue: "claims"})
			s.system(chat.Offer{UserID: "omar"})
			s.agent("omar", chat.Accept{})
		},
		"4.10-invite-through-queue-while-chat-is-queued": func(s *story) {
			s.agent("dana", chat.Invite{UserID: "omar"})
			s.agent("omar", chat.Accept{})
			s.given()
			s.agent("omar", chat.Invite{Queue: "claims"})
			s.system(chat.Offer{UserID: "ines"})
			s.agent("dana", chat.Transfer{Queue: "parcels"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withDana(t)
			tell(s)
			s.golden(name)
		})
	}
}

// TestOneAskAtATime: a second wish for a colleague is refused with 2, and so is one while the chat waits in a queue itself (agent-api 4.9, 4.10).
func TestOneAskAtATime(t *testing.T) {
	t.Parallel()
	wishes := []chat.Action{chat.Consult{Queue: "claims"}, chat.Invite{Queue: "claims"}}
	for _, first := range wishes {
		for _, second := range wishes {
			s := withDana(t)
			must(t, s.agent("dana", first))
			if got := kindOf(s.agent("dana", second)); got != "state" {
				t.Errorf("%s after %s: %s", second.Operation(), first.Operation(), got)
			}
			must(t, s.system(chat.Offer{UserID: "omar"}))
			if got := kindOf(s.agent("dana", second)); got != "state" {
				t.Errorf("%s while Omar is asked: %s", second.Operation(), got)
			}
			must(t, s.agent("omar", chat.Accept{}))
			if got := kindOf(s.agent("dana", second)); got != "ok" {
				t.Errorf("%s when Omar has come: %s", second.Operation(), got)
			}
		}
		queued := conference(t)
		must(t, queued.agent("dana", chat.Transfer{Queue: "parcels"}))
		if got := kindOf(queued.agent("omar", first)); got != "state" {
			t.Errorf("%s while the chat waits: %s", first.Operation(), got)
		}
	}
}

// TestOffersToAsk: of agents who are in nobody is asked, never two at once, and nobody of a queue that is no longer meant.
func TestOffersToAsk(t *testing.T) {
	t.Parallel()
	s := conference(t)
	offer := func(user, queue string) string { return kindOf(s.system(chat.Offer{UserID: user, Queue: queue})) }
	if got := offer("ines", ""); got != "state" {
		t.Errorf("an offer that nobody wants: %s", got)
	}
	must(t, s.agent("dana", chat.Consult{Queue: "claims"}))
	for user, queue := range map[string]string{"dana": "claims", "omar": "claims", "ines": "parcels"} {
		if got := offer(user, queue); got != "state" {
			t.Errorf("offered to %s through %s: %s", user, queue, got)
		}
	}
	first := s.state.Asking.Seq
	if got := offer("ines", "claims"); got != "ok" {
		t.Errorf("offered to ines: %s", got)
	}
	if got := offer("gil", "claims"); got != "state" {
		t.Errorf("offered to a second one: %s", got)
	}
	must(t, s.agent("ines", chat.Accept{}))
	must(t, s.agent("dana", chat.Consult{Queue: "claims"}))
	must(t, s.system(chat.AskTimeout{Seq: first})) // of the wish before
	if s.state.Asking == nil {
		t.Error("the time of one wish ended another")
	}
}

// TestB9TransfersInALoop: a chat that is handed on and on while no agent writes to its customer stays with whoever has it; nobody is lost, and a text that
// only says good-bye does not count (faults B9).
func TestB9TransfersInALoop(t *testing.T) {
	t.Parallel()
	bye := chat.Farewell{Text: "One moment please"}
	next := map[string]string{"dana": "omar", "omar": "dana"}
	for name, hand := range map[string]func(to string) chat.Action{
		"to an agent":     func(to string) chat.Action { return chat.Transfer{UserID: to, Farewell: bye} },
		"to a queue":      func(string) chat.Action { return chat.Transfer{Queue: "claims", Farewell: bye} },
		"by Complete":     func(string) chat.Action { return chat.Complete{Queue: "claims", Farewell: bye} },
		"in several ways": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, has := withDana(t), "dana"
			loop := func() (done int) {
				for i := range 50 {
					to := next[has]
					var action chat.Action
					switch {
					case hand != nil:
						action = hand(to)
					case i%2 == 0:
						action = chat.Transfer{UserID: to}
					default:
						action = chat.Transfer{Queue: "claims"}
					}
					if got := kindOf(s.agent(has, action)); got != "ok" {
						if got != "state" {
							t.Errorf("transfer %d: %s", i+1, got)
						}
						continue
					}
					if s.state.Waiting != nil {
						must(t, s.system(chat.Offer{UserID: to}))
					}
					must(t, s.pat(chat.Say{Text: "Hello?"}))
					must(t, s.agent(to, chat.Accept{}))
					has = to
					done++
				}
				return done
			}
			for range 2 {
				if done := loop(); done != chat.MaxHandovers {
					t.Errorf("handed on %d times of 50", done)
				}
				if _, in := s.state.Customer(); !in || s.state.Seats[has].State != chat.Chatting || s.state.Phase != chat.Active {
					t.Errorf("customer in: %v, %s is %s", in, has, s.state.Seats[has].State)
				}
				must(t, s.agent(has, chat.SendMessage{Text: "I am with you now"}))
			}
		})
	}
}

// TestB10EndStates: how a chat with a consultation ends, whoever goes first. In the end nobody has it, nobody waits, and the log is closed (faults B10).
func TestB10EndStates(t *testing.T) {
	t.Parallel()
	dana := func(a chat.Action) func(*story) error { return func(s *story) error { return s.agent("dana", a) } }
	omar := func(a chat.Action) func(*story) error { return func(s *story) error { return s.agent("omar", a) } }
	pat := func(s *story) error { return s.pat(chat.Disconnect{}) }
	asked := func(t *testing.T) *story {
		s := withDana(t)
		must(t, s.agent("dana", chat.Consult{Queue: "claims"}))
		return s
	}
	rings := func(t *testing.T) *story {
		s := asked(t)
		must(t, s.system(chat.Offer{UserID: "omar"}))
		return s
	}
	tests := []struct {
		name  string
		begin func(*testing.T) *story
		steps []func(*story) error
		ends  string // how every step ends: what it is answered, and the states of dana and omar
	}{
		{
			"both leave, the owner first", consultation,
			[]func(*story) error{dana(chat.Leave{}), omar(chat.Leave{}), dana(chat.Complete{})},
			"ok LeftChat -, not found LeftChat -, ok - -",
		},
		{
			"both leave, the consulted one first", consultation,
			[]func(*story) error{omar(chat.Leave{}), dana(chat.Leave{}), dana(chat.Complete{})},
			"ok Chatting -, ok LeftChat -, ok - -",
		},
		{
			"the consulted one completes first", consultation,
			[]func(*story) error{omar(chat.Complete{}), dana(chat.Complete{})},
			"not allowed Chatting Chatting, ok - -",
		},
		{
			"the consulted one completes when the owner has gone", consultation,
			[]func(*story) error{dana(chat.Leave{}), omar(chat.Complete{}), dana(chat.Complete{})},
			"ok LeftChat -, not found LeftChat -, ok - -",
		},
		{
			"the customer leaves, then the owner completes", consultation,
			[]func(*story) error{pat, dana(chat.Complete{})},
			"ok Chatting Chatting, ok - -",
		},
		{
			"the customer leaves, then both leave", consultation,
			[]func(*story) error{pat, omar(chat.Leave{}), dana(chat.Leave{}), dana(chat.Complete{})},
			"ok Chatting Chatting, ok Chatting -, ok LeftChat -, ok - -",
		},
		{
			"the customer leaves, then the owner", consultation,
			[]func(*story) error{pat, dana(chat.Leave{}), dana(chat.Complete{})},
			"ok Chatting Chatting, ok LeftChat -, ok - -",
		},
		{
			"the customer leaves while it rings", standingInvited,
			[]func(*story) error{pat, omar(chat.Accept{}), dana(chat.Complete{})},
			"ok Chatting -, not found Chatting -, ok - -",
		},
		{
			"the customer leaves while a colleague is sought", asked,
			[]func(*story) error{pat, dana(chat.Leave{}), dana(chat.Complete{})},
			"ok Chatting -, ok LeftChat -, ok - -",
		},
		{
			"the customer leaves while a colleague from the queue is asked", rings,
			[]func(*story) error{pat, omar(chat.Accept{}), dana(chat.Complete{})},
			"ok Chatting -, not found Chatting -, ok - -",
		},
		{
			"the owner leaves while a colleague from the queue is asked", rings,
			[]func(*story) error{dana(chat.Leave{}), omar(chat.Accept{}), dana(chat.Complete{})},
			"ok LeftChat -, not found LeftChat -, ok - -",
		},
		{
			"the owner logs out", consultation,
			[]func(*story) error{
				func(s *story) error { return s.system(chat.DropAgent{UserID: "dana"}) }, omar(chat.Leave{}), pat,
			},
			"ok - -, not found - -, ok - -",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.begin(t)
			state := func(user string) string {
				if v := s.state.View(user).State; v != "" {
					return string(v)
				}
				return "-"
			}
			got := ""
			for i, step := range tt.steps {
				if i > 0 {
					got += ", "
				}
				got += fmt.Sprint(kindOf(step(s)), " ", state("dana"), " ", state("omar"))
			}
			if got != tt.ends {
				t.Errorf("ends %s\nwant %s", got, tt.ends)
			}
			place, sought := s.state.Sought()
			if s.state.Phase != chat.Finished || len(s.state.Seats) > 0 || s.state.Asking != nil || sought {
				t.Errorf("an orphan: phase %s, seats %v, asking %v, place %v", s.state.Phase, s.state.Seats, s.state.Asking, place)
			}
		})
	}
}

func standingInvited(t *testing.T) *story {
	t.Helper()
	return standing(t, "invited to consult")
}
