package chat

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What may happen in a chat. Those with a From or a Participant are transcript events: they use up an index.
type (
	// Started opens the log. The customer joins right after it.
	Started struct {
		Service  string   `json:"service"`
		Queue    string   `json:"queue"` // id
		UserData UserData `json:"userData,omitzero"`
	}
	// Joined says that a participant is in. With the id of one who is in already it changes her visibility or role: a consulted agent
	// becomes known to the customer (agent-api 4.8, 4.9).
	Joined struct {
		Participant Participant `json:"participant"`
	}
	// Left says that a participant is out.
	Left struct {
		Participant Participant `json:"participant"`
		Cause       Cause       `json:"cause"`
	}
	// MessageSent is a text.
	MessageSent struct {
		From       Participant    `json:"from"`
		Text       string         `json:"text"`
		Label      string         `json:"label,omitzero"`   // messageType, as the sender gave it
		TreatAs    string         `json:"treatAs,omitzero"` // "System", or ""
		Visibility Visibility     `json:"visibility"`
		Attributes jsontext.Value `json:"attributes,omitzero"` // eventAttributes
		Farewell   bool           `json:"farewell,omitzero"`   // it goes with an agent's way out
	}
	// URLPushed is a URL for the customer to open.
	URLPushed struct {
		From Participant `json:"from"`
		URL  string      `json:"url"`
	}
	// NoticeSent is an application-defined notice.
	NoticeSent struct {
		From       Participant `json:"from"`
		NoticeText string      `json:"noticeText"`
		Visibility Visibility  `json:"visibility"`
	}
	// TypingBegan begins or renews a typing state.
	TypingBegan struct {
		From       Participant `json:"from"`
		Visibility Visibility  `json:"visibility"`
		Preview    string      `json:"preview,omitzero"` // what the customer has typed so far; for agents only
		Renewed    bool        `json:"renewed,omitzero"` // nothing new to the customer
	}
	// TypingEnded ends it.
	TypingEnded struct {
		From       Participant `json:"from"`
		Visibility Visibility  `json:"visibility"`
	}
	// PreviewShown tells the agents what the customer has typed so far, apart from any typing state.
	PreviewShown struct {
		From    Participant `json:"from"`
		Preview string      `json:"preview"`
	}

	// Queued puts the chat into a queue, or into another one.
	Queued struct {
		Queue string    `json:"queue"` // id
		Since time.Time `json:"since"` // for whose turn it is
	}
	// Offered gives an agent an invitation.
	Offered struct {
		UserID string `json:"userId"`
		Role   Role   `json:"role"` // that she will have
		// Visibility that she will have, if she is a supervisor; it follows from the role of all others.
		Visibility Visibility `json:"visibility,omitzero"`
		InvitedBy  string     `json:"invitedBy,omitzero"` // user id of the agent who transfers, consults or invites; "": routing
		Deadline   time.Time  `json:"deadline,omitzero"`
		RefID      int64      `json:"refId,omitzero"`   // of the inviter's request
		Through    string     `json:"through,omitzero"` // id of the queue through which InvitedBy asks for a colleague
	}
	// ModeSwitched gives a supervisor another mode, and with it another visibility (agent-api 6.8).
	ModeSwitched struct {
		Participant Participant `json:"participant"` // as she is from now on
		Was         Visibility  `json:"was"`
	}
	// Asked begins an agent's search for a colleague through a queue.
	Asked struct {
		UserID string    `json:"userId"`
		Queue  string    `json:"queue"` // id
		Role   Role      `json:"role"`  // that the colleague will have
		Until  time.Time `json:"until,omitzero"`
		RefID  int64     `json:"refId,omitzero"`
	}
	// AskEnded ends it.
	AskEnded struct {
		Cause Cause `json:"cause"`
	}
	// SeatChanged moves an agent's projection on (agent-api 3.4).
	SeatChanged struct {
		UserID  string    `json:"userId"`
		State   ViewState `json:"state"`
		Cause   Cause     `json:"cause"`
		RefID   int64     `json:"refId,omitzero"`   // of the request of that agent which led to it
		SaveLAR bool      `json:"saveLar,omitzero"` // remember her for last-agent routing
	}
	// OwnerChanged gives the chat to another agent who is in.
	OwnerChanged struct {
		UserID string `json:"userId"`
	}
	// DataChanged sets and removes attached data.
	DataChanged struct {
		Set     UserData `json:"set,omitzero"`
		Deleted []string `json:"deleted,omitzero"`
		RefID   int64    `json:"refId,omitzero"`
	}
	// Focused says that an agent looks at the chat now.
	Focused struct {
		UserID string `json:"userId"`
	}
	// Ended says that the chat is over for the customer.
	Ended struct {
		Cause Cause `json:"cause"`
	}
	// Closed is the last entry of the log.
	Closed struct{}
)

// Cause says why somebody went, or why a projection changed. It is stored; its spelling never changes.
type Cause string

const (
	CauseAccepted     Cause = "accepted"
	CauseRejected     Cause = "rejected"
	CauseTimedOut     Cause = "timed-out"     // an offer was not answered
	CauseTakenBack    Cause = "taken-back"    // an offer was withdrawn, or whoever made it has gone
	CauseLeft         Cause = "left"          // an agent, by Leave
	CauseCompleted    Cause = "completed"     // an agent, by Complete
	CauseTransferred  Cause = "transferred"   // an agent, to another agent
	CauseRequeued     Cause = "requeued"      // an agent, to a queue
	CauseRemoved      Cause = "removed"       // an agent, by another one
	CauseLoggedOut    Cause = "logged-out"    // an agent whose contact-centre session ended
	CauseBinned       Cause = "binned"        // an agent, into a workbin
	CausePulled       Cause = "pulled"        // an agent got it out of a workbin
	CauseDisconnected Cause = "disconnected"  // the customer, by her own wish
	CauseLost         Cause = "lost"          // the customer, whose client vanished
	CauseCustomerGone Cause = "customer-gone" // an offer, or the joining of a chat, that came too late
)

