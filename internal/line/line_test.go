package line_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/halley-chat/halley/internal/line"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come, and moment for what must not.
const (
	patience = 10 * time.Second
	moment   = 50 * time.Millisecond
)

// A good line carries what both sides say, and the end of each side for itself.
func TestGood(t *testing.T) {
	t.Parallel()
	_, client, server := connect(t, nil)
	say(t, client, strings.Repeat("up", 50_000))
	client.CloseWrite()
	if got := rest(t, server); got != strings.Repeat("up", 50_000) {
		t.Errorf("the server got %d bytes", len(got))
	}
	say(t, server, "down") // still open this way
	server.CloseWrite()
	if got := rest(t, client); got != "down" {
		t.Errorf("the client got %q", got)
	}
}

func TestCutAfterBytes(t *testing.T) {
	t.Parallel()
	for name, withReset := range map[string]bool{"end": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, client, server := connect(t, func() line.Fault { return line.Fault{Down: line.Way{Cut: 10, Reset: withReset}} })
			say(t, client, "any number of bytes may go up")
			hear(t, server, "any number of bytes may go up")
			say(t, server, "0123456")
			hear(t, client, "0123456")
			say(t, server, "789abc")
			got, err := io.ReadAll(client)
			if string(got) != "789"[:len(got)] || (!withReset && len(got) != 3) {
				t.Errorf("the client got %q before the cut", got) // a reset may overtake what is on its way
			}
			if errors.Is(err, syscall.ECONNRESET) != withReset {
				t.Errorf("the connection ended with %v", err)
			}
			rest(t, server)
			if l.Cuts() != 1 {
				t.Errorf("%d cuts", l.Cuts())
			}
		})
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	l, client, server := connect(t, nil)
	l.Reset()
	for name, conn := range map[string]net.Conn{"client": client, "server": server} {
		if _, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the %s: %v", name, err)
		}
	}
	if l.Cuts() != 1 {
		t.Errorf("%d cuts", l.Cuts())
	}
}

// When a line falls silent, neither side learns that the other has gone; what it was told before has arrived.
func TestSilent(t *testing.T) {
	t.Parallel()
	l, client, server := connect(t, nil)
	l.Break(line.Both(line.Way{Silent: true}))
	say(t, client, "into the void")
	client.Close()
	server.SetReadDeadline(time.Now().Add(moment))
	if n, err := server.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
		t.Errorf("the server read %d bytes: %v", n, err)
	}
}

func TestOneWaySilent(t *testing.T) {
	t.Parallel()
	l, client, server := connect(t, nil)
	l.Break(line.Fault{Down: line.Way{Silent: true}})
	say(t, client, "x")
	hear(t, server, "x")
	say(t, server, "y")
	client.SetReadDeadline(time.Now().Add(moment))
	if n, err := client.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
		t.Errorf("the client read %d bytes: %v", n, err)
	}
	l.Break(line.Fault{}) // what vanished is lost
	client.SetReadDeadline(time.Now().Add(patience))
	say(t, server, "z")
	hear(t, client, "z")
}

func TestDelay(t *testing.T) {
	t.Parallel()
	_, client, server := connect(t, func() line.Fault { return line.Fault{Up: line.Way{Delay: moment}} })
	start := time.Now()
	say(t, client, "x")
	hear(t, server, "x")
	if took := time.Since(start); took < moment {
		t.Errorf("it took %v only", took)
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	l, client, server := connect(t, nil)
	l.Refuse(true)
	refused, err := net.Dial("tcp", l.Address())
	if err == nil {
		defer refused.Close()
		refused.SetReadDeadline(time.Now().Add(patience))
		_, err = refused.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection to a line that refuses: %v", err)
	}
	say(t, client, "still there")
	hear(t, server, "still there")
	if l.Passed() != 1 {
		t.Errorf("%d connections passed", l.Passed())
	}
}

// Close ends what there is, whatever is wrong with it.
func TestClose(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]line.Way{"good": {}, "silent": {Silent: true}, "slow": {Delay: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, client, server := connect(t, nil)
			l.Break(line.Both(fault))
			say(t, client, "x")
			say(t, server, "x")
			l.Close()
			io.ReadAll(client)
			io.ReadAll(server)
		})
	}
}

// connect makes a line and one connection over it, with a fault or without. Both ends give up after patience.
func connect(t *testing.T, fault func() line.Fault) (l *line.Line, client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if l, err = line.Listen(listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	if fault != nil {
		l.Next(fault)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		if conn, err := listener.Accept(); err == nil {
			server = conn.(*net.TCPConn)
		}
	})
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	client = conn.(*net.TCPConn)
	accepting.Wait()
	for _, c := range []*net.TCPConn{client, server} {
		c.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { c.Close() })
	}
	if fault == nil { // see that the line carries it
		say(t, client, "x")
		hear(t, server, "x")
	}
	return l, client, server
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q: %v; want %q", got, err, want)
	}
}

func rest(t *testing.T, conn net.Conn) string {
	t.Helper()
	got, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	return string(got)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Half of a connection is closed: the receiver hears that nothing more comes, the sender notices nothing, and the other half goes on.
func TestEnd(t *testing.T) {
	t.Parallel()
	l, client, server := connect(t, nil)
	l.Break(line.Fault{Up: line.Way{End: true}})
	if got := rest(t, server); got != "" {
		t.Errorf("the server got %q", got)
	}
	say(t, client, "into the void")
	say(t, server, "down")
	server.CloseWrite()
	if got := rest(t, client); got != "down" {
		t.Errorf("the client got %q", got)
	}
}
