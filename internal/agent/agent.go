// Package agent is an agent's standing in the contact centre: which media she is logged in to, whether she is ready, and which chats she holds.
//
// A [State] is a value. Its methods return the changed copy and never touch the receiver's slices and maps, so a snapshot may be
// shared between goroutines. Nothing here does I/O or reads a clock.
package agent

import (
	"maps"
	"slices"
	"time"
)

// Chat is the medium of this server (agent-api 6.3).
const Chat = "chat"

// State is one agent's standing. It is JSON-encodable and stored as it is.
type State struct {
	UserID   string    `json:"userId"`
	Channels []Channel `json:"channels,omitempty"` // media she is or was logged in to
	Holds    []Hold    `json:"holds,omitempty"`    // chats of which she has a live projection, in the order in which she got them
	// RefID is the last referenceId given in this log-in (agent-api 1.6).
	RefID int64 `json:"refId,omitzero"`
	// IdleSince is when she last became ready or got rid of her last chat. Zero: never yet.
	IdleSince time.Time `json:"idleSince,omitzero"`
	// Declined holds the chats which she rejected or let ring, and until when they are not offered to her again.
	Declined map[string]time.Time `json:"declined,omitempty"`
	Tally    Tally                `json:"tally,omitzero"`
	// Leaving is set while her chats are taken back before she is logged out: nothing more comes to her.
	Leaving bool `json:"leaving,omitzero"`
	// Watchers are the supervisors to whom her chats are delivered, in the order in which they set it up (agent-api 6.8).
	Watchers []Watcher `json:"watchers,omitempty"`
	// Watches are the users among whose Watchers she may be herself.
	Watches []string `json:"watches,omitempty"`
}

// Hold is a chat of which an agent has a live projection.
type Hold struct {
	ChatID string `json:"chatId"`
	Counts bool   `json:"counts,omitzero"` // against her capacity; consultations and supervision do not (agent-api 4.0)
}

// LoggedIn tells whether she is logged in to any medium.
func (s State) LoggedIn() bool { return slices.ContainsFunc(s.Channels, Channel.LoggedIn) }

// Reachable tells whether another agent may hand her a chat: logged in to chat, ready or not, without DND (agent-api 6.3).
func (s State) Reachable() bool {
	c, _ := s.Channel(Chat)
	return s.LoggedInTo(Chat) && !c.DND && !s.Leaving
}

// Ready tells whether routing may offer her chats: her chat channel is Ready, without DND (agent-api 6.3).
func (s State) Ready() bool {
	c, ok := s.Channel(Chat)
	return ok && c.UserState.State == ReadyState && !c.DND && !s.Leaving
}

// Load returns how many of her chats count against her capacity (agent-api 4.0).
func (s State) Load() int {
	n := 0
	for _, h := range s.Holds {
		if h.Counts {
			n++
		}
	}
	return n
}

// Hold notes that she has a live projection of a chat, and whether it counts. For a chat that she holds already it changes only the latter.
func (s State) Hold(chatID string, counts bool, now time.Time) State {
	s.Declined = unexpired(s.Declined, now)
	h := Hold{ChatID: chatID, Counts: counts}
	if i := slices.IndexFunc(s.Holds, h.sameChat); i >= 0 {
		s.Holds = slices.Clone(s.Holds)
		s.Holds[i] = h
		return s
	}
	s.Holds = append(slices.Clip(s.Holds), h)
	return s
}

// Release notes that she holds a chat no more. With the last one she becomes idle. Releasing what she does not hold changes nothing.
func (s State) Release(chatID string, now time.Time) State {
	i := slices.IndexFunc(s.Holds, Hold{ChatID: chatID}.sameChat)
	if i < 0 {
		return s
	}
	s.Declined = unexpired(s.Declined, now)
	s.Holds = slices.Concat(s.Holds[:i], s.Holds[i+1:])
	if len(s.Holds) == 0 {
		s.IdleSince = now
	}
	return s
}

func (h Hold) sameChat(other Hold) bool { return h.ChatID == other.ChatID }

// Decline notes that a chat is not to be offered to her again before until, unless she goes Ready anew.
func (s State) Decline(chatID string, until time.Time) State {
	declined := make(map[string]time.Time, len(s.Declined)+1)
	maps.Copy(declined, s.Declined)
	declined[chatID] = until
	s.Declined = declined
	return s
}

// unexpired returns what still counts of the declined chats. It keeps their number to those of the last minute or so.
func unexpired(declined map[string]time.Time, now time.Time) map[string]time.Time {
	over := func(_ string, until time.Time) bool { return !until.After(now) }
	for chatID, until := range declined {
		if over(chatID, until) {
			kept := maps.Clone(declined)
			maps.DeleteFunc(kept, over)
			if len(kept) == 0 {
				return nil
			}
			return kept
		}
	}
	return declined
}

// NextRef returns the referenceId for her next request: 1, 2, 3 … within a log-in (agent-api 1.6).
func (s State) NextRef() (State, int64) {
	s.RefID++
	return s, s.RefID
}
