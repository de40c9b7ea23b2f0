package bayeux

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"
)

// A request is served outside of net/http if all of it has come, and it is as plain as polls are: nothing in it may be read in two ways. All others are
// for net/http to judge, which has the time limits too.

// plainSize is how large a request may be here, in bytes; no http.Server takes a head of that size for too large. The memory is there only while there is
// something to read.
const plainSize = 4 << 10

// wholeWithin is how long the rest of a request may take to come.
const wholeWithin = time.Second

// unread is what was read and not dealt with.
type unread struct{ b []byte }

func newUnread() any { return &unread{make([]byte, 0, plainSize)} }

// keep notes what was read before.
func (r *resting) keep(early []byte) {
	if len(early) > 0 {
		r.ownUnread()
		r.unread.b = append(r.unread.b, early...)
	}
}

// early gives up what was read.
func (r *resting) early() []byte {
	if r.unread == nil {
		return nil
	}
	b := bytes.Clone(r.unread.b)
	r.used(len(b))
	return b
}

func (r *resting) ownUnread() {
	if r.unread == nil {
		r.unread = r.srv.requests.Get().(*unread)
	}
}

// used drops the first n bytes of what was read.
func (r *resting) used(n int) {
	u := r.unread
	if u.b = append(u.b[:0], u.b[n:]...); len(u.b) > 0 {
		return
	}
	r.unread = nil
	if cap(u.b) == plainSize {
		r.srv.requests.Put(u)
	}
}

// hear waits until something has been read of the next request.
func (r *resting) hear() error {
	switch {
	case r.unread != nil:
		return nil
	case r.raw != nil:
		if err := r.raw.Read(r.attempt); err != nil { // it waits between attempts
			return err
		}
		return r.err
	}
	first := make([]byte, 1)
	n, err := r.conn.Read(first)
	if n == 1 {
		r.keep(first)
		return nil
	}
	return err
}

// hearSoon is hear for a connection that speaks often. The garbage collector halves a stack of which less than a quarter is used, and the next request
// would make it grow again, at the price of the rest of its handling.
func (r *resting) hearSoon() error {
	var quarter [3 << 10]byte
	err := r.hear()
	runtime.KeepAlive(&quarter)
	return err
}

// readNow reads what is there, and reports whether there was something, or the end.
func (r *resting) readNow(fd uintptr) bool {
	u := r.srv.requests.Get().(*unread)
	n, again, err := readSome(fd, u.b[:plainSize])
	if n > 0 {
		u.b = u.b[:n]
		r.unread, r.err = u, nil
		return true
	}
	r.srv.requests.Put(u)
	if r.err = err; err == nil {
		r.err = io.EOF
	}
	return !again
}

// request takes the next request from what was read, when the rest of it has come. With what is not for here the connection returns.
func (r *resting) request() (*http.Request, outcome) {
	waits := false
	defer func() {
		if waits {
			_ = r.conn.SetReadDeadline(time.Time{})
		}
	}()
	for {
		u := r.unread
		u.b = append(u.b[:0], bytes.TrimLeft(u.b, "\r\n")...) // which old clients send after a body
		head, length, p := plainRequest(u.b, r.path)
		switch {
		case p == simple:
			req, err := parsePlain(string(u.b[:head+length]), head)
			if err != nil {
				return nil, returns
			}
			r.used(head + length)
			r.introduce()
			req.RemoteAddr, req.TLS = r.remote, r.tls
			return req, stays
		case p == unusual || len(u.b) >= plainSize:
			return nil, returns
		}
		if !waits {
			waits = true
			_ = r.conn.SetReadDeadline(time.Now().Add(wholeWithin))
		}
		n, err := r.conn.Read(u.b[len(u.b):plainSize])
		u.b = u.b[:len(u.b)+n]
		switch {
		case n > 0:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, returns
		default:
			return nil, finished
		}
	}
}

