package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeuxclient"
)

// agent is an agent with a desktop: an HTTP log-in, a CometD session, and the view that comes of its notifications.
type agent struct {
	run  *run
	user User
	id   string // of the user

	supervises bool // others, and serves no customers herself

	transport string
	ack       bool

	jar     http.CookieJar
	http    *http.Client // for REST
	wire    wire         // of the CometD session
	cometd  *bayeuxclient.Client
	excused atomic.Bool // a cut, a pause or a crash since the last break
	shaken  bool        // the session has been made; of the client's goroutine

	track track
	audit audit

	mu      sync.Mutex
	view    *view
	marks   map[string]time.Time // when what was asked for
	dnd     string               // as last told
	changed chan struct{}        // closed, and replaced, when the view has changed
}

// answer is the agent API's to a request.
type answer struct {
	StatusCode    int              `json:"statusCode"`
	StatusMessage string           `json:"statusMessage"`
	ReferenceID   int64            `json:"referenceId"`
	Chats         []jsontext.Value `json:"chats"`
	Messages      []jsontext.Value `json:"messages"`
	Queues        []struct {
		Name string `json:"name"`
		Path string `json:"path"`
	} `json:"queues"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
}

// refusal is an answer of the server's that says no.
type refusal struct {
	what string
	answer
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: statusCode %d: %s", r.what, r.StatusCode, r.StatusMessage)
}

// newAgent logs a user in, opens her session and makes her ready.
func (r *run) newAgent(ctx context.Context, u User, transport string, ack, supervises bool) (_ *agent, err error) {
	a := &agent{
		run: r, user: u, supervises: supervises, ack: ack, transport: transport,
		view: newView(ack), marks: map[string]time.Time{}, changed: make(chan struct{}),
	}
	a.audit.mayRepeat = !ack
	a.view.gaps = r.opt.Supervisors > 0
	if a.jar, err = cookiejar.New(nil); err != nil {
		return nil, err
	}
	a.http = &http.Client{Jar: a.jar, Transport: r.rest, Timeout: r.opt.Patience}
	me, err := a.call(ctx, http.MethodGet, "/me", nil, "")
	if err != nil {
		return nil, fmt.Errorf("agent %s: %w", u.Name, err)
	}
	a.id = me.User.ID
	if has, err := a.call(ctx, http.MethodGet, "/me/chats?fields=*", nil, ""); err != nil {
		return nil, fmt.Errorf("agent %s: %w", u.Name, err)
	} else if len(has.Chats) > 0 {
		return nil, fmt.Errorf("agent %s has %d chats: complete them first, the load's agents begin with none", u.Name, len(has.Chats))
	}
	if err := a.comeIn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("agent %s: %w", u.Name, err), a.close(ctx))
	}
	return a, nil
}

func (a *agent) comeIn(ctx context.Context) (err error) {
	a.cometd, err = bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: a.run.target.url + notificationsPath, HTTP: &http.Client{Jar: a.jar, Transport: a.wire.transport(4)}, Transports: []string{a.transport}, Ack: a.ack,
		OnState: a.state, Backoff: 50 * time.Millisecond, MaxBackoff: 2 * time.Second, MaxResponse: maxAnswer,
	})
	if err != nil {
		return err
	}
	for _, topic := range []string{"/v2/me/chats", "/v2/me/channels"} {
		if _, err := a.cometd.Subscribe(ctx, topic, a.told); err != nil {
			return fmt.Errorf("subscribe to %s: %w", topic, err)
		}
	}
	// Do-not-disturb is switched on and off so that there is a notification with which session and audit begin, whatever her state was.
	return a.audit.begin(ctx, a, func() error {
		if _, err := a.post(ctx, "/me", map[string]any{"operationName": "StartContactCenterSession", "channels": []string{"chat"}}, ""); err != nil {
			return err
		}
		for _, operation := range []string{"Ready", "DoNotDisturbOn", "DoNotDisturbOff"} {
			if err := a.channel(ctx, operation); err != nil {
				return err
			}
		}
		return nil
	})
}

// channel changes her readiness on chat.
func (a *agent) channel(ctx context.Context, operation string) error {
	_, err := a.post(ctx, "/me/channels/chat", map[string]any{"operationName": operation}, "")
	return err
}

// state is told what becomes of her session.
func (a *agent) state(s bayeuxclient.State) {
	switch s.Phase {
	case bayeuxclient.Handshaken:
		if a.shaken && a.run.ctx.Err() == nil {
			a.run.count(&a.run.lostSessions, "%s: her session was lost within the resume window: the server asked for a new handshake", a.user.Name)
		}
		a.shaken = true
	case bayeuxclient.Broken:
		a.run.breaks.Add(1)
		// A cut just before a kill must not use up the excuse of the kill.
		if a.run.killing.Load() || a.excused.Swap(false) || a.wire.pausing() != nil {
			a.track.excuse()
		}
	case bayeuxclient.Closed:
		if s.Err != nil {
			a.run.count(&a.run.lostSessions, "%s: the server ended her session: %v", a.user.Name, s.Err)
		}
	}
}

// told takes a notification. It is called by one goroutine, in the order of arrival.
func (a *agent) told(m bayeuxclient.Message) {
	now := time.Now()
	waiting := a.track.add(a.run.digest.of(m.Channel, m.Data))
	if isEnd(m.Data) {
		a.track.end()
	}
	a.mu.Lock()
	n := a.view.apply(m.Data)
	if n.dnd != "" {
		a.dnd = n.dnd
	}
	close(a.changed)
	a.changed = make(chan struct{})
	a.mu.Unlock()
	for _, w := range n.wrong {
		a.run.count(&a.run.wrongViews, "%s: %s", a.user.Name, w)
	}
	for _, index := range n.missing {
		a.run.later(func(ctx context.Context) { a.checkGap(ctx, n.chatID, index) })
	}
	for _, text := range n.texts {
		a.run.arrived(text, now)
	}
	a.act(n, now)
	if waiting == auditAt {
		a.run.wantAudit(a)
	}
}

// act does what a desktop does: it accepts what is offered, and keeps the book of who is in which chat.
func (a *agent) act(n news, now time.Time) {
	r := a.run
	if n.chatID == "" || n.state != "" && n.userData[ourKey] != r.id {
		return // somebody else's chat
	}
	switch {
	case a.supervises:
		a.oversee(n)
	case n.history:
		a.took(n.chatID, "Accept", now, stepAccept)
		r.floor.enter(n.chatID, a)
	case n.state == stateInvited && n.changed:
		if due, ok := parseDue(n.userData[dueKey]); ok && n.userData[offeredKey] == "" {
			r.measure(stepOffer, now.Sub(r.epoch)-due)
		}
		r.later(func(ctx context.Context) { a.accept(ctx, n.chatID) })
	case n.state == stateLeftChat && n.changed, n.state == stateJoinFailed && n.changed:
		if !r.floor.known(n.chatID) || n.state == stateJoinFailed {
			r.later(func(ctx context.Context) { _ = a.operate(ctx, n.chatID, "Complete", nil) })
		}
	case n.state != "" && !live(n.state):
		a.took(n.chatID, "Complete", now, stepComplete)
		r.floor.leave(n.chatID, a)
	case n.alone && !r.floor.known(n.chatID):
		// Its customer never learnt that it began.
		r.later(func(ctx context.Context) { _ = a.operate(ctx, n.chatID, "Complete", nil) })
	}
}

func (a *agent) accept(ctx context.Context, chatID string) {
	a.mark(chatID, "Accept")
	// A refusal is no fault: the offer may have been taken back.
	_ = a.operate(ctx, chatID, "Accept", map[string]any{"nickname": a.user.Name})
}

// path is how others name her as a target.
func (a *agent) path() string { return "/users/" + a.id }

// mark notes when something was asked for, and took how long it was until it was told.
func (a *agent) mark(chatID, operation string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.marks[chatID+operation] = time.Now()
}

func (a *agent) took(chatID, operation string, now time.Time, s int) {
	a.mu.Lock()
	asked, ok := a.marks[chatID+operation]
	delete(a.marks, chatID+operation)
	a.mu.Unlock()
	if ok {
		a.run.measure(s, now.Sub(asked))
	}
}

// refers are the operations that are followed by a notification with their referenceId, whatever else happens (agent-api 1.6). So is what puts a chat
// into a queue.
var refers = map[string]bool{
	"Accept": true, "Complete": true, "Leave": true, "SetDisposition": true, "AttachUserData": true, "UpdateUserData": true,
}

// operate does an operation on a chat.
func (a *agent) operate(ctx context.Context, chatID, operation string, parameters map[string]any) error {
	if operation == "Complete" {
		a.mark(chatID, operation)
	}
	body := map[string]any{"operationName": operation}
	for k, v := range parameters {
		body[k] = v
	}
	ans, err := a.post(ctx, "/me/chats/"+chatID, body, operation)
	if err == nil && (refers[operation] || parameters["queueName"] != nil) && ans.ReferenceID != 0 {
		a.mu.Lock()
		a.view.ask(ans.ReferenceID, operation+" of chat "+chatID)
		a.mu.Unlock()
	}
	return err
}

// post sends a request. If requests may fail through our own doing it is repeated, under an Idempotency-Key, until there is an answer.
func (a *agent) post(ctx context.Context, path string, body map[string]any, operation string) (answer, error) {
	key := ""
	if a.run.opt.faulty() {
		key = fmt.Sprintf("%s-%d", a.run.id, a.run.keys.Add(1))
	}
	var ans answer
	err := a.run.insist(ctx, func(ctx context.Context) (err error) {
		ans, err = a.call(ctx, http.MethodPost, path, body, key)
		return err
	})
	if refused, ok := errors.AsType[*refusal](err); ok {
		a.run.refused(operation, refused)
	} else if err != nil && ctx.Err() == nil {
		a.run.count(&a.run.failures, "%s: %v", a.user.Name, err)
	}
	return ans, err
}

const (
	apiPath           = "/api/v2"
	notificationsPath = apiPath + "/notifications"
	maxAnswer         = 64 << 20
)

// call does one request. The error is a *refusal if the answer is a final no.
func (a *agent) call(ctx context.Context, method, path string, body map[string]any, key string) (ans answer, err error) {
	var raw []byte
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return ans, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, a.run.target.url+apiPath+path, bytes.NewReader(raw))
	if err != nil {
		return ans, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if a.id == "" {
		req.SetBasicAuth(a.user.Name, a.user.Password) // for the cookie
	}
	res, err := a.http.Do(req)
	if err != nil {
		return ans, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return ans, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if err := json.Unmarshal(text, &ans); err != nil {
		return ans, fmt.Errorf("%s %s: HTTP %d: %w", method, path, res.StatusCode, err)
	}
	if res.StatusCode >= http.StatusInternalServerError {
		return ans, fmt.Errorf("%s %s: HTTP %d: statusCode %d: %s", method, path, res.StatusCode, ans.StatusCode, ans.StatusMessage)
	}
	if ans.StatusCode != 0 {
		return ans, &refusal{what: method + " " + path, answer: ans}
	}
	return ans, nil
}

// until waits until her view fits.
func (a *agent) until(ctx context.Context, fits func() bool) bool {
	for {
		a.mu.Lock()
		ok, changed := fits(), a.changed
		a.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// compare holds her view against REST. What is still under way settles within a moment.
func (a *agent) compare(ctx context.Context) (wrong []string) {
	for range 20 {
		ans, err := a.call(ctx, http.MethodGet, "/me/chats?fields=*", nil, "")
		if err != nil {
			return []string{err.Error()}
		}
		a.mu.Lock()
		wrong = a.view.differs(ans.Chats, func(id string) ([]jsontext.Value, error) {
			ans, err := a.call(ctx, http.MethodGet, "/me/chats/"+url.PathEscape(id)+"/messages", nil, "")
			return ans.Messages, err
		})
		for id, what := range a.view.asked {
			wrong = append(wrong, fmt.Sprintf("the notification with referenceId %d, of %s, never came", id, what))
		}
		a.mu.Unlock()
		if len(wrong) == 0 || !pause(ctx, 100*time.Millisecond) {
			break
		}
	}
	return wrong
}

// kind is how she is connected.
func (a *agent) kind() string {
	if a.ack {
		return a.transport + " with ack"
	}
	return a.transport
}

// leave lets go of what she has and logs her out: the server goes on, or its data will be used again.
func (a *agent) leave(ctx context.Context) {
	a.mu.Lock()
	chats := map[string]string{}
	for id, c := range a.view.chats {
		chats[id] = c.state
	}
	a.mu.Unlock()
	for id, state := range chats {
		operation := "Complete"
		switch {
		case state == stateInvited:
			operation = "Reject"
		case a.supervises:
			operation = "Leave"
		}
		_ = a.operate(ctx, id, operation, nil) // somebody else may have done so
	}
	_, _ = a.post(ctx, "/me", map[string]any{"operationName": "EndContactCenterSession"}, "") // it ends by itself otherwise
}

// close ends her session.
func (a *agent) close(ctx context.Context) error {
	if a.cometd == nil {
		return nil
	}
	if a.run.opt.Server != "" || a.run.opt.Data != "" {
		a.leave(ctx)
	}
	return a.cometd.Close(ctx)
}
