package chat_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
)

var update = flag.Bool("update", false, "write the golden files anew")

var began = time.Date(2026, 3, 11, 8, 41, 7, 0, time.UTC)

// story is a chat that a test tells command by command. It writes down what every party gets to know.
type story struct {
	t     *testing.T
	state chat.State
	log   []chat.Event
	now   time.Time
	refs  map[string]int64
	joins int
	told  strings.Builder // what happened since the last call of given
}

func newStory(t *testing.T) *story {
	t.Helper()
	return &story{t: t, state: chat.State{ID: "0004XaGQ7T2H001K"}, now: began, refs: map[string]int64{}}
}

// waiting is a story in which Pat waits in the queue "parcels" and has said something.
func waiting(t *testing.T) *story {
	t.Helper()
	s := newStory(t)
	s.pat(chat.Start{
		Service: "support", Queue: "parcels", Text: "Where is my parcel?",
		Customer: chat.Participant{ID: "PAT", Nickname: "Pat"}, UserData: chat.UserData{"Subject": jsontext.Value(`"Late parcel"`)},
	})
	s.given()
	return s
}

// withDana is a story in which Dana has taken Pat's chat.
func withDana(t *testing.T) *story {
	t.Helper()
	s := waiting(t)
	s.system(chat.Offer{UserID: "dana", Deadline: s.now.Add(30 * time.Second)})
	s.agent("dana", chat.Accept{})
	s.given()
	return s
}

// conference adds Omar, whom Dana has invited and whom Pat sees.
func conference(t *testing.T) *story {
	t.Helper()
	s := withDana(t)
	s.agent("dana", chat.Invite{UserID: "omar"})
	s.agent("omar", chat.Accept{})
	s.given()
	return s
}

// consultation adds Omar, whom Dana consults and whom Pat does not see.
func consultation(t *testing.T) *story {
	t.Helper()
	s := withDana(t)
	s.agent("dana", chat.Consult{UserID: "omar"})
	s.agent("omar", chat.Accept{})
	s.given()
	return s
}

// supervised adds Ines, a supervisor in the given mode, to a story.
func supervised(begin func(*testing.T) *story, m chat.Mode) func(*testing.T) *story {
	return func(t *testing.T) *story {
		t.Helper()
		s := begin(t)
		must(t, s.supervise("ines", m))
		s.given()
		return s
	}
}

// given forgets what was told so far: it was only the way to where the story begins.
func (s *story) given() { s.told.Reset() }

func (s *story) pat(a chat.Action) error {
	return s.does("pat", chat.Actor{Kind: chat.ByCustomer}, a)
}

func (s *story) system(a chat.Action) error {
	return s.does("system", chat.Actor{Kind: chat.BySystem}, a)
}

func (s *story) agent(user string, a chat.Action) error {
	if accept, ok := a.(chat.Accept); ok && accept.ParticipantID == "" {
		s.joins++
		accept.ParticipantID = fmt.Sprintf("%s%d", strings.ToUpper(user), s.joins)
		accept.Nickname = cmp.Or(accept.Nickname, strings.ToUpper(user[:1])+user[1:])
		a = accept
	}
	return s.does(user, chat.Actor{Kind: chat.ByAgent, UserID: user}, a)
}

// supervisor is agent for those who need no projection of the chat.
func (s *story) supervisor(user string, a chat.Action) error {
	return s.does(user, chat.Actor{Kind: chat.BySupervisor, UserID: user}, a)
}

// supervise brings a supervisor in who monitors Dana.
func (s *story) supervise(user string, m chat.Mode) error {
	s.joins++
	return s.system(chat.Supervise{
		UserID: user, Mode: m, Watched: "dana",
		Nickname: strings.ToUpper(user[:1]) + user[1:], ParticipantID: fmt.Sprintf("%s%d", strings.ToUpper(user), s.joins),
	})
}

// does decides a command a second after the last one and tells what it leads to.
func (s *story) does(name string, actor chat.Actor, a chat.Action) error {
	s.now = s.now.Add(time.Second)
	s.refs[name]++
	events, err := chat.Decide(s.state, chat.Command{Actor: actor, RefID: s.refs[name], Action: a}, s.now)
	fmt.Fprintf(&s.told, "%s: %s\n", name, describe(a))
	if err != nil {
		fmt.Fprintf(&s.told, "  refused: %v\n", err)
		return err
	}
	before := s.state
	for _, e := range events {
		s.state = s.state.Apply(e)
	}
	s.log = append(s.log, events...)
	last := ""
	for _, n := range chat.Notices(before, events, s.state) {
		if n.To != last {
			last = n.To
			fmt.Fprintf(&s.told, "  %s\n", n.To)
		}
		fmt.Fprintf(&s.told, "    %s\n", s.notice(n))
	}
	seen := chat.CustomerTranscript(events, 0, s.now)
	_, was := before.Customer()
	_, in := s.state.Customer()
	if len(seen) > 0 || was && !in {
		fmt.Fprintf(&s.told, "  pat\n")
		for _, m := range seen {
			fmt.Fprintf(&s.told, "    %d %s\n", m.From.Number, line(m))
		}
		if was && !in {
			fmt.Fprintf(&s.told, "    chat ended\n")
		}
	}
	if before.Phase != s.state.Phase || fmt.Sprint(before.Waiting) != fmt.Sprint(s.state.Waiting) {
		fmt.Fprintf(&s.told, "  chat\n    %s", s.state.Phase)
		if p := s.state.Waiting; p != nil {
			fmt.Fprintf(&s.told, ", in queue %s since %s", p.Queue, p.Since.Format(time.TimeOnly))
		}
		fmt.Fprintln(&s.told)
	}
	return nil
}

