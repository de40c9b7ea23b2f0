package agentapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
)

// atOnce does things at the same moment, and returns their outcomes in order.
func atOnce(things ...func() string) []string {
	outcomes := make([]string, len(things))
	var ready, running sync.WaitGroup
	ready.Add(len(things))
	for i, thing := range things {
		running.Go(func() {
			ready.Done()
			ready.Wait()
			outcomes[i] = thing()
		})
	}
	running.Wait()
	return outcomes
}

// does is an operation on a chat, for atOnce: its outcome is the statusCode.
func (c *client) does(path, body string) func() string {
	return func() string { return c.post(path, body).code() }
}

// leaves is the customer's going.
func (h *house) leaves(cc desk.CustomerChat) error {
	_, err := h.Desk.CustomerDo(h.t.Context(), desk.Caller{Service: "support", ChatID: cc.ChatID, Key: cc.Key}, chat.Disconnect{}, nil)
	return err
}

// TestRaces lets two want the same chat at the same moment, many times (B3): whichever order the server puts them in, it is one of those that the table has,
// in the end everybody stands as it says, and a desktop's number of the last notification goes on without a gap.
func TestRaces(t *testing.T) {
	t.Parallel()
	const accept, complete = accepting, `{"operationName":"Complete"}`
	races := []struct {
		name    string
		prepare func(dana, omar *client, path string) // the chat is offered to Dana
		race    func(h *house, dana, omar *client, cc desk.CustomerChat, path string) []string
		want    map[string]string // by outcomes: how Dana and Omar stand then
	}{
		{
			"two windows accept", nil,
			func(_ *house, dana, _ *client, _ desk.CustomerChat, path string) []string {
				return atOnce(dana.does(path, accept), dana.does(path, accept))
			},
			map[string]string{"0 2": "Chatting 6", "2 0": "Chatting 6"},
		},
		{
			"she accepts in one window and rejects in the other", nil,
			func(_ *house, dana, _ *client, _ desk.CustomerChat, path string) []string {
				return atOnce(dana.does(path, accept), dana.does(path, `{"operationName":"Reject"}`))
			},
			map[string]string{"0 2": "Chatting 6", "6 0": "6 6"},
		},
		{
			"another agent accepts too", nil,
			func(_ *house, dana, omar *client, _ desk.CustomerChat, path string) []string {
				return atOnce(dana.does(path, accept), omar.does(path, accept))
			},
			map[string]string{"0 6": "Chatting 6"},
		},
		{
			"the customer goes", nil,
			func(h *house, dana, _ *client, cc desk.CustomerChat, path string) []string {
				return atOnce(dana.does(path, accept), func() string {
					if err := h.leaves(cc); err != nil {
						return err.Error()
					}
					return "0"
				})
			},
			map[string]string{"0 0": "Chatting 6", "6 0": "6 6"}, // B4
		},
		{
			"one accepts a transfer, the other completes",
			func(dana, omar *client, path string) {
				dana.ok(path, accept)
				dana.ok(path, `{"operationName":"Transfer","targetPath":"/users/`+directory.UserID("omar")+`"}`)
			},
			func(_ *house, dana, omar *client, _ desk.CustomerChat, path string) []string {
				return atOnce(omar.does(path, accept), dana.does(path, complete))
			},
			map[string]string{"0 6": "6 Chatting", "6 0": "6 6"},
		},
		{
			"both complete",
			func(dana, omar *client, path string) {
				dana.ok(path, accept)
				dana.ok(path, `{"operationName":"Invite","targetPath":"/users/`+directory.UserID("omar")+`"}`)
				omar.ok(path, accept)
			},
			func(_ *house, dana, omar *client, _ desk.CustomerChat, path string) []string {
				return atOnce(omar.does(path, complete), dana.does(path, complete))
			},
			map[string]string{"0 6": "6 6", "6 0": "6 6"},
		},
		{
			"both leave",
			func(dana, omar *client, path string) {
				dana.ok(path, accept)
				dana.ok(path, `{"operationName":"Invite","targetPath":"/users/`+directory.UserID("omar")+`"}`)
				omar.ok(path, accept)
			},
			func(_ *house, dana, omar *client, _ desk.CustomerChat, path string) []string {
				const leave = `{"operationName":"Leave"}`
				outcomes := atOnce(omar.does(path, leave), dana.does(path, leave))
				if dana.get(path).status == 200 {
					outcomes = append(outcomes, "Dana is the last")
				}
				return outcomes
			},
			map[string]string{"0 0": "6 LeftChat", "0 0 Dana is the last": "LeftChat 6"}, // B10
		},
	}
	for _, r := range races {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, nil)
			dana, omar := h.as("dana"), h.as("omar")
			dana.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
			omar.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
			for range 20 {
				dana.ok("/api/v2/me/channels/chat", `{"operationName":"Ready"}`)
				cc := h.arrive()
				path := dana.offered(cc.ChatID)
				dana.ok("/api/v2/me/channels/chat", `{"operationName":"NotReady"}`) // what she rejects does not come again
				if r.prepare != nil {
					r.prepare(dana, omar, path)
				}
				outcome := strings.Join(r.race(h, dana, omar, cc, path), " ")
				want, ok := r.want[outcome]
				if !ok {
					t.Fatalf("outcome %q, want one of %v", outcome, slices.Sorted(maps.Keys(r.want)))
				}
				standing := func(c *client) string {
					if r := c.get(path); r.status != 200 {
						return r.code()
					}
					return at[string](t, c.get(path), "chat", "state")
				}
				if got := standing(dana) + " " + standing(omar); got != want {
					t.Errorf("%s: Dana and Omar: %s, want %s", outcome, got, want)
				}
				if err := h.leaves(cc); err != nil {
					t.Error(err)
				}
				for _, c := range []*client{dana, omar} {
					c.post(path, complete) // if she has it
				}
			}
			for _, name := range []string{"dana", "omar"} {
				h.feedIsWhole(name)
				if s, err := h.Desk.Agent(t.Context(), directory.UserID(name)); err != nil || len(s.Holds) > 0 || s.Load() != 0 {
					t.Errorf("%s holds something in the end: %+v, %v", name, s, err)
				}
			}
			if waiting, err := h.Desk.Store.Waiting(t.Context()); err != nil || len(waiting) > 0 {
				t.Errorf("in the end there wait %v, %v", waiting, err)
			}
		})
	}
}

