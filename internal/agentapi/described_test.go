package agentapi

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halley-chat/halley/internal/described"
)

func ours(t *testing.T) *described.Description {
	t.Helper()
	d, err := described.Ours()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Every address is in docs/openapi.yaml, and the other way round.
func TestEveryAddressIsDescribed(t *testing.T) {
	t.Parallel()
	of := ours(t).Addresses("/api/v1/", "/api/v2/", "/internal-api/")
	var served []string
	for path, e := range (&API{Config: Config{Directory: centre(t)}}).endpoints() {
		if e.get != nil {
			served = append(served, "GET "+path)
		}
		if e.post != nil {
			served = append(served, "POST "+path)
		}
		if e.any != nil { // it says the same to all methods
			here := slices.DeleteFunc(slices.Clone(of), func(a string) bool { return !strings.HasSuffix(a, " "+path) })
			if len(here) == 0 {
				t.Errorf("%s is not described", path)
			}
			served = append(served, here...)
		}
	}
	slices.Sort(served)
	if diff := cmp.Diff(served, of); diff != "" {
		t.Errorf("served (-), described (+):\n%s", diff)
	}
}

// Every operation on a chat or a workbin, old spellings included, is in docs/openapi.yaml, and the other way round.
func TestEveryOperationIsDescribed(t *testing.T) {
	t.Parallel()
	onChats := slices.Collect(maps.Keys(oldNames))
	for _, o := range operations {
		onChats = append(onChats, o.name)
	}
	for schema, names := range map[string][]string{"ChatOperation": onChats, "WorkbinOperation": slices.Collect(maps.Keys(workbinOperations))} {
		slices.Sort(names)
		if diff := cmp.Diff(names, ours(t).Names(schema)); diff != "" {
			t.Errorf("%s: understood (-), described (+):\n%s", schema, diff)
		}
	}
}

// No topic is described on which nothing is sent. That what is sent is described, each test of this package sees to.
func TestEveryTopicIsDescribed(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{TopicChannels, TopicChats, TopicWorkbins}, ours(t).Topics()); diff != "" {
		t.Errorf("sent (-), described (+):\n%s", diff)
	}
}
