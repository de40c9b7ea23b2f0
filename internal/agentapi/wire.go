package agentapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// The shapes of the wire. Names and order are those of the documented samples, misspellings included; absent fields are left out.

// chatResource is a chat as one agent sees it (agent-api 3.1).
type chatResource struct {
	ID                     string           `json:"id"`
	URI                    string           `json:"uri"`
	Path                   string           `json:"path"`
	State                  chat.ViewState   `json:"state"`
	ChatType               string           `json:"chatType"`
	ReceivedDate           string           `json:"receivedDate,omitzero"`
	Capabilities           []chat.Operation `json:"capabilities"` // always sent: one client fails without
	Participants           []participant    `json:"participants"` // always sent
	UserData               chat.UserData    `json:"userData"`     // always sent
	SuggestedQueueURIs     []string         `json:"suggestedQueueUris"`
	ResponseTemplateGroups []string         `json:"revelantResponseTemplateGroups"`
}

// participant is one party of a chat (agent-api 3.2).
type participant struct {
	ID            string               `json:"id"`
	ParticipantID string               `json:"participantId"`
	Nickname      string               `json:"nickname"`
	Type          chat.ParticipantType `json:"type"`
	Visibility    chat.Visibility      `json:"visibility"`
	URI           string               `json:"uri,omitzero"` // agents only
	Path          string               `json:"path,omitzero"`
}

// message is one entry of the transcript (agent-api 5.2.1).
type message struct {
	Index            int64            `json:"index"`
	Type             chat.MessageType `json:"type"`
	Text             *string          `json:"text,omitzero"`
	URL              string           `json:"url,omitzero"`
	NoticeText       string           `json:"noticeText,omitzero"`
	MessageType      string           `json:"messageType,omitzero"`
	TreatAs          string           `json:"treatAs,omitzero"`
	EventAttributes  jsontext.Value   `json:"eventAttributes,omitzero"`
	Visibility       chat.Visibility  `json:"visibility"`
	Timestamp        string           `json:"timestamp"`
	TimestampSeconds int64            `json:"timestampSeconds"` // milliseconds, despite the name (5.2.4)
	From             participant      `json:"from"`
}

// chatStateChange is the data of a ChatStateChangeMessage (agent-api 5.1).
type chatStateChange struct {
	MessageType      string          `json:"messageType"`
	NotificationType chat.NoticeKind `json:"notificationType"`
	ReferenceID      int64           `json:"referenceId,omitzero"`
	ErrorCode        int             `json:"errorCode,omitzero"`
	ErrorMessage     string          `json:"errorMessage,omitzero"`
	Chat             chatResource    `json:"chat"`
}

// messageLogUpdated is the data of a MessageLogUpdated (agent-api 5.2).
type messageLogUpdated struct {
	MessageType      string          `json:"messageType"`
	NotificationType chat.NoticeKind `json:"notificationType"`
	ChatURI          string          `json:"chatUri"`
	ChatPath         string          `json:"chatPath"`
	Messages         []message       `json:"messages"`
}

// channelStateChange is the data of a ChannelStateChangeMessageV2 (agent-api 5.3).
type channelStateChange struct {
	MessageType string    `json:"messageType"`
	Channels    []channel `json:"channels"`
}

// workbin is where chats are put aside (agent-api 6.9).
type workbin struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URI  string `json:"uri"`
	Path string `json:"path"`
}

// workbinStateChange is the data of a WorkbinStateChangeMessage (agent-api 6.9).
type workbinStateChange struct {
	MessageType string       `json:"messageType"`
	Action      string       `json:"action"` // ItemAdded or ItemRemoved
	ID          string       `json:"id"`     // of the workbin
	ReferenceID int64        `json:"referenceId,omitzero"`
	Chat        chatResource `json:"chatStateResourceV2"`
}

// statistic is a figure of an agent's day (agent-api 6.4).
type statistic struct {
	Statistic string  `json:"statistic"`
	Value     float64 `json:"value"` // a number of chats, or seconds
}

