package bayeux

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Kinds of request bodies that are refused (11.3, LP-4, LP-5).
var (
	errTooSlow     = errors.New("too slow")
	errTooLarge    = errors.New("too large")
	errUnsupported = errors.New("unsupported")
)

// readBody returns the text of a POST in UTF-8, unpacked and within the limits.
func readBody(w http.ResponseWriter, r *http.Request, o *HTTPOptions) ([]byte, error) {
	conn := http.NewResponseController(w)
	bounded := o.ReadTimeout > 0 && conn.SetReadDeadline(time.Now().Add(o.ReadTimeout)) == nil
	b, err := readWithin(w, r, o.MaxMessageSize)
	if bounded && err == nil { // else net/http must not wait for the rest of the body either
		_ = conn.SetReadDeadline(time.Time{})
	}
	return b, err
}

// smallBody is for how many bytes there is memory before any has come.
const smallBody = 4 << 10

func readWithin(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return nil, fmt.Errorf("%w: at most %d bytes", errTooLarge, limit)
	}
	coding := r.Header.Get("Content-Encoding")
	if n := r.ContentLength; coding == "" && 0 < n && n <= smallBody {
		b := make([]byte, n)
		if _, err := io.ReadFull(r.Body, b); err != nil {
			return nil, bodyError("body", err)
		}
		return decodeCharset(b, r.Header.Get("Content-Type"))
	}
	var body io.Reader = http.MaxBytesReader(w, r.Body, int64(limit))
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, bodyError("gzip", err)
		}
		body = z
	default:
		return nil, fmt.Errorf("%w: content encoding; send gzip or none", errUnsupported)
	}
	b, err := readAtMost(body, r.ContentLength, limit)
	if err != nil {
		return nil, err
	}
	return decodeCharset(b, r.Header.Get("Content-Type"))
}

// readAtMost reads to the end. Memory grows with what arrives, not with what was
// announced or packed.
func readAtMost(body io.Reader, announced int64, limit int) ([]byte, error) {
	var buf bytes.Buffer
	if announced > 0 {
		buf.Grow(int(min(announced, smallBody)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return nil, bodyError("body", err)
	}
	if n > int64(limit) {
		return nil, fmt.Errorf("%w: at most %d bytes", errTooLarge, limit)
	}
	return buf.Bytes(), nil
}

func bodyError(what string, err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fmt.Errorf("%w: at most %d bytes", errTooLarge, tooLarge.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: the body did not come in time", errTooSlow)
	}
	return fmt.Errorf("%w: cannot read the %s: %w", errMalformed, what, err)
}

// isUsual reports whether a Content-Type is one that clients send: JSON in UTF-8. Others are parsed.
func isUsual(contentType string) bool {
	switch contentType {
	case "application/json;charset=UTF-8", "application/json; charset=UTF-8", "application/json; charset=utf-8", "application/json;charset=utf-8", "application/json":
		return true
	}
	return false
}

// decodeCharset honours the charset of a Content-Type (LP-4). A Content-Type that
// cannot be read counts as none (LP-2).
func decodeCharset(b []byte, contentType string) ([]byte, error) {
	if isUsual(contentType) {
		return b, nil
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return b, nil
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return b, nil // ASCII is UTF-8; what is not is found by the parser
	case "iso-8859-1", "latin1":
		out := make([]byte, 0, len(b)+len(b)/8)
		for _, c := range b {
			out = append(out, string(rune(c))...)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%w: charset; send utf-8", errUnsupported)
}

// isForm reports whether the body is a form (LP-3).
func isForm(contentType string) bool {
	if isUsual(contentType) {
		return false
	}
	t, _, _ := mime.ParseMediaType(contentType)
	return t == "application/x-www-form-urlencoded"
}

// parseForm reads the messages of all message fields, in order (LP-3). A body
// that calls itself a form but is JSON is taken as what it is (LP-2): no form
// field begins with a bracket.
func parseForm(b []byte, lim limits) ([]Message, error) {
	if t := bytes.TrimLeft(b, " \t\r\n"); len(t) > 0 && (t[0] == '[' || t[0] == '{') {
		return parse(b, lim)
	}
	return parseFields(string(b), lim)
}

// parseFields reads the messages of all message fields of a form or query, in
// order (LP-3, JP-2).
func parseFields(form string, lim limits) ([]Message, error) {
	var all []Message
	found := false
	for value := range fields(form, "message") {
		text, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("%w: a message field is not properly escaped", errMalformed)
		}
		msgs, err := parse([]byte(text), lim)
		if err != nil {
			return nil, err
		}
		if len(all)+len(msgs) > lim.messages {
			return nil, fmt.Errorf("%w: at most %d", errTooMany, lim.messages)
		}
		all, found = append(all, msgs...), true
	}
	if !found {
		return nil, fmt.Errorf("%w: a message field is missing", errMalformed)
	}
	return all, nil
}

// fields yields the values of the fields with that name, still escaped.
func fields(form, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for pair := range strings.SplitSeq(form, "&") {
			if key, value, _ := strings.Cut(pair, "="); key == name && !yield(value) {
				return
			}
		}
	}
}
