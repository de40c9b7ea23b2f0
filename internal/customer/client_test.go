package customer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The client and the server understand each other in every operation (customer-api 2).
func TestClient(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, c := t.Context(), s.client()
	must := func(e Envelope, err error) Envelope {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := must(c.Start(ctx, Param{"nickname", "Pat & Ü"}, Data("order [1]", "4711"), Data("a", "b=c&d")))
	if e.ChatID == "" || c.ChatID() != e.ChatID || c.Key() != e.SecureKey || e.Messages[0].From.Nickname != "Pat & Ü" {
		t.Errorf("%+v", e)
	}
	must(c.StartTyping(ctx, "Hel"))
	must(c.StopTyping(ctx))
	e = must(c.Send(ctx, "Hello 📦", Param{"messageType", "text"}, Once("m-1"), From(1)))
	if m := e.Messages[len(e.Messages)-1]; m.Text != "Hello 📦" || m.MessageType != "text" || m.Answer() || m.From.Type != "Client" {
		t.Errorf("%+v", m)
	}
	if again := must(c.Send(ctx, "Hello 📦", Param{"messageType", "text"}, Once("m-1"))); again.NextPosition != e.NextPosition {
		t.Errorf("sent twice: %+v", again)
	}
	must(c.UpdateData(ctx, Data("order", "4712")))
	if e = must(c.Refresh(ctx, From(e.NextPosition))); len(e.Messages) != 0 {
		t.Errorf("%+v", e)
	}

	elsewhere := s.client()
	elsewhere.Resume(c.ChatID(), c.Key())
	must(elsewhere.Send(ctx, "from another tab"))
	if lines, ended := s.transcript(c); ended || !slices.Equal(lines, []string{"Pat & Ü: Hello 📦", "Pat & Ü: from another tab"}) {
		t.Errorf("%q", lines)
	}

	_, err := c.Send(ctx, "  ")
	var refused *Error
	if !errors.As(err, &refused) || refused.HTTP != 400 || refused.Temporary() || refused.Ended() || refused.Envelope.Errors[0].Code != 182 {
		t.Errorf("a blank message: %v", err)
	}
	if e = must(c.Disconnect(ctx)); !e.ChatEnded {
		t.Errorf("%+v", e)
	}
	if _, err = c.Send(ctx, "wait"); !errors.As(err, &refused) || !refused.Ended() {
		t.Errorf("after the end: %v", err)
	}
	if c.Key() == "" {
		t.Error("a refusal made the client forget who it is")
	}
}

// transport is an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever answers is told apart: a refusal, something that is no chat server, nobody.
func TestClientErrors(t *testing.T) {
	t.Parallel()
	nobody := errors.New("nobody there")
	for _, tt := range []struct {
		name               string
		status             int
		header, body       string
		err                error
		temporary, foreign bool
		says               string
	}{
		{name: "too fast", status: 429, header: "7", body: `{"statusCode":1,"chatEnded":false,"chatId":"","messages":[],"errors":[{"code":240,"advice":"wait"}]}`, temporary: true, says: "240 wait"},
		{name: "for the moment", status: 200, body: `{"statusCode":1,"chatEnded":false,"chatId":"","messages":[]}`, temporary: true, says: "statusCode 1"},
		{name: "a bug", status: 500, body: `{"statusCode":2,"chatEnded":false,"chatId":"","messages":[]}`, temporary: true, says: "500"},
		{name: "a proxy", status: 502, body: "<html>", temporary: true, foreign: true, says: "right server"},
		{name: "a web site", status: 200, body: "<html>", foreign: true, says: "right server"},
		{name: "not found", status: 404, body: "", foreign: true, says: "right server"},
		{name: "nobody", err: nobody, temporary: true, says: "nobody there"},
	} {
		c := &Client{Server: "http://chat.example.com/", Service: "a b", HTTP: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.EscapedPath() != "/genesys/2/chat/a%20b/" {
				t.Errorf("path %s", r.URL.EscapedPath())
			}
			if tt.err != nil {
				return nil, tt.err
			}
			return &http.Response{StatusCode: tt.status, Header: http.Header{"Retry-After": {tt.header}}, Body: io.NopCloser(strings.NewReader(tt.body))}, nil
		})}}
		_, err := c.Start(t.Context(), Param{"nickname", "Pat"})
		var refused *Error
		answered := errors.As(err, &refused)
		if answered == (tt.err != nil) || err == nil || temporary(err) != tt.temporary || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if answered && (refused.Foreign != tt.foreign || tt.header == "7" && refused.RetryAfter != 7*time.Second) {
			t.Errorf("%s: %+v", tt.name, refused)
		}
	}
	if _, err := (&Client{Server: "::", Service: "x"}).Start(context.Background()); err == nil {
		t.Error("an address that is none")
	}
}
