package bayeux

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The body of a request is never taken for the next request: behind a proxy that has one connection for many, that would be somebody else's.
func TestBodyOfScriptIsNoRequest(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]string{"counted": "Content-Length: %d\r\n\r\n%s", "chunked": "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"} {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, held %v", name, held), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					b := startInMemory(t, Options{})
					c := b.script()
					handshake(t, c, "")
					conn, err := b.dial()
					must(t, err)
					defer conn.Close()
					br := bufio.NewReader(conn)
					ask := func(text string) string {
						t.Helper()
						go func() { _, _ = io.WriteString(conn, text) }()
						resp, err := http.ReadResponse(br, nil)
						must(t, err)
						defer resp.Body.Close()
						body, err := io.ReadAll(resp.Body)
						must(t, err)
						return string(body)
					}
					get := func(messages, fields string) string {
						u, _ := url.Parse("http://desk.example/")
						return "GET /cometd?jsonp=f&message=" + url.QueryEscape(strings.ReplaceAll(messages, "<A>", c.id())) +
							" HTTP/1.1\r\nHost: desk.example\r\nCookie: " + c.hc.Jar.Cookies(u)[0].String() + "\r\n" + fields
					}
					ask(get(`[{"channel":"/x","id":"before"}]`, "\r\n"))
					smuggled := get(`[{"channel":"/x","id":"smuggled"}]`, "\r\n")
					message := `[{"channel":"/x","id":"own"}]`
					if held {
						message = connectMessage("own", "")
						time.AfterFunc(time.Second, func() { must(t, b.session(c).Deliver("/y", value("1"))) })
					}
					if got := ask(get(message, fmt.Sprintf(length, len(smuggled), smuggled))); !strings.Contains(got, `"id":"own"`) {
						t.Error(got)
					}
					if got := ask(get(`[{"channel":"/x","id":"after"}]`, "\r\n")); !strings.Contains(got, `"id":"after"`) {
						t.Errorf("the next request was answered with %s", got)
					}
				})
			})
		}
	}
}

// A target in absolute form names the host that counts, which net/http knows how to find.
func TestAbsoluteTargetStays(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		hosts := make(chan string, 3)
		b := startInMemory(t, Options{}, func(b *bench) {
			inner := b.http.Handler
			b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hosts <- r.Host
				inner.ServeHTTP(w, r)
			})
		})
		conn, err := b.dial()
		must(t, err)
		defer conn.Close()
		br := bufio.NewReader(conn)
		for range 3 {
			const messages = `[{"channel":"/x"}]`
			go func() {
				_, _ = fmt.Fprintf(conn, "POST http://desk.example/cometd HTTP/1.1\r\nHost: other.example\r\nContent-Length: %d\r\n\r\n%s", len(messages), messages)
			}()
			readResponse(t, br)
			if host := <-hosts; host != "desk.example" {
				t.Errorf("the host is %q", host)
			}
		}
	})
}

// A connection that has returned and says nothing does not hold up the end of its http.Server.
func TestSilentAfterReturn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		c := b.polling()
		handshake(t, c, "")
		conn, _ := b.atRest(c)
		must(t, b.srv.Shutdown(t.Context()))
		begun := time.Now()
		must(t, b.http.Shutdown(t.Context()))
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("it is open")
		}
	})
}

// The end of the http.Server, with that of the Server beside it or later: who is held is answered in turn, with what comes until then, and the connection ends.
func TestHeldBesideShutdown(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*http.Server){
		"shutdown": func(hs *http.Server) { _ = hs.Shutdown(context.Background()) },
		"close":    func(hs *http.Server) { _ = hs.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				b := startInMemory(t, Options{})
				var all []*pending
				var clients []*pollingClient
				for range 2 {
					c := b.polling()
					handshake(t, c, "")
					clients, all = append(clients, c), append(all, c.begin(connectMessage("1", "")))
				}
				b.resting(2)
				end(b.http)
				pass(time.Second)
				must(t, b.session(clients[0]).Deliver("/y", value("1")))
				if got := data(all[0].wait()); got != "1" {
					t.Errorf("delivered %q", got)
				}
				must(t, b.srv.Shutdown(t.Context()))
				if got := all[1].wait(); len(got) != 1 || !strings.Contains(got[0], `"successful":true`) {
					t.Errorf("%q", got)
				}
				if n := len(b.srv.rests.list()); n != 0 {
					t.Errorf("%d rest", n)
				}
			})
		})
	}
}
