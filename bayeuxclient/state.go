package bayeuxclient

// Phase is a turn in the life of a client.
type Phase int

const (
	// Handshaken: there is a new session, and all subscriptions are in force in it. After the first one this means that messages
	// may have been missed. If the server refused a subscription in the new session, Err has a *ReplyError for it; with
	// Options.Replay nothing was missed without one: a code of 400 says that the server had not kept all, and what it has comes.
	Handshaken Phase = iota + 1
	// Connected: the server answered a connect; the first one, or the first after a break.
	Connected
	// Broken: the connection or the server is gone (Err says how); the client tries to come back by itself.
	Broken
	// Closed: nothing more will come. Err is nil after Close, else the reason, for example ErrDisconnected.
	Closed
)

// String returns the phase in lower case, for logs.
func (p Phase) String() string {
	switch p {
	case Handshaken:
		return "handshaken"
	case Connected:
		return "connected"
	case Broken:
		return "broken"
	case Closed:
		return "closed"
	}
	return "unknown"
}

// State is what Options.OnState is told.
type State struct {
	Phase     Phase
	ID        string // the session's clientId
	Transport string // "websocket" or "long-polling"; empty when Broken or Closed
	Err       error
}
