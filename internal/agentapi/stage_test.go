package agentapi

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/customerapi"
	"github.com/halley-chat/halley/internal/described"
	"github.com/halley-chat/halley/internal/directory"
)

// scene is one golden file: one thing that happens, and what everybody is told of it. What she must be told, in the notation of agent-api 4.0, stands here, taken
// from the specification, so that writing the files anew can't make a mistake the rule; the file adds every detail.
type scene struct {
	file  string // the clause, and what happens
	about string
	given []string // what came before, as lines
	when  string   // the line that is recorded
	// told says, by name, what each is told: "SC(Completed)+ref, PU". Who is not named here is told nothing.
	told hears
	// answers are what the answer must have in it; by default only statusCode 0 is asked for.
	answers string
}

// hears says who is told what.
type hears map[string]string

// then is a history that goes on.
func then(before []string, lines ...string) []string { return append(slices.Clip(before), lines...) }

// cast are the agents who may play, in the order in which a file lists them. Pat is the customer.
var cast = []string{"dana", "omar", "lena", "ines"}

// stage is a centre that runs in a bubble, with a clock of its own and without a network: real clients over a real server, in one process.
type stage struct {
	*house
	agents map[string]*player
	pat    *customerClient
	names  []string // pairs of what is random and what stands for it, for a strings.Replacer
	seen   map[string]int
}

// player is an agent at her desktop.
type player struct {
	*client
	mu    sync.Mutex
	heard []bayeuxclient.Message
}

// customerClient is Pat at her widget.
type customerClient struct {
	service, chatID, key string
	next                 int64
	ended                bool
}

// inProcess carries requests to a handler, without a network between.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "127.0.0.1:4711", r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// newStage opens the centre and has the agents that the scene names log in to chat, unless that is what the scene is about. All are NotReady.
func newStage(t *testing.T, sc scene) *stage {
	s := &stage{house: build(t, nil), agents: map[string]*player{}, seen: map[string]int{}}
	customers := customerapi.New(customerapi.Config{Desk: s.Desk, Directory: s.Directory, Settings: customerapi.Settings{MaxBody: 1 << 16}, Logger: s.Logger})
	mux := http.NewServeMux()
	mux.Handle("/genesys/", described.Handler(s.t, customers.Handler()))
	mux.Handle("/", s.judged)
	for _, u := range s.Directory.Users {
		s.names = append(s.names, u.ID, "<"+u.Name+">")
	}
	for _, q := range s.Directory.Queues {
		s.names = append(s.names, q.ID, "<queue "+q.Name+">")
	}
	for _, g := range s.Directory.Groups {
		s.names = append(s.names, g.ID, "<group "+g.Name+">")
	}
	script := strings.Join(append(slices.Clip(sc.given), sc.when), "\n")
	for _, name := range cast {
		if !strings.Contains(script, name) && sc.told[name] == "" {
			continue
		}
		p := &player{client: s.visitor(inProcess{mux})}
		p.name = name
		s.agents[name] = p
		p.listen()
		if !strings.Contains(script, name+`: POST /me {"operationName":"StartContactCenterSession"`) {
			p.ok("/api/v2/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`)
		}
	}
	s.pat = &customerClient{}
	for _, name := range []string{"pat", "nobody", "admin"} {
		s.agents[name] = &player{client: s.visitor(inProcess{mux})}
	}
	s.agents["admin"].name = "admin"
	synctest.Wait()
	return s
}

func (s *stage) visitor(over http.RoundTripper) *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &client{t: s.t, base: "http://desk.example.com", password: "demo", http: &http.Client{Transport: over, Jar: jar}}
}

