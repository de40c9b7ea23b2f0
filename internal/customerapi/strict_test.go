package customerapi

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// envelopeRead is the model of a strict client: what it reads has passed readStrictly.
type envelopeRead struct {
	StatusCode   int           `json:"statusCode"`
	ChatEnded    bool          `json:"chatEnded"`
	ChatID       string        `json:"chatId"`
	Alias        string        `json:"alias"`
	UserID       string        `json:"userId"`
	SecureKey    string        `json:"secureKey"`
	NextPosition int64         `json:"nextPosition"`
	Monitored    bool          `json:"monitored"`
	Messages     []messageRead `json:"messages"`
	Errors       []problem     `json:"errors"`
}

type messageRead struct {
	From struct {
		Nickname      string `json:"nickname"`
		ParticipantID int    `json:"participantId"`
		Type          string `json:"type"`
	} `json:"from"`
	Index           int64          `json:"index"`
	Type            string         `json:"type"`
	MessageType     string         `json:"messageType"`
	Text            *string        `json:"text"`
	UTCTime         int64          `json:"utcTime"`
	EventAttributes jsontext.Value `json:"eventAttributes"`
}

func (m messageRead) String() string {
	s := fmt.Sprintf("%d %s %s", m.Index, m.Type, m.From.Nickname)
	if m.Text != nil {
		s += ": " + *m.Text
	}
	return s
}

const (
	earliest = 946_684_800_000   // 2000, where the clock of a synctest bubble starts
	latest   = 4_102_444_800_000 // 2100
)

var (
	// types are the closed list of 4.2, senders those of 4.3, codes those of 2.15 that may be sent.
	types = []string{
		"ParticipantJoined", "ParticipantLeft", "Message", "TypingStarted", "TypingStopped", "NicknameUpdated", "PushUrl", "FileUploaded", "FileDeleted",
		"CustomNotice", "Notice", "IdleAlert", "IdleClose",
	}
	senders = []string{"Client", "Agent", "Supervisor", "External"}
	codes   = []int{102, 103, 104, 161, 181, 182, 201, 202, 203, 204, 240, 249, 306, 364, 401, 404, 500, 503}
)

// readStrictly decodes an answer as the strictest published client would, and fails the test at what would break one of them (1.7, 1.8, 1.11, 6.6
// test 14). Every answer of every test goes through it.
func readStrictly(t *testing.T, status int, header http.Header, raw []byte) envelopeRead {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s\nin the answer with status %d: %s", fmt.Sprintf(format, args...), status, raw)
	}
	if got := header.Get("Content-Type"); got != "application/json;charset=UTF-8" {
		fail("Content-Type %q", got)
	}
	if got := header.Get("Cache-Control"); got != "no-store" {
		fail("Cache-Control %q", got)
	}
	if header.Get("Location") != "" || status >= 300 && status < 400 {
		fail("a redirect")
	}
	var e envelopeRead
	if err := json.Unmarshal(raw, &e, json.RejectUnknownMembers(true)); err != nil {
		fail("decode: %v", err)
	}
	members := membersOf(t, raw)
	always := []string{"statusCode", "chatEnded", "chatId", "messages"}
	succeeded := e.StatusCode == 0
	if succeeded {
		always = append(always, "alias", "userId", "secureKey", "nextPosition", "monitored")
	}
	for _, name := range always {
		if members[name] == 0 {
			fail("%s is missing", name)
		}
	}
	for name, kind := range members {
		if kind == 'n' {
			fail("%s is null", name)
		}
	}
	_, failed := members["errors"]
	switch {
	case succeeded && (failed || status != http.StatusOK || e.ChatID == "" || e.SecureKey == "" || e.NextPosition < 2):
		fail("not a proper success")
	case !succeeded && (members["userId"] != 0 || members["secureKey"] != 0):
		fail("a failure tells who the customer is")
	case !succeeded && !failed && status != http.StatusInternalServerError:
		fail("a failure without a reason")
	case failed && len(e.Errors) == 0:
		fail("errors are empty")
	case e.Monitored:
		fail("supervision shows")
	}
	for _, p := range e.Errors {
		if !slices.Contains(codes, p.Code) || p.Advice == "" || p.Message == "" {
			fail("error %+v", p)
		}
	}
	var bodies struct {
		Messages []jsontext.Value `json:"messages"`
	}
	if err := json.Unmarshal(raw, &bodies); err != nil {
		fail("decode the messages: %v", err)
	}
	last := int64(0)
	for i, m := range e.Messages {
		has := membersOf(t, bodies.Messages[i])
		for name, kind := range map[string]jsontext.Kind{"from": '{', "index": '0', "type": '"', "utcTime": '0'} {
			if has[name] != kind {
				fail("message %d: %s is missing or of another type", i, name)
			}
		}
		for name, kind := range has {
			if kind == 'n' {
				fail("message %d: %s is null", i, name)
			}
		}
		var outer struct {
			From jsontext.Value `json:"from"`
		}
		if err := json.Unmarshal(bodies.Messages[i], &outer); err != nil {
			fail("message %d: %v", i, err)
		}
		from := membersOf(t, outer.From)
		if len(from) != 3 || from["nickname"] != '"' || from["participantId"] != '0' || from["type"] != '"' {
			fail("message %d: from has other members than the three", i)
		}
		switch {
		case !slices.Contains(types, m.Type) || !slices.Contains(senders, m.From.Type):
			fail("message %d: unknown type", i)
		case m.Index <= last:
			fail("message %d: index %d after %d", i, m.Index, last)
		case m.Index >= e.NextPosition:
			fail("message %d: index %d, but nextPosition %d", i, m.Index, e.NextPosition)
		case m.UTCTime < earliest || m.UTCTime > latest:
			fail("message %d: utcTime %d is not in milliseconds", i, m.UTCTime)
		}
		last = m.Index
	}
	return e
}

// membersOf returns the kind of each member of a JSON object.
func membersOf(t *testing.T, raw []byte) map[string]jsontext.Kind {
	t.Helper()
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	kinds := map[string]jsontext.Kind{}
	for name, value := range members {
		kinds[name] = value.Kind()
	}
	return kinds
}
