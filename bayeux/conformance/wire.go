package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// A Wire is a TCP connection on which a check writes HTTP requests itself, so that it knows which connection carried what, and can leave answers unread.
type Wire struct {
	b    *Browser
	u    *url.URL
	conn net.Conn
	in   *bufio.Reader
}

// Wire opens a connection to the mount.
func (b *Browser) Wire() *Wire {
	u, err := url.Parse(b.Base)
	b.l.Need("read the URL", err)
	conn, err := dial(b.l.ctx, u)
	b.l.Need("open a connection", err)
	b.l.Cleanup(func() { conn.Close() })
	return &Wire{b: b, u: u, conn: conn, in: bufio.NewReader(conn)}
}

// Write sends a POST with a body, and does not wait.
func (w *Wire) Write(body string) {
	cookie := ""
	if c := w.b.cookieHeader(); c != "" {
		cookie = "Cookie: " + c + "\r\n"
	}
	_, err := fmt.Fprintf(w.conn, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", w.u.Path, w.u.Host, cookie, len(body), body)
	w.b.l.Need("write a request", err)
}

// Read reads the answer to what was written.
func (w *Wire) Read() Response {
	w.b.l.Need("set a deadline", w.conn.SetReadDeadline(time.Now().Add(patience)))
	resp, err := http.ReadResponse(w.in, nil)
	w.b.l.Need("read an answer", err)
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	w.b.l.Need("read an answer", err)
	return Response{Status: resp.StatusCode, Header: resp.Header, Proto: resp.Proto, Body: body}
}

// Arrived waits until there is something to read, and reads nothing.
func (w *Wire) Arrived() {
	w.b.l.Need("set a deadline", w.conn.SetReadDeadline(time.Now().Add(patience)))
	_, err := w.in.Peek(1)
	w.b.l.Need("await an answer", err)
}

// Ended demands that the server ends the connection within d.
func (w *Wire) Ended(d time.Duration) {
	w.b.l.Need("set a deadline", w.conn.SetReadDeadline(time.Now().Add(d)))
	if _, err := io.Copy(io.Discard, w.in); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		w.b.l.Errorf("the connection is still open after %v", d)
	}
}

// Cut resets the connection: what was not read is lost, and the server is told so.
func (w *Wire) Cut() {
	if t, ok := w.conn.(*net.TCPConn); ok {
		w.b.l.Need("cut a connection", t.SetLinger(0))
	}
	w.conn.Close()
}
