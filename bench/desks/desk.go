package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/internal/config"
)

// desk is an agent's desktop: a CometD session, and which chats it was told of.
type desk struct {
	name, userID string
	cookies      http.CookieJar
	line         *http.Transport // of the session
	comet        *bayeuxclient.Client

	mu       sync.Mutex
	invited  map[string]bool          // chats that wait for her answer
	chatting map[string]bool          // chats that she is in
	waiting  map[string]chan struct{} // closed when the chat is offered
}

// answer is what all answers have, and what is needed of some.
type answer struct {
	StatusCode    int
	StatusMessage string
	ChatID        string
	SecureKey     string
	User          struct{ ID string }
}

// comeIn logs an agent in, opens her session and makes her ready.
func (c *centre) comeIn(ctx context.Context, name string) (*desk, error) {
	d := &desk{name: name, line: &http.Transport{}, invited: map[string]bool{}, chatting: map[string]bool{}, waiting: map[string]chan struct{}{}}
	var err error
	if d.cookies, err = cookiejar.New(nil); err != nil {
		return nil, err
	}
	me, err := c.ask(ctx, d, http.MethodGet, "/me", "")
	if err != nil {
		return nil, err
	}
	d.userID = me.User.ID
	d.comet, err = bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: c.server.URL + "/api/v2/notifications", HTTP: &http.Client{Jar: d.cookies, Transport: d.line}, Transports: []string{bayeuxclient.LongPolling},
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.comet.Subscribe(ctx, "/v2/me/chats", d.told); err != nil {
		return nil, err
	}
	if _, err := c.ask(ctx, d, http.MethodPost, "/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`); err != nil {
		return nil, err
	}
	_, err = c.ask(ctx, d, http.MethodPost, "/me/channels/chat", `{"operationName":"Ready"}`)
	return d, err
}

func (d *desk) close(ctx context.Context) {
	d.comet.Close(ctx)
	d.line.CloseIdleConnections()
}

// told takes a notification.
func (d *desk) told(m bayeuxclient.Message) {
	var n struct {
		NotificationType string
		Chat             struct{ ID, State string }
	}
	if err := json.Unmarshal(m.Data, &n); err != nil || n.NotificationType != "StatusChange" {
		return // it does not tell who has a chat
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.invited, n.Chat.ID)
	delete(d.chatting, n.Chat.ID)
	switch n.Chat.State {
	case "Invited":
		d.invited[n.Chat.ID] = true
		if w := d.waiting[n.Chat.ID]; w != nil {
			close(w)
			delete(d.waiting, n.Chat.ID)
		}
	case "Chatting":
		d.chatting[n.Chat.ID] = true
	}
}

// expect returns what is closed when the chat is offered to her.
func (d *desk) expect(chatID string) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := make(chan struct{})
	d.waiting[chatID] = w
	return w
}

// was tells whether the chat waits for her answer.
func (d *desk) was(chatID string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.invited[chatID]
}

// held lists the chats that she is in.
func (d *desk) held() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.chatting))
}

// operate does an operation of an agent's on a chat.
func (c *centre) operate(ctx context.Context, agent int, chatID, body string) error {
	_, err := c.ask(ctx, c.desks[agent], http.MethodPost, "/me/chats/"+chatID, body)
	return err
}

func (c *centre) get(ctx context.Context, d *desk, path string) error {
	_, err := c.ask(ctx, d, http.MethodGet, path, "")
	return err
}

// ask does a request of an agent's.
func (c *centre) ask(ctx context.Context, d *desk, method, path, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.server.URL+"/api/v2"+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	known := d.cookies.Cookies(req.URL)
	for _, cookie := range known {
		req.AddCookie(cookie)
	}
	if len(known) == 0 {
		req.SetBasicAuth(d.name, config.DemoPassword)
	}
	return c.do(req, func(res *http.Response) { d.cookies.SetCookies(req.URL, res.Cookies()) })
}

// form does a request of a customer's.
func (c *centre) form(ctx context.Context, path string, values url.Values) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(req, func(*http.Response) {})
}

// do sends a request and requires the answer to say that all is well.
func (c *centre) do(req *http.Request, see func(*http.Response)) (a answer, err error) {
	res, err := c.web.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	see(res)
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	if len(body) < 8<<10 || res.StatusCode != http.StatusOK { // what is longer is no answer to a command, and its parsing is not what is measured
		if err := json.Unmarshal(body, &a); err != nil {
			return a, fmt.Errorf("%s: HTTP %d: %w", req.URL.Path, res.StatusCode, err)
		}
		if a.StatusCode != 0 {
			return a, fmt.Errorf("%s: HTTP %d, statusCode %d %s", req.URL.Path, res.StatusCode, a.StatusCode, a.StatusMessage)
		}
	}
	return a, nil
}
