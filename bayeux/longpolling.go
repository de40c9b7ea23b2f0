package bayeux

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ServeHTTP serves the transports, whatever the path (LP-1). Mount it at a path
// and at all below it, for example at "/cometd" and at "/cometd/": with the second
// alone an http.ServeMux redirects what is posted to the first, and clients do not
// follow.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	check := srv.checkOrigin(r)
	srv.cors(w.Header(), r, check)
	switch {
	case r.Method == http.MethodOptions:
		srv.preflight(w, check)
	case check == originForeign: // CO-4, CO-5
		refuse(w, http.StatusForbidden, "this origin is not allowed")
	case srv.draining.Load() || !srv.tasks.begin():
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "the server is shutting down")
	default:
		defer srv.tasks.end()
		srv.pause(r.Context(), srv.trackedConnOf(r.Context()).take(1, srv.opt.MaxMessageRate))
		srv.route(w, r)
	}
}

// route chooses the transport by the method (11.3).
func (srv *Server) route(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && wantsUpgrade(r) && srv.offers(WebSocket):
		srv.upgrade(w, r)
	case r.Method == http.MethodPost && srv.offers(LongPolling):
		srv.poll(w, r, LongPolling, "")
	case r.Method == http.MethodGet && srv.offers(CallbackPolling):
		srv.callbackPoll(w, r)
	case r.Method == http.MethodPost, r.Method == http.MethodGet:
		refuse(w, http.StatusBadRequest, "this transport is not offered")
	default:
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		refuse(w, http.StatusMethodNotAllowed, "use POST, GET with a websocket upgrade, or GET with a callback")
	}
}

func (srv *Server) offers(t Transport) bool { return slices.Contains(srv.opt.Transports, t) }

// refuse answers with a status other than 200 and a line for people; clients look
// at the status only (LP-14).
func refuse(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the client may have gone, which is its own affair
}

// poll serves one request over HTTP (chapters 11 and 12). The callback is that of
// callback-polling.
func (srv *Server) poll(w http.ResponseWriter, r *http.Request, t Transport, callback string) {
	x := srv.newPoll(r, t)
	rests := false
	defer func() {
		if !rests {
			x.endAnswer()
		}
	}()
	if !srv.take(w, r, x) {
		return
	}
	f := form{t, callback, srv.opt.overHTTP(t).Compress && acceptsGzip(r.Header)}
	if own := srv.takeOver(w, r, x); own != nil {
		own.handOver(func() { rests = srv.answer(own, r, x, f) })
	} else {
		rests = srv.answer(w, r, x, f)
	}
}

// answer answers a poll whose messages have been processed, unless its client has gone. It reports whether that is left to its connection, where a held
// connect rests.
func (srv *Server) answer(w http.ResponseWriter, r *http.Request, x *exchange, f form) (rests bool) {
	if x.held != nil {
		if srv.rest(w, r, x, f) {
			return true
		}
		// A deadline for reading requests must not end the hold: net/http would take it
		// for the end of the connection.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		if !srv.wait(r, x) { // who has closed half of the connection still reads, and must not take an empty 200 for the answer
			refuse(w, http.StatusServiceUnavailable, "the connection was given up")
			return false
		}
	}
	if x.connectInCompany() {
		srv.catchUp(r.Context(), x.session)
	}
	if x.fresh != "" { // CK-1
		http.SetCookie(w, srv.newBrowserCookie(x.fresh, r))
	}
	head, body, res := x.finish(f, nil)
	if res == nil {
		w.WriteHeader(head.status)
		return false
	}
	head.setIn(w.Header())
	res.written(srv.respond(w, r, f.transport, body, res.carries()))
	x.part()
	return false
}

// form is how the response of a poll is to look.
type form struct {
	transport Transport
	callback  string // of callback-polling
	zip       bool   // the client takes gzip
}

// finish completes the response of a poll; its body is appended to b. Without messages or replies the
// response is nil.
func (x *exchange) finish(f form, b []byte) (head answerHead, body []byte, res *response) {
	srv := x.srv
	if x.held != nil {
		x.answers = append(x.answers, answer{connect: x.held})
	}
	if c := x.answers[0].connect; x.alone && c != nil && c.cause == causeSuperseded { // CN-10
		return answerHead{status: srv.opt.DuplicateMetaConnectHTTPResponseCode}, nil, nil
	}
	all := x.complete()
	body = all.encode(srv, b)
	head = answerHead{status: http.StatusOK, contentType: "application/json"} // LP-9
	if f.callback != "" {
		head.contentType = "text/javascript;charset=UTF-8" // JP-3
		body = script(f.callback, body)
	}
	if srv.opt.overHTTP(f.transport).Compress {
		head.varies = true
		if head.zipped = f.zip && len(body) > compressAbove; head.zipped {
			body = srv.packers.gzip(body)
		}
	}
	head.length = len(body)
	return head, body, &all
}

// answerHead is what the head of a poll's response says.
type answerHead struct {
	status         int
	contentType    string // "": none, as there is no body
	varies, zipped bool
	length         int
}

// each yields the fields that there are.
func (a *answerHead) each(yield func(name, value string)) {
	if a.contentType != "" {
		yield("Content-Type", a.contentType)
		yield("Cache-Control", "no-store") // LP-10
		yield("X-Content-Type-Options", "nosniff")
	}
	if a.varies {
		yield("Vary", "Accept-Encoding")
	}
	if a.zipped {
		yield("Content-Encoding", "gzip")
	}
	yield("Content-Length", strconv.Itoa(a.length))
}

