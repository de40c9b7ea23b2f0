package interop_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	interop "github.com/halley-chat/halley/interop/driver"
)

// server is a running open server.
type server struct {
	t       *testing.T
	address string
	options []string
	cmd     *exec.Cmd
	log     interop.Tail
}

// startServer starts the open server with some options, till the end of the test. Its time-outs are short, so that what waits for them does not take long.
func startServer(t *testing.T, options ...string) *server {
	t.Helper()
	s := &server{t: t, options: append([]string{
		"--timeout", "1000", "--max-interval", "8000", "--ws-confirm-by-ping", "--ws-confirm-timeout", "2000", "--drain", "100",
	}, options...)}
	s.start("127.0.0.1:0")
	t.Cleanup(func() {
		s.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", s.log.String())
		}
	})
	return s
}

func (s *server) start(address string) {
	s.t.Helper()
	s.cmd = exec.Command(openserver, append([]string{"--listen", address}, s.options...)...)
	s.cmd.Stderr = &s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	var ok bool
	if s.address, ok = strings.CutPrefix(strings.TrimSpace(line), "listening "); !ok {
		s.t.Fatalf("the server says %q: %v\n%s", line, err, s.log.String())
	}
}

// end ends the process, which must go well if it is asked and not killed: the race detector makes a status of its own.
func (s *server) end(signal syscall.Signal) {
	s.t.Helper()
	s.cmd.Process.Signal(signal)
	killed := time.AfterFunc(patience, func() { s.cmd.Process.Kill() })
	defer killed.Stop()
	if err := s.cmd.Wait(); err != nil && signal != syscall.SIGKILL {
		s.t.Errorf("the server ended with %v\n%s", err, s.log.String())
	}
}

// restart kills the server, calls meanwhile, and starts another one on the same port.
func (s *server) restart(meanwhile func()) {
	s.t.Helper()
	s.end(syscall.SIGKILL)
	meanwhile()
	s.start(s.address)
}

// at is the settings of a client that reaches the server through an address, over one transport or several. It tries again soon after a break.
func at(address string, transports ...string) order {
	return order{
		"url": "http://" + address + "/cometd", "transports": transports,
		"maxNetworkDelay": 20_000, "backoff": 20, "maxBackoff": 100,
	}
}

// author is a client of ours with a good line, which publishes.
type author struct {
	t      *testing.T
	client *bayeuxclient.Client
}

func newAuthor(t *testing.T, s *server) *author {
	t.Helper()
	client, err := bayeuxclient.Dial(t.Context(), bayeuxclient.Options{URL: "http://" + s.address + "/cometd", Transports: []string{bayeuxclient.LongPolling}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.WithoutCancel(t.Context())) })
	return &author{t, client}
}

func (a *author) publish(channel string, data any) {
	a.t.Helper()
	if err := a.client.Publish(a.t.Context(), channel, data); err != nil {
		a.t.Fatal(err)
	}
}

// gate is a proxy in front of a server that lets no websocket through, as some do, and sees the browser cookies.
type gate struct {
	address string
	mu      sync.Mutex
	cookies map[string]bool
	refused int
}

func newGate(t *testing.T, s *server) *gate {
	t.Helper()
	g := &gate{cookies: map[string]bool{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.address})
	proxy.ErrorLog = log.New(io.Discard, "", 0) // clients go away in the middle
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		if cookie, err := r.Cookie("BAYEUX_BROWSER"); err == nil {
			g.cookies[cookie.Value] = true
		}
		upgrade := r.Header.Get("Upgrade") != ""
		if upgrade {
			g.refused++
		}
		g.mu.Unlock()
		if upgrade {
			http.Error(w, "no upgrades here", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	g.address = front.Listener.Addr().String()
	return g
}

// seen is how many upgrades it has refused, and how many browser cookies there were.
func (g *gate) seen() (refused, cookies int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused, len(g.cookies)
}
