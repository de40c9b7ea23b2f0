//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

// frame is a client's text frame under a mask of zeros, so that it can be changed in place. A server unmasks it like any other.
func frame(text string) []byte { return rawFrame(0x81, []byte(text)) }

func rawFrame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

const pong = 0x8a

// nextFrame takes a server's frame off data. used is 0 when it is not whole yet.
func nextFrame(data []byte) (op byte, payload []byte, used int) {
	if len(data) < 2 {
		return 0, nil, 0
	}
	n, head := int(data[1]&0x7f), 2
	switch {
	case n == 126 && len(data) >= 4:
		n, head = int(binary.BigEndian.Uint16(data[2:])), 4
	case n == 127 && len(data) >= 10:
		n, head = int(binary.BigEndian.Uint64(data[2:])), 10
	case n > 125:
		return 0, nil, 0
	}
	if len(data) < head+n {
		return 0, nil, 0
	}
	return data[0] & 0x0f, data[head : head+n], head + n
}

// post is a whole request, and upgrade the one that asks for a websocket.
func post(cookie, body string) []byte {
	if cookie != "" {
		cookie = "Cookie: " + cookie + "\r\n"
	}
	return fmt.Appendf(nil, "POST /cometd HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json;charset=UTF-8\r\n%sContent-Length: %d\r\n\r\n%s",
		cookie, len(body), body)
}

const upgrade = "GET /cometd HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// response is an HTTP response that has arrived.
type response struct {
	status int
	cookie string // the first that it sets, without attributes
	body   []byte
}

var blankLine = []byte("\r\n\r\n")

// nextResponse takes a response off data. used is 0 when it is not whole yet.
func nextResponse(data []byte) (res response, used int) {
	end := bytes.Index(data, blankLine)
	if end < 12 {
		return res, 0
	}
	head, rest := data[:end+2], data[end+4:]
	res.status, _ = strconv.Atoi(string(head[9:12]))
	if cookie := header(head, "set-cookie:"); cookie != nil {
		name, _, _ := bytes.Cut(cookie, []byte(";"))
		res.cookie = string(name)
	}
	length := header(head, "content-length:")
	switch {
	case length != nil:
		n, _ := strconv.Atoi(string(length))
		if len(rest) < n {
			return res, 0
		}
		res.body = rest[:n]
		return res, end + 4 + n
	case res.status == 101:
		return res, end + 4
	}
	// In chunks. Their sizes stay in the body, which is searched and not parsed.
	last := bytes.Index(rest, []byte("0\r\n\r\n"))
	if last < 0 {
		return res, 0
	}
	res.body = rest[:last]
	return res, end + 4 + last + 5
}

// header finds a header by its name in lower case.
func header(head []byte, name string) []byte {
	for line := range bytes.Lines(head) {
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name):])
		}
	}
	return nil
}
