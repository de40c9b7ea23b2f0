package bayeuxclient_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeuxclient"
)

// desk is a real server on a real port, which can lose its connections, and go away and come back.
type desk struct {
	t    *testing.T
	opt  bayeux.Options
	addr string

	*bayeux.Server
	stop func()

	mu        sync.Mutex
	conns     []net.Conn
	noSockets bool // upgrades are refused
	sessions  chan *bayeux.Session
}

func openDesk(t *testing.T, opt bayeux.Options) *desk {
	t.Helper()
	d := &desk{t: t, opt: opt, addr: "127.0.0.1:0", sessions: make(chan *bayeux.Session, 100)}
	d.opt.OnSession = func(s *bayeux.Session) { d.sessions <- s }
	d.opt.Logger = slog.New(slog.DiscardHandler)
	d.start()
	t.Cleanup(func() { d.stop() })
	return d
}

// start serves, on the same port as before.
func (d *desk) start() {
	d.t.Helper()
	srv, err := bayeux.New(d.opt)
	if err != nil {
		d.t.Fatal(err)
	}
	l, err := net.Listen("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.addr = l.Addr().String()
	hs := &http.Server{Handler: http.HandlerFunc(d.serve)}
	srv.Track(hs)
	d.Server = srv
	var serving sync.WaitGroup
	serving.Go(func() { _ = hs.Serve(keeping{l, d}) })
	d.stop = sync.OnceFunc(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = srv.Shutdown(ended) // at once
		_ = hs.Close()
		d.cut()
		serving.Wait()
		_ = srv.Shutdown(context.Background())
	})
}

func (d *desk) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	refused := d.noSockets && r.Header.Get("Upgrade") != ""
	d.mu.Unlock()
	if refused {
		http.Error(w, "no sockets here", http.StatusBadRequest)
		return
	}
	d.ServeHTTP(w, r)
}

func (d *desk) refuseSockets() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noSockets = true
}

// cut breaks every connection.
func (d *desk) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // with a reset: what is under way is lost
		}
		_ = c.Close()
	}
	d.conns = nil
}

// until waits for a condition of the server that nothing announces.
func (d *desk) until(holds func() bool) {
	d.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			d.t.Fatal("the server never got there")
		}
	}
}

// keeping remembers the connections that it accepts.
type keeping struct {
	net.Listener
	d *desk
}

func (k keeping) Accept() (net.Conn, error) {
	c, err := k.Listener.Accept()
	if err == nil {
		k.d.mu.Lock()
		k.d.conns = append(k.d.conns, c)
		k.d.mu.Unlock()
	}
	return c, err
}

func (d *desk) options() bayeuxclient.Options {
	return bayeuxclient.Options{URL: "http://" + d.addr + "/cometd", Backoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond}
}

// connect returns a client, which is closed at the end.
func connect(t *testing.T, opt bayeuxclient.Options) *bayeuxclient.Client {
	t.Helper()
	c, err := bayeuxclient.Dial(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// inbox collects what a handler gets.
type inbox chan bayeuxclient.Message

func (b inbox) on(m bayeuxclient.Message) { b <- m }

func (b inbox) next(t *testing.T) bayeuxclient.Message {
	t.Helper()
	select {
	case m := <-b:
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no message came")
		return bayeuxclient.Message{}
	}
}

// phases collects what OnState is told.
type phases chan bayeuxclient.State

func (p phases) on(s bayeuxclient.State) { p <- s }

// until returns the state with that phase, and the phases that came before it.
func (p phases) until(t *testing.T, phase bayeuxclient.Phase) (bayeuxclient.State, []bayeuxclient.Phase) {
	t.Helper()
	var before []bayeuxclient.Phase
	for {
		select {
		case s := <-p:
			if s.Phase == phase {
				return s, before
			}
			before = append(before, s.Phase)
		case <-time.After(10 * time.Second):
			t.Fatalf("never %v; %v", phase, before)
		}
	}
}

// overBoth runs a test over each transport.
func overBoth(t *testing.T, test func(t *testing.T, transport string)) {
	for _, transport := range []string{bayeuxclient.WebSocket, bayeuxclient.LongPolling} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			test(t, transport)
		})
	}
}

func raw(format string, args ...any) jsontext.Value {
	return jsontext.Value(fmt.Sprintf(format, args...))
}

