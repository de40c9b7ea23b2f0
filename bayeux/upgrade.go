package bayeux

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// wantsUpgrade reports whether a GET asks for a websocket (WS-1). HTTP/1.0 does not know of upgrades.
func wantsUpgrade(r *http.Request) bool {
	return r.ProtoAtLeast(1, 1) && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// upgradeTimeout bounds the writing of the 101 response.
const upgradeTimeout = 10 * time.Second

// upgrade turns the request into a websocket and leaves the HTTP handler: from
// here on one goroutine reads, and nothing of the request is kept but what the
// policy may ask for at a handshake (15.1).
func (srv *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	if want := srv.opt.WS.Protocol; want != "" && !slices.Contains(offeredProtocols(r), want) { // WS-3
		refuse(w, http.StatusForbidden, "the subprotocol is not offered")
		return
	}
	if status, wrong := srv.wrongUpgrade(r); status != 0 {
		srv.counters.malformed.Add(1)
		if status == http.StatusUpgradeRequired {
			h := w.Header()
			h.Set("Sec-WebSocket-Version", webSocketVersion)
			h.Set("Upgrade", "websocket")
			h.Set("Connection", "Upgrade")
		}
		refuse(w, status, wrong)
		return
	}
	k := &socket{
		srv: srv,
		peer: &Peer{
			Transport: WebSocket, Principal: principalOf(r.Context()),
			RemoteAddr: strings.Clone(r.RemoteAddr), URL: r.URL,
		},
		header: packHeader(r.Header),
	}
	header := w.Header().Clone()
	if srv.opt.WS.BindBrowserCookie == On { // WS-5
		value := srv.browserCookie(r)
		if k.carried = value != ""; !k.carried {
			value = newID()
			header.Add("Set-Cookie", srv.newBrowserCookie(value, r).String())
		}
		k.cookie = hashOf(value)
	}
	u := ws.HTTPUpgrader{Timeout: upgradeTimeout, Header: header, Protocol: srv.speaks}
	if srv.opt.WS.PermessageDeflate == On { // WS-2
		u.Negotiate = k.negotiate
	}
	conn, rw, _, err := u.Upgrade(r, w)
	if err != nil {
		srv.counters.malformed.Add(1)
		if conn != nil {
			_ = conn.Close() // it has gone, or what is wrong was said
		}
		return
	}
	early := make([]byte, rw.Reader.Buffered()) // frames that came on the heels of the request
	_, _ = rw.Reader.Read(early)
	if back := before(conn); back != nil && len(back.early) == 0 {
		conn = back.Conn
	}
	k.conn, k.raw = conn, pastMethods(conn)
	k.ctx = context.WithoutCancel(r.Context())
	k.start(early)
}

const (
	webSocketVersion = "13"
	keyLength        = 24 // of 16 bytes in Base64
)

// wrongUpgrade tells what is wrong with a request for a websocket, and the status that says so; 0: nothing. The upgrader would see it too, but closes the
// connection after an answer that does not announce it: a proxy which keeps its connections would send somebody else's request there, and that one would fail.
func (srv *Server) wrongUpgrade(r *http.Request) (status int, wrong string) {
	has := func(list, token string) (found bool) {
		httphead.ScanTokens([]byte(list), func(t []byte) bool {
			found = strings.EqualFold(string(t), token)
			return !found
		})
		return found
	}
	protocolsOK, chosen := true, false
	for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
		protocolsOK = protocolsOK && (chosen || httphead.ScanTokens([]byte(line), func(offered []byte) bool {
			chosen = srv.speaks(string(offered))
			return !chosen
		}))
	}
	extensionsOK := true
	if srv.opt.WS.PermessageDeflate == On {
		for _, line := range r.Header.Values("Sec-Websocket-Extensions") {
			_, ok := httphead.ParseOptions([]byte(line), nil)
			extensionsOK = extensionsOK && ok
		}
	}
	switch {
	case r.Header.Get("Sec-Websocket-Version") != webSocketVersion:
		return http.StatusUpgradeRequired, "the version of the websocket protocol is 13"
	case !has(r.Header.Get("Connection"), "upgrade"):
		return http.StatusBadRequest, "the field Connection does not name Upgrade"
	case r.Host == "":
		return http.StatusBadRequest, "there is no Host"
	case len(r.Header.Get("Sec-Websocket-Key")) != keyLength:
		return http.StatusBadRequest, "the field Sec-WebSocket-Key is not 16 bytes in Base64"
	case !protocolsOK:
		return http.StatusBadRequest, "the field Sec-WebSocket-Protocol is no list"
	case !extensionsOK:
		return http.StatusBadRequest, "the field Sec-WebSocket-Extensions is no list of options"
	}
	return 0, ""
}

// speaks reports whether a subprotocol is spoken here (WS-3).
func (srv *Server) speaks(offered string) bool {
	return srv.opt.WS.Protocol == "" || offered == srv.opt.WS.Protocol
}

func offeredProtocols(r *http.Request) []string {
	var all []string
	for _, h := range r.Header.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			all = append(all, strings.TrimSpace(p))
		}
	}
	return all
}

// negotiate accepts permessage-deflate without context takeover: a window kept
// per connection costs a megabyte. An offer that cannot be met is passed over, and
// the connection goes on without compression.
func (k *socket) negotiate(offer httphead.Option) (httphead.Option, error) {
	if k.deflate {
		return httphead.Option{}, nil
	}
	e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	answer, err := e.Negotiate(offer)
	if err != nil {
		return httphead.Option{}, nil
	}
	_, k.deflate = e.Accepted()
	return answer, nil
}
