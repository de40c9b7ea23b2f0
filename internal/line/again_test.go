package line_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/line"
)

// A POST is sent twice, over two connections, and the client gets the answer to the original. Which of them comes first is for the test to say.
func TestAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lag  time.Duration
		want string // the answer: which of the requests it was
	}{"after": {moment, "1 text"}, "before": {-moment, "2 text"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := make(chan string, 10)
			answers := 0
			turn := make(chan struct{}, 1) // one request at a time
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				turn <- struct{}{}
				answers++
				fmt.Fprintf(w, "%d %s", answers, body)
				<-turn
				requests <- r.Method + " " + r.RemoteAddr
			}))
			t.Cleanup(server.Close)
			l, err := line.Listen(server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(l.Close)
			l.Next(func() line.Fault { return line.Fault{Up: line.Way{Again: c.lag}} })
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

			if got := fetch(t, client, http.MethodPost, l.Address()); got != c.want {
				t.Errorf("the client got %q, want %q", got, c.want)
			}
			if one, other := <-requests, <-requests; !strings.HasPrefix(one, "POST ") || !strings.HasPrefix(other, "POST ") || one == other {
				t.Errorf("the server got %q and %q", one, other)
			}
			fetch(t, client, http.MethodGet, l.Address())
			if first := <-requests; !strings.HasPrefix(first, "GET ") || len(requests) > 0 {
				t.Errorf("%q came, and %d more: only a POST is sent twice", first, len(requests))
			}
			if l.Copies() != 1 {
				t.Errorf("%d copies", l.Copies())
			}
		})
	}
}

func fetch(t *testing.T, client *http.Client, method, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address, strings.NewReader("text"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
