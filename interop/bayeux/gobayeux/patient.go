package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// patient is an http.RoundTripper that repeats a request until it is answered whole, by a server that is able to. The library gives its messages no id;
// patient does, so that the server can tell a request that is repeated from the next one (DEL-15). It adds an ext to handshakes.
type patient struct {
	*http.Transport
	ids   atomic.Int64
	limit time.Duration // for an attempt: more than the server holds a connect
	pause time.Duration // before another
	ext   json.RawMessage
}

func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	body = p.complete(body)
	for {
		resp, err := p.attempt(r, body)
		if err == nil && resp.StatusCode < http.StatusInternalServerError {
			return resp, nil
		}
		select {
		case <-time.After(p.pause):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func (p *patient) attempt(r *http.Request, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), p.limit)
	defer cancel()
	r = r.Clone(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := p.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, err
}

// complete adds what the library leaves out of a message.
func (p *patient) complete(body []byte) []byte {
	var messages []map[string]json.RawMessage
	if json.Unmarshal(body, &messages) != nil {
		return body
	}
	for _, m := range messages {
		if _, ok := m["id"]; !ok {
			m["id"] = fmt.Appendf(nil, `"%d"`, p.ids.Add(1))
		}
		if string(m["channel"]) == `"/meta/handshake"` && p.ext != nil {
			m["ext"] = p.ext
		}
	}
	changed, err := json.Marshal(messages)
	if err != nil {
		return body
	}
	return changed
}
