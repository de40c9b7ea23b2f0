package chat_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/halley-chat/halley/internal/chat"
)

// agents and supervisors of random chats. Fay never takes part: she is who can always be asked.
var (
	agents      = []string{"dana", "omar", "ines"}
	supervisors = []string{"gil", "hal"}
	staff       = slices.Concat(agents, supervisors)
)

// desktop is what an agent's client knows of a chat from the notifications alone.
type desktop struct {
	view     chat.Resource
	messages []chat.Message // without typing
}

// world is a random chat with everything needed to check it.
type world struct {
	state     chat.State
	log       []chat.Event
	now       time.Time
	joins     int
	desktops  map[string]*desktop
	referred  map[reference]bool // a referenceId comes once (agent-api 1.6)
	snapshots []snapshot
}

// reference is a referenceId that an agent was told.
type reference struct {
	to string
	id int64
}

// snapshot is a state with what it looked like when it was new.
type snapshot struct {
	state chat.State
	look  string
}

// TestRandomChats runs random commands and checks after each what must always hold.
func TestRandomChats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{state: chat.State{ID: "C"}, now: began, desktops: map[string]*desktop{}, referred: map[reference]bool{}}
		w.run(t, chat.Command{Actor: chat.Actor{Kind: chat.ByCustomer}, Action: chat.Start{
			Service: "support", Queue: "parcels", Customer: chat.Participant{ID: "PAT", Nickname: "Pat"},
			UserData: chat.UserData{"Subject": jsontext.Value(`"x"`)},
		}})
		if rapid.IntRange(0, 9).Draw(t, "taken") > 0 {
			w.system(t, chat.Offer{UserID: "dana"})
			w.accept(t, "dana")
		}
		if ask := rapid.SampledFrom([]chat.Action{nil, chat.Consult{UserID: "omar"}, chat.Invite{UserID: "omar"}}).Draw(t, "asks"); ask != nil {
			w.run(t, w.by("dana", ask))
			w.accept(t, "omar")
		}
		if rapid.Bool().Draw(t, "supervised") {
			w.joins++
			w.run(t, w.supervision(t))
		}
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(-500, 2000).Draw(t, "ms")) * time.Millisecond)
			w.run(t, w.command(t))
		}
		for _, s := range w.snapshots {
			if look := fmt.Sprintf("%+v", s.state); look != s.look {
				t.Fatalf("a state was changed after it was made: now\n%s, was\n%s", look, s.look)
			}
		}
	})
}

func (w *world) system(t *rapid.T, a chat.Action) {
	w.run(t, chat.Command{Actor: chat.Actor{Kind: chat.BySystem}, Action: a})
}

func (w *world) accept(t *rapid.T, user string) {
	w.joins++
	w.run(t, w.by(user, chat.Accept{ParticipantID: fmt.Sprint("P", w.joins), Nickname: user}))
}

