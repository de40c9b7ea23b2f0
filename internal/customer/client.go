package customer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// maxAnswer bounds what is read of an answer: a transcript may be long, a page of HTML is none of our business.
const maxAnswer = 16 << 20

// Client is one customer's side of one chat, over REST (customer-api 2). Its methods may be called from several goroutines after Start.
//
// A method returns the server's answer and an [*Error] if that is not a success; any other error means that there was no answer.
type Client struct {
	Server  string       // such as http://127.0.0.1:8080
	Service string       // name of the chat service
	HTTP    *http.Client // nil: http.DefaultClient

	mu     sync.Mutex
	chatID string
	key    string
	alias  string
	userID string
}

// Param is a further parameter of a request.
type Param struct{ Name, Value string }

// From asks for the transcript from this index on in the answer (customer-api 1.9).
func From(index int64) Param {
	return Param{"transcriptPosition", strconv.FormatInt(index, 10)}
}

// Once names a message, so that sending it again after a lost answer gives the first answer and no second message (customer-api 2.0). An id has
// 1 to 128 visible ASCII characters.
func Once(id string) Param { return Param{"clientMessageId", id} }

// Data attaches a pair to the chat.
func Data(key, value string) Param { return Param{"userData[" + key + "]", value} }

// Start requests a chat. The server wants a nickname, or a firstName and a lastName, among the parameters.
func (c *Client) Start(ctx context.Context, params ...Param) (Envelope, error) {
	return c.post(ctx, "", params)
}

// Send writes to the chat.
func (c *Client) Send(ctx context.Context, text string, params ...Param) (Envelope, error) {
	return c.post(ctx, "send", append([]Param{{"message", text}}, params...))
}

// StartTyping tells that she types; preview is what she has typed so far, if the agents may see it.
func (c *Client) StartTyping(ctx context.Context, preview string, params ...Param) (Envelope, error) {
	return c.post(ctx, "startTyping", append([]Param{{"message", preview}}, params...))
}

// StopTyping tells that she has stopped without sending.
func (c *Client) StopTyping(ctx context.Context, params ...Param) (Envelope, error) {
	return c.post(ctx, "stopTyping", params)
}

// Refresh polls: what has happened since? Give [From] the NextPosition of the last answer.
func (c *Client) Refresh(ctx context.Context, params ...Param) (Envelope, error) {
	return c.post(ctx, "refresh", params)
}

// UpdateData adds or replaces attached data: give it [Data].
func (c *Client) UpdateData(ctx context.Context, params ...Param) (Envelope, error) {
	return c.post(ctx, "updateData", params)
}

// Disconnect leaves the chat, which ends it.
func (c *Client) Disconnect(ctx context.Context, params ...Param) (Envelope, error) {
	return c.post(ctx, "disconnect", params)
}

// Resume makes the client take part in a chat that was begun elsewhere.
func (c *Client) Resume(chatID, secureKey string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chatID, c.key, c.alias, c.userID = chatID, secureKey, "", ""
}

// ChatID returns the id of the chat, or "" before Start.
func (c *Client) ChatID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chatID
}

// Key returns the secureKey of the chat, or "" before Start. It is a secret: who has it is this customer.
func (c *Client) Key() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key
}

// post sends one request. The URL of a request for a chat ends with a slash, as that of the widget does.
func (c *Client) post(ctx context.Context, operation string, params []Param) (Envelope, error) {
	target := strings.TrimSuffix(c.Server, "/") + "/genesys/2/chat/" + url.PathEscape(c.Service) + "/"
	form := url.Values{}
	c.mu.Lock()
	if operation != "" {
		target += url.PathEscape(c.chatID) + "/" + operation
		form.Set("secureKey", c.key)
		form.Set("userId", c.userID)
		form.Set("alias", c.alias)
	}
	c.mu.Unlock()
	for _, p := range params {
		form.Set(p.Name, p.Value)
	}
	what := operation
	if what == "" {
		what = "request chat"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return Envelope{}, fmt.Errorf("%s: the server's address %q: %w", what, c.Server, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return Envelope{}, fmt.Errorf("%s: %w", what, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Envelope{}, fmt.Errorf("%s: read the answer: %w", what, err)
	}
	var e Envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return Envelope{}, &Error{Operation: what, HTTP: resp.StatusCode, RetryAfter: retryAfter(resp), Foreign: true}
	}
	if resp.StatusCode != http.StatusOK || e.StatusCode != 0 {
		return e, &Error{Operation: what, HTTP: resp.StatusCode, RetryAfter: retryAfter(resp), Envelope: e}
	}
	c.takeOver(e)
	return e, nil
}

// takeOver keeps what identifies the customer: the latest values count (customer-api 1.6).
func (c *Client) takeOver(e Envelope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chatID, c.key, c.alias, c.userID = e.ChatID, e.SecureKey, e.Alias, e.UserID
}

func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// Error is an answer other than success.
type Error struct {
	Operation  string
	HTTP       int           // status of the response
	RetryAfter time.Duration // 0: the server does not say
	Foreign    bool          // the answer is none of the chat API, and Envelope is empty
	Envelope   Envelope
}

// Error says what was refused, and why.
func (e *Error) Error() string {
	if e.Foreign {
		return fmt.Sprintf("%s: the answer, with HTTP status %d, is not one of the chat API; is this the right server?", e.Operation, e.HTTP)
	}
	var why strings.Builder
	for _, p := range e.Envelope.Errors {
		fmt.Fprintf(&why, "; %d %s", p.Code, p.Advice)
	}
	return fmt.Sprintf("%s: refused with HTTP status %d, statusCode %d%s", e.Operation, e.HTTP, e.Envelope.StatusCode, why.String())
}

// Temporary says whether the same request may succeed later.
func (e *Error) Temporary() bool { return e.Envelope.StatusCode == 1 || e.HTTP >= 500 }

// Ended says whether there is no chat any more.
func (e *Error) Ended() bool { return e.Envelope.ChatEnded }
