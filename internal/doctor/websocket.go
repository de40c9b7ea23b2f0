package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gobwas/ws"

	"github.com/halley-chat/halley/internal/probe"
)

// webSocket opens a websocket, sends a large message and waits for it to come back, and does so again after a long silence.
func (w *way) webSocket(ctx context.Context) {
	check := w.check("websocket")
	if !w.settings.WebSocket {
		w.ok(check, "the server does not offer websockets (agent.transports)")
		return
	}
	silence := w.settings.PingInterval.Duration() + margin
	ctx, cancel := context.WithTimeout(ctx, silence+2*patience)
	defer cancel()
	conn, err := w.upgrade(ctx)
	if err != nil {
		w.problem(check, w.cure(cureWebSocket), "a websocket cannot be opened: %v", err)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	message := bytes.Repeat([]byte("Halley. "), probe.MaxFrame/8)
	start := time.Now()
	if err := errors.Join(send(conn, message), receive(conn, message)); err != nil {
		w.problem(check, w.cure(cureWebSocket), "a websocket opens, but a message of %d bytes does not come back: %v", len(message), err)
		return
	}
	w.ok(check, "a websocket opens, and a message of %d bytes comes back within %v", len(message), round(time.Since(start)))

	message, start = []byte("?"), time.Now()
	speak := time.AfterFunc(silence, func() { _ = send(conn, message) }) // the reader is told what comes of it
	defer speak.Stop()
	check = w.check("silence")
	if err := receive(conn, message); err != nil {
		w.problem(check, w.cure(cureIdle(patientFor(w.settings))), "a websocket on which nothing is said for %s, as between two pings, was cut after %s",
			seconds(silence), seconds(time.Since(start)))
		return
	}
	w.ok(check, "a websocket stays open for %s of silence, longer than between two pings", seconds(silence))
}

// upgrade opens a websocket. The error says what became of the request.
func (w *way) upgrade(ctx context.Context) (io.ReadWriteCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base.String()+probe.Socket, nil)
	if err != nil {
		return nil, err
	}
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	for name, value := range map[string]string{
		"User-Agent": "halley-doctor", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": base64.StdEncoding.EncodeToString(key), "Origin": w.base.Scheme + "://" + w.base.Host,
	} {
		r.Header.Set(name, value)
	}
	resp, err := w.plain.Do(r)
	if err != nil {
		return nil, shorter(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close()
		var a probe.Answer
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if json.Unmarshal(body, &a) == nil && a.Halley {
			return nil, fmt.Errorf("of the upgrade nothing reaches Halley (it got a %s over %s)", a.Method, a.Proto)
		}
		return nil, fmt.Errorf("it was answered with status %d", resp.StatusCode)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		resp.Body.Close()
		return nil, errors.New("the connection is not handed over")
	}
	return conn, nil
}

func send(conn io.Writer, message []byte) error {
	return ws.WriteFrame(conn, ws.MaskFrame(ws.NewBinaryFrame(message)))
}

// receive waits for a message.
func receive(conn io.Reader, want []byte) error {
	h, err := ws.ReadHeader(conn)
	if err != nil {
		return err
	}
	if h.Length != int64(len(want)) || h.OpCode != ws.OpBinary {
		return errors.New("something else came")
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("it came back altered")
	}
	return nil
}
