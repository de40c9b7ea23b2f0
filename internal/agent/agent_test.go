package agent_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/halley-chat/halley/internal/agent"
)

var (
	t0     = time.Date(2026, 3, 11, 8, 0, 0, 0, time.UTC)
	lunch  = agent.Definition{ID: "L1", Operation: "Lunch", DisplayName: "Lunch break", State: agent.NotReadyState, Reason: "Lunch"}
	custom = []agent.Definition{lunch}
)

func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

// loggedIn is an agent who is logged in to chat and voice, not ready.
func loggedIn() agent.State {
	s, _ := agent.State{UserID: "dana"}.LogIn([]string{"chat", "voice"}, agent.NotReady, at(0))
	return s
}

// operated is s after operations in its chat channel, a minute apart.
func operated(t *testing.T, s agent.State, operations ...string) agent.State {
	t.Helper()
	for i, op := range operations {
		var err error
		if s, _, err = s.Operate("chat", op, custom, at(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestOperate checks the readiness operations (agent-api 5.3, 6.3).
func TestOperate(t *testing.T) {
	t.Parallel()
	onLunch := agent.UserState{ID: "L1", State: agent.NotReadyState, DisplayName: "Lunch break", Reason: "Lunch"}
	tests := []struct {
		name       string
		operations []string
		want       agent.Channel
		ready      bool
		reachable  bool
	}{
		{"logged in", nil, agent.Channel{UserState: agent.NotReady, Since: at(0)}, false, true},
		{"ready", []string{"Ready"}, agent.Channel{UserState: agent.Ready, Since: at(1)}, true, true},
		{"not ready", []string{"Ready", "NotReady"}, agent.Channel{UserState: agent.NotReady, Since: at(2)}, false, true},
		{"ready twice keeps the time", []string{"Ready", "Ready"}, agent.Channel{UserState: agent.Ready, Since: at(1)}, true, true},
		{"custom state", []string{"Ready", "Lunch"}, agent.Channel{UserState: onLunch, Since: at(2)}, false, true},
		{"undisturbed", []string{"Ready", "DoNotDisturbOn"}, agent.Channel{UserState: agent.Ready, DND: true, Since: at(1)}, false, false},
		{"disturbed again", []string{"Ready", "DoNotDisturbOn", "DoNotDisturbOff"}, agent.Channel{UserState: agent.Ready, Since: at(1)}, true, true},
		{"readiness leaves DND alone", []string{"DoNotDisturbOn", "Ready"}, agent.Channel{UserState: agent.Ready, DND: true, Since: at(2)}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := operated(t, loggedIn(), tt.operations...)
			tt.want.Medium = agent.Chat
			if got, ok := s.Channel(agent.Chat); !ok || got != tt.want {
				t.Errorf("channel %+v, want %+v", got, tt.want)
			}
			if s.Ready() != tt.ready || s.Reachable() != tt.reachable || !s.LoggedIn() {
				t.Errorf("ready %v, reachable %v, logged in %v", s.Ready(), s.Reachable(), s.LoggedIn())
			}
		})
	}
}

// TestOperateChanged: a change that changes nothing is reported all the same (5.3); without a medium all channels are meant (6.1).
func TestOperateChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		medium, operation string
		want              []string
	}{
		{"chat", "NotReady", []string{"chat"}},
		{"voice", "Ready", []string{"voice"}},
		{"", "Ready", []string{"chat", "voice"}},
		{"", "DoNotDisturbOff", []string{"chat", "voice"}},
	}
	for _, tt := range tests {
		_, changed, err := loggedIn().Operate(tt.medium, tt.operation, custom, at(1))
		var got []string
		for _, c := range changed {
			got = append(got, c.Medium)
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s in %q changed %v, %v; want %v", tt.operation, tt.medium, got, err, tt.want)
		}
	}
}

// TestOperateRefused: an unknown operation comes before an unknown channel, as in agent-api 4.0, and the message says what there is (fault B1).
func TestOperateRefused(t *testing.T) {
	t.Parallel()
	out, _ := loggedIn().LogOut(at(1))
	tests := []struct {
		name              string
		state             agent.State
		medium, operation string
		want              error
	}{
		{"wrong case", loggedIn(), "chat", "ready", agent.ErrUnknownOperation},
		{"empty", loggedIn(), "chat", "", agent.ErrUnknownOperation},
		{"other medium", loggedIn(), "email", "Ready", agent.ErrNotLoggedIn},
		{"never logged in", agent.State{}, "chat", "Ready", agent.ErrNotLoggedIn},
		{"never logged in, all media", agent.State{}, "", "Ready", agent.ErrNotLoggedIn},
		{"logged out", out, "chat", "Lunch", agent.ErrNotLoggedIn},
		{"logged out, unknown", out, "chat", "Dinner", agent.ErrUnknownOperation},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next, changed, err := tt.state.Operate(tt.medium, tt.operation, custom, at(2))
			if !errors.Is(err, tt.want) || len(changed) > 0 || !reflect.DeepEqual(next, tt.state) {
				t.Errorf("%v, changed %v", err, changed)
			}
		})
	}
	_, _, err := loggedIn().Operate("chat", "Dinner", custom, at(1))
	if want := `unknown operation "Dinner"; there are: Ready, NotReady, AfterCallWork, DoNotDisturbOn, DoNotDisturbOff, Lunch`; err.Error() != want {
		t.Errorf("message %q, want %q", err, want)
	}
}

