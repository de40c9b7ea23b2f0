package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/halley-chat/halley/bayeux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the server as the command line would, until the end of the test, and returns its address.
func start(t *testing.T, args ...string) string {
	t.Helper()
	address, _ := startStoppable(t, args...)
	return address
}

// startStoppable is start for a test that stops the server itself.
func startStoppable(t *testing.T, args ...string) (address string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"--listen", "127.0.0.1:0", "--drain", "100"}, args...), in, t.Output())
		in.CloseWithError(errors.Join(err, io.EOF))
		ended <- err
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !ok {
		t.Fatalf("the server said %q", line)
	}
	return address, stop
}

// visitor is a browser with one session.
type visitor struct {
	t    *testing.T
	url  string
	user string
	id   string
	http.Client
}

func visit(t *testing.T, address, user string) *visitor {
	t.Helper()
	v := &visitor{t: t, url: "http://" + address + "/cometd", user: user}
	v.Timeout = 10 * time.Second
	v.Transport = &http.Transport{}
	t.Cleanup(v.CloseIdleConnections)
	v.Jar, _ = cookiejar.New(nil)
	v.handshake("")
	return v
}

// handshake takes further fields.
func (v *visitor) handshake(fields string) {
	v.t.Helper()
	_, rest, ok := strings.Cut(v.post(`{"channel":"/meta/handshake"`+fields+`}`), `"clientId":"`)
	if !ok {
		v.t.Fatal("the handshake was refused")
	}
	v.id, _, _ = strings.Cut(rest, `"`)
}

// post sends one message, "ID" in it being the client id, and returns the response.
func (v *visitor) post(message string) string {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.url+"/x", strings.NewReader(strings.ReplaceAll(message, `"ID"`, `"`+v.id+`"`)))
	if err != nil {
		v.t.Fatal(err)
	}
	if v.user != "" {
		req.SetBasicAuth(v.user, "any")
	}
	resp, err := v.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// say publishes and returns the messages and the reply.
func (v *visitor) say(channel, data string) string {
	v.t.Helper()
	return v.post(fmt.Sprintf(`{"channel":%q,"clientId":"ID","data":%s}`, channel, data))
}