// setIn puts the fields among those that were there before.
func (a *answerHead) setIn(h http.Header) {
	a.each(func(name, value string) {
		if name == "Vary" {
			h.Add(name, value)
		} else {
			h.Set(name, value)
		}
	})
}

func (srv *Server) newPoll(r *http.Request, t Transport) *exchange {
	return &exchange{
		srv: srv,
		peer: &Peer{
			Transport: t, Principal: principalOf(r.Context()),
			RemoteAddr: r.RemoteAddr, URL: r.URL, Header: r.Header,
		},
		cookie: hashOf(srv.browserCookie(r)),
		http2:  r.ProtoMajor >= 2,
		conn:   srv.keptAlive(r),

		answered: make(chan struct{}),
	}
}

// keptAlive returns the request's connection if it is to be kept after the
// response; that it ends then would be no sign of loss (DEL-15 c).
func (srv *Server) keptAlive(r *http.Request) *trackedConn {
	if r.Close || !r.ProtoAtLeast(1, 1) {
		return nil
	}
	return srv.trackedConnOf(r.Context())
}

// take reads and processes the messages. It is a function of its own so that a
// held connect does not keep the request's bytes.
func (srv *Server) take(w http.ResponseWriter, r *http.Request, x *exchange) bool {
	read := srv.readPosted
	if x.peer.Transport == CallbackPolling {
		read = srv.readQuery
	}
	msgs, size, err := read(w, r)
	srv.trackedConnOf(r.Context()).take(max(len(msgs)-1, 0)+size/bytesPerMessage, srv.opt.MaxMessageRate) // the request counted as one
	if err == nil && len(msgs) == 0 {
		err = errMalformed
	}
	if err != nil {
		srv.counters.malformed.Add(1)
		status := http.StatusBadRequest
		switch {
		case errors.Is(err, errTooLarge):
			status = http.StatusRequestEntityTooLarge
		case errors.Is(err, errTooSlow):
			status = http.StatusRequestTimeout
		case errors.Is(err, errUnsupported):
			status = http.StatusUnsupportedMediaType
		}
		// Over HTTP/2 the connection is not the request's to close, and what remains of the body is reset.
		if (status == http.StatusRequestEntityTooLarge || status == http.StatusRequestTimeout) && r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		refuse(w, status, err.Error())
		return false
	}
	x.process(r.Context(), msgs)
	srv.trackedConnOf(r.Context()).take(srv.costOf(x), srv.opt.MaxMessageRate)
	return true
}

// readPosted reads the messages of a POST, and tells their size unpacked.
func (srv *Server) readPosted(w http.ResponseWriter, r *http.Request) (msgs []Message, size int, err error) {
	b, err := readBody(w, r, &srv.opt.LongPolling)
	if err != nil {
		return nil, 0, err
	}
	if isForm(r.Header.Get("Content-Type")) {
		msgs, err = parseForm(b, srv.limits())
	} else {
		msgs, err = parse(b, srv.limits())
	}
	return msgs, len(b), err
}

func (srv *Server) limits() limits { return limits{srv.opt.JSONDepth, srv.opt.MaxMessagesPerRequest} }

// wait holds the request until its connect is released. It reports false when the client has gone.
func (srv *Server) wait(r *http.Request, x *exchange) (released bool) {
	c := x.held
	select {
	case <-c.done:
		released = true
	case <-r.Context().Done():
	case <-srv.stopped:
		select {
		case <-c.done: // both at once
			released = true
		default:
		}
	}
	if released && r.Context().Err() == nil {
		return true
	}
	x.abandon()
	return false
}

// abandon says that the client has gone: then nothing is taken from the queue, and
// the deadline runs (SS-11).
func (x *exchange) abandon() {
	s := x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == x.held {
		s.release(causeGone)
	}
	s.linger(x.held)
}

// respond writes a response and pushes it to the network, so that an error tells
// that it did not leave (DEL-8). It is told whether the response carries messages.
func (srv *Server) respond(w http.ResponseWriter, r *http.Request, t Transport, body []byte, carries bool) error {
	if err := r.Context().Err(); err != nil {
		return err
	}
	if carries && srv.trackedConnOf(r.Context()).gone() { // a connect may come after its successor, and its client goes by that one's answer
		return net.ErrClosed
	}
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Now().Add(srv.opt.overHTTP(t).WriteTimeout)); err == nil {
		defer func() { _ = rc.SetWriteDeadline(time.Time{}) }() // the next response has its own
	}
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// written says what became of a response. On an error its messages return to the
// queue (DEL-8); those of a connect reply otherwise wait for the next connect
// (DEL-15).
func (res *response) written(err error) {
	s := res.session
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := res.connect
	switch {
	case s.ended != 0:
		return
	case err != nil && c != nil && s.ack: // the next ack tells what arrived (AK-4)
	case err != nil && c != nil:
		s.last.open = false
		s.lose(sentBy(byConnect, everything))
	case err != nil:
		s.out.lose(numbered(res.parcel))
	case c == nil:
		s.out.confirm(numbered(res.parcel))
	}
	if c != nil {
		s.linger(c)
	}
	s.flush()
}
