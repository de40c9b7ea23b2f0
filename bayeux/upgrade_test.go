package bayeux

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// WS-1, WS-2, A12: a bad upgrade gets a proper answer, and the connection serves what comes next: a proxy keeps it for somebody else's request.
func TestBadUpgrade(t *testing.T) {
	t.Parallel()
	const key, version, protocol, host = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Version: 13\r\n", "Upgrade: websocket\r\n", "Host: desk.example\r\n"
	const connection = "Connection: Upgrade\r\n"
	b := start(t, Options{WS: WSOptions{PermessageDeflate: On}})
	for name, tc := range map[string]struct {
		header string
		status int
	}{
		"another version":         {host + connection + protocol + key + "Sec-WebSocket-Version: 8\r\n", http.StatusUpgradeRequired},
		"no version":              {host + connection + protocol + key, http.StatusUpgradeRequired},
		"no key":                  {host + connection + protocol + version, http.StatusBadRequest},
		"a short key":             {host + connection + protocol + version + "Sec-WebSocket-Key: abc\r\n", http.StatusBadRequest},
		"another protocol":        {host + connection + version + key + "Upgrade: h2c\r\n", http.StatusBadRequest},
		"not for this connection": {host + protocol + version + key, http.StatusBadRequest},
		"no host":                 {"Host:\r\n" + connection + protocol + version + key, http.StatusBadRequest},
		"no list of extensions":   {host + connection + protocol + version + key + "Sec-WebSocket-Extensions: a;;=,\r\n", http.StatusBadRequest},
		"no list of subprotocols": {host + connection + protocol + version + key + "Sec-WebSocket-Protocol: ,@,\r\n", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := b.dial()
			must(t, err)
			defer conn.Close()
			br := bufio.NewReader(conn)
			for range 2 {
				_, err = conn.Write([]byte("GET /cometd HTTP/1.1\r\n" + tc.header + "\r\n"))
				must(t, err)
				resp, err := http.ReadResponse(br, nil)
				must(t, err)
				_, err = io.Copy(io.Discard, resp.Body)
				must(t, err)
				if resp.StatusCode != tc.status || resp.Close {
					t.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
				}
				if v := resp.Header.Get("Sec-WebSocket-Version"); tc.status == http.StatusUpgradeRequired && (v != "13" || resp.Header.Get("Upgrade") != "websocket") {
					t.Errorf("what would be right is not told: %v", resp.Header)
				}
			}
		})
	}
	t.Run("HTTP/1.0", func(t *testing.T) { // which does not know of upgrades
		conn, err := b.dial()
		must(t, err)
		defer conn.Close()
		_, err = conn.Write([]byte("GET /cometd HTTP/1.0\r\n" + host + connection + protocol + version + key + "\r\n"))
		must(t, err)
		answer, err := io.ReadAll(conn)
		must(t, err)
		if !strings.HasPrefix(string(answer), "HTTP/1.0 400 ") {
			t.Errorf("%s", answer)
		}
	})
}
