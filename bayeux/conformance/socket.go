package conformance

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Frame is one from the server, put together where it was fragmented.
type Frame struct {
	Op      ws.OpCode
	Payload []byte
	At      time.Time
	Rsv     byte
}

// CloseCode is the status of a close frame, 1005 if it has none, 0 of any other frame.
func (f Frame) CloseCode() int {
	switch {
	case f.Op != ws.OpClose:
		return 0
	case len(f.Payload) < 2:
		return int(ws.StatusNoStatusRcvd)
	}
	return int(binary.BigEndian.Uint16(f.Payload))
}

// A Socket is a websocket connection, with access to each frame.
type Socket struct {
	Upgrade Response // the answer to the upgrade request
	l       *Line
	conn    net.Conn
	frames  chan Frame // what was read; closed when the connection has ended
	err     error      // why, once frames is closed

	mu   sync.Mutex // writes
	mute bool       // pings are not answered
}

// Dial upgrades a connection of the browser; anything but 101 ends the check.
func (b *Browser) Dial() *Socket {
	s, err := b.TryDial("", nil)
	b.l.Need("upgrade", err)
	if s.Upgrade.Status != http.StatusSwitchingProtocols {
		b.l.Fatalf("the upgrade is answered with status %d, %q", s.Upgrade.Status, short(s.Upgrade.Body))
	}
	return s
}

// TryDial sends an upgrade request to the mount and what follows it. The socket can be used if the status in Upgrade is 101.
func (b *Browser) TryDial(suffix string, fields Fields) (*Socket, error) {
	u, err := url.Parse(b.Base + suffix)
	if err != nil {
		return nil, err
	}
	conn, err := dial(b.l.ctx, u)
	if err != nil {
		return nil, err
	}
	b.l.Cleanup(func() { conn.Close() })
	key := make([]byte, 16)
	for i := range key {
		key[i] = byte(rand.Uint32())
	}
	req, err := http.NewRequestWithContext(b.l.ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.StdEncoding.EncodeToString(key),
	} {
		req.Header.Set(name, value)
	}
	b.dress(req.Header, fields)
	stop := context.AfterFunc(b.l.ctx, func() { conn.Close() })
	b.l.Cleanup(func() { stop() })
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("send the upgrade request: %w", err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, fmt.Errorf("read the answer to the upgrade request: %w", err)
	}
	defer resp.Body.Close()
	b.learn(resp.Cookies())
	s := &Socket{l: b.l, conn: conn, frames: make(chan Frame, 512), Upgrade: Response{Status: resp.StatusCode, Header: resp.Header, Proto: resp.Proto}}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		s.Upgrade.Body, _ = io.ReadAll(io.LimitReader(resp.Body, maxBody)) // the status is what counts
		conn.Close()
		close(s.frames)
		return s, nil
	}
	var reader sync.WaitGroup
	reader.Go(func() { s.read(in) })
	b.l.Cleanup(func() { conn.Close(); reader.Wait() })
	return s, nil
}

func dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	if u.Scheme == "https" {
		return (&tls.Dialer{}).DialContext(ctx, "tcp", host)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", host)
}

// read puts frames into the channel until the connection ends.
func (s *Socket) read(in *bufio.Reader) {
	defer close(s.frames)
	var part *Frame
	for {
		h, payload, err := readFrame(in)
		if err != nil {
			s.err = err
			return
		}
		f := Frame{Op: h.OpCode, Payload: payload, At: time.Now(), Rsv: h.Rsv}
		switch {
		case h.OpCode == ws.OpPing && !s.isMute():
			_ = s.Write(ws.OpPong, payload) // a connection that is gone ends the reading anyway
		case h.OpCode == ws.OpContinuation && part != nil:
			part.Payload = append(part.Payload, payload...)
			f = *part
		}
		if h.OpCode.IsData() || h.OpCode == ws.OpContinuation {
			if part = nil; !h.Fin {
				part = &f
				continue
			}
		}
		select {
		case s.frames <- f:
		case <-s.l.ctx.Done():
			s.err = context.Cause(s.l.ctx)
			return
		}
	}
}

