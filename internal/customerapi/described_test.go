package customerapi

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/described"
)

// Every operation is in docs/openapi.yaml, and the other way round.
func TestEveryOperationIsDescribed(t *testing.T) {
	t.Parallel()
	d, err := described.Ours()
	if err != nil {
		t.Fatal(err)
	}
	served := []string{"POST " + chatPath + "/{serviceName}"}
	for name := range operations {
		served = append(served, "POST "+chatPath+"/{serviceName}/{chatId}/"+name)
	}
	slices.Sort(served)
	if diff := cmp.Diff(served, d.Addresses("/genesys/")); diff != "" {
		t.Errorf("served (-), described (+):\n%s", diff)
	}
}
