package bayeux

import (
	"fmt"
	"time"
)

// ActivityMode says what counts as activity of a session (AC-2).
type ActivityMode int8

// The modes.
const (
	ActivityClient       ActivityMode = iota // any message of the client but connect
	ActivityClientServer                     // also any message to it
)

// ActivityOptions are those of the extension activity (17.4).
type ActivityOptions struct {
	// MaxInactivity is how long a session that only connects is kept. Default 10 min.
	MaxInactivity time.Duration
	Mode          ActivityMode
}

func (o *ActivityOptions) check() error {
	if o.MaxInactivity < 0 || o.Mode != ActivityClient && o.Mode != ActivityClientServer {
		return fmt.Errorf("activity: %+v: give a positive time, and a mode that exists", *o)
	}
	return nil
}

// spoken notes a message of the client other than connect. s.mu is held.
func (s *Session) spoken() { s.active = time.Now() }

// spokenTo notes a message for the client. s.mu is held.
func (s *Session) spokenTo() {
	if s.srv.opt.Activity.Mode == ActivityClientServer {
		s.active = time.Now()
	}
}

// endInactive ends the session if it has been inactive for too long: asked when a
// connect arrives (AC-3).
func (s *Session) endInactive() {
	if s.srv.with[ExtensionActivity] {
		s.removeIf(EndInactive, func() bool { return time.Since(s.active) > s.srv.opt.Activity.MaxInactivity })
	}
}
