package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// patient is an http.RoundTripper that repeats a request until it is answered whole. It adds an ext to handshakes.
type patient struct {
	*http.Transport
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
	if p.ext != nil {
		body = p.addExt(body)
	}
	for {
		resp, err := p.attempt(r, body)
		if err == nil {
			return resp, nil
		}
		select {
		case <-time.After(p.pause):
		case <-r.Context().Done():
			return nil, err
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

func (p *patient) addExt(body []byte) []byte {
	var messages []map[string]json.RawMessage
	if json.Unmarshal(body, &messages) != nil || len(messages) != 1 || string(messages[0]["channel"]) != `"/meta/handshake"` {
		return body
	}
	messages[0]["ext"] = p.ext
	changed, err := json.Marshal(messages)
	if err != nil {
		return body
	}
	return changed
}
