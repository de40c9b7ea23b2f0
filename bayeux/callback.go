package bayeux

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
)

// callbackPoll serves one GET of a script tag (chapter 12).
func (srv *Server) callbackPoll(w http.ResponseWriter, r *http.Request) {
	callback, ok := srv.callbackOf(r.URL.RawQuery)
	switch {
	case srv.fromElsewhere(r): // JP-7
		refuse(w, http.StatusForbidden, "this site may not load scripts from here")
	case !ok: // JP-1
		srv.counters.malformed.Add(1)
		refuse(w, http.StatusBadRequest, fmt.Sprintf("a GET needs the parameter %s with the name of a callback: 1 to %d letters, digits, dots, dashes or underscores",
			srv.opt.CallbackParameter, srv.opt.CallbackParameterMaxLength))
	default:
		srv.poll(w, r, CallbackPolling, callback)
	}
}

// callbackOf returns the name of the callback in a query, if it is a valid one
// (JP-1): it will be part of a script.
func (srv *Server) callbackOf(query string) (name string, ok bool) {
	for value := range fields(query, srv.opt.CallbackParameter) {
		name, err := url.QueryUnescape(value)
		return name, err == nil && validCallback(name, srv.opt.CallbackParameterMaxLength)
	}
	return "", false
}

func validCallback(name string, longest int) bool {
	if name == "" || len(name) > longest {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// fromElsewhere reports whether a page of a foreign site asks (JP-7): its script
// tag would carry the user's cookies. What has an Origin header was checked before.
func (srv *Server) fromElsewhere(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "cross-site"
	}
	if r.Header.Get("Origin") != "" {
		return false
	}
	referer := r.Header.Get("Referer")
	return referer != "" && srv.originOf(referer, r) == originForeign
}

// readQuery reads the messages of a callback-polling request (JP-2), and tells
// their size.
func (srv *Server) readQuery(_ http.ResponseWriter, r *http.Request) (msgs []Message, size int, err error) {
	size = len(r.URL.RawQuery)
	if limit := srv.opt.JSONP.MaxMessageSize; size > limit {
		return nil, size, fmt.Errorf("%w: at most %d bytes", errTooLarge, limit)
	}
	msgs, err = parseFields(r.URL.RawQuery, srv.limits())
	return msgs, size, err
}

// script is the answer to a callback-polling request. The comment keeps others from
// choosing the first bytes of the response; what JSON allows within strings and a
// script or page does not is escaped, and means the same (JP-4).
func script(callback string, array []byte) []byte {
	b := make([]byte, 0, len(array)+len(array)/32+len(callback)+8)
	b = append(b, "/**/"...)
	b = append(b, callback...)
	b = append(b, '(')
	for {
		i := bytes.IndexAny(array, "<\u2028\u2029")
		if i < 0 {
			break
		}
		b = append(b, array[:i]...)
		switch array = array[i:]; array[0] {
		case '<': // of </script> and <!--
			b, array = append(b, `\u003c`...), array[1:]
		default: // the two differ in the last bit of their last byte
			b, array = append(append(b, `\u202`...), '8'+array[2]&1), array[3:]
		}
	}
	b = append(b, array...)
	return append(b, ')')
}
