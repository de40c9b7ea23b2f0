package load_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tamperer passes requests on. From the replies to one client's connects it gathers two notifications of texts that follow each other, and
// delivers what tamper makes of them.
type tamperer struct {
	to     string
	tamper func([]json.RawMessage) []json.RawMessage
	done   chan struct{} // closed when it has

	mu   sync.Mutex
	seen int // texts so far
	over bool
}

// slow is how late connects arrive, so that several texts wait for each.
const slow = 60 * time.Millisecond

// late is how many texts pass before one is tampered with.
const late = 20

func (p *tamperer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if strings.HasSuffix(r.URL.Path, "/connect") {
		<-time.After(slow)
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, p.to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(res.Body)
	if err != nil {
		return
	}
	if strings.HasSuffix(r.URL.Path, "/connect") {
		reply = p.change(reply)
	}
	for k, v := range res.Header {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(reply) // a client that has gone
}

func (p *tamperer) change(reply []byte) []byte {
	var messages []json.RawMessage
	if json.Unmarshal(reply, &messages) != nil {
		return reply
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 0; i+1 < len(messages); i++ {
		if !isText(messages[i]) {
			continue
		}
		p.seen++
		if p.over || p.seen < late || !isText(messages[i+1]) {
			continue
		}
		p.over = true
		close(p.done)
		changed := append(messages[:i:i], p.tamper(messages[i:i+2:i+2])...)
		reply, _ = json.Marshal(append(changed, messages[i+2:]...)) // it was JSON
		return reply
	}
	return reply
}

func isText(message json.RawMessage) bool {
	return bytes.Contains(message, []byte(`"type":"Text"`)) && !bytes.Contains(message, []byte(`"ParticipantJoined"`))
}
