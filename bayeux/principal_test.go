package bayeux

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// HS-14: what a websocket keeps of the upgrade's header is all of it.
func TestPackedHeader(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := http.Header{}
		for range rapid.IntRange(0, 20).Draw(t, "lines") {
			h.Add(rapid.StringMatching(`[A-Za-z][A-Za-z0-9-]{0,20}`).Draw(t, "name"), rapid.StringMatching(`([!-~é]([ -~]{0,80}[!-~])?)?`).Draw(t, "value"))
		}
		if got := packHeader(h).unpack(); !maps.EqualFunc(got, h, slices.Equal) {
			t.Errorf("%q became %q", h, got)
		}
	})
}