// Each channel of open's list does what the list says.
func TestEachRuleCanBeTried(t *testing.T) {
	t.Parallel()
	v := visit(t, start(t), "dana")
	refused := func(channel, err string) string {
		return fmt.Sprintf(`[{"channel":%q,"error":%q,"successful":false}]`, channel, err)
	}
	for _, c := range []struct{ channel, data, want string }{
		{"/any", `1`, `[{"channel":"/any","successful":true}]`},
		{"/nopub/a", `1`, refused("/nopub/a", "403:denied_by_security_policy:publish_denied")},
		{"/nocreate/a", `1`, refused("/nocreate/a", "403:denied_by_security_policy:channel_create_denied")},
		{"/authz/ok", `1`, `[{"channel":"/authz/ok","successful":true}]`},
		{"/authz/deny", `1`, refused("/authz/deny", "403:not_here:channel_create_denied")},
		{"/authz/ignore", `1`, refused("/authz/ignore", "403:denied_by_not_granting:channel_create_denied")},
		{"/authz/union/yes", `1`, `[{"channel":"/authz/union/yes","successful":true}]`},
		{"/authz/union/no", `1`, refused("/authz/union/no", "403:not_here:channel_create_denied")},
		{"/authz/union/maybe", `1`, refused("/authz/union/maybe", "403:denied_by_not_granting:channel_create_denied")},
		{"/vetoed", `1`, refused("/vetoed", "404::message_deleted")},
		{"/fail", `1`, refused("/fail", "500::internal_error")},
		{"/service/fail", `1`, refused("/service/fail", "500::internal_error")},
		{"/service/echo", `[7]`, `[{"channel":"/service/echo","data":[7]},{"channel":"/service/echo","successful":true}]`},
		{"/service/burst", `1`, `[{"channel":"/burst","data":{"n":0}},{"channel":"/burst","data":{"n":1}},{"channel":"/burst","data":{"n":2}},` +
			`{"channel":"/service/burst","successful":true}]`},
	} {
		if diff := cmp.Diff(c.want, v.say(c.channel, c.data)); diff != "" {
			t.Errorf("publish on %s (-want +got):\n%s", c.channel, diff)
		}
	}
	for channel, err := range map[string]string{"/nosub/a": "403:denied_by_security_policy:subscribe_denied", "/failsub/a": "500::internal_error"} {
		got := v.post(fmt.Sprintf(`{"channel":"/meta/subscribe","clientId":"ID","subscription":%q}`, channel))
		if !strings.Contains(got, err) {
			t.Errorf("subscribe to %s: %s, want %s", channel, got, err)
		}
	}
	if got := v.post(`{"channel":"/any","clientId":"ID","data":1,"ext":{"fail":true}}`); !strings.Contains(got, "500::internal_error") {
		t.Errorf("a message on which an extension fails: %s", got)
	}
	if got := v.post(`{"channel":"/meta/handshake","ext":{"auth":"bad"}}`); !strings.Contains(got, `"error":"403::handshake_denied"`) {
		t.Errorf("a handshake with bad authentication: %s", got)
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	address := start(t)
	v := visit(t, address, "dana")
	for order, want := range map[string]string{
		`{"q":1}`:       `{"channel":"/service/call","data":{"q":1},"id":"7","successful":true}`,
		`{"fail":true}`: `{"channel":"/service/call","data":{"fail":true},"id":"7","successful":false}`,
	} {
		if got := v.post(`{"channel":"/service/call","id":"7","clientId":"ID","data":` + order + `}`); !strings.Contains(got, want) {
			t.Errorf("call with %s: %s, want %s", order, got, want)
		}
	}
	v.post(`{"channel":"/meta/subscribe","clientId":"ID","subscription":"/me/*"}`)
	if got := v.say("/service/user", `{"channel":"/me/x","data":5}`); !strings.Contains(got, `{"channel":"/me/x","data":5}`) {
		t.Errorf("publish to the user's sessions: %s", got)
	}
	if got := visit(t, address, "").say("/service/revoke", "1"); !strings.Contains(got, "403:no_user:") {
		t.Errorf("revocation of nobody: %s", got)
	}
	if got := v.say("/service/bytes", `{"hex":"864fd26fb559f75b"}`); !strings.Contains(got, `"data":"HelloWorld"`) || !strings.Contains(got, `"ext":{"binary":{}}`) {
		t.Errorf("bytes to text: %s", got)
	}
	if got := v.post(`{"channel":"/service/bytes","clientId":"ID","ext":{"binary":{}},"data":{"data":"0rJu","last":true}}`); !strings.Contains(got, `{"hex":"010203"}`) {
		t.Errorf("text to bytes: %s", got)
	}
	for _, odd := range []string{`"data":{"hex":"xyz"}`, `"data":7`, `"ext":{"binary":{}},"data":{"data":"\u0000"}`} {
		if got := v.post(`{"channel":"/service/bytes","clientId":"ID",` + odd + `}`); !strings.Contains(got, `"error":"403:no`) {
			t.Errorf("%s: %s", odd, got)
		}
	}
	for _, last := range []string{"/service/bye", "/service/revoke"} {
		v := visit(t, address, "erik")
		v.say(last, "1")
		if got := v.say("/any", "1"); !strings.Contains(got, "402::session_unknown") {
			t.Errorf("after %s the session is still known: %s", last, got)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{
		"--timeout", "1500", "--interval=0", "--ws-ping-interval", "0", "--max-interval", "2s", "--max-sessions-per-browser", "0",
		"--broadcast-to-publisher=false", "--trust-client-session", "--transports", "long-polling,websocket", "--error-style=v3",
		"--browser-cookie-max-age", "60", "--browser-cookie-same-site", "lax", "--max-message-size", "512", "--allowed-origins", "https://a.example, https://b.example",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := bayeux.Options{
		Timeout: 1500 * time.Millisecond, Interval: bayeux.Never, MaxInterval: 2 * time.Second,
		MaxSessionsPerBrowser: bayeux.NeverHold, BroadcastToPublisher: bayeux.Off, TrustClientSession: true,
		Transports: []bayeux.Transport{bayeux.LongPolling, bayeux.WebSocket}, ErrorStyle: bayeux.ErrorStyleV3,
		BrowserCookie:  bayeux.CookieOptions{MaxAge: time.Minute, SameSite: http.SameSiteLaxMode},
		MaxMessageSize: 512,
		WS:             bayeux.WSOptions{PingInterval: bayeux.Never},
		AllowedOrigins: []string{"https://a.example", "https://b.example"},
	}
	if diff := cmp.Diff(want, s.options); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	for _, args := range [][]string{{"--no-such-flag"}, {"--timeout", "soon"}, {"--error-style", "v9"}, {"extra"}, {"--max-queue", "many"}} {
		if _, err := parse(args, io.Discard); !errors.As(err, new(usageError)) {
			t.Errorf("%v: %v, want a usage error", args, err)
		}
	}
	if err := run(t.Context(), []string{"--transports", "pigeon"}, io.Discard, io.Discard); !errors.As(err, new(usageError)) {
		t.Errorf("an option that the library refuses: %v, want a usage error", err)
	}
}

// Chapter 19: each option that is documented is a flag, by its name.
func TestEachOptionIsAFlag(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/protocol/bayeux.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| option | default | |")
	table, _, _ = strings.Cut(table, "\n\n")
	has := map[string]bool{}
	for _, f := range flags(new(bayeux.Options)) {
		has[f.name] = true
	}
	named := 0
	for row := range strings.Lines(table) {
		names, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(names, -1) {
			named++
			if flag := kebab(m[1]); !has[flag] {
				t.Errorf("option %s has no flag --%s", m[1], flag)
			}
		}
	}
	if named < 60 {
		t.Errorf("the table has %d options only: %s", named, table)
	}
}

// kebab is the flag of an option.
func kebab(option string) string {
	if option == "activity.maxInactivity" {
		return "max-inactivity"
	}
	words := regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(strings.ReplaceAll(option, ".", "-"), "$1-$2")
	return strings.ToLower(words)
}

// The extension replay, below /topic.
func TestReplay(t *testing.T) {
	t.Parallel()
	address := start(t, "--extensions", "replay")
	publisher := visit(t, address, "")
	for _, data := range []string{"1", `{"x":2}`, "3"} {
		if got := publisher.say("/topic/a", data); got != `[{"channel":"/topic/a","successful":true}]` {
			t.Fatalf("publish: %s", got)
		}
	}
	v := visit(t, address, "")
	v.handshake(`,"ext":{"replay":true}`)
	v.post(`{"channel":"/meta/subscribe","clientId":"ID","subscription":"/topic/a","ext":{"replay":{"/topic/a":1}}}`)
	got := v.post(`{"channel":"/meta/connect","clientId":"ID"}`)
	want := `{"channel":"/topic/a","data":{"x":2,"event":{"replayId":2}}}`
	if !strings.Contains(got, want) || strings.Contains(got, `"replayId":1`) {
		t.Errorf("after position 1: %s, want %s first", got, want)
	}
}

func TestTheJournalIsBounded(t *testing.T) {
	t.Parallel()
	j := new(journal)
	for range kept + 5 {
		j.append(bayeux.Entry{Channel: "/topic/a"})
	}
	first, err := j.After(t.Context(), "", 0, 1)
	if err != nil || len(first) != 1 || first[0].N != 6 {
		t.Errorf("the oldest is %v, %v; want number 6", first, err)
	}
	rest, _ := j.After(t.Context(), "", kept+3, 100)
	if len(rest) != 2 || rest[1].N != kept+5 {
		t.Errorf("the newest are %v", rest)
	}
}

// The drain answers a held connect; net/http alone would wait for it.
func TestStopAnswersHeldConnects(t *testing.T) {
	t.Parallel()
	address, stop := startStoppable(t)
	v := visit(t, address, "")
	const connect = `{"channel":"/meta/connect","clientId":"ID"}`
	v.post(connect)
	answers := make(chan string, 2)
	for range 2 {
		go func() { answers <- v.post(connect) }()
	}
	if got := <-answers; got != "" { // the older of two: so the newer is there
		t.Fatalf("the first of two connects got %s", got)
	}
	stop()
	if got := <-answers; !strings.Contains(got, `"successful":true`) {
		t.Errorf("at the end the held connect got %s", got)
	}
}
