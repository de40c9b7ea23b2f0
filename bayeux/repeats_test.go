package bayeux

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A14, DEL-15: a proxy sends a connect twice and throws an answer away, at once or when the client has gone on. The client reads one of the answers,
// whichever it is, and has each message.
func TestConnectTwice(t *testing.T) {
	t.Parallel()
	hurried := func(id string) string { return connectMessage(id, `,"advice":{"timeout":0}`) }
	for name, f := range map[string]func(t *testing.T, b *bench, c *pollingClient, tell func(string)){
		"answered": func(t *testing.T, _ *bench, c *pollingClient, tell func(string)) {
			tell("1")
			reads(t, c, connectMessage("1", ""), "1")
			tell("2")
			reads(t, c, connectMessage("1", ""), "1 2") // thrown away
			tell("3")
			reads(t, c, connectMessage("2", ""), "2 3")
			reads(t, c, hurried("3"), "2 3") // as it says itself
			reads(t, c, hurried("4"), "")
		},
		"answered in a hurry": func(t *testing.T, _ *bench, c *pollingClient, tell func(string)) {
			tell("1")
			reads(t, c, hurried("1"), "1")
			tell("2")
			reads(t, c, hurried("1"), "1 2") // thrown away
			reads(t, c, connectMessage("2", ""), "2")
		},
		"answered twice, and the second is read": func(t *testing.T, _ *bench, c *pollingClient, tell func(string)) {
			tell("1")
			reads(t, c, connectMessage("1", ""), "1") // thrown away
			reads(t, c, connectMessage("1", ""), "1")
			tell("2")
			reads(t, c, connectMessage("2", ""), "2")
		},
		"late": func(t *testing.T, _ *bench, c *pollingClient, tell func(string)) {
			tell("1")
			reads(t, c, connectMessage("1", ""), "1")
			tell("2")
			reads(t, c, connectMessage("2", ""), "2")
			tell("3")
			reads(t, c, connectMessage("1", ""), "2 3") // thrown away
			reads(t, c, connectMessage("3", ""), "3")
		},
		"late, and the client waits": func(t *testing.T, b *bench, c *pollingClient, tell func(string)) {
			tell("1")
			reads(t, c, connectMessage("1", ""), "1")
			held := make(chan int, 1)
			go func() {
				res, _, err := c.do(t.Context(), http.MethodPost, strings.NewReader(strings.ReplaceAll(connectMessage("2", ""), "<A>", c.id())))
				if err != nil {
					t.Error(err)
				}
				held <- res.StatusCode
			}()
			eventually(t, "the connect is held", func() bool { return b.srv.Stats().Held == 1 })
			copied := c.begin(connectMessage("1", ""))
			if status := <-held; status != http.StatusInternalServerError { // CN-10
				t.Errorf("the client's connect: HTTP %d", status)
			}
			tell("2")
			if got := data(copied.wait()); got != "2" { // thrown away
				t.Errorf("the copy got %q", got)
			}
			tell("3")
			reads(t, c, connectMessage("3", ""), "2 3")
		},
		"held": func(t *testing.T, b *bench, c *pollingClient, tell func(string)) { // and the client repeats it: nothing comes twice
			first := make(chan int, 1)
			go func() {
				res, _, err := c.do(t.Context(), http.MethodPost, strings.NewReader(strings.ReplaceAll(connectMessage("1", ""), "<A>", c.id())))
				if err != nil {
					t.Error(err)
				}
				first <- res.StatusCode
			}()
			eventually(t, "the connect is held", func() bool { return b.srv.Stats().Held == 1 })
			second := c.begin(connectMessage("1", ""))
			<-first
			tell("1")
			if got := data(second.wait()); got != "1" {
				t.Errorf("the second got %q", got)
			}
			tell("2")
			reads(t, c, connectMessage("2", ""), "2")
		},
	} {
		restsOrNot(t, name, func(t *testing.T, setup func(*bench)) {
			j := &journal{}
			b := start(t, Options{Source: j}, setup)
			c := b.pollingAs("dana")
			shake(t, c, "")
			c.ask(connectMessage("0", `,"advice":{"timeout":0}`))
			subscribe(t, c, "/n")
			f(t, b, c, func(data string) { b.tell("dana", "/n", data) })
		})
	}
}

func reads(t *testing.T, c *pollingClient, connect, want string) {
	t.Helper()
	if got := data(c.ask(connect)); got != want {
		t.Errorf("%s: got %q, want %q", connect, got, want)
	}
}

// A7, SS-11: who closes half of a connection counts as gone, though she may still read. She gets no answer that says that nothing has come.
func TestHalfClosedWhileHeld(t *testing.T) {
	t.Parallel()
	restsOrNot(t, "poll", func(t *testing.T, setup func(*bench)) {
		b := start(t, Options{}, setup)
		c := b.polling()
		handshake(t, c, "")
		subscribe(t, c, "/s")
		conn, err := b.dial()
		must(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, c.text(connectMessage("1", "")))
		must(t, err)
		eventually(t, "the connect is held", func() bool { return b.srv.Stats().Held == 1 })
		must(t, conn.(*net.TCPConn).CloseWrite())
		if answer, _ := io.ReadAll(conn); strings.HasPrefix(string(answer), "HTTP/1.1 200") {
			t.Errorf("it was answered: %q", answer)
		}
		b.publish("/s", "1")
		if got := data(c.ask(connectMessage("2", ""))); got != "1" {
			t.Errorf("the next connect got %q", got)
		}
	})
}
