package agent_test

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/agent"
)

// TestWatchers: who watches an agent's chats, and until when (agent-api 6.8).
func TestWatchers(t *testing.T) {
	t.Parallel()
	all := agent.Watcher{UserID: "ines", Mode: "Monitor", Nickname: "Ines"}
	next := agent.Watcher{UserID: "kim", Mode: "Coach", Next: true, Nickname: "Kim"}
	coach := agent.Watcher{UserID: "ines", Mode: "Coach", Next: true, Nickname: "I."}
	none := agent.State{UserID: "dana"}
	both := none.AddWatcher(all).AddWatcher(next)
	for name, c := range map[string]struct {
		state agent.State
		want  []agent.Watcher
	}{
		"none":                             {none, nil},
		"two":                              {both, []agent.Watcher{all, next}},
		"a second set-up replaces":         {both.AddWatcher(coach), []agent.Watcher{next, coach}},
		"cancelled":                        {both.RemoveWatcher("ines"), []agent.Watcher{next}},
		"cancelled by one who watches not": {both.RemoveWatcher("dana"), []agent.Watcher{all, next}},
		"NextChat is over after one":       {both.Delivered([]agent.Watcher{all, next}), []agent.Watcher{all}},
		"not delivered to all":             {both.Delivered([]agent.Watcher{all}), []agent.Watcher{all, next}},
		"set up anew meanwhile":            {both.AddWatcher(coach).Delivered([]agent.Watcher{all, next}), []agent.Watcher{coach}},
		"all gone":                         {both.RemoveWatcher("ines").RemoveWatcher("kim"), nil},
	} {
		if !reflect.DeepEqual(c.state.Watchers, c.want) {
			t.Errorf("%s: %+v, want %+v", name, c.state.Watchers, c.want)
		}
	}
	if w, ok := both.Watcher("kim"); !ok || w != next {
		t.Errorf("kim: %+v, %t", w, ok)
	}
	if w, ok := both.Watcher("dana"); ok {
		t.Errorf("dana: %+v", w)
	}
	// Log-out and log-in of the watched agent change nothing about it; a row of before has none.
	out, _ := both.LogOut(at(1))
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var read agent.State
	if err := json.Unmarshal(raw, &read); err != nil || !reflect.DeepEqual(read.Watchers, both.Watchers) {
		t.Errorf("stored: %s, %v", raw, err)
	}
	if raw, err = json.Marshal(none); err != nil || string(raw) != `{"userId":"dana"}` {
		t.Errorf("without watchers: %s, %v", raw, err)
	}
}

// TestWatches: a supervisor's row says whom she watches, each once, until she logs out (agent-api 6.8).
func TestWatches(t *testing.T) {
	t.Parallel()
	s, _ := agent.State{UserID: "ines"}.LogIn([]string{agent.Chat}, agent.NotReady, at(0))
	s = s.Watch("dana").Watch("omar").Watch("dana")
	if got, want := s.Watches, []string{"omar", "dana"}; !reflect.DeepEqual(got, want) {
		t.Errorf("watches %v, want %v", got, want)
	}
	if got := s.Unwatch("dana").Unwatch("lena").Watches; !reflect.DeepEqual(got, []string{"omar"}) {
		t.Errorf("watches %v", got)
	}
	if out, _ := s.LogOut(at(1)); out.Watches != nil || len(s.Watches) != 2 {
		t.Errorf("after log-out %v, before %v", out.Watches, s.Watches)
	}
}
