package bayeuxclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is the server of a test: whatever the client does arrives in the test, which decides what to answer. It lives in the bubble
// of the test, on an in-memory network, so that time passes by itself while everybody waits.
type peer struct {
	t        *testing.T
	listener *memListener
	server   *http.Server
	arrivals chan *arrival
	early    []*arrival    // what came before it was asked for
	over     chan struct{} // closed when the test is over: what arrives then is nobody's concern
}

// arrival is something the client did.
type arrival struct {
	peer   *peer
	what   string // "post", "upgrade", "frame", "gone"
	path   string
	header http.Header
	msgs   []sent
	conn   *socket // of a frame, or of the socket that is gone

	respond chan func(http.ResponseWriter, *http.Request)
	written chan struct{}
}

// sent is a message of the client, decoded anew here so that the test does not lean on the code under test.
type sent struct {
	ID             string                    `json:"id"`
	Channel        string                    `json:"channel"`
	ClientID       string                    `json:"clientId"`
	ConnectionType string                    `json:"connectionType"`
	Subscription   string                    `json:"subscription"`
	Advice         jsontext.Value            `json:"advice"`
	Ext            map[string]jsontext.Value `json:"ext"`
	Data           jsontext.Value            `json:"data"`
	Rest           jsontext.Value            `json:",embed"`
}

// bubble runs a test with a peer in a bubble of its own.
func bubble(t *testing.T, test func(t *testing.T, p *peer)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &peer{t: t, listener: newMemListener(), arrivals: make(chan *arrival), over: make(chan struct{})}
		p.server = &http.Server{Handler: p}
		var serving sync.WaitGroup
		serving.Go(func() { _ = p.server.Serve(p.listener) })
		defer serving.Wait()
		defer p.server.Close()
		defer close(p.over)
		test(t, p)
	})
}