// listen subscribes her to everything, as a desktop does before it starts the session (agent-api 2.2).
func (p *player) listen() {
	p.t.Helper()
	p.get("/api/v2/me")
	p.name = "" // the cookie is enough
	b, err := bayeuxclient.Dial(p.t.Context(), bayeuxclient.Options{
		URL: p.base + notificationsPath, HTTP: p.http, Transports: []string{bayeuxclient.LongPolling}, Backoff: time.Second, MaxBackoff: time.Second,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { b.Close(p.t.Context()) })
	_, err = b.Subscribe(p.t.Context(), "/**", func(m bayeuxclient.Message) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.heard = append(p.heard, m)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// news takes what she has heard since the last time.
func (p *player) news() []bayeuxclient.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	heard := p.heard
	p.heard = nil
	return heard
}

// Lines that say what is so, before anything happens.
const (
	includeMessageType = "with the setting includeMessageType" // agent-api 5.2.6
	lenaSupervises     = "with lena as a supervisor too"
)

// play does what a line says, and returns the request and the answer as a file shows them. Lines are
//
//	pat: comes                         pat: comes through shop        the customer begins a chat
//	pat: send message=Hello            any operation of hers, with its form
//	dana: Accept {"nickname":"Dana"}   any operation of agent-api 4, with its parameters
//	dana: POST /me {…}                 any other request of an agent, below /api/v2
//	nobody: GET /me                    a request without a log-in; admin: with that of somebody who has no feature for chats
//	wait 30s
//
// <omar>, <queue billing> and <chat> stand for their ids.
func (s *stage) play(line string) (request string, r reply) {
	s.t.Helper()
	defer synctest.Wait()
	switch line {
	case includeMessageType:
		s.Encoder.includeMessageType = true
		return "", reply{}
	case lenaSupervises:
		lena := s.Directory.User(directory.UserID("lena"))
		lena.Roles = append(slices.Clone(lena.Roles), directory.SupervisorRole)
		return "", reply{}
	}
	if d, ok := strings.CutPrefix(line, "wait "); ok {
		wait, err := time.ParseDuration(d)
		if err != nil {
			s.t.Fatal(err)
		}
		<-time.After(wait)
		return d + " pass", reply{}
	}
	who, what, _ := strings.Cut(line, ": ")
	verb, rest, _ := strings.Cut(what, " ")
	p := s.agents[who]
	if p == nil {
		s.t.Fatalf("nobody plays this line: %s", line)
	}
	switch {
	case who == "pat":
		return s.playPat(verb, rest)
	case verb == http.MethodGet:
		r = p.get(s.real("/api/v2" + rest))
		return fmt.Sprintf("%s: GET /api/v2%s", who, rest), r
	case verb == http.MethodPost:
		at := max(strings.Index(rest, " {"), strings.Index(rest, " [")) // a name in the path may have a blank in it
		path, body := rest[:at], rest[at+1:]
		r = p.post(s.real("/api/v2"+path), s.real(body))
		return fmt.Sprintf("%s: POST /api/v2%s\n%s", who, path, body), r
	}
	body := `{"operationName":"` + verb + `"}`
	if rest != "" {
		body = `{"operationName":"` + verb + `",` + strings.TrimPrefix(rest, "{")
	}
	return fmt.Sprintf("%s: POST /api/v2/me/chats/<chat>\n%s", who, body), p.post("/api/v2/me/chats/"+s.pat.chatID, s.real(body))
}

func (s *stage) playPat(verb, rest string) (request string, r reply) {
	path, form := "/genesys/2/chat/support", "nickname=Pat&text=Where is my parcel?&userData[Subject]=Late parcel"
	if verb == "comes" {
		if service, ok := strings.CutPrefix(rest, "through "); ok {
			path = "/genesys/2/chat/" + service
		}
		s.pat.service, s.pat.ended, s.pat.next = path, false, 0
	} else {
		path = s.pat.service + "/<chat>/" + verb
		form = "secureKey=<key>"
		if rest != "" {
			form += "&" + rest
		}
	}
	r = s.form(s.real(path), s.real(form))
	if verb == "comes" {
		s.pat.chatID, s.pat.key = at[string](s.t, r, "chatId"), at[string](s.t, r, "secureKey")
		s.names = append(s.names, s.pat.chatID, "<chat>", s.pat.key, "<key>")
		s.nameParticipant(at[string](s.t, r, "userId"), "Pat")
	}
	return "pat: POST " + path + "\n" + form, r
}

// form sends a request of the customer's. The form is given as it reads, unescaped.
func (s *stage) form(path, form string) reply {
	s.t.Helper()
	values := url.Values{}
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		values.Set(name, value)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://desk.example.com"+path, strings.NewReader(values.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.agents["pat"].http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	got := reply{status: resp.StatusCode, header: resp.Header, body: body.String()}
	if err := json.Unmarshal(body.Bytes(), &got.members); err != nil {
		s.t.Fatalf("%s: %v", got.body, err)
	}
	return got
}

// real puts ids in the place of names, and named the other way round.
func (s *stage) real(text string) string {
	back := make([]string, len(s.names))
	for i := 0; i < len(back); i += 2 {
		back[i], back[i+1] = s.names[i+1], s.names[i]
	}
	return strings.NewReplacer(back...).Replace(text)
}

var (
	aParticipant = regexp.MustCompile(`"participantId":"([0-9A-F]{16})","nickname":"(\w+)"`)
	aTime        = regexp.MustCompile(`"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d{4}"`)
	milliseconds = regexp.MustCompile(`("timestampSeconds"|"utcTime"): ?\d{12,13}\b`)
	position     = regexp.MustCompile(`("streamPosition"): ?\d+`)
)

func (s *stage) named(text string) string {
	text = strings.NewReplacer(s.names...).Replace(text)
	text = milliseconds.ReplaceAllString(aTime.ReplaceAllString(text, `"<time>"`), `$1: <milliseconds>`)
	return position.ReplaceAllString(text, `$1: <position>`)
}

// meet gives names to the participants in a notification or an answer.
func (s *stage) meet(text string) {
	for _, m := range aParticipant.FindAllStringSubmatch(text, -1) {
		s.nameParticipant(m[1], m[2])
	}
}

// nameParticipant names one stay of somebody: who comes back is another participant (agent-api 3.2).
func (s *stage) nameParticipant(id, nickname string) {
	if slices.Contains(s.names, id) {
		return
	}
	s.seen[nickname]++
	name := "<participant of " + strings.ToLower(nickname) + ">"
	if n := s.seen[nickname]; n > 1 {
		name = fmt.Sprintf("<participant %d of %s>", n, strings.ToLower(nickname))
	}
	s.names = append(s.names, id, name)
}

// shorthand is a notification in the notation of agent-api 4.0, with +ref if it has a referenceId.
func shorthand(t testing.TB, m bayeuxclient.Message) string {
	t.Helper()
	var data struct {
		MessageType      string       `json:"messageType"`
		NotificationType string       `json:"notificationType"`
		Action           string       `json:"action"`
		ReferenceID      int          `json:"referenceId"`
		Chat             chatResource `json:"chat"`
		Messages         []message    `json:"messages"`
		Channels         []channel    `json:"channels"`
	}
	if err := json.Unmarshal(m.Data, &data); err != nil {
		t.Fatalf("%v: %s", err, m.Data)
	}
	var said []string
	kind := ""
	switch data.MessageType {
	case "MessageLogUpdated":
		kind = "MSG"
		for _, m := range data.Messages {
			said = append(said, string(m.Type))
		}
	case "ChatStateChangeMessage":
		kind = map[string]string{"StatusChange": "SC", "ParticipantsUpdated": "PU", "PropertiesUpdated": "PROP", "Error": "Error"}[data.NotificationType]
		if kind == "SC" {
			said = append(said, string(data.Chat.State))
		}
	case "ChannelStateChangeMessageV2":
		kind = "channels"
		for _, c := range data.Channels {
			said = append(said, c.Channel, c.UserState.DisplayName)
			if c.DNDState == "On" {
				said = append(said, "DND")
			}
		}
	case "WorkbinStateChangeMessage":
		kind, said = "workbin", []string{data.Action}
	default:
		t.Fatalf("a notification of an unknown kind: %s", m.Data)
	}
	if len(said) > 0 {
		kind += "(" + strings.Join(said, " ") + ")"
	}
	if data.ReferenceID != 0 {
		kind += "+ref"
	}
	return kind
}

// poll reads what is new to the customer: her events, and whether her chat has ended.
func (s *stage) poll() (events []jsontext.Value, summary []string) {
	if s.pat.chatID == "" {
		return nil, nil
	}
	r := s.form(s.real(s.pat.service+"/<chat>/refresh"), fmt.Sprintf("secureKey=%s&transcriptPosition=%d", s.pat.key, s.pat.next+1))
	for _, e := range at[[]jsontext.Value](s.t, r, "messages") {
		var m struct {
			Type  string `json:"type"`
			Index int64  `json:"index"`
		}
		if err := json.Unmarshal(e, &m); err != nil {
			s.t.Fatal(err)
		}
		events, summary, s.pat.next = append(events, e), append(summary, m.Type), m.Index
	}
	if ended := at[bool](s.t, r, "chatEnded"); ended && !s.pat.ended {
		s.pat.ended, summary = true, append(summary, "chat ended")
	}
	return events, summary
}

// pretty is JSON as a file shows it: indented, but what has nothing nested in it on as few lines as it takes.
func (s *stage) pretty(raw []byte) string {
	s.t.Helper()
	v := jsontext.Value(strings.NewReplacer(s.names...).Replace(string(raw)))
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		s.t.Fatalf("%v: %s", err, raw)
	}
	var text strings.Builder
	done := 0
	for _, at := range flat.FindAllIndex(v, -1) {
		text.Write(v[done:at[0]])
		done = at[1]
		line := v[:at[0]]
		line = line[bytes.LastIndexByte(line, '\n')+1:]
		indent := len(line) - len(bytes.TrimLeft(line, " ")) + 4
		width := len(line)
		for i, member := range strings.Split(string(v[at[0]:at[1]]), "\n") {
			member = strings.TrimSpace(member)
			switch {
			case i > 0 && len(member) > 1 && width+len(member) > 150:
				text.WriteString("\n" + strings.Repeat(" ", indent))
				width = indent
			case i > 1 && len(member) > 1: // neither the first member nor the closing bracket
				text.WriteByte(' ')
				width++
			}
			text.WriteString(member)
			width += len(member)
		}
	}
	text.Write(v[done:])
	return text.String()
}

// flat is an object or a list with nothing nested in it, over several lines. No string has a line's end in it.
var flat = regexp.MustCompile(`[\[{]\n[^\[\]{}]*\n *[\]}]`)

// perform plays a scene and returns its file.
func perform(t *testing.T, sc scene) []byte {
	s := newStage(t, sc)
	var file strings.Builder
	fmt.Fprintf(&file, "# %s\n#\n# agent-api %s\n", sc.about, strings.SplitN(sc.file, "-", 2)[0])
	if len(sc.given) > 0 {
		file.WriteString("#\n# before:\n")
	}
	for _, line := range sc.given {
		if _, r := s.play(line); r.body != "" && (r.status != http.StatusOK || r.code() != "0") {
			t.Fatalf("%s: %d %s", line, r.status, r.body)
		}
		fmt.Fprintf(&file, "#   %s\n", line)
	}
	for _, p := range s.agents {
		for _, m := range p.news() {
			s.meet(string(m.Data))
		}
	}
	s.poll()

	request, r := s.play(sc.when)
	fmt.Fprintf(&file, "\n%s\n", request)
	if r.body != "" {
		s.meet(r.body)
		fmt.Fprintf(&file, "\n%d\n%s\n", r.status, s.pretty([]byte(r.body)))
		if sc.answers == "" && (r.status != http.StatusOK || r.code() != "0") || !strings.Contains(s.named(r.body), sc.answers) {
			t.Errorf("%s: %d %s\nwant %s", sc.when, r.status, s.named(r.body), sc.answers)
		}
	}
	for _, name := range cast {
		p := s.agents[name]
		if p == nil {
			continue
		}
		var short, long []string
		for _, m := range p.news() {
			s.meet(string(m.Data))
			short = append(short, shorthand(t, m))
			long = append(long, fmt.Sprintf("%s\n%s\n", m.Channel, s.pretty(m.Data)))
		}
		s.report(&file, sc, name, short, long)
	}
	events, short := s.poll()
	var long []string
	for _, e := range events {
		long = append(long, s.pretty(e)+"\n")
	}
	if s.pat.chatID != "" {
		s.report(&file, sc, "pat", short, long)
	}
	return []byte(s.named(file.String()))
}

// report writes what somebody was told, and compares it with what she must be told.
func (s *stage) report(file *strings.Builder, sc scene, name string, short, long []string) {
	s.t.Helper()
	got := strings.Join(short, ", ")
	if got != sc.told[name] {
		s.t.Errorf("%s is told\n  %s\nwant\n  %s", name, got, sc.told[name])
	}
	if got == "" {
		got = "nothing"
	}
	fmt.Fprintf(file, "\n== %s is told: %s\n", name, got)
	for _, l := range long {
		file.WriteString("\n" + l)
	}
}

const goldenFolder = "testdata/golden"

// TestGolden plays every scene, each in a centre of its own, and compares all that everybody gets with its file. See testdata/golden/README.md.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, sc := range scenes() {
		t.Run(sc.file, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got := perform(t, sc)
				name := filepath.Join(goldenFolder, sc.file+".txt")
				if *update && !t.Failed() {
					if err := os.WriteFile(name, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s differs (-want +got); if that is right, -update writes it anew:\n%s", name, diff)
				}
			})
		})
	}
}
