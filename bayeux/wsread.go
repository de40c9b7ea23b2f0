package bayeux

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// readBuffer is the memory that reading takes while there is something to read. An
// idle connection keeps none.
const readBuffer = 4 << 10

// errClosed ends the reading of a connection that the peer has closed properly.
var errClosed = errors.New("closed by the peer")

// closeError ends the reading of a connection for a fault of the peer.
type closeError struct{ code ws.StatusCode }

func (e closeError) Error() string { return "websocket fault" }

// read waits until there is something to read, and serves the connection while there
// is. Then another goroutine waits, which has a small stack: what the handling of messages
// needed would stay, and most connections are idle most of the time. early is what
// was read before.
func (k *socket) read(early []byte) {
	if len(early) == 0 && k.raw != nil {
		k.await()
	}
	in := k.srv.readers.Get().(*wsReader)
	over := in.serve(k, early)
	in.release(&k.srv.readers)
	if !over {
		go k.read(nil)
		return
	}
	k.finish()
	k.srv.tasks.end()
}

// await returns when reading would not have to wait.
func (k *socket) await() {
	waited := false
	_ = k.raw.Read(func(fd uintptr) bool { // an error shows when it is read
		there := waited || readable(fd)
		waited = true
		return there
	})
}

// finish clears up behind the reader: the session stays, without a transport
// (WS-21).
func (k *socket) finish() {
	k.abort()
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
		s, unlock := k.lock()
		if s != nil && s.sock == k {
			s.silent = false // WS-16
		}
		unlock()
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
		k.send(frame{text: res.encode(k.srv, nil)})
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

// wsReader takes messages out of a stream of frames (RFC 6455). It serves one
// connection after the other, each while there is something to read.
type wsReader struct {
	k     *socket
	early []byte // was read before
	src   io.Reader
	plain *input // src, where that is possible
	br    *bufio.Reader
	now   time.Time // when the last frame came
}

func newWSReader() any {
	in := &wsReader{plain: newInput()}
	in.br = bufio.NewReaderSize(in, readBuffer)
	return in
}

func (in *wsReader) release(to *sync.Pool) {
	in.k, in.early, in.src, in.plain.c = nil, nil, nil, nil
	to.Put(in)
}

// Read reads from the connection.
func (in *wsReader) Read(b []byte) (int, error) {
	if len(in.early) > 0 {
		n := copy(b, in.early)
		in.early = in.early[n:]
		return n, nil
	}
	return in.src.Read(b)
}

// serve handles messages until the connection is over, which it reports, or at rest.
func (in *wsReader) serve(k *socket, early []byte) (over bool) {
	in.k, in.early, in.src = k, early, k.conn
	if k.raw != nil {
		in.plain.c, in.src = k.raw, in.plain
	}
	in.br.Reset(in)
	for {
		text, err := in.message()
		if err == nil {
			err = in.handle(text)
		}
		if err == nil {
			if in.rests() {
				return false
			}
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
		return true
	}
}

// A connection is busy after so many frames with short pauses between them. Its reader
// waits for the next one where it is: goroutines made for each would cost more than
// their stacks.
const (
	busyFrames = 8
	busyPause  = 100 * time.Millisecond
)

// rests reports whether there is nothing to read, and not likely to be in a moment.
func (in *wsReader) rests() bool {
	return in.k.raw != nil && in.k.busy < busyFrames && len(in.early) == 0 && in.br.Buffered() == 0
}

// take counts n messages against the rate.
func (in *wsReader) take(n int) { in.k.pace.take(n, in.k.srv.opt.MaxMessageRate, in.now) }

// message returns the next text message, unpacked, or nothing where a control frame
// came, or a binary message (WS-7).
func (in *wsReader) message() ([]byte, error) {
	var (
		buf       []byte
		op        ws.OpCode
		packed    bool
		fragments bool
		limit     = in.k.srv.opt.WS.MaxMessageSize
	)
	for {
		if owed := in.k.pace.owed(time.Now()); owed > 0 {
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
			if err := in.control(h); err != nil || !fragments {
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
			return nil, nil
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
	in.k.closeAnswered(code)
	in.k.setClosing(code)
	return errClosed
}

// drain reads on until the peer closes or its time is up, so that the close frame
// is not overtaken by a reset.
func (in *wsReader) drain() {
	_ = in.k.conn.SetReadDeadline(time.Now().Add(closeWait))
	_, _ = io.Copy(io.Discard, in.br) // ends with an error or at the end of the connection; both are the end
}

// heard notes a frame of the peer, and tells the time.
func (k *socket) heard() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if now.Sub(k.spoke) > busyPause {
		k.busy = 0
	}
	k.busy = min(k.busy+1, busyFrames)
	k.active, k.spoke = now, now
	k.missing = 0
	return now
}