func readFrame(in io.Reader) (h ws.Header, payload []byte, err error) {
	if h, err = ws.ReadHeader(in); err != nil {
		return h, nil, err
	}
	if h.Masked || h.Length > maxBody {
		return h, nil, fmt.Errorf("a frame that no server may send: %+v", h)
	}
	payload = make([]byte, h.Length)
	_, err = io.ReadFull(in, payload)
	return h, payload, err
}

func (s *Socket) isMute() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mute
}

// Mute leaves the pings of the server unanswered from now on.
func (s *Socket) Mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = true
}

// Write writes one frame.
func (s *Socket) Write(op ws.OpCode, payload []byte) error {
	return s.WriteRaw(ws.MaskFrame(ws.NewFrame(op, true, payload)))
}

// WriteRaw writes a frame as it is; the caller has masked it, or not.
func (s *Socket) WriteRaw(f ws.Frame) error {
	b, err := ws.CompileFrame(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.conn.Write(b)
	return err
}

// Send writes a text frame.
func (s *Socket) Send(text string) {
	s.l.Need("write a frame", s.Write(ws.OpText, []byte(text)))
}

// ErrQuiet says that no frame came in time.
var ErrQuiet = errors.New("no frame came")

// Frame returns the next frame, pings and pongs included. The error is [ErrQuiet] if none comes within d, io.EOF or another if the connection ended.
func (s *Socket) Frame(d time.Duration) (Frame, error) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case f, ok := <-s.frames:
		if !ok {
			return Frame{}, s.err
		}
		return f, nil
	default:
	}
	select {
	case f, ok := <-s.frames:
		if !ok {
			return Frame{}, s.err
		}
		return f, nil
	case <-limit.C:
		return Frame{}, fmt.Errorf("%w within %v", ErrQuiet, d)
	case <-s.l.ctx.Done():
		return Frame{}, context.Cause(s.l.ctx)
	}
}

// Next returns the next text, binary or close frame; none within d, or the end of the connection, ends the check.
func (s *Socket) Next(d time.Duration) Frame {
	end := time.Now().Add(d)
	for {
		f, err := s.Frame(time.Until(end))
		s.l.Need("await a frame", err)
		if f.Op != ws.OpPing && f.Op != ws.OpPong {
			return f
		}
	}
}

// NextMessages returns the messages of the next text frame.
func (s *Socket) NextMessages(d time.Duration) []Message {
	f := s.Next(d)
	if f.Op != ws.OpText {
		s.l.Fatalf("a text frame is expected, got opcode %d, close code %d", f.Op, f.CloseCode())
	}
	ms, err := ParseMessages(f.Payload)
	s.l.Need("read a frame", err)
	return ms
}

// Quiet demands that nothing but pings and pongs comes for d.
func (s *Socket) Quiet(what string, d time.Duration) {
	end := time.Now().Add(d)
	for {
		f, err := s.Frame(time.Until(end))
		switch {
		case errors.Is(err, ErrQuiet):
			return
		case err != nil:
			s.l.Fatalf("%s: the connection ended: %v", what, err)
		case f.Op != ws.OpPing && f.Op != ws.OpPong:
			s.l.Fatalf("%s: nothing should come, got opcode %d, %q", what, f.Op, short(f.Payload))
		}
	}
}

// Closed demands that the server closes with the code within d; frames before it are skipped.
func (s *Socket) Closed(what string, code int, d time.Duration) {
	end := time.Now().Add(d)
	for {
		f, err := s.Frame(time.Until(end))
		if err != nil {
			s.l.Fatalf("%s: close %d is expected: %v", what, code, err)
		}
		if f.Op == ws.OpClose {
			Is(s.l, what+": the close code", f.CloseCode(), code)
			_ = s.Write(ws.OpClose, f.Payload) // the echo; the server may have gone
			return
		}
	}
}

// Cut ends the connection without a close frame, as a broken line does.
func (s *Socket) Cut() { s.conn.Close() }
