package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/internal/config"
)

// Times of those who use REST.
const (
	requestTimeout = 3 * time.Second       // then the same is asked again
	pause          = 25 * time.Millisecond // before that
	lookInterval   = 200 * time.Millisecond
)

// agent takes the chats that she is offered, and completes those whose customer has left.
type agent struct {
	name   string
	server string
	http   *http.Client
	cookie *http.Cookie

	mu        sync.Mutex
	completed []string // ids of chats
	wrong     []string
}

// logIn gets the cookie as desktops do, by reading the own user with Basic authentication (agent-api 1.3).
func (a *agent) logIn(ctx context.Context) error {
	jar, _ := cookiejar.New(nil) // fails for no options
	a.http = &http.Client{Jar: jar, Timeout: requestTimeout, Transport: &http.Transport{}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.server+"/api/v2/me?subresources=*", http.NoBody)
	if err != nil {
		return err
	}
	req.SetBasicAuth(a.name, config.DemoPassword)
	res, err := a.http.Do(req)
	for err != nil && ctx.Err() == nil { // all log in at once, and passwords take time
		res, err = a.http.Do(req)
	}
	if err != nil {
		return err
	}
	res.Body.Close()
	i := slices.IndexFunc(res.Cookies(), func(c *http.Cookie) bool { return c.Name == "JSESSIONID" })
	if i < 0 {
		return fmt.Errorf("%s cannot log in: HTTP %d", a.name, res.StatusCode)
	}
	a.cookie = res.Cookies()[i]
	return nil
}

// begin makes her ready for chats.
func (a *agent) begin(ctx context.Context) error {
	return errors.Join(
		a.do(ctx, http.MethodPost, "/me", `{"operationName":"StartContactCenterSession","channels":["chat"]}`, "start", nil),
		a.do(ctx, http.MethodPost, "/me/channels/chat", `{"operationName":"Ready"}`, "ready", nil),
	)
}

// work looks after her chats until ctx ends.
func (a *agent) work(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.look(ctx); err != nil && ctx.Err() == nil {
			a.mu.Lock()
			a.wrong = append(a.wrong, err.Error())
			a.mu.Unlock()
		}
		sleep(ctx, lookInterval)
	}
}

func (a *agent) look(ctx context.Context) error {
	var list struct {
		Chats []struct {
			ID, State    string
			Participants []struct{ Type string }
		}
	}
	if err := a.do(ctx, http.MethodGet, "/me/chats?fields=*", "", "", &list); err != nil {
		return err
	}
	for _, c := range list.Chats {
		present := slices.ContainsFunc(c.Participants, func(p struct{ Type string }) bool { return p.Type == "Customer" })
		switch {
		case c.State == "Invited":
			if err := a.operate(ctx, c.ID, "Accept"); err != nil {
				return err
			}
		case c.State == "Chatting" && !present:
			if err := a.operate(ctx, c.ID, "Complete"); err != nil {
				return err
			}
			a.mu.Lock()
			a.completed = append(a.completed, c.ID)
			a.mu.Unlock()
		}
	}
	return nil
}

func (a *agent) operate(ctx context.Context, chatID, operation string) error {
	return a.do(ctx, http.MethodPost, "/me/chats/"+chatID, `{"operationName":"`+operation+`"}`, operation+"-"+chatID, nil)
}

// do makes one request, again and again under the same Idempotency-Key until it is answered (agent-api 1.4).
func (a *agent) do(ctx context.Context, method, path, body, key string, into any) error {
	for {
		status, answer, err := a.try(ctx, method, path, body, key)
		switch {
		case err != nil || status >= http.StatusInternalServerError: // nobody there, or not able to
			if ctx.Err() != nil {
				return ctx.Err()
			}
			sleep(ctx, pause)
			continue
		case status != http.StatusOK:
			return fmt.Errorf("%s: %s %s %s: HTTP %d %s", a.name, method, path, body, status, answer)
		case into != nil:
			return json.Unmarshal(answer, into)
		}
		return nil
	}
}

func (a *agent) try(ctx context.Context, method, path, body, key string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, a.server+"/api/v2"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// done are the chats that she has completed.
func (a *agent) done() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.completed)
}

// sleep waits, not longer than ctx.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