// Chapters 6, 7: everything a client asks for, and the session is gone after Close.
func TestServerRoundTrip(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{})
		err := errors.Join(
			d.Service("/service/echo", func(_ context.Context, _ *bayeux.Session, m *bayeux.Message) (jsontext.Value, error) {
				return m.Data, nil
			}),
			d.Call("/service/sum", func(_ context.Context, _ *bayeux.Session, m *bayeux.Message) (jsontext.Value, error) {
				if string(m.Data) == "[]" {
					return nil, &bayeux.CallFailure{Data: raw(`{"why":"nothing to add"}`)}
				}
				return raw(`{"of":%s}`, m.Data), nil
			}))
		if err != nil {
			t.Fatal(err)
		}
		got, echoed := make(inbox, 100), make(inbox, 100)
		opt := d.options()
		opt.Transports, opt.OnMessage = []string{transport}, echoed.on
		c, err := bayeuxclient.Dial(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		sub, err := c.Subscribe(t.Context(), "/desk/*", got.on)
		if err != nil {
			t.Fatal(err)
		}
		const data = `{"big":12345678901234567890,"e":1e3}`
		if err := c.Publish(t.Context(), "/desk/news", jsontext.Value(data)); err != nil {
			t.Error(err)
		}
		if m := got.next(t); m.Channel != "/desk/news" || string(m.Data) != data {
			t.Errorf("got %+v", m)
		}
		if err := c.Publish(t.Context(), "/service/echo", "hi"); err != nil {
			t.Error(err)
		}
		if m := echoed.next(t); m.Channel != "/service/echo" || string(m.Data) != `"hi"` {
			t.Errorf("echoed %+v", m)
		}
		if m, err := c.Call(t.Context(), "/service/sum", []int{1, 2}); err != nil || string(m.Data) != `{"of":[1,2]}` {
			t.Errorf("call: %s, %v", m.Data, err)
		}
		_, err = c.Call(t.Context(), "/service/sum", []int{})
		if failed, ok := errors.AsType[*bayeuxclient.ReplyError](err); !ok || string(failed.Data) != `{"why":"nothing to add"}` {
			t.Errorf("failing call: %v", err)
		}
		err = c.Publish(t.Context(), "/desk/*", 1)
		if refused, ok := errors.AsType[*bayeuxclient.ReplyError](err); !ok || refused.Code() != 405 {
			t.Errorf("publish to a pattern: %v", err)
		}
		if _, err = c.Subscribe(t.Context(), "/meta/connect", got.on); err == nil {
			t.Error("subscribed to /meta/connect")
		}
		if err := d.Publish(t.Context(), "/desk/more", raw("1")); err != nil {
			t.Error(err)
		}
		got.next(t)
		if err := sub.Unsubscribe(t.Context()); err != nil {
			t.Error(err)
		}
		if s := <-d.sessions; s.ID() != c.ID() || s.Subscribed("/desk/news") {
			t.Errorf("session %s, subscribed %v", s.ID(), s.Subscribed("/desk/news"))
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := d.Stats().Sessions; n != 0 {
			t.Errorf("%d sessions left", n)
		}
	})
}

// A6, A7, AK-4, DEL-8: with ack, messages published while the connections break again and again arrive once each, in order, in one
// session.
func TestServerCutsConnections(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{MaxInterval: time.Minute})
		got, told := make(inbox, 10_000), make(phases, 10_000)
		opt := d.options()
		opt.Transports, opt.Ack, opt.OnState = []string{transport}, true, told.on
		c := connect(t, opt)
		if _, err := c.Subscribe(t.Context(), "/k", got.on); err != nil {
			t.Fatal(err)
		}
		const cuts, between = 15, 20
		for cut := range cuts {
			for n := range between {
				if err := d.Publish(t.Context(), "/k", raw("%d", cut*between+n)); err != nil {
					t.Fatal(err)
				}
				if n == between/2 {
					d.cut()
				}
			}
		}
		for n := range cuts * between {
			if m := got.next(t); string(m.Data) != fmt.Sprint(n) {
				t.Fatalf("got %s, want %d", m.Data, n)
			}
		}
		for len(told) > 0 {
			if s := <-told; s.Phase == bayeuxclient.Handshaken && s.ID != c.ID() {
				t.Errorf("a new session: %+v", s)
			}
		}
	})
}

// CN-12, SS-13: a server that comes back on the same port has forgotten the session; the client makes a new one, and its subscriptions
// are in force when OnState hears of it.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{})
		got, told := make(inbox, 100), make(phases, 10_000)
		opt := d.options()
		opt.Transports, opt.Ack, opt.OnState = []string{transport}, true, told.on
		c := connect(t, opt)
		for _, channel := range []string{"/a", "/b/**"} {
			if _, err := c.Subscribe(t.Context(), channel, got.on); err != nil {
				t.Fatal(err)
			}
		}
		first := c.ID()
		told.until(t, bayeuxclient.Connected)
		d.stop()
		told.until(t, bayeuxclient.Broken)
		told.until(t, bayeuxclient.Broken) // and an attempt that failed
		d.start()
		s, before := told.until(t, bayeuxclient.Handshaken)
		if s.ID == first || s.Err != nil {
			t.Errorf("told %+v", s)
		}
		if slices.Contains(before, bayeuxclient.Connected) {
			t.Errorf("told %v before the handshake", before)
		}
		for _, channel := range []string{"/a", "/b/c"} {
			if err := d.Publish(t.Context(), channel, raw("1")); err != nil {
				t.Fatal(err)
			}
			if m := got.next(t); m.Channel != channel {
				t.Errorf("got %+v", m)
			}
		}
	})
}