// describe is an action as a line of a story.
func describe(a chat.Action) string {
	text := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T%+v", a, a), "chat."), "{}")
	for _, noise := range []string{"0001-01-01 00:00:00 +0000 UTC", " SaveLAR:false", " Farewell:{Text: MessageType: TreatAs:}", "Farewell:{Text: MessageType: TreatAs:}"} {
		text = strings.ReplaceAll(text, noise, "")
	}
	for _, empty := range []string{" Deadline:", " Queue:", " MessageType:", " TreatAs:", "Attributes:", "Queue:"} {
		text = strings.ReplaceAll(text, empty+" ", " ")
		text = strings.ReplaceAll(text, empty+"}", "}")
	}
	text = strings.NewReplacer("UserID: ", "", "{ ", "{").Replace(text)
	return strings.TrimSuffix(text, "{}")
}

func (s *story) notice(n chat.Notice) string {
	ref := ""
	if n.RefID != 0 {
		ref = fmt.Sprintf(" ref=%d", n.RefID)
	}
	switch n.Kind {
	case chat.NewMessages:
		messages := n.Messages
		if n.History {
			messages = chat.Transcript(s.log, n.To, s.state)
		}
		lines := make([]string, len(messages))
		for i, m := range messages {
			lines[i] = line(m)
		}
		if n.History {
			return "NewMessages, history:\n      " + strings.Join(lines, "\n      ")
		}
		return "NewMessages: " + strings.Join(lines, "; ")
	case chat.PropertiesUpdated:
		return fmt.Sprintf("%s%s %s %s", n.Kind, ref, n.Chat.State, data(n.Chat.UserData))
	case chat.ErrorNotice:
		return fmt.Sprintf("%s%s %s %d %q", n.Kind, ref, n.Chat.State, n.ErrorCode, n.ErrorMessage)
	}
	names := []string{}
	for _, p := range n.Chat.Participants {
		names = append(names, fmt.Sprintf("%s(%s)", p.Nickname, p.Visibility))
	}
	return fmt.Sprintf("%s%s %s, capabilities %s, participants [%s]", n.Kind, ref, n.Chat.State, listName(n.Chat.Capabilities), strings.Join(names, " "))
}

func line(m chat.Message) string {
	text := fmt.Sprintf("[%d] %s %s, %s", m.Index, m.Type, m.From.Nickname, m.Visibility)
	for _, part := range []string{m.Text, m.Label, m.TreatAs, string(m.Attributes)} {
		if part != "" {
			text += fmt.Sprintf(" %q", part)
		}
	}
	return text
}

func data(d chat.UserData) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(d)) {
		fmt.Fprintf(&b, "%s=%s ", k, d[k])
	}
	return strings.TrimSpace(b.String())
}

// listName is the row of agent-api 3.5 that a list of capabilities is.
func listName(list []chat.Operation) string {
	for name, documented := range capabilityRows {
		if slices.Equal(list, operations(documented)) {
			return name
		}
	}
	return fmt.Sprint(list)
}

func operations(names string) []chat.Operation {
	var list []chat.Operation
	for _, name := range strings.Fields(strings.ReplaceAll(names, ",", " ")) {
		list = append(list, chat.Operation(name))
	}
	return list
}

// golden compares what was told with testdata/name.txt.
func (s *story) golden(name string) {
	s.t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(s.told.String()), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatalf("%v (go test -update writes it)", err)
	}
	if got := s.told.String(); got != string(want) {
		s.t.Errorf("%s: told\n%s\nwant\n%s", path, got, want)
	}
}

// must tells a part of a story that is not to be refused.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kindOf names the kind of a refusal.
func kindOf(err error) string {
	for name, kind := range map[string]error{
		"missing": chat.ErrMissing, "state": chat.ErrState, "not allowed": chat.ErrNotAllowed, "not found": chat.ErrNotFound, "ended": chat.ErrEnded,
	} {
		if errors.Is(err, kind) {
			return name
		}
	}
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, chat.ErrTooLong):
		return "too long"
	case errors.Is(err, chat.ErrInvalid):
		return "invalid"
	}
	return err.Error()
}
