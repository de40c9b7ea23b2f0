package conformance

import (
	"slices"
	"time"
)

// Transport names a way in which messages travel, as it stands in supportedConnectionTypes.
type Transport string

// The transports, with the letters of the list: L, W, J.
const (
	L Transport = "long-polling"
	W Transport = "websocket"
	J Transport = "callback-polling"
)

// Letter is the one that reports use for t.
func (t Transport) Letter() string {
	switch t {
	case L:
		return "L"
	case W:
		return "W"
	case J:
		return "J"
	}
	return string(t)
}

// Mark says how a rule stands to the reference, the CometD server.
type Mark string

// Marks. R is what the reference does and every server must. D is a deliberate difference: the reference does something worse. O is an option that the reference
// does not have.
const (
	R Mark = "R"
	D Mark = "D"
	O Mark = "O"
)

// Check is one line of the conformance list, or a part of one where parts have different marks or need servers with different options.
type Check struct {
	N     int      // its number in the list
	Title string   // what is checked; unique among the checks of one number
	Rules []string // the rules it checks, by id
	On    []Transport
	Mark  Mark
	// Options are what the server must be started with, as flags: "--timeout 1000 --max-interval 2000". Empty: any server will do.
	Options string
	// Alone asks for a server that no other line uses, for what would disturb others or be disturbed by them.
	Alone bool
	// Heavy says that the check keeps the whole machine busy: its lines run when all others are done, one after the other.
	Heavy bool
	// Limit is how long a line may take once its server stands. Default 40 s.
	Limit time.Duration
	// Run does what the check says, on l.On.
	Run func(l *Line)
	// Reference is, for a D check, what the reference does instead. Nil: the reference must fail Run, in whatever way.
	Reference func(l *Line)
}

// Checks are all that there are, in the order of their numbers.
func Checks() []Check {
	all := slices.Concat(
		handshakeChecks(), connectChecks(), fieldChecks(), subscribeChecks(), publishChecks(),
		deliveryChecks(), lifetimeChecks(), browserChecks(), requestChecks(),
		statusChecks(), callbackChecks(), originChecks(), websocketChecks(), resumeChecks(),
		ackChecks(), extensionChecks(), failureChecks(), lossChecks(), crowdChecks(),
	)
	slices.SortStableFunc(all, func(a, b Check) int { return a.N - b.N })
	return all
}
