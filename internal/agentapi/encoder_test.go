package agentapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halley-chat/halley/internal/agent"
	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

const (
	testBase = "https://desk.example.com/api/v2"
	chatID   = "0004XaGQ7T2H001K"
	danaID   = "5f3c0d9e7a1b4c2f8e6d0a9b1c2d3e4f"
	omarID   = "a17b2c3d4e5f60718293a4b5c6d7e8f9"
)

var (
	berlin   = time.FixedZone("", 3600)
	received = time.UnixMilli(1710146467000)
	pat      = chat.Participant{ID: "00B165EEC5A30011", Number: 1, Type: chat.Customer, Nickname: "Pat", Visibility: chat.VisibleToAll}
	dana     = chat.Participant{
		ID: "00B165EEC5C10012", Number: 2, Type: chat.Agent, UserID: danaID, Nickname: "Dana", Visibility: chat.VisibleToAll, Role: chat.Owner,
	}
	omar = chat.Participant{
		ID: "00B165EEC7710014", Type: chat.Agent, UserID: omarID, Nickname: "Omar", Visibility: chat.VisibleToAgents, Role: chat.Consulted,
	}
	alone = []chat.Operation{
		"Transfer", "Leave", "Invite", "Consult", "SetInFocus", "SetDisposition", "AttachUserData", "DeleteUserData", "UpdateUserData", "Complete",
		"SendMessage", "SendUrl", "SendStartTypingNotification", "SendStopTypingNotification", "SendCustomNotice",
	}
)

func resource(state chat.ViewState, capabilities []chat.Operation, participants ...chat.Participant) chat.Resource {
	return chat.Resource{
		ID: chatID, State: state, Capabilities: capabilities, Participants: participants, ReceivedAt: received,
		UserData: chat.UserData{"FirstName": jsontext.Value(`"Pat"`), "Subject": jsontext.Value(`"Late parcel"`)},
	}
}

func messageAt(index int64, kind chat.MessageType, from chat.Participant, text string) chat.Message {
	return chat.Message{Index: index, Type: kind, From: from, Visibility: from.Visibility, At: received.Add(time.Duration(index-1) * 5 * time.Second), Text: text}
}

// TestNotifications compares each kind of notification with the documented samples: the chat resource and its participants (agent-api 3.1, 3.2), each
// notificationType (5.1: 5.1.1, 5.1.2, 5.1.3, 5.1.4), each type of message with its fields (5.2: 5.2.1, 5.2.2, 5.2.7), channels (5.3).
func TestNotifications(t *testing.T) {
	t.Parallel()
	withQueues := resource(chat.Chatting, alone, pat, dana)
	withQueues.Queue = "0d5d2c3b-4a19-4f0e-9a55-7b0f6a521f3e"
	withQueues.UserData = chat.UserData{
		"FirstName": jsontext.Value(`"Pat"`), "ServiceObjective": jsontext.Value(`0`), "RRequestedSkills": jsontext.Value(`null`),
		"Big": jsontext.Value(`123456789012345678901234567890`), "Rate": jsontext.Value(`1.50`), "Cart": jsontext.Value(`{"b":[1,true],"a":null}`),
	}
	system := messageAt(9, chat.TextMessage, dana, "We close in ten minutes.")
	system.TreatAs, system.Label = "System", "Closing"
	attributed := messageAt(4, chat.TextMessage, pat, "<b>&\u2028</b>")
	attributed.Attributes = jsontext.Value(`{"page":"/cart","n":1}`)
	toAgents := messageAt(12, chat.TextMessage, omar, "Offer her a refund.")

	cases := []struct {
		file    string
		notice  chat.Notice
		history []chat.Message
	}{
		{"4.1-invited", chat.Notice{Kind: chat.StatusChange, Chat: resource(chat.Invited, []chat.Operation{"Accept", "Reject"})}, nil},
		{"4.2-chatting", chat.Notice{Kind: chat.StatusChange, RefID: 17, Chat: resource(chat.Chatting, alone)}, nil},
		{"4.2-participants", chat.Notice{Kind: chat.ParticipantsUpdated, Chat: resource(chat.Chatting, alone, pat, dana)}, nil},
		{"4.2-history", chat.Notice{Kind: chat.NewMessages, Chat: chat.Resource{ID: chatID}, History: true}, []chat.Message{
			messageAt(1, chat.ParticipantJoined, pat, ""), messageAt(2, chat.TextMessage, pat, "Where is my parcel?"), messageAt(7, chat.ParticipantJoined, dana, ""),
		}},
		{"4.4-messages", chat.Notice{Kind: chat.NewMessages, Chat: chat.Resource{ID: chatID}, Messages: []chat.Message{
			messageAt(3, chat.TypingStarted, pat, "Whe"), attributed, messageAt(5, chat.TypingStopped, dana, ""),
			messageAt(6, chat.PushURL, dana, "https://example.com/track?a=1&b=2"), messageAt(7, chat.CustomNotice, dana, "coupon:10"),
			messageAt(8, chat.SystemNotice, dana, ""), system, messageAt(10, chat.ParticipantLeft, pat, ""), toAgents,
		}}, nil},
		{"4.6-left", chat.Notice{Kind: chat.StatusChange, RefID: 17, Chat: resource(chat.LeftChat, []chat.Operation{
			"SetInFocus", "Complete", "SetDisposition", "AttachUserData", "DeleteUserData", "UpdateUserData",
		})}, nil},
		{"4.7-completed", chat.Notice{Kind: chat.StatusChange, RefID: 18, Chat: chat.Resource{ID: chatID, State: chat.Completed, ReceivedAt: received}}, nil},
		{"4.12-properties", chat.Notice{Kind: chat.PropertiesUpdated, RefID: 83, Chat: withQueues}, nil},
		{"5.1.4-error", chat.Notice{
			Kind: chat.ErrorNotice, RefID: 35, ErrorCode: 2, ErrorMessage: "Consultation was rejected by the target", Chat: resource(chat.Chatting, alone, pat, dana),
		}, nil},
	}
	encoder := NewEncoder(testBase+"/", false, berlin)
	encoder.SuggestQueues([]*directory.Queue{{ID: withQueues.Queue, Suggests: []string{"7b0f6a52-1f3e-4f0e-9a55-0d5d2c3b4a19"}}})
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			topic, data, err := encoder.Chat(c.notice, c.history)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, topic, data)
		})
	}

	t.Run("6.9-added", func(t *testing.T) {
		t.Parallel()
		topic, data, err := encoder.Workbin(desk.WorkbinChange{
			Workbin: dana.UserID, Added: true, RefID: 19, Chat: chat.Resource{ID: chatID, State: chat.Completed, ReceivedAt: received, UserData: withQueues.UserData},
		})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "6.9-added", topic, data)
	})
	t.Run("5.3-channels", func(t *testing.T) {
		t.Parallel()
		topic, data, err := encoder.Channels([]agent.Channel{
			{Medium: "chat", UserState: agent.UserState{ID: agent.NotReady.ID, DisplayName: "Lunch", State: agent.NotReadyState, Reason: "Lunch"}},
			{Medium: "email", DND: true, UserState: agent.Ready},
		})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "5.3-channels", topic, data)
	})
}

