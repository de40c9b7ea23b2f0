package bayeux

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// readBuffer is the memory that an idle connection keeps for reading: a connect
// fits, and takes one system call.
const readBuffer = 512

// errClosed ends the reading of a connection that the peer has closed properly.
var errClosed = errors.New("closed by the peer")

// closeError ends the reading of a connection for a fault of the peer.
type closeError struct{ code ws.StatusCode }

func (e closeError) Error() string { return "websocket fault" }

// read serves the connection until its end.
func (k *socket) read(early []byte) {
	defer k.srv.tasks.end()
	defer k.finish()
	var src io.Reader = k.conn
	if k.raw != nil {
		src = newInput(k.raw)
	}
	if len(early) > 0 {
		src = io.MultiReader(bytes.NewReader(early), src)
	}
	in := wsReader{k: k, br: bufio.NewReaderSize(src, readBuffer)}
	for {
		text, err := in.message()
		if err == nil {
			err = in.handle(text)
		}
		if err == nil {
			continue
		}
		var fault closeError
		if errors.As(err, &fault) {
			k.srv.counters.malformed.Add(1)
			k.setClosing(fault.code)
			k.flushAll()
			in.drain()
		} else if errors.Is(err, errClosed) {
			k.flushAll()
		}
		return
	}
}

// finish clears up behind the reader: the session stays, without a transport
// (WS-21).
func (k *socket) finish() {
	k.abort()
	k.cancel()
	k.mu.Lock()
	k.timer.Stop()
	s := k.session
	for k.writing {
		k.changed.Wait()
	}
	k.mu.Unlock()
	k.srv.sockets.remove(k)
	if s != nil {
		k.detach(s)
	}
}

// handle processes the messages of one text frame. An error ends the connection.
func (in *wsReader) handle(text []byte) error {
	k := in.k
	if len(text) == 0 || k.isClosing() {
		return nil
	}
	msgs, err := parse(text, k.srv.limits())
	switch {
	case errors.Is(err, errInvalidUTF8): // WS-17
		return closeError{ws.StatusInvalidFramePayloadData}
	case errors.Is(err, errTooMany):
		return closeError{ws.StatusMessageTooBig}
	case err != nil: // WS-17
		return closeError{ws.StatusInternalServerError}
	}
	if len(msgs) == 0 { // WS-8
		k.send(frame{text: []byte("[]")})
		k.flush()
		return nil
	}
	in.take(len(msgs) - 1) // the frame counted as one
	in.take(k.srv.costOf(k.exchange(msgs, in.br.Buffered() > 0)))
	k.flush()
	return nil
}

// exchange processes messages and hands the answers over (15.3).
func (k *socket) exchange(msgs []Message, pressed bool) *exchange {
	before := k.session // only this goroutine changes it
	x := &exchange{srv: k.srv, peer: k.peer, cookie: k.cookie, sock: k, session: before, pressed: pressed}
	x.process(k.ctx, msgs)
	s := x.session
	if s != nil && s != before && x.made == nil || x.connectInCompany() {
		k.srv.catchUp(k.ctx, s) // what waited goes before the replies (WS-26)
	}
	if s == nil {
		res := x.complete()
		k.send(frame{text: res.encode(k.srv)})
		return x
	}
	s.mu.Lock()
	if x.made != s {
		s.silent = false // WS-16
	}
	if len(x.answers) > 0 {
		k.answer(s, x)
	}
	if s.sock != k || s.deliverOnly() {
		s.flush() // else this goroutine writes in a moment
	}
	s.mu.Unlock()
	x.part()
	return x
}

func (k *socket) isClosing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.closing != 0 || k.dead
}

// wsReader takes messages out of a stream of frames (RFC 6455).
type wsReader struct {
	k    *socket
	br   *bufio.Reader
	pace pace
	now  time.Time // when the last frame came
}

// take counts n messages against the rate.
func (in *wsReader) take(n int) { in.pace.take(n, in.k.srv.opt.MaxMessageRate, in.now) }

