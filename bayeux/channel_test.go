package bayeux

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestChannelGrammar(t *testing.T) { // CH-1 to CH-6
	t.Parallel()
	for name, want := range map[string]bool{
		"/a": true, "/a/b": true, "/a/": true, "/ !#$()*+-.@_{~}": true, "/a/*": true, "/a/**": true, "/*": true, "/**": true,
		"/a/b*": true, "/a*/b": true, "/***": true, "/A9": true,
		"": false, "/": false, "a": false, "//": false, "/a//": false, "/a//b": false, "//a": false, "/a/*/b": false, "/**/b": false,
		"/a?": false, "/a&b": false, "/a%20": false, "/a:b": false, "/a,b": false, "/a\"": false, "/a'": false, "/a\x00": false, "/ä": false, "/a\n": false, "/a^": false, "/a[": false,
		"/" + strings.Repeat("x", maxChannelLength-1): true,
		"/" + strings.Repeat("x", maxChannelLength):   false,
	} {
		if got := validChannel(name, false); got != want {
			t.Errorf("%q is valid: %v", name, got)
		}
	}
	if !validChannel("/ä:b", true) || validChannel("/a//b", true) { // validateMessageFields off
		t.Error("without validation of characters")
	}
	for name, want := range map[string]family{
		"/meta/x": familyMeta, "/meta": familyMeta, "/metadata": familyBroadcast, "/service/x": familyService, "/services/x": familyBroadcast, "/a/meta": familyBroadcast,
	} {
		if got := familyOf(name); got != want {
			t.Errorf("%s: family %d", name, got)
		}
	}
}

func patternsOf(name string) []string {
	var all []string
	matches(name, func(p []byte) bool { all = append(all, string(p)); return true })
	return all
}

func TestMatches(t *testing.T) { // 3.2
	t.Parallel()
	for name, want := range map[string]string{
		"/a":                                    "/a /* /**",
		"/a/b":                                  "/a/b /a/* /a/** /**",
		"/a/b/c":                                "/a/b/c /a/b/* /a/b/** /a/** /**",
		"/" + strings.Repeat("long", 50) + "/b": "/" + strings.Repeat("long", 50) + "/b /" + strings.Repeat("long", 50) + "/* /" + strings.Repeat("long", 50) + "/** /**",
	} {
		if got := strings.Join(patternsOf(name), " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// covers says by the definition of 3.2 whether a pattern matches a channel.
func covers(pattern, name string) bool {
	p, n := strings.Split(pattern[1:], "/"), strings.Split(name[1:], "/")
	switch last := p[len(p)-1]; last {
	case "*":
		return len(n) == len(p) && slices.Equal(n[:len(n)-1], p[:len(p)-1])
	case "**":
		return len(n) >= len(p) && slices.Equal(n[:len(p)-1], p[:len(p)-1])
	}
	return pattern == name
}

func TestMatchesProperty(t *testing.T) { // 3.2
	t.Parallel()
	segment := rapid.SampledFrom([]string{"a", "b", "c"})
	rapid.Check(t, func(t *rapid.T) {
		name := "/" + strings.Join(rapid.SliceOfN(segment, 1, 5).Draw(t, "channel"), "/")
		pattern := "/" + strings.Join(rapid.SliceOfN(segment, 0, 4).Draw(t, "pattern"), "/")
		pattern = strings.TrimSuffix(pattern, "/") + "/" + rapid.SampledFrom([]string{"*", "**", "a"}).Draw(t, "last")
		if got, want := slices.Contains(patternsOf(name), pattern), covers(pattern, name); got != want {
			t.Fatalf("%s matches %s: %v", pattern, name, got)
		}
	})
}

func FuzzChannel(f *testing.F) {
	for _, s := range []string{"/a", "/a/*", "/a/**", "//", "/a//b", "/*/a", "/meta/connect", "", "/\xff", "/a/b/c/d/e/f/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !validChannel(s, false) {
			return
		}
		name := lookupName(s)
		if strings.Contains(name, "//") || !strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") {
			t.Errorf("%q", name)
		}
		all := patternsOf(name)
		if all[0] != name || all[len(all)-1] != "/**" {
			t.Errorf("%q: %q", name, all)
		}
		for _, p := range all {
			if !validChannel(p, false) && len(p) <= maxChannelLength {
				t.Errorf("%q is not valid", p)
			}
		}
	})
}
