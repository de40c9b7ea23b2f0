package agentapi

import (
	"slices"
	"strings"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/directory"
)

// operation is one thing an agent can do to a chat: its name on the wire, and how its parameters become an action. A decoder checks what
// only the wire can get wrong (types, spellings, targets); all else is the domain's to judge.
type operation struct {
	name   string
	decode func(d *directory.Directory, p parameters) (chat.Action, error)
}

// operations are those of agent-api 4.2 to 4.14, in that order, and of 6.8.
var operations = []operation{
	{"Accept", accept},
	{"Reject", plain(chat.Reject{})},
	{"SendMessage", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		t, err := spoken(p)
		return chat.SendMessage(t), err
	}},
	{"SendToAgents", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		t, err := spoken(p)
		return chat.SendToAgents(t), err
	}},
	{"SendUrl", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		url, err := p.text("url")
		return chat.SendURL{URL: url}, err
	}},
	{"SendCustomNotice", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		text, err := p.text("noticeText")
		return chat.SendCustomNotice{NoticeText: text}, err
	}},
	{"SendCustomNoticeToAgents", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		text, err := p.text("noticeText")
		return chat.SendCustomNoticeToAgents{NoticeText: text}, err
	}},
	{"SendStartTypingNotification", plain(chat.SendStartTypingNotification{})},
	{"SendStopTypingNotification", plain(chat.SendStopTypingNotification{})},
	{"SendStartTypingToAgentsNotification", plain(chat.SendStartTypingToAgentsNotification{})},
	{"SendStopTypingToAgentsNotification", plain(chat.SendStopTypingToAgentsNotification{})},
	{"Leave", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		f, err := farewell(p)
		return chat.Leave{Farewell: f}, err
	}},
	{"Complete", complete},
	{"Transfer", transfer},
	{"Consult", func(d *directory.Directory, p parameters) (chat.Action, error) {
		t, err := findTarget(d, p, "targetUri", "targetPath")
		return chat.Consult{UserID: t.user, Queue: t.queue}, err
	}},
	{"Invite", func(d *directory.Directory, p parameters) (chat.Action, error) {
		t, err := findTarget(d, p, "targetUri", "targetPath")
		return chat.Invite{UserID: t.user, Queue: t.queue}, err
	}},
	{"RemoveParticipantFromConference", removeParticipant},
	{"AttachUserData", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		u, err := p.userData("userData")
		return chat.AttachUserData{UserData: u}, err
	}},
	{"UpdateUserData", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		u, err := p.userData("userData")
		return chat.UpdateUserData{UserData: u}, err
	}},
	{"DeleteUserData", func(_ *directory.Directory, p parameters) (chat.Action, error) {
		keys, err := p.texts("keys")
		return chat.DeleteUserData{Keys: keys}, err
	}},
	{"SetDisposition", setDisposition},
	{"SetInFocus", plain(chat.SetInFocus{})},
	{"ReportResponseTemplateUsage", reportUsage},
	{"SwitchToMonitor", plain(chat.SwitchToMonitor{})},
	{"SwitchToCoach", plain(chat.SwitchToCoach{})},
	{"SwitchToBargeIn", plain(chat.SwitchToBargeIn{})},
}

// oldNames are earlier spellings which desktops still use (agent-api 3.5, 4.16).
var oldNames = map[string]string{"StopProcessing": "Complete", "InFocus": "SetInFocus", "SwitchBargeIn": "SwitchToBargeIn"}

// findOperation returns the operation of this name, old spellings included; chat.ErrInvalid, with the names there are, if it is none. Names are
// case-sensitive (agent-api 4.0).
func findOperation(name string) (operation, error) {
	if now, ok := oldNames[name]; ok {
		name = now
	}
	if i := slices.IndexFunc(operations, func(o operation) bool { return o.name == name }); i >= 0 {
		return operations[i], nil
	}
	names := make([]string, 0, len(operations))
	for _, o := range operations {
		names = append(names, o.name)
	}
	return operation{}, errNoOperation(name, names)
}

// errNoOperation refuses an operationName that an address does not have, with those that it has (agent-api 4.0).
func errNoOperation(name string, there []string) error {
	return refuse(chat.ErrInvalid, "operationName %s is not one of %s", quote(name), strings.Join(there, ", "))
}

// plain is the decoder of an operation without parameters.
func plain(a chat.Action) func(*directory.Directory, parameters) (chat.Action, error) {
	return func(*directory.Directory, parameters) (chat.Action, error) { return a, nil }
}

func accept(_ *directory.Directory, p parameters) (chat.Action, error) {
	nickname, err := p.text("nickname")
	if err != nil {
		return nil, err
	}
	last, err := p.flag("saveLAR")
	return chat.Accept{Nickname: nickname, SaveLAR: last}, err
}

// spoken reads a text with its type and treatment (agent-api 4.0, 4.4).
func spoken(p parameters) (t struct{ Text, MessageType, TreatAs string }, err error) {
	if t.Text, err = p.text("text"); err != nil {
		return t, err
	}
	if t.MessageType, err = p.text("messageType"); err != nil {
		return t, err
	}
	t.TreatAs, err = p.text("treatAs")
	return t, err
}

// farewell reads the text of an agent's way out. All that can be wrong with it is told before what is wrong with a target (agent-api 4.0).
func farewell(p parameters) (chat.Farewell, error) {
	t, err := spoken(p)
	if err != nil {
		return chat.Farewell{}, err
	}
	return chat.Farewell(t), chat.Farewell(t).Check()
}

func complete(d *directory.Directory, p parameters) (chat.Action, error) {
	f, err := farewell(p)
	if err != nil {
		return nil, err
	}
	last, err := p.flag("saveLAR")
	if err != nil {
		return nil, err
	}
	queue, err := queueNamed(d, p)
	return chat.Complete{Queue: queue, SaveLAR: last, Farewell: f}, err
}

func transfer(d *directory.Directory, p parameters) (chat.Action, error) {
	f, err := farewell(p)
	if err != nil {
		return nil, err
	}
	t, err := findTarget(d, p, "targetUri", "targetPath", "queueName")
	return chat.Transfer{UserID: t.user, Queue: t.queue, Farewell: f}, err
}

func removeParticipant(d *directory.Directory, p parameters) (chat.Action, error) {
	f, err := farewell(p)
	if err != nil {
		return nil, err
	}
	t, err := findTarget(d, p, "targetUri", "targetPath", "userUri")
	if err == nil && t.user == "" {
		err = refuse(chat.ErrInvalid, "only a user can be removed")
	}
	return chat.RemoveParticipantFromConference{UserID: t.user, Farewell: f}, err
}

func setDisposition(_ *directory.Directory, p parameters) (chat.Action, error) {
	value, err := p.text("disposition")
	if err != nil {
		return nil, err
	}
	key, err := p.text("dispositionKey")
	return chat.SetDisposition{Key: key, Disposition: value}, err
}
