package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/halley-chat/halley/internal/apidocs"
	"github.com/halley-chat/halley/internal/described"
	"github.com/halley-chat/halley/internal/probe"
	"github.com/halley-chat/halley/internal/webui"
)

// What is served is in docs/openapi.yaml, and the other way round. What the APIs serve below their prefixes, they compare themselves.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	d, err := described.Ours()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(testConfig(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	undescribed := []string{
		"/api/v2/notifications",          // CometD: asyncapi.yaml
		probe.Path,                       // for halley doctor
		"/", webui.Assets, apidocs.Pages, // pages
		"", // nothing is there
	}
	var fixed, roots []string
	for _, r := range s.routes() {
		below := slices.ContainsFunc(d.Addresses(r.path+"/"), func(a string) bool { return r.tree })
		at := slices.Contains(d.Addresses(r.path), "GET "+r.path)
		switch {
		case slices.Contains(undescribed, r.path):
		case !below && !at:
			t.Errorf("%s is not described", r.path)
		case r.tree:
			roots = append(roots, r.path+"/")
		default:
			fixed = append(fixed, r.path)
		}
	}
	for _, a := range d.Addresses("/") {
		_, path, _ := strings.Cut(a, " ")
		if !slices.Contains(fixed, path) && !slices.ContainsFunc(roots, func(r string) bool { return strings.HasPrefix(path, r) }) {
			t.Errorf("%s is described, and not served", a)
		}
	}
}