// channel is a media channel of an agent (agent-api 6.3).
type channel struct {
	Channel   string    `json:"channel"`
	DNDState  string    `json:"dndState"` // On or Off
	UserState userState `json:"userState"`
}

// userState is an agent's readiness on a channel (agent-api 6.3).
type userState struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	State       string `json:"state"` // Ready, NotReady, LoggedOut
	Reason      string `json:"reason,omitzero"`
}

// user is somebody of the contact centre (agent-api 6.1).
type user struct {
	ID                         string           `json:"id"`
	UserName                   string           `json:"userName"`
	FirstName                  string           `json:"firstName,omitzero"`
	LastName                   string           `json:"lastName,omitzero"`
	EmailAddress               string           `json:"emailAddress,omitzero"`
	EmployeeID                 string           `json:"employeeId,omitzero"`
	Enabled                    bool             `json:"enabled"`
	Roles                      []directory.Role `json:"roles"`
	ChangePasswordOnFirstLogin bool             `json:"changePasswordOnFirstLogin"`
	URI                        string           `json:"uri"`
	Path                       string           `json:"path"`
}

// userSkill is a skill as a user has it (agent-api 6.1).
type userSkill struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Level string `json:"level"` // a string on the wire
	URI   string `json:"uri"`
	Path  string `json:"path"`
}

// skill is something agents can be good at (agent-api 6.6).
type skill struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URI  string `json:"uri"`
	Path string `json:"path"`
}

// group is a team of users (agent-api 6.1, 6.6).
type group struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Contains []string `json:"contains"` // kinds of what is in it
	URI      string   `json:"uri"`
	Path     string   `json:"path"`
}

// queue is where chats wait (agent-api 6.6).
type queue struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	Channel     string `json:"channel"`
	URI         string `json:"uri"`
	Path        string `json:"path"`
}

// feature is something a user is permitted (agent-api 1.8).
type feature struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	Description string `json:"description"`
	URI         string `json:"uri"`
	Path        string `json:"path"`
}

// userContact is a colleague whom a chat can be passed to (agent-api 6.5).
type userContact struct {
	ID            string           `json:"id"`
	Name          string           `json:"name"` // the user name
	Type          string           `json:"type"`
	UserName      string           `json:"userName"`
	FirstName     string           `json:"firstName,omitzero"`
	LastName      string           `json:"lastName,omitzero"`
	EmployeeID    string           `json:"employeeId,omitzero"`
	EmailAddress  string           `json:"emailAddress,omitzero"`
	PhoneNumbers  []string         `json:"phoneNumbers"`
	BusinessUnits []string         `json:"businessUnits"`
	Roles         []directory.Role `json:"roles"`
	URI           string           `json:"uri"`
	Path          string           `json:"path"`
	Availability  *availability    `json:"availability,omitzero"` // of those who are logged in
}

// queueContact is a queue which a chat can be passed to (agent-api 6.5).
type queueContact struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Channel string `json:"channel"`
	URI     string `json:"uri"`
	Path    string `json:"path"`
}

type availability struct {
	Channels []channelAvailability `json:"channels"`
}

type channelAvailability struct {
	Channel      string    `json:"channel"`
	Available    bool      `json:"available"`
	UserActivity string    `json:"userActivity"` // Idle or Busy
	UserState    userState `json:"userState"`
}

// settingsGroup names a group of settings (agent-api 6.4).
type settingsGroup struct {
	DisplayName string `json:"displayName"`
	URI         string `json:"uri"`
}

// agentStateSetting is a state that an agent can take (agent-api 6.4).
type agentStateSetting struct {
	ID            string `json:"id"`
	OperationName string `json:"operationName"`
	DisplayName   string `json:"displayName"`
	State         string `json:"state"`
	Reason        string `json:"reason,omitzero"`
}

// businessAttribute is a list of values that desktops offer, such as dispositions (agent-api 6.4).
type businessAttribute struct {
	Name   string        `json:"name"`
	Values []Disposition `json:"values"`
}