// command draws a command: mostly one that takes the chat somewhere, now and then one that ends something, and sometimes any at all.
func (w *world) command(t *rapid.T) chat.Command {
	w.joins++
	switch dice := rapid.IntRange(0, 99).Draw(t, "dice"); {
	case dice < 10:
		return w.anything(t)
	case dice < 18:
		return w.ending(t)
	case dice < 28:
		return chat.Command{Actor: chat.Actor{Kind: chat.ByCustomer}, Action: rapid.SampledFrom([]chat.Action{
			chat.Say{Text: "hello"},
			chat.Say{Text: "hi", Attributes: jsontext.Value(`{ "a": 1 }`)},
			chat.Say{Text: "ho", Attributes: jsontext.Value("{}")},
			chat.Type{Preview: "he"},
			chat.Type{},
			chat.StopTyping{},
			chat.PreviewText{Preview: "hel"},
			chat.UpdateData{UserData: chat.UserData{"Order": jsontext.Value("4711")}},
		}).Draw(t, "customer")}
	case dice < 50:
		return w.supervision(t)
	}
	if !w.state.EndedAt.IsZero() && rapid.Bool().Draw(t, "aside") {
		user, bin := rapid.SampledFrom(staff).Draw(t, "user"), rapid.SampledFrom(staff[:2]).Draw(t, "bin")
		return w.by(user, rapid.SampledFrom([]chat.Action{chat.AddChat{Workbin: bin}, chat.PullChat{Workbin: bin}}).Draw(t, "workbin"))
	}
	if user, ok := w.someone(t, staff, chat.Invited); ok && rapid.Bool().Draw(t, "answer") {
		return w.by(user, chat.Accept{ParticipantID: fmt.Sprint("P", w.joins), Nickname: user, SaveLAR: rapid.Bool().Draw(t, "saveLAR")})
	}
	if (w.state.Waiting != nil || w.state.Asking != nil) && rapid.Bool().Draw(t, "route") {
		return chat.Command{Actor: chat.Actor{Kind: chat.BySystem}, Action: chat.Offer{
			UserID: rapid.SampledFrom(staff).Draw(t, "to"), Deadline: w.now.Add(30 * time.Second),
		}}
	}
	user, ok := w.someone(t, staff, chat.Chatting)
	if !ok {
		return w.anything(t)
	}
	other := rapid.SampledFrom(staff).Draw(t, "other")
	if colleague, ok := w.someone(t, staff, chat.Chatting); ok && rapid.Bool().Draw(t, "from within") {
		other = colleague
	}
	return w.by(user, rapid.SampledFrom([]chat.Action{
		chat.Consult{UserID: other},
		chat.Invite{UserID: other},
		chat.Consult{Queue: "claims", Deadline: w.now.Add(time.Minute)},
		chat.Invite{Queue: "claims"},
		chat.Transfer{UserID: other, Farewell: chat.Farewell{Text: "bye"}},
		chat.Transfer{Queue: "claims"},
		chat.SendMessage{Text: "hello"},
		chat.SendToAgents{Text: "hm"},
		chat.SendURL{URL: "https://example.com"},
		chat.SendStartTypingNotification{},
		chat.SendStartTypingToAgentsNotification{},
		chat.SendStopTypingNotification{},
		chat.AttachUserData{UserData: chat.UserData{"k": jsontext.Value(`[1, 2]`)}},
		chat.DeleteUserData{Keys: []string{"k", "Order"}},
		chat.SetDisposition{Key: "DispositionCode", Disposition: "refunded"},
		chat.SetInFocus{},
		chat.RemoveParticipantFromConference{UserID: other},
	}).Draw(t, "operation"))
}

// supervision draws what supervisors do, and what the system does for them.
func (w *world) supervision(t *rapid.T) chat.Command {
	user := rapid.SampledFrom(supervisors).Draw(t, "supervisor")
	mode := rapid.SampledFrom([]chat.Mode{chat.Monitor, chat.Coach, chat.BargeIn}).Draw(t, "mode")
	if w.state.Seats[user].State == chat.Chatting {
		return w.by(user, rapid.SampledFrom([]chat.Action{
			chat.SwitchToMonitor{},
			chat.SwitchToCoach{},
			chat.SwitchToBargeIn{},
			chat.SendMessage{Text: "hello"},
			chat.SendToAgents{Text: "hm"},
			chat.SendStartTypingNotification{},
			chat.SendStartTypingToAgentsNotification{},
			chat.Leave{Farewell: chat.Farewell{Text: "bye"}},
		}).Draw(t, "by supervisor"))
	}
	watched, ok := w.someone(t, staff, chat.Chatting)
	if !ok {
		return w.anything(t)
	}
	if rapid.Bool().Draw(t, "intrude") {
		return chat.Command{
			Actor: chat.Actor{Kind: chat.BySupervisor, UserID: user}, RefID: int64(w.joins), Action: chat.Intrude{Watched: watched, Mode: mode},
		}
	}
	return chat.Command{Actor: chat.Actor{Kind: chat.BySystem}, Action: chat.Supervise{
		UserID: user, Nickname: user, Mode: mode, ParticipantID: fmt.Sprint("P", w.joins), Watched: watched,
	}}
}