// TestLogIn: a repeated log-in adds what is missing and leaves the rest alone (6.2).
func TestLogIn(t *testing.T) {
	t.Parallel()
	s, changed := agent.State{UserID: "dana"}.LogIn([]string{"chat"}, agent.NotReady, at(0))
	if len(changed) != 1 || changed[0] != (agent.Channel{Medium: "chat", UserState: agent.NotReady, Since: at(0)}) {
		t.Errorf("first: changed %v", changed)
	}
	if !s.LoggedInTo("chat") || s.LoggedInTo("voice") {
		t.Error("she is logged in to chat alone")
	}
	s = operated(t, s, "Ready")
	s, changed = s.LogIn([]string{"chat", "voice", "voice"}, agent.NotReady, at(5))
	if len(changed) != 1 || changed[0].Medium != "voice" || !s.Ready() {
		t.Errorf("second: changed %v, ready %v", changed, s.Ready())
	}
	if _, changed = s.LogIn([]string{"voice", "chat"}, agent.NotReady, at(6)); len(changed) != 0 {
		t.Errorf("third: changed %v", changed)
	}
}

// TestLogOut: every channel goes to LoggedOut, referenceIds begin anew (1.6, 6.2).
func TestLogOut(t *testing.T) {
	t.Parallel()
	s := operated(t, loggedIn(), "Ready", "DoNotDisturbOn")
	s, ref := s.NextRef()
	s, again := s.NextRef()
	if ref != 1 || again != 2 {
		t.Errorf("referenceIds %d, %d", ref, again)
	}
	s = s.Decline("c1", at(60))
	s, changed := s.LogOut(at(10))
	if len(changed) != 2 || changed[0] != (agent.Channel{Medium: "chat", UserState: agent.LoggedOut, Since: at(10)}) {
		t.Errorf("changed %v", changed)
	}
	if s.LoggedInTo("chat") || s.LoggedInTo("email") || s.LoggedIn() || s.Ready() || s.Reachable() || s.RefID != 0 || len(s.Declined) != 0 {
		t.Errorf("after log-out: %+v", s)
	}
	if _, changed = s.LogOut(at(11)); len(changed) != 0 {
		t.Errorf("second log-out changed %v", changed)
	}
	if s, changed = s.LogIn([]string{"chat"}, agent.Ready, at(12)); len(changed) != 1 || !s.Ready() || !s.IdleSince.Equal(at(12)) {
		t.Errorf("back again: changed %v, idle since %v", changed, s.IdleSince)
	}
}

// TestLeaving: nothing more comes to an agent while her chats are taken back (2.6), though she is still logged in.
func TestLeaving(t *testing.T) {
	t.Parallel()
	s := operated(t, loggedIn(), "Ready")
	s.Leaving = true
	if s.Ready() || s.Reachable() || !s.LoggedIn() {
		t.Errorf("ready %v, reachable %v, logged in %v", s.Ready(), s.Reachable(), s.LoggedIn())
	}
}

