package chat

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of what a command may carry (agent-api 4.4, customer-api 5.2).
const (
	MaxText        = 14000    // code points of a text, a noticeText or a preview
	MaxNickname    = 255      // code points; a customer's is cut
	MaxDisposition = 255      // code points
	MaxLabel       = 255      // code points of a messageType
	MaxURL         = 2048     // code points
	MaxKey         = 255      // code points of a userData key
	MaxValue       = 4096     // bytes of a userData value, for a string those of what it says; code points if it is the customer's
	MaxKeys        = 200      // userData keys of a chat
	MaxAttributes  = 16 << 10 // bytes of the customer's eventAttributes
	MaxDepth       = 32       // how deep eventAttributes may nest: readers have limits of their own
	MaxHandovers   = 10       // transfers, and completions into a queue, without a text of an agent to the customer in between
	MaxTranscript  = 2 << 20  // bytes of all that is said in one chat, since it is read whole; each message counts messageCost more
	messageCost    = 200
)

const (
	// TypingLifetime is how long a typing state lasts that nobody renews, and how long its events are shown to the customer (agent-api 4.4, customer-api 1.9).
	TypingLifetime = 30 * time.Second
	// TypingPace is the shortest time between two typing starts, two stops without a start, and two previews of one participant. What comes sooner is dropped.
	TypingPace = time.Second
)

// within refuses a value with more code points than limit.
func within(name, value string, limit int) error {
	// A string has at least as many bytes as code points: short ones need no count.
	if len(value) <= limit {
		return nil
	}
	if n := utf8.RuneCountInString(value); n > limit {
		return Refuse(ErrTooLong, "%s has %d characters; at most %d are allowed", name, n, limit)
	}
	return nil
}

// needed refuses an empty value, or one with more code points than limit.
func needed(name, value string, limit int) error {
	if value == "" {
		return Refuse(ErrMissing, "%s is missing or empty", name)
	}
	return within(name, value, limit)
}

// room refuses what would make the transcript larger than it may be. The text that goes with an agent's way out is not held up.
func (s State) room() error {
	if s.said >= MaxTranscript {
		return Refuse(ErrTooLong, "the chat has reached its limit of %d bytes: nothing more can be written in it", MaxTranscript)
	}
	return nil
}

// cost is what an event adds to the size of the transcript.
func cost(b Body) int {
	switch b := b.(type) {
	case MessageSent:
		return messageCost + len(b.Text) + len(b.Attributes)
	case URLPushed:
		return messageCost + len(b.URL)
	case NoticeSent:
		return messageCost + len(b.NoticeText)
	}
	return 0
}

// cut returns at most the first limit code points.
func cut(value string, limit int) string {
	if len(value) <= limit {
		return value
	}
	for i := range value {
		if limit == 0 {
			return value[:i]
		}
		limit--
	}
	return value
}

func checkURL(s string) error {
	if err := needed("url", s, MaxURL); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || !strings.EqualFold(u.Scheme, "http") && !strings.EqualFold(u.Scheme, "https") {
		return Refuse(ErrInvalid, "url must be absolute and begin with http:// or https://")
	}
	return nil
}

// Values of treatAs (agent-api 5.2.7).
const (
	treatNormal = "Normal"
	treatSystem = "System"
)

func checkLook(messageType, treatAs string) error {
	if err := within("messageType", messageType, MaxLabel); err != nil {
		return err
	}
	switch treatAs {
	case "", treatNormal, treatSystem:
		return nil
	}
	return Refuse(ErrInvalid, "treatAs must be %s or %s", treatNormal, treatSystem)
}

// Check applies the rules of the text that may go with an agent's way out (agent-api 4.0).
func (f Farewell) Check() error {
	if f.Text == "" && (f.MessageType != "" || f.TreatAs != "") {
		return Refuse(ErrMissing, "messageType and treatAs need a text")
	}
	if err := within("text", f.Text, MaxText); err != nil {
		return err
	}
	return checkLook(f.MessageType, f.TreatAs)
}