// ending draws a command that takes somebody out.
func (w *world) ending(t *rapid.T) chat.Command {
	user := rapid.SampledFrom(staff).Draw(t, "user")
	typist := rapid.SampledFrom(append(slices.Sorted(maps.Keys(w.state.Typing)), "PAT")).Draw(t, "typist")
	customer, system := chat.Actor{Kind: chat.ByCustomer}, chat.Actor{Kind: chat.BySystem}
	return rapid.SampledFrom([]chat.Command{
		w.by(user, chat.Reject{}),
		w.by(user, chat.Leave{Farewell: chat.Farewell{Text: "bye"}}),
		w.by(user, chat.Leave{}),
		w.by(user, chat.Complete{}),
		w.by(user, chat.Complete{Queue: "claims"}),
		{Actor: system, Action: chat.EndOffer{UserID: user, OfferSeq: w.state.Seats[user].OfferSeq, Reason: chat.OfferTimedOut}},
		{Actor: system, Action: chat.AskTimeout{Seq: w.asking()}},
		{Actor: system, Action: chat.DropAgent{UserID: user}},
		{Actor: system, Action: chat.TypingTimeout{ParticipantID: typist, Since: w.state.At}},
		{Actor: system, Action: chat.CustomerLost{}},
		{Actor: customer, Action: chat.Disconnect{}},
	}).Draw(t, "ending")
}

// asking is the number of the wish for a colleague that is open, or else of the chat's last event.
func (w *world) asking() int64 {
	if w.state.Asking != nil {
		return w.state.Asking.Seq
	}
	return w.state.Seq
}

// anything draws an operation of an agent who may or may not be in a position to do it. Nobody answers for Fay: she stands for those who are never asked.
func (w *world) anything(t *rapid.T) chat.Command {
	actions := slices.DeleteFunc(suitable(rapid.SampledFrom(staff).Draw(t, "colleague")), func(a chat.Action) bool {
		return strings.Contains(fmt.Sprint(a), "fay")
	})
	user := rapid.SampledFrom(staff).Draw(t, "user")
	a := rapid.SampledFrom(actions).Draw(t, "anything")
	if _, ok := a.(chat.Accept); ok {
		a = chat.Accept{ParticipantID: fmt.Sprint("P", w.joins), Nickname: user}
	}
	return w.by(user, a)
}

func (w *world) by(user string, a chat.Action) chat.Command {
	return chat.Command{Actor: chat.Actor{Kind: chat.ByAgent, UserID: user}, RefID: int64(w.joins), Action: a}
}

// someone draws one of those who see the chat in this state.
func (w *world) someone(t *rapid.T, among []string, state chat.ViewState) (string, bool) {
	var users []string
	for _, user := range among {
		if w.state.Seats[user].State == state {
			users = append(users, user)
		}
	}
	if len(users) == 0 {
		return "", false
	}
	return rapid.SampledFrom(users).Draw(t, "someone"), true
}

func (w *world) run(t *rapid.T, c chat.Command) {
	before := w.state
	events, err := chat.Decide(before, c, w.now)
	if err != nil {
		if len(events) > 0 {
			t.Fatalf("%s: refused with events", c.Action.Operation())
		}
		return
	}
	if before.Phase == chat.Finished && len(events) > 0 {
		t.Fatalf("%s: %d events after the end", c.Action.Operation(), len(events))
	}
	for _, e := range events {
		w.checkMaker(t, e)
		w.state = w.state.Apply(e)
		w.log = append(w.log, e)
	}
	w.snapshots = append(w.snapshots, snapshot{w.state, fmt.Sprintf("%+v", w.state)})
	w.checkLog(t)
	w.checkState(t)
	w.checkAsk(t)
	w.checkCapabilities(t)
	w.checkCustomer(t, c)
	w.checkNotices(t, c, before, events)
}

// checkMaker: nothing is more visible than who does it, as she is when she does it (agent-api 5.2.3).
func (w *world) checkMaker(t *rapid.T, e chat.Event) {
	general, ok := chat.MessageOf(e)
	if !ok {
		return
	}
	rank := []chat.Visibility{chat.VisibleToSupervisors, chat.VisibleToAgents, chat.VisibleToAll}
	for _, user := range append([]string{""}, staff...) {
		m := general
		if user != "" {
			if m, ok = chat.MessageTo(e, w.state.Apply(e).Seats[user]); !ok {
				continue
			}
		}
		if slices.Index(rank, m.Visibility) > slices.Index(rank, m.From.Visibility) {
			t.Fatalf("%s for %q is more visible than its maker: %+v", e.Body.Kind(), user, m)
		}
	}
	if general.Type == chat.ParticipantJoined {
		return
	}
	if !slices.Contains(w.state.Participants, general.From) {
		t.Fatalf("%s is from %+v, who is not in: %+v", e.Body.Kind(), general.From, w.state.Participants)
	}
}

