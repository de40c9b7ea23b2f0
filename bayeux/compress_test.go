package bayeux

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// LP-12: responses are packed when that is on, worth it and accepted.
func TestCompressedResponses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		on     bool
		size   int
		accept string
		want   bool
	}{
		"gzip":           {true, 2000, "gzip", true},
		"among others":   {true, 2000, "br;q=1.0, GZIP ; q=0.5, *;q=0", true},
		"anything":       {true, 2000, "*", true},
		"identity":       {true, 2000, "identity", false},
		"refused":        {true, 2000, "gzip;q=0, *", false},
		"refused, *":     {true, 2000, "*;q=0", false},
		"odd weight":     {true, 2000, "gzip;q=x", false},
		"none":           {true, 2000, "", false},
		"small":          {true, 900, "gzip", false},
		"off by default": {false, 2000, "gzip", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{LongPolling: HTTPOptions{Compress: tc.on}, JSONP: HTTPOptions{Compress: tc.on}})
			for _, c := range []*pollingClient{b.polling(), b.script()} {
				handshake(t, c, "")
				text := `"` + strings.Repeat("x", tc.size) + `"`
				must(t, b.session(c).Deliver("/s", value(text)))
				if tc.accept != "" {
					c.header.Set("Accept-Encoding", tc.accept)
				}
				resp, body, err := c.post(connectMessage("1", ""))
				must(t, err)
				if packed := resp.Header.Get("Content-Encoding") == "gzip"; packed != tc.want {
					t.Errorf("%s: packed %v", c.transport(), packed)
				}
				if got := resp.Header.Get("Content-Length"); got != strconv.Itoa(len(body)) {
					t.Errorf("Content-Length %s of %d bytes", got, len(body))
				}
				if vary := strings.Join(resp.Header.Values("Vary"), ","); strings.Contains(vary, "Accept-Encoding") != tc.on {
					t.Errorf("Vary: %s", vary)
				}
				if tc.want {
					z, err := gzip.NewReader(strings.NewReader(body))
					must(t, err)
					plain, err := io.ReadAll(z)
					must(t, err)
					body = string(plain)
				}
				if want := `[{"channel":"/s","data":` + text + `},{"channel":"/meta/connect","id":"1","successful":true}]`; !strings.Contains(body, want) {
					t.Errorf("%s: %q", c.transport(), body)
				}
			}
		})
	}
}

// LP-12, 11.3: a refusal is never packed.
func TestRefusalsAreNotCompressed(t *testing.T) {
	t.Parallel()
	b := start(t, Options{LongPolling: HTTPOptions{Compress: true}})
	resp, body := b.request(http.MethodPost, "/", "nonsense", "Accept-Encoding", "gzip")
	if resp.StatusCode != 400 || resp.Header.Get("Content-Encoding") != "" || !strings.Contains(body, "JSON") {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, body)
	}
}
