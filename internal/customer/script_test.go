package customer

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const lateParcel = `nickname: Pat Lowe
subject: Late parcel
email: pat@example.org
userData: {order: "4711"}
patience: 10m
lines:
  - text: Where is my parcel?
    think: 1s
    typing: 1500ms
  - wait-for: "*"
    text: |-
      Thank
      you!
    leave: true
`

func TestParseScript(t *testing.T) {
	t.Parallel()
	got, err := ParseScript([]byte(lateParcel))
	want := &Script{
		Nickname: "Pat Lowe", Subject: "Late parcel", Email: "pat@example.org", UserData: map[string]string{"order": "4711"}, Patience: 10 * time.Minute,
		Lines: []Line{
			{Text: "Where is my parcel?", Think: time.Second, Typing: 1500 * time.Millisecond},
			{WaitFor: "*", Text: "Thank\nyou!", Leave: true},
		},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// What is wrong with a script is said with the place where it stands.
func TestBadScripts(t *testing.T) {
	t.Parallel()
	for source, says := range map[string]string{
		"":                                                                   "nickname",
		"nickname: ' '\nlines: [{text: a}]":                                  "nickname",
		"nickname: Pat":                                                      "lines to say",
		"nickname: Pat\nlines: []":                                           "lines to say",
		"nickname: Pat\nlines: [{}]":                                         "line 1 is empty",
		"nickname: Pat\nlines:\n  -\n":                                       "line 1 is empty",
		"nickname: Pat\nlines: [{text: ' '}]":                                "line 1: a text needs more",
		"nickname: Pat\nlines: [{txt: a}]":                                   "txt",
		"nickname: Pat\nmood: bad\nlines: []":                                "[2:1]",
		"nickname: Pat\nnickname: Eve":                                       "nickname",
		"nickname: [Pat]":                                                    "[1:",
		"nickname: Pat\nlines: [{think: soon}]":                              "invalid duration",
		"nickname: Pat\nlines: [{text: a, think: -1s}]":                      "between 0 and",
		"nickname: Pat\nlines: [{text: a, typing: 25h}]":                     "between 0 and",
		"nickname: Pat\npatience: -1s\nlines: [{text: a}]":                   "patience",
		"nickname: Pat\nlines: [{text: a, leave: true}, {text: b}]":          "line 1: she leaves",
		"nickname: Pat\nlines: [{text: " + strings.Repeat("x", 14001) + "}]": "14000",
		"nickname: \xff":                                                     "UTF-8",
		"{":                                                                  "[1:",
		strings.Repeat("#", maxScript+1):                                     "at most",
		"nickname: Pat\nlines:" + strings.Repeat("\n- text: a", maxLines+1): "too many",
	} {
		s, err := ParseScript([]byte(source))
		if s != nil || err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v; want something about %q", source, err, says)
		}
	}
}

func TestBuiltInScripts(t *testing.T) {
	t.Parallel()
	for _, s := range []*Script{DemoScript(), SayScript("Hello")} {
		if err := s.check(); err != nil {
			t.Error(err)
		}
	}
	if err := SayScript(" ").check(); err == nil {
		t.Error("a customer who says nothing")
	}
	// The demo's first words come within ten seconds, whatever the seed.
	if l := DemoScript().Lines[0]; (l.Think+l.Typing)*3/2 > 8*time.Second || l.Text == "" {
		t.Errorf("the demo begins with %+v", l)
	}
}

func FuzzParseScript(f *testing.F) {
	for _, s := range []string{lateParcel, "", "nickname: Pat\nlines: [{text: a}]", "a: &a [*a]", "lines: [&l {text: a}, *l]\nnickname: x", "<<: {nickname: x}", "nickname: !!binary aGk=", "? [a]\n: b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		s, err := ParseScript(source)
		if err != nil {
			if s != nil {
				t.Error("a script and an error")
			}
			return
		}
		if err := s.check(); err != nil || s.Nickname == "" || !utf8.ValidString(s.Nickname) {
			t.Errorf("%+v: %v", s, err)
		}
	})
}
