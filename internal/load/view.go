package load

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// States of an agent's projection of a chat that the load acts on (agent-api 3.3).
const (
	stateInvited    = "Invited"
	stateChatting   = "Chatting"
	stateLeftChat   = "LeftChat"
	stateJoinFailed = "JoinFailed"
)

func live(state string) bool {
	return state == stateInvited || state == stateChatting || state == stateLeftChat || state == stateJoinFailed
}

// view is what a desktop makes of the notifications of one session: the chats with all that is shown of them.
type view struct {
	exact bool // nothing may come twice
	gaps  bool // there may be messages that only supervisors see
	seed  maphash.Seed
	chats map[string]*chatView
	asked map[int64]string // referenceIds answered over REST, by what was asked, until their notification comes
	early map[int64]bool   // and those whose notification came first
}

// chatView is one chat. Messages are kept as hashes, for as long as the chat is live.
type chatView struct {
	resource jsontext.Value // as last told, whole
	state    string
	history  bool  // it has come: the indexes from here on have no gaps
	last     int64 // index
	messages map[int64]uint64
}

// news is what a notification tells that the load acts on.
type news struct {
	chatID   string
	state    string            // of the chat, after a ChatStateChangeMessage
	changed  bool              // it was another one before
	userData map[string]string // of the chat
	alone    bool              // Chatting, and the customer has gone
	history  bool              // the transcript after Accept
	texts    []string          // of customers, new
	missing  []int64           // indexes of messages that have not come, and may be nothing for her
	dnd      string            // of the chat channel
	wrong    []string          // what should not be
}

type notification struct {
	MessageType string           `json:"messageType"`
	ReferenceID int64            `json:"referenceId"`
	Chat        jsontext.Value   `json:"chat"`
	ChatPath    string           `json:"chatPath"`
	Messages    []jsontext.Value `json:"messages"`
	Channels    []struct {
		Channel string `json:"channel"`
		DND     string `json:"dndState"`
	} `json:"channels"`
}

type chatResource struct {
	ID           string                    `json:"id"`
	State        string                    `json:"state"`
	UserData     map[string]jsontext.Value `json:"userData"`
	Participants []struct {
		Type string `json:"type"`
	} `json:"participants"`
}

type message struct {
	Index int64  `json:"index"`
	Type  string `json:"type"`
	Text  string `json:"text"`
	From  struct {
		Type string `json:"type"`
	} `json:"from"`
}

func newView(exact bool) *view {
	return &view{exact: exact, seed: maphash.MakeSeed(), chats: map[string]*chatView{}, asked: map[int64]string{}, early: map[int64]bool{}}
}

// apply takes in a notification.
func (v *view) apply(data []byte) (n news) {
	var told notification
	if err := json.Unmarshal(data, &told); err != nil {
		n.wrong = append(n.wrong, "a notification is not JSON: "+err.Error())
		return n
	}
	switch told.MessageType {
	case "ChatStateChangeMessage":
		v.changeState(told, &n)
	case "MessageLogUpdated":
		n.chatID = strings.TrimPrefix(told.ChatPath, "/chats/")
		v.addMessages(told.Messages, &n)
	case "ChannelStateChangeMessageV2":
		for _, c := range told.Channels {
			n.dnd = c.DND
		}
	default:
		n.complain("a notification of type %q", told.MessageType)
	}
	return n
}

func (n *news) complain(format string, args ...any) {
	n.wrong = append(n.wrong, fmt.Sprintf(format, args...))
}

func (v *view) changeState(told notification, n *news) {
	var chat chatResource
	if err := json.Unmarshal(told.Chat, &chat); err != nil || chat.ID == "" {
		n.complain("a notification without a chat: %v", err)
		return
	}
	n.chatID, n.state, n.userData = chat.ID, chat.State, map[string]string{}
	for k, value := range chat.UserData {
		if value.Kind() == '"' {
			if text, err := jsontext.AppendUnquote(nil, value); err == nil {
				n.userData[k] = string(text)
			}
		}
	}
	if told.ReferenceID != 0 {
		v.answered(told.ReferenceID)
	}
	c := v.chats[chat.ID]
	if !live(chat.State) {
		delete(v.chats, chat.ID)
		n.changed = c != nil
		return
	}
	if c == nil {
		if v.exact && chat.State != stateInvited {
			n.complain("chat %s is %s, and was never Invited", chat.ID, chat.State)
		}
		c = &chatView{messages: map[int64]uint64{}}
		v.chats[chat.ID] = c
	}
	n.changed = c.state != chat.State
	c.state, c.resource = chat.State, bytes.Clone(told.Chat)
	if chat.State != stateChatting {
		return
	}
	n.alone = len(chat.Participants) > 0
	for _, p := range chat.Participants {
		n.alone = n.alone && p.Type != "Customer"
	}
}

