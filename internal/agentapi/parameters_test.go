package agentapi

import (
	"errors"
	"strings"
	"testing"

	"github.com/halley-chat/halley/internal/chat"
)

// TestBodies checks what is taken for a body (A1, B1, B7; agent-api 1.4, 4.0).
func TestBodies(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}` }
	good := []string{
		`{}`, ` {"operationName" : "Ready" , "extra": {"x":[1]} } ` + "\r\n\t", `{"text":"a\u0000b"}`, `{"text":"\ud83d\ude00"}`, `{"n":1e999}`, deep(maxDepth),
	}
	for _, body := range good {
		if _, err := parseParameters([]byte(body)); err != nil {
			t.Errorf("%s refused: %v", body, err)
		}
	}
	bad := []string{
		``, ` `, `[]`, `"x"`, `1`, `null`, `true`, `{`, `{}{}`, `{} x`, `{"a":1,"a":1}`, `{"a":{"b":1,"b":2}}`, `{"a":NaN}`, `{'a':1}`, `{"a":1,}`,
		"\ufeff{}", "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, "{\"a\":\"\x00\"}", "\xff\xfe{\x00}\x00", "operationName=Ready",
		deep(maxDepth + 1), deep(5000),
	}
	for _, body := range bad {
		if _, err := parseParameters([]byte(body)); !errors.Is(err, chat.ErrInvalid) {
			t.Errorf("%.40q: got %v, want chat.ErrInvalid", body, err)
		}
	}
}

func TestOperationName(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		`{}`: chat.ErrMissing, `{"operationName":null}`: chat.ErrMissing, `{"operationName":""}`: chat.ErrMissing,
		`{"operationName":1}`: chat.ErrInvalid, `{"operationName":["Ready"]}`: chat.ErrInvalid, `{"operationName":"Ready"}`: nil,
	} {
		p, err := parseParameters([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.operationName(); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", body, err, want)
		}
	}
}

// FuzzParameters checks that no body breaks the parser, and that what it lets through can be read in every way.
func FuzzParameters(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b"}`, `{"a":{"b":[1,2,{"c":null}]}}`, `{"a":"\ud800"}`, `[`, "\xff", `{"a":["x",1]}`, `{"__proto__":{"x":1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parseParameters(body)
		if err != nil {
			if !errors.Is(err, chat.ErrInvalid) {
				t.Fatalf("%v is not chat.ErrInvalid", err)
			}
			return
		}
		for name := range p {
			for _, err := range []error{second(p.text(name)), second(p.flag(name)), second(p.texts(name)), second(p.userData(name))} {
				if err != nil && !errors.Is(err, chat.ErrInvalid) {
					t.Fatalf("%q: %v is not chat.ErrInvalid", name, err)
				}
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