// golden compares what is pushed with testdata/<name>.json, order of fields included.
func golden(t *testing.T, name, topic string, data jsontext.Value) {
	t.Helper()
	push, err := json.Marshal(struct {
		Channel string         `json:"channel"`
		Data    jsontext.Value `json:"data"`
	}{topic, data})
	if err != nil {
		t.Fatal(err)
	}
	got := jsontext.Value(push)
	if err := got.Indent(); err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

// TestMessageTypeIsShownOnlyIfAsked checks agent-api 5.2.6: the option shows the sender's messageType, on texts only.
func TestMessageTypeIsShownOnlyIfAsked(t *testing.T) {
	t.Parallel()
	labelled, plain, joined := messageAt(1, chat.TextMessage, dana, "Hi"), messageAt(2, chat.TextMessage, dana, "Hi"), messageAt(3, chat.ParticipantJoined, dana, "")
	labelled.Label, joined.Label = "Greeting", "Greeting"
	for _, c := range []struct {
		include bool
		message chat.Message
		want    string
	}{
		{true, labelled, "Greeting"}, {true, plain, ""}, {true, joined, ""}, {false, labelled, ""},
	} {
		if got := NewEncoder(testBase, c.include, time.UTC).message(c.message).MessageType; got != c.want {
			t.Errorf("include %v: messageType %q, want %q", c.include, got, c.want)
		}
	}
}

// TestTimestamps checks agent-api 5.2.4 on the documented instant.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	m := NewEncoder(testBase, false, time.FixedZone("", 2*3600)).message(chat.Message{At: time.UnixMilli(1389261492035)})
	if m.Timestamp != "2014-01-09 11:58:12.035+0200" || m.TimestampSeconds != 1389261492035 {
		t.Errorf("timestamp %q, timestampSeconds %d", m.Timestamp, m.TimestampSeconds)
	}
}

func TestUnknownNoticeIsAnError(t *testing.T) {
	t.Parallel()
	if _, _, err := NewEncoder(testBase, false, time.UTC).Chat(chat.Notice{Kind: "Surprise"}, nil); err == nil {
		t.Error("a notice of an unknown kind was encoded")
	}
}

// TestEncoderKeepsUserData checks that values pass through as they were written, and that the same notice is always the same bytes (what is sent
// twice must be equal).
func TestEncoderKeepsUserData(t *testing.T) {
	t.Parallel()
	encoder := NewEncoder(testBase, false, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOf(rapid.String(), rapid.SampledFrom([]string{
			`null`, `true`, `""`, `"\u0000"`, `1e400`, `-0`, `12345678901234567890`, `{"a":[1,{"b":null}]}`, `[]`, `"é</script>"`,
		})).Draw(t, "userData")
		data := chat.UserData{}
		for k, v := range values {
			data[strings.ToValidUTF8(k, "")] = jsontext.Value(v)
		}
		notice := chat.Notice{Kind: chat.PropertiesUpdated, Chat: chat.Resource{ID: chatID, State: chat.Chatting, UserData: data}}
		_, first, err := encoder.Chat(notice, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, second, _ := encoder.Chat(notice, nil)
		if string(first) != string(second) {
			t.Fatalf("encoded differently:\n%s\n%s", first, second)
		}
		var back struct {
			Chat struct {
				UserData map[string]jsontext.Value `json:"userData"`
			} `json:"chat"`
		}
		if err := json.Unmarshal(first, &back); err != nil {
			t.Fatal(err)
		}
		if len(back.Chat.UserData) != len(data) {
			t.Fatalf("%d keys of %d", len(back.Chat.UserData), len(data))
		}
		for k, v := range data {
			want, got := v.Clone(), back.Chat.UserData[k]
			if want.Kind() == '0' {
				if string(want) != string(got) {
					t.Fatalf("%q: number %s became %s", k, want, got)
				}
				continue
			}
			if err := want.Canonicalize(); err != nil {
				t.Fatal(err)
			}
			if err := got.Canonicalize(); err != nil || string(want) != string(got) {
				t.Fatalf("%q: %s became %s (%v)", k, v, got, err)
			}
		}
	})
}