// checkLog: numbers without gaps, times that do not go back, and a log that gives the same state again after having been stored.
func (w *world) checkLog(t *rapid.T) {
	var index int64
	back := make([]chat.Event, len(w.log))
	for i, e := range w.log {
		if e.Seq != int64(i+1) || e.ChatID != w.state.ID {
			t.Fatalf("event %d has seq %d of chat %s", i+1, e.Seq, e.ChatID)
		}
		if _, ok := chat.MessageOf(e); ok != (e.Index != 0) {
			t.Fatalf("%s has index %d", e.Body.Kind(), e.Index)
		}
		if e.Index != 0 {
			index++
			if e.Index != index {
				t.Fatalf("index %d, want %d", e.Index, index)
			}
		}
		if i > 0 && e.At.Before(w.log[i-1].At) {
			t.Fatalf("event %d at %v, after one at %v", i+1, e.At, w.log[i-1].At)
		}
		raw, err := chat.EncodeBody(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		if e.Body, err = chat.DecodeBody(e.Body.Kind(), raw); err != nil {
			t.Fatal(err)
		}
		back[i] = e
	}
	if !reflect.DeepEqual(back, w.log) {
		t.Fatalf("the log came back as\n%+v, was\n%+v", back, w.log)
	}
	if got := chat.Replay(w.state.ID, back); !reflect.DeepEqual(got, w.state) {
		t.Fatalf("replayed\n%+v, want\n%+v", got, w.state)
	}
	if index != w.state.LastIndex {
		t.Fatalf("LastIndex %d, want %d", w.state.LastIndex, index)
	}
}

// checkState: what hangs together, hangs together.
func (w *world) checkState(t *rapid.T) {
	s := w.state
	_, in := s.Customer()
	routed, transfers, owners, served, supervised := 0, 0, 0, false, false
	for user, seat := range s.Seats {
		if !seat.Live() {
			t.Fatalf("%s keeps a seat that is %s", user, seat.State)
		}
		if seat.State == chat.Invited && seat.InvitedBy == "" && seat.Role != chat.Supervisor {
			routed++
		}
		supervised = supervised || seat.Role == chat.Supervisor
		if seat.State == chat.Invited && seat.InvitedBy != "" {
			if s.Seats[seat.InvitedBy].State != chat.Chatting {
				t.Fatalf("%s is invited by %s, who is not in", user, seat.InvitedBy)
			}
			if seat.Role == chat.Owner {
				transfers++
			}
		}
		if isIn := slices.ContainsFunc(s.Participants, func(p chat.Participant) bool { return p.UserID == user }); isIn != (seat.State == chat.Chatting) {
			t.Fatalf("%s is %s, in: %v", user, seat.State, isIn)
		}
	}
	for _, p := range s.Participants {
		if seat := s.Seats[p.UserID]; p.Type == chat.Agent && (p.Role != seat.Role || p.Visibility != seat.Visibility || p.ID != seat.ParticipantID) {
			t.Fatalf("%s is %+v, and has the seat %+v", p.UserID, p, seat)
		}
		if p.Role == chat.Owner {
			owners++
		}
		served = served || p.Type == chat.Agent && p.Visibility == chat.VisibleToAll && p.Role != chat.Supervisor
	}
	switch {
	case routed > 1 || transfers > 1:
		t.Fatalf("%d offers and %d transfers are open", routed, transfers)
	case routed == 1 && s.Waiting == nil:
		t.Fatal("offered without a place in a queue")
	case supervised && !served:
		t.Fatal("a supervisor stays, though no agent does")
	case owners > 1 || served && owners == 0 && s.Waiting == nil:
		t.Fatalf("%d owners", owners)
	case in && !served && s.Waiting == nil:
		t.Fatal("the customer is lost: nobody is with her, and she waits for nobody")
	case s.Workbin != "" && (in || len(s.Seats) > 0 || s.Waiting != nil || s.Phase != chat.WrapUp):
		t.Fatalf("in workbin %s with customer %v, %d seats, place %v, phase %s", s.Workbin, in, len(s.Seats), s.Waiting, s.Phase)
	case s.Phase == chat.Finished != (!in && len(s.Seats) == 0 && s.Waiting == nil && s.Workbin == ""):
		t.Fatalf("phase %s with customer %v, %d seats, place %v", s.Phase, in, len(s.Seats), s.Waiting)
	case served != (s.Phase == chat.Active):
		t.Fatalf("phase %s, agents whom the customer sees: %v", s.Phase, served)
	case s.Phase == chat.Waiting && s.Waiting == nil:
		t.Fatal("waiting without a place")
	case s.Waiting != nil && !s.Waiting.Since.Equal(s.ReceivedAt):
		t.Fatal("the place is not that of the customer's arrival")
	}
}

// checkAsk: a colleague is asked for by an agent who is in, while there is a customer, and at most one is asked at a time (agent-api 4.9, 4.10).
func (w *world) checkAsk(t *rapid.T) {
	ask := w.state.Asking
	asked := 0
	for user, seat := range w.state.Seats {
		if seat.State != chat.Invited || seat.Through == "" {
			continue
		}
		asked++
		if ask == nil || seat.InvitedBy != ask.By || seat.Through != ask.Queue || seat.Role != ask.Role || seat.RefID != ask.RefID {
			t.Fatalf("%s is asked as %+v for %+v", user, seat, ask)
		}
	}
	if ask != nil {
		_, in := w.state.Customer()
		place, sought := w.state.Sought()
		switch {
		case asked > 1:
			t.Fatalf("%d are asked at once", asked)
		case w.state.Seats[ask.By].State != chat.Chatting:
			t.Fatalf("%s asks, who is not in", ask.By)
		case w.state.Waiting != nil || !in:
			t.Fatalf("%s asks for a colleague while the chat waits at %v, customer in: %v", ask.By, w.state.Waiting, in)
		case sought != (asked == 0) || sought && place.Queue != ask.Queue:
			t.Fatalf("%d are asked for %+v, sought: %v at %v", asked, ask, sought, place)
		}
	}
}

// checkCapabilities: the list is exactly the set of operations that are accepted with suitable parameters (agent-api 3.5).
func (w *world) checkCapabilities(t *rapid.T) {
	pending := false
	for _, seat := range w.state.Seats {
		pending = pending || seat.State == chat.Invited && seat.InvitedBy != "" && seat.Role == chat.Owner
	}
	for _, user := range staff {
		view := w.state.View(user)
		colleague := "nobody"
		for _, p := range view.Participants {
			if p.Type == chat.Agent && p.UserID != user && p.Visibility != chat.VisibleToSupervisors {
				colleague = p.UserID
			}
		}
		for _, a := range suitable(colleague) {
			if (pending || w.state.Handovers >= chat.MaxHandovers) && a.Operation() == chat.OpTransfer {
				continue // no parameters are suitable for a second transfer, nor for one too many (3.5)
			}
			_, err := chat.Decide(w.state, chat.Command{Actor: chat.Actor{Kind: chat.ByAgent, UserID: user}, RefID: 1, Action: a}, w.now)
			if listed := slices.Contains(view.Capabilities, a.Operation()); listed != (err == nil) {
				t.Fatalf("%s for %s, who is %s: listed %v, %v", a.Operation(), user, view.State, listed, err)
			}
		}
	}
}

// checkCustomer: the customer sees nothing that is for agents only, and knows participants by numbers without gaps (customer-api 7.3).
func (w *world) checkCustomer(t *rapid.T, c chat.Command) {
	next := 1
	in := map[int]bool{} // by the numbers that she knows
	for _, m := range chat.CustomerTranscript(w.log, 0, w.now) {
		if m.Visibility != chat.VisibleToAll || m.From.Visibility != chat.VisibleToAll || m.AgentsOnly || m.Type == chat.TypingStarted && m.Text != "" {
			t.Fatalf("the customer sees %+v", m)
		}
		if m.From.Number < 1 || m.From.Number > next {
			t.Fatalf("participant number %d, next is %d", m.From.Number, next)
		}
		next = max(next, m.From.Number+1)
		if joins := m.Type == chat.ParticipantJoined; joins == in[m.From.Number] {
			t.Fatalf("to the customer, %d was in: %v; then came %+v", m.From.Number, !joins, m)
		}
		if m.Type == chat.ParticipantLeft {
			delete(in, m.From.Number)
		} else {
			in[m.From.Number] = true
		}
	}
	for _, p := range w.state.Participants {
		if visible := p.Visibility == chat.VisibleToAll; visible != in[p.Number] {
			t.Fatalf("%s is %s, to the customer she is in: %v", p.Nickname, p.Visibility, in[p.Number])
		}
		delete(in, p.Number)
	}
	if _, there := w.state.Customer(); there && len(in) > 0 {
		t.Fatalf("to the customer, %v are still in", in)
	}
	if _, ok := c.Action.(chat.Disconnect); ok && w.state.EndedAt.IsZero() {
		t.Fatal("the customer has left, and the chat goes on for her")
	}
}

// checkNotices: from the notifications alone each agent's client knows the chat as it is for her, and has all messages, in order.
func (w *world) checkNotices(t *rapid.T, c chat.Command, before chat.State, events []chat.Event) {
	for _, n := range chat.Notices(before, events, w.state) {
		d := w.desktops[n.To]
		if first := n.Kind == chat.StatusChange && n.Chat.State == chat.Invited; first != (d == nil) {
			t.Fatalf("%s: %s %s to %s, known before: %v", c.Action.Operation(), n.Kind, n.Chat.State, n.To, d != nil)
		}
		if d == nil {
			d = &desktop{}
			w.desktops[n.To] = d
		}
		if n.RefID != 0 {
			ref := reference{n.To, n.RefID}
			if w.referred[ref] {
				t.Fatalf("%s: a second notification to %s with referenceId %d", c.Action.Operation(), n.To, n.RefID)
			}
			w.referred[ref] = true
		}
		if n.Kind == chat.NewMessages {
			w.newMessages(t, d, n)
			continue
		}
		if n.Kind == chat.ParticipantsUpdated && reflect.DeepEqual(d.view, n.Chat) {
			t.Fatalf("%s: %s of nothing new to %s: %+v", c.Action.Operation(), n.Kind, n.To, n.Chat)
		}
		d.view = n.Chat
		if n.Chat.State == chat.Completed || n.Chat.State == chat.Revoked {
			if len(n.Chat.Capabilities)+len(n.Chat.Participants) > 0 {
				t.Fatalf("%s with %v, %v", n.Chat.State, n.Chat.Capabilities, n.Chat.Participants)
			}
			delete(w.desktops, n.To)
		}
	}
	w.checkHidden(t)
	for _, user := range staff {
		d, view := w.desktops[user], w.state.View(user)
		switch {
		case d == nil && view.State != "":
			t.Fatalf("%s: %s is %s and was not told", c.Action.Operation(), user, view.State)
		case d == nil:
		case !reflect.DeepEqual(d.view, view):
			t.Fatalf("%s: %s knows\n%+v, it is\n%+v", c.Action.Operation(), user, d.view, view)
		case view.State == chat.Chatting:
			if want := chat.Transcript(w.log, user, w.state); !reflect.DeepEqual(d.messages, want) {
				t.Fatalf("%s: %s has the messages\n%+v, want\n%+v", c.Action.Operation(), user, d.messages, want)
			}
		}
	}
}

// checkHidden: of supervisors who listen, only those know who came as supervisors themselves (agent-api 5.2.3).
func (w *world) checkHidden(t *rapid.T) {
	came := map[string]chat.Role{} // with which role each stay began
	for _, e := range w.log {
		if b, ok := e.Body.(chat.Joined); ok {
			if _, known := came[b.Participant.ID]; !known {
				came[b.Participant.ID] = b.Participant.Role
			}
		}
	}
	for user, d := range w.desktops {
		oversees := came[w.state.Seats[user].ParticipantID] == chat.Supervisor
		for _, p := range d.view.Participants {
			if p.Visibility == chat.VisibleToSupervisors && !oversees {
				t.Fatalf("%s sees %s", user, p.Nickname)
			}
		}
		for _, m := range d.messages {
			if (m.Visibility == chat.VisibleToSupervisors || m.From.Visibility == chat.VisibleToSupervisors) && !oversees {
				t.Fatalf("%s reads %+v", user, m)
			}
		}
	}
}

func (w *world) newMessages(t *rapid.T, d *desktop, n chat.Notice) {
	if d.view.State != chat.Chatting || n.Chat.ID != w.state.ID || n.RefID != 0 {
		t.Fatalf("messages to %s, who is %s: %+v", n.To, d.view.State, n)
	}
	if n.History {
		d.messages = chat.Transcript(w.log, n.To, w.state)
		return
	}
	for _, m := range n.Messages {
		if m.Type != chat.TypingStarted && m.Type != chat.TypingStopped {
			d.messages = append(d.messages, m)
		}
	}
}