// Chapter 16, WS-5: sockets are refused from now on, and the session goes on over long-polling, as the upgrade set its cookie.
func TestServerRefusesSockets(t *testing.T) {
	t.Parallel()
	d := openDesk(t, bayeux.Options{})
	got, told := make(inbox, 100), make(phases, 100)
	opt := d.options()
	opt.OnState = told.on
	c := connect(t, opt)
	if _, err := c.Subscribe(t.Context(), "/a", got.on); err != nil {
		t.Fatal(err)
	}
	if s, _ := told.until(t, bayeuxclient.Connected); s.Transport != bayeuxclient.WebSocket {
		t.Errorf("told %+v", s)
	}
	first := c.ID()
	d.refuseSockets()
	d.cut()
	told.until(t, bayeuxclient.Broken)
	if err := d.Publish(t.Context(), "/a", raw("1")); err != nil { // waits for the client [DEL-9]
		t.Fatal(err)
	}
	if s, before := told.until(t, bayeuxclient.Connected); s.Transport != bayeuxclient.LongPolling || s.ID != first {
		t.Errorf("told %+v after %v", s, before)
	}
	got.next(t)
}

// Sockets that are refused from the start.
func TestServerWithoutSockets(t *testing.T) {
	t.Parallel()
	d := openDesk(t, bayeux.Options{Transports: []bayeux.Transport{bayeux.LongPolling}})
	told := make(phases, 100)
	opt := d.options()
	opt.OnState = told.on
	connect(t, opt)
	if s, _ := told.until(t, bayeuxclient.Connected); s.Transport != bayeuxclient.LongPolling {
		t.Errorf("told %+v", s)
	}
}

// DC-5, DC-7: sent away for good, and sent to shake hands again.
func TestServerEndsSession(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{})
		told := make(phases, 100)
		opt := d.options()
		opt.Transports, opt.OnState = []string{transport}, told.on
		c := connect(t, opt)
		told.until(t, bayeuxclient.Connected)
		first := <-d.sessions
		d.Revoke(func(bayeux.Principal) bool { return true })
		if s, _ := told.until(t, bayeuxclient.Handshaken); s.ID == first.ID() {
			t.Errorf("told %+v", s)
		}
		told.until(t, bayeuxclient.Connected)
		second := <-d.sessions
		d.until(func() bool { return d.Stats().Held == 1 }) // between two polls the client would learn of it by a 402
		second.Disconnect()
		if s, _ := told.until(t, bayeuxclient.Closed); !errors.Is(s.Err, bayeuxclient.ErrDisconnected) {
			t.Errorf("told %+v", s)
		}
		<-c.Done()
		if !errors.Is(c.Err(), bayeuxclient.ErrDisconnected) {
			t.Errorf("ended with %v", c.Err())
		}
	})
}

// refusing is a policy that lets nobody in.
type refusing struct{ bayeux.DefaultPolicy }

func (refusing) CanHandshake(context.Context, bayeux.Peer, *bayeux.Message) error {
	return &bayeux.Refusal{}
}

// HS-6.
func TestServerRefusesHandshake(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{Policy: refusing{}, ErrorStyle: bayeux.ErrorStyleV3})
		opt := d.options()
		opt.Transports = []string{transport}
		_, err := bayeuxclient.Dial(t.Context(), opt)
		if refused, ok := errors.AsType[*bayeuxclient.RefusedError](err); !ok || refused.Text != "403::Handshake denied" || refused.Advice.Reconnect != "none" {
			t.Errorf("got %v", err)
		}
	})
}

// DEL-16: a long catch-up comes in several answers, in order, over a client that reads at its own pace.
func TestServerCatchUp(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport string) {
		d := openDesk(t, bayeux.Options{MaxInterval: time.Minute, MaxQueueBytes: bayeux.Unlimited, MaxQueue: bayeux.Unlimited})
		got := make(inbox)
		opt := d.options()
		opt.Transports, opt.Ack, opt.MaxQueue = []string{transport}, true, 10_000
		c := connect(t, opt)
		if _, err := c.Subscribe(t.Context(), "/k", got.on); err != nil {
			t.Fatal(err)
		}
		const messages = 2000
		filler := strings.Repeat("x", 500)
		for n := range messages {
			if err := d.Publish(t.Context(), "/k", raw(`"%d %s"`, n, filler)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range messages {
			if m := got.next(t); !strings.HasPrefix(string(m.Data), fmt.Sprintf(`"%d `, n)) {
				t.Fatalf("got %.20s, want %d", m.Data, n)
			}
		}
	})
}
