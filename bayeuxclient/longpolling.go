package bayeuxclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longPolling sends each array in a POST of its own [chapter 11].
type longPolling struct {
	client  *Client
	receive receiver
}

func (p *longPolling) name() string           { return LongPolling }
func (p *longPolling) ended() <-chan struct{} { return nil }
func (p *longPolling) err() error             { return nil }
func (p *longPolling) close()                 {}

func (p *longPolling) send(ctx context.Context, msgs []outgoing) error {
	body, err := encode(msgs)
	if err != nil {
		return err
	}
	c := p.client
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.postURL(msgs), bytes.NewReader(body))
	if err != nil {
		return err
	}
	c.setHeader(req)
	req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	resp, err := c.http.Do(req)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, c.opt.MaxResponse+1))
	if err != nil {
		return causeOf(ctx, fmt.Errorf("response cut off: %w", err))
	}
	if int64(len(answer)) > c.opt.MaxResponse {
		return fmt.Errorf("response is larger than MaxResponse, %d bytes", c.opt.MaxResponse)
	}
	got, err := decode(answer)
	if err != nil {
		return err
	}
	if len(got) == 0 {
		return errors.New("empty response") // a failed request [LP-9]
	}
	return p.receive(ctx.Done(), got)
}

// postURL returns where an array is posted: meta messages that travel alone have the last part of their channel appended, all
// others a slash [LP-1].
func (c *Client) postURL(msgs []outgoing) string {
	url := c.opt.URL
	if c.opt.PlainURL || strings.Contains(url, "?") {
		return url
	}
	url = strings.TrimSuffix(url, "/") + "/"
	if len(msgs) == 1 {
		switch msgs[0].Channel {
		case metaHandshake, metaConnect, metaDisconnect:
			url += strings.TrimPrefix(msgs[0].Channel, "/meta/")
		}
	}
	return url
}

// setHeader gives a request the headers of the options.
func (c *Client) setHeader(req *http.Request) {
	for name, values := range c.opt.Header {
		req.Header[name] = values
	}
	if host := c.opt.Header.Get("Host"); host != "" {
		req.Host = host
	}
}

// statusError makes the error of a response whose status is not the one wanted, after reading a little of its body so that the
// connection can be used again.
func statusError(resp *http.Response) error {
	const enough = 16 << 10
	_, _ = io.CopyN(io.Discard, resp.Body, enough)
	e := &StatusError{Status: resp.StatusCode}
	if s, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

// causeOf returns why ctx ended, or err if it has not.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