// TestHolds: the load is what counts against capacity (4.0), and the last chat to go makes her idle.
func TestHolds(t *testing.T) {
	t.Parallel()
	s := operated(t, loggedIn(), "Ready")
	s = s.Hold("c1", true, at(2)).Hold("c2", false, at(3)).Hold("c3", true, at(4))
	if s.Load() != 2 || len(s.Holds) != 3 {
		t.Errorf("load %d of %v", s.Load(), s.Holds)
	}
	s = s.Hold("c2", true, at(5))
	if s.Load() != 3 || len(s.Holds) != 3 {
		t.Errorf("after a consultation became a conference: load %d of %v", s.Load(), s.Holds)
	}
	s = s.Release("c1", at(6)).Release("c3", at(7)).Release("unknown", at(8))
	if !s.IdleSince.Equal(at(1)) {
		t.Errorf("still busy, but idle since %v", s.IdleSince)
	}
	if s = s.Release("c2", at(9)); !s.IdleSince.Equal(at(9)) || s.Load() != 0 {
		t.Errorf("idle since %v, load %d", s.IdleSince, s.Load())
	}
}

// TestDeclined: going Ready anew brings declined chats back; saying Ready while ready does not (architecture 7). What is over is forgotten.
func TestDeclined(t *testing.T) {
	t.Parallel()
	ready := operated(t, loggedIn(), "Ready").Decline("c1", at(30)).Decline("c2", at(3))
	if s := operated(t, ready, "Ready"); len(s.Declined) != 2 {
		t.Errorf("Ready while ready: %v", s.Declined)
	}
	if s := operated(t, ready, "NotReady", "Ready"); len(s.Declined) != 0 {
		t.Errorf("Ready anew: %v", s.Declined)
	}
	if s := operated(t, ready, "DoNotDisturbOn", "DoNotDisturbOff"); len(s.Declined) != 0 {
		t.Errorf("ready anew after DND: %v", s.Declined)
	}
	if s := ready.Hold("c3", true, at(3)); len(s.Declined) != 1 {
		t.Errorf("after a while: %v", s.Declined)
	}
	if s := ready.Hold("c3", true, at(4)).Release("c3", at(40)); s.Declined != nil {
		t.Errorf("much later: %v", s.Declined)
	}
}

// TestRandomDays: whatever an agent does, her state is sound, no earlier state is touched, and what is stored comes back the same.
func TestRandomDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := agent.State{UserID: "dana"}
		type moment struct {
			state agent.State
			look  string
		}
		var past []moment
		for n := range rapid.IntRange(1, 50).Draw(t, "steps") {
			now := at(n)
			chatID := rapid.SampledFrom([]string{"c1", "c2", "c3"}).Draw(t, "chat")
			refs := s.RefID
			was := s
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0:
				s, _ = s.LogIn([]string{"chat", "voice"}, agent.NotReady, now)
			case 1:
				s, _ = s.LogOut(now)
				refs = 0
			case 2, 3:
				op := rapid.SampledFrom([]string{"Ready", "NotReady", "Lunch", "DoNotDisturbOn", "DoNotDisturbOff", "Dinner"}).Draw(t, "operation")
				next, changed, err := s.Operate(rapid.SampledFrom([]string{"", "chat", "voice", "email"}).Draw(t, "medium"), op, custom, now)
				if err == nil == (len(changed) == 0) {
					t.Fatalf("%s: %v, changed %v", op, err, changed)
				}
				s = next
			case 4:
				s = s.Hold(chatID, rapid.Bool().Draw(t, "counts"), now)
			case 5:
				s = s.Release(chatID, now)
			case 6:
				s = s.Decline(chatID, now.Add(3*time.Minute))
			case 7:
				s, refs = s.NextRef()
			}
			if s.Ready() && !s.Reachable() || s.Reachable() && !s.LoggedIn() || s.RefID != refs {
				t.Fatalf("after %+v: %+v", was, s)
			}
			held := map[string]bool{}
			for _, h := range s.Holds {
				if held[h.ChatID] {
					t.Fatalf("holds %s twice", h.ChatID)
				}
				held[h.ChatID] = true
			}
			if s.Load() > len(s.Holds) {
				t.Fatalf("load %d of %d chats", s.Load(), len(s.Holds))
			}
			past = append(past, moment{s, fmt.Sprintf("%+v", s)})
		}
		for _, m := range past {
			if look := fmt.Sprintf("%+v", m.state); look != m.look {
				t.Fatalf("a state was changed after it was made: now %s, was %s", look, m.look)
			}
		}
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back agent.State
		if err := json.Unmarshal(raw, &back); err != nil || fmt.Sprintf("%+v", back) != fmt.Sprintf("%+v", s) {
			t.Fatalf("stored as %s, came back as %+v, %v", raw, back, err)
		}
	})
}