// The stored names of what happens.
const (
	KindStarted      Kind = "started"
	KindJoined       Kind = "joined"
	KindLeft         Kind = "left"
	KindMessageSent  Kind = "message-sent"
	KindURLPushed    Kind = "url-pushed"
	KindNoticeSent   Kind = "notice-sent"
	KindTypingBegan  Kind = "typing-began"
	KindTypingEnded  Kind = "typing-ended"
	KindPreviewShown Kind = "preview-shown"
	KindQueued       Kind = "queued"
	KindOffered      Kind = "offered"
	KindModeSwitched Kind = "mode-switched"
	KindAsked        Kind = "asked"
	KindAskEnded     Kind = "ask-ended"
	KindSeatChanged  Kind = "seat-changed"
	KindOwnerChanged Kind = "owner-changed"
	KindDataChanged  Kind = "data-changed"
	KindFocused      Kind = "focused"
	KindEnded        Kind = "ended"
	KindClosed       Kind = "closed"
)

func (Started) Kind() Kind      { return KindStarted }
func (Joined) Kind() Kind       { return KindJoined }
func (Left) Kind() Kind         { return KindLeft }
func (MessageSent) Kind() Kind  { return KindMessageSent }
func (URLPushed) Kind() Kind    { return KindURLPushed }
func (NoticeSent) Kind() Kind   { return KindNoticeSent }
func (TypingBegan) Kind() Kind  { return KindTypingBegan }
func (TypingEnded) Kind() Kind  { return KindTypingEnded }
func (PreviewShown) Kind() Kind { return KindPreviewShown }
func (Queued) Kind() Kind       { return KindQueued }
func (Offered) Kind() Kind      { return KindOffered }
func (ModeSwitched) Kind() Kind { return KindModeSwitched }
func (Asked) Kind() Kind        { return KindAsked }
func (AskEnded) Kind() Kind     { return KindAskEnded }
func (SeatChanged) Kind() Kind  { return KindSeatChanged }
func (OwnerChanged) Kind() Kind { return KindOwnerChanged }
func (DataChanged) Kind() Kind  { return KindDataChanged }
func (Focused) Kind() Kind      { return KindFocused }
func (Ended) Kind() Kind        { return KindEnded }
func (Closed) Kind() Kind       { return KindClosed }

// EncodeBody returns the content of an event as one line of JSON, for the log. The same body always gives the same bytes.
func EncodeBody(b Body) (jsontext.Value, error) {
	if b == nil {
		return nil, errors.New("encode an event: it has no body")
	}
	if u, ok := b.(Unknown); ok {
		return u.Raw, nil
	}
	// Raw data was checked when it was decided, and goes out as it came in.
	raw, err := json.Marshal(b, json.Deterministic(true), jsontext.PreserveRawStrings(true))
	if err != nil {
		return nil, fmt.Errorf("encode an event of kind %s: %w", b.Kind(), err)
	}
	return raw, nil
}

// DecodeBody reads what [EncodeBody] wrote. An unknown kind gives an [Unknown], unknown members of a known kind are dropped.
func DecodeBody(k Kind, raw jsontext.Value) (Body, error) {
	switch k {
	case KindStarted:
		return decode[Started](k, raw)
	case KindJoined:
		return decode[Joined](k, raw)
	case KindLeft:
		return decode[Left](k, raw)
	case KindMessageSent:
		return decode[MessageSent](k, raw)
	case KindURLPushed:
		return decode[URLPushed](k, raw)
	case KindNoticeSent:
		return decode[NoticeSent](k, raw)
	case KindTypingBegan:
		return decode[TypingBegan](k, raw)
	case KindTypingEnded:
		return decode[TypingEnded](k, raw)
	case KindPreviewShown:
		return decode[PreviewShown](k, raw)
	case KindQueued:
		return decode[Queued](k, raw)
	case KindOffered:
		return decode[Offered](k, raw)
	case KindModeSwitched:
		return decode[ModeSwitched](k, raw)
	case KindAsked:
		return decode[Asked](k, raw)
	case KindAskEnded:
		return decode[AskEnded](k, raw)
	case KindSeatChanged:
		return decode[SeatChanged](k, raw)
	case KindOwnerChanged:
		return decode[OwnerChanged](k, raw)
	case KindDataChanged:
		return decode[DataChanged](k, raw)
	case KindTemplateUsed:
		return decode[TemplateUsed](k, raw)
	case KindFocused:
		return decode[Focused](k, raw)
	case KindBinned:
		return decode[Binned](k, raw)
	case KindUnbinned:
		return decode[Unbinned](k, raw)
	case KindEnded:
		return decode[Ended](k, raw)
	case KindClosed:
		return decode[Closed](k, raw)
	}
	return Unknown{Of: k, Raw: raw.Clone()}, nil
}

func decode[B Body](k Kind, raw jsontext.Value) (Body, error) {
	var b B
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("decode an event of kind %s: %w", k, err)
	}
	return b, nil
}
