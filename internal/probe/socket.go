package probe

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// upgradeTimeout bounds the writing of the 101 response.
const upgradeTimeout = 10 * time.Second

// opens reports whether a request can become a websocket. The upgrader refuses others too, but closes the connection after an answer that does not announce it,
// where a proxy that speaks HTTP/1.0, or keeps its connections, has sent the next request already.
func opens(r *http.Request) bool {
	const keyLength = 24 // of 16 bytes in Base64
	h := r.Header
	return r.ProtoAtLeast(1, 1) && r.Host != "" && strings.EqualFold(h.Get("Upgrade"), "websocket") && nameIn(h.Get("Connection"), "upgrade") &&
		h.Get("Sec-Websocket-Version") == "13" && len(h.Get("Sec-Websocket-Key")) == keyLength
}

// enter counts a socket in, unless the end has begun.
func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return false
	}
	h.busy.Add(1)
	return true
}

// echo sends back what comes over a websocket, until that has been enough.
func (h *Handler) echo(w http.ResponseWriter, r *http.Request) {
	if !h.enter() {
		stopping(w)
		return
	}
	defer h.busy.Done()
	head(w)
	conn, rw, _, err := ws.HTTPUpgrader{Timeout: upgradeTimeout}.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close() // it has gone: what could be wrong is not
		}
		return
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add((h.settings.Timeout+h.settings.PingInterval).Duration()+Longer)) != nil {
		return
	}
	defer context.AfterFunc(h.ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	buffer := make([]byte, MaxFrame)
	for range maxFrames {
		if !echoFrame(rw, conn, buffer) {
			return
		}
	}
}

// echoFrame reports whether there may be another one.
func echoFrame(from io.Reader, to io.Writer, buffer []byte) bool {
	f, err := ws.ReadHeader(from)
	if err != nil || f.Length > int64(len(buffer)) || !f.Masked || !f.Fin || f.OpCode != ws.OpBinary {
		return false
	}
	payload := buffer[:f.Length]
	if _, err := io.ReadFull(from, payload); err != nil {
		return false
	}
	ws.Cipher(payload, f.Mask, 0)
	if err := ws.WriteHeader(to, ws.Header{Fin: true, OpCode: ws.OpBinary, Length: f.Length}); err != nil {
		return false
	}
	_, err = to.Write(payload)
	return err == nil
}
