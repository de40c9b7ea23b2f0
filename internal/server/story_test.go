package server_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/customer"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// The main job, from the customer's first word to an empty desk, over each transport: who is told what, in which order. The fields of
// every notification are held against golden files by the published clients' telling of the same story in interop/node.
func TestStory(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{bayeuxclient.LongPolling, bayeuxclient.WebSocket} {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/ack=%v", transport, ack), func(t *testing.T) {
				t.Parallel()
				tellStory(t, transport, ack)
			})
		}
	}
}

func tellStory(t *testing.T, transport string, ack bool) {
	srv := servertest.Start(t)
	comes := func(o *servertest.AgentOptions) { o.Transport, o.Ack = transport, ack }
	dana := srv.Agent(t, "dana", comes)
	omar := srv.Agent(t, "omar", comes, func(o *servertest.AgentOptions) {
		o.NotReady, o.Topics = true, []string{"/v2/me/chats", "/**"}
	})

	pat := srv.Customer(t, "support", customer.Param{Name: "nickname", Value: "Pat"},
		customer.Param{Name: "subject", Value: "Late parcel"}, customer.Param{Name: "userData[order]", Value: "4711"})
	pat.Say("Where is my parcel?")
	id := dana.Accept()
	dana.Say("I'll have a look")
	pat.WaitText("I'll have a look")
	dana.Operate(id, "SendStartTypingNotification", nil)
	pat.Wait("dana's typing", func(m customer.Message) bool { return m.Type == "TypingStarted" && m.From.Type == "Agent" })
	dana.Operate(id, "SendStopTypingNotification", nil)
	pat.Say("Thank you")
	dana.WaitText("Thank you")

	dana.Operate(id, "AttachUserData", map[string]any{"userData": map[string]any{"parcel": 12}})
	dana.Operate(id, "UpdateUserData", map[string]any{"userData": map[string]any{"order": "4712"}})
	dana.Operate(id, "DeleteUserData", map[string]any{"keys": []string{"parcel", "never-there"}})
	dana.Operate(id, "SetDisposition", map[string]any{"disposition": "refunded"})
	dana.Operate(id, "SetInFocus", nil)
	pat.Leave()
	dana.Wait("pat's leaving", func(n servertest.Notice) bool {
		return n.NotificationType == "ParticipantsUpdated" && !has(n, "SendMessage")
	})
	dana.Complete()
	dana.WaitState(id, "Completed")

	want := []string{
		"channels NotReady",
		"channels Ready",
		"StatusChange Invited [Accept Reject] {Subject order}",
		"StatusChange Chatting ref 1 [Transfer … SendCustomNotice] {Subject order}",
		"ParticipantsUpdated Chatting [Transfer … SendCustomNotice] Pat Dana {Subject order}",
		"NewMessages 1 ParticipantJoined Pat, 2 Text Pat, 3 ParticipantJoined Dana",
		"NewMessages 4 Text Dana",
		"NewMessages 5 TypingStarted Dana",
		"NewMessages 6 TypingStopped Dana",
		"NewMessages 7 Text Pat",
		"PropertiesUpdated Chatting ref 2 [Transfer … SendCustomNotice] Pat Dana {Subject order parcel}",
		"PropertiesUpdated Chatting ref 3 [Transfer … SendCustomNotice] Pat Dana {Subject order parcel}",
		"PropertiesUpdated Chatting ref 4 [Transfer … SendCustomNotice] Pat Dana {Subject order}",
		"PropertiesUpdated Chatting ref 5 [Transfer … SendCustomNotice] Pat Dana {DispositionCode Subject order}",
		"NewMessages 8 ParticipantLeft Pat",
		"ParticipantsUpdated Chatting [Leave … Complete] Dana {DispositionCode Subject order}",
		"StatusChange Completed ref 6 [] {DispositionCode Subject order}",
	}
	if got := told(t, dana); !slices.Equal(got, want) {
		t.Errorf("dana was told:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	// Her own channel comes through "/**"; nothing else does.
	if got := told(t, omar); !slices.Equal(got, []string{"channels NotReady"}) {
		t.Errorf("omar was told:\n  %s", strings.Join(got, "\n  "))
	}
	if a := dana.Do("GET", "/me/chats", nil); !strings.HasSuffix(string(a.Body), `,"uris":[]}`) {
		t.Errorf("dana's chats at the end: %s", a.Body)
	}
}

func has(n servertest.Notice, operation string) bool {
	return slices.Contains(n.Chat.Capabilities, operation)
}

// told renders what an agent was told, a line for each notification.
func told(t *testing.T, a *servertest.Agent) []string {
	t.Helper()
	var lines []string
	for _, n := range a.Notices() {
		var d struct {
			ReferenceID int64 `json:"referenceId"`
			Chat        struct {
				State        string                    `json:"state"`
				Capabilities []string                  `json:"capabilities"`
				Participants []participant             `json:"participants"`
				UserData     map[string]jsontext.Value `json:"userData"`
			} `json:"chat"`
			Messages []struct {
				Index int64       `json:"index"`
				Type  string      `json:"type"`
				From  participant `json:"from"`
			} `json:"messages"`
		}
		if err := json.Unmarshal(n.Data, &d); err != nil {
			t.Fatal(err)
		}
		switch n.MessageType {
		case "ChannelStateChangeMessageV2":
			lines = append(lines, "channels "+n.Channels[0].UserState.State)
		case "MessageLogUpdated":
			var ms []string
			for _, m := range d.Messages {
				ms = append(ms, fmt.Sprintf("%d %s %s", m.Index, m.Type, m.From.Nickname))
			}
			lines = append(lines, "NewMessages "+strings.Join(ms, ", "))
		default:
			line := n.NotificationType + " " + d.Chat.State
			if d.ReferenceID != 0 {
				line += fmt.Sprintf(" ref %d", d.ReferenceID)
			}
			caps := d.Chat.Capabilities
			if len(caps) > 2 {
				caps = []string{caps[0], "…", caps[len(caps)-1]}
			}
			line += fmt.Sprint(" ", caps)
			for _, p := range d.Chat.Participants {
				line += " " + p.Nickname
			}
			lines = append(lines, line+fmt.Sprintf(" {%s}", strings.Join(slices.Sorted(maps.Keys(d.Chat.UserData)), " ")))
		}
	}
	return lines
}

type participant struct {
	Nickname string `json:"nickname"`
}