// message returns the next text message, unpacked. Binary ones are left out (WS-7).
func (in *wsReader) message() ([]byte, error) {
	var (
		buf       []byte
		op        ws.OpCode
		packed    bool
		fragments bool
		limit     = in.k.srv.opt.WS.MaxMessageSize
	)
	for {
		if owed := in.pace.owed(time.Now()); owed > 0 {
			in.k.pause(owed)
		}
		h, err := ws.ReadHeader(in.br)
		if err != nil {
			return nil, headerFault(err)
		}
		in.now = in.k.heard()
		in.take(1)
		state := ws.StateServerSide | ws.StateExtended // bits of extensions are looked at below
		if fragments {
			state |= ws.StateFragmented
		}
		if err := ws.CheckHeader(h, state); err != nil {
			return nil, closeError{ws.StatusProtocolError}
		}
		if h.Rsv != 0 && (h.Rsv != ws.Rsv(true, false, false) || !in.k.deflate || fragments || h.OpCode.IsControl()) {
			return nil, closeError{ws.StatusProtocolError}
		}
		if h.OpCode.IsControl() {
			if err := in.control(h); err != nil {
				return nil, err
			}
			continue
		}
		if !fragments {
			op, packed = h.OpCode, h.Rsv != 0
		}
		if int64(len(buf))+h.Length > int64(limit) { // WS-18
			return nil, closeError{ws.StatusMessageTooBig}
		}
		if buf, err = in.payload(buf, h); err != nil {
			return nil, err
		}
		in.take(int(h.Length) / bytesPerMessage)
		if fragments = !h.Fin; fragments {
			continue
		}
		if op == ws.OpBinary {
			buf = nil
			continue
		}
		if !packed {
			return buf, nil
		}
		return in.inflate(buf, limit)
	}
}

// headerFault tells a header that is not one from a connection that has ended.
func headerFault(err error) error {
	if errors.Is(err, ws.ErrHeaderLengthMSB) || errors.Is(err, ws.ErrHeaderLengthUnexpected) {
		return closeError{ws.StatusProtocolError}
	}
	return err
}

func (in *wsReader) inflate(packed []byte, limit int) ([]byte, error) {
	text, err := in.k.srv.packers.inflate(packed, limit)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, closeError{ws.StatusMessageTooBig}
	case err != nil:
		return nil, closeError{ws.StatusInvalidFramePayloadData}
	}
	in.take((len(text) - len(packed)) / bytesPerMessage)
	return text, nil
}

// payload appends a frame's payload to buf. Memory grows with what arrives, not
// with what the header announces.
func (in *wsReader) payload(buf []byte, h ws.Header) ([]byte, error) {
	const step = 4 << 10
	start := len(buf)
	for left := int(h.Length); left > 0; {
		n := min(left, max(step, len(buf)-start)) // doubling
		at := len(buf)
		buf = append(buf, make([]byte, n)...)
		if _, err := io.ReadFull(in.br, buf[at:]); err != nil {
			return nil, err
		}
		left -= n
	}
	ws.Cipher(buf[start:], h.Mask, 0)
	return buf, nil
}

// control handles a ping, pong or close frame.
func (in *wsReader) control(h ws.Header) error {
	payload, err := in.payload(nil, h)
	if err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing: // only the newest is answered, so a flood of them queues nothing
		in.k.mu.Lock()
		in.k.pong = append([]byte{}, payload...)
		in.k.mu.Unlock()
		in.k.flush()
	case ws.OpPong:
		in.k.ponged(payload)
	case ws.OpClose:
		return in.peerClosed(payload)
	}
	return nil
}

// peerClosed answers a close frame with its own code.
func (in *wsReader) peerClosed(payload []byte) error {
	if len(payload) == 0 {
		in.k.setClosing(ws.StatusNormalClosure)
		return errClosed
	}
	if len(payload) == 1 {
		return closeError{ws.StatusProtocolError}
	}
	code := ws.StatusCode(uint16(payload[0])<<8 | uint16(payload[1]))
	reason := payload[2:]
	switch {
	case !utf8.Valid(reason):
		return closeError{ws.StatusInvalidFramePayloadData}
	case ws.CheckCloseFrameData(code, string(reason)) != nil:
		return closeError{ws.StatusProtocolError}
	}
	in.k.setClosing(code)
	return errClosed
}

// drain reads on until the peer closes or its time is up, so that the close frame
// is not overtaken by a reset.
func (in *wsReader) drain() {
	_ = in.k.conn.SetReadDeadline(time.Now().Add(closeWait))
	_, _ = io.Copy(io.Discard, in.br) // ends with an error or at the end of the connection; both are the end
}

// heard notes a sign of life of the peer, and tells the time.
func (k *socket) heard() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.active = time.Now()
	k.missing = 0
	return k.active
}
