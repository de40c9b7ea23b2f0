package adminapi

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/described"
)

// Every address is in docs/openapi.yaml, and the other way round.
func TestEveryAddressIsDescribed(t *testing.T) {
	t.Parallel()
	d, err := described.Ours()
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for path := range (&API{}).endpoints() {
		served = append(served, "GET "+path)
	}
	slices.Sort(served)
	if diff := cmp.Diff(served, d.Addresses("/api/admin/")); diff != "" {
		t.Errorf("served (-), described (+):\n%s", diff)
	}
}
