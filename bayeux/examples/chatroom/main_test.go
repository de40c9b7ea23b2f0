package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/bayeux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the page does, without a browser: the room speaks to those in it, and to nobody else.
func TestTheRoom(t *testing.T) {
	t.Parallel()
	srv, err := bayeux.New(bayeux.Options{Policy: policy{}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler(srv)
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(h)
	t.Cleanup(func() {
		hs.Close()
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	client := hs.Client()
	client.Jar, _ = cookiejar.New(nil)
	id := ""
	exchange := func(method, path, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, hs.URL+path, strings.NewReader(strings.ReplaceAll(body, "ID", id)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s, %v", method, path, resp.Status, err)
		}
		return string(b)
	}

	if got := exchange(http.MethodGet, "/", ""); !strings.Contains(got, `src="chat.js"`) {
		t.Errorf("the page is %s", got)
	}
	_, rest, _ := strings.Cut(exchange(http.MethodPost, "/cometd/", `{"channel":"/meta/handshake"}`), `"clientId":"`)
	id, _, _ = strings.Cut(rest, `"`)
	for _, c := range []struct{ message, want string }{
		{`{"channel":"/meta/subscribe","clientId":"ID","subscription":"/room"}`, `"successful":true`},
		{`{"channel":"/room","clientId":"ID","data":{"name":"Ada","text":"hello"}}`, `{"channel":"/room","data":{"name":"Ada","text":"hello"}}`},
		{`{"channel":"/room","clientId":"ID","data":{"name":"Ada"}}`, "403:a_name_and_a_text_please:publish_denied"},
		{`{"channel":"/room","clientId":"ID","data":"hello"}`, "403:a_name_and_a_text_please:publish_denied"},
		{`{"channel":"/elsewhere","clientId":"ID","data":1}`, "403:only_the_room:channel_create_denied"},
	} {
		if got := exchange(http.MethodPost, "/cometd/", c.message); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.message, got, c.want)
		}
	}
}
