package agent

import "slices"

// Watcher is a supervisor to whom an agent's chats are delivered when she accepts them (agent-api 6.8).
type Watcher struct {
	UserID   string `json:"userId"`
	Mode     string `json:"mode"`               // Monitor, Coach or BargeIn
	Next     bool   `json:"next,omitzero"`      // the next chat only
	Nickname string `json:"nickname,omitempty"` // that the supervisor will have in the chat
}

func (w Watcher) is(userID string) bool { return w.UserID == userID }

// Watcher returns how a supervisor watches the agent's chats; false if she does not.
func (s State) Watcher(userID string) (Watcher, bool) {
	if i := slices.IndexFunc(s.Watchers, func(w Watcher) bool { return w.is(userID) }); i >= 0 {
		return s.Watchers[i], true
	}
	return Watcher{}, false
}

// AddWatcher has a supervisor watch the agent's chats, and forgets how the same supervisor did before.
func (s State) AddWatcher(w Watcher) State {
	s = s.RemoveWatcher(w.UserID)
	s.Watchers = append(slices.Clip(s.Watchers), w)
	return s
}

// RemoveWatcher ends that. Removing who does not watch changes nothing.
func (s State) RemoveWatcher(userID string) State {
	return s.keepWatchers(func(w Watcher) bool { return !w.is(userID) })
}

// Delivered notes that these supervisors are delivered a chat: those who wanted the next one only watch no longer.
func (s State) Delivered(to []Watcher) State {
	return s.keepWatchers(func(w Watcher) bool { return !w.Next || !slices.Contains(to, w) })
}

func (s State) keepWatchers(keep func(Watcher) bool) State {
	s.Watchers = only(s.Watchers, keep)
	return s
}

// Watch notes that the agent, a supervisor, watches another one. What counts is that one's Watchers; this says where to look for her.
func (s State) Watch(userID string) State {
	s.Watches = append(s.Unwatch(userID).Watches, userID)
	return s
}

// Unwatch takes the note back.
func (s State) Unwatch(userID string) State {
	s.Watches = only(s.Watches, func(id string) bool { return id != userID })
	return s
}

// only returns a copy with what is to be kept; nil if that is nothing.
func only[T any](list []T, keep func(T) bool) []T {
	var kept []T
	for _, x := range list {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	return kept
}
