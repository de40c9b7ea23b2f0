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

// wantsUpgrade reports whether a GET asks for a websocket (WS-1).
func wantsUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
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
	u := ws.HTTPUpgrader{Timeout: upgradeTimeout, Header: header, Protocol: func(offered string) bool {
		return srv.opt.WS.Protocol == "" || offered == srv.opt.WS.Protocol
	}}
	if srv.opt.WS.PermessageDeflate == On { // WS-2
		u.Negotiate = k.negotiate
	}
	conn, rw, _, err := u.Upgrade(r, w)
	if err != nil {
		srv.counters.malformed.Add(1)
		if conn != nil {
			_ = conn.Close() // the upgrader has answered with what is wrong
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