// options returns the options for a client of this peer.
func (p *peer) options() Options {
	return Options{
		URL:    "http://desk.example/cometd",
		HTTP:   &http.Client{Transport: p.roundTripper()},
		Logger: slog.New(slog.NewTextHandler(p.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (p *peer) roundTripper() http.RoundTripper {
	rt := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return p.listener.dial(ctx)
	}}
	p.t.Cleanup(rt.CloseIdleConnections)
	return rt
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &arrival{
		peer: p, what: "post", path: r.URL.RequestURI(), header: r.Header,
		respond: make(chan func(http.ResponseWriter, *http.Request), 1), written: make(chan struct{}),
	}
	defer close(a.written)
	if r.Header.Get("Upgrade") != "" {
		a.what = "upgrade"
	} else {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		a.msgs = p.parse(body)
	}
	p.arrived(a)
	select {
	case respond := <-a.respond:
		respond(w, r)
	case <-r.Context().Done():
		p.t.Logf("client gave up %s %v", a.path, a.msgs)
	case <-p.over:
	}
}

func (p *peer) arrived(a *arrival) {
	select {
	case p.arrivals <- a:
	case <-p.over:
	}
}

func (p *peer) parse(body []byte) []sent {
	var msgs []sent
	if err := json.Unmarshal(body, &msgs, jsontext.AllowDuplicateNames(true)); err != nil {
		p.t.Errorf("the client sent %q: %v", body, err)
	}
	return msgs
}

// next returns the next thing the client does, which must be of this kind. Only that a socket is gone may be noticed sooner or later
// than other things.
func (p *peer) next(what string) *arrival {
	p.t.Helper()
	for i, a := range p.early {
		if (a.what == "gone") == (what == "gone") {
			p.early = slices.Delete(p.early, i, i+1)
			return p.mustBe(what, a)
		}
	}
	for {
		select {
		case a := <-p.arrivals:
			if (a.what == "gone") != (what == "gone") {
				p.early = append(p.early, a)
				continue
			}
			return p.mustBe(what, a)
		case <-time.After(time.Hour): // of the bubble's time
			p.t.Fatalf("the client did nothing for an hour, want %s", what)
			return nil
		}
	}
}

func (p *peer) mustBe(what string, a *arrival) *arrival {
	p.t.Helper()
	if a.what != what {
		p.t.Fatalf("the client did %s %s %v, want %s", a.what, a.path, a.msgs, what)
	}
	return a
}

// expect is next, and checks the channels of the messages in it.
func (p *peer) expect(what string, channels ...string) *arrival {
	p.t.Helper()
	a := p.next(what)
	var got []string
	for _, m := range a.msgs {
		got = append(got, m.Channel)
	}
	if strings.Join(got, " ") != strings.Join(channels, " ") {
		p.t.Fatalf("the client sent %v, want %v", got, channels)
	}
	return a
}

// quiet checks that the client does nothing for this long.
func (p *peer) quiet(d time.Duration) {
	p.t.Helper()
	select {
	case a := <-p.arrivals:
		p.t.Fatalf("the client did %s %s %v, want nothing for %v", a.what, a.path, a.msgs, d)
	case <-time.After(d):
	}
}

// reply answers with an array. In each part, # stands for the id of the request's message with that number: #0, #1.
func (a *arrival) reply(parts ...string) {
	a.peer.t.Helper()
	body := "[" + strings.Join(parts, ",") + "]"
	for i, m := range a.msgs {
		body = strings.ReplaceAll(body, fmt.Sprintf("#%d", i), m.ID)
	}
	if a.what == "frame" {
		a.conn.write(body)
		return
	}
	a.respond <- func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
	<-a.written
}

// status answers with an HTTP status and headers given as name, value.
func (a *arrival) status(code int, header ...string) {
	a.respond <- func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
	<-a.written
}

// cut breaks the connection, after a part of the body if there is one.
func (a *arrival) cut(body string) {
	a.respond <- func(w http.ResponseWriter, r *http.Request) {
		if body != "" {
			w.Header().Set("Content-Length", "10000")
			_, _ = io.WriteString(w, body)
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}
	<-a.written
}

// socket is the server's end of a websocket.
type socket struct {
	peer *peer
	conn net.Conn
	pong chan string
}

// accept upgrades; the frames that the client sends arrive like its posts.
func (a *arrival) accept(header ...string) *socket {
	a.peer.t.Helper()
	s := &socket{peer: a.peer, pong: make(chan string, 10)}
	a.respond <- func(w http.ResponseWriter, r *http.Request) {
		extra := http.Header{}
		for i := 0; i < len(header); i += 2 {
			extra.Set(header[i], header[i+1])
		}
		conn, _, _, err := ws.HTTPUpgrader{Header: extra}.Upgrade(r, w)
		if err != nil {
			a.peer.t.Errorf("upgrade: %v", err)
			return
		}
		s.conn = conn
	}
	<-a.written
	a.peer.t.Cleanup(func() { s.conn.Close() })
	go s.read()
	return s
}

func (s *socket) read() {
	defer func() { s.peer.arrived(&arrival{peer: s.peer, what: "gone", conn: s}) }()
	for {
		frame, err := ws.ReadFrame(s.conn)
		if err != nil {
			return
		}
		frame = ws.UnmaskFrameInPlace(frame)
		switch frame.Header.OpCode {
		case ws.OpText:
			s.peer.arrived(&arrival{peer: s.peer, what: "frame", msgs: s.peer.parse(frame.Payload), conn: s})
		case ws.OpPong:
			s.pong <- string(frame.Payload)
		case ws.OpClose:
			s.conn.Close()
		}
	}
}

func (s *socket) write(text string) {
	s.peer.t.Helper()
	if err := wsutil.WriteServerText(s.conn, []byte(text)); err != nil {
		s.peer.t.Errorf("write %s: %v", text, err)
	}
}

// cut breaks the connection without a close frame.
func (s *socket) cut() {
	s.peer.t.Helper()
	s.conn.Close()
	s.peer.gone(s)
}

// gone waits until the socket has ended.
func (p *peer) gone(s *socket) {
	p.t.Helper()
	if a := p.next("gone"); a.conn != s {
		p.t.Fatal("another socket is gone")
	}
}

// Replies that come again and again.
const (
	shakeReply    = `{"channel":"/meta/handshake","id":"#0","successful":true,"clientId":"A","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["websocket","long-polling"],"advice":{"reconnect":"retry","interval":0,"timeout":30000}}`
	connectReply  = `{"channel":"/meta/connect","id":"#0","successful":true}`
	advisedReply  = `{"channel":"/meta/connect","id":"#0","successful":true,"advice":{"reconnect":"retry","interval":0,"timeout":30000}}`
	unknownReply  = `{"channel":"/meta/connect","id":"#0","successful":false,"error":"402::session_unknown","advice":{"reconnect":"handshake","interval":0,"timeout":30000}}`
	noneReply     = `{"channel":"/meta/connect","id":"#0","successful":true,"advice":{"reconnect":"none","interval":0,"timeout":30000}}`
	goodbyeReply  = `{"channel":"/meta/disconnect","id":"#0","successful":true}`
	ackShakeReply = `{"channel":"/meta/handshake","id":"#0","successful":true,"clientId":"A","supportedConnectionTypes":["websocket","long-polling"],"ext":{"ack":true},"advice":{"reconnect":"retry","interval":0,"timeout":30000}}`
)

// dialing is a Dial under way.
type dialing struct {
	client *Client
	err    error
	done   chan struct{}
}

// dial starts a Dial; wait returns its result.
func (p *peer) dial(opt Options) *dialing {
	d := &dialing{done: make(chan struct{})}
	go func() {
		defer close(d.done)
		d.client, d.err = Dial(p.t.Context(), opt)
	}()
	return d
}

func (d *dialing) wait(t *testing.T) *Client {
	t.Helper()
	<-d.done
	if d.err != nil {
		t.Fatal(d.err)
	}
	return d.client
}

// polling returns a client that is connected by long-polling, and its held connect.
func (p *peer) polling(opt Options) (*Client, *arrival) {
	p.t.Helper()
	opt.Transports = []string{LongPolling}
	d := p.dial(opt)
	p.expect("post", "/meta/handshake").reply(shakeReply)
	p.expect("post", "/meta/connect").reply(advisedReply)
	return d.wait(p.t), p.expect("post", "/meta/connect")
}

// socketed returns a client that is connected by websocket, its socket, and its outstanding connect.
func (p *peer) socketed(opt Options) (*Client, *socket, *arrival) {
	p.t.Helper()
	d := p.dial(opt)
	s := p.next("upgrade").accept()
	p.expect("frame", "/meta/handshake").reply(shakeReply)
	p.expect("frame", "/meta/connect").reply(advisedReply)
	return d.wait(p.t), s, p.expect("frame", "/meta/connect")
}

// do runs f beside the test and returns a function that waits for its error.
func do(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return func() error { return <-done }
}

// end closes the client, playing the server's part, whatever the client has under way.
func (p *peer) end(c *Client) {
	p.t.Helper()
	wait := do(func() error { return c.Close(p.t.Context()) })
	ended := make(chan struct{})
	var err error
	go func() { err = wait(); close(ended) }()
	for {
		select {
		case a := <-p.arrivals:
			if len(a.msgs) == 1 && a.msgs[0].Channel == "/meta/disconnect" {
				a.reply(goodbyeReply)
			}
		case <-ended:
			if err != nil {
				p.t.Errorf("close: %v", err)
			}
			return
		}
	}
}

// states collects what OnState is told.
type states struct {
	mu   sync.Mutex
	seen []State
}

func (s *states) on(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, state)
}

// phases returns what has been told so far, once everybody waits.
func (s *states) phases() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var phases []string
	for _, state := range s.seen {
		phases = append(phases, state.Phase.String())
	}
	return strings.Join(phases, " ")
}

func (s *states) last() State {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[len(s.seen)-1]
}

// heard collects messages as "channel data".
type heard struct {
	mu   sync.Mutex
	msgs []string
}

func (h *heard) on(m Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.msgs = append(h.msgs, m.Channel+" "+string(m.Data))
}

func (h *heard) all() string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.msgs, ", ")
}

// memListener is a network in memory.
type memListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memListener) Addr() net.Addr { return &net.IPAddr{} }

func (l *memListener) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "mem", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func timeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
