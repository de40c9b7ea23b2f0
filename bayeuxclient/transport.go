package bayeuxclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
)

// transport carries arrays of messages to the server. Whatever comes back, whenever it comes, goes to the receiver it was opened
// with, an array at a time, and completely or not at all.
type transport interface {
	name() string

	// send hands one array over. Long-polling returns when the response was received, a websocket as soon as the frame is written.
	send(ctx context.Context, msgs []outgoing) error

	// ended is closed when the transport has broken; nil if it cannot break between requests. Then err says why.
	ended() <-chan struct{}
	err() error

	// close gives the transport up. When it returns, the receiver will not be called any more on behalf of the server.
	close()
}

// receiver takes one array of the server. It may wait, at most until stop is closed. After an error the transport is of no use.
type receiver func(stop <-chan struct{}, msgs []incoming) error

// open opens the first of the named transports that can be opened, and returns it with the names that remain: its own and those
// after it.
func (c *Client) open(ctx context.Context, names []string, receive receiver) (transport, []string, error) {
	var last error
	for i, name := range names {
		if name == LongPolling {
			return &longPolling{client: c, receive: receive}, names[i:], nil
		}
		t, err := c.openWebSocket(ctx, receive)
		if err == nil {
			return t, names[i:], nil
		}
		last = err
		if !mayFallBack(ctx, err) {
			break
		}
		c.opt.Logger.Debug("transport not available", "transport", name, "error", err)
	}
	return nil, names, last
}

// mayFallBack reports whether another transport may succeed where one failed with err: not if the server cannot be reached at all,
// said itself that it is not available, or refused the handshake.
func mayFallBack(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return false
	}
	if status, ok := errors.AsType[*StatusError](err); ok && status.Status == http.StatusServiceUnavailable {
		return false
	}
	_, refused := errors.AsType[*RefusedError](err)
	return !refused
}

// common returns those of ours that the server's list has too; all if it sent no list.
func common(ours, theirs []string) []string {
	if theirs == nil {
		return ours
	}
	var both []string
	for _, name := range ours {
		if slices.Contains(theirs, name) {
			both = append(both, name)
		}
	}
	return both
}
