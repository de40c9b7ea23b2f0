package bayeux

import (
	"bufio"
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
