package bayeuxclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// webSocket sends each array in a text frame [chapter 15]. Its reader goroutine is waited for by close.
type webSocket struct {
	conn     io.ReadWriteCloser
	patience time.Duration // how long a write may take
	max      int64         // largest message accepted
	receive  receiver

	writing chan struct{} // holds a token while nobody writes
	closing sync.Once
	stop    chan struct{} // closed by close: the receiver need not wait any more
	done    chan struct{} // closed when the reader has ended
	failure error         // why; set before done is closed
}

// openWebSocket upgrades a request of the HTTP client, so that cookies, proxies and TLS are the same as for long-polling; the cookie
// that the server binds to the connection is in the jar afterwards [WS-5].
func (c *Client) openWebSocket(ctx context.Context, receive receiver) (*webSocket, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.opt.MaxNetworkDelay, errSilent)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.opt.URL, nil)
	if err != nil {
		return nil, err
	}
	c.setHeader(req)
	key := newKey()
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", key)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close()
		return nil, statusError(resp)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		resp.Body.Close()
		return nil, errors.New("the HTTP client does not hand over upgraded connections")
	}
	if !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") || resp.Header.Get("Sec-WebSocket-Accept") != acceptOf(key) {
		conn.Close()
		return nil, errors.New("the upgrade was answered by something that is not a websocket server")
	}
	w := &webSocket{
		conn:     conn,
		patience: c.opt.MaxNetworkDelay,
		max:      c.opt.MaxResponse,
		receive:  receive,
		writing:  make(chan struct{}, 1),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	w.writing <- struct{}{}
	go func() {
		defer close(w.done)
		w.failure = w.read()
		conn.Close()
	}()
	return w, nil
}

func (w *webSocket) name() string           { return WebSocket }
func (w *webSocket) ended() <-chan struct{} { return w.done }

func (w *webSocket) err() error {
	<-w.done
	return w.failure
}

func (w *webSocket) send(ctx context.Context, msgs []outgoing) error {
	body, err := encode(msgs)
	if err != nil {
		return err
	}
	return w.write(ctx, ws.NewTextFrame(body))
}

// close says goodbye, closes the connection and waits for the reader.
func (w *webSocket) close() {
	w.closing.Do(func() {
		close(w.stop)
		goodbye := ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
		_ = w.write(context.Background(), goodbye) // the other side may be gone
		w.conn.Close()
	})
	<-w.done
}

// write sends a frame in one piece, when those before it are out. A connection that does not take it in time is closed, so the wait
// for it is bounded too.
func (w *webSocket) write(ctx context.Context, f ws.Frame) error {
	raw, err := ws.CompileFrame(ws.MaskFrameInPlace(f))
	if err != nil {
		return err
	}
	select {
	case <-w.writing:
		defer func() { w.writing <- struct{}{} }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	overdue := time.AfterFunc(w.patience, func() { w.conn.Close() })
	defer overdue.Stop()
	if _, err := w.conn.Write(raw); err != nil {
		return fmt.Errorf("write to websocket: %w", err)
	}
	return nil
}

// read hands every text message to the receiver until the connection ends, and returns why it did.
func (w *webSocket) read() error {
	in := &wsutil.Reader{
		Source:         bufio.NewReader(w.conn),
		State:          ws.StateClientSide,
		MaxFrameSize:   w.max,
		MaxMessageSize: w.max,
		OnIntermediate: w.control,
	}
	for {
		h, err := in.NextFrame()
		if err != nil {
			return fmt.Errorf("read from websocket: %w", err)
		}
		if h.OpCode.IsControl() {
			if err := w.control(h, in); err != nil {
				return err
			}
			continue
		}
		if h.OpCode != ws.OpText {
			if err := in.Discard(); err != nil {
				return fmt.Errorf("read from websocket: %w", err)
			}
			continue
		}
		body := bytes.NewBuffer(make([]byte, 0, min(h.Length, w.max)+bytes.MinRead))
		if _, err := body.ReadFrom(in); err != nil {
			return fmt.Errorf("read from websocket: %w", err)
		}
		if body.Len() == 0 {
			continue
		}
		msgs, err := decode(body.Bytes())
		if err != nil {
			return err
		}
		if err := w.receive(w.stop, msgs); err != nil {
			return err
		}
	}
}

// control answers a ping and a close. The pong follows the messages that came before the ping to the receiver, so it confirms them
// [DEL-13].
func (w *webSocket) control(h ws.Header, body io.Reader) error {
	payload := make([]byte, h.Length) // at most 125 bytes, the reader sees to it
	if _, err := io.ReadFull(body, payload); err != nil {
		return fmt.Errorf("read from websocket: %w", err)
	}
	switch h.OpCode {
	case ws.OpPing:
		return w.write(context.Background(), ws.NewPongFrame(payload))
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		_ = w.write(context.Background(), ws.NewCloseFrame(payload[:min(len(payload), 2)])) // politeness; the connection is over
		return fmt.Errorf("the server closed the websocket: %d %s", code, reason)
	}
	return nil
}

func newKey() string {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// acceptOf is what the server must make of the key (RFC 6455, 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
