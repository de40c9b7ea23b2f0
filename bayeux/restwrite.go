package bayeux

import (
	"bufio"
	"cmp"
	"context"
	"net"
	"net/http"
	"strconv"
	"time"
)

// introduce finds out what net/http tells of a connection with each request.
func (r *resting) introduce() {
	if r.context != nil {
		return
	}
	r.context = context.WithValue(r.tracked.ctx, http.LocalAddrContextKey, r.conn.LocalAddr())
	r.remote = r.conn.RemoteAddr().String()
	if t, ok := r.conn.(tlsConn); ok {
		state := t.ConnectionState()
		r.tls = &state
	}
}

// serve has the http.Server's handler serve a request, as net/http would.
func (r *resting) serve(req *http.Request) outcome {
	hs := r.tracked.home.hs
	r.tracked.began()
	ctx, cancel := context.WithCancel(r.context)
	defer cancel()
	w := newRestWriter(r, make(http.Header))
	h := hs.Handler
	if h == nil {
		h = http.DefaultServeMux
	}
	return w.during(func() { h.ServeHTTP(w, req.WithContext(ctx)) })
}

// handOver completes a response that began in net/http, and leaves the connection to a goroutine of its own.
func (w *restWriter) handOver(handle func()) {
	if o := w.during(handle); o != stays {
		w.r.leaveRest(o)
		return
	}
	go w.r.run()
}

// during is what becomes of the connection when a request has been handled.
func (w *restWriter) during(handle func()) (o outcome) {
	r := w.r
	defer r.srv.recovered("request", func() { o = finished })
	handle()
	switch {
	case r.x != nil: // it is held
		return stays
	case w.hijacked:
		return taken
	case w.send() != nil || w.ends:
		return finished
	}
	r.setIdle(true)
	return stays
}

// restWriter is the ResponseWriter outside of net/http. The response leaves when it is whole.
type restWriter struct {
	r        *resting
	header   http.Header
	status   int // 0: not said yet
	body     []byte
	deadline time.Time // zero: the usual one
	sent     bool
	err      error // of sending it
	hijacked bool
	ends     bool // the connection, with this response
}

func newRestWriter(r *resting, h http.Header) *restWriter { return &restWriter{r: r, header: h} }

func (w *restWriter) Header() http.Header { return w.header }

func (w *restWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

func (w *restWriter) Write(b []byte) (int, error) {
	switch {
	case w.hijacked:
		return 0, http.ErrHijacked
	case w.err != nil:
		return 0, w.err
	case w.sent:
		return 0, http.ErrContentLength
	}
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, b...)
	return len(b), nil
}

// Flush and FlushError send a response that says how long it is, when it is that long.
func (w *restWriter) Flush() { _ = w.FlushError() }

func (w *restWriter) FlushError() error {
	switch {
	case w.hijacked:
		return http.ErrHijacked
	case w.header.Get("Content-Length") == strconv.Itoa(len(w.body)):
		return w.send()
	}
	return nil
}

// SetReadDeadline has nothing to bound: the request is here.
func (w *restWriter) SetReadDeadline(time.Time) error { return nil }

func (w *restWriter) SetWriteDeadline(t time.Time) error {
	w.deadline = t
	return nil
}

func (w *restWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.sent || w.hijacked {
		return nil, nil, http.ErrHijacked
	}
	w.hijacked = true
	const least = 16 // nobody uses them here
	return w.r.conn, bufio.NewReadWriter(bufio.NewReaderSize(w.r, least), bufio.NewWriterSize(w.r.conn, least)), nil
}

// Read reads for a handler that has hijacked the connection.
func (r *resting) Read(b []byte) (int, error) {
	if r.unread != nil && len(b) > 0 {
		n := copy(b, r.unread.b)
		r.used(n)
		return n, nil
	}
	return r.conn.Read(b)
}

// send sends the response.
func (w *restWriter) send() error {
	if w.sent {
		return w.err
	}
	w.sent = true
	w.WriteHeader(http.StatusOK)
	if _, set := w.header["Content-Type"]; !set && len(w.body) > 0 && w.header.Get("Content-Encoding") == "" {
		w.header.Set("Content-Type", http.DetectContentType(w.body))
	}
	r := w.r
	w.ends = r.last(w.header)
	out := r.srv.packers.output()
	defer r.srv.packers.release(out)
	appendResponse(out, w.status, w.header, w.body, w.ends)
	if !out.try(r.raw) {
		by := w.deadline
		if by.IsZero() {
			by = time.Now().Add(cmp.Or(r.tracked.home.hs.WriteTimeout, r.srv.opt.LongPolling.WriteTimeout))
		}
		r.write(out, by)
	}
	w.err = out.err
	return w.err
}

// notOurs are header fields that would say something else about the length.
var notOurs = map[string]bool{"Transfer-Encoding": true, "Trailer": true}

// appendResponse is what net/http would write.
func appendResponse(out *output, status int, h http.Header, body []byte, last bool) {
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if status == http.StatusNoContent || status == http.StatusNotModified {
		h.Del("Content-Length")
		body = nil
	}
	if last {
		h.Set("Connection", "close")
	}
	appendStatus(out, status)
	if _, set := h["Date"]; !set {
		appendDate(out)
	}
	_ = h.WriteSubset(out, notOurs) // a bytes.Buffer does not fail
	out.WriteString("\r\n")
	out.Write(body)
}

// appendTo is appendResponse for an answer with no other field.
func (a *answerHead) appendTo(out *output) {
	appendStatus(out, a.status)
	appendDate(out)
	a.each(func(name, value string) {
		out.WriteString(name)
		out.WriteString(": ")
		out.WriteString(value)
		out.WriteString("\r\n")
	})
	out.WriteString("\r\n")
}

func appendStatus(out *output, status int) {
	b := append(out.AvailableBuffer(), "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	out.Write(append(b, "\r\n"...))
}

func appendDate(out *output) {
	b := append(out.AvailableBuffer(), "Date: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	out.Write(append(b, "\r\n"...))
}
