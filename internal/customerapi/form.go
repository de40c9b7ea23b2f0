package customerapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	formEncoded   = "application/x-www-form-urlencoded"
	multipartForm = "multipart/form-data"
	// maxBoundary is the longest boundary of a multipart body (RFC 2046, 5.1.1).
	maxBoundary = 70
)

// form holds the parameters of a request. Those that no operation knows are not kept.
type form struct {
	values map[string]string // never empty strings: an empty parameter counts as absent
	data   attachedData
}

// parameters are the names that some operation knows (2.0 to 2.5, 2.9). "Subject" is the one that may be written with a capital, as some
// gateways do. userId and alias are accepted with any value, and so need no place here (1.6).
var parameters = map[string]string{
	"secureKey": "secureKey", "transcriptPosition": "transcriptPosition",
	"nickname": "nickname", "firstName": "firstName", "lastName": "lastName", "subject": "subject", "Subject": "subject",
	"emailAddress": "emailAddress", "text": "text", "endpoint": "endpoint",
	"message": "message", "messageType": "messageType", "eventAttributes": "eventAttributes", "clientMessageId": "clientMessageId",
}

// set takes one parameter; the last of several equal ones wins. Bytes that are not UTF-8 become U+FFFD: a customer's words are worth more than
// the one letter that a careless client spoiled.
func (f *form) set(name, value string) {
	value = strings.ToValidUTF8(value, "\uFFFD")
	if key, ok := dataKey(name); ok {
		f.data.set(strings.ToValidUTF8(key, "\uFFFD"), value)
		return
	}
	if known := parameters[name]; known != "" && value != "" {
		f.values[known] = value
	}
}

func (f *form) get(name string) string { return f.values[name] }

// readForm reads the parameters of a request. [1.3]
func readForm(w http.ResponseWriter, r *http.Request, maxBody int64) (form, error) {
	header := r.Header.Get("Content-Type")
	kind, boundary, err := encodingOf(header)
	if err != nil {
		return form{}, err
	}
	if r.ContentLength > maxBody {
		return form{}, errTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return form{}, errTooLarge
	case err != nil:
		return form{}, fmt.Errorf("%w: it has no end", errBody)
	case header == "" && len(body) > 0:
		return form{}, errContentType
	}
	return parseForm(r.URL.RawQuery, kind, boundary, body)
}

// encodingOf reads a Content-Type. None at all is fine for an empty body.
func encodingOf(header string) (kind, boundary string, err error) {
	if header == "" {
		return formEncoded, "", nil
	}
	kind, params, err := mime.ParseMediaType(header)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || kind != formEncoded && kind != multipartForm {
		return "", "", errContentType
	}
	return kind, params["boundary"], nil
}

// parseForm reads the parameters of the query and of the body; the body wins.
func parseForm(query, kind, boundary string, body []byte) (form, error) {
	f := form{values: map[string]string{}}
	f.readPairs(query)
	if kind == formEncoded || boundary == "" {
		boundary = guessBoundary(body)
	}
	switch {
	case boundary != "":
		return f, f.readParts(body, boundary)
	case kind == multipartForm && len(body) > 0:
		return f, fmt.Errorf("%w: the Content-Type names no boundary", errBody)
	}
	f.readPairs(string(body))
	return f, nil
}

// readPairs reads name=value&name=value as the URL standard does, which knows no errors: a percent sign that begins no escape stands for itself.
func (f *form) readPairs(encoded string) {
	for pair := range strings.SplitSeq(encoded, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != "" {
			f.set(unescape(name), unescape(value))
		}
	}
}

func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out = append(out, hexValue(s[i+1])<<4|hexValue(s[i+2]))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// readParts reads a multipart body. A part is a parameter whatever type it claims; one with a file name, or named "file", is a file, and no
// operation here takes one. [1.3]
func (f *form) readParts(body []byte, boundary string) error {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF { // not errors.Is: a body that breaks off gives an error which wraps io.EOF
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: not a multipart body: %v", errBody, err)
		}
		name := part.FormName()
		if name == "" || name == "file" || part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return fmt.Errorf("%w: part %q has no end", errBody, name)
		}
		if hasEncodedBracket(name) {
			name = unescape(name)
		}
		f.set(name, string(value))
	}
}

// guessBoundary finds the boundary of a multipart body whose Content-Type does not tell it, as one published client sends them: a first line of
// "--" and the boundary, then a part's header. "" if the body is something else. [1.3]
func guessBoundary(body []byte) string {
	first, rest, ok := bytes.Cut(body, []byte("\n"))
	if !ok || !bytes.HasPrefix(first, []byte("--")) {
		return ""
	}
	boundary := bytes.TrimSuffix(first[2:], []byte("\r"))
	const header = "content-"
	if len(boundary) == 0 || len(boundary) > maxBoundary || len(rest) < len(header) || !bytes.EqualFold(rest[:len(header)], []byte(header)) {
		return ""
	}
	if !utf8.Valid(boundary) {
		return ""
	}
	return string(boundary)
}
