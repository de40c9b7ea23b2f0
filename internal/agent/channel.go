package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Channel is an agent's standing in one medium (agent-api 5.3).
type Channel struct {
	Medium    string    `json:"medium"` // "chat"
	DND       bool      `json:"dnd,omitzero"`
	UserState UserState `json:"userState"`
	Since     time.Time `json:"since"` // when UserState became what it is
}

// UserState is a state of readiness, as it stands on the wire (agent-api 6.3).
type UserState struct {
	ID          string `json:"id"`
	State       string `json:"state"` // ReadyState, NotReadyState or LoggedOutState
	DisplayName string `json:"displayName"`
	Reason      string `json:"reason,omitzero"` // reason code of a custom state
}

// The values of UserState.State.
const (
	ReadyState     = "Ready"
	NotReadyState  = "NotReady"
	LoggedOutState = "LoggedOut"
)

// The states that always exist, with their fixed ids (agent-api 6.3). They never change.
var (
	Ready    = UserState{ID: "9430250E-0A1B-421F-B372-F29E69366DED", State: ReadyState, DisplayName: "Ready"}
	NotReady = UserState{ID: "900D55CC-2BB0-431F-8BF9-D3525B383BE6", State: NotReadyState, DisplayName: "Not Ready"}
	// AfterCallWork comes from voice, where a workMode goes with it. In chat it is a NotReady with a name.
	AfterCallWork = UserState{ID: "D3663509-3D82-4DD3-A82E-2EA8EFA02AEF", State: NotReadyState, DisplayName: "After Call Work"}
	LoggedOut     = UserState{ID: "0F7F5003-EF26-4D13-A6EF-D0C7EC819BEB", State: LoggedOutState, DisplayName: "Offline"}
)

// Definition is a custom state such as Lunch, set up by an administrator (agent-api 6.4).
type Definition struct {
	ID          string
	Operation   string // operationName that leads to it
	DisplayName string
	State       string // ReadyState or NotReadyState
	Reason      string
}

// The operations that exist without a definition (agent-api 6.3).
const (
	OpReady           = "Ready"
	OpNotReady        = "NotReady"
	OpAfterCallWork   = "AfterCallWork"
	OpDoNotDisturbOn  = "DoNotDisturbOn"
	OpDoNotDisturbOff = "DoNotDisturbOff"
	OpOffline         = "Offline" // a supervisor's: it logs the agent out
)

// The kinds of refusal. A refused operation changes nothing.
var (
	ErrUnknownOperation = errors.New("unknown operation")                // statusCode 10
	ErrNotLoggedIn      = errors.New("not logged in to a media channel") // statusCode 2
)

// LoggedIn tells whether the agent is logged in to this medium.
func (c Channel) LoggedIn() bool { return c.UserState.State != LoggedOutState }

// LoggedInTo tells whether the agent is logged in to this medium.
func (s State) LoggedInTo(medium string) bool {
	c, ok := s.Channel(medium)
	return ok && c.LoggedIn()
}

// Channel returns her standing in a medium; false if she has never been logged in to it.
func (s State) Channel(medium string) (Channel, bool) {
	if i := s.index(medium); i >= 0 {
		return s.Channels[i], true
	}
	return Channel{}, false
}

func (s State) index(medium string) int {
	return slices.IndexFunc(s.Channels, func(c Channel) bool { return c.Medium == medium })
}

// LogIn logs her in to media, in the given initial state. It returns the channels that changed: media to which she was logged in already
// stay as they are and are not among them (agent-api 6.2).
func (s State) LogIn(media []string, initial UserState, now time.Time) (State, []Channel) {
	next := s
	next.Channels = slices.Clone(s.Channels)
	var changed []Channel
	for _, medium := range media {
		c := Channel{Medium: medium, UserState: initial, Since: now}
		switch i := next.index(medium); {
		case i < 0:
			next.Channels = append(next.Channels, c)
		case !next.Channels[i].LoggedIn():
			next.Channels[i] = c
		default:
			continue
		}
		changed = append(changed, c)
	}
	return next.readied(s, now), changed
}

// LogOut logs her out of all media. It returns the channels that changed. Her chats, and the Watchers of those whom she watches, are the desk's matter
// (agent-api 2.6, 6.8).
func (s State) LogOut(now time.Time) (State, []Channel) {
	var changed []Channel
	s.Channels = slices.Clone(s.Channels)
	for i, c := range s.Channels {
		if c.LoggedIn() {
			s.Channels[i] = Channel{Medium: c.Medium, UserState: LoggedOut, Since: now}
			changed = append(changed, s.Channels[i])
		}
	}
	s.RefID, s.Declined, s.Watches = 0, nil, nil
	return s, changed
}

// Operate changes her readiness in one medium, or with medium "" in all to which she is logged in (agent-api 6.1, 6.3). It returns the channels concerned,
// also when the operation changed nothing in them: it is notified all the same (agent-api 5.3). Errors: ErrUnknownOperation, ErrNotLoggedIn.
func (s State) Operate(medium, operation string, defs []Definition, now time.Time) (State, []Channel, error) {
	change, ok := operationNamed(operation, defs)
	if !ok {
		return s, nil, fmt.Errorf("%w %q; there are: %s", ErrUnknownOperation, operation, strings.Join(OperationNames(defs), ", "))
	}
	next := s
	next.Channels = slices.Clone(s.Channels)
	var changed []Channel
	for i, c := range next.Channels {
		if !c.LoggedIn() || medium != "" && c.Medium != medium {
			continue
		}
		is := change(c)
		if is.UserState != c.UserState {
			is.Since = now
		}
		next.Channels[i] = is
		changed = append(changed, is)
	}
	if len(changed) == 0 {
		return s, nil, fmt.Errorf("%s: %w; StartContactCenterSession comes first", operation, ErrNotLoggedIn)
	}
	return next.readied(s, now), changed, nil
}

// operationNamed returns what an operation does to a channel.
func operationNamed(name string, defs []Definition) (func(Channel) Channel, bool) {
	to := func(u UserState) func(Channel) Channel {
		return func(c Channel) Channel { c.UserState = u; return c }
	}
	disturb := func(on bool) func(Channel) Channel {
		return func(c Channel) Channel { c.DND = on; return c }
	}
	switch name {
	case OpReady:
		return to(Ready), true
	case OpNotReady:
		return to(NotReady), true
	case OpAfterCallWork:
		return to(AfterCallWork), true
	case OpDoNotDisturbOn:
		return disturb(true), true
	case OpDoNotDisturbOff:
		return disturb(false), true
	}
	for _, d := range defs {
		if d.Operation == name {
			return to(UserState{ID: d.ID, State: d.State, DisplayName: d.DisplayName, Reason: d.Reason}), true
		}
	}
	return nil, false
}

// OperationNames lists what [State.Operate] takes: the operations that always exist, then the configured ones.
func OperationNames(defs []Definition) []string {
	names := []string{OpReady, OpNotReady, OpAfterCallWork, OpDoNotDisturbOn, OpDoNotDisturbOff}
	for _, d := range defs {
		names = append(names, d.Operation)
	}
	return names
}

// readied starts a new wait for work when s, unlike before, is ready: she counts as idle from now, and chats that she declined may come again.
func (s State) readied(before State, now time.Time) State {
	if s.Ready() && !before.Ready() {
		s.IdleSince, s.Declined = now, nil
	}
	return s
}