// addMessages takes in messages, which come with each index once and without gaps, from the end of the history on (agent-api 5.2.1).
func (v *view) addMessages(messages []jsontext.Value, n *news) {
	c := v.chats[n.chatID]
	if c == nil || c.state != stateChatting {
		if v.exact {
			n.complain("messages of chat %s, in which she is not", n.chatID)
		}
		return
	}
	n.history = !c.history
	for _, raw := range messages {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil || m.Index < 1 {
			n.complain("a message of chat %s cannot be read: %v", n.chatID, err)
			continue
		}
		again := m.Index <= c.last
		switch {
		case again && v.exact:
			n.complain("chat %s: message %d after %d", n.chatID, m.Index, c.last)
		case !again && c.history && v.gaps:
			for i := c.last + 1; i < m.Index; i++ {
				n.missing = append(n.missing, i)
			}
		case !again && c.history && m.Index != c.last+1:
			n.complain("chat %s: message %d after %d: lost in between", n.chatID, m.Index, c.last)
		}
		c.last = max(c.last, m.Index)
		if m.Type != "TypingStarted" && m.Type != "TypingStopped" { // they are in no transcript
			c.messages[m.Index] = maphash.Bytes(v.seed, raw)
		}
		if !again && !n.history && m.Type == "Text" && m.From.Type == "Customer" {
			n.texts = append(n.texts, m.Text)
		}
	}
	c.history = true
}

// ask notes that a request was answered with this referenceId: its notification comes, or has come (agent-api 1.6).
func (v *view) ask(id int64, what string) {
	if v.early[id] {
		delete(v.early, id)
		return
	}
	v.asked[id] = what
}

func (v *view) answered(id int64) {
	if _, ok := v.asked[id]; !ok {
		if len(v.early) < maxEarly { // those that nobody asks for are of requests that were given up
			v.early[id] = true
		}
		return
	}
	delete(v.asked, id)
}

// maxEarly bounds how many notifications are remembered because they came before the answers to their requests.
const maxEarly = 1000

// differs says where the view is not what REST says. chats is the array of GET /me/chats, messages gives that of a chat's transcript.
func (v *view) differs(chats []jsontext.Value, messages func(chatID string) ([]jsontext.Value, error)) (wrong []string) {
	seen := map[string]bool{}
	for _, raw := range chats {
		var chat chatResource
		if err := json.Unmarshal(raw, &chat); err != nil {
			return append(wrong, "GET /me/chats cannot be read: "+err.Error())
		}
		seen[chat.ID] = true
		c := v.chats[chat.ID]
		switch {
		case c == nil:
			wrong = append(wrong, fmt.Sprintf("chat %s is %s over REST, and not in the view", chat.ID, chat.State))
			continue
		case !same(raw, c.resource):
			wrong = append(wrong, fmt.Sprintf("chat %s is %s over REST, and %s in the view", chat.ID, raw, c.resource))
		}
		if chat.State != stateInvited && c.history {
			wrong = append(wrong, c.differs(v.seed, chat.ID, messages)...)
		}
	}
	for id, c := range v.chats {
		if !seen[id] {
			wrong = append(wrong, fmt.Sprintf("chat %s is %s in the view, and not there over REST", id, c.state))
		}
	}
	return wrong
}

func (c *chatView) differs(seed maphash.Seed, id string, messages func(string) ([]jsontext.Value, error)) (wrong []string) {
	all, err := messages(id)
	if err != nil {
		return []string{fmt.Sprintf("the messages of chat %s: %v", id, err)}
	}
	there := map[int64]bool{}
	for _, raw := range all {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			return []string{fmt.Sprintf("the messages of chat %s: %v", id, err)}
		}
		there[m.Index] = true
		if hash, ok := c.messages[m.Index]; !ok && (c.state == stateChatting || m.Index <= c.last) {
			wrong = append(wrong, fmt.Sprintf("chat %s: message %d is there over REST, and not in the view", id, m.Index))
		} else if ok && hash != maphash.Bytes(seed, raw) {
			wrong = append(wrong, fmt.Sprintf("chat %s: message %d is another one over REST", id, m.Index))
		}
	}
	for index := range c.messages {
		if !there[index] {
			wrong = append(wrong, fmt.Sprintf("chat %s: message %d is in the view, and not there over REST", id, index))
		}
	}
	return wrong
}

// same compares two JSON values, whatever their spelling.
func same(a, b jsontext.Value) bool {
	if bytes.Equal(a, b) {
		return true
	}
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && bytes.Equal(a, b)
}
