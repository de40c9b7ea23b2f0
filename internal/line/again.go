package line

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// copyLife is how long the connection of a copy stays open: longer than servers take to answer, so that nothing tells them that nobody listens.
const copyLife = 15 * time.Second

// Copies is how many requests the line has sent twice.
func (l *Line) Copies() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.copies
}

// again passes a piece of what a client sends, and sends it once more where the fault says so.
func (l *Line) again(w *way, to net.Conn, piece []byte) error {
	lag := w.takeAgain(piece)
	if lag == 0 {
		return passOnce(w, to, piece)
	}
	l.mu.Lock()
	l.copies++
	l.mu.Unlock()
	if lag > 0 {
		twin := bytes.Clone(piece)
		l.tasks.Go(func() {
			if l.rest(lag) {
				l.send(twin)
			}
		})
		return passOnce(w, to, piece)
	}
	twin := bytes.Clone(piece)
	l.tasks.Go(func() { l.send(twin) })
	l.rest(-lag)
	return passOnce(w, to, piece)
}

// takeAgain returns the Again of the fault, once, when the piece is a whole POST; else 0.
func (w *way) takeAgain(piece []byte) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	lag := w.fault.Again
	if lag == 0 || !isPost(piece) {
		return 0
	}
	w.fault.Again = 0
	return lag
}

// isPost reports whether a piece is one HTTP POST, from its first byte to its last.
func isPost(piece []byte) bool {
	if !bytes.HasPrefix(piece, []byte("POST ")) {
		return false
	}
	rest := bufio.NewReader(bytes.NewReader(piece))
	r, err := http.ReadRequest(rest)
	if err != nil || r.ContentLength < 0 {
		return false
	}
	n, err := io.Copy(io.Discard, r.Body)
	return err == nil && n == r.ContentLength && rest.Buffered() == 0
}

// send sends a request over a connection of its own, and reads what comes back for nobody.
func (l *Line) send(request []byte) {
	conn, err := net.Dial("tcp", l.to)
	if err != nil {
		return // no server: no copy
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		return
	}
	l.tasks.Go(func() { // ends with the connection
		_, _ = io.Copy(io.Discard, conn)
	})
	l.rest(copyLife)
}

// rest waits, and reports whether the line is still there.
func (l *Line) rest(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.life.Done():
		return false
	}
}