// parsePlain makes of a plain request what net/http would. head is where its body begins.
func parsePlain(text string, head int) (*http.Request, error) {
	line, fields, _ := strings.Cut(text[:head-2], "\r\n")
	method, line, _ := strings.Cut(line, " ")
	target, proto, _ := strings.Cut(line, " ")
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method: method, URL: u, Proto: proto, ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header), RequestURI: target,
		ContentLength: int64(len(text) - head), Body: http.NoBody,
	}
	values := make([]string, 0, strings.Count(fields, "\r\n"))
	for field := range strings.SplitSeq(strings.TrimSuffix(fields, "\r\n"), "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		name, value = textproto.CanonicalMIMEHeaderKey(name), strings.Trim(value, " \t")
		if name == "Host" {
			req.Host = value
			continue
		}
		if before := req.Header[name]; before != nil {
			req.Header[name] = append(before, value)
			continue
		}
		values = append(values, value)
		req.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	if before := req.Header["Pragma"]; before != nil && before[0] == "no-cache" && req.Header["Cache-Control"] == nil {
		req.Header["Cache-Control"] = []string{"no-cache"} // as net/http has it
	}
	if head < len(text) {
		req.Body = io.NopCloser(strings.NewReader(text[head:]))
	}
	return req, nil
}

// plainness is what the beginning of a request tells about it.
type plainness int8

const (
	partial plainness = iota // more is to come
	simple                   // whole, and for here
	unusual
)

var endOfHead = []byte("\r\n\r\n")

// plainRequest looks at the beginning of what a client sent: head is the length of the request line and the header, length that of the body. There is one
// way only to read a plain request.
func plainRequest(b []byte, path string) (head, length int, p plainness) {
	at := bytes.Index(b, endOfHead)
	if at < 0 {
		return 0, 0, partial
	}
	head = at + len(endOfHead)
	line, fields, _ := bytes.Cut(b[:at+2], []byte("\r\n"))
	posted, ok := plainTarget(line, path)
	if !ok {
		return 0, 0, unusual
	}
	hosts, lengths := 0, 0
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || !isToken(name) || !isPlainText(value) {
			return 0, 0, unusual
		}
		value = bytes.Trim(value, " \t")
		switch {
		case isField(name, "host"):
			hosts++
			ok = isPlainHost(value)
		case isField(name, "content-length"):
			lengths++
			length, ok = plainLength(value)
		case isField(name, "connection"):
			ok = isField(value, "keep-alive")
		case isField(name, "transfer-encoding"), isField(name, "expect"), isField(name, "upgrade"), isField(name, "trailer"),
			isField(name, "http2-settings"):
			ok = false
		}
		if !ok {
			return 0, 0, unusual
		}
	}
	switch {
	case hosts != 1 || posted && lengths != 1 || !posted && lengths > 0 || head+length > plainSize:
		return 0, 0, unusual
	case len(b) < head+length:
		return 0, 0, partial
	}
	return head, length, simple
}

// plainTarget reads a request line. It must name the path.
func plainTarget(line []byte, path string) (posted, ok bool) {
	target, ok := bytes.CutSuffix(line, []byte(" HTTP/1.1"))
	if !ok {
		return false, false
	}
	if target, posted = bytes.CutPrefix(target, []byte("POST ")); !posted {
		if target, ok = bytes.CutPrefix(target, []byte("GET ")); !ok {
			return false, false
		}
	}
	before, _, _ := bytes.Cut(target, []byte("?"))
	if string(before) != path {
		return posted, false
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return posted, false
		}
	}
	return posted, true
}

func isField(b []byte, name string) bool {
	return len(b) == len(name) && strings.EqualFold(string(b), name)
}

func plainLength(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' || n > plainSize {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, len(b) > 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isToken is narrower than a header field's name may be.
func isToken(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return len(b) > 0
}

// isPlainText is narrower than a header field's value may be.
func isPlainText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

func isPlainHost(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) && !strings.ContainsRune(".-:_[]", rune(c)) {
			return false
		}
	}
	return len(b) > 0
}