// feedIsWhole checks that an agent's notifications are numbered without a gap, and that the messages of each chat come in the order of their index.
func (h *house) feedIsWhole(name string) (feed []store.Notification) {
	h.t.Helper()
	epoch, err := h.Desk.Head(h.t.Context(), directory.UserID("guest")) // who has never been told anything
	if err != nil {
		h.t.Fatal(err)
	}
	feed, err = h.Desk.Feed(h.t.Context(), directory.UserID(name), epoch, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	last := map[string]int64{}
	for i, n := range feed {
		var data struct {
			ChatURI  string `json:"chatUri"`
			Messages []struct {
				Index int64 `json:"index"`
			} `json:"messages"`
		}
		if err := json.Unmarshal(n.Data, &data); err != nil || n.N != epoch+int64(i)+1 {
			h.t.Fatalf("%s: notification %d: %v", name, n.N-epoch, err)
		}
		for _, m := range data.Messages {
			if m.Index <= last[data.ChatURI] {
				h.t.Errorf("%s: message %d after %d", name, m.Index, last[data.ChatURI])
			}
			last[data.ChatURI] = m.Index
		}
	}
	return feed
}

// TestEndAgainstSend: a supervisor takes an agent off a chat while she writes in it (H5). There is one order for all: what was answered with success is in the
// transcript, for everybody at the same place, before she goes; what came later was refused.
func TestEndAgainstSend(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana, ines := h.as("dana"), h.as("ines")
	ines.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
	for round, end := range []string{"Offline", "Transfer", "Offline", "Transfer"} {
		dana.startWork()
		cc := h.arrive()
		path := dana.accepted(cc.ChatID)
		ines.ok("/api/v2/users/"+directory.UserID("dana")+"/chats/"+cc.ChatID, `{"operationName":"Intrude","supervisorVisibilityMode":"BargeIn"}`)
		ines.ok(path, accepting)
		var mu sync.Mutex
		accepted := map[string]bool{}
		var things []func() string
		for writer := range 4 {
			things = append(things, func() string {
				for i := range 10 {
					text := fmt.Sprintf("%d.%d.%d", round, writer, i)
					r := dana.post(path, `{"operationName":"SendMessage","text":"`+text+`"}`)
					switch r.code() {
					case "0":
						mu.Lock()
						accepted[text] = true
						mu.Unlock()
					case "6":
					default:
						t.Errorf("%s: %d %s", text, r.status, r.body)
					}
				}
				return ""
			})
		}
		things = append(things, func() string {
			for range 3 {
				ines.ok(path, `{"operationName":"SendMessage","text":"I take over"}`)
			}
			if end == "Offline" {
				return ines.post(channelOfUser("dana"), `{"operationName":"Offline"}`).code()
			}
			return ines.post(path, `{"operationName":"Transfer","queueName":"billing"}`).code()
		})
		if outcomes := atOnce(things...); outcomes[len(things)-1] != "0" {
			t.Fatalf("%s: %v", end, outcomes)
		}
		after := dana.get(path) // a member stays when a chat is handed to a queue (4.8)
		if (after.status == 200) != (end == "Transfer") {
			t.Errorf("%s: Dana: %d %s", end, after.status, after.body)
		}
		texts := map[string]int64{}
		var indices []int64
		gone := int64(0)
		seen, err := h.customer(cc).Messages(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range seen {
			indices = append(indices, m.Index)
			if m.Type == chat.TextMessage && m.From.UserID == directory.UserID("dana") {
				texts[m.Text] = m.Index
			}
			if m.Type == chat.ParticipantLeft && m.From.UserID == directory.UserID("dana") {
				gone = m.Index
			}
		}
		for i, index := range indices {
			if index != int64(i)+1 {
				t.Fatalf("%s: the customer sees %v", end, indices)
			}
		}
		if !maps.EqualFunc(texts, accepted, func(int64, bool) bool { return true }) {
			t.Errorf("%s: %d texts in the transcript, %d were accepted", end, len(texts), len(accepted))
		}
		for text, index := range texts {
			if end == "Offline" && index > gone {
				t.Errorf("%s at %d, after she was gone at %d", text, index, gone)
			}
		}
		for _, name := range []string{"dana", "ines"} {
			for _, n := range h.feedIsWhole(name) {
				for text, index := range texts {
					if strings.Contains(string(n.Data), `"`+text+`"`) && !strings.Contains(string(n.Data), fmt.Sprintf(`"index":%d,`, index)) {
						t.Errorf("%s: %s has another index than %d: %s", name, text, index, n.Data)
					}
				}
			}
		}
		dana.post(path, `{"operationName":"Complete"}`)
		if err := h.leaves(cc); err != nil {
			t.Error(err)
		}
	}
}

// TestParallelReferences: requests at the same moment get different referenceIds, 1, 2, 3 … without a gap, also if some are refused; each notification has that of its
// request (agent-api 1.6).
func TestParallelReferences(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	dana := h.as("dana")
	dana.startWork()
	path := dana.accepted(h.arrive().ChatID) // 1
	const n = 24
	var things []func() string
	for i := range n {
		things = append(things,
			func() string {
				r := dana.post(path, fmt.Sprintf(`{"operationName":"SetDisposition","disposition":"d%d"}`, i))
				return string(r.members["referenceId"]) + fmt.Sprintf(" d%d", i)
			},
			dana.does(path, `{"operationName":"SetDisposition","disposition":7}`),
			dana.does(path, `{"operationName":"Consult","targetPath":"/users/`+directory.UserID("dana")+`"}`))
	}
	want := map[string]string{} // disposition by referenceId
	for i, outcome := range atOnce(things...) {
		if ref, said, ok := strings.Cut(outcome, " "); ok {
			want[ref] = said
		} else if refused := []string{"", "10", "2"}[i%3]; outcome != refused {
			t.Errorf("%s, want %s", outcome, refused)
		}
	}
	for i := range n {
		if ref := fmt.Sprint(i + 2); want[ref] == "" {
			t.Errorf("nothing has referenceId %s: %v", ref, want)
		}
	}
	for _, notification := range h.feedIsWhole("dana") {
		var data struct {
			Type        string `json:"notificationType"`
			ReferenceID int    `json:"referenceId"`
			Chat        struct {
				UserData map[string]string `json:"userData"`
			} `json:"chat"`
		}
		if err := json.Unmarshal(notification.Data, &data); err != nil {
			t.Fatal(err)
		}
		if ref := fmt.Sprint(data.ReferenceID); data.Type == "PropertiesUpdated" && data.Chat.UserData["DispositionCode"] != want[ref] {
			t.Errorf("referenceId %s tells of %s, want %s", ref, data.Chat.UserData, want[ref])
		}
	}
}

const accepting = `{"operationName":"Accept"}`
